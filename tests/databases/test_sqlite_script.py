"""A restore written as SQL: run by SQLite's own shell it makes the same database."""

from __future__ import annotations

import io
import math
import random
import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicate.databases.base import LoadTable
from replicate.databases.sqlite.script import ScriptDestination
from replicate.databases.sqlite.source import SQLiteSource
from replicate.databases.sqlite.sql import describe, real_literal, split_statements
from replicate.errors import CorruptError, DatabaseError
from tests.databases.test_sqlite_features import BYTES, FEATURES
from tests.support.sqlite_copy import assert_same, feed, make, open_db, rows_of

SHELL = shutil.which("sqlite3")

Run = Callable[[bytes, Path], None]


def script_of(source: Path) -> bytes:
    out = io.BytesIO()
    with closing(SQLiteSource(source).open()) as snapshot:
        feed(snapshot, ScriptDestination(out))
    return out.getvalue()


def run_in_python(script: bytes, target: Path) -> None:
    with open_db(target) as db:
        db.executescript(script.decode())


def run_in_shell(script: bytes, target: Path) -> None:
    assert SHELL is not None
    done = subprocess.run([SHELL, "-bail", target], input=script, capture_output=True, check=True)
    assert done.stderr == b""


RUNNERS = [
    run_in_python,
    pytest.param(run_in_shell, marks=pytest.mark.skipif(SHELL is None, reason="needs sqlite3")),
]

runners = pytest.mark.parametrize("run", RUNNERS)


@runners
@pytest.mark.parametrize("feature", [name for name in FEATURES if name != "nothing"])
def test_feature(tmp_path: Path, feature: str, run: Run) -> None:
    source = make(tmp_path / "source.db", FEATURES[feature])
    run(script_of(source), tmp_path / "target.db")
    assert_same(source, tmp_path / "target.db")


@runners
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_text_with_any_bytes(tmp_path: Path, encoding: str, run: Run) -> None:
    source = make(
        tmp_path / "source.db",
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE t(x TEXT, n NUMERIC, a);",
    )
    values = [
        *BYTES.values(),
        b"a\r\nb",
        b".shell touch x\n.quit\n",
        b"x'\n;\n.quit\n",
        b"12",
        b"--",
    ]
    with open_db(source) as db:
        for value in values:
            data = value if encoding == "UTF-8" else value[: len(value) // 2 * 2]
            text = f"CAST(X'{data.hex()}' AS TEXT)"
            db.execute(f"INSERT INTO t VALUES({text}, {text}, ?)", (value,))
            db.execute("INSERT INTO t VALUES(?1, ?1, ?1)", (value.decode("latin-1"),))
    run(script_of(source), tmp_path / "target.db")
    assert_same(source, tmp_path / "target.db")


@runners
def test_reals(tmp_path: Path, run: Run) -> None:
    draw = random.Random(2)
    reals = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(5000)]
    reals += [draw.uniform(-1000, 1000) for _ in range(2000)]
    reals += [round(draw.uniform(-1e6, 1e6), draw.randint(0, 6)) for _ in range(2000)]
    reals += [5e-324, 1.7976931348623157e308, math.inf, -math.inf, -0.0, 0.0, 2.0**62, -(2.0**63)]
    source = make(tmp_path / "source.db", "CREATE TABLE t(r REAL, n NUMERIC, a)")
    with open_db(source) as db:
        db.execute("BEGIN")
        db.executemany("INSERT INTO t VALUES(?1, ?1, ?1)", ((real,) for real in reals))
        db.execute("COMMIT")
    run(script_of(source), tmp_path / "target.db")
    assert_same(source, tmp_path / "target.db")


@runners
def test_classes_from_before_a_schema_was_edited(tmp_path: Path, run: Run) -> None:
    source = make(tmp_path / "source.db", "CREATE TABLE t(a, b, c, d)")
    with open_db(source) as db:
        db.execute("INSERT INTO t VALUES('12', 5, 7, ' 1.5 '), (12, 'x', 0.5, 6)")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a INT, b TEXT, c REAL, d INT)'")
    run(script_of(source), tmp_path / "target.db")
    assert_same(source, tmp_path / "target.db")


@given(st.floats(allow_nan=False))
def test_real_literals(value: float) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        [found] = db.execute(f"SELECT {real_literal(value)}").fetchone()
    assert struct.pack("<d", found) == struct.pack("<d", value)


