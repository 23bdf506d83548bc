"""Where the fields of a block of rows end: its structure, found without touching a value.

One vectorised pass finds every tab, newline and backslash; that each row has the expected number
of fields then follows from counts and from the places of the newlines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from replicate.errors import CorruptError
from replicate.rows.grammar import BACKSLASH

_TAB, _NEWLINE, _RETURN = 9, 10, 13

_TILE = 1 << 18  # bytes; what one pass touches stays in the processor's cache for the next
_NONE = np.empty(0, np.int64)


Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a block, by row and column.

    `ends` int64 (rows, columns): the position of the tab or newline after each field; a field
    starts one byte after the end before it, the first one at 0. `escaped` int64: the fields that
    hold backslashes, by their number in the order of the text; `backslashes`: how many each
    holds. A field may come several times, and has as many as these say together.
    """

    ends: Integers
    escaped: Integers
    backslashes: Integers

    def start(self, column: int) -> Integers:
        """Where the fields of one column start, int64 (rows,)."""
        if column:
            return self.ends[:, column - 1] + 1
        starts = np.zeros(len(self.ends), np.int64)
        np.add(self.ends[:-1, -1], 1, out=starts[1:])
        return starts

    def escapes(self, column: int) -> Integers | None:
        """How many backslashes each field of one column holds, int64 (rows,); None for none."""
        rows, columns = self.ends.shape
        row, of = np.divmod(self.escaped, columns)
        here = of == column
        if not here.any():
            return None
        return np.bincount(row[here], self.backslashes[here], rows).astype(np.int64)


class Splitter:
    """Finds the fields of blocks of rows that have `columns` fields each, 1 or more.

    Keeps its working memory between blocks, so it serves one thread at a time.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._found = np.empty(_TILE, np.bool_)
        self._also = np.empty(_TILE, np.bool_)

    def split(self, text: Bytes, copy: Bytes, *, escapes: bool) -> Fields:
        """The fields of `text`, uint8 (bytes,), which is whole rows, copied to `copy` on the way.

        `escapes` tells whether a backslash occurs at all. Raises `CorruptError` for a raw carriage
        return, which the grammar has no place for, and for a row with another number of fields;
        the message names the row, counted from 1 in this block, and no value. Beyond the result it
        takes memory for one tile only.
        """
        parts = []
        fields = rows = 0
        for first in range(0, text.size, _TILE):
            tile = copy[first : first + _TILE]
            tile[:] = text[first : first + _TILE]
            part = self._tile(tile, first, fields, escapes=escapes)
            fields += len(part.ends)
            rows += part.newlines
            parts.append(part)
        ends = np.concatenate([part.ends for part in parts])
        # As many newlines as there are rows, and one at the end of each: there is none elsewhere.
        last = ends[self._columns - 1 :: self._columns]
        if fields != rows * self._columns or not (copy[last] == _NEWLINE).all():
            raise self._ragged(copy[ends] == _NEWLINE)
        return Fields(
            ends.reshape(rows, self._columns),
            np.concatenate([part.escaped for part in parts]),
            np.concatenate([part.backslashes for part in parts]),
        )

    def _tile(self, tile: Bytes, first: int, fields: int, *, escapes: bool) -> _Part:
        """What is found in one tile, which begins at `first` and in field number `fields`."""
        found = np.less(tile, _RETURN + 1, out=self._found[: tile.size])
        if escapes:
            found |= np.equal(tile, BACKSLASH, out=self._also[: tile.size])
        at = np.flatnonzero(found)
        byte = tile.take(at)
        at += first
        is_end = byte == _NEWLINE
        newlines = int(np.count_nonzero(is_end))
        is_end |= byte == _TAB
        ends = np.count_nonzero(is_end)
        if ends == len(at):
            return _Part(at, newlines, _NONE, _NONE)

        backslash = byte == BACKSLASH
        if ends + np.count_nonzero(backslash) < len(at):
            # Control bytes that may stand raw; and a return, which may not.
            if (byte == _RETURN).any():
                raise CorruptError(
                    "the rows hold a raw carriage return",
                    hint="the row format escapes it; were the line ends translated on the way?",
                )
            meant = is_end | backslash
            at, is_end, backslash = at[meant], is_end[meant], backslash[meant]
        # Before a backslash stand the ends of the fields before its own, and other backslashes.
        number = np.flatnonzero(backslash)
        if not number.size:
            return _Part(at[is_end], newlines, _NONE, _NONE)
        number += fields - np.arange(len(number))
        closes = np.append(number[1:] != number[:-1], True).nonzero()[0]
        return _Part(at[is_end], newlines, number[closes], np.diff(closes, prepend=-1))

    def _ragged(self, newline: npt.NDArray[np.bool_]) -> CorruptError:
        fields = np.diff(np.flatnonzero(newline), prepend=-1)
        row = int(np.argmax(fields != self._columns))
        return CorruptError(
            f"row {row + 1} of the block has {int(fields[row])} fields instead of {self._columns}"
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """The `Fields` of one tile, and how many of the ends are newlines."""

    ends: Integers
    newlines: int
    escaped: Integers
    backslashes: Integers
