"""Values put together from parts that differ in length, for all rows at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replicate.rows.arrays import from_offsets
from replicate.rows.spans import gather
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Index, Integers, check_size


def squeezed(matrix: Bytes) -> tuple[pa.BinaryArray, Index]:
    """A pool of the rows of a uint8 (rows, width) without their zeros, and the index of each.

    So a part that is shorter than its place is followed, or led, by zeros.
    """
    check_size(matrix.size)
    there = matrix != 0
    return packed(matrix[there], np.count_nonzero(there, axis=1))


def packed(data: Bytes, length: npt.NDArray[np.integer]) -> tuple[pa.BinaryArray, Index]:
    """A pool of the values that lie in `data` one after the other, ``length[i]`` bytes each."""
    check_size(data.size)
    offsets = np.zeros(len(length) + 1, np.int32)
    np.cumsum(length, out=offsets[1:])
    return from_offsets(offsets, data), np.arange(len(length), dtype=np.int32)


def joined(parts: Sequence[tuple[Bytes, Integers]]) -> tuple[pa.BinaryArray, Index]:
    """A pool of values whose parts stand one after the other.

    Each part is the bytes of all rows, and how many of them each row has.
    """
    sizes = np.stack([size for _, size in parts])  # (parts, rows)
    check_size(int(sizes.sum()))
    first = np.cumsum([0] + [len(data) for data, _ in parts[:-1]])
    start = first[:, None] + np.cumsum(sizes, axis=1) - sizes
    order = gather(
        np.concatenate([data for data, _ in parts]), start.T.reshape(-1), sizes.T.reshape(-1)
    )
    return packed(order, sizes.sum(axis=0))


def table(words: Sequence[bytes]) -> Bytes:
    """The words as the rows of a uint8 (words, longest), with zeros behind their ends."""
    wide = max(len(word) for word in words)
    return np.frombuffer(b"".join(word.ljust(wide, b"\0") for word in words), np.uint8).reshape(
        len(words), wide
    )


def last_place(data: Bytes, byte: int, start: Integers, end: Integers) -> Integers:
    """Where that byte last stands in each ``data[start[i] : end[i]]``; -1 where it doesn't."""
    places = np.flatnonzero(data == byte)
    if not places.size:
        return np.full(len(start), -1, np.int64)
    before = np.searchsorted(places, end) - 1
    found = places[np.maximum(before, 0)]
    return np.where((before >= 0) & (found >= start), found, -1)
