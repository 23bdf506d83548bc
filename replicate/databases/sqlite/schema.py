"""What is in a database: sqlite_schema read, and each table's columns, keys and way of storage."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from replicate.databases.base import ColumnInfo, ForeignKey
from replicate.databases.sqlite.declarations import listed_values
from replicate.databases.sqlite.sql import (
    Token,
    VirtualDeclaration,
    quote,
    tokens,
    virtual_declaration,
)
from replicate.databases.sqlite.unique_keys import UniqueKeys
from replicate.databases.sqlite.values import Affinity, affinity_of
from replicate.errors import DatabaseError
from replicate.rows.column import Kind, Limits
from replicate.rows.comparing import Equality, Reading

SCHEMA = "main"
"""The name of a database file's only schema."""

SHADOWS = {
    "fts3": ("content", "segments", "segdir", "docsize", "stat"),
    "fts4": ("content", "segments", "segdir", "docsize", "stat"),
    "fts5": ("data", "idx", "content", "docsize", "config"),
    "rtree": ("node", "rowid", "parent"),
    "rtree_i32": ("node", "rowid", "parent"),
    "geopoly": ("node", "rowid", "parent"),
}
"""By module, the ends of the names of the tables in which a virtual table keeps its data."""

_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_NUMERIC = (Kind.BOOLEAN, Kind.INTEGER, Kind.REAL, Kind.NUMERIC)
_GENERATED = (2, 3)  # table_xinfo.hidden: virtual, stored


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of sqlite_schema that has SQL of its own."""

    type: str
    name: str
    table: str
    sql: str
    virtual: VirtualDeclaration | None = None

    @property
    def module(self) -> str:
        """The module of a virtual table, in lower case; else, or where it can't be read, empty."""
        return self.virtual.module if self.virtual else ""

    def option(self, key: str) -> str | None:
        """An option of a virtual table; None where it has no such."""
        return self.virtual.option(key) if self.virtual else None


@dataclass(frozen=True)
class Catalog:
    """The objects of a database, in the order of their creation, less SQLite's own.

    `shadows` maps the name of a shadow table to that of the virtual table it belongs to.
    `internal` names SQLite's own tables that exist, such as sqlite_sequence.
    """

    tables: tuple[Entry, ...]
    virtuals: tuple[Entry, ...]
    others: tuple[Entry, ...]
    internal: frozenset[str]
    shadows: dict[str, str] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> dict[str, Entry]:
        """Tables, virtual tables and views by their names in lower case."""
        views = (entry for entry in self.others if entry.type == "view")
        return {e.name.lower(): e for e in (*self.tables, *self.virtuals, *views)}


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a table stores. `hidden` is the rowid, where it is no declared column."""

    name: str
    affinity: Affinity
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is read and filled: `columns` are the fields of a row, in order.

    `key` is the column that orders the table by its rowid, or None where no name reaches that.
    `scan` is what makes SQLite read the table itself, in its order, and not an index that happens
    to hold all of its columns.
    """

    name: str
    columns: tuple[Column, ...]
    key: str | None
    scan: str = "NOT INDEXED"

    @property
    def key_index(self) -> int | None:
        names = [column.name for column in self.columns]
        return None if self.key is None else names.index(self.key)


def read_catalog(connection: sqlite3.Connection) -> Catalog:
    """Read sqlite_schema. Raises `DatabaseError` where its text is not valid UTF-8."""
    try:
        rows = connection.execute(
            "SELECT type, name, tbl_name, rootpage, sql FROM main.sqlite_schema ORDER BY rowid"
        ).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
        raise DatabaseError("the database's schema holds text that is not valid UTF-8") from None
    tables: list[Entry] = []
    virtuals: list[Entry] = []
    others: list[Entry] = []
    internal = set()
    for kind, name, table, root, sql in rows:
        if name.lower().startswith("sqlite_"):
            internal.add(name.lower())
        elif sql is None:
            continue  # the index of a UNIQUE or PRIMARY KEY comes with its table
        elif kind == "table" and not root:
            virtuals.append(Entry(kind, name, table, sql, virtual_declaration(sql)))
        else:
            (tables if kind == "table" else others).append(Entry(kind, name, table, sql))
    return Catalog(
        tuple(tables),
        tuple(virtuals),
        tuple(others),
        frozenset(internal),
        _find_shadows(tables, virtuals),
    )


