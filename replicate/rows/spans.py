"""Spans of a buffer, given by arrays of starts and lengths, handled all at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_SHORT = 48  # bytes; up to here an index per byte costs less than a slice per span

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


def gather(data: Bytes, start: Integers, length: Integers) -> Bytes:
    """The bytes of all spans ``data[start[i] : start[i] + length[i]]``, one after the other.

    Shapes: `data` uint8 (bytes,), `start` and `length` int64 (rows,). Returns a new array of
    uint8 (sum of `length`,). Beyond the result it takes memory for a bounded number of bytes a
    span, never for each byte of a long one.
    """
    total = int(length.sum())
    if total <= _SHORT * len(start):
        before = np.cumsum(length) - length
        at = np.repeat(start - before, length)
        at += np.arange(total)
        return data.take(at)
    out = np.empty(total, np.uint8)
    end = 0
    for begin, size in zip(start.tolist(), length.tolist(), strict=True):
        out[end : end + size] = data[begin : begin + size]
        end += size
    return out


def heads(data: Bytes, start: Integers, length: Integers, width: int) -> Bytes:
    """The first `width` bytes of every span, with zeros where it is shorter.

    `width` is a multiple of 16. Returns a new, C-contiguous array of uint8 (rows, width). Every
    span must be followed by 16 bytes of the buffer, whatever they hold.
    """
    rows = len(start)
    out = np.empty((rows, width), np.uint8)
    windows = np.ndarray((max(data.size - 15, 0),), "V16", data, 0, (1,))
    blocks = out.view("V16")
    for block in range(width // 16):
        at, left = start, length
        if block:
            # A span that ended before this block is read at its end, and masked out as a whole.
            left = np.maximum(length - 16 * block, 0)
            at = start + np.minimum(length, 16 * block)
        part = windows[at].view(np.uint64)
        part &= _KEEP.take(left, mode="clip").view(np.uint64)
        blocks[:, block] = part.view("V16")
    return out


_KEEP = np.tril(np.full((17, 16), 0xFF, np.uint8), -1).view("V16").ravel()
"""Row r keeps the first r bytes of 16 and clears the rest."""
