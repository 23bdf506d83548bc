"""One moment of a PostgreSQL database, for several processes, whatever others do meanwhile."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from replicate.databases.base import Slice, Table
from replicate.databases.postgresql import locking
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.identity import fingerprint
from replicate.databases.postgresql.source import (
    PostgreSQLSnapshot,
    PostgreSQLSource,
    Shared,
)
from replicate.errors import DatabaseError, ReplicateError
from tests.support.postgres import Server

ACCOUNTS = """
CREATE TABLE account (id int PRIMARY KEY, balance int);
INSERT INTO account SELECT g, 100 FROM generate_series(1, 2000) g;
"""
DIGEST = """
import hashlib, pickle, sys
source, shared, pieces = pickle.load(sys.stdin.buffer)
snapshot = source.join(shared)
lines = [l for p in pieces for b in snapshot.read(p) for l in b.text.splitlines()]
print(hashlib.sha256(b"".join(sorted(lines))).hexdigest(), sum(int(l.split()[1]) for l in lines))
snapshot.close()
"""


@pytest.fixture
def source(server: Server, database: str) -> PostgreSQLSource:
    server.run(database, ACCOUNTS)
    return PostgreSQLSource(Address(server.uri(database)), str(server.bin))


@pytest.fixture
def any_source(any_server: Server, any_database: str) -> PostgreSQLSource:
    any_server.run(any_database, ACCOUNTS)
    return PostgreSQLSource(Address(any_server.uri(any_database)), str(any_server.bin))


def account_of(snapshot: PostgreSQLSnapshot) -> Table:
    [table] = [table for table in snapshot.schema().tables if table.name == "account"]
    return table


def lines_of(snapshot: PostgreSQLSnapshot, pieces: list[Slice]) -> list[bytes]:
    blocks = (block for piece in pieces for block in snapshot.read(piece))
    return [line for block in blocks for line in block.text.splitlines()]


@contextmanager
def writers(connect: Callable[[], psycopg.Connection[tuple[object, ...]]]) -> Iterator[None]:
    """Money is moved between accounts, and the table grows and moves, as long as this is open."""
    stop = threading.Event()

    def move() -> None:
        with connect() as connection:
            number = 0
            while not stop.is_set():
                number += 1
                one, two = number * 7 % 2000 + 1, number * 13 % 2000 + 1
                connection.execute(
                    "WITH taken AS (UPDATE account SET balance = balance - 1 WHERE id = %s) "
                    "UPDATE account SET balance = balance + 1 WHERE id = %s AND id <> %s",
                    [one, two, one],
                )
                if number % 50 == 0:
                    connection.execute("INSERT INTO account VALUES (%s, 5)", [number + 10**6])
                if number % 333 == 0:
                    connection.execute("VACUUM account")

    threads = [threading.Thread(target=move)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_processes_share_one_moment(
    server: Server, database: str, source: PostgreSQLSource
) -> None:
    with writers(lambda: server.connect(database)), closing(source.open()) as snapshot:
        table = account_of(snapshot)
        pieces = snapshot.slices(table, 20_000)
        assert len(pieces) > 2
        task = pickle.dumps((source, snapshot.share(), pieces))
        found = {
            subprocess.run(
                [sys.executable, "-c", DIGEST], input=task, capture_output=True, check=True
            ).stdout
            for _ in range(2)
        }
        lines = lines_of(snapshot, [Slice(table)])
        total = sum(int(line.split()[1]) for line in lines)
        assert snapshot.confirm_shared()
    digest = hashlib.sha256(b"".join(sorted(lines))).hexdigest()
    assert found == {f"{digest} {total}\n".encode()}
    assert len(lines) >= 2000


def test_what_it_tells(server: Server, database: str, source: PostgreSQLSource) -> None:
    with server.connect(database) as connection:
        found = connection.execute("SHOW server_version_num").fetchone()
        assert found is not None
        number = int(found[0])
        expected = fingerprint(connection)
    assert source.server_version() == f"PostgreSQL {number // 10000}.{number % 10000}"
    assert source.fingerprint() == expected
    other = server.create_database()
    elsewhere = PostgreSQLSource(Address(server.uri(other)), None)
    assert elsewhere.fingerprint().isdisjoint(expected)
    assert "secret" not in repr(source.address)
    server.drop_database(other)


def test_a_role_without_the_identifier(any_server: Server, any_database: str) -> None:
    """It still finds that a database is the same as one that another role has seen."""
    with any_server.connect(any_database) as connection:
        everybody = fingerprint(connection)
        connection.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        connection.execute("CREATE ROLE plain; SET ROLE plain")
        try:
            facets = fingerprint(connection)
        finally:
            connection.execute("RESET ROLE; DROP ROLE plain")
            connection.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
    assert len(everybody) == 2
    assert len(facets) == 1
    assert facets < everybody


def test_a_truncated_or_changed_table_waits(
    any_server: Server, any_database: str, any_source: PostgreSQLSource
) -> None:
    with closing(any_source.open()) as snapshot:
        with any_server.connect(any_database) as other:
            other.execute("SET lock_timeout = '100ms'")
            for change in (
                "TRUNCATE account",
                "ALTER TABLE account ADD x int",
                "DROP TABLE account",
            ):
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    other.execute(change)
        assert len(lines_of(snapshot, [Slice(account_of(snapshot))])) == 2000
    with any_server.connect(any_database) as other:
        other.execute("TRUNCATE account")  # once it is closed


def test_a_truncate_before_the_snapshot_is_part_of_it(
    any_server: Server,
    any_database: str,
    any_source: PostgreSQLSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tables are made, renamed and dropped between the list of them and the locks."""
    changes = iter(
        [
            "CREATE TABLE second (a int); INSERT INTO second VALUES (2)",
            "DROP TABLE second; ALTER TABLE account RENAME TO accounts; CREATE TABLE account ()",
            "DROP TABLE account; ALTER TABLE accounts RENAME TO account",
            "UPDATE account SET balance = 0",
        ]
    )
    lock = locking._lock

    def meanwhile(*args: object) -> None:
        for change in changes:
            with any_server.connect(any_database) as other:
                other.execute(change.encode())
            break
        lock(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(locking, "_lock", meanwhile)
    with closing(any_source.open()) as snapshot:
        assert [table.name for table in snapshot.schema().tables] == ["account"]
        lines = lines_of(snapshot, [Slice(account_of(snapshot))])
        with any_server.connect(any_database) as other:
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute("TRUNCATE account")
    assert {line.split(b"\t")[1] for line in lines} == {b"0"}


def test_tables_that_keep_coming(
    any_server: Server,
    any_database: str,
    any_source: PostgreSQLSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock, numbers = locking._lock, iter(range(100))

    def meanwhile(*args: object) -> None:
        with any_server.connect(any_database) as other:
            other.execute(f"CREATE TABLE t{next(numbers)} (a int)".encode())
        lock(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(locking, "_lock", meanwhile)
    with closing(any_source.open()) as snapshot:
        names = [table.name for table in snapshot.schema().tables]
        assert names == ["account", *(f"t{i}" for i in range(len(names) - 1))]
        with any_server.connect(any_database) as other:
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(f"DROP TABLE {names[-1]}".encode())


def test_somebody_holds_a_lock(
    any_server: Server,
    any_database: str,
    any_source: PostgreSQLSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locking, "LOCK_SECONDS", 1)
    with any_server.connect(any_database) as other, other.transaction():
        other.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(
            DatabaseError, match=r"public\.account can't be locked .*exclusive lock"
        ):
            any_source.open()


def test_a_worker_never_waits_behind_a_change(
    any_server: Server, any_database: str, any_source: PostgreSQLSource
) -> None:
    """Its lock would wait for the change, which waits for the leader, which waits for it."""
    with closing(any_source.open()) as leader, closing(any_source.join(leader.share())) as worker:
        piece = Slice(account_of(leader))
        with any_server.connect(any_database) as other:
            waiting = threading.Thread(target=other.execute, args=["ALTER TABLE account ADD x int"])
            waiting.start()
            with any_server.connect(any_database) as watcher:
                while not watcher.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                    pass
            with pytest.raises(DatabaseError, match=r"account can't be read: .*lock"):
                list(worker.read(piece))
            assert len(lines_of(leader, [piece])) == 2000  # who has its lock already
            leader.close()
            waiting.join()


def test_a_schema_that_takes_the_name_of_another(
    any_server: Server, any_database: str, any_source: PostgreSQLSource
) -> None:
    """Its rows would be masked as the other's are, and no lock keeps it from being renamed."""
    any_server.run(any_database, "CREATE SCHEMA next; CREATE TABLE next.account(LIKE account)")
    with closing(any_source.open()) as leader, closing(any_source.join(leader.share())) as worker:
        tables = [table for table in leader.schema().tables if table.name == "account"]
        any_server.run(
            any_database,
            "ALTER SCHEMA public RENAME TO old; ALTER SCHEMA next RENAME TO public;"
            "ALTER SCHEMA old RENAME TO next",
        )
        for snapshot, table in zip((leader, worker), tables, strict=True):
            with pytest.raises(DatabaseError, match=r"account can't be read: its schema was ren"):
                list(snapshot.read(Slice(table)))


def test_a_worker_gives_up_its_locks(
    any_server: Server, any_database: str, any_source: PostgreSQLSource
) -> None:
    with closing(any_source.open()) as leader, closing(any_source.join(leader.share())) as worker:
        assert len(lines_of(worker, leader.slices(account_of(leader), 10_000))) == 2000
        with any_server.connect(any_database) as other:
            [(holders,)] = other.execute(
                "SELECT count(*) FROM pg_locks WHERE relation = 'account'::regclass "
                "AND mode = 'AccessShareLock'"  # a vacuum of the server's own takes another
            ).fetchall()
    assert holders == 1


def test_a_moment_that_is_over(any_source: PostgreSQLSource) -> None:
    snapshot = any_source.open()
    shared = snapshot.share()
    snapshot.close()
    snapshot.close()
    with pytest.raises(DatabaseError, match="the snapshot can't be joined"):
        any_source.join(shared)
    assert isinstance(shared, Shared)
    with pytest.raises(ReplicateError, match="more than one server"):
        any_source.join(Shared(shared.snapshot, "another one's start"))
    with pytest.raises(TypeError):
        any_source.join(object())


def test_nothing_is_written(any_source: PostgreSQLSource) -> None:
    refused = pytest.raises(psycopg.errors.ReadOnlySqlTransaction)
    with closing(any_source.open()) as snapshot, refused:
        snapshot._connection.execute("DELETE FROM public.account")
