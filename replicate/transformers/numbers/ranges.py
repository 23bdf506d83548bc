"""Numbers drawn from a range."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from replicate.errors import UsageError
from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Example, Target
from replicate.transformers.columnar.pools import pick
from replicate.transformers.numbers.decimal_text import DIGITS, Exact, Integers, Rows, read, written
from replicate.transformers.numbers.number_rule import Bounds, below
from replicate.transformers.rule import NUMBERS, TEXTUAL, Rule


class NumberRangeOptions(base.Options):
    """The range that numbers are drawn from, both ends included."""

    min: Decimal = Field(ge=-(10**18), le=10**18, description="the smallest number that may come")
    max: Decimal = Field(ge=-(10**18), le=10**18, description="the largest number that may come")
    places: int | None = Field(
        default=None,
        ge=0,
        le=DIGITS,
        description="the places behind the point; without it, as many as the value has",
    )

    @model_validator(mode="after")
    def _in_order(self) -> NumberRangeOptions:
        if self.min > self.max:
            raise ValueError("min is larger than max")
        return self


class NumberRange(Rule):
    """Any value but NULL and the empty string becomes a number from `min` to `max`.

    Each number with so many places behind the point is as likely as any other. Without `places`
    there are as many as the value has, none if it is no number; fewer where the column doesn't take
    them, more where the range has no number with so few. In a column of integers there are none.

    NaN, infinity and whatever is no number become a number of the range too. Equal values become
    equal numbers. Only as many distinct ones come out as the range has.
    """

    name = "number-range"
    summary = "Replaces the value by a number drawn from a range"
    examples = (
        Example("52300", {"min": 20000, "max": 90000}),
        Example("4.75", {"min": 0, "max": 5, "places": 2}),
    )
    kinds = TEXTUAL | NUMBERS
    Options: ClassVar[type[base.Options]] = NumberRangeOptions

    def __init__(self, options: NumberRangeOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        wanted = range(DIGITS + 1) if options.places is None else [options.places]
        scale = 0 if self.kind is Kind.INTEGER else target.limits.scale
        most = Bounds(target)
        bounds: dict[int, tuple[int, int]] = {}
        some = False
        for places in wanted:
            first = math.ceil(options.min * Decimal(10) ** places)
            last = math.floor(options.max * Decimal(10) ** places)
            if first > last or (scale is not None and places > scale):
                continue
            some = True
            above, under = most.largest(places), -most.largest(places, True)
            if under <= first and last <= above and max(-first, last) <= 10**DIGITS:
                bounds[places] = first, last
        if not bounds:
            raise self._unfit(some)
        self._first = np.zeros(DIGITS + 1, np.int64)
        self._count = np.zeros(DIGITS + 1, np.int64)
        for places, (first, last) in bounds.items():
            self._first[places], self._count[places] = first, last - first + 1
        self._places = np.array([_nearest(bounds, p) for p in range(DIGITS + 1)], np.int64)

    def transform(self, column: Column) -> Replacement:
        places = self._places.take(_places_of(column))
        word = np.ascontiguousarray(self.draw(column)).view("<u8")[:, 0]
        number = self._first.take(places) + below(word, self._count.take(places))
        one = np.ones(len(column), np.int64)
        return pick(column, *written(np.abs(number), places, number < 0, one))

    def _unfit(self, some: bool) -> UsageError:
        if some:
            return UsageError(
                "the range of number-range has numbers that don't fit the column",
                hint="give a min and a max that the column takes",
            )
        return UsageError(
            "the range of number-range has no number with so few places as the column or `places` "
            "allows",
            hint="give a wider range, or more places",
        )


def _nearest(known: dict[int, tuple[int, int]], places: int) -> int:
    """The most of the known places that are not more than `places`, or else the fewest."""
    return max((p for p in known if p <= places), default=min(known))


def _places_of(column: Column) -> Integers:
    """How many places behind the point each value has."""
    numbers, others = read(column)
    if numbers.rows.size == len(column):
        return numbers.places
    places = np.zeros(len(column), np.int64)
    places[numbers.rows] = numbers.places
    _put_other_places(column, others, places)
    return places


def _put_other_places(column: Column, rows: Rows, places: Integers) -> None:
    short = rows[column.length[rows] <= _LONGEST]
    for row, value in zip(short.tolist(), column.take(short).values(), strict=True):
        number = Exact.of(value or b"")
        places[row] = 0 if number is None else min(number.places, DIGITS)


_LONGEST = 64  # bytes; a longer number gets no places
