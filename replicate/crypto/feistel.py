"""Permutations of the numbers of so many bits, under a key: distinct ones stay distinct.

A Feistel network: the bits are cut into two halves, and to each half in turn the CMAC of the other
is added, bit by bit. Whatever that is, each round can be undone: so the whole is a permutation.

FF1 in radix 2 would do the same, but at once only for halves of up to 56 bits, where those of an
IPv6 address have 64, and it takes a byte for each bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from replicate.crypto.prf import SLACK, Prf

_BLOCK = 16
_ROUNDS = 10  # as many as NIST's format-preserving encryption has
_NUMBERS = [np.uint64(i << 56) for i in range(_ROUNDS)]  # above the tweak
_BATCH = 16384  # rows in lockstep: what a round goes through stays in the cache

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Halves = tuple[Words, Words]
"""Numbers of up to 128 bits: those from 64 on, and the lower ones."""

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

Fits = Callable[[Rows | slice, Words, Words], Flags]
"""Which of the rows have a number that is taken, given its upper and lower bits."""


class Numbers:
    """The permutations under a key of 32 bytes, one for each tweak and number of bits.

    May not be used by several threads at once.
    """

    def __init__(self, key: bytes) -> None:
        self._prf = Prf(key)
        # The CMAC of one block is what AES makes of it XORed with a subkey. So that of zeros shows
        # the subkey, and a round needs no more than AES.
        aes = algorithms.AES(key)
        decrypt = Cipher(aes, modes.ECB()).decryptor().update  # noqa: S305 - of a block
        self._subkey = np.frombuffer(decrypt(self._prf.one(bytes(_BLOCK))), np.uint64)
        self._update = Cipher(aes, modes.ECB()).encryptor().update_into  # noqa: S305 - CMAC's own

    def tweaks(self, contexts: Bytes) -> Words:
        """What tells the permutations of different rows apart, uint64 (rows,): 56 bits.

        `contexts` is C-contiguous uint8 (rows, width); rows with equal ones are permuted alike.
        """
        rows, width = contexts.shape
        data = np.zeros(contexts.size + SLACK, np.uint8)
        data[: contexts.size] = contexts.reshape(-1)
        start = np.arange(rows, dtype=np.int64) * width
        drawn = self._prf.lanes(data, start, np.full(rows, width, np.int64))
        return drawn.view("<u8")[:, 0] & np.uint64(2**56 - 1)

    def permuted(
        self, high: Words, low: Words, bits: Integers, tweak: Words, fits: Fits | None = None
    ) -> Halves:
        """The number ``low``, with `high` its bits from 64 on, under the permutation of its row.

        Shapes: all (rows,). `bits` is 0 to 128, and the number has no others; `tweak` is from
        `tweaks`, or any numbers below 2**56.

        With `fits`, which has to hold for the numbers given, what does not fit is permuted again
        until it does: numbers that fit become such, one to one.
        """
        right_bits = (bits + 1) // 2
        left_bits = bits - right_bits
        right_mask, left_mask = _mask(right_bits), _mask(left_bits)
        right = low & right_mask
        left = (_shifted_right(low, right_bits) | _shifted_left(high, 64 - right_bits)) & left_mask
        fixed = tweak ^ self._subkey[1]
        state: tuple[Words, ...] = (left, right, left_mask, right_mask, fixed)
        for at in range(0, len(low), _BATCH):
            self._rounds(*(part[at : at + _BATCH] for part in state))
        high, low = _joined(left, right, right_bits)
        if fits is None:
            return high, low
        rows = np.flatnonzero(~fits(slice(None), high, low))
        state = tuple(part[rows] for part in state)
        while rows.size:
            self._rounds(*state)
            number = _joined(state[0], state[1], right_bits[rows])
            high[rows], low[rows] = number
            again = np.flatnonzero(~fits(rows, *number))
            if again.size < rows.size:
                rows = rows[again]
                state = tuple(part[again] for part in state)
        return high, low

    def _rounds(
        self, left: Words, right: Words, left_mask: Words, right_mask: Words, fixed: Words
    ) -> None:
        """Put the halves through all rounds, where they are; `fixed` is the same in each."""
        block = np.empty((len(fixed), 2), np.uint64)
        buffer = np.empty(2 * len(fixed) + 2, np.uint64)  # as long as update_into asks, or so
        before, after = block.data.cast("B"), buffer.data.cast("B")
        first, second = block[:, 0], block[:, 1]
        drawn = buffer[:-2:2]
        subkey = self._subkey[0]
        ways = (right, left, left_mask), (left, right, right_mask)
        for i, number in enumerate(_NUMBERS):
            other, changed, mask = ways[i % 2]
            np.bitwise_xor(other, subkey, first)
            np.bitwise_xor(fixed, number, second)
            self._update(before, after)
            np.bitwise_and(drawn, mask, drawn)
            np.bitwise_xor(changed, drawn, changed)


def _joined(left: Words, right: Words, right_bits: Integers) -> Halves:
    return _shifted_right(left, 64 - right_bits), right | _shifted_left(left, right_bits)


def _mask(bits: Integers) -> Words:
    return ~_shifted_left(np.full(len(bits), 2**64 - 1, np.uint64), bits)


def _shifted_left(words: Words, by: Integers) -> Words:
    """Shifted by 0 to 64 bits: by 64, which processors take for 0, nothing is left."""
    shifted: Words = (words << (by & 63).astype(np.uint64)) * (by < 64)
    return shifted


def _shifted_right(words: Words, by: Integers) -> Words:
    shifted: Words = (words >> (by & 63).astype(np.uint64)) * (by < 64)
    return shifted
