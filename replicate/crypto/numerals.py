"""Strings of symbols as numbers, and numbers as such strings, for many of them at once.

A string is read eight symbols at a time, as one word, in which neighbours are joined three times
over: symbols to pairs, pairs to fours, fours to eights. So nothing is done symbol by symbol, and it
hardly matters that the strings differ in length. A number is spelled the same way backwards. Where
no string is longer than four symbols, words of four do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

EIGHT = 8
"""Symbols of a word, and bytes of slack that a buffer must have behind its last string."""

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Starts = Integers | slice
"""Where strings begin: int64 (rows,), or a slice of those places where they lie evenly."""

_AnyWords = npt.NDArray[Any]
_LEVELS: tuple[tuple[int, int, type[np.unsignedinteger[Any]]], ...] = (
    (8, 0x00FF00FF00FF00FF, np.uint16),
    (16, 0x0000FFFF0000FFFF, np.uint32),
    (32, 0x00000000FFFFFFFF, np.uint64),
)
"""Bits of a part, which parts of a word are the second ones of two, and the number of both."""


def behind(start: Starts, size: Integers) -> Starts:
    """Where those strings begin that follow others of these sizes, int64 (rows,) or (1,)."""
    if isinstance(start, slice):
        if size.size == 1:
            return slice(start.start + int(size[0]), start.stop + int(size[0]), start.step)
        start = np.arange(start.start, start.stop, start.step, dtype=np.int64)
    return start + size


def part_of(start: Starts, first: int, end: int) -> Starts:
    """The beginnings of the strings from `first` up to `end`."""
    if not isinstance(start, slice):
        return start[first:end]
    return slice(start.start + first * start.step, start.start + end * start.step, start.step)


def numbers(data: Bytes, start: Starts, size: Integers, radix: int, longest: int) -> Words:
    """The strings of `data` from ``start[i]`` on, ``size[i]`` symbols each: uint64 (rows,).

    `size`, int64 (rows,) or (1,) for all rows, is `longest` at most. `radix` is 2 to 256, and
    numbers are below 2**64; each symbol is a byte below `radix`.
    """
    wide = _width(longest)
    value: _AnyWords | None = None
    for after in reversed(range(0, max(longest, 1), wide)):
        left = size - after
        at = start if wide >= longest else behind(start, np.maximum(left - wide, 0))
        found = _windows(data, wide)[at]
        word: _AnyWords = (found.copy() if isinstance(at, slice) else found).view(f"u{wide}")
        word <<= _absent(left, word)  # so that the string ends where the word does
        word = _joined(word, radix)
        if value is not None:
            value *= np.uint64(radix**EIGHT)
            word += value
        value = word
    assert value is not None  # noqa: S101 - for the type checker: there is one word at least
    return value.astype(np.uint64, copy=False)


def spell(
    value: Words, start: Starts, size: Integers, radix: int, out: Bytes, *, longest: int
) -> None:
    """Write numbers to `out` as strings of ``size[i]`` symbols, from ``start[i]`` on.

    As for `numbers`. The 8 bytes that a string begins may all be written, with zeros behind it.
    """
    wide = _width(longest)
    parts = []
    for after in range(0, max(longest, 1), wide):
        part = value
        if longest > after + wide:
            value = part // np.uint64(radix**EIGHT)
            part = part - value * np.uint64(radix**EIGHT)
        parts.append((after, part))
    # From the front on, since the first word of a string may have zeros where the next one goes.
    for after, part in reversed(parts):
        left = size - after
        at = start if wide >= longest else behind(start, np.maximum(left - wide, 0))
        word = _parted(part.astype(f"u{wide}"), radix)
        word >>= _absent(left, word)
        _windows(out, wide)[at] = word.view(f"V{wide}")


def modulo(value: Words, modulus: Words | np.uint64) -> Words:
    """The remainders, of moduli that are one for all or one for each."""
    # NumPy divides by one number for all several times faster than it takes a remainder.
    quotient = value // modulus
    quotient *= modulus
    return value - quotient


def _width(longest: int) -> int:
    return EIGHT if longest > EIGHT // 2 else EIGHT // 2


def _windows(data: Bytes, wide: int) -> npt.NDArray[np.void]:
    """The bytes from each place on."""
    return np.ndarray((max(data.size - wide + 1, 0),), f"V{wide}", data, 0, (1,))


def _absent(left: Integers, word: _AnyWords) -> _AnyWords:
    """Bits of such words that are not of the string, of which `left` symbols end with the word."""
    wide = word.itemsize
    bits: Integers = (wide - np.clip(left, 0, wide)) << 3
    return bits.astype(word.dtype)


def _joined(word: _AnyWords, radix: int) -> _AnyWords:
    """The numbers that the symbols of each word are, of which the first is the lowest byte."""
    kind = word.dtype.type
    for bits, seconds, _ in _LEVELS[: word.itemsize.bit_length() - 1]:
        mask = kind(seconds & np.iinfo(kind).max)
        first = word & mask
        first *= kind(radix ** (bits // 8))
        word >>= kind(bits)
        word &= mask
        word += first
    return word


def _parted(word: _AnyWords, radix: int) -> _AnyWords:
    """The symbols of each number, of which the first is the lowest byte: a new array."""
    whole = word.dtype
    for bits, _, kind in reversed(_LEVELS[: whole.itemsize.bit_length() - 1]):
        both: _AnyWords = word.view(kind)
        power = kind(radix ** (bits // 8))
        first = both // power
        second = both - first * power
        second <<= kind(bits)
        second |= first
        word = second.view(whole)
    return word
