"""AES-256-CMAC (NIST SP 800-38B) of a whole column at once: the keyed function behind masking.

CMAC is a standard pseudorandom function of strings of any length. Each value's blocks depend on
one another, but the values do not, so a column is computed in lockstep: block 0 of every value in
one call of AES, then block 1 of those that go on, and so forth. Values that are long, or the last
few that still go on, are computed one by one, so that neither the number of steps nor the memory
grows with the longest value.

A block is read as 16 bytes wherever it begins, and what lies beyond the value is masked out.
Hence the slack that a buffer must have behind its last value.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

SLACK = 32
"""Bytes that must follow the last value in a buffer; the same as for columns of rows."""

_KEY_LENGTH = 32
_BLOCK = 16
_BATCH = 32768  # rows in lockstep: bounds the memory, and what a step goes through
_LONG = 512  # bytes; from here on a call per value costs no more than its share of the steps
_FEW = 16  # values; a step of so few costs as much as finishing each with a call
_PIECE = 1 << 20  # bytes of a long value per call
_GOES_ON = _BLOCK + 1  # stands for every length beyond the block

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]
Blocks = npt.NDArray[np.void]


class Prf:
    """AES-256-CMAC under one key of 32 bytes: one for each masking domain (`keys.derive`).

    May be pickled, and used by several threads at once.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_LENGTH:
            raise ValueError(f"a key of {len(key)} bytes, where {_KEY_LENGTH} are needed")
        self._key = bytes(key)
        self._aes = algorithms.AES(self._key)
        self._fresh = CMAC(self._aes)
        self._keep, self._flip = _tables(self._aes)

    def __reduce__(self) -> tuple[type[Prf], tuple[bytes]]:
        return Prf, (self._key,)

    def one(self, value: bytes) -> bytes:
        """The 16 bytes that `lanes` gives for this value."""
        return self._mac(memoryview(value))

    def lanes(self, data: Bytes, start: Integers, length: Integers) -> Bytes:
        """The CMAC of each ``data[start[i] : start[i] + length[i]]``, as a new uint8 (rows, 16).

        Shapes: `data` uint8 (bytes,), contiguous, with at least `SLACK` bytes after the end of
        every value; `start` and `length` int64 (rows,). Values may overlap. Memory beyond the
        result is 8 bytes a row and a few MiB, whatever the lengths of the values.

        Raises ValueError if a value or its slack lies outside of `data`, or a shape is another.
        """
        _check(data, start, length)
        out = np.empty((len(start), _BLOCK), np.uint8)
        for at in range(0, len(start), _BATCH):
            rows = slice(at, at + _BATCH)
            self._batch(data, start[rows], length[rows], out[rows])
        return out

    def _batch(self, data: Bytes, start: Integers, length: Integers, out: Bytes) -> None:
        active: Rows | slice = slice(None)  # the rows in lockstep; a slice while that is all
        at, left = start, length
        if len(length) < _FEW or length.max() > _LONG:
            active = np.flatnonzero(length <= _LONG)
            if len(active) < _FEW:
                self._one_by_one(data, start, length, np.arange(len(start)), out)
                return
            self._one_by_one(data, start, length, np.flatnonzero(length > _LONG), out)
            at, left = start[active], length[active]

        windows: Blocks = np.ndarray((data.size - _BLOCK + 1,), "V16", data, 0, (1,))
        results = out.view("V16").ravel()
        # A context of this call's own: update_into can't be called by two threads on one.
        encrypt = Cipher(self._aes, modes.ECB()).encryptor().update_into  # noqa: S305 - CMAC's own
        state: Blocks | None = None
        while True:
            size = np.minimum(left, _GOES_ON)
            block = windows[at].view(np.uint64)
            block &= self._keep.take(size, mode="clip").view(np.uint64)
            block ^= self._flip.take(size, mode="clip").view(np.uint64)
            if state is not None:
                block ^= state.view(np.uint64)
            buffer = np.empty(block.nbytes + _BLOCK - 1, np.uint8)  # as long as update_into asks
            encrypt(block.data.cast("B"), buffer.data)
            state = buffer[: block.nbytes].view("V16")
            results[active] = state  # of rows that go on, overwritten when they end

            more = np.flatnonzero(size == _GOES_ON)
            if len(more) < len(at):
                active = more if isinstance(active, slice) else active[more]
                if len(more) < _FEW:
                    self._one_by_one(data, start, length, active, out)
                    return
                at, left, state = at[more], left[more], state[more]
            at, left = at + _BLOCK, left - _BLOCK

    def _one_by_one(
        self, data: Bytes, start: Integers, length: Integers, rows: Rows, out: Bytes
    ) -> None:
        view = data.data
        macs = [
            self._mac(view[first : first + size])
            for first, size in zip(start[rows].tolist(), length[rows].tolist(), strict=True)
        ]
        out[rows] = np.frombuffer(b"".join(macs), np.uint8).reshape(-1, _BLOCK)

    def _mac(self, value: memoryview) -> bytes:
        mac = self._fresh.copy()
        for at in range(0, len(value), _PIECE):
            mac.update(bytes(value[at : at + _PIECE]))
        return mac.finalize()


def _tables(aes: algorithms.AES) -> tuple[Blocks, Blocks]:
    """What to AND and then XOR to the 16 bytes read for a block, by the bytes left: 0 to 17.

    A last block that is full takes subkey K1; one that is not is cut, padded with 0x80 and zeros,
    and takes K2. Where the value goes on (17), the block is taken as it is.
    """
    zero = Cipher(aes, modes.ECB()).encryptor().update(bytes(_BLOCK))  # noqa: S305 - CMAC's own
    k1 = _doubled(int.from_bytes(zero, "big"))
    k2 = _doubled(k1)
    keep = np.zeros((_GOES_ON + 1, _BLOCK), np.uint8)
    flip = np.zeros((_GOES_ON + 1, _BLOCK), np.uint8)
    for size in range(_BLOCK):
        keep[size, :size] = 0xFF
        flip[size] = np.frombuffer(k2.to_bytes(_BLOCK, "big"), np.uint8)
        flip[size, size] ^= 0x80
    keep[_BLOCK:] = 0xFF
    flip[_BLOCK] = np.frombuffer(k1.to_bytes(_BLOCK, "big"), np.uint8)
    return keep.view("V16").ravel(), flip.view("V16").ravel()


def _doubled(value: int) -> int:
    """`value` times x in GF(2**128), with CMAC's polynomial."""
    return (value << 1 & (1 << 128) - 1) ^ (0x87 if value >> 127 else 0)


def _check(data: Bytes, start: Integers, length: Integers) -> None:
    if data.dtype != np.uint8 or data.ndim != 1 or not data.flags.c_contiguous:
        raise ValueError("the buffer of a column is one contiguous row of bytes")
    if not (start.dtype == length.dtype == np.int64 and start.ndim == length.ndim == 1):
        raise ValueError("starts and lengths are one row of int64 each")
    if len(start) != len(length):
        raise ValueError(f"{len(start)} starts do not go with {len(length)} lengths")
    if len(start) == 0:
        return
    # Each bound by itself first, so that no sum can overflow.
    if min(start.min(), length.min()) < 0 or max(start.max(), length.max()) > data.size:
        raise ValueError("a value lies outside of its buffer")
    if (start + length).max() > data.size - SLACK:
        raise ValueError(f"a value has less than {SLACK} bytes of slack behind it")
