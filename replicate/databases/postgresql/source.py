"""A PostgreSQL database as a source: one snapshot, which worker processes join.

The leader's transaction exports the snapshot and holds the locks that keep all tables as they are;
workers read under its protection. Nothing is ever written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from psycopg.pq import Escaping

from replicate.databases.base import RowBlock, Schema, Selection, Slice, Table
from replicate.databases.postgresql import identity, locking, object_rows, slicing
from replicate.databases.postgresql.connection import Address, Connection, errors_of
from replicate.databases.postgresql.large_objects import NAME as LARGE_OBJECTS
from replicate.databases.postgresql.object_rows import ObjectRange
from replicate.databases.postgresql.reading import copy_out
from replicate.databases.postgresql.schema import Catalog, read_catalog
from replicate.databases.postgresql.sections import Sections
from replicate.databases.postgresql.settings import identifier, session_settings
from replicate.databases.postgresql.slicing import PageRange, Where
from replicate.errors import DatabaseError


@dataclass(frozen=True, slots=True)
class Shared:
    """What another process needs to join a moment: its name, and the server that knows it."""

    snapshot: str
    server: str


class PostgreSQLSource:
    """A database to read from. Picklable; a pickle holds the address with its secrets.

    `bin_path` is the folder of pg_dump, or None to look for it in the usual places.
    """

    engine = "postgresql"

    def __init__(self, address: Address, bin_path: str | None) -> None:
        self.address = address
        self.bin_path = bin_path

    def open(self) -> PostgreSQLSnapshot:
        """Begin to read. Raises `DatabaseError`, also where somebody keeps a table locked."""
        connection = self._connect()
        with _closing_unless_done(connection):
            snapshot = locking.begin(connection)
            shared = Shared(snapshot, identity.server_start(connection))
            return PostgreSQLSnapshot(self.address, self.bin_path, connection, shared)

    def join(self, shared: object) -> PostgreSQLSnapshot:
        """Begin to read, at the moment that another process shares and still has open."""
        if not isinstance(shared, Shared):
            raise TypeError("not what a snapshot of PostgreSQL shares")
        connection = self._connect()
        with _closing_unless_done(connection):
            if identity.server_start(connection) != shared.server:
                raise DatabaseError(
                    "the connection URI leads to more than one server",
                    hint="name one of them, or use one job",
                )
            locking.join(connection, shared.snapshot)
            return PostgreSQLSnapshot(self.address, self.bin_path, connection, shared)

    def server_version(self) -> str:
        with closing(self.address.connect()) as connection:
            major, minor = divmod(connection.info.server_version, 10000)
        return f"PostgreSQL {major}.{minor}"

    def fingerprint(self) -> frozenset[str]:
        """As `identity.fingerprint` gives it."""
        with closing(self._connect()) as connection:
            return identity.fingerprint(connection)

    def is_kept_in(self, path: Path) -> bool:  # noqa: ARG002 - whatever it is
        return False  # a server's files are its own

    def _connect(self) -> Connection:
        connection = self.address.connect()
        with _closing_unless_done(connection):
            session_settings(connection)
            return connection


@contextlib.contextmanager
def _closing_unless_done(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


class PostgreSQLSnapshot:
    """One moment of a database. One thread at a time may use it."""

    def __init__(
        self, address: Address, bin_path: str | None, connection: Connection, shared: Shared
    ) -> None:
        """`connection` is in the transaction of that moment, and closed with the snapshot."""
        self._address = address
        self._bin_path = bin_path
        self._connection = connection
        self._shared = shared

    def close(self) -> None:
        """End the transaction. The snapshots that joined it go on; no more can join."""
        self._connection.close()

    def share(self) -> object:
        return self._shared

    def confirm_shared(self) -> bool:
        return True

    def schema(self) -> Schema:
        """All tables; foreign ones and large objects among them, which can't be masked."""
        return self._catalog.schema

    @cached_property
    def _catalog(self) -> Catalog:
        return read_catalog(self._connection)

    @cached_property
    def _sections(self) -> Sections:
        return Sections(
            self._address, self._connection, self._shared.snapshot, self._bin_path, self.schema()
        )

    def pre_data(self, selection: Selection) -> str:
        return self._sections.pre_data(selection)

    def post_data(self, selection: Selection) -> str:
        return self._sections.post_data(selection)

    def remarks(self, selection: Selection) -> list[str]:
        return self._sections.remarks(selection)

    def dumped_tables(self, selection: Selection) -> tuple[Table, ...]:
        """Those with rows of their own. Raises `DatabaseError` for one that can't be read."""
        with_rows = [t for t in selection.tables if self._catalog.of(t).kind in ("r", "L")]
        self._refuse_unreadable(with_rows)
        left_out = self._sections.left_out(selection)
        dumped = [t for t in with_rows if (t.schema, t.name) not in left_out]
        # The biggest first, so that in the end no worker is left alone with a long piece.
        return tuple(sorted(dumped, key=lambda table: table.bytes or 0, reverse=True))

    def _refuse_unreadable(self, tables: Sequence[Table]) -> None:
        barred = [r for table in tables if (r := self._catalog.of(table)).barrier]
        if barred:
            first = barred[0]
            others = f", nor can {len(barred) - 1} others" if len(barred) > 1 else ""
            raise DatabaseError(
                f"{first.table.qualified} can't be read: {first.barrier}{others}", hint=first.hint
            )
        if any(self._catalog.of(table).kind == "L" for table in tables):
            oid = object_rows.forbidden(self._connection)
            if oid is not None:
                raise DatabaseError(
                    f"the large object {oid} can't be read: the role lacks the right to",
                    hint="grant it SELECT on the large object, or leave all of them out: skip "
                    f"the table {'.'.join(LARGE_OBJECTS)}",
                )

    def slices(self, table: Table, target_bytes: int) -> list[Slice]:
        relation = self._catalog.of(table)
        if relation.kind == "L":
            return object_rows.slices(self._connection, table, target_bytes)
        if relation.condition:
            return [Slice(table, Where(relation.condition))]
        if not relation.pages or self._connection.info.server_version < slicing.OLDEST:
            return [Slice(table)]
        return slicing.page_slices(table, relation.pages, target_bytes)

    def read(self, piece: Slice) -> Generator[RowBlock, None, None]:
        """The rows of the slice. A reader that is given up takes the whole snapshot with it."""
        doing = f"{piece.table.qualified} can't be read"
        with errors_of(doing):
            script = self._script(piece)
        yield from copy_out(self._connection, script, doing)

    def _script(self, piece: Slice) -> bytes:
        """The COPY, within a savepoint: going back to it gives up the lock, of which there may be
        tens of thousands in the end.

        A worker must not wait for its lock. Somebody may wait for an exclusive one, who waits for
        the leader, who waits for the worker, and no server sees that they do.

        No lock keeps a schema from being renamed, and another one from taking its name. What was
        read would then be masked as that of another table; so its name is looked at in the end.
        """
        if isinstance(piece.token, ObjectRange):
            return object_rows.copy_statement(piece.token)
        name = identifier(self._connection, piece.table.schema, piece.table.name)
        return b"; ".join(
            [
                b"SAVEPOINT piece",
                b"SET LOCAL enable_seqscan = off",
                b"LOCK TABLE ONLY " + name + b" IN ACCESS SHARE MODE NOWAIT",
                self._copy(piece, name),
                self._is_as_it_was(piece.table),
                b"ROLLBACK TO SAVEPOINT piece",
                b"RELEASE SAVEPOINT piece",
            ]
        )

    def _is_as_it_was(self, table: Table) -> bytes:
        """Whether the name means what it meant at the snapshot's moment, which a query of the
        catalog sees; a name is looked up in the catalog as it is now."""
        now, schema, name = (
            Escaping(self._connection.pgconn).escape_literal(part)
            for part in (
                identifier(self._connection, table.schema, table.name),
                table.schema.encode("utf-8", "surrogateescape"),
                table.name.encode("utf-8", "surrogateescape"),
            )
        )
        return (
            b"SELECT %b::regclass::oid = (SELECT c.oid FROM pg_class c JOIN pg_namespace n "
            b"ON n.oid = c.relnamespace WHERE n.nspname = %b AND c.relname = %b)"
        ) % (now, schema, name)

    def _copy(self, piece: Slice, name: bytes) -> bytes:
        columns = b", ".join(
            identifier(self._connection, c.name) for c in piece.table.stored_columns
        )
        if piece.token is None:
            # Without a list it is all columns, which here are none.
            return b"COPY " + name + (b" (" + columns + b")" if columns else b"") + b" TO STDOUT"
        if isinstance(piece.token, PageRange):
            condition = "WHERE " + piece.token.condition
        elif isinstance(piece.token, Where):
            condition = piece.token.condition
        else:
            raise TypeError("not a slice of PostgreSQL's")
        rows = b"SELECT " + columns + b" FROM ONLY " + name + b" " + condition.encode()
        return b"COPY (" + rows + b") TO STDOUT"
