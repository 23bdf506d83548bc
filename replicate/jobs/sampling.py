"""A few rows of each table, read within bounds: never a whole table that is big.

`Places` reads the beginnings of a few pieces of a table. A preview masks the blocks that come, as a
dump would; a scan looks at their values, which `Sampler` takes out of them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from replicate.databases.base import RowBlock, Slice, Snapshot, Source, Table
from replicate.errors import DatabaseError
from replicate.rows.column import Kind
from replicate.rows.grammar import NULL_FIELD, TAGS, unescape_value

_SLICE = 1024 * 1024
_PIECES = 64
_TRIES = 8
_NEAR = 4 * 1024 * 1024
_LOOKS = 3
_BYTES = 8 * 1024 * 1024
_VALUE = 64 * 1024
_BACKSLASH = b"\\"


class Places:
    """Reads from the beginning, the middle and the end of tables.

    A reader that is given up may take its connection with it, so it isn't the snapshot's own. To
    begin another one takes longer than to read on for a few MiB, so where the end of a piece is as
    near as that it is read to its end.

    All is read at the snapshot's moment, unless the database is one whose moments can't be joined
    once it was written to (SQLite in WAL mode). A reader begun after that sees a later moment; a
    table whose columns are others by then is not read.
    """

    def __init__(self, source: Source, snapshot: Snapshot) -> None:
        self._source = source
        self._snapshot = snapshot
        self._reader: Snapshot | None = None
        self._later = False
        # At once, while hardly anybody can have written since the snapshot was opened.
        self._begin()

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def pieces(self, table: Table) -> list[Slice]:
        """A few of its pieces: the first, one in the middle, the last, then some between those."""
        target = max(_SLICE, (table.bytes or 0) // _PIECES)
        pieces = self._snapshot.slices(table, target)
        last = len(pieces) - 1
        places = [0, last // 2, last, *(last * i // (_TRIES - 1) for i in range(1, _TRIES - 1))]
        return [pieces[i] for i in list(dict.fromkeys(places))[:_TRIES]] if pieces else []

    def blocks(self, piece: Slice) -> Generator[RowBlock, None, None]:
        """The rows of a piece: close it when enough were read. Raises `DatabaseError`."""
        reader = self._reader or self._begin()
        if self._later:
            _refuse_changed(piece.table, reader)
        blocks = reader.read(piece)
        whole = False
        try:
            try:
                for block in blocks:  # noqa: UP028 - yield from would close them with this
                    yield block
                whole = True
            except GeneratorExit:
                whole = _ends_soon(blocks)
                raise
        finally:
            if not whole:
                blocks.close()
                self.close()

    def _begin(self) -> Snapshot:
        shared = self._snapshot.share()
        self._reader = self._source.open() if shared is None else self._source.join(shared)
        try:
            self._later = shared is None or not self._snapshot.confirm_shared()
        except BaseException:
            self.close()
            raise
        return self._reader


def _refuse_changed(table: Table, reader: Snapshot) -> None:
    """Raises `DatabaseError` where the reader would not find the columns that `table` has."""
    now = reader.schema().find(table.schema, table.name)
    if now is None or now.columns != table.columns:
        happened = "removed or renamed" if now is None else "altered"
        raise DatabaseError(
            f"the table {table.qualified} was {happened} while the source was being read",
            hint="run it again",
        )


def _ends_soon(blocks: Iterator[RowBlock]) -> bool:
    read = 0
    for block in blocks:
        read += len(block.text)
        if read > _NEAR:
            return False
    return True


@dataclass(slots=True)
class Sample:
    """The values of some rows, by column: without NULLs, empty ones and blobs."""

    rows: int = 0
    bytes: int = 0
    values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, other: Sample) -> None:
        """Take the rows of another table's sample as well."""
        self.rows += other.rows
        self.bytes += other.bytes
        for name, values in other.values.items():
            self.values.setdefault(name, []).extend(values)


class Sampler:
    """Takes samples of the values in tables."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def sample(self, table: Table, rows: int) -> Sample:
        """About `rows` rows of the table, from its beginning, its middle and its end.

        A few megabytes at most, unless a row alone has more. Raises `DatabaseError`.
        """
        sample = Sample()
        pieces = self._places.pieces(table)[:_LOOKS] if rows else []
        for number, piece in enumerate(pieces, 1):
            self._read(table, piece, sample, rows * number // len(pieces))
        return sample

    def _read(self, table: Table, piece: Slice, sample: Sample, rows: int) -> None:
        """Add rows of the slice until the sample has `rows`, or bytes enough."""
        limit = sample.bytes + _BYTES // _LOOKS
        with closing(self._places.blocks(piece)) as blocks:
            for block in blocks:
                _take(table, block, sample, rows, limit)
                if sample.rows >= rows or sample.bytes >= limit:
                    break


def _take(table: Table, block: RowBlock, sample: Sample, rows: int, limit: int) -> None:
    lines = _lines(block.text, rows - sample.rows, limit - sample.bytes)
    sample.rows += len(lines)
    sample.bytes += sum(map(len, lines))
    fields = zip(*(line.split(b"\t") for line in lines), strict=True)
    for column, texts in zip(table.stored_columns, fields, strict=True):
        if column.hidden or column.kind is Kind.BINARY:
            continue
        values = sample.values.setdefault(column.name, [])
        # One look at all of them tells whether each has to be looked at.
        joined = b"\n".join(texts)
        if _BACKSLASH in joined or len(joined) > _VALUE * 8:
            values += filter(None, map(_value, texts))
        else:
            values += filter(None, joined.decode("utf-8", "replace").split("\n"))


def _lines(text: bytes, rows: int, size: int) -> list[bytes]:
    """The first rows, at most so many, and of so many bytes but for the last."""
    lines: list[bytes] = []
    start = 0
    while start < len(text) and len(lines) < rows and size > 0:
        end = text.find(b"\n", start)
        lines.append(text[start:end])
        size -= end - start
        start = end + 1
    return lines


def _value(text: bytes) -> str:
    """A field as text, its beginning if it is long; empty for NULL and for a blob."""
    if text[:1] == _BACKSLASH:
        if text == NULL_FIELD or text[1:2] == b"B":
            return ""
        if text[1:2] and text[1] in TAGS:
            text = text[2:]
    if len(text) > _VALUE:
        text = text[:_VALUE].rstrip(_BACKSLASH)
    return unescape_value(text).decode("utf-8", "replace")
