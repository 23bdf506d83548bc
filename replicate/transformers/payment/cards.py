"""Payment card numbers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.characters import replaced_in, replacer
from replicate.transformers.columnar.lots import Bytes, digits
from replicate.transformers.columnar.pools import Assembly, padded
from replicate.transformers.columnar.windows import (
    count_in_row,
    is_digit,
    overwrite,
    running_count,
    sum_of_row,
    window,
)
from replicate.transformers.rule import TEXTUAL, Rule

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_SHORTEST, _USUAL, _LONGEST = 12, 16, 19
_PREFIX = 6
"""How many digits tell the issuer, and how many begin every other result: 400000, a range that is
issued for tests alone."""

_LARGEST_PREFIX = 922336
"""No number of 19 digits that begins with it or a smaller one is too large for 64 bits."""


class CreditCardOptions(base.Options):
    """With `keep_issuer` the first six digits stay, which tell the scheme and the bank."""

    keep_issuer: bool = Field(default=False, description="whether the first six digits stay")


class CreditCard(Rule):
    """A card number becomes one of as many digits, with its spaces and dashes where they were.

    The result begins with 400000, a range used for tests, so that it is nobody's card; its check
    digit is right (Luhn). A value that isn't 12 to 19 digits, with spaces and dashes only between
    them and of 32 characters at most, becomes a number of 16 digits, or of as many as the column
    takes.

    With `keep_issuer` the first six digits stay. The result may then be the number of a card that
    exists, as any number with a right check digit may. The digits behind them, but for the check
    digit, are permuted, so that card numbers that differ in them become distinct ones, as long as
    `consistent` is not false. A column with a unique key needs `keep_issuer`, and what is no card
    number with a right check digit is refused there.
    """

    name = "credit-card"
    summary = "Replaces the value by a card number of a test range with a right check digit"
    examples = (
        Example("4929 1234 5678 9015"),
        Example("4929 1234 5678 9015", {"keep_issuer": True}),
    )
    kinds = TEXTUAL | {Kind.INTEGER, Kind.NUMERIC}
    Options: ClassVar[type[base.Options]] = CreditCardOptions

    def __init__(self, options: CreditCardOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        most = _most_digits(target)
        if most < _SHORTEST:
            raise UsageError(
                f"the column takes {most} digits, too few for a card number",
                hint="use format-preserving or random, which keep the length of a value",
            )
        if target.unique and not options.keep_issuer:
            raise UsageError(
                "card numbers of the test range may meet, and the column needs distinct ones",
                hint="set keep_issuer: true, or use format-preserving",
            )
        self._usual = min(_USUAL, most)
        self._keep_issuer = options.keep_issuer
        self._permutes = target.unique and draw.key is not None
        self._replace = replacer(draw)

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.PERMUTES if self._permutes else Uniqueness.MAY_COLLIDE)

    def transform(self, column: Column) -> Replacement:
        text = window(column)
        digit = is_digit(text)
        separator = (text == ord(" ")) | (text == ord("-"))
        count = count_in_row(digit)
        last = np.minimum(column.length, text.shape[1]) - 1
        fits = (count >= _SHORTEST) & (count <= _LONGEST)
        fits &= column.length == count + count_in_row(separator)
        fits &= digit[:, 0] & digit[np.arange(len(text)), last]

        result = Assembly(column)
        seeds = None
        if self._keep_issuer:
            self._replace_account(column, text, digit, last, fits)
        else:
            seeds = self.draw(column)
            number = running_count(digit)
            _write_test_number(text, digit, number, digits(seeds, text.shape[1]))
            _write_check_digit(text, digit, number, last)
        if not fits.all():
            text[~fits] = 0
        result.put(None, *padded(text, np.where(fits, column.length, 0)))
        others = np.flatnonzero(~fits & (column.length > 0))
        if others.size:
            chosen = self.draw(column.take(others)) if seeds is None else seeds[others]
            result.put(others, *padded(self._made_up(chosen), np.full(len(others), self._usual)))
        return result.replacement(binary=self._permutes and column.kind is Kind.BINARY)

    def _replace_account(
        self, column: Column, text: Bytes, digit: Flags, last: Integers, fits: Flags
    ) -> None:
        """Overwrite the digits behind the issuer's in the rows that fit, or find fault with one."""
        rows = np.arange(len(text))
        number = running_count(digit)
        if self._permutes:
            given = text[rows, last].copy()
            right = text.copy()
            _write_check_digit(right, digit, number, last)
            unfit = (~fits | (right[rows, last] != given)) & (column.length > 0)
            _refuse(unfit, "a value is no card number with a right check digit")
        account = digit & (number > _PREFIX)
        account[rows, last] = False
        if Kind.INTEGER in (column.kind, self.kind):
            # Its issuer alone could make it too large for 64 bits, whatever follows.
            issuer = (text[:, :_PREFIX] - np.uint8(ord("0"))) @ _POWERS
            large = fits & (count_in_row(digit) == _LONGEST) & (issuer > _LARGEST_PREFIX)
            large &= column.length == _LONGEST  # with spaces or dashes it is a text
            _refuse(large, "an integer is too large for a card number")
        account &= fits[:, None]
        length = np.where(fits, column.length, 0)
        text[rows, last] = ord("0")  # a check digit doesn't stay, so nothing may depend on it
        text[:] = replaced_in(self._replace, text, length, account)
        _write_check_digit(text, digit, number, last)

    def _made_up(self, seeds: Bytes) -> Bytes:
        """Numbers of the test range: uint8 (rows, 16), zeros behind them."""
        text = np.zeros((len(seeds), _USUAL), np.uint8)
        digit = np.zeros(text.shape, np.bool_)
        digit[:, : self._usual] = True
        number = running_count(digit)
        _write_test_number(text, digit, number, digits(seeds, _USUAL))
        _write_check_digit(text, digit, number, np.full(len(seeds), self._usual - 1))
        return text


