"""IP addresses as numbers, read from text and written again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from socket import AF_INET6, inet_ntop, inet_pton
from typing import Self

import numpy as np
import numpy.typing as npt

from replicate.rows.arrays import strings
from replicate.rows.column import Column
from replicate.transformers.columnar.joined import squeezed, table
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Assembly
from replicate.transformers.columnar.windows import window

V4_BITS, V6_BITS = 32, 128

Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]

_LONGEST_V4 = 18  # 255.255.255.255/32
_LONGEST_V6 = 49  # with an IPv4 address at its end, and a mask


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of a column, all of shape (rows,).

    A number's first bit is the highest of `high`, in both families; what lies behind an IPv4
    address's 32 bits is 0. `mask` is the bits of the network; where there is none, of the whole
    address. `usual` are those in the spelling that every system uses. Rows that are not `valid` are
    no addresses, and their other fields hold anything.
    """

    is_v6: Flags
    high: Words
    low: Words
    mask: Integers
    has_mask: Flags
    valid: Flags
    usual: Flags

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
    found = _parse_v4(window(column), column.length)
    others = ~found.valid & (column.length > 1) & (column.length <= _LONGEST_V6)
    if others.any():
        _read_v6(column, np.flatnonzero(others), found)
    return found


def _parse_v4(text: Bytes, length: Integers) -> Addresses:
    rows = len(text)
    number = np.zeros(rows, np.uint32)
    part = np.zeros(rows, np.uint16)  # the number that is being read
    size = np.zeros(rows, np.uint8)  # digits of it
    dots = np.zeros(rows, np.uint8)
    slash = np.zeros(rows, np.bool_)
    seen = np.zeros(rows, np.uint8)  # bytes
    bad = length > _LONGEST_V4
    for byte in np.ascontiguousarray(text[:, :_LONGEST_V4].T):
        value = byte - np.uint8(ord("0"))
        digit = value < 10
        dot, new_slash = byte == ord("."), byte == ord("/")
        ends = dot | new_slash
        bad |= digit & (size == 1) & (part == 0)  # a leading zero
        bad |= ends & (slash | (size == 0))
        bad |= new_slash & (dots != 3)
        bad |= (byte != 0) & ~digit & ~ends
        number = np.where(ends, number << np.uint32(8) | part, number)
        part = np.where(digit, part * np.uint16(10) + value, part * ~ends)
        size += digit
        size *= ~ends
        bad |= part > 255
        slash |= new_slash
        dots += dot
        seen += byte != 0
    bad |= (size == 0) | (dots != 3) | (seen != length) | (slash & (part > V4_BITS))
    number = np.where(slash, number, number << np.uint32(8) | part)
    return Addresses(
        is_v6=np.zeros(rows, np.bool_),
        high=number.astype(np.uint64) << np.uint64(32),
        low=np.zeros(rows, np.uint64),
        mask=np.where(slash & ~bad, part, V4_BITS).astype(np.int64),
        has_mask=slash & ~bad,
        valid=~bad,
        usual=np.ones(rows, np.bool_),
    )


def _read_v6(column: Column, rows: npt.NDArray[np.intp], into: Addresses) -> None:
    """Set the fields of those rows that are IPv6 addresses."""
    known, packed, masks, usual = [], [], [], []
    for row, value in zip(rows.tolist(), column.take(rows).values(), strict=True):
        text, slash, mask = (value or b"").partition(b"/")
        bits = -1
        if slash:
            bits = int(mask) if mask.isdigit() and len(mask) <= 3 else V6_BITS + 1
        if bits > V6_BITS:
            continue
        try:
            written = text.decode("ascii")
            number = inet_pton(AF_INET6, written)
        except (OSError, ValueError):
            continue
        known.append(row)
        packed.append(number)
        masks.append(bits)
        usual.append(written == inet_ntop(AF_INET6, number) and mask == (b"%d" % bits)[: len(mask)])
    if not known:
        return
    numbers = np.frombuffer(b"".join(packed), ">u8").reshape(-1, 2)
    bits_of = np.array(masks)
    into.is_v6[known] = into.valid[known] = True
    into.high[known] = numbers[:, 0]
    into.low[known] = numbers[:, 1]
    into.has_mask[known] = bits_of >= 0
    into.mask[known] = np.where(bits_of < 0, V6_BITS, bits_of)
    into.usual[known] = usual


def put(result: Assembly, addresses: Addresses) -> None:
    """Put every address in its usual spelling, with its mask if it has one."""
    v6 = np.flatnonzero(addresses.is_v6)
    if v6.size < len(addresses.is_v6):
        result.put(None, *squeezed(_written_v4(addresses)))
    if v6.size:
        result.put(v6, strings(_written_v6(addresses, v6)), np.arange(v6.size, dtype=np.int32))


def _written_v4(addresses: Addresses) -> Bytes:
    """The text of all rows as if they were IPv4 addresses, between zeros: uint8 (rows, 20)."""
    parts = (addresses.high >> np.uint64(32)).astype("<u4").view(np.uint8).reshape(-1, 4)
    text = np.empty((len(parts), 5), "<u4")
    for place in range(3):
        text[:, place] = _PART_AND_DOT.take(parts[:, 3 - place])
    text[:, 3] = _PART.take(parts[:, 0])
    text[:, 4] = _MASK.take(np.where(addresses.has_mask, addresses.mask, -1) + 1, mode="clip")
    return text.view(np.uint8)


_PART_AND_DOT = table([b"%d." % i for i in range(256)]).view("<u4").ravel()
_PART = table([b"%d\0" % i for i in range(256)]).view("<u4").ravel()
_MASK = table([b"\0\0\0\0", *(b"/%d" % i for i in range(V4_BITS + 1))]).view("<u4").ravel()


def _written_v6(addresses: Addresses, rows: npt.NDArray[np.intp]) -> list[bytes]:
    packed = np.empty((len(rows), 2), ">u8")
    packed[:, 0] = addresses.high[rows]
    packed[:, 1] = addresses.low[rows]
    data = packed.tobytes()
    ends = np.where(addresses.has_mask[rows], addresses.mask[rows], -1).tolist()
    return [
        (inet_ntop(AF_INET6, data[16 * i : 16 * i + 16]) + (f"/{end}" if end >= 0 else "")).encode()
        for i, end in enumerate(ends)
    ]
