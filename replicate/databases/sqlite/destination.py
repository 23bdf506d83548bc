"""A database file as a destination: built beside the target, and swapped in when it is whole."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from replicate.databases.base import LoadTable, RowBlock
from replicate.databases.sqlite.connection import connect, errors_of
from replicate.databases.sqlite.identity import fingerprint
from replicate.databases.sqlite.loading import Loader
from replicate.databases.sqlite.running import SchemaRunner
from replicate.databases.sqlite.target import Workspace, contents
from replicate.databases.sqlite.values import CODECS
from replicate.errors import DatabaseError, GuardError

_SUFFIXES = frozenset({".db", ".db3", ".s3db", ".sl3", ".sqlite", ".sqlite3"})

_BUILDING = (
    # A file that nobody knows yet needs no journal: if anything fails, it is thrown away.
    "journal_mode = OFF",
    "synchronous = OFF",
    "locking_mode = EXCLUSIVE",
    "cache_size = -65536",
    "foreign_keys = OFF",
)


class SQLiteDestination:
    """A database file to restore into. One thread at a time may use it."""

    engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self._given = path
        self._path = path.resolve()  # a symbolic link stays, and the file it leads to is replaced
        self._workspace: Workspace | None = None
        self._connection: sqlite3.Connection | None = None
        self._runner: SchemaRunner | None = None
        self._loader: tuple[LoadTable, Loader] | None = None
        self._wipe = False
        self._wal = False

    @property
    def name(self) -> str:
        """The file's name, less an ending that only says that it is a database."""
        path = self._path
        return path.stem if path.suffix.lower() in _SUFFIXES else path.name

    @property
    def names(self) -> frozenset[str]:
        """The name as given and the one it leads to, whole and less each of its endings."""
        found = set()
        for path in (self._given, self._path):
            parts = path.name.split(".")
            found |= {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
        return frozenset(found - {""})

    def fingerprint(self) -> frozenset[str]:
        return fingerprint(self._path)

    def is_empty(self) -> bool:
        return contents(self._path).empty

    def describe_contents(self) -> str:
        return str(contents(self._path))

    def would_drop(
        self, pre_data: str, post_data: str, *, only: Sequence[LoadTable] | None = None
    ) -> str:
        del pre_data, post_data, only  # the whole file is replaced
        if self.is_empty():
            return ""
        return f"all that {self._path} holds goes: {self.describe_contents()}"

    def begin(self, *, wipe: bool, jobs: int) -> int:  # noqa: ARG002 - a file has one writer
        """Begin the new file. Raises `GuardError` where the target must not be replaced."""
        held = contents(self._path)
        if not wipe and not held.empty:
            raise GuardError(
                f"{self._path} is not empty: it holds {held}", hint="--wipe replaces it"
            )
        self._wipe = wipe
        self._workspace = Workspace(self._path)
        with errors_of(self._path):
            self._connection = connect(self._workspace.path, "private")
            for setting in _BUILDING:
                self._connection.execute(f"PRAGMA {setting}")
            self._runner = SchemaRunner(self._connection, self._path)
        return 1

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise DatabaseError("no restore has begun")
        return self._connection

    @property
    def _schema(self) -> SchemaRunner:
        if self._runner is None:
            raise DatabaseError("no restore has begun")
        return self._runner

    def run(self, script: str, *, only: Sequence[LoadTable] | None = None) -> None:
        self._close_loader()
        for statement in self._schema.statements(script, only):
            if statement.verb != "PRAGMA":
                self._begin_transaction()
            elif statement.name.lower() == "journal_mode":
                # Takes effect outside of the transaction, so at the end.
                self._wal = "wal" in statement.mentions
                continue
            self._schema.run(statement)

    def _begin_transaction(self) -> None:
        if not self._open.in_transaction:
            self._open.execute("BEGIN")

    def load(self, table: LoadTable, blocks: Iterable[RowBlock]) -> int:
        blocks = iter(blocks)
        first = next(blocks, None)
        if first is None:
            return 0
        doing = f"{table.qualified} can't be loaded"
        with errors_of(self._path, doing):
            self._begin_transaction()
            rows = self._loader_of(table).load(itertools.chain((first,), blocks))
        self._schema.check_order(doing)
        return rows

    def _loader_of(self, table: LoadTable) -> Loader:
        if self._loader is not None and self._loader[0] == table:
            return self._loader[1]
        self._close_loader()
        [encoding] = self._open.execute("PRAGMA encoding").fetchone()
        loader = Loader(self._open, table, self._schema.definition(table), CODECS[encoding])
        # Rows may have broken a CHECK in the source, where it came later or was switched off. A
        # replacement must not.
        checked = table.masked and self._schema.is_checkable(table)
        self._open.execute(f"PRAGMA ignore_check_constraints = {'OFF' if checked else 'ON'}")
        self._loader = table, loader
        return loader

    def _close_loader(self) -> None:
        if self._loader is not None:
            with errors_of(self._path):
                self._loader[1].close()
            self._loader = None

    def finish(self) -> None:
        self._close_loader()
        with errors_of(self._path):
            if self._open.in_transaction:
                self._open.execute("COMMIT")
            if self._wal:
                self._open.execute("PRAGMA journal_mode = WAL")
            self._close()
        if self._workspace is not None:
            self._workspace.replace_target(wipe=self._wipe)
            self._workspace = None

    def abort(self) -> None:
        self._close()
        if self._workspace is not None:
            self._workspace.remove()
            self._workspace = None

    def _close(self) -> None:
        self._loader = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
