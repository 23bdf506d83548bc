"""What a database is to Replicate: a source with a snapshot, and a destination to load into.

The two journeys only ever talk to these protocols. A new database is one package beside `sqlite`
and one line in `registry.py`.

Rows travel as text in PostgreSQL's COPY grammar (`replicate.rows.grammar`): one line a row, a tab
between fields, backslash escapes, ``\\N`` for NULL. Schema travels as SQL script.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from replicate.rows.column import NO_LIMITS, Kind, Limits
from replicate.rows.comparing import Equality, Reading


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column as declared. `generated` columns are computed by the database and never dumped.

    A `hidden` one travels with every row without being declared (SQLite's rowid), and can be
    neither seen nor masked. `fixed` says why the values of this column alone can't be changed (it
    decides which partition a row is in, say), and is empty where they can.

    Of an array, `element` is the kind of its elements, and the `limits` are theirs. `comment` is
    what somebody wrote about the column in the database itself.

    `equality` says which of its values are equal to the database, `reading` what else a condition
    has to know of them.
    """

    name: str
    type: str
    kind: Kind
    nullable: bool = True
    generated: bool = False
    hidden: bool = False
    fixed: str = ""
    limits: Limits = NO_LIMITS
    element: Kind | None = None
    comment: str = ""
    equality: Equality = Equality.BYTES
    reading: Reading | None = None

    @property
    def is_filled_up(self) -> bool:
        """Whether all values are filled up with spaces to one length: a char(n), but no domain."""
        return self.equality is Equality.PADDED and self.type.startswith("character(")


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of the table that holds it refer to `ref_columns` of the table `ref_table`.

    That one is in `ref_schema`, or in the same schema where this is None. `full`: of a row's
    columns either all are NULL, or none is.
    """

    columns: tuple[str, ...]
    ref_table: str
    ref_columns: tuple[str, ...]
    ref_schema: str | None = None
    full: bool = False

    def pairs(self, parent: Table) -> Iterator[tuple[str, str]]:
        """Each column with the one of `parent` that it refers to."""
        # A reference without columns is to the other table's primary key.
        return zip(self.columns, self.ref_columns or parent.primary_key, strict=False)


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A unique key (the primary key, a constraint or an index), and what it asks of its columns.

    `columns` are those that it names, in expressions as well; `counted` has what generated ones of
    them are computed from in their place. `derived` are those of `counted` that are behind an
    expression or a generated column: their values can be distinct, and what is computed from them
    not. `lossy` are those of which this may be the same however much the values differ, as are
    their first three letters. `loose` are the columns that it compares otherwise than byte for
    byte. `nulls_equal`: it takes NULL but once.

    Of an index of some rows alone, `where` are the columns whose values its condition asks for, and
    `where_null` those of which it asks no more than whether they are NULL; both are empty where
    another key is of the same columns in all rows, which leaves the condition nothing to say.
    """

    columns: tuple[str, ...]
    counted: tuple[str, ...]
    derived: tuple[str, ...] = ()
    lossy: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    nulls_equal: bool = False
    where: tuple[str, ...] = ()
    where_null: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table and what constrains its values.

    `unique_keys` are all of them, the primary key included. `behind_foreign_keys` names the columns
    that a generated column is computed from which is at either end of a foreign key: masked, they
    would break it.

    `rows` and `bytes` are estimates where the engine has them. `maskable` is False where rows can't
    be changed one by one (an index kept as a table, say), with the reason in `note`. `part_of`
    names the virtual table whose rows this one keeps: they are dumped together or not at all.

    `inherits` names, as (schema, name), the tables whose rows include this one's, the nearest
    first: the partitioned tables above a partition, the parents of a child. What the config says
    of those holds for this one as well. A `partitioned` table has no rows but its partitions'.
    """

    schema: str
    name: str
    columns: tuple[ColumnInfo, ...]
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[UniqueKey, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    maskable: bool = True
    note: str = ""
    part_of: str = ""
    inherits: tuple[tuple[str, str], ...] = ()
    partitioned: bool = False
    behind_foreign_keys: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def unique(self) -> tuple[tuple[str, ...], ...]:
        """The column sets that are distinct in all rows, or in those of a partial index.

        Of a key with generated columns both: as it names them, and what they are computed from.
        """
        both = (names for key in self.unique_keys for names in (key.columns, key.counted))
        return tuple(dict.fromkeys(filter(None, both)))

    @property
    def stored_columns(self) -> tuple[ColumnInfo, ...]:
        """The columns of a dumped row, in order: all but the generated ones."""
        return tuple(column for column in self.columns if not column.generated)


@dataclass(frozen=True)
class Schema:
    """All tables of a database, in the order in which they are dumped."""

    tables: tuple[Table, ...]

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], Table]:
        return {(table.schema, table.name): table for table in self.tables}

    def find(self, schema: str, name: str) -> Table | None:
        return self._by_name.get((schema, name))


@dataclass(frozen=True, slots=True)
class Selection:
    """What a dump is made of: the tables with rows in it, and their masked columns.

    `masked` maps a table's (schema, name) to the names of its masked columns. A source needs it
    for its schema sections: an index that holds copies of masked values has to be rebuilt.
    `skipped` names tables that are left out altogether, definition included; a table that is in
    neither is dumped without its rows.
    """

    tables: tuple[Table, ...]
    skipped: frozenset[tuple[str, str]] = frozenset()
    masked: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of one table, small enough for one worker; picklable.

    `token` belongs to the source that made it (a key range, a page range, or None for all of it).
    """

    table: Table
    token: Any = None


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Whole rows as COPY text, each line ended by a newline: up to a few MiB, or one long row."""

    text: bytes
    rows: int


class Snapshot(Protocol):
    """One moment of a source. Everything read through it is of that moment."""

    def schema(self) -> Schema: ...

    def pre_data(self, selection: Selection) -> str:
        """SQL script that creates what rows need: settings, tables."""
        ...

    def post_data(self, selection: Selection) -> str:
        """SQL script for what comes after the rows: indexes, views, triggers, counters."""
        ...

    def dumped_tables(self, selection: Selection) -> tuple[Table, ...]:
        """The selected tables whose rows are read, in order.

        All but those that `post_data` builds anew, such as an index of values that are masked.
        """
        ...

    def remarks(self, selection: Selection) -> list[str]:
        """What the user should know of a dump of that selection, a sentence each."""
        ...

    def slices(self, table: Table, target_bytes: int) -> list[Slice]:
        """The table cut into pieces of about `target_bytes` of text, together all of its rows."""
        ...

    def read(self, piece: Slice) -> Generator[RowBlock, None, None]:
        """The rows of the slice. Ends only when all were read; anything else is an exception.

        Who stops before closes it: it may hold what `close` can't end under it.
        """
        ...

    def share(self) -> object | None:
        """What another process needs to join this moment (picklable), or None where it can't."""
        ...

    def confirm_shared(self) -> bool:
        """After all have joined: whether each of them sees this very moment."""
        ...

    def close(self) -> None: ...


