"""Permutations of the numbers of so many bits, made of a draw: distinct ones stay distinct.

A Feistel network: the bits are cut into two halves, and to each half in turn a draw of the other
is added, bit by bit. Whatever the draws are, each round can be undone: so the whole is a
permutation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from replicate.rows.column import SLACK, Column, Kind
from replicate.transformers.base import Draw
from replicate.transformers.columnar.lots import Bytes

WIDEST = 128
"""Bits that a number may have."""

_ROUNDS = 10  # as many as NIST's format-preserving encryption has

Words = npt.NDArray[np.uint64]
Halves = tuple[Words, Words]
"""Numbers of up to 128 bits: those from 64 on, and the lower ones."""

Integers = npt.NDArray[np.int64]


def tweaks(draw: Draw, contexts: Bytes) -> Words:
    """What tells the permutations of different rows apart, uint64 (rows,): 56 bits.

    `contexts` is uint8 (rows, 16 * n); rows with equal ones are permuted alike.
    """
    return draw(_column(contexts)).view("<u8")[:, 0] & np.uint64(2**56 - 1)


def permuted(draw: Draw, high: Words, low: Words, bits: Integers, tweak: Words) -> Halves:
    """The number ``low``, with `high` its bits from 64 on, under the permutation of its row.

    Shapes: all (rows,). `bits` is 0 to 128, and the number has no others; `tweak` is from
    `tweaks`, or any numbers below 2**56. `draw` has to have a key.
    """
    right_bits = (bits + 1) // 2
    left_bits = bits - right_bits
    right_mask, left_mask = _mask(right_bits), _mask(left_bits)
    right = low & right_mask
    left = (_shifted_right(low, right_bits) | _shifted_left(high, 64 - right_bits)) & left_mask
    for i in range(0, _ROUNDS, 2):
        left ^= _round(draw, right, tweak, i) & left_mask
        right ^= _round(draw, left, tweak, i + 1) & right_mask
    return _shifted_right(left, 64 - right_bits), right | _shifted_left(left, right_bits)


def _round(draw: Draw, half: Words, tweak: Words, number: int) -> Words:
    block = np.empty((len(half), 2), np.uint64)
    block[:, 0] = half
    block[:, 1] = tweak | np.uint64(number << 56)
    return draw(_column(block.view(np.uint8))).view("<u8")[:, 0]


def _column(values: Bytes) -> Column:
    """The rows of a C-contiguous uint8 (rows, width) as a column."""
    rows, width = values.shape
    data = np.zeros(values.size + SLACK, np.uint8)
    data[: values.size] = values.reshape(-1)
    return Column(
        data,
        np.arange(rows, dtype=np.int64) * width,
        np.full(rows, width, np.int64),
        np.zeros(rows, np.bool_),
        Kind.BINARY,
    )


def _mask(bits: Integers) -> Words:
    return ~_shifted_left(np.full(len(bits), 2**64 - 1, np.uint64), bits)


def _shifted_left(words: Words, by: Integers) -> Words:
    """Shifted by 0 to 64 bits: by 64, which processors take for 0, nothing is left."""
    shifted: Words = (words << (by & 63).astype(np.uint64)) * (by < 64)
    return shifted


def _shifted_right(words: Words, by: Integers) -> Words:
    shifted: Words = (words >> (by & 63).astype(np.uint64)) * (by < 64)
    return shifted
