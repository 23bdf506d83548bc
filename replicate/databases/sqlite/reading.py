"""Rows read as text: in batches that are quick to convert, and never more than memory allows."""

from __future__ import annotations

import gc
import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from replicate.databases.base import RowBlock
from replicate.databases.sqlite.schema import Layout
from replicate.databases.sqlite.sql import quote
from replicate.databases.sqlite.values import encode_rows

BLOCK = 2 * 1024 * 1024
"""Bytes of text that a block has, or a little more."""

_FIRST_ROWS = 64
_MOST_ROWS = 1024
_CELLS = 16 * 1024
_VALUE = 8 * 1024
_STEP = 16

Row = tuple[Any, ...]
Bounds = tuple[int | None, int | None]
"""A range of keys: those above the first and up to the second; None is no bound."""


class RowReader:
    """Reads one table through a connection that others may use between its blocks.

    Memory is bounded whatever the rows are like. Reading starts with batches of many rows and a
    limit on the length of a value, which SQLite enforces; where a value is longer, it goes on
    from the last row with fewer rows at a time and a higher limit. Only a single row can be as
    big as it likes.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        layout: Layout,
        *,
        codec: str = "utf-8",
        most_rows: int = _MOST_ROWS,
    ) -> None:
        self._connection = connection
        self._layout = layout
        self._affinities = [column.affinity for column in layout.columns]
        # SQLite changes text that is not valid UTF-16 as it turns it into UTF-8. So such a
        # database hands it out as blobs, each value with a flag beside it.
        self._codec = codec if codec != "utf-8" else None
        self._longest = connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
        self._rows = min(most_rows, max(16, _CELLS // len(layout.columns)))
        self._next = min(_FIRST_ROWS, self._rows)

    def blocks(self, bounds: Bounds = (None, None)) -> Iterator[RowBlock]:
        """All rows within `bounds`, in the order of their keys."""
        batches = self._batches(bounds)
        parts: list[bytes] = []
        size = rows = 0
        while True:
            with _no_collection():
                batch = next(batches, None)
                text = b"" if batch is None else self._encode(batch)
            if parts and (batch is None or size + len(text) > BLOCK):
                yield RowBlock(b"".join(parts), rows)
                parts, size, rows = [], 0, 0
            if batch is None:
                return
            parts.append(text)
            size += len(text)
            rows += len(batch)

    def sample(self, bounds: Bounds) -> tuple[int, int]:
        """The number of the first few rows within `bounds`, and the bytes of their text."""
        batch = next(self._batches(bounds), None)
        return (0, 0) if batch is None else (len(batch), len(self._encode(batch)))

    def _encode(self, batch: list[Row]) -> bytes:
        columns: Sequence[Sequence[object]] = list(zip(*batch, strict=True))
        if self._codec is not None:
            columns = [
                _transcode(values, flags, self._codec)
                for values, flags in zip(columns[::2], columns[1::2], strict=True)
            ]
        text = encode_rows(columns, self._affinities)
        # A block's worth at most, going by the batch before.
        self._next = max(1, min(self._rows, BLOCK * len(batch) // len(text)))
        return text

    def _batches(self, bounds: Bounds) -> Iterator[list[Row]]:
        after, last = bounds
        done = 0
        key = self._layout.key_index
        rows, limit = self._rows, _VALUE
        while True:
            if limit >= self._longest or rows == 1:
                rows, limit = 1, self._longest
            cursor = self._select(after, last, done if key is None else 0)
            try:
                for batch in self._gather(cursor, rows, limit):
                    done += len(batch)
                    if key is not None:
                        after = batch[-1][key if self._codec is None else 2 * key]
                    yield batch
                return
            except sqlite3.DataError as error:
                if error.sqlite_errorname != "SQLITE_TOOBIG" or limit == self._longest:
                    raise
                rows, limit = max(1, rows // _STEP), limit * _STEP
            finally:
                # Where reading was given up, the connection may have been closed first.
                with suppress(sqlite3.ProgrammingError):
                    cursor.close()

    def _gather(self, cursor: sqlite3.Cursor, rows: int, limit: int) -> Iterator[list[Row]]:
        """Batches of a good size, fetched `rows` at a time."""
        batch: list[Row] = []
        size = 0
        while True:
            try:
                fetched = self._fetch(cursor, min(rows, self._next), limit)
            except sqlite3.DataError:
                if batch:
                    yield batch
                raise
            batch += fetched
            if rows < self._rows:
                size += _size(fetched)
            if not fetched or rows == self._rows or len(batch) >= self._rows or size >= BLOCK:
                if not batch:
                    return
                yield batch
                batch, size = [], 0

    def _fetch(self, cursor: sqlite3.Cursor, rows: int, limit: int) -> list[Row]:
        connection = self._connection
        factory = connection.text_factory
        connection.text_factory = bytearray  # so that text is not a blob, and never decoded
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limit)
        try:
            return cursor.fetchmany(rows)
        finally:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._longest)
            connection.text_factory = factory

    def _select(self, after: int | None, last: int | None, skip: int) -> sqlite3.Cursor:
        """The rows above `after` and up to `last`, or all after the first `skip`."""
        names = [quote(column.name) for column in self._layout.columns]
        if self._codec is not None:
            names = [
                f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END, "
                f"typeof({name}) = 'text'"
                for name in names
            ]
        table = f"main.{quote(self._layout.name)} {self._layout.scan}"
        query = f"SELECT {', '.join(names)} FROM {table}"  # noqa: S608 - names are quoted
        values = [value for value in (after, last) if value is not None]
        if self._layout.key is None:
            return self._connection.execute(f"{query} LIMIT -1 OFFSET {skip}")
        key = quote(self._layout.key)
        limits = [
            f"{key} {sign} ?" for sign, value in ((">", after), ("<=", last)) if value is not None
        ]
        where = f" WHERE {' AND '.join(limits)}" if limits else ""
        return self._connection.execute(f"{query}{where} ORDER BY {key}", values)


def _transcode(values: Sequence[Any], flags: Sequence[Any], codec: str) -> list[object]:
    """Text, which came as a blob in UTF-16, as generalised UTF-8; other values as they are."""
    return [
        bytearray(value.decode(codec, "surrogatepass").encode("utf-8", "surrogatepass"))
        if is_text
        else value
        for value, is_text in zip(values, flags, strict=True)
    ]


def _size(rows: list[Row]) -> int:
    """The bytes of text and blobs in `rows`."""
    cells = itertools.chain.from_iterable(rows)
    return sum(len(cell) for cell in cells if isinstance(cell, (bytes, bytearray)))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Rows make objects by the million and no cycles; the search for those would take its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