class Source(Protocol):
    """A database to read from. Never written to. Picklable while not open."""

    engine: str

    def open(self) -> Snapshot: ...

    def join(self, shared: object) -> Snapshot:
        """In a worker: the moment that another process's `Snapshot.share` described."""
        ...

    def server_version(self) -> str: ...

    def fingerprint(self) -> frozenset[str]:
        """Facets that identify this very database; two that share one are the same database."""
        ...

    def is_kept_in(self, path: Path) -> bool:
        """Whether the file at `path`, if there is one, is of the database. Opens nothing."""
        ...


@dataclass(frozen=True, slots=True)
class LoadTable:
    """A table to load, as the manifest describes it. Constraints are enforced where `masked`."""

    schema: str
    name: str
    columns: tuple[str, ...]
    masked: bool = False

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"


class Destination(Protocol):
    """A database to restore into, and a script of one.

    Order of calls: `fingerprint`, `is_empty`, `describe_contents`, `would_drop` (guards, dry run),
    then `begin`, `run` (pre-data), `load` per table and chunk, `run` (post-data), `finish`; or
    `abort` after any of them.
    """

    engine: str

    @property
    def name(self) -> str:
        """The database's name, fit to be shown."""
        ...

    @property
    def names(self) -> frozenset[str]:
        """All that it may be called: what protected names are matched against."""
        ...

    def fingerprint(self) -> frozenset[str]: ...

    def is_empty(self) -> bool: ...

    def describe_contents(self) -> str:
        """What is there now, in a few words, for the refusal and for the plan of a wipe."""
        ...

    def would_drop(
        self, pre_data: str, post_data: str, *, only: Sequence[LoadTable] | None = None
    ) -> str:
        """What a wipe would remove to make room for that, in a few words; empty if nothing.

        To be asked before a `begin` that wipes, which then knows of both sections.
        """
        ...

    def begin(self, *, wipe: bool, jobs: int) -> int:
        """Make ready. How many threads may call `load` at once from now on: up to `jobs`."""
        ...

    def run(self, script: str, *, only: Sequence[LoadTable] | None = None) -> None:
        """Run a schema section, or with `only` no more of it than concerns these tables.

        The first error stops, with the statement's object named.
        """
        ...

    def load(self, table: LoadTable, blocks: Iterable[RowBlock]) -> int:
        """Load the rows; the number that the database took. May be called again per table.

        Where `begin` answered 1, a table's chunks come in the manifest's order; otherwise in any.
        """
        ...

    def finish(self) -> None:
        """Make the restored database the one that users see, durably."""
        ...

    def abort(self) -> None:
        """Drop what was begun. May be called at any time, and again."""
        ...
