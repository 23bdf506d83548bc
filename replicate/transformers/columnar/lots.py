"""Choices made from the 16 bytes of a draw: numbers, digits and letters, for all rows at once.

Each choice is fair up to a bias that is told; none matters for masking. A row's choices depend on
nothing but its own draw.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from replicate.transformers.draw import LANE

Bytes = npt.NDArray[np.uint8]

DIGITS = 32
"""How many digits one draw gives."""

_FOUR_DIGITS = np.frombuffer(b"".join(b"%04d" % i for i in range(10_000)), "V4")
_HEXADECIMAL = np.frombuffer(bytes(range(256)).hex().encode(), "V2")


def words(seeds: Bytes) -> npt.NDArray[np.uint32]:
    """The draws as four little-endian numbers each: uint32 (rows, 4)."""
    return np.ascontiguousarray(seeds).view("<u4")


def below(word: npt.NDArray[np.uint32], bound: int) -> npt.NDArray[np.int64]:
    """Numbers from 0 to ``bound - 1``, one for each word; biased by less than ``bound / 2**32``."""
    scaled = word.astype(np.uint64)
    scaled *= np.uint64(bound)
    scaled >>= np.uint64(32)
    return scaled.view(np.int64)


def digits(seeds: Bytes, width: int = DIGITS) -> Bytes:
    """ASCII digits, uint8 (rows, width), for a width of 8, 16, 24 or 32.

    The bias is less than 3 %."""
    eights = width // 8
    numbers = words(seeds)[:, :eights].astype(np.uint64)
    numbers *= np.uint64(10**8)
    numbers >>= np.uint64(32)
    halves = np.empty((len(seeds), eights, 2), np.uint16)
    high = (numbers // np.uint64(10**4)).astype(np.uint32)
    halves[:, :, 0] = high
    halves[:, :, 1] = numbers.astype(np.uint32) - high * np.uint32(10**4)
    return _FOUR_DIGITS.take(halves.reshape(-1)).view(np.uint8).reshape(len(seeds), width)


def letters(lanes: Bytes) -> Bytes:
    """An ASCII letter or digit for each byte of the draws; of a shape with `lanes`.

    62 characters from 256 bytes: some come five times where others come four.
    """
    # Reckoned, not looked up: an index would take eight bytes for each.
    place = (lanes.astype(np.uint16) * 62 >> 8).astype(np.uint8)
    chosen: Bytes = place + np.uint8(ord("0"))
    chosen += (place >= 10) * np.uint8(ord("A") - ord("9") - 1)
    chosen += (place >= 36) * np.uint8(ord("a") - ord("Z") - 1)
    return chosen


def hexadecimal(lanes: Bytes) -> Bytes:
    """Two hexadecimal digits for each byte: uint8 (rows, 32)."""
    pairs: Bytes = _HEXADECIMAL.take(lanes).view(np.uint8)
    return pairs.reshape(-1, 2 * LANE)
