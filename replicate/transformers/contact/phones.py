"""Telephone numbers."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar import random_numbers
from replicate.transformers.columnar.characters import Permuted, replaced_in
from replicate.transformers.columnar.lots import Bytes, digits
from replicate.transformers.columnar.permuted_numbers import permuted_numbers, refuse_unfit
from replicate.transformers.columnar.pools import Assembly, fixed_width, padded, spaced
from replicate.transformers.columnar.windows import (
    any_in_row,
    count_in_row,
    is_digit,
    overwrite,
    running_count,
    window,
)
from replicate.transformers.rule import NUMBERS, TEXTUAL, Rule

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_SUBSCRIBER_DIGITS = 4
"""Digits that have to follow a country code."""

_LONGEST_CODE = 3
_LONGEST_E164 = 15

# What stands for a value that is no telephone number, by the form: an area code that is not
# assigned, with seven digits behind it. A column too short for one takes the next.
_FICTIONAL = {
    "keep": ("+1-555-000-0000", "5550000000"),
    "e164": ("+15550000000",),
    "national": ("555-000-0000", "5550000000"),
}
_SHORTEST_E164 = 8


class PhoneNumberOptions(base.Options):
    """What a number looks like, and what of it stays.

    `form` is `keep` for the shape that the value has; `e164` for ``+``, the country code and the
    other digits, 15 at most, without anything between them; `national` for what stands behind the
    country code. With `keep_country: false` the country code is replaced as other digits are.
    `unique` keeps distinct numbers distinct, as is done in any case for a column with a unique key;
    it needs the form `keep`.
    """

    form: Literal["keep", "e164", "national"] = Field(
        default="keep", description="what the number looks like: keep, e164 or national"
    )
    keep_country: bool = Field(default=True, description="whether the country code stays")
    unique: bool = Field(default=False, description="whether distinct numbers stay distinct")


class PhoneNumber(Rule):
    """Every digit is replaced, and the shape of the number stays.

    Spaces and the signs ``+ - ( ) . , / * # x`` stay, and so does the country code behind a
    leading ``+``, if four more digits follow. A value that holds anything else, no digit at all,
    or more than 32 bytes, becomes ``+1-555-`` and seven digits. An integer becomes one of as many
    digits.

    The form `e164` leaves nothing but ``+`` and the first 15 digits; a value without a country code
    becomes ``+1555`` and seven digits. The form `national` leaves out the country code and what
    stands before and right behind it.

    For a column with a unique key, and with the option `unique`, the digits are permuted, so that
    distinct numbers stay distinct, as long as `consistent` is not false. The country code then
    stays if there are seven digits in all, and a value that is no telephone number is refused.
    Two spellings of one number become different numbers. In a column too short for them,
    ``+1-555-`` and what follows is shorter.
    """

    name = "phone-number"
    summary = "Replaces the digits of a telephone number and keeps its shape"
    examples = (
        Example("+1-202-418-1440"),
        Example("+1-202-418-1440", {"form": "e164"}),
        Example("+49 30 12345678", {"form": "national"}),
        Example("2024181440", kind=Kind.INTEGER),
    )
    kinds = TEXTUAL | {Kind.INTEGER, Kind.NUMERIC}
    Options: ClassVar[type[base.Options]] = PhoneNumberOptions

    def __init__(self, options: PhoneNumberOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._form = options.form
        self._keep_country = options.keep_country
        unique = options.unique or target.unique
        self._permuted: Permuted | None = None
        if unique and draw.key is not None:
            refuse_unfit(self.name, target)
            self._permuted = Permuted(draw.key)
        elif options.unique:
            raise UsageError(
                "phone-number can't keep numbers distinct where replacements are drawn by chance",
                hint="leave out consistent: false, or the option unique",
            )
        if options.form != "keep":
            if target.kind in NUMBERS:
                raise UsageError(
                    f"a number can't have the form {options.form}", hint="leave out the option form"
                )
            if unique:
                raise UsageError(
                    f"telephone numbers in the form {options.form} may meet, and the column needs "
                    "distinct ones",
                    hint="leave out the option form, or use token",
                )
        self._fictional = _fictional_form(options.form, target.limits.max_chars)

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.PERMUTES if self._permuted else Uniqueness.MAY_COLLIDE)

    def transform(self, column: Column) -> Replacement:
        result = Assembly(column)
        if self._permuted is not None:
            self._put_permuted(self._permuted, column, result)
            return result.replacement(binary=column.kind is Kind.BINARY)
        seeds = self.draw(column)
        if self._form == "keep" and column.kind in NUMBERS:
            others = random_numbers.put_numbers(column, seeds, result)
        else:
            others = self._put_shaped(column, seeds, result)
        if others.size:
            result.put(others, *_drawn_like(self._fictional, seeds[others]))
        return result.replacement()

    def _put_shaped(self, column: Column, seeds: Bytes, result: Assembly) -> npt.NDArray[np.intp]:
        """Put replacements for what looks like a number; returns the rows of all else."""
        text = window(column)
        digit = is_digit(text)
        count = count_in_row(digit)
        unfit = _is_unfit(column, text, digit, count)
        code = _code_length(text, digit)
        if code is not None:
            code *= count - code >= _SUBSCRIBER_DIGITS
        shown = digit
        if self._form != "keep":
            shown, unfit = _shown(self._form, text, digit, code, unfit)
            digit = digit.copy()
        if code is not None and self._keep_country:
            _spare(digit, code)
        overwrite(text, digits(seeds, text.shape[1]), digit)
        if self._form == "keep":
            if unfit.any():
                text[unfit] = 0
            result.put(None, *padded(text, np.where(unfit, 0, column.length)))
        else:
            if self._form == "e164":
                text[text[:, 1] == ord("0"), 1] = ord("9")  # no country code begins with 0
            length = count_in_row(shown)
            result.put(None, *spaced(text[shown], np.cumsum(length) - length, length))
        return np.flatnonzero(unfit & (column.length > 0))

    def _put_permuted(self, permuted: Permuted, column: Column, result: Assembly) -> None:
        if column.kind in NUMBERS:
            text = permuted_numbers(column, permuted, target=self.target)
        else:
            text = window(column)
            digit = is_digit(text)
            count = count_in_row(digit)
            unfit = _is_unfit(column, text, digit, count) & (column.length > 0)
            if unfit.any():
                raise TransformError(
                    "a value is no telephone number, and the column needs distinct ones",
                    hint="use token or format-preserving, or have such values mended in the source",
                    row=int(np.argmax(unfit)),
                )
            code = _code_length(text, digit)
            if code is not None and self._keep_country:
                # What stays must be known from what stays: the number of digits, and the code.
                code *= count >= _LONGEST_CODE + _SUBSCRIBER_DIGITS
                _spare(digit, code)
            text = replaced_in(permuted, text, column.length, digit)
        result.put(None, *padded(text, column.length))


def _is_unfit(column: Column, text: Bytes, digit: Flags, count: Integers) -> Flags:
    """Which rows don't look like a number; empty ones are among them."""
    within = text != 0
    foreign = within & ~digit
    foreign &= text != ord(" ")
    foreign &= text != ord("#")
    foreign &= (text & 0xF8) != 0x28  # ( ) * + , - . /
    foreign &= (text | 0x20) != ord("x")
    unfit = any_in_row(foreign)
    unfit |= count == 0
    unfit |= column.length != count_in_row(within)  # too long for the window, or a NUL inside
    return unfit


