"""Transformers that keep the beginning of a value: keep-first-char and redacted.

A character is a byte of UTF-8 that is no continuation byte, with up to three of them behind it. In
values that are not valid UTF-8 that still holds: none of them fails, or passes through.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import AfterValidator, Field

from replicate.rows.arrays import strings
from replicate.rows.column import Column, Kind, Replacement
from replicate.rows.spans import heads
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Assembly, check_size, padded, pick, spaced
from replicate.transformers.columnar.windows import is_digit, running_count, window
from replicate.transformers.rule import NUMBERS, TEXTUAL, Rule

_Integers = npt.NDArray[np.int64]

_KEPT = 3  # characters of a redacted value
_FIELD = 4 * _KEPT  # bytes that they may take


def is_continuation(data: Bytes) -> npt.NDArray[np.bool_]:
    """Which bytes continue a character of UTF-8."""
    flags: npt.NDArray[np.bool_] = (data & 0xC0) == 0x80
    return flags


class KeepFirstChar(Rule):
    """The first character is kept and all others are dropped; so a value of one character stays.

    Of a number its sign and first digit are kept, so that it stays a number; one without any digit
    becomes 0.
    """

    name = "keep-first-char"
    summary = "Keeps the first character, or the first digit, and drops the rest"
    examples = (Example("Jane"),)
    kinds = TEXTUAL | NUMBERS

    def transform(self, column: Column) -> Replacement:
        if column.kind in NUMBERS:
            return _first_digit(column)
        first = column.data[column.start]
        if not (first >= 0x80).any():
            # NULL and the empty string may pick anything here: they keep what they have.
            return pick(column, _ASCII, first.astype(np.int32))
        text = heads(column.data, column.start, column.length, 16)
        follows = np.logical_and.accumulate(is_continuation(text[:, 1:4]), axis=1)
        length = np.minimum(column.length, 1 + follows.sum(axis=1))
        # What is no beginning of a character stands for itself alone.
        length[text[:, 0] < 0xC0] = 1
        text[np.arange(16) >= length[:, None]] = 0
        return pick(column, *padded(text, length))


_ASCII = strings(bytes([i]) for i in range(256))


def _first_digit(column: Column) -> Replacement:
    text = window(column)
    digit = is_digit(text)
    rows = np.arange(len(text))
    first = np.argmax(digit, axis=1)
    has_digit = digit[rows, first]
    negative = has_digit & (text[:, 0] == ord("-"))
    value = np.where(has_digit, text[rows, first] - np.uint8(ord("0")), 0).astype(np.int32)
    value += 10 * negative
    if column.kind is Kind.REAL:
        value += 20
    return pick(column, _DIGITS, value)


_DIGITS = strings(
    f"{sign}{i}{end}".encode() for end in ("", ".0") for sign in ("", "-") for i in range(10)
)


def _is_writable(character: str) -> str:
    if character == "\0":
        raise ValueError("not every database takes a NUL")
    return character


Cover = Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_is_writable)]
"""The option that says what covers a character: one character itself."""


class RedactedOptions(base.Options):
    """`character` stands `width` times behind the first three characters of a value."""

    character: Cover = Field(default="*", description="what covers the rest of a value")
    width: int = Field(
        default=10,
        ge=0,
        le=1000,
        description="how many of `character` follow, whatever the value has",
    )


class Redacted(Rule):
    """The first three characters are kept, and a fixed number of `character` follows.

    A value of up to three characters is replaced as a whole: nothing of it is kept. So is one
    whose first characters are not valid UTF-8 and can't be told apart.
    """

    name = "redacted"
    summary = "Keeps the first three characters and covers the rest"
    examples = (Example("4929 1234 5678 9015"),)
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = RedactedOptions

    def __init__(self, options: RedactedOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._cover = np.frombuffer((options.character * options.width).encode(), np.uint8)
        self._covered = strings([self._cover.tobytes()])

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        text = heads(column.data, column.start, column.length, 16)
        if (text[:, : _KEPT + 1] < 0x80).all():
            short = column.length <= _KEPT
            pool, index = self._kept(text, np.full(len(text), _KEPT))
        else:
            begins = ~is_continuation(text)
            begins &= np.arange(16) < column.length[:, None]
            beyond = running_count(begins) == _KEPT + 1
            cut = np.argmax(beyond, axis=1)  # where the fourth character begins
            short = ~beyond[np.arange(len(text)), cut] | (cut > _FIELD)
            cut[short] = 0
            pool, index = self._kept(text, cut)
        result = Assembly(column)
        result.put(None, pool, index)
        if short.any():
            rows = np.flatnonzero(short)
            result.put(rows, self._covered, np.zeros(len(rows), np.int32))
        return result.replacement()

    def _kept(self, text: Bytes, cut: _Integers) -> tuple[pa.BinaryArray, npt.NDArray[np.int32]]:
        """The first ``cut[i]`` bytes of each row, covered behind."""
        widest = int(cut.max())
        check_size(len(text) * (widest + len(self._cover)))
        matrix = np.empty((len(text), widest + len(self._cover)), np.uint8)
        matrix[:, widest:] = self._cover
        if (cut == widest).all():
            matrix[:, :widest] = text[:, :widest]
        else:
            # Moved to the right, so that they end where the cover begins.
            place = np.arange(widest) - (widest - cut)[:, None]
            moved = np.take_along_axis(text, np.maximum(place, 0), axis=1)
            matrix[:, :widest] = np.where(place >= 0, moved, 0)
        start = np.arange(len(text)) * matrix.shape[1] + widest - cut
        return spaced(matrix.reshape(-1), start, cut + len(self._cover))
