"""The target of a restore: replaced in one step by a whole database, or left as it was."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from replicate.databases.base import LoadTable, RowBlock
from replicate.databases.sqlite.destination import SQLiteDestination
from replicate.databases.sqlite.source import SQLiteSource
from replicate.errors import ConflictError, CorruptError, DatabaseError, GuardError, ReplicateError
from tests.support.sqlite_copy import make, open_db, rows_of

PRE = "PRAGMA encoding = 'UTF-8'; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT UNIQUE);"
POST = "CREATE INDEX t_v ON t(v);"
TABLE = LoadTable("main", "t", ("id", "v"))
OLD = "CREATE TABLE old(a); INSERT INTO old VALUES('old');"


def restore(
    target: Path, text: bytes = b"1\tx\n2\ty\n", *, wipe: bool = True, post: str = POST
) -> None:
    destination = SQLiteDestination(target)
    try:
        destination.begin(wipe=wipe, jobs=1)
        destination.run(PRE)
        destination.load(TABLE, rows_of(text))
        destination.run(post)
        destination.finish()
    except BaseException:
        destination.abort()
        raise


def restored(path: Path) -> bool:
    with open_db(path) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema ORDER BY name")]
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert names in (["sqlite_autoindex_t_1", "t", "t_v"], ["old"])
    return "t" in names


def files(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return make(tmp_path / "target.db", OLD)


def test_a_new_file(tmp_path: Path) -> None:
    restore(tmp_path / "new.db", wipe=False)
    assert restored(tmp_path / "new.db")
    assert files(tmp_path) == {"new.db"}
    mask = os.umask(0o022)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o666 & ~mask


def test_the_old_mode_and_a_symbolic_link_stay(tmp_path: Path, target: Path) -> None:
    target.chmod(0o640)
    (tmp_path / "link.db").symlink_to(target)
    restore(tmp_path / "link.db")
    assert (tmp_path / "link.db").is_symlink()
    assert restored(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_the_new_file_is_private_while_it_grows(target: Path) -> None:
    destination = SQLiteDestination(target)
    destination.begin(wipe=True, jobs=1)
    [growing] = [path for path in target.parent.iterdir() if path != target]
    assert growing.name.startswith(".target.db.replicate-")
    assert stat.S_IMODE(growing.stat().st_mode) == 0o600
    destination.abort()
    destination.abort()
    assert files(target.parent) == {"target.db"}


def test_a_target_that_is_not_empty(target: Path) -> None:
    make(target, "CREATE TABLE b(a); CREATE TABLE c(a); CREATE VIEW d AS SELECT 1;")
    destination = SQLiteDestination(target)
    assert not destination.is_empty()
    assert destination.describe_contents() == "4 tables and views: b, c, d, …"
    before = target.read_bytes()
    with pytest.raises(GuardError, match="is not empty: it holds 4 tables and views: b, c, d"):
        restore(target, wipe=False)
    assert target.read_bytes() == before
    assert files(target.parent) == {"target.db"}


@pytest.mark.parametrize("script", ["", "PRAGMA user_version = 5"])
def test_an_empty_target(tmp_path: Path, script: str) -> None:
    target = make(tmp_path / "target.db", script)
    assert SQLiteDestination(target).is_empty()
    restore(target, wipe=False)
    assert restored(target)


@pytest.mark.parametrize("content", [b"x", b"{}" * 2000, b"SQLite format 3\0" + b"\xff" * 5000])
@pytest.mark.parametrize("wipe", [True, False])
def test_a_target_that_is_no_database_is_never_replaced(
    tmp_path: Path, content: bytes, wipe: bool
) -> None:
    target = tmp_path / "notes.txt"
    target.write_bytes(content)
    with pytest.raises(GuardError, match="not an SQLite database"):
        restore(target, wipe=wipe)
    with pytest.raises(GuardError):
        SQLiteDestination(target).is_empty()
    assert target.read_bytes() == content


def test_targets_that_can_not_be(tmp_path: Path) -> None:
    with pytest.raises(GuardError, match="is a directory"):
        restore(tmp_path)
    with pytest.raises(DatabaseError, match="there is no directory"):
        restore(tmp_path / "missing" / "x.db")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(GuardError, match="not an ordinary file"):
        restore(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(DatabaseError, match="no file can be created"):
            restore(tmp_path / "x.db")
    finally:
        tmp_path.chmod(0o755)


FAILURES: dict[str, tuple[bytes, str, type[ReplicateError], str]] = {
    "a value twice": (b"1\tx\n2\tx\n", POST, DatabaseError, "main.t can't be loaded: UNIQUE"),
    "a row too short": (b"1\n", POST, CorruptError, "fields"),
    "a key that is text": (b"x\ty\n", POST, DatabaseError, "datatype mismatch"),
    "no such column": (b"1\tx\n", "CREATE INDEX i ON t(nothing);", DatabaseError, "CREATE INDEX i"),
    "no SQL": (b"1\tx\n", "CREATE TABLE (;", DatabaseError, "CREATE TABLE"),
    "an unended statement": (b"1\tx\n", "CREATE TABLE x(a", DatabaseError, "ends inside"),
    "ATTACH": (b"1\tx\n", "ATTACH '{directory}/evil.db' AS evil;", CorruptError, "no dump has"),
    "VACUUM": (b"1\tx\n", "VACUUM INTO '{directory}/evil.db';", CorruptError, "no dump has"),
    "a dot command": (
        b"1\tx\n",
        ".shell touch {directory}/evil.db\n;",
        CorruptError,
        "no dump has",
    ),
    "another setting": (b"1\tx\n", "PRAGMA foreign_keys = ON;", CorruptError, "no dump has"),
    "an extension": (
        b"1\tx\n",
        "CREATE TABLE e AS SELECT load_extension('evil');",
        DatabaseError,
        "not authorized|SQLITE_",
    ),
}


@pytest.mark.parametrize(
    ("text", "post", "error", "message"), FAILURES.values(), ids=FAILURES.keys()
)
def test_a_failed_restore_leaves_the_old_file(
    target: Path, text: bytes, post: str, error: type[ReplicateError], message: str
) -> None:
    before = target.read_bytes(), target.stat().st_ino
    with pytest.raises(error, match=message) as caught:
        restore(target, text, post=post.replace("{directory}", str(target.parent)))
    assert "\n" not in str(caught.value)
    assert (target.read_bytes(), target.stat().st_ino) == before
    assert files(target.parent) == {"target.db"}


def test_values_are_never_in_messages(target: Path) -> None:
    destination = SQLiteDestination(target)
    destination.begin(wipe=True, jobs=1)
    destination.run(
        "CREATE TABLE t(a INTEGER CHECK(a < 5), b TEXT NOT NULL, c TEXT UNIQUE) STRICT;"
    )
    masked = LoadTable("main", "t", ("a", "b", "c"), masked=True)
    for row in (b"secret\tx\ty", b"77777\tx\ty", b"1\t\\N\ty", b"1\tx\tsecret\n1\tx\tsecret"):
        with pytest.raises(DatabaseError, match=r"^main\.t can't be loaded: ") as caught:
            destination.load(masked, rows_of(row + b"\n"))
        assert "secret" not in str(caught.value)
        assert "77777" not in str(caught.value)
    destination.abort()


def test_a_check_binds_masked_tables_alone(target: Path) -> None:
    destination = SQLiteDestination(target)
    destination.begin(wipe=True, jobs=1)
    destination.run("CREATE TABLE t(a CHECK(a < 5)); CREATE TABLE u(a CHECK(a < 5));")
    t, u = (LoadTable("main", name, ("a",), masked=name == "u") for name in "tu")
    for _ in range(2):
        assert destination.load(t, rows_of(b"\\I9\n")) == 1
        assert destination.load(u, rows_of(b"\\I1\n")) == 1
        with pytest.raises(DatabaseError, match="CHECK constraint failed"):
            destination.load(u, rows_of(b"\\I9\n"))
    destination.abort()


def test_blocks_that_lie_about_their_rows(target: Path) -> None:
    destination = SQLiteDestination(target)
    destination.begin(wipe=True, jobs=1)
    destination.run(PRE)
    with pytest.raises(CorruptError):
        destination.load(TABLE, [RowBlock(b"1\tx\n2\ty\n", 3)])
    with pytest.raises(DatabaseError, match="doesn't create it"):
        destination.load(LoadTable("main", "nowhere", ("a",)), rows_of(b"1\n"))
    with pytest.raises(DatabaseError, match="no column named"):
        destination.load(LoadTable("main", "t", ("id", "zzz")), rows_of(b"1\tx\n"))
    assert destination.load(LoadTable("main", "nowhere", ("a",)), []) == 0
    destination.abort()


KILLED = """
import os, sys, time
from pathlib import Path
from replicate.databases.base import LoadTable, RowBlock
from replicate.databases.sqlite.destination import SQLiteDestination
destination = SQLiteDestination(Path(sys.argv[1]))
destination.begin(wipe=True, jobs=1)
destination.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT UNIQUE);")
text = b"".join(b"%d\\t%d\\n" % (i, i) for i in range(50000))
destination.load(LoadTable("main", "t", ("id", "v")), [RowBlock(text, 50000)])
print("loaded", flush=True)
time.sleep(60)
"""


def test_a_killed_restore_leaves_the_old_file(target: Path) -> None:
    before = target.read_bytes(), target.stat().st_ino
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"loaded\n"
        # Beside one that is at work, another restore takes nothing away.
        assert len(files(target.parent)) == 2
        other = SQLiteDestination(target)
        other.begin(wipe=True, jobs=1)
        assert len(files(target.parent)) == 3
        other.abort()
        process.send_signal(signal.SIGKILL)
    assert (target.read_bytes(), target.stat().st_ino) == before
    assert not restored(target)
    assert len(files(target.parent)) == 2
    restore(target)
    assert restored(target)
    assert files(target.parent) == {"target.db"}


def test_a_restore_of_another_container_is_left_alone(target: Path) -> None:
    """Its process has a number that means nothing here, but it holds its file."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    growing = target.with_name(f".target.db.replicate-{ended.pid}-0123456789ab.tmp")
    with growing.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        restore(target)
        assert growing.exists()
    restore(target)
    assert files(target.parent) == {"target.db"}


