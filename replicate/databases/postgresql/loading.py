"""Rows into a table by COPY, and pages into large objects.

The rows of one call are one COPY in a transaction of its own: all of them are kept, or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import psycopg

from replicate.databases.base import LoadTable, RowBlock
from replicate.databases.postgresql.archive import quote
from replicate.databases.postgresql.connection import Connection, translate
from replicate.databases.postgresql.large_objects import NAME as LARGE_OBJECTS
from replicate.databases.postgresql.sessions import execute
from replicate.errors import CorruptError, DatabaseError

_PIECE = 128 * 1024
"""Bytes handed to libpq at a time. Its buffer is moved for each send: 4 MiB is a fifth as fast."""

PAGES_NAME = ("pg_temp", "replicate_pages")
"""A table that takes a large object's pages on their way."""

PAGES = ".".join(map(quote, PAGES_NAME))
CREATE_PAGES = f'CREATE TEMPORARY TABLE {PAGES} (loid oid, "offset" bigint, data bytea)'
PUT_PAGES = f'SELECT pg_catalog.lo_put(loid, "offset", data) FROM {PAGES}'  # noqa: S608 - constants


def copy_statement(table: LoadTable, target: tuple[str, str] | None = None) -> str:
    """The COPY that takes the table's rows, into another one of the same columns if told so.

    A table without columns has no list of them.
    """
    name = ".".join(map(quote, target or (table.schema, table.name)))
    columns = ", ".join(map(quote, table.columns))
    return f"COPY {name} ({columns}) FROM STDIN" if columns else f"COPY {name} FROM STDIN"


def is_large_objects(table: LoadTable) -> bool:
    return (table.schema, table.name) == LARGE_OBJECTS


def load_rows(
    connection: Connection,
    table: LoadTable,
    blocks: Iterable[RowBlock],
    target: tuple[str, str] | None = None,
) -> int:
    """Load the rows; the number that the server took. An error of `blocks` is raised as it is.

    They go into `target` if that is given, from where the server sends them on to the table.
    Raises `DatabaseError` for what the server refuses, with the table and the line of the call's
    rows, and `CorruptError` where the blocks don't hold the rows that they say.
    """
    try:
        with connection.transaction():
            if not is_large_objects(table):
                return _copy(connection, table, copy_statement(table, target), blocks)
            execute(connection, f"{CREATE_PAGES} ON COMMIT DROP")
            rows = _copy(connection, table, copy_statement(table, PAGES_NAME), blocks)
            execute(connection, PUT_PAGES)
            return rows
    except psycopg.Error as error:
        raise translate(error, f"{table.qualified} can't be loaded") from None


def _copy(
    connection: Connection, table: LoadTable, statement: str, blocks: Iterable[RowBlock]
) -> int:
    sent = 0
    with connection.cursor() as cursor:
        with cursor.copy(statement.encode("utf-8", "surrogateescape")) as copy:
            for block in blocks:
                for piece in _pieces(block.text):
                    copy.write(piece)
                sent += block.rows
        taken = cursor.rowcount
    if taken != sent:
        if taken < 0:
            raise DatabaseError(f"the server does not say how many rows {table.qualified} took")
        raise CorruptError(
            f"{table.qualified}: {sent:,} rows were sent, and the server saw {taken:,}"
        )
    return taken


def _pieces(text: bytes) -> Iterator[memoryview]:
    view = memoryview(text)
    for start in range(0, len(view), _PIECE):
        yield view[start : start + _PIECE]
