"""What a plan refuses before a row is read, and that it names the place in the config."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from replicate.errors import ConfigError, DatabaseError
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from tests.support.journey import Project, make_project


def _project(folder: Path, table: str, column: str, transformer: str, options: str = "") -> Project:
    more = f", transformer_options: {options}" if options else ""
    return make_project(
        folder,
        customers=5,
        rules="  transformers:\n    - database: main\n"
        f"      table: {table}\n      columns:\n"
        f"        - {{name: {column}, transformer_name: {transformer}{more}}}\n",
    )


@pytest.mark.parametrize(
    ("column", "transformer", "message", "hint"),
    [
        ("custmers.email", "email", "no table main.custmers", "main.customers"),
        ("customers.emial", "email", "no column emial", "did you mean email"),
        ("customers.email", "emial", "emial", "email"),
        ("customers.email", "first-name", "unique key on (email)", "email"),
        ("customers.email", "null", "does not take NULL", "redacted"),
        ("customers.balance", "email", "real values", "use random"),
        ("customers.id", "null", "does not take NULL", "redacted"),
        ("orders.customer_id", "random", "would break the foreign key", "same transformer"),
        ("orders.sqlite_sequence", "null", "no column", "it has:"),
    ],
)
def test_refused(tmp_path: Path, column: str, transformer: str, message: str, hint: str) -> None:
    table, _, name = column.partition(".")
    project = _project(tmp_path, table, name, transformer)
    with pytest.raises(ConfigError) as caught:
        create_dump(project.config(), progress=Silent())
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.file == str(project.conf)
    assert caught.value.line is not None
    assert list(project.store.iterdir()) == []


def test_a_foreign_key_of_nulls_breaks_nothing(tmp_path: Path) -> None:
    create_dump(_project(tmp_path, "orders", "customer_id", "null").config(), progress=Silent())


@pytest.mark.parametrize("section", ["skip", "only_tables"])
def test_a_misspelt_table_is_refused(tmp_path: Path, section: str) -> None:
    rules = f"  {section}: [{{database: main, table: custmers}}]\n"
    project = make_project(tmp_path, customers=5, rules=rules)
    with pytest.raises(ConfigError, match=rf"source.{section}\[0\].table") as caught:
        create_dump(project.config(), progress=Silent())
    assert "customers" in (caught.value.hint or "")


def test_a_subset_is_refused_rather_than_ignored(tmp_path: Path) -> None:
    rules = (
        "  database_subset: {database: main, table: customers, strategy_name: random,"
        " strategy_options: {percent: 10}}\n"
    )
    project = make_project(tmp_path, customers=5, rules=rules)
    with pytest.raises(ConfigError, match="subsets are not supported"):
        create_dump(project.config(), progress=Silent())


@pytest.mark.parametrize("section", ["skip", "only_tables"])
def test_a_part_of_an_index_can_not_be_named_alone(tmp_path: Path, section: str) -> None:
    rules = f"  {section}: [{{database: main, table: words_content}}]\n"
    project = make_project(tmp_path, customers=5, rules=rules)
    _with_index(project)
    with pytest.raises(ConfigError, match="is a part of words"):
        create_dump(project.config(), progress=Silent())


def _with_index(project: Project) -> None:
    with closing(sqlite3.connect(project.source)) as database, database:
        database.execute("create virtual table words using fts5(notes)")
        database.execute("insert into words select notes from customers")


@pytest.mark.parametrize("section", ["skip", "only_tables"])
def test_the_parts_of_an_index_go_where_it_goes(tmp_path: Path, section: str) -> None:
    rules = f"  {section}: [{{database: main, table: words}}]\n"
    project = make_project(tmp_path, customers=5, rules=rules)
    _with_index(project)
    manifest = create_dump(project.config(), progress=Silent())
    parts = {table.name for table in manifest.body.tables if table.name.startswith("words_")}
    assert bool(parts) == (section == "only_tables")


def test_an_index_that_may_hold_originals_stops_the_dump(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5)
    with closing(sqlite3.connect(project.source)) as database, database:
        database.execute("create virtual table words using fts5(notes, content='')")
    with pytest.raises(DatabaseError, match="words") as caught:
        create_dump(project.config(), progress=Silent())
    assert "skip" in (caught.value.hint or "")
    assert list(project.store.iterdir()) == []


def _of_keys(folder: Path, script: str, *transformers: str) -> Project:
    """A project whose source has a table t besides, with rules for its columns c, d, e and f."""
    columns = ", ".join(
        f"{{name: {name}, transformer_name: {transformer}}}"
        for name, transformer in zip("cdef", transformers, strict=False)
    )
    rules = f"  transformers:\n    - {{database: main, table: t, columns: [{columns}]}}\n"
    project = make_project(folder, customers=5, rules=rules)
    with closing(sqlite3.connect(project.source)) as database, database:
        database.executescript(script)
    return project


@pytest.mark.parametrize(
    ("table", "transformer", "message"),
    [
        ("t(c TEXT CHECK (c IN ('a', 'b')))", "token", "takes nothing but a, b"),
        ("t(c INTEGER, CHECK (c IN (1, 2)))", "random", "takes nothing but 1, 2"),
        ("t(c TEXT, g AS (lower(c)) UNIQUE)", "first-name", "unique key on"),
        ("t(c TEXT, g AS (lower(c)) STORED UNIQUE)", "format-preserving", "be the same for"),
        ("t(c TEXT); CREATE UNIQUE INDEX i ON t(lower(c))", "format-preserving", "be the same for"),
        ("t(c TEXT); CREATE UNIQUE INDEX i ON t(coalesce(c, ''))", "'null'", "be the same for"),
        ("t(c TEXT, g AS (lower(c)) REFERENCES p)", "token", "a foreign key on that"),
        ("t(c TEXT, g AS (lower(c)) UNIQUE, h REFERENCES t(g))", "token", "a foreign key on that"),
    ],
)
def test_what_constraints_would_not_take_back(
    tmp_path: Path, table: str, transformer: str, message: str
) -> None:
    script = f"CREATE TABLE p(k TEXT PRIMARY KEY); CREATE TABLE {table};"
    project = _of_keys(tmp_path, script, transformer)
    with pytest.raises(ConfigError, match=message) as caught:
        create_dump(project.config(), progress=Silent())
    assert caught.value.line is not None
    assert list(project.store.iterdir()) == []


def test_what_leaves_a_foreign_key_on_a_generated_column_whole(tmp_path: Path) -> None:
    script = "CREATE TABLE t(c TEXT, g AS (lower(c)) UNIQUE, h REFERENCES t(g));"
    create_dump(_of_keys(tmp_path, script, "transient").config(), progress=Silent())


def test_what_constraints_take_back(tmp_path: Path) -> None:
    project = _of_keys(
        tmp_path,
        """
        CREATE TABLE t(c TEXT UNIQUE, d TEXT UNIQUE, e INTEGER CHECK (e IN (1, -2)),
            f BOOLEAN CHECK (f IN (0, 1)), g AS (lower(c)) STORED UNIQUE);
        CREATE UNIQUE INDEX t_0 ON t(d, lower(c));
        CREATE UNIQUE INDEX t_1 ON t(c) WHERE f;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
        INSERT INTO t(c, d, e, f) SELECT 'c' || i, printf('D-%06d', i), 1, i % 2 FROM n;
        """,
        "token",
        "format-preserving",
        "choice",
        "boolean",
    )
    create_dump(project.config(), progress=Silent())
    restore_dump(project.config(), "latest", RestoreOptions(), progress=Silent())
    with closing(sqlite3.connect(project.target)) as database:
        [found] = database.execute(
            "SELECT count(DISTINCT c), count(DISTINCT d), count(DISTINCT g), "
            "count(e IN (1, -2)), count(length(c) < 5 OR NULL) FROM t"
        )
    assert found == (300, 300, 300, 300, 0)
