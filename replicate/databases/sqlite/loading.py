"""Rows put into one table, as exactly as they were read and as fast as SQLite takes them."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from replicate.databases.base import LoadTable, RowBlock
from replicate.databases.sqlite.loosening import Loosened
from replicate.databases.sqlite.schema import read_layout
from replicate.databases.sqlite.sql import quote, raw_text_literal
from replicate.databases.sqlite.values import (
    Affinity,
    ClassChangedError,
    Decoder,
    RawText,
    Storing,
    Value,
)
from replicate.errors import CorruptError, DatabaseError

PIECE = 512 * 1024
"""Bytes of text turned into values at a time: they take many times that, and fit the caches."""


def row_decoder(
    connection: sqlite3.Connection,
    table: LoadTable,
    sql: str,
    codec: str,
    storing: Storing | None = None,
) -> Decoder:
    """What turns the text of the table's rows into values, by its columns' affinities here."""
    affinities = {c.name: c.affinity for c in read_layout(connection, table.name, sql).columns}
    if storing is None:
        storing = Storing.CONVERTED if table.masked else Storing.REFUSED
    # A name that no column has can only be the rowid's; SQLite refuses any other.
    return Decoder(
        [affinities.get(name, Affinity.INTEGER) for name in table.columns],
        utf16=codec != "utf-8",
        storing=storing,
    )


def pieces(text: bytes) -> Iterator[bytes]:
    """Whole lines of `text`, about `PIECE` bytes at a time; a longer line stays whole."""
    start = 0
    while start < len(text):
        end = len(text)
        if end - start > PIECE:
            # A newline inside a value is escaped, so every newline ends a row.
            end = text.rfind(b"\n", start, start + PIECE) + 1 or text.find(b"\n", start) + 1 or end
        yield text[start:end]
        start = end


class Loader:
    """Fills one table through a connection whose transaction is begun and ended elsewhere."""

    def __init__(
        self, connection: sqlite3.Connection, table: LoadTable, sql: str, codec: str
    ) -> None:
        """`sql` is the statement that created the table, `codec` the database's encoding."""
        self._connection = connection
        self._codec = codec
        self._table = table
        self._sql = sql
        self._decoder = row_decoder(connection, table, sql, codec)
        self._loosened: Loosened | None = None
        names = ", ".join(map(quote, table.columns))
        # A constraint may say ON CONFLICT IGNORE, and a row would vanish without a word.
        self._insert = f"INSERT OR ABORT INTO main.{quote(table.name)}({names}) VALUES"
        self._plain = self._statement("?" for _ in table.columns)

    def _statement(self, values: Iterable[str]) -> str:
        return f"{self._insert}({', '.join(values)})"

    def load(self, blocks: Iterable[RowBlock]) -> int:
        """Insert all rows; the number that SQLite took, which is all of them or an error.

        Raises `CorruptError` for text that is no row of the table, and lets SQLite's errors pass.
        """
        taken = 0
        enabled = gc.isenabled()
        gc.disable()  # values make objects by the million, and no cycles
        try:
            for block in blocks:
                rows = sum(map(self._load_piece, pieces(block.text)))
                if rows != block.rows:
                    raise CorruptError(f"a block of {block.rows} rows holds {rows}")
                taken += rows
        finally:
            if enabled:
                gc.enable()
        return taken

    def close(self) -> None:
        """Leave the table as it was created."""
        if self._loosened is not None:
            self._loosened.restore()
            self._loosened = None

    def _load_piece(self, text: bytes) -> int:
        try:
            rows, columns, raw = self._decoder.decode(text)
        except ClassChangedError:
            decoder = row_decoder(
                self._connection, self._table, self._sql, self._codec, Storing.UNCHANGED
            )
            self._loosened = Loosened(self._connection, self._table.name)
            self._decoder = decoder
            rows, columns, raw = decoder.decode(text)
        if not raw:
            taken = self._insert_all(self._plain, columns)
        elif self._codec == "utf-8":
            taken = self._load_raw(columns)
        else:
            taken = self._load_raw_utf16(columns)
        if taken != rows:
            raise DatabaseError(f"of {rows} rows SQLite took {taken}")
        return rows

    def _insert_all(self, statement: str, columns: Sequence[list[Value]]) -> int:
        return self._connection.executemany(statement, zip(*columns, strict=True)).rowcount

    def _load_raw(self, columns: Sequence[list[Value]]) -> int:
        """Invalid UTF-8 is bound as a blob and cast, which in a UTF-8 database changes no byte."""
        values: list[list[Value]] = []
        places = []
        for column in columns:
            if any(type(value) is RawText for value in column):
                places.append("coalesce(CAST(? AS TEXT), ?)")
                values.append([v.data if isinstance(v, RawText) else None for v in column])
                values.append([None if isinstance(v, RawText) else v for v in column])
            else:
                places.append("?")
                values.append(column)
        return self._insert_all(self._statement(places), values)

    def _load_raw_utf16(self, columns: Sequence[list[Value]]) -> int:
        """A bound blob would be taken for UTF-8 here; a literal is in the encoding of the file."""
        taken = 0
        for row in zip(*columns, strict=True):
            places = [
                raw_text_literal(utf16_of(value, self._codec))
                if isinstance(value, RawText)
                else "?"
                for value in row
            ]
            bound = [value for value in row if not isinstance(value, RawText)]
            taken += self._connection.execute(self._statement(places), bound).rowcount
        return taken


def utf16_of(value: RawText, codec: str) -> bytes:
    """Generalised UTF-8 as the UTF-16 that it stands for."""
    try:
        return value.data.decode("utf-8", "surrogatepass").encode(codec, "surrogatepass")
    except UnicodeDecodeError:
        raise CorruptError("text is not what UTF-16 can be written as") from None
