"""Where replacements come from: a keyed function of the value, or the system's random numbers."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from replicate.crypto.prf import Prf
from replicate.rows.column import SLACK, Column, Kind
from replicate.transformers.base import Draw

LANE = 16
"""Bytes that a draw gives for one value."""

_BATCH = 1 << 16  # lanes of a stream made at a time

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


class KeyedDraw:
    """Equal values draw equal bytes under one key; without the key they tell nothing of the value.

    The bytes are the AES-256-CMAC of the value. May be pickled; the key then travels with it.
    """

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._prf = Prf(key)

    def __call__(self, column: Column) -> Bytes:
        """uint8 (rows, 16); NULL draws as the empty string does."""
        return self._prf.lanes(column.data, column.start, column.length)


class RandomDraw:
    """Every value draws fresh bytes from the system's source of random numbers."""

    key = None

    def __call__(self, column: Column) -> Bytes:
        """uint8 (rows, 16)."""
        return np.frombuffer(os.urandom(LANE * len(column)), np.uint8).reshape(-1, LANE)


def keyed_draw(key: bytes) -> Draw:
    """The draw under a key of 32 bytes. One key serves one masking domain."""
    return KeyedDraw(key)


def random_draw() -> Draw:
    """The draw that no key repeats: equal values get different replacements."""
    return RandomDraw()


def stream(draw: Draw, seeds: Bytes, lanes: Integers) -> Bytes:
    """As many lanes as each row asks for, made of its first one: uint8 (sum of `lanes`, 16).

    `seeds` is what `draw` gave, uint8 (rows, 16); `lanes` int64 (rows,), 0 or more. A row of one
    lane gets its seed. One of more gets draws of its seed and a counter, so they are as good as
    the draw is, and rows with equal seeds get equal lanes.
    """
    if (lanes == 1).all():
        return seeds
    row = np.repeat(np.arange(len(lanes)), lanes)
    begin = np.cumsum(lanes) - lanes
    out = seeds[row]
    several = lanes > 1
    for first in range(0, len(row), _BATCH):
        part = slice(first, first + _BATCH)
        at = np.flatnonzero(several[row[part]])
        if at.size:
            at += first
            out[at] = draw(_counted(out[at], at - begin[row[at]]))
    return out


def _counted(seeds: Bytes, counter: Integers) -> Column:
    """A column of the first 12 bytes of each seed with a 32-bit counter behind them."""
    rows = len(seeds)
    data = np.zeros(rows * LANE + SLACK, np.uint8)
    values = data[: rows * LANE].reshape(rows, LANE)
    values[:, :12] = seeds[:, :12]
    values[:, 12:] = counter.astype("<u4").view(np.uint8).reshape(rows, 4)
    return Column(
        data,
        np.arange(rows, dtype=np.int64) * LANE,
        np.full(rows, LANE, np.int64),
        np.zeros(rows, np.bool_),
        Kind.BINARY,
    )
