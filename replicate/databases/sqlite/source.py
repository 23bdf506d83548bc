"""A database file as a source: opened for reading alone, and read in one transaction.

Other processes may write meanwhile. In WAL mode they are not held up; beside a database that nobody
has open, its log and the index of that may then appear, both empty, as with any reader. In the
other journal modes a reader keeps writers from ending their transactions, so there they wait until
the dump is done, or give up when their own time is over.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from replicate.databases.base import RowBlock, Schema, Selection, Slice, Table
from replicate.databases.sqlite import sections
from replicate.databases.sqlite.connection import check_file, connect, errors_of
from replicate.databases.sqlite.identity import fingerprint, identity
from replicate.databases.sqlite.reading import RowReader
from replicate.databases.sqlite.schema import SCHEMA, Catalog, Entry, TableReader, read_catalog
from replicate.databases.sqlite.slicing import Slicer, bounds_of
from replicate.databases.sqlite.values import CODECS
from replicate.errors import DatabaseError
from replicate.rows.column import Kind

OLDEST = (3, 37, 0)
"""The first SQLite that knows all of what a database may hold today, STRICT tables among it."""

_readers: list[int] = []
"""For each open snapshot the process that opened it. A forked child finds its parent's here."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What another process needs to join a moment: which file, by its name and by itself."""

    path: Path
    file: tuple[int, int]


class SQLiteSource:
    """A database file to read from; nothing is ever written to it. Picklable."""

    engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def open(self) -> SQLiteSnapshot:
        """Begin to read. Raises `DatabaseError` where the file can't be read as a database."""
        return SQLiteSnapshot(self.path)

    def join(self, shared: object) -> SQLiteSnapshot:
        """Begin to read the file that another process shares.

        That it is at the same moment is only known once that process has asked `confirm_shared`.
        """
        if not isinstance(shared, Shared):
            raise TypeError("not what a snapshot of SQLite shares")
        return SQLiteSnapshot(shared.path, shared=shared)

    def server_version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def fingerprint(self) -> frozenset[str]:
        return fingerprint(self.path)

    def is_kept_in(self, path: Path) -> bool:
        return not fingerprint(path).isdisjoint(self.fingerprint())


