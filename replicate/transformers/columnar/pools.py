"""Replacements from arrays: pools built without a Python object per value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replicate.errors import TransformError
from replicate.rows.arrays import LIMIT, from_offsets, strings
from replicate.rows.column import KEEP, Column, Replacement

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Index = npt.NDArray[np.int32]


class Assembly:
    """The replacement of one column, put together from parts that each serve some of its rows.

    Rows that no part serves keep their value, so a transformer must see to all that are not
    empty. Rows that are NULL or empty keep theirs whatever a part says.
    """

    def __init__(self, column: Column) -> None:
        self._column = column
        self._pools: list[pa.BinaryArray] = []
        self._size = 0
        self._index = np.full(len(column), KEEP, np.int32)

    def put(self, rows: npt.NDArray[np.integer] | None, pool: pa.BinaryArray, index: Index) -> None:
        """Row ``rows[i]`` becomes ``pool[index[i]]``; `rows` None stands for all rows."""
        index = index + np.int32(self._size) if self._size else index
        if rows is None:
            self._index = index
        else:
            self._index[rows] = index
        self._pools.append(pool)
        self._size += len(pool)

    def replacement(self, *, binary: bool = False) -> Replacement:
        empty = self._column.length == 0
        if empty.any():
            self._index = np.where(empty, np.int32(KEEP), self._index)
        if not self._pools:
            return Replacement(strings([]), self._index, binary)
        pool = self._pools[0] if len(self._pools) == 1 else pa.concat_arrays(self._pools)
        return Replacement(pool, self._index, binary)


def pick(column: Column, pool: pa.BinaryArray, index: Index) -> Replacement:
    """Row i becomes ``pool[index[i]]``, unless it is NULL or empty."""
    assembly = Assembly(column)
    assembly.put(None, pool, index)
    return assembly.replacement()


def fixed_width(matrix: Bytes) -> tuple[pa.BinaryArray, Index]:
    """A pool of the rows of a C-contiguous uint8 (rows, width), and the index of each: 0, 1, ..."""
    rows, width = matrix.shape
    check_size(rows * width)
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    return from_offsets(offsets, matrix), np.arange(rows, dtype=np.int32)


def spaced(data: Bytes, start: Integers, length: Integers) -> tuple[pa.BinaryArray, Index]:
    """A pool that has each ``data[start[i] : start[i] + length[i]]`` without copying them.

    `start` ascends and spans don't overlap. What lies between two spans becomes a value of its own
    that no index points to, so it should hold nothing that a row would have to escape.
    """
    check_size(data.size)
    rows = len(start)
    offsets = np.empty(2 * rows + 1, np.int32)
    offsets[0:-1:2] = start
    offsets[1::2] = start + length
    offsets[-1] = data.size
    return from_offsets(offsets, data), np.arange(0, 2 * rows, 2, dtype=np.int32)


def padded(matrix: Bytes, length: Integers) -> tuple[pa.BinaryArray, Index]:
    """A pool of the first ``length[i]`` bytes of each row of a C-contiguous uint8 (rows, width)."""
    rows, width = matrix.shape
    return spaced(matrix.reshape(-1), np.arange(rows, dtype=np.int64) * width, length)


def check_size(size: int) -> None:
    """Raises `TransformError` if a pool of so many bytes can't be."""
    if size > LIMIT:
        raise TransformError("the replacements of one block of rows exceed 2 GiB")
