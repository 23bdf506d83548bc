"""IP addresses of both families as numbers, read from text and written again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from replicate.rows.column import Column
from replicate.rows.spans import heads
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Assembly, padded
from replicate.transformers.columnar.windows import window
from replicate.transformers.networks import ip4_text, ip6_text

V4_BITS, V6_BITS = ip4_text.BITS, ip6_text.BITS

Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]

_FIRST_COLON = 5  # bytes; an IPv6 address has a colon in them


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of a column, all of shape (rows,).

    A number's first bit is the highest of `high`, in both families; what lies behind an IPv4
    address's 32 bits is 0. `mask` is the bits of the network; where there is none, of the whole
    address. Rows that are not `valid` are no addresses, and their other fields hold anything.
    """

    is_v6: Flags
    high: Words
    low: Words
    mask: Integers
    has_mask: Flags
    valid: Flags

    @property
    def is_network(self) -> Flags:
        """Which have a mask, and no bit set behind it."""
        high, low = top(self.mask)
        network: Flags = self.has_mask & ((self.high & ~high | self.low & ~low) == 0)
        return network

    def cut(self, bits: Integers) -> Self:
        """The same with only the first so many bits, and zeros behind."""
        high, low = top(bits)
        return replace(self, high=self.high & high, low=self.low & low)


def top(bits: Integers) -> tuple[Words, Words]:
    """The numbers of 128 bits whose first ``bits[i]`` are set: their upper and lower halves."""
    return _TOP.take(np.minimum(bits, 64)), _TOP.take(np.maximum(bits - 64, 0))


_TOP = np.array([2**64 - 2 ** (64 - i) for i in range(65)], np.uint64)


def parse(column: Column) -> Addresses:
    """What addresses the values are: IPv4 ones without leading zeros, and all of IPv6."""
    rows = len(column)
    text = window(column)
    has_colon = text[:, 0] == ord(":")
    for i in range(1, _FIRST_COLON):
        has_colon |= text[:, i] == ord(":")
    found = Addresses(
        is_v6=np.zeros(rows, np.bool_),
        high=np.zeros(rows, np.uint64),
        low=np.zeros(rows, np.uint64),
        mask=np.full(rows, V4_BITS),
        has_mask=np.zeros(rows, np.bool_),
        valid=np.zeros(rows, np.bool_),
    )
    if not has_colon.all():
        some = np.flatnonzero(~has_colon) if has_colon.any() else slice(None)
        number, mask, valid = ip4_text.read(text[some], column.length[some])
        mask[~valid] = -1
        found.high[some] = number.astype(np.uint64) << np.uint64(32)
        found.has_mask[some] = mask >= 0
        found.mask[some] = np.where(mask >= 0, mask, V4_BITS)
        found.valid[some] = valid
    v6 = np.flatnonzero(has_colon & (column.length <= ip6_text.LONGEST))
    if v6.size:
        high, low, mask, valid = ip6_text.read(column if v6.size == rows else column.take(v6))
        at = v6[valid]
        found.is_v6[at] = found.valid[at] = True
        found.high[at], found.low[at] = high[valid], low[valid]
        found.has_mask[at] = mask[valid] >= 0
        found.mask[at] = np.where(mask >= 0, mask, V6_BITS)[valid]
    return found


def in_usual_spelling(column: Column, addresses: Addresses) -> Flags:
    """Which values are addresses in the spelling that every system uses."""
    usual = addresses.valid.copy()
    v6 = np.flatnonzero(addresses.is_v6)
    if v6.size:
        text, length = _written_v6(addresses, v6)
        start, size = column.start[v6], column.length[v6]
        same = heads(column.data, start, size, text.shape[1]).view(np.uint64) == text.view(
            np.uint64
        )
        usual[v6] = same.all(axis=1) & (size == length)
    return usual


def put(result: Assembly, addresses: Addresses) -> None:
    """Put every address in its usual spelling, with its mask if it has one."""
    v6 = np.flatnonzero(addresses.is_v6)
    rows = len(addresses.is_v6)
    if v6.size < rows:
        v4 = np.flatnonzero(~addresses.is_v6) if v6.size else None
        some = slice(None) if v4 is None else v4
        number = (addresses.high[some] >> np.uint64(32)).astype(np.uint32)
        result.put(v4, *ip4_text.written(number, _mask(addresses)[some]))
    if v6.size:
        result.put(None if v6.size == rows else v6, *padded(*_written_v6(addresses, v6)))


def _written_v6(addresses: Addresses, rows: Rows) -> tuple[Bytes, Integers]:
    return ip6_text.written(addresses.high[rows], addresses.low[rows], _mask(addresses)[rows])


def _mask(addresses: Addresses) -> Integers:
    return np.where(addresses.has_mask, addresses.mask, -1)
