"""What FF1 is given, for many strings at once: their halves as numbers, and their tweaks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from replicate.crypto.numerals import Starts, behind, numbers, spell

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]
Halves = tuple[Words, Words]
"""The two halves of strings as numbers, uint64 (rows,) each; the first is the shorter one."""


class Tweaks:
    """The tweaks of strings: rows of a matrix, one for each of them, one for all, or some of many.

    Raises ValueError if they don't go with so many `rows`.
    """

    def __init__(self, tweak: Bytes, which: Integers | None, rows: int) -> None:
        if tweak.dtype != np.uint8 or tweak.ndim != 2:
            raise ValueError("tweaks are rows of a matrix of bytes")
        if which is None and len(tweak) not in (1, rows):
            raise ValueError("there is a tweak for each string, or one for all")
        if which is not None and which.shape != (rows,):
            raise ValueError("each string has one of the tweaks")
        self._tweak = tweak
        self._which = which
        self.length: int = tweak.shape[1]

    def of(self, rows: Rows | slice) -> Tweaks:
        """Those of these strings."""
        if self._which is not None:
            which = self._which[rows]
            return Tweaks(self._tweak, which, len(which))
        if len(self._tweak) == 1:
            return self
        chosen = self._tweak[rows]
        return Tweaks(chosen, None, len(chosen))

    def one(self, row: int) -> bytes:
        which = row % len(self._tweak) if self._which is None else self._which[row]
        tweak: Bytes = self._tweak[which]
        return tweak.tobytes()

    def with_sizes(self, size: Integers) -> tuple[Bytes, Integers, Integers | None]:
        """Each tweak that goes with a size, the sizes, and which of these each string has.

        `size` is int64 (rows,), or (1,) for all rows. None stands for one for each string, or one
        for all.
        """
        which = self._which
        if which is None and (len(size) == 1 or len(self._tweak) > 1):
            return self._tweak, size, None
        if which is not None and len(size) == 1:
            return self._tweak, size, which
        span = int(size.max()) + 1
        both = size if which is None else which * span + size
        there = np.flatnonzero(np.bincount(both))
        place = np.zeros(int(there[-1]) + 1, np.int64)
        place[there] = np.arange(len(there))
        return self._tweak[there // span], there % span, place[both]


class Halved:
    """Strings of one radix in a buffer, cut in halves: the first is the shorter one.

    `fits` tells for a radix and a size whether halves of such strings are reckoned with in 64 bits;
    those of others mean nothing.
    """

    def __init__(
        self,
        data: Bytes,
        start: Starts,
        length: Integers,
        radix: int,
        fits: Callable[[int, int], bool],
    ) -> None:
        self._data = data
        self._start = start
        self.length = length
        self.radix = radix
        self.sizes: list[int] = np.flatnonzero(np.bincount(length)).tolist()
        size = length[:1] if len(self.sizes) == 1 else length
        self._cut = size >> 1
        self._rest = size - self._cut
        short = [n for n in self.sizes if fits(radix, n)]
        self._longest = (max(short, default=0) + 1) // 2  # of a half

    def one(self, row: int) -> list[int]:
        start = self._start
        first = start.start + row * start.step if isinstance(start, slice) else start[row]
        string: list[int] = self._data[first : first + self.length[row]].tolist()
        return string

    def halves(self) -> Halves:
        """Both halves of each string as numbers: uint64 (rows,)."""
        first = numbers(self._data, self._start, self._cut, self.radix, self._longest)
        middle = behind(self._start, self._cut)
        return first, numbers(self._data, middle, self._rest, self.radix, self._longest)

    def spell(self, halves: Halves, out: Bytes) -> None:
        """Put such strings into the rows of `out`, which are zeros."""
        rows, width = out.shape
        start = slice(0, rows * width, width)
        data = out.reshape(-1)
        spell(halves[0], start, self._cut, self.radix, data, longest=self._longest)
        spell(
            halves[1], behind(start, self._cut), self._rest, self.radix, data, longest=self._longest
        )
