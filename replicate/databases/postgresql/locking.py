"""The moment of a dump: a snapshot that others can join, and locks that keep its tables there.

The locks come first and the snapshot second. The other way round a TRUNCATE between the two would
leave a table that is empty in the snapshot although it was not at that moment, since a TRUNCATE is
not undone for the snapshots before it (PostgreSQL's documentation of MVCC, section "Caveats").
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg.errors import LockNotAvailable, OutOfMemory, UndefinedTable

from replicate.databases.postgresql.connection import Connection, errors_of
from replicate.databases.postgresql.schema import LOCKED
from replicate.databases.postgresql.settings import identifier
from replicate.errors import DatabaseError

LOCK_SECONDS = 20
"""How long to wait for those who change a table's definition, for each table."""

_BEGIN = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_ATTEMPTS = 5
_BATCH = 500
_HOLDERS = """
SELECT n.nspname || '.' || c.relname, l.pid FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND c.relkind IN ('r', 'p')
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY l.granted DESC, 1 LIMIT 1
"""

_Table = tuple[int, str, str]


def begin(connection: Connection) -> str:
    """Begin a transaction that sees one moment, with all tables that may be read locked in it.

    Returns the snapshot's name, by which others `join` it as long as this transaction is open.
    Raises `DatabaseError`, which names a table that somebody else has locked.
    """
    with errors_of("the snapshot can't be taken"):
        connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'".encode())
        try:
            return _begin(connection)
        except LockNotAvailable:
            connection.execute("ROLLBACK")
            raise _held(connection) from None
        except OutOfMemory as error:
            raise DatabaseError(
                f"the tables can't be locked: {error.diag.message_primary}",
                hint="raise max_locks_per_transaction on the server",
            ) from None


def _begin(connection: Connection) -> str:
    tables: set[_Table] = set()
    for attempt in range(_ATTEMPTS):
        tables = _listed(connection)
        connection.execute(_BEGIN)
        try:
            _lock(connection, tables)
            # The first query: from here on it is one moment.
            [(snapshot,)] = connection.execute("SELECT pg_export_snapshot()").fetchall()
            late = _listed(connection) - tables
            if not late or attempt == _ATTEMPTS - 1:
                # Tables come and go too fast: those that are new are locked after all.
                _lock(connection, late)
                return str(snapshot)
        except UndefinedTable:
            if attempt == _ATTEMPTS - 1:
                raise
        connection.execute("ROLLBACK")
    raise AssertionError


def join(connection: Connection, snapshot: str) -> None:
    """Begin a transaction that sees what the one that `begin` began sees."""
    with errors_of("the snapshot can't be joined"):
        connection.execute(_BEGIN)
        connection.execute(b"SET TRANSACTION SNAPSHOT '" + snapshot.encode() + b"'")


def _listed(connection: Connection) -> set[_Table]:
    return {(oid, schema, name) for oid, schema, name in connection.execute(LOCKED)}


def _lock(connection: Connection, tables: Iterable[_Table]) -> None:
    names = [b"ONLY " + identifier(connection, *table[1:]) for table in sorted(tables)]
    for start in range(0, len(names), _BATCH):
        batch = b", ".join(names[start : start + _BATCH])
        connection.execute(b"LOCK TABLE " + batch + b" IN ACCESS SHARE MODE")


def _held(connection: Connection) -> DatabaseError:
    row = connection.execute(_HOLDERS).fetchone()
    table, holder = ("a table", "") if row is None else (row[0], f" (server process {row[1]})")
    return DatabaseError(
        f"{table} can't be locked for reading: somebody{holder} holds an exclusive lock on it, or "
        "waits for one",
        hint="try again when its definition is no longer being changed",
    )