class SQLiteSnapshot:
    """One moment of a database file. One thread at a time may use it."""

    def __init__(self, path: Path, *, shared: Shared | None = None) -> None:
        if sqlite3.sqlite_version_info < OLDEST:
            raise DatabaseError(
                f"SQLite {sqlite3.sqlite_version} is too old",
                hint=f"Python's sqlite3 module must be built with {'.'.join(map(str, OLDEST))}",
            )
        if set(_readers) - {os.getpid()}:
            # SQLite would take its parent's locks for its own.
            raise DatabaseError("a forked process can't read while its parent has a database open")
        self.path = path
        check_file(path)
        before = identity(path)
        with ExitStack() as undo, errors_of(path):
            # Watches from outside of the transaction, and from before it, for others that write.
            self._monitor = undo.enter_context(closing(connect(path, "ro")))
            self._version = self._data_version()
            self._connection = undo.enter_context(closing(connect(path, "ro")))
            self._connection.execute("BEGIN")
            # A transaction has its moment only once it reads.
            self._catalog: Catalog = read_catalog(self._connection)
            [encoding] = self._connection.execute("PRAGMA encoding").fetchone()
            self._codec = CODECS[encoding]
            _readers.append(os.getpid())
            undo.callback(_readers.remove, os.getpid())
            self._undo = undo.pop_all()
        after = identity(path)
        if before is None or after != before or (shared is not None and shared.file != before):
            self.close()
            raise DatabaseError(f"{path} was replaced by another file while it was being opened")
        self._file = before

    def close(self) -> None:
        self._undo.close()

    def share(self) -> object:
        return Shared(self.path, self._file)

    def confirm_shared(self) -> bool:
        """Whether all that joined see this moment: nobody has written since it was opened."""
        try:
            return self._data_version() == self._version and identity(self.path) == self._file
        except sqlite3.OperationalError:
            return False  # a writer is waiting for the readers to end

    def _data_version(self) -> int:
        [version] = self._monitor.execute("PRAGMA data_version").fetchone()
        return int(version)

    def schema(self) -> Schema:
        """All tables, virtual ones and those that hold their rows included."""
        return self._schema

    @cached_property
    def _schema(self) -> Schema:
        with errors_of(self.path):
            tables = [self._table(entry) for entry in self._catalog.tables]
            tables += [self._virtual(entry) for entry in self._catalog.virtuals]
        return Schema(tuple(tables))

    def _table(self, entry: Entry) -> Table:
        reader = self._reader_of(entry.name)
        table = Table(
            SCHEMA,
            entry.name,
            reader.columns,
            primary_key=reader.primary_key,
            unique_keys=reader.unique_keys.all(),
            foreign_keys=reader.foreign_keys,
            behind_foreign_keys=reader.behind_foreign_keys,
        )
        key = reader.layout.key
        if key is not None:
            slicer = Slicer(self._connection, reader.layout, key, self._codec)
            pieces = slicer.pieces(self._size // 4)
            table = replace(
                table, rows=sum(p.rows for p in pieces), bytes=sum(p.bytes for p in pieces)
            )
        owner = self._catalog.shadows.get(entry.name)
        return table if owner is None else self._shadow(table, owner)

    def _shadow(self, table: Table, owner: str) -> Table:
        module = self._catalog.by_name[owner.lower()].module
        if module.startswith("fts") and table.name[len(owner) + 1 :].lower() == "content":
            # The values themselves: what is masked here, the index is built from again.
            columns = tuple(
                column if column.name in table.primary_key else replace(column, kind=Kind.TEXT)
                for column in table.columns
            )
            return replace(
                table,
                columns=columns,
                part_of=owner,
                note=f"holds the rows of the {module} table {owner}; mask them here",
            )
        return replace(
            table,
            part_of=owner,
            maskable=False,
            note=f"it is a part of the index that the {module} table {owner} keeps",
        )

    def _virtual(self, entry: Entry) -> Table:
        module = entry.module
        content = f"{entry.name}_content".lower()
        note = f"a virtual table ({module or 'of an unknown module'}) has no rows of its own"
        if module.startswith("fts") and content in self._catalog.by_name:
            note += f"; mask {self._catalog.by_name[content].name}, which holds them"
        return Table(SCHEMA, entry.name, (), rows=0, bytes=0, maskable=False, note=note)

    @cached_property
    def _size(self) -> int:
        [pages] = self._connection.execute("PRAGMA main.page_count").fetchone()
        [size] = self._connection.execute("PRAGMA main.page_size").fetchone()
        return max(1 << 20, int(pages * size))

    def _reader_of(self, name: str) -> TableReader:
        entry = self._catalog.by_name[name.lower()]
        return TableReader(self._connection, entry.name, entry.sql, self._names)

    @cached_property
    def _names(self) -> dict[str, str]:
        return {lower: entry.name for lower, entry in self._catalog.by_name.items()}

    def pre_data(self, selection: Selection) -> str:
        return self._section(sections.pre_data, selection)

    def post_data(self, selection: Selection) -> str:
        return self._section(sections.post_data, selection)

    def _section(
        self,
        write: Callable[[sqlite3.Connection, Catalog, sections.Extent], str],
        selection: Selection,
    ) -> str:
        with errors_of(self.path):
            dumped = sections.extent(self._catalog, selection)
            return write(self._connection, self._catalog, dumped)

    def dumped_tables(self, selection: Selection) -> tuple[Table, ...]:
        dumped = sections.extent(self._catalog, selection)
        return tuple(
            table
            for table in selection.tables
            if table.name.lower() not in dumped.left_out | dumped.unread
        )

    def remarks(self, selection: Selection) -> list[str]:  # noqa: ARG002 - no two dumps differ
        return []

    def slices(self, table: Table, target_bytes: int) -> list[Slice]:
        layout = self._reader_of(table.name).layout
        if layout.key is None or (table.bytes is not None and table.bytes <= target_bytes):
            return [Slice(table)]
        with errors_of(self.path):
            slicer = Slicer(self._connection, layout, layout.key, self._codec)
            pieces = slicer.pieces(target_bytes)
        if len(pieces) < 2:
            return [Slice(table)]
        return [Slice(table, bounds) for bounds in bounds_of(pieces)]

    def read(self, piece: Slice) -> Generator[RowBlock, None, None]:
        with errors_of(self.path, f"{piece.table.qualified} can't be read"):
            layout = self._reader_of(piece.table.name).layout
            reader = RowReader(self._connection, layout, codec=self._codec)
            yield from reader.blocks(piece.token or (None, None))
