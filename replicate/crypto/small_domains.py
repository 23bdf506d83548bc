"""Keyed permutations of strings of which there are fewer than a million: by tables of all of them.

The order of a table is what the key decides, without any structure at all. There is one for each
radix and length, made when it is first needed, and each tweak uses it in a way of its own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from replicate.crypto.numerals import modulo
from replicate.crypto.prf import SLACK, Prf
from replicate.crypto.strings import Halves, Tweaks

_MEMBER, _TWEAK = 1, 2  # what a message of the tables' function begins with

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


class SmallDomains:
    """The permutations of short strings under one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._prf = Prf(key)
        self._tables: dict[tuple[int, int], npt.NDArray[np.int32]] = {}

    def permute(
        self, halves: Halves, size: Integers, radix: int, tweaks: Tweaks, backwards: bool
    ) -> Halves:
        """The halves of other strings, one to one for each `radix`, size and tweak.

        `size` is int64 (rows,), or (1,) for all rows.
        """
        # Each tweak has a permutation of its own: two looks, and a step of its own before each.
        tweak, size_of, which = tweaks.with_sizes(size)
        message = np.empty((max(len(tweak), len(size_of)), tweak.shape[1] + 4), np.uint8)
        message[:, :4] = (_TWEAK, radix - 1, 0, 0)
        message[:, 2] = size_of
        message[:, 4:] = tweak
        drawn = _macs(self._prf, message).view("<u4")[:, :2].astype(np.uint64)
        if which is not None:
            drawn = drawn[which]
        new = np.empty_like(halves[0]), np.empty_like(halves[1])
        for n in np.flatnonzero(np.bincount(size)).tolist():
            rows = slice(None) if len(size) == 1 else np.flatnonzero(size == n)
            table = self._table(radix, n)
            domain = np.uint64(len(table))
            steps = [modulo(drawn[rows, i], domain).view(np.int64) for i in (0, 1)]
            lower = np.uint64(radix ** (n - n // 2))
            place = (halves[0][rows] * lower + halves[1][rows]).view(np.int64)
            if backwards:
                back = np.argsort(table)
                for step in reversed(steps):
                    place = back[place] - step
                    place += (place < 0) * len(table)
            else:
                for step in steps:
                    place = place + step
                    place -= (place >= len(table)) * len(table)
                    place = table.take(place).astype(np.int64)
            number = place.view(np.uint64)
            new[0][rows] = first = number // lower
            new[1][rows] = number - first * lower
        return new

    def _table(self, radix: int, size: int) -> npt.NDArray[np.int32]:
        """What each string of a small domain becomes, as numbers."""
        found = self._tables.get((radix, size))
        if found is None:
            domain = radix**size
            message = np.empty((domain, 8), np.uint8)
            message[:, :4] = (_MEMBER, radix - 1, size, 0)
            message[:, 4:] = np.arange(domain, dtype="<u4").view(np.uint8).reshape(domain, 4)
            drawn = _macs(self._prf, message).view("<u8")[:, 0]
            found = np.empty(domain, np.int32)
            found[np.argsort(drawn, kind="stable")] = np.arange(domain, dtype=np.int32)
            self._tables[radix, size] = found
        return found


def _macs(prf: Prf, messages: Bytes) -> Bytes:
    """The tables' function of each row: uint8 (rows, 16)."""
    rows, width = messages.shape
    data = np.zeros(rows * width + SLACK, np.uint8)
    data[: rows * width] = messages.reshape(-1)
    length = np.full(rows, width, np.int64)
    return prf.lanes(data, np.arange(rows, dtype=np.int64) * width, length)
