"""Where the flags of a matrix stand, row by row; see `windows` for what such a matrix is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_LOWEST = np.uint64(0x0101010101010101)


def first_in_row(flags: Flags) -> Integers:
    """The place of the first flag in each row, int64 (rows,); the width where none is set."""
    return _unset_before(flags.view(np.uint64))


def end_in_row(flags: Flags) -> Integers:
    """The place behind the last flag in each row, int64 (rows,); 0 where none is set."""
    end: Integers = flags.shape[1] - _unset_before(flags.view(np.uint64)[:, ::-1].byteswap())
    return end


def _unset_before(eights: npt.NDArray[np.uint64]) -> Integers:
    """How many bytes of each row are 0 before the first that is 1."""
    count = np.zeros(len(eights), np.int64)
    for i in reversed(range(eights.shape[1])):
        word = eights[:, i]
        # One for each byte before the first that is set, added up in the highest byte.
        before = (~word & (word - np.uint64(1)) & _LOWEST) * _LOWEST >> np.uint64(56)
        count = np.where(word == 0, count + 8, before.view(np.int64))
    return count
