"""What comes before the rows: created in the dump's order, in one transaction."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager

from replicate.databases.postgresql import wiping
from replicate.databases.postgresql.connection import Connection, errors_of
from replicate.databases.postgresql.entries import Entry
from replicate.databases.postgresql.running import run_one
from replicate.errors import DatabaseError

_BATCH = 500
"""Entries of a transaction where there may be several: each object that is made takes a lock."""


class Creator:
    """Runs entries on one session. `owner`: objects get the owners that they had."""

    def __init__(self, connection: Connection, *, owner: bool) -> None:
        self._connection = connection
        self._owner = owner
        self._schemas: set[str] = set()
        self._extensions: set[str] = set()

    def create(
        self,
        entries: Sequence[Entry],
        *,
        later: Sequence[Entry] = (),
        tables: Container[tuple[str, str]] | None = None,
        wipe: bool,
        at_once: bool,
    ) -> None:
        """Create the entries' objects, dropping before what is in the way if `wipe` says so.

        `later` are entries that will be run after the rows; what is in their way goes as well.
        `tables` are the only ones that are restored, None is all.
        `at_once` keeps all of it or nothing; otherwise it is for a database that nobody uses yet.
        Raises `DatabaseError` with the entry that failed, and `GuardError` as `wiping.wipe` does.
        """
        with errors_of("the schema can't be looked at"):
            self._look()
        self._refuse_unavailable(entries)
        if wipe or at_once:
            with self._transaction():
                if wipe:
                    wiping.wipe(self._connection, [*entries, *later])
                    kept = {e.name for e in entries if e.kind == "EXTENSION"} & self._extensions
                    wiping.clear_extensions(self._connection, kept, tables)
                self._run(entries)
            return
        for start in range(0, len(entries), _BATCH):
            with self._transaction():
                self._run(entries[start : start + _BATCH])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with errors_of("the schema can't be restored"), self._connection.transaction():
            yield

    def _run(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if self._is_there(entry):
                continue
            run_one(self._connection, entry.title, entry.sql)
            if self._owner:
                run_one(self._connection, f"the owner of {entry.title}", entry.owner)

    def _look(self) -> None:
        rows = self._connection.execute(
            "SELECT 'schema', nspname FROM pg_catalog.pg_namespace "
            "UNION ALL SELECT 'extension', extname FROM pg_catalog.pg_extension"
        ).fetchall()
        self._schemas = {name for kind, name in rows if kind == "schema"}
        self._extensions = {name for kind, name in rows if kind == "extension"}

    def _is_there(self, entry: Entry) -> bool:
        """Whether it is a schema or an extension that exists, or a comment on the latter."""
        if entry.kind == "SCHEMA":
            return entry.name in self._schemas
        extension = entry.name
        if entry.kind == "COMMENT":
            extension = entry.name.removeprefix("EXTENSION ")
            if extension == entry.name:
                return False
        elif entry.kind != "EXTENSION":
            return False
        return extension.strip('"') in self._extensions

    def _refuse_unavailable(self, entries: Sequence[Entry]) -> None:
        needed = {e.name for e in entries if e.kind == "EXTENSION"} - self._extensions
        if not needed:
            return
        with errors_of("the server's extensions can't be listed"):
            rows = self._connection.execute(
                "SELECT name FROM pg_catalog.pg_available_extensions"
            ).fetchall()
        missing = sorted(needed - {name for (name,) in rows})
        if missing:
            one = len(missing) == 1
            raise DatabaseError(
                f"the server does not have the {'extension' if one else 'extensions'} "
                f"{', '.join(missing)}, which the dump needs",
                hint=f"install {'it' if one else 'them'} on the server, as a package of its system "
                "for its version of PostgreSQL",
            )
