"""A block of rows put together again, with some of its values exchanged.

The block and the replacements lie in one buffer, cut into pieces by one array of offsets; the
order of the pieces makes the new block. One `take` of pyarrow copies them. Columns that stay as
they are lie between the masked ones and are copied as a single piece, tabs, newlines and all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import TransformError
from replicate.rows.arrays import LIMIT, contents, from_offsets, indexes
from replicate.rows.column import KEEP, SLACK

CAPACITY = LIMIT - SLACK
"""Bytes that a block, its unescaped values and its replacements may take together."""


class Workspace:
    """One growing buffer: a block of rows, and behind it whatever else belongs to the block.

    Every byte range that is handed out stays valid until the next `begin`, though no longer part of
    `data` if the buffer had to grow. There are always `SLACK` bytes behind the last one.
    """

    def __init__(self) -> None:
        self._buffer = np.zeros(SLACK, np.uint8)
        self.size = 0

    @property
    def data(self) -> npt.NDArray[np.uint8]:
        """All bytes so far, and the slack behind them; not to be written to."""
        view = self._buffer[: self.size + SLACK]
        view.flags.writeable = False
        return view

    def begin(self, size: int) -> npt.NDArray[np.uint8]:
        """Begin anew with a block of `size` bytes; returns the place for it, to be filled."""
        self.size = 0
        self._reserve(size)
        return self._buffer[:size]

    def append(self, values: npt.NDArray[np.uint8]) -> int:
        """Put `values` at the end; returns their position. Raises `TransformError` beyond 2 GiB."""
        at = self.size
        self._reserve(values.size)
        self._buffer[at : self.size] = values
        return at

    def _reserve(self, size: int) -> None:
        at = self.size
        end = at + size
        if end > CAPACITY:
            raise TransformError(
                "a block of rows and its replacements exceed 2 GiB",
                hint="no single row may be larger than that",
            )
        if end + SLACK > self._buffer.size:
            grown = np.empty(min(end + end // 4, CAPACITY) + SLACK, np.uint8)
            grown[:at] = self._buffer[:at]
            self._buffer = grown
        self._buffer[end : end + SLACK] = 0
        self.size = end

    def shrink(self, size: int) -> None:
        """Give the buffer back if it has grown beyond `size` bytes."""
        if self._buffer.size > size:
            self._buffer = np.zeros(SLACK, np.uint8)
            self.size = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """One masked column: the field from `start` to `end` becomes replacement `choice`.

    All have one entry a row: `start` and `end` int64 positions in the block, `choice` int32, an
    index into all pools laid end to end, or `KEEP`.
    """

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    choice: npt.NDArray[np.int32]


def join(
    space: Workspace, block: int, cuts: Sequence[Cut], pools: Sequence[pa.BinaryArray]
) -> bytes:
    """The first `block` bytes of `space` with the fields of `cuts`, in order, exchanged.

    The pools hold fields, escaped already. Raises `TransformError` if the outcome or the buffer
    would exceed 2 GiB.
    """
    rows = len(cuts[0].start)
    per_row = 2 * len(cuts)
    pieces = rows * per_row + 1  # the last one is what follows the last masked field
    offsets = np.empty(pieces + 2 + sum(map(len, pools)), np.int32)
    order = np.arange(pieces, dtype=np.int32)
    edges = offsets[1:pieces].reshape(rows, per_row)
    choices = order[:-1].reshape(rows, per_row)
    first = pieces + 1  # between the block and the pools lies one piece that nobody takes
    for i, cut in enumerate(cuts):
        edges[:, 2 * i] = cut.start
        edges[:, 2 * i + 1] = cut.end
        np.copyto(choices[:, 2 * i + 1], cut.choice + np.int32(first), where=cut.choice != KEEP)
    offsets[0] = 0
    offsets[pieces] = block
    offsets[first] = space.size
    for pool in pools:
        bounds, data = contents(pool)
        at = space.append(data)
        np.add(bounds[1:], at - int(bounds[0]), out=offsets[first + 1 : first + len(bounds)])
        first += len(pool)

    _check_outcome(block, offsets[pieces + 1 :], offsets, order)
    joined = pc.take(from_offsets(offsets, space.data), indexes(order), boundscheck=False)
    _, text = contents(joined)
    return text.tobytes()


def _check_outcome(
    block: int,
    pools: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int32],
    order: npt.NDArray[np.int32],
) -> None:
    # The bound settles nearly every block; only one value that is huge asks for the exact sum.
    widest = int(np.diff(pools).max(initial=0))
    if block + widest * len(order) > LIMIT:
        size = int(np.diff(offsets)[order].sum(dtype=np.int64))
        if size > LIMIT:
            raise TransformError("a block of rows exceeds 2 GiB once it is masked")
