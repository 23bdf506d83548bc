"""Create and restore through every way that rows can take: one process, several, one reader."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from replicate.databases.sqlite.source import SQLiteSnapshot
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from replicate.jobs.verify import verify_dumps
from tests.support.journey import Project, contents, make_project

NO_RULES = "  transformers: []\n"


@pytest.fixture(params=["inline", "slices", "fed"])
def jobs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How rows come to workers; `fed` is what happens when the source is being written to."""
    if request.param == "fed":
        monkeypatch.setattr(SQLiteSnapshot, "confirm_shared", lambda _: False)
    return 1 if request.param == "inline" else 2


def _small_chunks(project: Project) -> None:
    text = project.conf.read_text()
    project.conf.write_text(text.replace("source:\n", "source:\n  chunk_size: 64KiB\n"))


@pytest.mark.parametrize("encrypted", [True, False])
def test_unmasked_round_trip_changes_nothing(tmp_path: Path, jobs: int, encrypted: bool) -> None:
    project = make_project(tmp_path, customers=3000, encrypted=encrypted, rules=NO_RULES)
    _small_chunks(project)
    manifest = create_dump(project.config(), name="first", jobs=jobs, progress=Silent())
    assert manifest.header.totals.chunks > 10
    report = restore_dump(project.config(), "latest", RestoreOptions(), progress=Silent())
    assert report.rows == manifest.header.totals.rows
    assert contents(project.target) == contents(project.source)
    [verified] = verify_dumps(project.config(), None, progress=Silent())
    assert verified.ok
    assert verified.rows == manifest.header.totals.rows


def test_masked_round_trip_keeps_all_but_the_masked_columns(tmp_path: Path, jobs: int) -> None:
    project = make_project(tmp_path, customers=2000)
    _small_chunks(project)
    create_dump(project.config(), name="first", jobs=jobs, progress=Silent())
    restore_dump(project.config(), "first", RestoreOptions(), progress=Silent())
    with closing(sqlite3.connect(project.target)) as database:
        database.execute("attach ? as prod", (str(project.source),))
        same = database.execute(
            "select count(*) from customers c join prod.customers p using (id) where"
            " c.balance is p.balance and c.born is p.born and c.notes is p.notes"
            " and (c.first_name is null) = (p.first_name is null)"
        ).fetchone()[0]
        assert same == 2000
        unchanged = database.execute(
            "select count(*) from customers c join prod.customers p using (id)"
            " where c.email = p.email or c.card = p.card"
        ).fetchone()[0]
        assert unchanged == 0
        joined = "select count(*) from {0}.orders o join {0}.customers c on o.email = c.email"
        before = database.execute(joined.format("prod")).fetchone()
        assert database.execute(joined.format("main")).fetchone() == before == (10_000,)
        lines = "select count(*) from {0}.log"
        assert database.execute(lines.format("main")).fetchone() == (10_000,)
        assert database.execute("select name from sqlite_schema where type = 'trigger'").fetchall()


def test_same_masking_key_gives_the_same_replacements_in_every_run(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    seen = []
    for jobs in (1, 2):
        create_dump(project.config(), jobs=jobs, progress=Silent())
        restore_dump(project.config(), "latest", RestoreOptions(wipe=True), progress=Silent())
        seen.append(contents(project.target)["customers"])
    assert seen[0] == seen[1]


def test_without_a_masking_key_every_dump_has_one_of_its_own(tmp_path: Path) -> None:
    project = make_project(tmp_path, encrypted=False)
    seen = []
    for _ in range(2):
        create_dump(project.config(), progress=Silent())
        restore_dump(project.config(), "latest", RestoreOptions(wipe=True), progress=Silent())
        seen.append(contents(project.target)["customers"])
    assert seen[0] != seen[1]


def test_no_original_value_stands_in_an_unencrypted_dump(tmp_path: Path) -> None:
    project = make_project(tmp_path, encrypted=False)
    text = project.conf.read_text()
    project.conf.write_text(text.replace("source:\n", "source:\n  compression: false\n"))
    create_dump(project.config(), progress=Silent())
    stored = b"".join(project.objects().values())
    assert b"1980-05-17" in stored
    assert b"@shop.example" not in stored
    assert b"4929" + b"0" * 10 not in stored


def test_restore_of_some_tables_brings_their_indexes_and_nothing_else(tmp_path: Path) -> None:
    project = make_project(tmp_path, rules=NO_RULES)
    create_dump(project.config(), progress=Silent())
    options = RestoreOptions(tables=["orders"])
    report = restore_dump(project.config(), "latest", options, progress=Silent())
    assert (report.tables, report.rows) == (1, 1000)
    restored, source = contents(project.target), contents(project.source)
    assert restored["orders"] == source["orders"]
    names = {name for _, name, _, _ in restored["schema"]}
    assert {b"orders", b"orders_by_customer"} <= names
    assert not names & {b"customers", b"log"}


def test_skipped_tables_are_left_out_with_all_that_hangs_on_them(tmp_path: Path) -> None:
    rules = "  skip: [{database: main, table: orders}, {database: main, table: log}]\n"
    project = make_project(tmp_path, rules=rules)
    create_dump(project.config(), progress=Silent())
    restore_dump(project.config(), "latest", RestoreOptions(), progress=Silent())
    names = {name for _, name, _, _ in contents(project.target)["schema"]}
    assert b"customers" in names
    assert not names & {b"orders", b"orders_by_customer", b"log", b"remember"}
