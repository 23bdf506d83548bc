"""One moment of a database: what is read of it, in which pieces, and who else may read the same."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import random
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from replicate.databases.base import Selection, Slice
from replicate.databases.sqlite.source import SQLiteSnapshot, SQLiteSource
from replicate.errors import DatabaseError
from replicate.rows.column import Kind
from tests.support.sqlite_copy import copy, make, open_db

WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0.05)
ready = False
while True:
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO t(v) VALUES(randomblob(200))")
        db.execute("UPDATE total SET n = n + 1")
        db.execute("COMMIT")
        if not ready:
            ready = True
            print("ready", flush=True)
    except sqlite3.OperationalError:
        if db.in_transaction:
            db.execute("ROLLBACK")
    time.sleep(0.0005)
"""

LIVE = """
    PRAGMA journal_mode = {mode};
    CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE total(n); INSERT INTO total VALUES(0);
"""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Another process that has written something, and writes all the time."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            process.kill()


def rows(snapshot: SQLiteSnapshot, name: str, target: int = 1 << 24) -> list[bytes]:
    table = snapshot.schema().find("main", name)
    assert table is not None
    text = b"".join(b.text for p in snapshot.slices(table, target) for b in snapshot.read(p))
    return text.split(b"\n")[:-1]


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_one_moment_while_another_process_writes(tmp_path: Path, mode: str) -> None:
    source = make(tmp_path / "source.db", LIVE.format(mode=mode))
    with writing(source):
        for _ in range(5):
            with closing(SQLiteSource(source).open()) as snapshot:
                [total] = rows(snapshot, "total")
                time.sleep(0.02)
                assert len(rows(snapshot, "t")) == int(total.split(rb"\I")[1]) > 0
                assert rows(snapshot, "total") == [total]


