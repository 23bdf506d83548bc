"""Keys whose columns compare otherwise than byte for byte, and keys that ask for more: SQLite's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from replicate.databases.base import Table
from replicate.databases.sqlite.source import SQLiteSource
from replicate.errors import ConfigError
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from replicate.rows.comparing import Equality, Reading
from tests.support.journey import Project, make_project


def _project(folder: Path, script: str, rules: str) -> Project:
    project = make_project(folder, customers=5, rules=f"  transformers:\n{rules}")
    with closing(sqlite3.connect(project.source)) as database, database:
        database.executescript(script)
    return project


def _rule(table: str, **columns: str) -> str:
    listed = ", ".join(f"{{name: {n}, transformer_name: {t}}}" for n, t in columns.items())
    return f"    - {{database: main, table: {table}, columns: [{listed}]}}\n"


def _copied(project: Project) -> None:
    create_dump(project.config(), progress=Silent())
    restore_dump(project.config(), "latest", RestoreOptions(), progress=Silent())


def _query(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


PEOPLE = """
    CREATE TABLE people(email TEXT {parent} PRIMARY KEY, name TEXT);
    CREATE TABLE visits(id INTEGER PRIMARY KEY, email TEXT {child} REFERENCES people(email));
    INSERT INTO people VALUES ('Ann@x.test', 'Ann'), ('bob@x.test', 'Bob'), ('', 'nobody');
"""
SPELT = {
    "COLLATE NOCASE": ("ann@x.test", "ANN@X.TEST", "Bob@x.test", "bob@x.test", "", None),
    "COLLATE RTRIM": ("Ann@x.test ", "Ann@x.test", "bob@x.test  ", "bob@x.test", " ", None),
}
JOINED = """
    SELECT count(*), count(DISTINCT p.rowid), count(p.rowid)
    FROM visits v LEFT JOIN people p ON p.email = v.email
