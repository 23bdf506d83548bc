"""The schema sections of a dump: SQL that creates tables, and SQL for what comes after the rows.

Both are plain scripts that SQLite's own shell runs as well. Tables come first, from the text that
created them. The rows of a virtual table lie in its shadow tables, which are created, filled and
indexed like any other; the virtual table itself is entered into sqlite_schema at the end, so that
its module neither makes those tables again nor touches what is in them.

A full-text index holds the words of the rows that it indexes. Where a masked column feeds one, its
rows stay out of the dump, and the second section builds it anew from the masked rows. Where it
can't be told which rows feed an index, and anything is masked, the dump is refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from replicate.databases.base import Selection
from replicate.databases.sqlite.schema import SCHEMA, Catalog, Entry
from replicate.databases.sqlite.sql import describe, literal, quote, text_literal, tokens
from replicate.databases.sqlite.values import CODECS
from replicate.errors import DatabaseError

_COPIES = {
    "fts3": ("segments", "segdir", "docsize", "stat"),
    "fts4": ("segments", "segdir", "docsize", "stat"),
    "fts5": ("data", "idx", "docsize"),
}
"""By module, the shadow tables that hold what was taken from the indexed rows."""

_EMPTY_FTS5 = ((1, b""), (10, bytes(7)))
"""The rows of %_data, as id and block, that stand for an FTS5 index of nothing."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What of a database goes into a dump.

    `left_out` names tables whose definitions are left out with them; `rebuilt` the full-text
    tables that are built anew; `unread` tables that are defined but whose rows aren't read. All
    names are in lower case.
    """

    left_out: frozenset[str]
    rebuilt: frozenset[str]
    unread: frozenset[str]


def extent(catalog: Catalog, selection: Selection) -> Extent:
    """Follow from the selected tables to what belongs to them.

    Raises `DatabaseError` for a full-text index that may hold values of masked columns or of
    skipped tables, and for a virtual table that is selected without the tables that hold its rows.
    """
    skipped = {name.lower() for schema, name in selection.skipped if schema == SCHEMA}
    masked = {
        name.lower(): columns
        for (schema, name), columns in selection.masked.items()
        if schema == SCHEMA and columns and name.lower() not in skipped
    }
    rebuilt: set[str] = set()
    for virtual in catalog.virtuals:
        name = virtual.name.lower()
        if virtual.module not in _COPIES:
            continue
        # Empty for an index without content; None where it has its own. FTS3 has no options.
        content = None if virtual.module == "fts3" else virtual.option("content")
        if content and content.lower() in skipped:
            skipped.add(name)  # an index of a table that isn't there
        elif name in skipped or not (masked or skipped):
            continue
        elif _is_fed_by_masked(catalog, virtual, content, masked, skipped):
            rebuilt.add(name)
    unread = {entry.name.lower() for entry in catalog.virtuals}
    for shadow, owner in catalog.shadows.items():
        if owner.lower() in skipped:
            skipped.add(shadow.lower())
        elif shadow.lower() in skipped:
            raise DatabaseError(
                f"the table {shadow} is left out, but {owner} keeps its rows in it",
                hint=f"leave {owner} out instead, or neither",
            )
        elif owner.lower() in rebuilt and _is_copy(catalog, shadow, owner):
            unread.add(shadow.lower())
    return Extent(frozenset(skipped), frozenset(rebuilt), frozenset(unread))


def _is_fed_by_masked(
    catalog: Catalog,
    virtual: Entry,
    content: str | None,
    masked: Mapping[str, object],
    skipped: AbstractSet[str],
) -> bool:
    """Whether an index is to be built anew.

    Raises `DatabaseError` where it may hold what is masked or skipped, and can't be built anew.
    """
    if content is None:
        own = f"{virtual.name}_content".lower()
        if own in masked:
            return True
        if own in catalog.by_name and not _is_written_by_trigger(
            catalog, virtual, skipped | masked.keys()
        ):
            return False
    elif content.lower() in catalog.by_name:
        if catalog.by_name[content.lower()] in catalog.tables:
            return content.lower() in masked
        # Which tables a view or a virtual table shows is unknown. An index that is built anew
        # holds nothing but what is restored; but it can't be where a table of the view is missing.
        if not skipped:
            return True
    raise DatabaseError(
        f"the full-text index {virtual.name} may hold values of masked columns or of skipped "
        "tables, and can't be built again without them",
        hint=f"leave it out: add the table {virtual.name} to source.skip",
    )


def _is_written_by_trigger(catalog: Catalog, virtual: Entry, withheld: AbstractSet[str]) -> bool:
    """Whether a trigger on a masked or a skipped table copies what it sees into the index."""
    return any(
        trigger.type == "trigger"
        and trigger.table.lower() in withheld
        and virtual.name.lower() in describe(trigger.sql).mentions
        for trigger in catalog.others
    )


def _is_copy(catalog: Catalog, shadow: str, owner: str) -> bool:
    module = catalog.by_name[owner.lower()].module
    return shadow[len(owner) + 1 :].lower() in _COPIES[module]


def pre_data(connection: sqlite3.Connection, catalog: Catalog, dumped: Extent) -> str:
    """The script that creates an empty file's settings and tables."""
    lines = [
        f"PRAGMA encoding = {text_literal(_setting(connection, 'encoding'))};",
        f"PRAGMA page_size = {_setting(connection, 'page_size')};",
        f"PRAGMA auto_vacuum = {_setting(connection, 'auto_vacuum')};",
    ]
    lines += (
        _ended(entry.sql) for entry in catalog.tables if entry.name.lower() not in dumped.left_out
    )
    return "\n".join(lines) + "\n"