def test_prices_are_written_as_they_are() -> None:
    assert [real_literal(value) for value in (12.99, -0.5, 100.0)] == ["12.99", "-0.5", "100.0"]


def test_a_script_that_breaks_off_makes_nothing(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", FEATURES["integers"])
    script = script_of(source)
    half = script[: script.index(b"INSERT") + 10]
    if SHELL is not None:
        subprocess.run(
            [SHELL, "-bail", tmp_path / "target.db"], input=half, capture_output=True, check=False
        )
        with open_db(tmp_path / "target.db") as db:
            assert db.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    out = io.BytesIO()
    destination = ScriptDestination(out)
    destination.begin(wipe=False, jobs=1)
    destination.run("CREATE TABLE t(a);")
    destination.abort()
    assert b"BEGIN;" in out.getvalue()
    assert b"COMMIT" not in out.getvalue()


@pytest.mark.parametrize(
    "statement",
    [".shell touch evil\n;", "-- a comment\n.shell touch evil\n;", "ATTACH 'x' AS y;", "VACUUM;"],
)
def test_a_hostile_section(statement: str) -> None:
    out = io.BytesIO()
    destination = ScriptDestination(out)
    destination.begin(wipe=False, jobs=1)
    with pytest.raises((CorruptError, DatabaseError)):
        destination.run(statement)
    assert b"evil" not in out.getvalue()


def test_a_comment_before_a_statement_is_dropped() -> None:
    out = io.BytesIO()
    destination = ScriptDestination(out)
    destination.begin(wipe=False, jobs=1)
    destination.run("-- a\n/* b */ CREATE TABLE t(a);")
    assert out.getvalue().endswith(b"BEGIN;\nCREATE TABLE t(a);\n")


def test_masked_tables_are_checked() -> None:
    out = io.BytesIO()
    destination = ScriptDestination(out)
    destination.begin(wipe=False, jobs=1)
    destination.run("CREATE TABLE t(a CHECK(a > 0)); CREATE TABLE u(a);")
    destination.load(LoadTable("main", "t", ("a",), masked=True), rows_of(b"\\I-1\n"))
    destination.load(LoadTable("main", "u", ("a",)), rows_of(b"1\n"))
    destination.finish()
    with (
        closing(sqlite3.connect(":memory:")) as db,
        pytest.raises(sqlite3.IntegrityError, match="CHECK"),
    ):
        db.executescript(out.getvalue().decode())


def test_statements_are_split_where_they_end() -> None:
    statements = [
        "CREATE TABLE t(a DEFAULT ';', [b;] /* ; */, \"c;\");",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT ';'; SELECT CASE 1 WHEN 2 THEN 3 END;END;",
        "CREATE VIEW v AS SELECT 1 -- ;\n;",
        "INSERT INTO t VALUES('it''s;');",
    ]
    assert list(split_statements("\n".join(statements) + "\n -- the end")) == statements
    with pytest.raises(DatabaseError):
        list(split_statements("SELECT 1; SELECT 'x;"))


@pytest.mark.parametrize(
    ("sql", "verb", "name", "table"),
    [
        ("CREATE TABLE temp(a);", "CREATE TABLE", "temp", ""),
        ('CREATE TABLE "a""b"(a);', "CREATE TABLE", 'a"b', ""),
        ("CREATE UNIQUE INDEX i ON [t t](a);", "CREATE INDEX", "i", "t t"),
        ("CREATE TRIGGER x AFTER UPDATE OF a ON 'on' BEGIN END;", "CREATE TRIGGER", "x", "on"),
        ("CREATE VIEW v AS SELECT 1;", "CREATE VIEW", "v", ""),
        (
            "INSERT INTO sqlite_sequence(name, seq) VALUES('t', 5);",
            "INSERT INTO",
            "sqlite_sequence",
            "t",
        ),
        ("DELETE FROM sqlite_sequence WHERE name = 't';", "DELETE FROM", "sqlite_sequence", "t"),
        ("PRAGMA user_version = 5;", "PRAGMA", "user_version", ""),
        ("ANALYZE sqlite_schema;", "ANALYZE", "sqlite_schema", ""),
        (";", "", "", ""),
    ],
)
def test_what_statements_are_about(sql: str, verb: str, name: str, table: str) -> None:
    found = describe(sql)
    assert (found.verb, found.name, found.table) == (verb, name, table)
