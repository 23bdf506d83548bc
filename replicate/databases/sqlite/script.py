"""A restore written as SQL: the script with which SQLite's shell makes the same database.

It is meant for a new file: ``sqlite3 -bail new.db < script.sql``. All is one transaction, so a
script that breaks off leaves nothing behind.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from replicate.databases.base import LoadTable, RowBlock
from replicate.databases.scripts import ScriptBase
from replicate.databases.sqlite.connection import errors_of
from replicate.databases.sqlite.loading import pieces, row_decoder, utf16_of
from replicate.databases.sqlite.loosening import Loosened
from replicate.databases.sqlite.running import SchemaRunner
from replicate.databases.sqlite.sql import literal, quote, raw_text_literal
from replicate.databases.sqlite.values import (
    CODECS,
    ClassChangedError,
    RawText,
    Storing,
    Value,
)
from replicate.errors import CorruptError

_PATH = Path("the script")

_STATEMENT = 64 * 1024
"""Bytes of values after which an INSERT ends, and the next one begins."""

_HEAD = """\
-- Makes a database from nothing: sqlite3 -bail new.db < this script
PRAGMA foreign_keys = OFF;
PRAGMA ignore_check_constraints = ON;
"""


class ScriptDestination(ScriptBase):
    """Writes to a binary stream what `SQLiteDestination` would do to a file."""

    engine = "sqlite"

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        # The tables, without rows: they tell what class a bare field has in a column.
        self._model = sqlite3.connect(":memory:", isolation_level=None)
        self._runner = SchemaRunner(self._model, _PATH)
        self._codec = "utf-8"
        self._in_transaction = False
        self._checks = False
        self._wal = False

    def begin(self, *, wipe: bool, jobs: int) -> int:
        del wipe, jobs  # there is nothing to wipe, and one file to write
        self._write(_HEAD)
        return 1

    def run(self, script: str, *, only: Sequence[LoadTable] | None = None) -> None:
        for statement in self._runner.statements(script, only):
            setting = statement.name.lower() if statement.verb == "PRAGMA" else ""
            if setting == "journal_mode":
                self._wal = "wal" in statement.mentions
                continue
            if statement.verb == "CREATE TABLE" or setting == "encoding":
                self._runner.run(statement)
            if not setting:
                self._begin_transaction()
            self._write(statement.sql + "\n")
        [encoding] = self._model.execute("PRAGMA encoding").fetchone()
        self._codec = CODECS[encoding]

    def load(self, table: LoadTable, blocks: Iterable[RowBlock]) -> int:
        """Write the rows; the number of them."""
        blocks = iter(blocks)
        first = next(blocks, None)
        if first is None:
            return 0
        with errors_of(_PATH, f"{table.qualified} can't be written"):
            writer = _TableWriter(
                self._write, self._model, table, self._runner.definition(table), self._codec
            )
            self._begin_transaction()
            self._check(table.masked and self._runner.is_checkable(table))
            return writer.write(itertools.chain((first,), blocks))

    def finish(self) -> None:
        self._begin_transaction()
        self._write("COMMIT;\n")
        if self._wal:
            self._write("PRAGMA journal_mode = wal;\n")
        self._out.flush()
        self._model.close()

    def abort(self) -> None:
        """Leave the script without its COMMIT, so that it makes nothing."""
        self._model.close()

    def _write(self, text: str) -> None:
        self._out.write(text.encode("utf-8", "surrogateescape"))

    def _begin_transaction(self) -> None:
        if not self._in_transaction:
            self._write("BEGIN;\n")
            self._in_transaction = True

    def _check(self, checks: bool) -> None:
        if checks != self._checks:
            self._write(f"PRAGMA ignore_check_constraints = {'OFF' if checks else 'ON'};\n")
            self._checks = checks


class _TableWriter:
    """Writes the rows of one table as INSERT statements."""

    def __init__(
        self,
        out: Callable[[str], None],
        model: sqlite3.Connection,
        table: LoadTable,
        sql: str,
        codec: str,
    ) -> None:
        self._out = out
        self._model = model
        self._table = table
        self._sql = sql
        self._codec = codec
        self._decoder = row_decoder(model, table, sql, codec)
        self._loosened: Loosened | None = None
        names = ", ".join(map(quote, table.columns))
        self._insert = f"INSERT OR ABORT INTO {quote(table.name)}({names}) VALUES\n"

    def write(self, blocks: Iterable[RowBlock]) -> int:
        written = 0
        for block in blocks:
            rows = sum(map(self._write_piece, pieces(block.text)))
            if rows != block.rows:
                raise CorruptError(f"a block of {block.rows} rows holds {rows}")
            written += rows
        if self._loosened is not None:
            self._loosened.restore()
            self._out("\n".join(self._loosened.restoring) + "\n")
        return written

    def _write_piece(self, text: bytes) -> int:
        try:
            rows, columns, _ = self._decoder.decode(text)
        except ClassChangedError:
            self._decoder = row_decoder(
                self._model, self._table, self._sql, self._codec, Storing.UNCHANGED
            )
            self._loosened = Loosened(self._model, self._table.name)
            self._out("\n".join(self._loosened.loosening) + "\n")
            rows, columns, _ = self._decoder.decode(text)
        for values in _groups(map(self._row, zip(*columns, strict=True))):
            self._out(f"{self._insert}{values};\n")
        return rows

    def _row(self, row: tuple[Value, ...]) -> str:
        return f"({','.join(map(self._literal, row))})"

    def _literal(self, value: Value) -> str:
        if isinstance(value, RawText):
            utf8 = self._codec == "utf-8"
            return raw_text_literal(value.data if utf8 else utf16_of(value, self._codec))
        return literal(value, self._codec)


def _groups(rows: Iterable[str]) -> Iterator[str]:
    """The rows joined, a statement's worth at a time."""
    group: list[str] = []
    size = 0
    for row in rows:
        group.append(row)
        size += len(row)
        if size >= _STATEMENT:
            yield ",\n".join(group)
            group, size = [], 0
    if group:
        yield ",\n".join(group)
