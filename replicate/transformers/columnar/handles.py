"""Short random names for accounts and addresses: a first name, a dot, and letters and digits."""

from __future__ import annotations

import numpy as np

from replicate.errors import UsageError
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.vocabularies.lists import SHORT_NAMES

WIDTH = 20
"""Bytes of a handle: `NAMED` before the letters and digits, and `LETTERS` of them."""

NAMED = 5
LETTERS = 15

BITS = 5
"""Random bits of each of the letters and digits."""

ENOUGH = 75
"""Random bits from which on no two of a thousand million values meet, but once in 75,000 times."""

_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567"


def handles(seeds: Bytes) -> Bytes:
    """Such as ``nora.k3vq2xk3vq2xk3v``, made of 83 bits of each draw: uint8 (rows, 20)."""
    lanes = seeds.view("<u2")  # (rows, 8)
    handle = np.empty(len(seeds), _LAYOUT)
    handle["name"] = _NAMES.take(lanes[:, 0] >> 8)
    pairs = lanes & _PAIR_BITS
    pairs += _PAIR_FIRST
    handle["body"] = _PAIRS.take(pairs).view("V16")[:, 0]
    return handle.view(np.uint8).reshape(len(seeds), WIDTH)


def base32(seeds: Bytes) -> Bytes:
    """16 letters and digits, made of 80 bits of each draw: uint8 (rows, 16)."""
    pairs = seeds.view("<u2") & np.uint16(1023)
    return _PAIRS.take(pairs).view(np.uint8).reshape(len(seeds), 16)


def uniqueness(bits: float) -> Uniqueness:
    """Of replacements that are made of so many random bits."""
    return Uniqueness.PRESERVES if bits >= ENOUGH else Uniqueness.MAY_COLLIDE


def check_unique(name: str, target: Target, bits: float, *, hint: str) -> None:
    """Raises `UsageError` if values have to stay distinct, and these bits are too few for that."""
    if target.unique and bits < ENOUGH:
        raise UsageError(
            f"{name} has only {int(bits)} random bits here, and {ENOUGH} are needed where values "
            "have to stay distinct",
            hint=hint,
        )


_LAYOUT = np.dtype([("name", "<u4"), ("body", "V16")], align=False)
_NAMES = np.frombuffer("".join(SHORT_NAMES).encode(), "<u4")
# 1024 pairs of letters, and behind them 32 of a dot and a letter, for the first place.
_PAIRS = np.frombuffer(
    b"".join(bytes([a, b]) for a in _BASE32 for b in _BASE32)
    + b"".join(bytes([ord("."), a]) for a in _BASE32),
    "<u2",
)
_PAIR_BITS = np.array([31] + [1023] * 7, np.uint16)
_PAIR_FIRST = np.array([1024] + [0] * 7, np.uint16)
