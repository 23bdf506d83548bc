"""A PostgreSQL database as a destination: restored in place, or beside and then swapped in."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager

import psycopg

from replicate.databases.base import LoadTable, RowBlock
from replicate.databases.postgresql import wiping
from replicate.databases.postgresql.archive import quote
from replicate.databases.postgresql.choosing import Choice
from replicate.databases.postgresql.connection import Address, Connection, errors_of
from replicate.databases.postgresql.contents import Contents, contents
from replicate.databases.postgresql.creating import Creator
from replicate.databases.postgresql.entries import SETTINGS, Entry, read_script
from replicate.databases.postgresql.families import Family
from replicate.databases.postgresql.identity import fingerprint
from replicate.databases.postgresql.loading import is_large_objects, load_rows
from replicate.databases.postgresql.running import (
    STATISTICS,
    Task,
    privileges_of,
    run_all,
    sql_of,
    tasks_of,
)
from replicate.databases.postgresql.sessions import Sessions, execute, open_session
from replicate.databases.postgresql.swapping import Swap, connect_beside
from replicate.errors import DatabaseError, GuardError, ReplicateError, UsageError

_TRIAL_LOCK = "2s"
"""How long a look at what a wipe would drop may wait for others, and they for it."""

_HALF = "what is there now is a part of the dump: restore again, with --wipe"


class PostgreSQLDestination:
    """A database to restore into. `load` may be called by several threads at once.

    `owner` and `privileges` restore who owns what and who may do what, by the names of roles that
    have to exist. With `swap` all goes into a new database that replaces the target in the end;
    without it the target's schema is replaced in one transaction, and filled in many.
    """

    engine = "postgresql"

    def __init__(
        self,
        address: Address,
        *,
        owner: bool = False,
        privileges: bool = False,
        swap: bool = False,
    ) -> None:
        self._address = address
        self._owner = owner
        self._privileges = privileges
        self._swap = Swap(address) if swap else None
        self._name = ""
        self._wipe = False
        self._jobs = 1
        self._sessions: Sessions | None = None
        self._choice: Choice | None = None
        self._pre: list[Entry] = []
        self._later: list[Entry] = []
        self._targets: dict[tuple[str, str], tuple[str, str]] = {}
        self._loaded: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The database's name, as the server has it."""
        if not self._name:
            with self._looking() as connection, errors_of("the database has no name to see"):
                [(name,)] = connection.execute("SELECT current_database()").fetchall()
                self._name = name
        return self._name

    @property
    def names(self) -> frozenset[str]:
        """The name as the server has it, and as it was given."""
        return frozenset({self.name, self._address.database})

    def fingerprint(self) -> frozenset[str]:
        with self._looking() as connection:
            return fingerprint(connection)

    def is_empty(self) -> bool:
        return self._contents().empty

    def describe_contents(self) -> str:
        return str(self._contents())

    def _contents(self) -> Contents:
        with self._looking() as connection, errors_of("the database can't be looked at"):
            return contents(connection)

    def would_drop(
        self, pre_data: str, post_data: str, *, only: Sequence[LoadTable] | None = None
    ) -> str:
        """What a wipe would remove: tried, and rolled back. Empty where that is nothing.

        A wipe has to know of what comes after the rows, too: some views and functions do, and event
        triggers always. Raises `GuardError` where the wipe would be refused.
        """
        if self._swap is not None:
            held = self._contents()
            return "" if held.empty else f"replaces the whole database: {held}"
        self._later = read_script(post_data)
        choice = Choice(read_script(pre_data), only)
        entries = [*choice.pre, *choice.post(self._later)[1]]
        with self._looking() as connection:
            try:
                with (
                    errors_of("the wipe can't be tried"),
                    connection.transaction(force_rollback=True),
                ):
                    execute(connection, f"SET LOCAL lock_timeout = '{_TRIAL_LOCK}'")
                    return wiping.describe(wiping.wipe(connection, entries))
            except GuardError as error:
                raise wiping.refusal(connection, error) from None
            except wiping.UnavailableError:
                return "drops what the dump replaces, some of which others are using now"

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        """A session of the target's for a moment. Raises `DatabaseError` where there is none."""
        try:
            connection = open_session(self._address)
        except DatabaseError:
            self._refuse_missing()
            raise
        try:
            yield connection
        finally:
            connection.close()

    def _refuse_missing(self) -> None:
        """Raise the error that says so where the server has no such database."""
        name = self._address.database
        try:
            connection = connect_beside(self._address, name)
        except DatabaseError:
            return
        with contextlib.closing(connection), contextlib.suppress(psycopg.Error):
            found = connection.execute(
                "SELECT FROM pg_catalog.pg_database WHERE datname = %s", [name]
            ).fetchall()
            if not found:
                raise DatabaseError(
                    f"the database {name} does not exist", hint=f"createdb {name}"
                ) from None

    def begin(self, *, wipe: bool, jobs: int) -> int:
        """Open what is needed; with a swap, make the new database.

        Raises `GuardError` where the target is not empty and not to be wiped.
        """
        if jobs < 1:
            raise UsageError("a restore needs at least one job")
        held = self._contents()
        if not wipe and not held.empty:
            raise GuardError(
                f"{self.name} is not empty: it holds {held}", hint="--wipe replaces it"
            )
        self._jobs = jobs
        self._wipe = wipe and self._swap is None
        if self._swap is not None:
            self._swap.create()
        self._sessions = Sessions(self._address, self._swap.name if self._swap else None)
        return jobs

    @property
    def _open(self) -> Sessions:
        if self._sessions is None:
            raise DatabaseError("no restore has begun")
        return self._sessions

    def run(self, script: str, *, only: Sequence[LoadTable] | None = None) -> None:
        """Run the section before the rows, all of it or nothing, or the one after them.

        The first script is the one before the rows, the second the one after.
        """
        entries = read_script(script)
        self._open.settings += [entry.sql for entry in entries if entry.kind == SETTINGS]
        if self._choice is None:
            self._choice = Choice(entries, only)
            self._pre = entries
            self._targets = Family(entries).targets(self._choice.tables)
            tables = None if only is None else {(table.schema, table.name) for table in only}
            self._create(
                self._choice.pre,
                later=self._choice.post(self._later)[1],
                tables=tables,
                wipe=self._wipe,
            )
        else:
            with self._half():
                self._run_post(self._choice, entries)

    def _create(
        self,
        entries: Sequence[Entry],
        *,
        later: Sequence[Entry] = (),
        tables: Container[tuple[str, str]] | None = None,
        wipe: bool,
    ) -> None:
        """Create what comes before the rows, in one transaction; what is in the way goes first."""
        with self._open.lease() as connection:
            try:
                Creator(connection, owner=self._owner).create(
                    entries, later=later, tables=tables, wipe=wipe, at_once=self._swap is None
                )
            except GuardError as error:
                raise wiping.refusal(connection, error) from None

    def load(self, table: LoadTable, blocks: Iterable[RowBlock]) -> int:
        """Load the rows; the number that the database took. All of one call, or none of them."""
        sent = 0

        def counted() -> Iterator[RowBlock]:
            nonlocal sent
            for block in blocks:
                sent += len(block.text)
                yield block

        with self._half(), self._open.lease() as connection:
            target = self._targets.get((table.schema, table.name))
            rows = load_rows(connection, table, counted(), target)
        with self._lock:
            key = (table.schema, table.name)
            self._loaded[key] = self._loaded.get(key, 0) + sent
        return rows

    def _run_post(self, choice: Choice, entries: Sequence[Entry]) -> None:
        """Run what comes after the rows side by side, then count values for the planner."""
        added, chosen = choice.post(entries)
        if added:
            with self._open.lease() as connection, errors_of("the schema can't be looked at"):
                there = wiping.existing(connection, added)
            self._create([entry for entry in added if entry.id not in there], wipe=False)
        everything = [*self._pre, *entries]
        family = Family(everything)
        tasks = tasks_of(chosen, everything, family, self._loaded, self._script)
        if self._privileges:
            tasks += privileges_of([*choice.pre, *added])
        tasks += self._statistics(chosen, family)
        run_all(tasks, self._open, self._jobs)

    def _script(self, entry: Entry) -> str:
        """What is run of an entry after the rows."""
        return sql_of(entry, owner=self._owner, privileges=self._privileges)

    def _statistics(self, chosen: Sequence[Entry], family: Family) -> list[Task]:
        """ANALYZE of what was filled; a partitioned table's includes its partitions'."""
        sizes: dict[tuple[str, str], int] = {}
        for name, size in self._loaded.items():
            if is_large_objects(LoadTable(*name, ())):
                continue
            root = family.analyzed(name)
            sizes[root] = sizes.get(root, 0) + size
        for entry in chosen:
            if entry.kind == "MATERIALIZED VIEW DATA":
                sizes[entry.schema, entry.name] = 0
        return [
            Task(
                id=-number,
                title=f"statistics of {schema}.{name}",
                sql=f"ANALYZE {quote(schema)}.{quote(name)}",
                stage=STATISTICS,
                weight=size,
                optional=True,
            )
            for number, ((schema, name), size) in enumerate(sizes.items(), start=1)
        ]

    @contextmanager
    def _half(self) -> Iterator[None]:
        """Errors of the server's get the hint what the target is now."""
        try:
            yield
        except DatabaseError as error:
            if error.hint is None and self._swap is None:
                error.hint = _HALF
            raise

    def finish(self) -> None:
        """Make it durable; with a swap, the database that users see.

        Raises `GuardError` where others are connected to a target that is to be swapped.
        """
        with self._open.lease() as connection, errors_of("the restore can't be made durable"):
            # A transaction with a number of its own writes its end to the log, and waits for it.
            execute(connection, "SET synchronous_commit = on")
            with connection.transaction():
                execute(connection, "SELECT pg_catalog.txid_current()")
        self._open.close()
        if self._swap is not None:
            self._swap.commit()

    def abort(self) -> None:
        """End all sessions, and drop the new database of a swap. Never raises.

        Before the schema was made, and with a swap, the target is as it was. Without one, what
        was loaded so far is still there: with a wipe, the next restore clears it away.
        """
        with contextlib.suppress(ReplicateError, psycopg.Error, OSError):
            if self._sessions is not None:
                self._sessions.abort()
        if self._swap is not None:
            self._swap.abort()
