"""The beginnings of values as matrices of bytes, and what can be told of them row by row.

A matrix has one row for each value and a width that is a multiple of 8; behind a value's end stand
zeros. Flags are bool matrices of the same shape.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from replicate.rows.arrays import from_offsets
from replicate.rows.column import Column
from replicate.rows.spans import heads

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

WIDEST = 32
"""Bytes of a value that a matrix can show: a phone or card number, a number, a date."""

_ONES = np.uint64(0x0101010101010101)


def window(column: Column) -> Bytes:
    """The first 16 bytes of each value, or the first 32 if any value is longer than 16."""
    wide = len(column) > 0 and int(column.length.max()) > 16
    return heads(column.data, column.start, column.length, WIDEST if wide else 16)


def is_digit(matrix: Bytes) -> Flags:
    return (matrix - np.uint8(ord("0"))) < 10


def overwrite(matrix: Bytes, other: Bytes | np.uint8, flags: Flags) -> None:
    """Put the bytes of `other`, or that byte, into `matrix` where a flag is set."""
    # Without a branch for each byte, unlike np.where and np.copyto: the flags are hard to foresee.
    change = np.bitwise_xor(matrix, other)
    change &= np.negative(flags.view(np.uint8))
    matrix ^= change


def any_in_row(flags: Flags) -> Flags:
    """Whether any flag of a row is set: bool (rows,)."""
    eights = flags.view(np.uint64)
    found = eights[:, 0].copy()
    for i in range(1, eights.shape[1]):
        found |= eights[:, i]
    return np.not_equal(found, 0)


def sum_of_row(small: Bytes) -> Integers:
    """The sums of the rows, int64 (rows,), where any 8 bytes that start at a multiple of 8 sum up
    to less than 256."""
    sums = small.view(np.uint64) * _ONES
    sums >>= np.uint64(56)
    total = sums[:, 0].copy()
    for i in range(1, sums.shape[1]):
        total += sums[:, i]
    return total.view(np.int64)


def count_in_row(flags: Flags) -> Integers:
    """How many flags of a row are set: int64 (rows,)."""
    return sum_of_row(flags.view(np.uint8))


def running_count(flags: Flags) -> Bytes:
    """How many flags are set in a row up to each place, itself included: uint8, of the same shape.

    For matrices of up to 255 columns.
    """
    eights = flags.view(np.uint64) * _ONES  # each byte becomes the sum of the bytes up to it
    for i in range(1, eights.shape[1]):
        eights[:, i] += (eights[:, i - 1] >> np.uint64(56)) * _ONES
    return eights.view(np.uint8)


def distinct(matrix: Bytes) -> tuple[npt.NDArray[np.int32], list[bytes]]:
    """Which of the distinct rows each row is, int32 (rows,), and these, without trailing zeros."""
    rows, width = matrix.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    encoded = from_offsets(offsets, np.ascontiguousarray(matrix)).dictionary_encode()
    found = [bytes(value or b"").rstrip(b"\0") for value in encoded.dictionary.to_pylist()]
    return encoded.indices.to_numpy(), found


def shapes(matrix: Bytes, digit: Flags) -> tuple[npt.NDArray[np.int32], list[bytes]]:
    """`distinct` of the rows with a 0 for every digit, which `digit` flags."""
    plain = matrix.copy()
    overwrite(plain, _ZERO, digit)
    return distinct(plain)


_ZERO = np.uint8(ord("0"))
