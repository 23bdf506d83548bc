"""`replicate source scan` on the command line: what it prints, writes and ends with."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from replicate.cli.app import cli
from replicate.errors import ConflictError
from tests.support.cli_process import Workplace
from tests.support.personal_columns import FIRST, LAST


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """The usual place, of which the rules are in lines, and name one of the columns."""
    place = Workplace(tmp_path)
    with closing(sqlite3.connect(place.source)) as database:
        for number, (first, last) in enumerate(itertools.product(FIRST, LAST[:2]), 1):
            name = f"{first} {last}"
            database.execute("UPDATE people SET name = ? WHERE id = ?", (name, number))
        database.commit()
    _configure(place, "    - database: main\n      table: people # all of them\n      columns:\n"
               "        - {name: email, transformer_name: email} # unique\n")  # fmt: skip
    return place


def _configure(place: Workplace, rules: str) -> None:
    place.config.write_text(
        f"source:\n  connection_uri: sqlite:///{place.source}\n  transformers:\n{rules}"
    )
    place.config.chmod(0o600)


def _secret(place: Workplace, text: str) -> None:
    """Nothing that the database holds is in what was printed."""
    with closing(sqlite3.connect(place.source)) as database:
        for name, email, note in database.execute("SELECT name, email, note FROM people"):
            assert name not in text
            assert email not in text
            assert note is None or note not in text


def test_a_table_of_what_was_found(place: Workplace) -> None:
    result = place.run("source", "scan").succeeded()
    head, *lines = result.out.splitlines()
    assert head.split() == ["COLUMN", "LOOKS", "LIKE", "SURE", "WHY", "TRANSFORMER"]
    assert lines[0].startswith("main.people.")
    [email] = [line for line in lines if line.startswith("main.people.email ")]
    assert "e-mail address" in email
    assert "0.99 high" in email
    assert "100 % of 50 values are e-mail addresses" in email
    assert email.endswith("  email")
    [child] = [line for line in lines if line.startswith("main.visits.email ")]
    assert child.endswith("  email"), "it follows the column that it refers to"
    assert "look personal" in result.err
    _secret(place, result.out + result.err)
    assert place.run("--quiet", "source", "scan").succeeded().err == ""


def test_json(place: Workplace) -> None:
    report = place.run("source", "scan", "--json", "--level", "low").succeeded().json
    assert (report["tables"], report["rows"], report["level"]) == (2, 150, "low")
    found = {f"{each['table']}.{each['column']}": each for each in report["findings"]}
    email = found["people.email"]
    assert email["looks_like"] == "e-mail address"
    assert email["sure"] > 0.9
    assert (email["level"], email["transformer"], email["suggested"]) == ("high", "email", None)
    name = found["people.name"]
    assert (name["looks_like"], name["transformer"]) == ("full name", None)
    assert name["suggested"]
    _secret(place, str(report))


def test_check_ends_with_1_until_each_is_decided(place: Workplace) -> None:
    result = place.run("source", "scan", "--check")
    assert result.code == 1
    assert "error: a column looks personal and has no transformer: main.people.name" in result.err
    assert "hint: " in result.err
    _configure(place, "    - database: main\n      table: people\n      columns:\n"
               "        - {name: email, transformer_name: email}\n"
               "        - {name: name, transformer_name: transient}\n")  # fmt: skip
    place.run("source", "scan", "--check").succeeded()
    place.run("source", "scan", "--check", "--level", "high").succeeded()


def test_write_keeps_what_is_there(place: Workplace) -> None:
    before = place.config.read_text()
    result = place.run("source", "scan", "--write", "--check").succeeded()
    assert "added 1 column of 1 table to " in result.err
    after = place.config.read_text()
    assert after.startswith(before)
    assert "        - name: name\n" in after
    assert "there is nothing to add" in place.run("source", "scan", "--write").succeeded().err
    assert place.config.read_text() == after
    place.run("source", "scan", "--check").succeeded()


def test_rules_between_brackets_are_printed_instead(place: Workplace) -> None:
    _configure(place, "    - {database: main, table: people, columns: [{name: email, "
               "transformer_name: email}]}\n")  # fmt: skip
    before = place.config.read_bytes()
    result = place.run("source", "scan", "--write")
    assert result.code == 2
    assert "brackets or braces" in result.err
    assert "  transformers:\n    - database: main\n      table: people\n" in result.out
    assert place.config.read_bytes() == before


def test_what_a_write_protected_file_lacks_is_printed(place: Workplace) -> None:
    before = place.config.read_bytes()
    place.config.chmod(0o400)
    result = place.run("source", "scan", "--write")
    assert result.code == 1
    assert "can't be written: it is write-protected\n" in result.err
    assert "  transformers:\n    - database: main\n      table: people\n" in result.out
    assert "1 of them without a transformer" in result.err
    assert place.config.read_bytes() == before
    bare = place.run("source", "scan", "--write", "--json")
    assert bare.code == 1
    assert bare.json["findings"]


def test_what_somebody_else_s_change_kept_out_is_printed(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def conflict(*_: object) -> None:
        raise ConflictError("changed meanwhile")

    monkeypatch.setattr("replicate.jobs.scanning.write_suggestions", conflict)
    result = CliRunner().invoke(cli, ["-c", str(place.config), "source", "scan", "--write"])
    assert isinstance(result.exception, ConflictError)
    assert "  transformers:\n    - database: main\n      table: people\n" in result.output


def test_only_some_tables(place: Workplace) -> None:
    result = place.run("source", "scan", "--table", "visits", "--rows", "5", "--json").succeeded()
    assert result.json["tables"] == 1
    assert result.json["rows"] == 5


@pytest.mark.parametrize("name", ["nope", "vists", "main.v?zz*"])
def test_an_unknown_table_is_told_as_a_preview_tells_it(place: Workplace, name: str) -> None:
    scanned = place.run("source", "scan", "--table", name)
    assert f"the source has no table {name}" in scanned.failed_with(2)
    assert scanned.err == place.run("dump", "preview", "--table", name).err


def test_after_writing_the_total_tells_what_is_left(place: Workplace) -> None:
    assert " 1 of them without a transformer" in place.run("source", "scan").err
    written = place.run("source", "scan", "--write").succeeded()
    assert " 0 of them still without a transformer" in written.err


def test_what_can_t_be_written_is_listed_and_the_rest_is_written(place: Workplace) -> None:
    _configure(place, "    - database: main\n      table: visits\n      columns:\n"
               "        - {name: email, transformer_name: transient}\n")  # fmt: skip
    before = place.config.read_text()
    result = place.run("source", "scan", "--write")
    assert result.code == 3
    assert "added 1 column of 1 table to " in result.err
    assert "1 of them still without a transformer" in result.err
    [warning] = [line for line in result.err.splitlines() if line.startswith("warning: ")]
    assert "main.people.email got no transformer: main.visits.email refers to" in warning
    assert "error: no transformer could be written for main.people.email\n" in result.err
    after = place.config.read_text()
    assert after.startswith(before)
    assert "- name: name\n" in after[len(before) :]
    place.run("transformer", "show-plan").succeeded()
    # Nothing is left to add, and it is told again.
    again = place.run("source", "scan", "--write", "--json")
    assert (again.code, place.config.read_text()) == (3, after)
    [left] = [each for each in again.json["findings"] if not each["transformer"]]
    assert left["column"] == "email"
    assert left["suggested"] is None
    assert left["note"].startswith("main.visits.email refers to")
    assert left["hint"]
    for options in (["--check"], ["--check", "--write"]):
        checked = place.run("source", "scan", *options)
        assert checked.code == 1
        assert "has no transformer: main.people.email\n" in checked.err
