"""Texts that lie one after the other, with some of their parts exchanged for others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import TransformError
from replicate.rows.arrays import LIMIT, contents, from_offsets, indexes
from replicate.rows.column import SLACK, Column
from replicate.rows.spans import gather

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Texts:
    """The values of a column laid end to end: value i is ``data[bounds[i] : bounds[i + 1]]``.

    `data` is uint8 with `SLACK` zeros behind the last value, `bounds` int64 (rows + 1,); `raw` is
    the values again, without the slack. NULL is empty.
    """

    data: Bytes
    bounds: Integers
    raw: bytes

    @classmethod
    def of(cls, column: Column) -> Texts:
        """A copy of the values."""
        raw = laid(column).tobytes()
        bounds = np.concatenate(([0], np.cumsum(column.length, dtype=np.int64)))
        return cls(np.frombuffer(raw + bytes(SLACK), np.uint8), bounds, raw)

    def row_at(self, position: int) -> int:
        """The row that holds the byte at `position`."""
        return int(np.searchsorted(self.bounds, position, side="right")) - 1

    def spliced(self, begin: Integers, end: Integers, values: pa.BinaryArray) -> pa.BinaryArray:
        """The texts, with ``values[k]`` where ``data[begin[k] : end[k]]`` was.

        The spans ascend, don't overlap, and each lies within one text. Raises `TransformError` if
        the outcome or what it is made of would exceed 2 GiB.
        """
        spans, size = len(begin), len(self.raw)
        offsets, data = contents(values)
        length = np.diff(offsets).astype(np.int64)
        grown = np.concatenate(([0], np.cumsum(length - (end - begin))))
        bounds = self.bounds + grown[np.searchsorted(begin, self.bounds)]
        if size + data.size > LIMIT or int(bounds[-1]) > LIMIT:
            raise TransformError("the replacements of one block of rows exceed 2 GiB")
        pieces = np.empty(3 * spans + 2, np.int32)
        pieces[0] = 0
        pieces[1 : 2 * spans + 1 : 2] = begin
        pieces[2 : 2 * spans + 1 : 2] = end
        pieces[2 * spans + 1] = size
        pieces[2 * spans + 2 :] = offsets[1:] + np.int32(size - int(offsets[0]))
        order = np.empty(2 * spans + 1, np.int32)
        order[0::2] = np.arange(0, 2 * spans + 1, 2)
        order[1::2] = np.arange(2 * spans + 1, 3 * spans + 1)
        both = np.concatenate((self.data[:size], data))
        joined = pc.take(from_offsets(pieces, both), indexes(order), boundscheck=False)
        return from_offsets(bounds.astype(np.int32), contents(joined)[1])


def laid(column: Column) -> Bytes:
    """The values of a column end to end, without slack."""
    start, end = column.start, column.start + column.length
    if column.data.size > LIMIT or not (end[:-1] <= start[1:]).all():
        return gather(column.data, start, column.length)
    # In the order of the buffer, values and what lies between them make an array.
    offsets = np.empty(2 * len(start) + 1, np.int32)
    offsets[0:-1:2], offsets[1::2] = start, end
    offsets[-1] = column.data.size
    values = indexes(np.arange(0, 2 * len(start), 2, dtype=np.int32))
    return contents(pc.take(from_offsets(offsets, column.data), values, boundscheck=False))[1]
