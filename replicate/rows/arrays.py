"""Arrays of byte strings: pyarrow's, made of NumPy's and taken apart again without a copy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

LIMIT = 2**31 - 1
"""Bytes that an array can hold: its offsets are 32-bit numbers."""


def strings(values: Iterable[bytes]) -> pa.BinaryArray:
    """An array of Python values."""
    return pa.array(list(values), pa.binary())


def from_offsets(offsets: npt.NDArray[np.int32], data: npt.NDArray[Any]) -> pa.BinaryArray:
    """The array whose value i is ``data[offsets[i] : offsets[i + 1]]``; views, no copies.

    `offsets` int32 (values + 1,) ascends and stays within `data`, contiguous bytes: neither is
    checked.
    """
    # The stubs of pyarrow know buffers, but not that NumPy's arrays are such.
    buffers = [None, pa.py_buffer(cast(Any, offsets)), pa.py_buffer(cast(Any, data))]
    array = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
    return cast(pa.BinaryArray, array)


def indexes(values: npt.NDArray[np.int32]) -> pa.Int32Array:
    """The same as an array of pyarrow's; a view of contiguous int32 numbers."""
    # pa.array would do, but imports numpy.ma, to see that this is no such thing: 35 ms a process.
    buffers = [None, pa.py_buffer(cast(Any, np.ascontiguousarray(values, np.int32)))]
    return cast(pa.Int32Array, pa.Array.from_buffers(pa.int32(), len(values), buffers))


def contents(values: pa.BinaryArray) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """The offsets, int32 (values + 1,), and the bytes from the first offset to the last.

    Both are views; `offsets` need not begin at 0, while `data` begins at ``offsets[0]``.
    """
    _, bounds, data = values.buffers()
    if not len(values) or bounds is None:
        return np.zeros(len(values) + 1, np.int32), np.empty(0, np.uint8)
    offsets = np.frombuffer(memoryview(bounds), np.int32)
    offsets = offsets[values.offset : values.offset + len(values) + 1]
    if data is None:
        return offsets, np.empty(0, np.uint8)
    return offsets, np.frombuffer(memoryview(data), np.uint8)[offsets[0] : offsets[-1]]
