"""The transformer that keeps the format of a value: format-preserving."""

from __future__ import annotations

import unicodedata
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from replicate.errors import TransformError
from replicate.rows.column import Column, Kind, Replacement
from replicate.rows.spans import gather
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.characters import replacer
from replicate.transformers.columnar.permuted_numbers import permuted_numbers, refuse_unfit
from replicate.transformers.columnar.pools import Assembly, padded, spaced
from replicate.transformers.rule import NUMBERS, TEXTUAL, Rule

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_HINT = "use token, redacted or random for this column"


class FormatPreservingOptions(base.Options):
    """What stays readable at both ends.

    `keep_first` and `keep_last` characters stay as they are, of values that have more than both
    together; a shorter one is replaced as a whole. What is kept is disclosed. Zeros at the end of a
    decimal fraction don't count in a column whose numbers have no fixed scale: 59 and 59.0 are
    the same.
    """

    keep_first: int = Field(default=0, ge=0, le=1000, description="characters kept at the front")
    keep_last: int = Field(default=0, ge=0, le=1000, description="characters kept at the end")


class FormatPreserving(Rule):
    """Every digit becomes a digit and every letter from A to Z a letter, in the same case.

    All else stays where it is: spaces, punctuation, symbols. So a value keeps its length and its
    format, and what checks it by a pattern still takes it. Check digits come out wrong, and so do
    dates and other values whose parts have a range: there are transformers for them.

    Under a key this is a permutation (FF1 of NIST SP 800-38G with AES-256; a table of all values
    where they have fewer than a million of one shape). Distinct values become distinct ones, which
    makes it fit for columns with a unique key, also where upper and lower case are the same; values
    that differ in case alone become such. A short value is one of few, and may become itself. With
    `consistent: false` values may collide.

    A number keeps its sign, the number of its digits and its point. Its first digit doesn't become
    0, unless it is the only one, and an integer stays within the range of its column. The zeros at
    the end of a decimal fraction stay, and those at the beginning of a number. Numbers with an
    exponent, with more than 32 characters, infinity and NaN are refused.

    Refused are also values that hold a letter or digit other than those of ASCII, such as ü, or
    bytes that are no UTF-8, since nothing of a value may pass through; and values without a digit
    or letter, in which there is nothing to replace.
    """

    name = "format-preserving"
    summary = "Replaces digits by digits and letters by letters, so that distinct values stay so"
    examples = (
        Example("DE-4711/ab"),
        Example("2024181440", kind=Kind.INTEGER),
        Example("4929 1234 5678 9015", {"keep_last": 4}),
    )
    kinds = TEXTUAL | {Kind.INTEGER, Kind.NUMERIC}
    refuses = "values without any digit or letter, or with letters or digits outside of ASCII"
    Options: ClassVar[type[base.Options]] = FormatPreservingOptions

    def __init__(self, options: FormatPreservingOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        refuse_unfit(self.name, target)
        self._keep = options.keep_first, options.keep_last
        self._replace = replacer(draw)

    @property
    def effects(self) -> Effects:
        random = self.draw.key is None
        return Effects(Uniqueness.MAY_COLLIDE if random else Uniqueness.PERMUTES)

    def transform(self, column: Column) -> Replacement:
        result = Assembly(column)
        if column.kind in NUMBERS:
            text = permuted_numbers(column, self._replace, target=self.target, keep=self._keep)
            result.put(None, *padded(text, column.length))
        else:
            data = gather(column.data, column.start, column.length)
            replaced = self._replaced(data, column.length)
            new = self._replace(data, column.length, replaced)
            begin = np.cumsum(column.length) - column.length
            result.put(None, *spaced(new, begin, column.length))
        # What was a blob stays one: it would be the same as a text that isn't.
        return result.replacement(binary=column.kind is Kind.BINARY)

    def _replaced(self, data: Bytes, length: Integers) -> Flags:
        """Which bytes of the values, one after the other, are replaced."""
        end = np.cumsum(length)
        replaced: Flags = (data - np.uint8(ord("0"))) < 10
        replaced |= ((data | 0x20) - np.uint8(ord("a"))) < 26
        if (data >= 0x80).any():
            _check_others(data, end - length, end)
        if any(self._keep):
            replaced &= ~_kept(data, length, *self._keep)
        before = np.concatenate(([0], np.cumsum(replaced, dtype=np.int64)))
        none = (before[end] == before[end - length]) & (length > 0)
        if none.any():
            raise TransformError(
                "a value has no digit or letter that could be replaced",
                hint=_HINT,
                row=int(np.argmax(none)),
            )
        return replaced


def _kept(data: Bytes, length: Integers, first: int, last: int) -> Flags:
    """Which bytes belong to the so many first and last characters of values that have more."""
    begins = (data & 0xC0) != 0x80
    count = np.concatenate(([0], np.cumsum(begins, dtype=np.int64)))
    end = np.cumsum(length)
    characters = count[end] - count[end - length]
    number = count[1:] - np.repeat(count[end - length], length)  # from 1 on
    total = np.repeat(characters, length)
    kept: Flags = (number <= first) | (number > total - last)
    kept &= total > first + last
    return kept


def _check_others(data: Bytes, begin: Integers, end: Integers) -> None:
    """Raise `TransformError` for a value with what is neither ASCII nor a mere sign."""
    beyond = np.concatenate(([0], np.cumsum(data >= 0x80, dtype=np.int64)))
    for row in np.flatnonzero(beyond[end] > beyond[begin]).tolist():
        value = data[begin[row] : end[row]].tobytes()
        try:
            signs = all(character < "\x80" or _is_sign(character) for character in value.decode())
        except UnicodeDecodeError:
            signs = False
        if not signs:
            raise TransformError(
                "a value has a letter or digit that is not one of ASCII, and can't keep its format",
                hint=_HINT,
                row=row,
            )


def _is_sign(character: str) -> bool:
    """Whether a character is punctuation, a symbol or a space, or goes with an emoji."""
    if character.lower() != character.upper():  # the letters in circles are symbols
        return False
    return unicodedata.category(character)[0] in "PSZ" or character in _OF_EMOJI


_OF_EMOJI = "\u200d\ufe0e\ufe0f\u20e3"
