"""The transformer random: a value of the same kind and length, made of nothing but chance."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replicate.rows.column import Column, Kind, Replacement
from replicate.rows.spans import gather, heads
from replicate.transformers.anything.boolean_text import put_booleans
from replicate.transformers.base import Draw, Effects, Example, Uniqueness
from replicate.transformers.columnar import random_numbers
from replicate.transformers.columnar.lots import Bytes, hexadecimal, letters
from replicate.transformers.columnar.pools import (
    Assembly,
    Index,
    Integers,
    padded,
    spaced,
)
from replicate.transformers.columnar.windows import WIDEST, count_in_row
from replicate.transformers.draw import LANE, stream
from replicate.transformers.rule import NUMBERS, TEXTUAL, Rule
from replicate.transformers.texts.first_characters import is_continuation

_LONG = 1 << 12  # bytes; the characters of longer values are counted one value at a time


class Random(Rule):
    """A random value that fits where the old one stood.

    - Text: as many letters and digits as it has characters.
    - Numbers: as many digits, with the same sign, point and exponent. An integer that fits 16, 32
      or 64 bits still does.
    - Booleans: one of the two, written in the same way (0 and 1, t and f, true and false, ...).
    - Blobs: as many bytes.
    - In a column of UUIDs: a UUID of version 4, without dashes if it had none. A blob stays one: of
      16 bytes, or of 32 or 36 characters if it had as many bytes.

    A number or boolean that isn't written as one is treated as text.
    """

    name = "random"
    summary = "Replaces the value by a random one of the same kind and length"
    examples = (Example("Jane Roe 42"),)
    kinds = TEXTUAL | NUMBERS | {Kind.BOOLEAN, Kind.UUID, Kind.BINARY}

    @property
    def effects(self) -> Effects:
        # A UUID has 121 random bits; nothing else is long enough for certain.
        unique = self.kind is Kind.UUID
        return Effects(Uniqueness.PRESERVES if unique else Uniqueness.MAY_COLLIDE)

    def transform(self, column: Column) -> Replacement:
        seeds = self.draw(column)
        if self.kind is Kind.UUID:
            return _uuids(column, seeds)
        if column.kind is Kind.BINARY:
            return _blobs(column, seeds, self.draw)
        result = Assembly(column)
        if column.kind is Kind.BOOLEAN:
            others = put_booleans(column, seeds[:, 0] & 1 == 1, result)
        elif column.kind in NUMBERS:
            others = random_numbers.put_numbers(column, seeds, result)
        else:
            others = np.arange(len(column))
        if others.size:
            result.put(others, *_text(column, others, seeds[others], self.draw))
        return result.replacement()


def _text(column: Column, rows: Integers, seeds: Bytes, draw: Draw) -> tuple[pa.BinaryArray, Index]:
    """As many letters and digits as each of `rows` has characters, and at least one."""
    length = np.maximum(_characters(column.data, column.start[rows], column.length[rows]), 1)
    lanes, begin = _lanes(length, seeds, draw)
    return spaced(letters(lanes).reshape(-1), begin, length)


def _characters(data: Bytes, start: Integers, length: Integers) -> Integers:
    """How many bytes of each span are no continuation bytes."""
    if int(length.max()) <= WIDEST:
        return length - count_in_row(is_continuation(heads(data, start, length, WIDEST)))
    count = length.copy()
    short = np.flatnonzero(length <= _LONG)
    follows = np.flatnonzero(is_continuation(gather(data, start[short], length[short])))
    if follows.size:
        row = np.searchsorted(np.cumsum(length[short]), follows, side="right")
        count[short] -= np.bincount(row, minlength=len(short))
    for i in np.flatnonzero(length > _LONG).tolist():
        value = data[start[i] : start[i] + length[i]]
        count[i] -= np.count_nonzero(is_continuation(value))
    return count


def _blobs(column: Column, seeds: Bytes, draw: Draw) -> Replacement:
    result = Assembly(column)
    lanes, begin = _lanes(column.length, seeds, draw)
    result.put(None, *spaced(lanes.reshape(-1), begin, column.length))
    return result.replacement(binary=True)


def _lanes(length: Integers, seeds: Bytes, draw: Draw) -> tuple[Bytes, Integers]:
    """A stream of at least ``length[i]`` bytes a row, and where each row's bytes begin in it."""
    count = (length + LANE - 1) // LANE
    begin = (np.cumsum(count) - count) * LANE
    return stream(draw, seeds, count), begin


_DASHES = (8, 13, 18, 23)
_UUID = 36
_HEX_PLACES = np.array([i for i in range(_UUID) if i not in _DASHES])


def _uuids(column: Column, seeds: Bytes) -> Replacement:
    numbers = seeds.copy()
    numbers[:, 6] = numbers[:, 6] & 0x0F | 0x40  # version 4
    # The variant of RFC 9562, and of its four digits 8, 9, a and b always a letter: without dashes
    # nothing may look like a number.
    numbers[:, 8] = numbers[:, 8] & 0x1F | 0xA0
    result = Assembly(column)
    digits = hexadecimal(numbers)
    text = np.full((len(column), _UUID), ord("-"), np.uint8)
    text[:, _HEX_PLACES] = digits
    plain = column.length == 2 * LANE
    if plain.any():
        text[plain, : 2 * LANE] = digits[plain]
    length = np.where(plain, 2 * LANE, _UUID)
    is_blob = column.kind is Kind.BINARY
    if is_blob:
        raw = ~plain & (column.length != _UUID)
        text[raw, :LANE] = numbers[raw]
        length[raw] = LANE
    result.put(None, *padded(text, length))
    return result.replacement(binary=is_blob)
