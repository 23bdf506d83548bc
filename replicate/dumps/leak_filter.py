"""A keyed Bloom filter of the values that were masked: what a leak would be recognised by.

While a dump is made, every value that a transformer replaces is entered, and the column that it
came from. Afterwards any value of the dump can be held against it: one that is in the filter was in
a masked column of the source, and has survived somewhere.

Without its key a filter tells nothing; with it, whether a value that somebody guesses was in the
source. So it is derived from the masking key, which those who restore dumps need not have.

A filter has a fixed size, whatever the size of the database. Where there are more values than it
can hold with few false alarms, it holds one in two, four, …: chosen by their hash, so that the same
ones are looked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from replicate.crypto.prf import Prf
from replicate.errors import CorruptError, WrongKeyError
from replicate.rows.column import Column, Kind
from replicate.rows.spans import heads

_VERSION = 1
_HASHES = 6
_BITS_A_VALUE = 64  # with two entries a value, a false alarm in some ten million values
_SMALLEST, _LARGEST = 24, 29  # log2 of the bits: 2 MiB to 64 MiB

_FULLEST = 5  # sixteenths of the bits; a filter that holds what it is made for sets three of them

_CHECK = b"replicate/leak-filter/1"

_SHORTEST = 6
"""Bytes that a value has at least to be entered: shorter ones recur by chance."""

_DIGITS = 9
"""Bytes that a value of nothing but digits has at least."""

_TELLING = frozenset({Kind.TEXT, Kind.ANY, Kind.UUID, Kind.INET, Kind.MACADDR, Kind.JSON})
_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMERIC})

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Watched:
    """A masked column. `by_chance`: its transformer may make what another row had before."""

    label: str
    by_chance: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a filter: 2**`bits` bits, which hold one value in 2**`thinned`."""

    bits: int
    thinned: int

    @classmethod
    def for_values(cls, count: int | None) -> Shape:
        """One for about so many values; None for nobody knows how many."""
        if count is None:
            return cls(_LARGEST, 0)
        wanted = max(count * _BITS_A_VALUE - 1, 1).bit_length()
        bits = min(max(wanted, _SMALLEST), _LARGEST)
        return cls(bits, max(wanted - bits, 0))