def _code_length(text: Bytes, digit: Flags) -> Bytes | None:
    """How many digits of a country code follow a leading ``+``, 0 where there is none: (rows,).

    None if there is none in any row.
    """
    international = (text[:, 0] == ord("+")) & digit[:, 1]
    if not international.any():
        return None
    first = text[:, 1] - np.uint8(ord("0"))
    second = text[:, 2] - np.uint8(ord("0"))
    # Where the second is no digit, a 0 stands for it; where the first is none, nothing matters.
    length: Bytes = _CODE_LENGTH.take(10 * first + second * digit[:, 2], mode="clip")
    length *= international
    return length


def _spare(digit: Flags, code: Bytes) -> None:
    """Clear the flags of the digits of country codes."""
    for place in range(1, _LONGEST_CODE + 1):
        digit[:, place] &= code < place


def _shown(
    form: str, text: Bytes, digit: Flags, code: Bytes | None, unfit: Flags
) -> tuple[Flags, Flags]:
    """Which bytes the form shows, and which rows have nothing of that form."""
    if code is None:
        code = np.zeros(len(text), np.uint8)
    if form == "e164":
        unfit = unfit | (code == 0)
        shown = digit & (running_count(digit) <= _LONGEST_E164)
        shown[:, 0] = True
    else:
        place = np.arange(text.shape[1], dtype=np.uint8)
        begins = (digit | (text == ord("("))) & (place > code[:, None])
        begin = np.argmax(begins, axis=1) * (text[:, 0] == ord("+"))
        shown = (text != 0) & (place >= begin[:, None])
    shown &= ~unfit[:, None]
    return shown, unfit


def _fictional_form(form: str, most: int | None) -> Bytes:
    """What stands for a value that is no number, with a 0 for each digit that is drawn."""
    forms = _FICTIONAL[form]
    fitting = next((text for text in forms if most is None or len(text) <= most), None)
    if fitting is None:
        if form == "e164" and most is not None and most < _SHORTEST_E164:
            raise UsageError(
                f"the column takes {most} characters, too few for a number in the form e164",
                hint="leave out the option form, which keeps the length of a number, or use null",
            )
        fitting = forms[-1][:most] if form == "e164" else forms[-1][-(most or 0) :]
    return np.frombuffer(fitting.encode(), np.uint8)


def _drawn_like(form: Bytes, seeds: Bytes) -> tuple[pa.BinaryArray, npt.NDArray[np.int32]]:
    """A pool of numbers that look like `form`, one for each seed."""
    text = np.empty((len(seeds), len(form)), np.uint8)
    text[:] = form
    places = np.flatnonzero(form == ord("0"))
    text[:, places] = digits(seeds, 8)[:, : len(places)]
    return fixed_width(text)


def _code_lengths() -> Bytes:
    """How many digits a country code has, by its first two digits (ITU-T E.164)."""
    length = np.full(100, 3, np.uint8)
    length[10:20] = length[70:80] = 1
    two = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62"
    two += " 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98"
    length[[int(code) for code in two.split()]] = 2
    return length


_CODE_LENGTH = _code_lengths()
