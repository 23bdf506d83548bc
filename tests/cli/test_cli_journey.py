"""The commands one after the other, as a user types them, with what they print."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.cli_process import KEY, PROGRAM, Workplace, environment, query, run

NAME = re.compile(r"dump-\d{8}-\d{6}-[0-9a-f]{4}\n\Z")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    place.configure(key=KEY)
    return place


def test_from_source_to_target(place: Workplace) -> None:
    assert place.run("config", "check").succeeded().out == f"{place.config} is sound\n"

    created = place.run("dump", "create").succeeded()
    assert NAME.match(created.out)
    assert "150 rows of 2 tables" in created.err
    name = created.out.strip()

    listed = place.run("dump", "list").succeeded()
    header, row = listed.out.splitlines()
    assert header.split()[0] == "NAME"
    assert row.split()[0] == name
    assert listed.err == ""

    shown = place.run("dump", "show", "latest").succeeded().out
    assert "main.people" in shown
    assert "email (email)" in shown

    verified = place.run("dump", "verify", "latest").succeeded()
    assert verified.out.splitlines()[1].split()[-1] == "ok"

    plan = place.run("dump", "restore", "remote", "-v", "latest", "--dry-run").succeeded()
    assert name in plan.out
    assert not place.target.exists()

    restored = place.run("dump", "restore", "remote", "-v", "latest").succeeded()
    assert restored.out == ""
    assert "150 rows of 2 tables" in restored.err
    joined = "SELECT count(*) FROM visits JOIN people ON people.email = visits.email"
    assert query(place.target, joined) == query(place.source, joined) == [(100,)]
    kept = "SELECT id, name, note FROM people ORDER BY id"
    assert query(place.target, kept) == query(place.source, kept)
    masked = "SELECT email FROM people"
    assert not set(query(place.target, masked)) & set(query(place.source, masked))


def test_json_reports(place: Workplace) -> None:
    assert place.run("--json", "dump", "list").succeeded().json == {"dumps": []}

    created = place.run("dump", "create", "--name", "first", "--json").succeeded().json
    listed = place.run("dump", "list", "--json").succeeded().json
    assert listed == {"dumps": [created]}
    assert created["name"] == "first"
    assert (created["tables"], created["rows"]) == (2, 150)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created["created_at"])
    assert isinstance(created["stored_bytes"], int)

    shown = place.run("dump", "show", "first", "--json").succeeded().json
    tables = {table["name"]: table for table in shown["body"]["tables"]}
    assert tables["people"]["masked"] == {"email": "email"}
    assert tables["visits"]["rows"] == 100
    assert shown["body"]["chunks"][0]["section"] == "pre-data"

    verified = place.run("dump", "verify", "--all", "--json").succeeded().json
    assert [(each["name"], each["ok"]) for each in verified["dumps"]] == [("first", True)]

    plan = place.run("dump", "restore", "remote", "-v", "first", "--dry-run", "--json")
    assert plan.succeeded().json["dump"]["name"] == "first"
    assert (plan.json["drops"], plan.json["tables"][0]["rows"]) == ("", 50)

    restored = place.run("dump", "restore", "remote", "-v", "first", "--json").succeeded().json
    assert (restored["name"], restored["rows"], restored["tables"]) == ("first", 150, 2)

    schema = place.run("source", "schema", "--json").succeeded().json
    assert [table["name"] for table in schema["tables"]] == ["people", "visits"]
    assert schema["tables"][1]["foreign_keys"]

    assert place.run("config", "check", "--json").succeeded().json == {"ok": True, "problems": []}
    assert place.run("datastore", "check", "--json").succeeded().json["ok"] is True

    deleted = place.run("dump", "delete", "first", "--json").succeeded().json
    assert [each["name"] for each in deleted["deleted"]] == ["first"]
    pruned = place.run("dump", "prune", "--orphans", "--json").succeeded().json
    assert pruned == {"dry_run": False, "removed": []}


def test_a_dump_without_its_key_shows_what_stands_in_the_clear(place: Workplace) -> None:
    place.run("dump", "create", "--name", "first").succeeded()
    place.configure(key=None)

    result = place.run("dump", "show", "first").succeeded()

    assert "first" in result.out
    assert "people" not in result.out
    assert "no key" in result.err
    assert place.run("dump", "show", "first", "--json").succeeded().json["body"] is None


def test_the_script_is_sql_and_alone_on_stdout(place: Workplace) -> None:
    place.run("dump", "create").succeeded()
    place.configure(key=KEY, target="sqlite:////nowhere/at/all.db")

    result = place.run("dump", "restore", "remote", "-v", "latest", "--output").succeeded()

    with closing(sqlite3.connect(place.directory / "script.db")) as database:
        database.executescript(result.out)
    assert query(place.directory / "script.db", "SELECT count(*) FROM visits") == [(100,)]
    assert "person1@shop.example" not in result.out


@pytest.mark.parametrize("given", [["--tables", "people"], ["--tables", "main.people"]])
def test_a_part_is_restored(place: Workplace, given: list[str]) -> None:
    place.run("dump", "create").succeeded()
    place.run("dump", "restore", "remote", "-v", "latest", *given).succeeded()
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    assert query(place.target, tables) == [("people",)]
    assert query(place.target, "SELECT count(*) FROM people") == [(50,)]


def test_wipe_replaces_the_target(place: Workplace) -> None:
    place.run("dump", "create").succeeded()
    place.run("dump", "restore", "remote", "-v", "latest").succeeded()
    place.run("dump", "restore", "remote", "-v", "latest").failed_with(14)
    place.run("dump", "restore", "remote", "-v", "latest", "--wipe").succeeded()
    assert query(place.target, "SELECT count(*) FROM people") == [(50,)]


def test_deleting_by_rule(place: Workplace) -> None:
    for name in ("one", "two", "three"):
        place.run("dump", "create", "--name", name).succeeded()

    kept = place.run("dump", "delete", "--older-than", "14d").succeeded()
    assert kept.out == ""
    before = place.objects()
    told = place.run("dump", "delete", "--keep-last", "1", "--dry-run").succeeded()
    assert sorted(told.out.split()) == ["one", "two"]
    assert "would be deleted" in told.err
    assert place.objects() == before

    done = place.run("dump", "delete", "--keep-last", "1").succeeded()
    assert sorted(done.out.split()) == ["one", "two"]
    left = place.run("dump", "list", "--json").succeeded().json["dumps"]
    assert [each["name"] for each in left] == ["three"]
    place.run("dump", "verify", "three").succeeded()

    place.run("dump", "delete", "three").succeeded()
    assert not [key for key in place.objects() if key.startswith(("dumps/", "chunks/"))]


def test_pruning_orphans(place: Workplace) -> None:
    place.run("dump", "create", "--name", "one").succeeded()
    orphan = place.store / "chunks" / ("0" * 32) / "00000001.zst.floe"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"left behind")

    assert place.run("dump", "prune", "--orphans").succeeded().out == ""
    key = f"chunks/{'0' * 32}/00000001.zst.floe"
    told = place.run("dump", "prune", "--orphans", "--grace", "0s", "--dry-run").succeeded()
    assert told.out == f"{key}\n"
    assert orphan.exists()
    done = place.run("dump", "prune", "--orphans", "--grace", "0s").succeeded()
    assert done.out == f"{key}\n"
    assert not orphan.exists()
    place.run("dump", "verify", "one").succeeded()


def test_quiet_says_nothing_but_data(place: Workplace) -> None:
    for args in (
        ["dump", "create"],
        ["dump", "verify", "latest"],
        ["dump", "restore", "remote", "-v", "latest"],
        ["dump", "delete", "--keep-last", "1"],
        ["dump", "list"],
    ):
        assert place.run("--quiet", *args).succeeded().err == ""


def test_verbose_says_more(place: Workplace) -> None:
    plain = place.run("dump", "create").succeeded().err
    verbose = place.run("dump", "create", "--verbose").succeeded().err
    assert len(verbose.splitlines()) > len(plain.splitlines())


def _tables_of(tree: str) -> dict[str, str]:
    """What `source schema` prints, table by table, without the name."""
    blocks = re.split(r"\n  (?=\S)", tree)[1:]
    return {name: rest.strip() for name, _, rest in (block.partition("  ") for block in blocks)}


def test_the_schema_of_the_source(place: Workplace) -> None:
    out = place.run("source", "schema").succeeded().out
    assert out.splitlines()[0] == "main"
    tree = {name: block.split("\n    ") for name, block in _tables_of(out).items()}
    assert tree["people"][0].startswith("about 50 rows, ")
    assert tree["people"][1].split() == ["id", "INTEGER", "not", "null,", "primary"]
    assert any(line.split()[0] == "person" and "-> people.id" in line for line in tree["visits"])


def test_the_datastore_is_checked(place: Workplace) -> None:
    before = place.objects()
    out = place.run("datastore", "check").succeeded().out
    assert "passed" in out
    assert "failed" not in out
    assert "with an object of 1 MiB: put " in out
    assert place.objects() == before


def test_names_of_dumps_are_completed(place: Workplace) -> None:
    place.run("dump", "create", "--name", "before-migration").succeeded()
    words = f"replicate -c {place.config} dump show be"

    result = run(_REPLICATE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="5")
    assert result.out == "plain,before-migration\n"

    place.config.unlink()
    result = run(_REPLICATE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="5")
    assert (result.out.strip(), result.err) == ("", "")


def test_a_configuration_that_others_can_read_is_warned_of(place: Workplace) -> None:
    place.config.chmod(0o644)
    result = place.run("dump", "list").succeeded()
    assert result.err.startswith("warning: ")
    assert KEY not in result.err


@pytest.mark.parametrize(
    "args", [["dump", "list"], ["dump", "restore", "remote", "-v", "one", "-o"]]
)
def test_a_reader_that_went_away_ends_it_quietly(place: Workplace, args: list[str]) -> None:
    place.run("dump", "create", "--name", "one").succeeded()
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, "-c", str(place.config), "--quiet", *args],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_json_of_create_is_the_same_as_that_of_list(place: Workplace) -> None:
    created = json.loads(place.run("--json", "dump", "create").succeeded().out)
    assert created["encryption"]["key_id"]
    assert "wrapped_key" not in json.dumps(created)