def post_data(connection: sqlite3.Connection, catalog: Catalog, dumped: Extent) -> str:
    """The script that adds all that rows don't need: indexes, views, triggers, counters."""
    lines = [
        _ended(entry.sql)
        for kind in ("index", "view", "trigger")
        for entry in catalog.others
        if entry.type == kind and entry.table.lower() not in dumped.left_out
    ]
    codec = CODECS[_setting(connection, "encoding")]
    lines += _virtual_tables(catalog, dumped, codec)
    lines += _counters(connection, catalog, dumped, codec)
    lines += _statistics(connection, catalog, dumped, codec)
    lines += (
        f"PRAGMA {name} = {_setting(connection, name)};"
        for name in ("user_version", "application_id")
    )
    # Last, because it ends the transaction that all else belongs to.
    if _setting(connection, "journal_mode") == "wal":
        lines.append("PRAGMA journal_mode = wal;")
    return "\n".join(lines) + "\n"


def _ended(sql: str) -> str:
    # The text may end in a comment, which would take in a semicolon on the same line. A newline
    # that isn't needed would become a part of the text.
    return f"{sql};" if sqlite3.complete_statement(f"{sql};") else f"{sql}\n;"


def _setting(connection: sqlite3.Connection, name: str) -> str:
    [value] = connection.execute(f"PRAGMA main.{name}").fetchone()
    return str(value)


def _virtual_tables(catalog: Catalog, dumped: Extent, codec: str) -> Iterator[str]:
    entries = [e for e in catalog.virtuals if e.name.lower() not in dumped.left_out]
    if not entries:
        return
    yield "PRAGMA writable_schema = ON;"
    for entry in entries:
        name, sql = literal(entry.name, codec), literal(entry.sql, codec)
        yield (
            "INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) "
            f"VALUES('table', {name}, {name}, 0, {sql});"
        )
    yield "PRAGMA writable_schema = RESET;"
    for entry in entries:
        if entry.name.lower() not in dumped.rebuilt:
            continue
        if entry.module == "fts5":
            data = quote(f"{entry.name}_data")
            for row, block in _EMPTY_FTS5:
                yield f"INSERT INTO {data}(id, block) VALUES({row}, {literal(block)});"
        name = quote(entry.name)
        yield f"INSERT INTO {name}({name}) VALUES('rebuild');"


def _counters(
    connection: sqlite3.Connection, catalog: Catalog, dumped: Extent, codec: str
) -> Iterator[str]:
    """Where the keys of AUTOINCREMENT tables go on."""
    # The table of counters comes with the first table that has one, and outlives the last.
    if "sqlite_sequence" not in catalog.internal or not any(
        token.keyword == "AUTOINCREMENT"
        for entry in catalog.tables
        if entry.name.lower() not in dumped.left_out
        for token in tokens(entry.sql)
    ):
        return
    rows = connection.execute("SELECT name, seq FROM main.sqlite_sequence ORDER BY rowid")
    for table, last in rows.fetchall():
        if _is_dumped(catalog, dumped, table):
            name, value = literal(table, codec), literal(last, codec)
            yield f"DELETE FROM sqlite_sequence WHERE name = {name};"  # noqa: S608 - a literal
            yield f"INSERT INTO sqlite_sequence(name, seq) VALUES({name}, {value});"


def _statistics(
    connection: sqlite3.Connection, catalog: Catalog, dumped: Extent, codec: str
) -> Iterator[str]:
    """What ANALYZE counted. Its samples (sqlite_stat3 and 4) are values, and never leave."""
    if "sqlite_stat1" not in catalog.internal:
        return
    yield "ANALYZE sqlite_schema;"
    rows = connection.execute("SELECT tbl, idx, stat FROM main.sqlite_stat1 ORDER BY rowid")
    for row in rows.fetchall():
        if _is_dumped(catalog, dumped, row[0]):
            values = ", ".join(literal(value, codec) for value in row)
            yield f"INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES({values});"


def _is_dumped(catalog: Catalog, dumped: Extent, table: object) -> bool:
    name = str(table).lower()
    return name in catalog.by_name and name not in dumped.left_out
