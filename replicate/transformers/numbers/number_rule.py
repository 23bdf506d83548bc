"""What the transformers of numbers share: exact amounts, and what their column holds."""

from __future__ import annotations

import abc

import numpy as np
import numpy.typing as npt

from replicate.errors import TransformError
from replicate.rows.arrays import strings
from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Target
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Assembly
from replicate.transformers.numbers.decimal_text import (
    DIGITS,
    ENDLESS,
    LONGEST,
    Exact,
    Integers,
    Numbers,
    read,
    written,
)
from replicate.transformers.rule import NUMBERS, TEXTUAL, Rule

ROOM: int = 2 * 10**DIGITS
"""No amount is reckoned to be larger, so that none leaves 64 bits."""

_LARGEST_REAL = int(1.7976931348623157e308)
_HUGE: int = 10 ** (2 * LONGEST + 20_000)  # more than any number that is reckoned with


class Bounds:
    """The largest amounts that a column holds, by the places behind the point."""

    def __init__(self, target: Target) -> None:
        self._target = target
        places = range(DIGITS + 1)
        self.above = np.array([min(self.largest(p), ROOM) for p in places], np.int64)
        self.below = np.array([min(self.largest(p, True), ROOM) for p in places], np.int64)

    def largest(self, places: int, negative: bool = False) -> int:
        """The largest amount with so many places; of negative numbers, without the sign.

        It is the integer that stands there without a point. `places` may be negative.
        """
        target, kind = self._target, self._target.kind
        most = _HUGE
        if kind is Kind.INTEGER:
            edge: int = 2 ** ((target.limits.bits or 64) - 1) - (not negative)
            most = edge * 10**places if places >= 0 else edge // 10**-places
        elif kind is Kind.REAL:
            most = _LARGEST_REAL * 10**places if places >= 0 else _LARGEST_REAL // 10**-places
        elif kind is Kind.NUMERIC and target.limits.precision is not None:
            digits = target.limits.precision - (target.limits.scale or 0) + places
            most = 10**digits - 1 if digits > 0 else 0
        elif target.limits.max_chars is not None:
            digits = target.limits.max_chars - negative - (places > 0)
            most = min(most, 10 ** min(digits, 2 * LONGEST) - 1) if digits >= max(places, 1) else 0
        return most


def fits(value: bytes, target: Target) -> bool:
    """Whether a column of numbers holds this one. It may round it."""
    number = Exact.of(value)
    if number is None:
        return False
    limit = Bounds(target).largest(number.places - number.power, number.amount < 0)
    return abs(number.amount) <= limit


class NumberRule(Rule):
    """A transformer of numbers: subclasses say what becomes of those of 64 bits, and of others."""

    kinds = TEXTUAL | NUMBERS
    refuses = "what is no number, or one of more than 3,000 digits"

    def __init__(self, options: base.Options, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._bounds = Bounds(target)

    def transform(self, column: Column) -> Replacement:
        numbers, others = read(column)
        long = self._too_long(numbers)
        if long.any():
            others = np.sort(np.concatenate([others, numbers.rows[long]]))
            numbers = numbers.take(~long)
        seeds = self._seeds(column)
        result = Assembly(column)
        if numbers.rows.size:
            whole = numbers.rows.size == len(column)
            drawn = seeds if whole else seeds[numbers.rows]
            new = self._changed(numbers, drawn)
            pool, index = written(new.amount, new.places, new.negative, new.whole)
            result.put(None if whole else numbers.rows, pool, index)
        if others.size:
            values = [
                self._other(value or b"", seed.tobytes(), row, column.kind)
                for value, seed, row in zip(
                    column.take(others).values(), seeds[others], others.tolist(), strict=True
                )
            ]
            result.put(others, strings(values), np.arange(len(values), dtype=np.int32))
        return result.replacement()

    def _seeds(self, column: Column) -> Bytes:
        """What each row is drawn from: uint8 (rows, 16)."""
        return self.draw(column)

    def _too_long(self, old: Numbers) -> npt.NDArray[np.bool_]:
        """Which of them would need more than 64 bits on the way, and go by `_changed_exact`."""
        return np.zeros(len(old.rows), np.bool_)

    @abc.abstractmethod
    def _changed(self, old: Numbers, seeds: Bytes) -> Numbers:
        """What becomes of numbers of up to `DIGITS` digits. It fits the column."""

    def _other(self, value: bytes, seed: bytes, row: int, kind: Kind) -> bytes:
        """What becomes of a value that is none of these."""
        if ENDLESS.fullmatch(value):
            return value
        number = Exact.of(value)
        if number is None:
            raise self._no_number(row)
        new = self._changed_exact(number, seed, row, kind)
        where = new.places - new.power
        if abs(new.amount) > self._bounds.largest(where, new.amount < 0):
            raise self._too_large(row)
        return new.text()

    @abc.abstractmethod
    def _changed_exact(self, old: Exact, seed: bytes, row: int, kind: Kind) -> Exact:
        """What becomes of a number that is longer, or has an exponent."""

    def _no_number(self, row: int) -> TransformError:
        return TransformError(
            f"a value is no number that {self.name} can replace",
            hint="use random, null or fixed for this column, or mend such values in the source",
            row=row,
        )

    def _too_large(self, row: int) -> TransformError:
        return TransformError(
            f"a number that {self.name} makes of a value doesn't fit the column",
            hint="use random or number-range for this column",
            row=row,
        )


def below(word: npt.NDArray[np.uint64], bound: Integers) -> Integers:
    """Numbers from 0 to ``bound[i] - 1``, one for each word of 64 bits; 0 where `bound` is 0.

    Bounds are less than ``2**63``; the bias is less than ``bound / 2**64``.
    """
    # The upper half of the product of 128 bits, from those of the halves.
    limit = bound.view(np.uint64)
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    word_high, word_low, limit_high, limit_low = (
        word >> half,
        word & low,
        limit >> half,
        limit & low,
    )
    middle = word_high * limit_low + (word_low * limit_low >> half)
    other = word_low * limit_high + (middle & low)
    product: npt.NDArray[np.uint64] = word_high * limit_high + (middle >> half) + (other >> half)
    return product.view(np.int64)
