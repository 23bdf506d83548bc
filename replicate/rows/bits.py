"""Flags of many places, 64 to a word: what is asked of each place and of those beside it.

`marked` packs flags into words and `flags` unpacks them; the words of one text are combined with
``& | ^ ~`` in between, which costs next to nothing. The first place of a word is its highest bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

WORD = 64
"""Places a word. A text's flags have to be a multiple of it."""

_FIRST = np.uint64(WORD - 1)
_ONE = np.uint64(1)
_ALL = np.uint64(2**WORD - 1)


def marked(places: Flags) -> Words:
    """The flags as words."""
    return np.packbits(places).view(">u8").astype(np.uint64)


def flags(words: Words) -> Flags:
    """The words as flags, in a new array."""
    return np.unpackbits(words.astype(">u8").view(np.uint8)).view(np.bool_)


def after(words: Words) -> Words:
    """The places one behind a marked one."""
    moved = words >> _ONE
    moved[1:] |= words[:-1] << _FIRST
    return moved


def before(words: Words) -> Words:
    """The places one before a marked one."""
    moved = words << _ONE
    moved[:-1] |= words[1:] >> _FIRST
    return moved


def between(words: Words) -> Words:
    """The places from each first of two marked ones up to the second, without the second."""
    # A place is between if the number of marks up to it is odd: within the words first, doubling
    # the reach with each step, then with what the words before bring along.
    odd = words.copy()
    for reach in (1, 2, 4, 8, 16, 32):
        odd ^= odd >> np.uint64(reach)
    brought = np.bitwise_xor.accumulate(odd & _ONE)
    odd[1:] ^= brought[:-1] * _ALL
    return odd


def runs(words: Words, ends: Words, reach: int) -> Words | None:
    """Of the runs of marked places, those that end in a place of `ends`; these are all marked.

    None if one of them extends over more than `reach` words.
    """
    # Added to the end of a run, a mark is carried through all of it, and leaves it unmarked.
    carried = words + ends
    over = carried < words
    for _ in range(reach):
        if not over.any():
            return words & ~carried
        carried[:-1] += over[1:]
        over[:-1] = over[1:] & (carried[:-1] == 0)
        over[-1] = False
    return None