HOLDER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2].split(";"):
    db.execute(statement).fetchall()
print("ready", flush=True)
time.sleep(60)
"""


@contextmanager
def held(path: Path, statements: str) -> Iterator[None]:
    """Another process that has the database open and has run `statements`; killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), statements], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            process.kill()


@pytest.mark.parametrize(
    "statements",
    [
        "BEGIN; SELECT * FROM old",
        "BEGIN IMMEDIATE; INSERT INTO old VALUES(2)",
        "PRAGMA journal_mode = wal; SELECT * FROM old",
        "PRAGMA journal_mode = wal; BEGIN; SELECT * FROM old",
        "PRAGMA journal_mode = wal; BEGIN IMMEDIATE; INSERT INTO old VALUES(2)",
    ],
)
def test_a_target_in_use(target: Path, statements: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replicate.databases.sqlite.target._LOCK_SECONDS", 0.2)
    with held(target, statements):
        inode = target.stat().st_ino
        with pytest.raises(ConflictError, match="in use by another process"):
            restore(target)
        assert target.stat().st_ino == inode
    assert not restored(target)
    assert not [name for name in files(target.parent) if "replicate" in name]
    restore(target)
    assert restored(target)


def test_a_hot_log_beside_the_target_is_not_played_into_the_new_file(target: Path) -> None:
    make(target, "PRAGMA journal_mode = wal;")
    with held(target, "INSERT INTO old VALUES(zeroblob(20000))"):
        pass
    assert target.with_name("target.db-wal").stat().st_size > 20000
    restore(target)
    assert restored(target)
    assert files(target.parent) == {"target.db"}


def test_logs_of_a_target_that_is_gone(target: Path) -> None:
    make(target, "PRAGMA journal_mode = wal;")
    with held(target, "INSERT INTO old VALUES(zeroblob(20000))"):
        pass
    target.unlink()
    assert files(target.parent) == {"target.db-wal", "target.db-shm"}
    restore(target, wipe=False)
    assert restored(target)
    assert files(target.parent) == {"target.db"}


def test_a_hot_journal_beside_the_target(target: Path) -> None:
    with held(
        target,
        "PRAGMA cache_size = 1;PRAGMA synchronous = FULL;BEGIN;"
        + ";".join(["INSERT INTO old VALUES(zeroblob(20000))"] * 5),
    ):
        pass
    assert target.with_name("target.db-journal").stat().st_size
    with pytest.raises(GuardError, match="1 table: old"):
        restore(target, wipe=False)
    restore(target)
    assert restored(target)
    assert files(target.parent) == {"target.db"}


def test_a_target_that_changes_meanwhile(target: Path, tmp_path: Path) -> None:
    with open_db(target) as db:
        db.execute("DROP TABLE old")

    def begun(wipe: bool) -> SQLiteDestination:
        destination = SQLiteDestination(target)
        destination.begin(wipe=wipe, jobs=1)
        destination.run(PRE)
        return destination

    destination = begun(wipe=False)
    make(target, OLD)
    with pytest.raises(GuardError, match="not empty any more"):
        destination.finish()
    destination.abort()
    assert not restored(target)

    destination = begun(wipe=True)
    make(tmp_path / "other.db", OLD).replace(target)
    with pytest.raises(ConflictError, match="replaced by another process"):
        destination.finish()
    destination.abort()
    target.unlink()

    destination = begun(wipe=False)
    make(target, OLD)
    with pytest.raises(ConflictError):
        destination.finish()
    destination.abort()
    assert not restored(target)


def test_a_failed_swap_leaves_the_journal_mode(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(target, "PRAGMA journal_mode = wal;")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(DatabaseError, match="can't be replaced: No space left on device"):
        restore(target)
    with open_db(target) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("SELECT a FROM old").fetchall() == [("old",)]


def test_a_full_disk(target: Path) -> None:
    before = target.read_bytes()
    destination = SQLiteDestination(target)
    destination.begin(wipe=True, jobs=1)
    destination.run(PRE)
    assert destination._connection is not None
    destination._connection.execute("PRAGMA max_page_count = 5")
    with pytest.raises(DatabaseError, match="no space left"):
        destination.load(TABLE, rows_of(b"".join(b"%d\t%d\n" % (i, i) for i in range(9999))))
    destination.abort()
    assert target.read_bytes() == before
    assert files(target.parent) == {"target.db"}


def test_fingerprints(tmp_path: Path, target: Path) -> None:
    source = SQLiteSource(target).fingerprint()
    assert len(source) == 2
    assert all(len(facet) == 64 for facet in source)
    assert SQLiteDestination(target).fingerprint() == source
    (tmp_path / "link.db").symlink_to(target)
    (tmp_path / "hard.db").hardlink_to(target)
    for name in ("link.db", "hard.db"):
        assert SQLiteDestination(tmp_path / name).fingerprint() & source
    assert not SQLiteDestination(tmp_path / "other.db").fingerprint() & source
    target.unlink()
    assert len(SQLiteDestination(target).fingerprint() & source) == 1


@pytest.mark.parametrize(
    ("file", "name"),
    [("prod.db", "prod"), ("prod.SQLITE3", "prod"), ("app.prod", "app.prod"), ("x-prod", "x-prod")],
)
def test_names(tmp_path: Path, file: str, name: str) -> None:
    assert SQLiteDestination(tmp_path / file).name == name
    make(tmp_path / file, "")
    (tmp_path / "dev.db").symlink_to(tmp_path / file)
    assert SQLiteDestination(tmp_path / "dev.db").name == name


def test_a_log_of_the_restored_database(tmp_path: Path) -> None:
    restore(tmp_path / "new.db", post=POST + "PRAGMA journal_mode = wal;")
    assert files(tmp_path) == {"new.db"}
    with closing(sqlite3.connect(tmp_path / "new.db")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert restored(tmp_path / "new.db")