_POWERS = 10 ** np.arange(_PREFIX - 1, -1, -1)


def _most_digits(target: Target) -> int:
    """How many digits the column takes, if it is less than the most of a card number."""
    most = _LONGEST
    if target.limits.max_chars is not None:
        most = min(most, target.limits.max_chars)
    if target.limits.bits is not None:
        most = min(most, len(str(2 ** (target.limits.bits - 1))))
    if target.limits.precision is not None:
        most = min(most, target.limits.precision - (target.limits.scale or 0))
    return most


def _refuse(rows: Flags, message: str) -> None:
    if rows.any():
        raise TransformError(
            message,
            hint="use token or format-preserving, or have such values mended in the source",
            row=int(np.argmax(rows)),
        )


def _write_test_number(text: Bytes, digit: Flags, number: Bytes, drawn: Bytes) -> None:
    """Overwrite the digits of `text`, flagged in `digit` and counted in `number`."""
    overwrite(text, drawn, digit)
    prefix = (number == 1) * np.uint8(ord("4") - ord("0")) + np.uint8(ord("0"))
    overwrite(text, prefix, digit & (number <= _PREFIX))


def _write_check_digit(text: Bytes, digit: Flags, number: Bytes, last: Integers) -> None:
    """Overwrite the digit at `last`; rows where that is none come out as nonsense."""
    rows = np.arange(len(text))
    text[rows, last] = ord("0")
    # Every second digit counts twice, from the one before the last backwards, and 10 to 18 count as
    # 1 to 9, which is one more than 0 to 8.
    value = text - np.uint8(ord("0"))
    value *= digit.view(np.uint8)
    other = number & 1
    other ^= other[rows, last][:, None]
    value += (value + (value >= 5)) * other
    total = sum_of_row(value)
    text[rows, last] = ord("0") + (10 - total % 10) % 10