"""


@pytest.mark.parametrize("child", ["", "COLLATE NOCASE", "COLLATE RTRIM"])
@pytest.mark.parametrize("parent", SPELT)
@pytest.mark.parametrize("transformer", ["email", "token"])
def test_a_key_holds_for_all_spellings(
    tmp_path: Path, parent: str, child: str, transformer: str
) -> None:
    script = PEOPLE.format(parent=parent, child=child)
    project = _project(tmp_path, script, _rule("people", email=transformer))
    with closing(sqlite3.connect(project.source)) as database, database:
        database.execute("PRAGMA foreign_keys = ON")
        rows = [(email,) for email in SPELT[parent]]
        database.executemany("INSERT INTO visits(email) VALUES (?)", rows)
    _copied(project)
    assert _query(project.target, "PRAGMA foreign_key_check") == []
    assert _query(project.target, JOINED) == _query(project.source, JOINED) == [(6, 3, 5)]
    assert _query(project.target, "SELECT count(*) FROM visits WHERE email LIKE '%@x.test%'") == [
        (0,)
    ]


def test_a_key_that_compares_bytes_keeps_spellings_apart(tmp_path: Path) -> None:
    # The child's collation is nothing to the key.
    script = PEOPLE.format(parent="", child="COLLATE NOCASE")
    script += "INSERT INTO people VALUES ('ann@x.test', 'Another');"
    script += "INSERT INTO visits(email) VALUES ('ann@x.test'), ('Ann@x.test');"
    project = _project(tmp_path, script, _rule("people", email="token"))
    _copied(project)
    assert _query(project.target, "PRAGMA foreign_key_check") == []
    assert _query(project.target, "SELECT count(DISTINCT email COLLATE BINARY) FROM visits") == [
        (2,)
    ]


def test_keys_that_refer_to_keys(tmp_path: Path) -> None:
    script = """
        CREATE TABLE c(x TEXT REFERENCES b(x));
        CREATE TABLE b(x TEXT COLLATE NOCASE PRIMARY KEY REFERENCES a(x), boss TEXT REFERENCES b);
        CREATE TABLE a(x TEXT COLLATE NOCASE PRIMARY KEY);
        INSERT INTO a VALUES ('Ann');
        INSERT INTO b VALUES ('aNN', 'ANN');
        INSERT INTO c VALUES ('ann');
    """
    project = _project(tmp_path, script, _rule("a", x="token"))
    _copied(project)
    assert _query(project.target, "PRAGMA foreign_key_check") == []
    query = "SELECT count(*) FROM a JOIN b USING (x) JOIN c ON b.x = c.x AND b.boss = b.x"
    assert _query(project.target, query) == [(1,)]
    assert _query(project.target, "SELECT count(*) FROM c WHERE x = 'ann'") == [(0,)]


LINKED = "{{name: {}, transformer_name: token, link: l}}"


def _linked(**columns: str) -> str:
    """A rule for a column of each table, all with one link."""
    rule = "    - {{database: main, table: {}, columns: [{}]}}\n"
    return "".join(rule.format(t, LINKED.format(name)) for t, name in columns.items())


@pytest.mark.parametrize("other", ["u(a TEXT)", "u(a JSON)"])
@pytest.mark.parametrize("link", [True, False])
def test_a_key_of_its_own_joins_with_others_byte_for_byte(
    tmp_path: Path, other: str, link: bool
) -> None:
    inside = "JSON" in other
    script = f"""
        CREATE TABLE t(a TEXT COLLATE NOCASE UNIQUE);
        CREATE TABLE {other};
        INSERT INTO t VALUES ('Bob'), ('x');
        INSERT INTO u VALUES ('{'{"e":"Bob"}' if inside else "Bob"}');
    """
    rules = _linked(t="a", u="a.e" if inside else "a")
    project = _project(tmp_path, script, rules if link else rules.replace(", link: l", ""))
    _copied(project)
    value = "a ->> 'e'" if inside else "a"
    query = f"SELECT count(*) FROM t JOIN (SELECT {value} AS v FROM u) ON t.a = v COLLATE BINARY"
    assert _query(project.target, query) == _query(project.source, query) == [(1,)]
    assert _query(project.target, "SELECT count(*) FROM t WHERE a = 'Bob'") == [(0,)]


FAMILY = """
    CREATE TABLE p(a TEXT COLLATE NOCASE PRIMARY KEY);
    CREATE TABLE c(a TEXT REFERENCES p(a));
    CREATE TABLE u(a TEXT COLLATE {other}, j JSON);
    WITH RECURSIVE n(i) AS (SELECT 11 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
    INSERT INTO p SELECT 'Nm' || i FROM n;
    INSERT INTO c SELECT upper(a) FROM p;
"""


@pytest.mark.parametrize("column", ["a", "j.e"])
def test_a_link_with_a_key_that_compares_otherwise_is_refused(tmp_path: Path, column: str) -> None:
    project = _project(tmp_path, FAMILY.format(other="BINARY"), _linked(p="a", u=column))
    with pytest.raises(ConfigError, match="linked as l, and a foreign key") as caught:
        create_dump(project.config(), progress=Silent())
    assert caught.value.line is not None
    assert caught.value.hint
    assert list(project.store.iterdir()) == []


def test_what_a_link_and_a_key_bind_alike_is_not_refused(tmp_path: Path) -> None:
    project = _project(tmp_path, FAMILY.format(other="BINARY"), _linked(p="a", c="a"))
    _copied(project)
    assert _query(project.target, "PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("link", [True, False])
def test_columns_that_compare_as_a_key_does_join_with_its_own(tmp_path: Path, link: bool) -> None:
    script = FAMILY.format(other="NOCASE") + "INSERT INTO u SELECT lower(a), NULL FROM p;"
    rules = _linked(p="a", u="a")
    project = _project(tmp_path, script, rules if link else rules.replace(", link: l", ""))
    _copied(project)
    query = "SELECT count(*), count(DISTINCT p.a) FROM p JOIN c ON p.a = c.a JOIN u ON u.a = p.a"
    assert _query(project.target, query) == _query(project.source, query) == [(30, 30)]
    assert _query(project.target, "SELECT count(*) FROM u WHERE a LIKE 'nm%'") == [(0,)]


def test_what_is_shuffled_stays_as_it_is_written(tmp_path: Path) -> None:
    script = FAMILY.format(other="BINARY")
    rules = _rule("p", a="token") + _rule("c", a="shuffle")
    project = _project(tmp_path / "both", script, rules)
    with pytest.raises(ConfigError, match="would break the foreign key"):
        create_dump(project.config(), progress=Silent())
    rules += "  skip:\n    - {database: main, table: p}\n"
    project = _project(tmp_path / "one", script, rules)
    _copied(project)
    query = "SELECT a FROM c ORDER BY a"
    assert _query(project.target, query) == _query(project.source, query)


def test_what_custom_code_hands_back_keeps_its_spelling(tmp_path: Path) -> None:
    (tmp_path / "masks.py").write_text(
        "def transform(value, seed):\n    return value if value.lower() == 'nm12' else seed.hex()\n"
    )
    path = tmp_path / "masks.py"
    options = f"transformer_options: {{path: '{path}', unique: true}}"
    column = f"{{name: a, transformer_name: custom-python, {options}}}"
    rules = f"    - {{database: main, table: p, columns: [{column}]}}\n"
    project = _project(tmp_path, FAMILY.format(other="BINARY"), rules)
    _copied(project)
    assert _query(project.target, "PRAGMA foreign_key_check") == []
    kept = "SELECT a FROM {} WHERE a LIKE 'Nm%'"
    assert _query(project.target, kept.format("p")) == [("Nm12",)]
    assert _query(project.target, kept.format("c")) == [("NM12",)]


@pytest.mark.parametrize("values", ["('AB'), (x'6162')", "('BoB'), (x'4142'), (x'6162'), (1.5)"])
def test_texts_and_blobs_of_a_key_of_its_own(tmp_path: Path, values: str) -> None:
    script = f"CREATE TABLE t(a COLLATE NOCASE UNIQUE); INSERT INTO t VALUES {values};"
    project = _project(tmp_path, script, _rule("t", a="token"))
    _copied(project)
    count = "SELECT count(DISTINCT a) FROM t"
    assert _query(project.target, count) == _query(project.source, count)


REFUSED = [
    # what is in the source, rules, and what the refusal says
    ("t(c TEXT COLLATE NOCASE UNIQUE)", "format-preserving", "that differ in case"),
    ("t(c TEXT COLLATE RTRIM PRIMARY KEY)", "format-preserving", "that differ in case"),
    ("t(c TEXT); CREATE UNIQUE INDEX i ON t(c COLLATE NOCASE)", "format-preserving", "case"),
    ("t(c TEXT REFERENCES p, UNIQUE(c))", None, "a unique key of its own does not"),
    ("t(c TEXT REFERENCES q)", None, "rules that are not known"),
    ("t(c TEXT); CREATE UNIQUE INDEX i ON t(substr(c, 1, 3))", "token", "may be the same for"),
    ("t(c TEXT); CREATE UNIQUE INDEX i ON t(length(c))", "token", "may be the same for"),
    ("t(c TEXT); CREATE UNIQUE INDEX i ON t(c LIKE 'a%')", "token", "may be the same for"),
    ("t(c TEXT, g AS (substr(c, 2)) UNIQUE)", "token", "may be the same for"),
    ("t(c TEXT, f AS (substr(c, 2)), g AS (lower(f)) UNIQUE)", "token", "may be the same for"),
    ("t(c TEXT COLLATE NOCASE); CREATE UNIQUE INDEX i ON t(c || '')", "token", "be the same for"),
    ("t(c TEXT, d); CREATE UNIQUE INDEX i ON t(d) WHERE c = 'a'", "token", "fulfil a condition"),
    ("t(c TEXT, d); CREATE UNIQUE INDEX i ON t(d) WHERE c IS NULL", "'null'", "fulfil a condition"),
    ("t(c TEXT, d); CREATE UNIQUE INDEX i ON t(d) WHERE c <> ''", "redacted", None),
    ("t(c TEXT, d); CREATE UNIQUE INDEX i ON t(d) WHERE NOT (c IS NOT NULL)", "token", "fulfil"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "transformer", "message"), REFUSED)
def test_what_can_not_be_shown_to_hold_is_refused(
    tmp_path: Path, table: str, transformer: str | None, message: str | None
) -> None:
    script = f"""
        CREATE TABLE p(k TEXT COLLATE NOCASE PRIMARY KEY);
        CREATE TABLE q(k TEXT COLLATE NOCASE, PRIMARY KEY (k COLLATE BINARY));
        CREATE TABLE {table};
    """
    rules = _rule("t", c=transformer) if transformer else _rule("p", k="token")
    if "REFERENCES q" in table:
        rules = _rule("q", k="token")
    project = _project(tmp_path, script, rules)
    if message is None:
        _copied(project)
        return
    with pytest.raises(ConfigError, match=message) as caught:
        create_dump(project.config(), progress=Silent())
    assert caught.value.line is not None
    assert caught.value.hint
    assert list(project.store.iterdir()) == []


HELD = """
    CREATE TABLE t(c TEXT COLLATE NOCASE UNIQUE, d TEXT, e TEXT, f BOOLEAN, g AS (trim(d)) UNIQUE);
    CREATE UNIQUE INDEX i_0 ON t(lower(c), coalesce(d, 'none'));
    CREATE UNIQUE INDEX i_1 ON t(e || '-' || upper(d));
    CREATE UNIQUE INDEX i_2 ON t(e) WHERE d IS NOT NULL AND f;
    CREATE UNIQUE INDEX i_3 ON t(e) WHERE d <> '' OR (d IS NULL AND f);
    CREATE UNIQUE INDEX i_4 ON t(d) WHERE f;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
    INSERT INTO t SELECT 'C' || i, 'D' || i, 'E' || i, i % 2 FROM n;
"""


def test_what_holds_is_not_refused(tmp_path: Path) -> None:
    project = _project(tmp_path, HELD, _rule("t", c="token", d="token", e="token"))
    _copied(project)
    query = "SELECT count(DISTINCT c), count(DISTINCT d), count(DISTINCT e) FROM t"
    assert _query(project.target, query) == [(300, 300, 300)]
    assert _query(project.target, "SELECT count(*) FROM t WHERE length(c) < 9") == [(0,)]


def _table(folder: Path, declared: str) -> Table:
    with closing(sqlite3.connect(folder / "one.db")) as database:
        database.executescript(f"CREATE TABLE t({declared});")
    with closing(SQLiteSource(folder / "one.db").open()) as snapshot:
        [table] = snapshot.schema().tables
        return table


@pytest.mark.parametrize(
    ("declared", "equality"),
    [
        ("c TEXT", Equality.BYTES),
        ("c TEXT COLLATE BINARY", Equality.BYTES),
        ("c TEXT NOT NULL COLLATE nocase DEFAULT 'x'", Equality.ASCII_CASE),
        ("c TEXT DEFAULT 'collate rtrim' COLLATE \"NoCase\"", Equality.ASCII_CASE),
        ("c VARCHAR(9) COLLATE RTRIM", Equality.TRAILING_SPACES),
        ("c COLLATE NOCASE", Equality.ASCII_CASE),
        ("c TEXT CHECK (c COLLATE NOCASE = 'a')", Equality.BYTES),
        ("c TEXT COLLATE NOCASE, UNIQUE (c)", Equality.ASCII_CASE),
        ("c TEXT COLLATE NOCASE, UNIQUE (c COLLATE BINARY)", Equality.UNKNOWN),
        ("c DECIMAL COLLATE NOCASE", Equality.UNKNOWN),
    ],
)
def test_what_columns_declare(tmp_path: Path, declared: str, equality: Equality) -> None:
    [column] = (c for c in _table(tmp_path, declared).columns if c.name == "c")
    assert column.equality is equality


def test_truths_are_digits(tmp_path: Path) -> None:
    columns = _table(tmp_path, "c BOOLEAN, d TEXT").columns
    assert {c.name: c.reading for c in columns if not c.hidden} == {"c": Reading.DIGITS, "d": None}


FIXED = "    - {database: main, table: t, columns: [{name: k, transformer_name: fixed, "
FIXED += "transformer_options: {value: '1'}}]}\n"
UUID = _rule("t", a="uuid")
NEVER = [
    # what is in the source, rules, and what the refusal says
    ("t(a TEXT UNIQUE, k INT); CREATE UNIQUE INDEX i ON t(lower(a)) WHERE k = 1", FIXED, "fulfil"),
    ("t(a TEXT UNIQUE, k INT); CREATE UNIQUE INDEX i ON t(a COLLATE NOCASE) WHERE k = 1", FIXED,
     "fulfil"),
    ("t(a TEXT UNIQUE, k INT, g AS (lower(a))); CREATE UNIQUE INDEX i ON t(g) WHERE k = 1", FIXED,
     "fulfil"),
    ("t(a TEXT COLLATE RTRIM); CREATE UNIQUE INDEX i ON t(lower(a))", _rule("t", a="token"),
     "may be the same for"),
    ("t(b TEXT, a TEXT COLLATE NOCASE); CREATE UNIQUE INDEX i ON t(lower(b) || a)",
     _rule("t", a="token"), "may be the same for"),
    ("t(a TEXT COLLATE NOCASE); CREATE UNIQUE INDEX i ON t(a, a || '')", _rule("t", a="token"),
     "may be the same for"),
    ("t(a TEXT COLLATE NOCASE); CREATE UNIQUE INDEX i ON t(lower(trim(a)))", _rule("t", a="token"),
     "may be the same for"),
    ("t(a TEXT); CREATE UNIQUE INDEX i ON t(ltrim(a, '0123456789abcdef-'))", UUID, "be the same"),
    ("t(a TEXT, b); CREATE UNIQUE INDEX i ON t(trim(a, b))", UUID, "may be the same for"),
    ("t(a TEXT, b); CREATE UNIQUE INDEX i ON t(b) WHERE 0 = (a IS NOT NULL)",
     _rule("t", a="'null'"), "fulfil"),
    ("t(a TEXT, b); CREATE UNIQUE INDEX i ON t(b) WHERE b BETWEEN 0 AND (a IS NOT NULL)",
     _rule("t", a="'null'"), "fulfil"),
    ("t(a TEXT COLLATE RTRIM, b); CREATE UNIQUE INDEX i ON t(b) WHERE a <> ''",
     _rule("t", a="token"), "fulfil"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "rules", "message"), NEVER)
def test_what_a_key_might_not_take_is_refused(
    tmp_path: Path, table: str, rules: str, message: str
) -> None:
    project = _project(tmp_path, f"CREATE TABLE {table};", rules)
    with pytest.raises(ConfigError, match=message) as caught:
        create_dump(project.config(), progress=Silent())
    assert caught.value.line is not None
    assert caught.value.hint
    assert list(project.store.iterdir()) == []


def test_a_key_of_another_collation_keeps_its_values_apart(tmp_path: Path) -> None:
    script = """
        CREATE TABLE t(a TEXT COLLATE NOCASE);
        CREATE UNIQUE INDEX i ON t(a COLLATE RTRIM);
        CREATE UNIQUE INDEX j ON t(a COLLATE BINARY, a COLLATE RTRIM);
        INSERT INTO t VALUES ('Bob'), ('bob');
    """
    project = _project(tmp_path, script, _rule("t", a="token"))
    _copied(project)
    assert _query(project.target, "SELECT count(DISTINCT a) FROM t") == [(2,)]
    assert _query(project.target, "SELECT count(*) FROM t WHERE a = 'bob'") == [(0,)]


def test_a_key_of_all_rows_stands_in_for_one_of_some(tmp_path: Path) -> None:
    script = """
        CREATE TABLE t(a TEXT COLLATE NOCASE UNIQUE, b TEXT, c TEXT, k INT);
        CREATE UNIQUE INDEX i ON t(a, b) WHERE (k = 1);
        CREATE UNIQUE INDEX j ON t(b) WHERE ((c IS NOT NULL) OR (c NOT NULL AND b > ''));
        CREATE UNIQUE INDEX l ON t(trim(c), rtrim(c, ' '), upper(a));
        INSERT INTO t VALUES ('Bob', 'x', 'y', 0), ('Ann', 'z', 'w', 1);
    """
    rules = FIXED.replace("]}", ", {name: a, transformer_name: token}, "
                          "{name: c, transformer_name: token}]}")  # fmt: skip
    project = _project(tmp_path, script, rules)
    _copied(project)
    assert _query(project.target, "SELECT DISTINCT k FROM t") == [(1,)]
    assert _query(project.target, "SELECT count(DISTINCT a), count(DISTINCT c) FROM t") == [(2, 2)]