def test_what_was_written_meanwhile_is_in_the_next_dump(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", LIVE.format(mode="wal"))
    with closing(SQLiteSource(source).open()) as snapshot, open_db(source) as db:
        db.execute("INSERT INTO t(v) VALUES(1)")
        db.execute("CREATE TABLE later(a)")
        assert rows(snapshot, "t") == []
        assert snapshot.schema().find("main", "later") is None
    with closing(SQLiteSource(source).open()) as snapshot:
        assert rows(snapshot, "t") == [rb"1" + b"\t" + rb"\I1"]


def _join(source: SQLiteSource, shared: object, name: str) -> list[bytes]:
    with closing(source.join(shared)) as snapshot:
        return rows(snapshot, name)


def test_another_process_reads_the_same_moment(tmp_path: Path) -> None:
    source = SQLiteSource(make(tmp_path / "source.db", LIVE.format(mode="wal")))
    with open_db(source.path) as db:
        db.executemany("INSERT INTO t(v) VALUES(?)", [(os.urandom(50),) for _ in range(100)])
    with closing(source.open()) as snapshot:
        joined = source.join(pickle.loads(pickle.dumps(snapshot.share())))  # noqa: S301 - our own
        with closing(joined):
            assert snapshot.confirm_shared()
            with open_db(source.path) as db:
                db.execute("DELETE FROM t")
            # What is written after all have joined changes nothing.
            assert len(rows(joined, "t")) == 100
            assert rows(joined, "t") == rows(snapshot, "t")
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(_join, (source, snapshot.share(), "t")) == []
        assert not snapshot.confirm_shared()


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_write_before_the_join_is_noticed(tmp_path: Path, mode: str) -> None:
    source = SQLiteSource(make(tmp_path / "source.db", LIVE.format(mode=mode)))
    with closing(source.open()) as snapshot:
        with closing(source.join(snapshot.share())):
            assert snapshot.confirm_shared()
        with open_db(source.path) as db:
            try:
                db.execute("PRAGMA busy_timeout = 10")
                db.execute("INSERT INTO t(v) VALUES(1)")
            except sqlite3.OperationalError:
                assert mode == "delete"  # where readers keep writers out
        with closing(source.join(snapshot.share())) as joined:
            assert snapshot.confirm_shared() == (rows(joined, "t") == rows(snapshot, "t"))
            assert snapshot.confirm_shared() == (mode == "delete")


def test_a_file_that_was_replaced_is_not_joined(tmp_path: Path) -> None:
    source = SQLiteSource(make(tmp_path / "source.db", LIVE.format(mode="delete")))
    other = make(tmp_path / "other.db", LIVE.format(mode="delete"))
    with closing(source.open()) as snapshot:
        other.replace(source.path)
        assert not snapshot.confirm_shared()
        with pytest.raises(DatabaseError, match="replaced"):
            source.join(snapshot.share())


def test_a_forked_process_may_not_read(tmp_path: Path) -> None:
    source = SQLiteSource(make(tmp_path / "source.db", LIVE.format(mode="delete")))
    with closing(source.open()):
        child = os.fork()
        if child == 0:
            try:
                source.open()
            except DatabaseError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    source.open().close()


def test_the_source_stays_as_it_was(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    source.chmod(0o444)
    before = hashlib.sha256(source.read_bytes()).digest(), source.stat().st_mtime_ns
    copy(source, tmp_path / "target.db")
    assert (hashlib.sha256(source.read_bytes()).digest(), source.stat().st_mtime_ns) == before
    assert {path.name for path in tmp_path.iterdir()} == {"source.db", "target.db"}
    with closing(SQLiteSource(source).open()) as snapshot:
        for statement in ("DELETE FROM t", "CREATE TABLE u(a)", "PRAGMA user_version = 5"):
            with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly"):
                snapshot._connection.execute(statement)


KEYS = {
    "dense": lambda i: i,
    "negative": lambda i: i - 3000,
    "sparse": lambda i: i * 10**12,
    "two clusters": lambda i: i if i % 2 else 2**62 + i,
    "ends": lambda i: -(2**63) + i if i % 3 else 2**63 - 1 - i,
    "squares": lambda i: i * i * i,
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("column", ["id INTEGER PRIMARY KEY, v", "v"])
def test_slices_hold_every_row_once_in_order(tmp_path: Path, kind: str, column: str) -> None:
    source = make(tmp_path / "source.db", f"CREATE TABLE t({column}); CREATE INDEX t_v ON t(v, 1)")
    with open_db(source) as db:
        db.execute("BEGIN")
        keys = sorted(KEYS[kind](i) for i in range(6000))
        db.executemany("INSERT INTO t(rowid, v) VALUES(?, ?)", ((k, "x" * 500) for k in keys))
        db.execute("COMMIT")
    with closing(SQLiteSource(source).open()) as snapshot:
        table = snapshot.schema().find("main", "t")
        assert table is not None
        assert table.rows is not None
        assert 3000 < table.rows < 12000
        for target in (1 << 16, 1 << 19, 1 << 30):
            pieces = snapshot.slices(table, target)
            assert (len(pieces) == 1) == (target == 1 << 30)
            assert pickle.loads(pickle.dumps(pieces)) == pieces  # noqa: S301 - our own
            sizes = [sum(b.rows for b in snapshot.read(piece)) for piece in pieces]
            assert sum(sizes) == 6000
            assert max(sizes) * 500 < 4 * target
            assert [int(line.split(b"\t")[0]) for line in rows(snapshot, "t", target)] == keys


def test_tables_without_a_key_are_one_slice(tmp_path: Path) -> None:
    source = make(
        tmp_path / "source.db",
        "CREATE TABLE w(a, b, PRIMARY KEY(b, a)) WITHOUT ROWID; CREATE INDEX w_a ON w(a, b);"
        "CREATE TABLE u(rowid, oid, _rowid_); CREATE INDEX u_all ON u(_rowid_, oid, rowid)",
    )
    with open_db(source) as db:
        db.execute("BEGIN")
        db.executemany("INSERT INTO w VALUES(?, ?)", ((-i, i) for i in range(5000)))
        db.executemany("INSERT INTO u VALUES(?, 1, ?)", ((i, "y" * (i * 3)) for i in range(5000)))
        db.execute("COMMIT")
    with closing(SQLiteSource(source).open()) as snapshot:
        for table in snapshot.schema().tables:
            assert [piece.token for piece in snapshot.slices(table, 100)] == [None]
        assert [int(line.split(b"\t")[1][2:]) for line in rows(snapshot, "w")] == list(range(5000))
        assert [int(line.split(b"\t")[0][2:]) for line in rows(snapshot, "u")] == list(range(5000))


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize("table", ["t(id INTEGER PRIMARY KEY, v)", "t(rowid, oid, _rowid_, v)"])
def test_rows_of_very_different_length(tmp_path: Path, encoding: str, table: str) -> None:
    source = make(tmp_path / "source.db", f"PRAGMA encoding = '{encoding}'; CREATE TABLE {table}")
    draw = random.Random(5)
    sizes = [draw.choice([0, 5, 7, 100]) for _ in range(3000)]
    for place in draw.sample(range(3000), 12):
        sizes[place] = draw.choice([9_000, 140_000, 3_000_000])
    with open_db(source) as db:
        db.execute("BEGIN")
        db.executemany("INSERT INTO t(v) VALUES(?)", (("é" * (size // 2),) for size in sizes))
        db.execute("COMMIT")
    with closing(SQLiteSource(source).open()) as snapshot:
        blocks = list(snapshot.read(Slice(snapshot.schema().tables[0])))
    lines = b"".join(block.text for block in blocks).split(b"\n")[:-1]
    assert [len(line.split(b"\t")[-1]) for line in lines] == [size // 2 * 2 for size in sizes]
    assert [block.text.count(b"\n") for block in blocks] == [block.rows for block in blocks]


MEMORY = """
import resource, sys
from contextlib import closing
from pathlib import Path
from replicate.databases.sqlite.source import SQLiteSource
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with closing(SQLiteSource(Path(sys.argv[1])).open()) as snapshot:
    table = snapshot.schema().tables[0]
    size = 0
    for piece in snapshot.slices(table, 1 << 24):
        for block in snapshot.read(piece):
            size += len(block.text)
print(size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_big_rows_do_not_pile_up(tmp_path: Path) -> None:
    """2000 short rows and then 100 of 4 MB: read in a few times the longest."""
    source = make(tmp_path / "source.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    with open_db(source) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        db.executemany("INSERT INTO t(v) VALUES(?)", (("short",) for _ in range(2000)))
        db.executemany("INSERT INTO t(v) VALUES(?)", (("x" * 4_000_000,) for _ in range(100)))
        db.execute("COMMIT")
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(source)], capture_output=True, text=True, check=True
    )
    size, grown = map(int, done.stdout.split())
    assert size > 400_000_000
    unit = 1 if sys.platform == "darwin" else 1024
    assert grown * unit < 100_000_000
    assert resource.getpagesize()


def test_columns_and_keys(tmp_path: Path) -> None:
    source = make(
        tmp_path / "source.db",
        """
        CREATE TABLE Parent(id INTEGER PRIMARY KEY, Mail TEXT NOT NULL UNIQUE, made DATETIME);
        CREATE TABLE child(a INT REFERENCES PARENT, m TEXT REFERENCES parent(mail), x, y VARCHAR(9),
            g AS (x + 1), PRIMARY KEY(a, y)) WITHOUT ROWID;
        CREATE UNIQUE INDEX child_x ON child(lower(y)) WHERE x > 1;
        CREATE TABLE plain(j JSON, b BLOB, f BOOLEAN, n DECIMAL(5, 2), u UUID, r DOUBLE);
        """,
    )
    with closing(SQLiteSource(source).open()) as snapshot:
        schema = snapshot.schema()
    parent, child, plain = (schema.find("main", n) for n in ("Parent", "child", "plain"))
    assert parent is not None
    assert child is not None
    assert plain is not None
    assert parent.primary_key == ("id",)
    assert parent.unique == (("id",), ("Mail",))
    assert [(c.name, c.kind, c.nullable, c.hidden) for c in parent.columns] == [
        ("id", Kind.INTEGER, False, False),
        ("Mail", Kind.TEXT, False, False),
        ("made", Kind.TIMESTAMP, True, False),
    ]
    assert child.primary_key == ("a", "y")
    assert set(child.unique) == {("a", "y"), ("y",)}
    assert [(k.columns, k.ref_table, k.ref_columns) for k in child.foreign_keys] == [
        (("m",), "Parent", ("Mail",)),
        (("a",), "Parent", ("id",)),
    ]
    assert [c.name for c in child.stored_columns] == ["a", "m", "x", "y"]
    assert [c.name for c in child.columns if not c.nullable] == ["a", "y"]
    assert plain.stored_columns[0].name == "rowid"
    assert [c.hidden for c in plain.columns] == [True] + [False] * 6
    assert [c.kind for c in plain.columns][1:] == [
        Kind.JSON, Kind.BINARY, Kind.BOOLEAN, Kind.NUMERIC, Kind.UUID, Kind.REAL,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["a?b.db", "a#b.db", "a%41.db", "ü 🎉.db", "a&mode=rw.db", "'\"\\.db"]
)
def test_any_file_name(tmp_path: Path, name: str) -> None:
    source = make(tmp_path / name, "CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    target = tmp_path / "other" / name
    target.parent.mkdir()
    assert copy(source, target) == {"t": 1}
    assert [path.name for path in target.parent.iterdir()] == [name]


def test_what_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "garbage.db").write_bytes(random.Random(3).randbytes(5000))
    (tmp_path / "short.db").write_bytes(b"x")
    make(tmp_path / "damaged.db", "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(100000))")
    damaged = bytearray((tmp_path / "damaged.db").read_bytes())
    damaged[100:3000] = bytes(2900)
    (tmp_path / "damaged.db").write_bytes(damaged)
    expected = {
        "missing.db": "there is no database",
        "": "is a directory",
        "garbage.db": "is not an SQLite database",
        "short.db": "is not an SQLite database",
        "damaged.db": "is damaged",
    }
    for name, message in expected.items():
        with pytest.raises(DatabaseError, match=message) as caught:
            SQLiteSource(tmp_path / name).open()
        assert "\n" not in str(caught.value)


def test_damage_is_found_while_reading(tmp_path: Path) -> None:
    source = make(
        tmp_path / "source.db",
        "CREATE TABLE t(a); WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO t SELECT hex(randomblob(50)) FROM n",
    )
    damaged = bytearray(source.read_bytes())
    damaged[200_000:210_000] = b"\xff" * 10_000
    source.write_bytes(damaged)
    with (
        closing(SQLiteSource(source).open()) as snapshot,
        pytest.raises(DatabaseError, match="is damaged"),
    ):
        rows(snapshot, "t")


def test_a_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(tmp_path / "source.db", "CREATE TABLE t(a)")
    monkeypatch.setattr("replicate.databases.sqlite.connection.BUSY_SECONDS", 0.1)
    with open_db(source) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseError, match="locked by another process") as caught:
            SQLiteSource(source).open()
        assert caught.value.hint


KILLED = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN")
for _ in range(100):
    db.execute("INSERT INTO t VALUES(zeroblob(5000))")
os.kill(os.getpid(), 9)
"""


def test_a_hot_journal(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", "CREATE TABLE t(a)")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(source)], check=False)
    assert killed.returncode == -9
    assert (tmp_path / "source.db-journal").stat().st_size
    with pytest.raises(DatabaseError, match="in the middle of a write"):
        SQLiteSource(source).open()


def test_selection_leaves_out_indexes_and_triggers(tmp_path: Path) -> None:
    source = make(
        tmp_path / "source.db",
        "CREATE TABLE t(a); CREATE INDEX t_a ON t(a); CREATE TABLE u(a);"
        "CREATE TRIGGER t_ai AFTER INSERT ON t BEGIN DELETE FROM u; END",
    )

    def select(selection: Selection) -> Selection:
        tables = tuple(t for t in selection.tables if t.name != "t")
        return Selection(tables, frozenset({("main", "t")}))

    assert copy(source, tmp_path / "target.db", select=select) == {"u": 0}
    with open_db(tmp_path / "target.db") as db:
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("u",)]
