"""IPv4 addresses as numbers, read from text and written again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replicate.transformers.columnar.joined import squeezed, table
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Index

BITS = 32

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.uint32]

_LONGEST = 18  # 255.255.255.255/32


def read(text: Bytes, length: Integers) -> tuple[Numbers, Integers, Flags]:
    """The number of each address, the bits of its mask (-1 where there is none), and which are one.

    Shapes: `text` uint8 (rows, 16 or more), with zeros behind the values, of which a row may show
    the first bytes alone; `length` (rows,). Numbers with leading zeros make no address. The fields
    of rows that are none hold anything.
    """
    rows = len(text)
    number = np.zeros(rows, np.uint32)
    part = np.zeros(rows, np.uint16)  # the number that is being read
    size = np.zeros(rows, np.uint8)  # digits of it
    dots = np.zeros(rows, np.uint8)
    slash = np.zeros(rows, np.bool_)
    seen = np.zeros(rows, np.uint8)  # bytes
    bad = length > _LONGEST
    for byte in np.ascontiguousarray(text[:, :_LONGEST].T):
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
    bad |= (size == 0) | (dots != 3) | (seen != length) | (slash & (part > BITS))
    number = np.where(slash, number, number << np.uint32(8) | part)
    return number, np.where(slash, part.astype(np.int64), -1), ~bad


def written(number: Numbers, mask: Integers) -> tuple[pa.BinaryArray, Index]:
    """A pool of the addresses, each with its mask if that is not -1, and the index of each."""
    parts = number.astype("<u4").view(np.uint8).reshape(-1, 4)
    text = np.empty((len(parts), 5), "<u4")
    for place in range(3):
        text[:, place] = _PART_AND_DOT.take(parts[:, 3 - place])
    text[:, 3] = _PART.take(parts[:, 0])
    text[:, 4] = _MASK.take(mask + 1, mode="clip")
    return squeezed(text.view(np.uint8))


_PART_AND_DOT = table([b"%d." % i for i in range(256)]).view("<u4").ravel()
_PART = table([b"%d\0" % i for i in range(256)]).view("<u4").ravel()
_MASK = table([b"\0\0\0\0", *(b"/%d" % i for i in range(BITS + 1))]).view("<u4").ravel()
