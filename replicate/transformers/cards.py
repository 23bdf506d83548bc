"""Payment card numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers.base import Example
from replicate.transformers.lots import Bytes, digits
from replicate.transformers.pools import Assembly, fixed_width, padded
from replicate.transformers.rule import TEXTUAL, Rule
from replicate.transformers.windows import (
    count_in_row,
    is_digit,
    overwrite,
    running_count,
    sum_of_row,
    window,
)

_SHORTEST, _LONGEST = 12, 19
_PREFIX = 6
"""How many digits begin every result: 400000, a range that is issued for tests alone."""


class CreditCard(Rule):
    """A card number becomes one of as many digits, with its spaces and dashes where they were.

    The result begins with 400000, a range used for tests, so that it is nobody's card; its check
    digit is right (Luhn). A value that isn't 12 to 19 digits, with spaces and dashes only between
    them, becomes a number of 16 digits.
    """

    name = "credit-card"
    summary = "Replaces the value by a card number of a test range with a right check digit"
    examples = (Example("4929 1234 5678 9015"),)
    kinds = TEXTUAL | {Kind.INTEGER, Kind.NUMERIC}

    def transform(self, column: Column) -> Replacement:
        seeds = self.draw(column)
        text = window(column)
        digit = is_digit(text)
        separator = (text == ord(" ")) | (text == ord("-"))
        count = count_in_row(digit)
        last = np.minimum(column.length, text.shape[1]) - 1
        fits = (count >= _SHORTEST) & (count <= _LONGEST)
        fits &= column.length == count + count_in_row(separator)
        fits &= digit[:, 0] & digit[np.arange(len(text)), last]

        result = Assembly(column)
        _write(text, digit, digits(seeds, text.shape[1]), last)
        if not fits.all():
            text[~fits] = 0
        result.put(None, *padded(text, np.where(fits, column.length, 0)))
        others = np.flatnonzero(~fits & (column.length > 0))
        if others.size:
            plain = np.zeros((len(others), 16), np.uint8)
            _write(
                plain,
                np.ones(plain.shape, np.bool_),
                digits(seeds[others], 16),
                np.full(len(others), 15),
            )
            result.put(others, *fixed_width(plain))
        return result.replacement()


def _write(
    text: Bytes, digit: npt.NDArray[np.bool_], drawn: Bytes, last: npt.NDArray[np.int64]
) -> None:
    """Overwrite the digits of `text`, flagged in `digit`, the one at `last` being the check digit.

    Rows whose `last` is no digit come out as nonsense.
    """
    number = running_count(digit)
    overwrite(text, drawn, digit)
    prefix = (number == 1) * np.uint8(ord("4") - ord("0")) + np.uint8(ord("0"))
    overwrite(text, prefix, digit & (number <= _PREFIX))
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