class LeakFilter:
    """The filter of a dump, or what one worker has entered so far."""

    def __init__(
        self, key: bytes, shape: Shape, columns: Sequence[Watched], bits: Bytes | None = None
    ) -> None:
        """`bits` uint8 (2**bits / 8,) may be a mapped file. `columns` are known by their places."""
        self.columns = tuple(columns)
        self.shape = shape
        self._prf = Prf(key)
        self._bits = np.zeros(_size(shape), np.uint8) if bits is None else bits
        numbers = np.arange(1, len(self.columns) + 1, dtype=np.uint64)
        # Any odd numbers that differ will do: what they multiply is random already.
        self._salts = numbers * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)

    @classmethod
    def mapped(cls, path: Path, key: bytes, shape: Shape, columns: Sequence[Watched]) -> LeakFilter:
        """An empty one whose bits are the new file at `path`: another process can read them."""
        bits = np.memmap(path, np.uint8, "w+", shape=(_size(shape),))
        return cls(key, shape, columns, bits)

    def enter(self, column: int, values: Column) -> None:
        """Enter the values of the masked column at that place, as far as they would be telling."""
        lanes, _ = self._lanes(values, _is_telling(values))
        for first, step in (lanes, self._of_column(lanes, column)):
            at = self._places(first, step).reshape(-1)
            np.bitwise_or.at(self._bits, at >> 3, _BIT[at & 7])

    def merge(self, bits: Bytes) -> None:
        """Enter all that another filter of the same key and shape has."""
        if bits.shape != self._bits.shape:
            raise ValueError("filters of different sizes can't be merged")
        np.bitwise_or(self._bits, bits, out=self._bits)

    def find(self, values: Column) -> tuple[Rows, list[tuple[int, ...]]]:
        """The rows whose values were entered, and of each the places of the columns it was in."""
        lanes, rows = self._lanes(values, _is_telling(values, whatever=True))
        there = self._has(*lanes)
        if not there.any():
            return rows[:0], []
        lanes, rows = (lanes[0][there], lanes[1][there]), rows[there]
        of = np.array([self._has(*self._of_column(lanes, i)) for i in range(len(self.columns))])
        known = of.any(axis=0)
        found = [tuple(np.flatnonzero(each).tolist()) for each in of.T[known]]
        return rows[known], found

    def encode(self) -> bytes:
        """All of it but the key: a line of JSON and the bits."""
        about = {
            "version": _VERSION,
            "bits": self.shape.bits,
            "thinned": self.shape.thinned,
            "columns": [[each.label, each.by_chance] for each in self.columns],
            "check": self._prf.one(_CHECK).hex(),
        }
        return json.dumps(about).encode() + b"\n" + self._bits.tobytes()

    @classmethod
    def decode(cls, key: bytes, data: bytes) -> LeakFilter:
        """What `encode` gave. Raises `WrongKeyError`, and `CorruptError` for anything else."""
        line, _, bits = data.partition(b"\n")
        try:
            about = json.loads(line)
            shape = Shape(int(about["bits"]), int(about["thinned"]))
            columns = [Watched(str(label), bool(chance)) for label, chance in about["columns"]]
            right = about["version"] == _VERSION and 0 <= shape.thinned < 64 - _LARGEST
            right = right and _SMALLEST <= shape.bits <= _LARGEST and len(bits) == _size(shape)
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptError("the leak filter is not written as one") from error
        if not right:
            raise CorruptError("the leak filter is not one of this version")
        found = cls(key, shape, columns, np.frombuffer(bits, np.uint8))
        if about.get("check") != found._prf.one(_CHECK).hex():
            raise WrongKeyError(
                "the dump was made with another masking_key",
                hint="leaks can only be looked for with the masking_key of that time",
            )
        if found.is_full:
            raise CorruptError("the leak filter holds more values than it can tell apart")
        return found

    @property
    def is_full(self) -> bool:
        """Whether so many bits are set that false alarms are frequent."""
        count = np.bincount(self._bits, minlength=256) @ _ONES
        return int(count) > _FULLEST << self.shape.bits >> 4

    def _lanes(self, values: Column, wanted: Flags) -> tuple[tuple[Words, Words], Rows]:
        """Two numbers for each value that is wanted and not thinned out, and their rows."""
        rows = np.flatnonzero(wanted)
        lanes = self._prf.lanes(values.data, values.start[rows], values.length[rows])
        first, step = lanes.view("<u8").T
        if self.shape.thinned:
            kept = first >> np.uint64(64 - self.shape.thinned) == 0
            first, step, rows = first[kept], step[kept], rows[kept]
        return (first, step), rows

    def _of_column(self, lanes: tuple[Words, Words], column: int) -> tuple[Words, Words]:
        salt = self._salts[column]
        return lanes[0] ^ (lanes[1] * salt), lanes[1] ^ salt << np.uint64(1)

    def _places(self, first: Words, step: Words) -> npt.NDArray[np.int64]:
        """The bits of each value: int64 (values, _HASHES)."""
        times = np.arange(_HASHES, dtype=np.uint64)
        places = first[:, None] + (step | np.uint64(1))[:, None] * times
        places &= np.uint64((1 << self.shape.bits) - 1)
        return places.view(np.int64)

    def _has(self, first: Words, step: Words) -> Flags:
        at = self._places(first, step)
        found: Flags = (self._bits[at >> 3] & _BIT[at & 7] != 0).all(axis=1)
        return found


_ONES = np.array([value.bit_count() for value in range(256)])
_BIT = (1 << np.arange(8)).astype(np.uint8)


def _size(shape: Shape) -> int:
    return 1 << shape.bits - 3


def _is_telling(values: Column, *, whatever: bool = False) -> Flags:
    """Which values hardly recur by chance; `whatever` passes over what kind they are of."""
    telling: Flags = values.length >= _SHORTEST
    if not whatever and values.kind not in _TELLING:
        telling &= values.kind in _NUMBERS
    short = np.flatnonzero(telling & (values.length < _DIGITS))
    if short.size:
        text = heads(values.data, values.start[short], values.length[short], 16)
        digits = ((text - np.uint8(ord("0"))) < 10).sum(axis=1)
        telling[short[digits == values.length[short]]] = False
    return telling