def _find_shadows(tables: Iterable[Entry], virtuals: Iterable[Entry]) -> dict[str, str]:
    owners = {
        f"{entry.name}_{end}".lower(): entry.name
        for entry in virtuals
        for end in SHADOWS.get(entry.module, ())
    }
    return {t.name: owners[t.name.lower()] for t in tables if t.name.lower() in owners}


def table_options(sql: str) -> frozenset[str]:
    """The words behind the column list of a CREATE TABLE: ROWID (from WITHOUT ROWID), STRICT."""
    depth = 0
    after: list[Token] = []
    for token in tokens(sql):
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
            after = []
        elif depth == 0:
            after.append(token)
    return frozenset(token.keyword for token in after)


def read_layout(connection: sqlite3.Connection, name: str, sql: str) -> Layout:
    """The layout of an ordinary table, given the SQL that created it."""
    return TableReader(connection, name, sql).layout


class TableReader:
    """All that SQLite tells of one ordinary table."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        sql: str,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """`names` gives the spelling of the names of tables by those in lower case."""
        self._connection = connection
        self._name = name
        self._sql = sql
        self._names = names or {}
        options = table_options(sql)
        self.strict = "STRICT" in options
        self._without_rowid = "ROWID" in options
        # cid, name, type, notnull, dflt_value, pk, hidden
        self._columns = self._pragma("table_xinfo")

    def _pragma(self, pragma: str, name: str | None = None) -> list[tuple[Any, ...]]:
        query = f"PRAGMA main.{pragma}({quote(name or self._name)})"
        return self._connection.execute(query).fetchall()

    @cached_property
    def _indexes(self) -> list[tuple[Any, ...]]:
        return self._pragma("index_list")  # seq, name, unique, origin, partial

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        return tuple(c[1] for c in sorted(self._columns, key=lambda c: c[5]) if c[5])

    @cached_property
    def _rowid_column(self) -> str | None:
        """The declared column that is the rowid under another name."""
        if self._without_rowid or len(self.primary_key) != 1:
            return None
        [column] = [c for c in self._columns if c[5]]
        # A primary key that has an index is beside the rowid: INTEGER PRIMARY KEY DESC, say.
        indexed = any(index[3] == "pk" for index in self._indexes)
        return None if indexed or column[2].upper() != "INTEGER" else column[1]

    @cached_property
    def _rowid_name(self) -> str | None:
        taken = {column[1].lower() for column in self._columns}
        return next((name for name in _ROWID_NAMES if name not in taken), None)

    @cached_property
    def layout(self) -> Layout:
        columns = [
            Column(c[1], affinity_of(c[2], strict=self.strict))
            for c in self._columns
            if c[6] not in _GENERATED
        ]
        key = self._rowid_column
        if key is None and not self._without_rowid:
            key = self._rowid_name
            if key is not None:
                columns.insert(0, Column(key, Affinity.INTEGER, hidden=True))
        return Layout(self._name, tuple(columns), key, self._scan)

    @property
    def _scan(self) -> str:
        if not self._without_rowid:
            return "NOT INDEXED"
        # Of a table without rowids the index of the primary key is the table.
        [name] = [index[1] for index in self._indexes if index[3] == "pk"]
        return f"INDEXED BY {quote(name)}"

    @cached_property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """As the interface of databases describes them, the hidden rowid included."""
        strictly = self._without_rowid or self.strict
        never_null = set(self.primary_key) if strictly else {self._rowid_column}
        declared = [
            ColumnInfo(
                c[1],
                c[2],
                kind_of(c[2]),
                nullable=not c[3] and c[1] not in never_null,
                generated=c[6] in _GENERATED,
                limits=Limits(labels=self._labels(c[1], kind_of(c[2]))),
                equality=self._equality(c[1], kind_of(c[2])),
                reading=Reading.DIGITS if kind_of(c[2]) is Kind.BOOLEAN else None,
            )
            for c in self._columns
        ]
        hidden = [
            ColumnInfo(column.name, "INTEGER", Kind.INTEGER, nullable=False, hidden=True)
            for column in self.layout.columns
            if column.hidden
        ]
        return (*hidden, *declared)

    @cached_property
    def _lists(self) -> dict[str, tuple[str, ...]]:
        return listed_values(self._sql, [column[1] for column in self._columns])

    def _labels(self, column: str, kind: Kind) -> tuple[str, ...]:
        labels = self._lists.get(column, ())
        # Of a truth value that is no list: any is one of the two.
        return () if kind is Kind.BOOLEAN and {"0", "1"} <= {*labels} else labels

    @cached_property
    def unique_keys(self) -> UniqueKeys:
        names = [column[1] for column in self._columns]
        return UniqueKeys(self._connection, self._sql, names, self._indexes, self._rowid_column)

    def _equality(self, column: str, kind: Kind) -> Equality:
        found = self.unique_keys.equalities[column]
        # A text in a column of numbers can't be told from these.
        usual = kind not in _NUMERIC
        return found if usual or found is Equality.BYTES else Equality.UNKNOWN

    @cached_property
    def behind_foreign_keys(self) -> tuple[str, ...]:
        """What the generated columns at the ends of foreign keys are computed from."""
        if not self.unique_keys.computed:
            return ()
        referred = self._connection.execute(
            """SELECT k."to" FROM main.sqlite_schema s, pragma_foreign_key_list(s.name) k
            WHERE s.type = 'table' AND lower(k."table") = lower(?)""",
            (self._name,),
        )
        ends = {name.lower() for key in self.foreign_keys for name in key.columns}
        ends.update(name.lower() for (name,) in referred if name is not None)
        computed = self.unique_keys.computed
        return self.unique_keys.behind(name for name in computed if name.lower() in ends)

    @cached_property
    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        keys: dict[int, list[tuple[Any, ...]]] = {}
        for row in self._pragma("foreign_key_list"):  # id, seq, table, from, to, …
            keys.setdefault(row[0], []).append(row)
        return tuple(self._foreign_key(sorted(rows)) for _, rows in sorted(keys.items()))

    def _foreign_key(self, rows: list[tuple[Any, ...]]) -> ForeignKey:
        # As the parent spells its names, which the reference may do in other letters.
        parent = self._names.get(rows[0][2].lower(), rows[0][2])
        parents = sorted(self._pragma("table_xinfo", parent), key=lambda c: c[5])
        spelt = {c[1].lower(): c[1] for c in parents}
        referred = tuple(spelt.get(row[4].lower(), row[4]) for row in rows if row[4] is not None)
        if not referred:  # the parent's primary key is meant
            referred = tuple(c[1] for c in parents if c[5])
        return ForeignKey(tuple(row[3] for row in rows), parent, referred)


def kind_of(declared: str) -> Kind:
    """What a column with this declared type is meant to hold, as far as masking has to know."""
    name = declared.upper().split("(")[0].strip()
    for part, kind in _KINDS:
        if part in name:
            return kind
    return Kind.ANY


_KINDS = (
    ("BOOL", Kind.BOOLEAN),
    ("INTERVAL", Kind.TEXT),
    ("FLOA", Kind.REAL),
    ("POINT", Kind.ANY),
    ("INT", Kind.INTEGER),
    ("SERIAL", Kind.INTEGER),
    ("UUID", Kind.UUID),
    ("GUID", Kind.UUID),
    ("JSON", Kind.JSON),
    ("CHAR", Kind.TEXT),
    ("CLOB", Kind.TEXT),
    ("TEXT", Kind.TEXT),
    ("STRING", Kind.TEXT),
    ("BLOB", Kind.BINARY),
    ("BINARY", Kind.BINARY),
    ("REAL", Kind.REAL),
    ("DOUB", Kind.REAL),
    ("NUMERIC", Kind.NUMERIC),
    ("DECIMAL", Kind.NUMERIC),
    ("MONEY", Kind.NUMERIC),
    ("TIMESTAMP", Kind.TIMESTAMP),
    ("DATETIME", Kind.TIMESTAMP),
    ("DATE", Kind.DATE),
    ("TIME", Kind.TIME),
)
