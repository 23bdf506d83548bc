"""Random dates and times."""

from __future__ import annotations

import datetime as dt
import math
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from replicate.rows.arrays import strings
from replicate.transformers import base
from replicate.transformers.base import Draw, Example, Target
from replicate.transformers.columnar.lots import Bytes, below, digits, words
from replicate.transformers.columnar.pools import Index, Integers
from replicate.transformers.dates.date_rule import (
    DateRule,
    integer_limit,
    integers,
    real_limit,
    same_length,
)
from replicate.transformers.dates.date_text import (
    EPOCH,
    FIRST_JULIAN,
    JULIAN,
    LAST_JULIAN,
    SECONDS_A_DAY,
    Group,
    OddDate,
    Sort,
    civil,
    put_days,
    put_seconds,
    put_years,
)
from replicate.transformers.rule import DATES, NUMBERS, TEXTUAL

Words = npt.NDArray[np.uint32]


class RandomDateOptions(base.Options):
    """The first and the last date that may come out."""

    min: dt.date = Field(default=dt.date(1950, 1, 1), description="the first date that may come")
    max: dt.date = Field(default=dt.date(2025, 12, 31), description="the last date that may come")

    @model_validator(mode="after")
    def _in_order(self) -> RandomDateOptions:
        if self.min > self.max:
            raise ValueError("min is later than max")
        return self


class RandomDate(DateRule):
    """A date or time becomes another one, written in the same way.

    - ``YYYY-MM-DD``, alone or with a time (``HH:MM``, with seconds and their fraction as far as
      they go) behind a space or T. A time zone behind the time stays. A time alone as well.
    - Integers: seconds since 1970, or milli-, micro- or nanoseconds, as the size of the number
      tells; of eight digits that are a date of the years 1800 to 2199, YYYYMMDD; of four, a year.
    - Reals: Julian days in the range of years 1 to 9999, or seconds since 1970.
    - In columns of dates and timestamps of PostgreSQL, also years before Christ, years of more than
      four digits, and ``infinity``: an ordinary date takes their place. That a subscription never
      ends tells something too, so infinity does not stay.

    A value that is nothing of it is an error, so that none passes through.
    """

    name = "random-date"
    summary = "Replaces a date or time by another one, written in the same way"
    examples = (Example("1984-02-29 07:45:00"),)
    kinds = TEXTUAL | NUMBERS | DATES
    Options: ClassVar[type[base.Options]] = RandomDateOptions

    def __init__(self, options: RandomDateOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._first = (options.min - EPOCH).days
        self._last = (options.max - EPOCH).days
        self._most = integer_limit(self)
        self._beyond = real_limit(self)

    def _replaced(self, group: Group, seeds: Bytes) -> tuple[pa.BinaryArray, Index]:
        form = group.form
        if form.sort is Sort.EPOCH:
            return integers(self._epochs(group, seeds))
        if form.sort is Sort.REAL:
            return self._reals(group, seeds)
        drawn, new = words(seeds), group.text.copy()
        if form.sort is Sort.YEAR:
            put_years(new, civil(self._days(drawn))[0])
        elif form.dated:
            put_days(new, form, self._days(drawn))
        if form.time is not None:
            put_seconds(new, form, below(drawn[:, 1], SECONDS_A_DAY))
        if form.fraction is not None:
            begin, end = form.fraction
            # The words of the draw that date and time leave.
            new[:, begin:end] = digits(seeds)[:, 16 : 16 + end - begin]
        return same_length(new, form.size)

    def _odd(self, old: OddDate, new: bytes) -> bytes | None:  # noqa: ARG002 - nothing of it stays
        return new

    def _days(self, drawn: Words, most: int | None = None) -> Integers:
        """Days within the options' range; none further from 1970 than `most`, if it is given."""
        first, last = self._first, self._last
        if most is not None:
            last = min(last, most)
            first = min(max(first, -most), last)
        return first + below(drawn[:, 0], last - first + 1)

    def _epochs(self, group: Group, seeds: Bytes) -> Integers:
        """Moments counted from 1970, in the unit that a number of so many digits is taken to be."""
        unit = group.form.unit
        most = self._most // unit // SECONDS_A_DAY - 1
        if most < 1:
            raise group.error(0, self.name)  # a column of 16 bits, which holds years alone
        drawn = words(seeds)
        day = self._days(drawn, most)
        moment = (day * SECONDS_A_DAY + below(drawn[:, 1], SECONDS_A_DAY)) * unit
        return moment + below(drawn[:, 2], unit)

    def _reals(self, group: Group, seeds: Bytes) -> tuple[pa.BinaryArray, Index]:
        """Julian days or seconds since 1970, with as many places behind the point."""
        drawn = words(seeds)
        second = below(drawn[:, 1], SECONDS_A_DAY) + drawn[:, 2] / 2**32
        day = self._days(drawn)
        old = group.reals()
        julian = (old >= FIRST_JULIAN) & (old < LAST_JULIAN)
        if self._beyond < math.inf and not julian.all():
            most = int(self._beyond // SECONDS_A_DAY) - 1
            if most < 1:
                raise group.error(int(np.argmin(julian)), self.name)
            day = np.where(julian, day, self._days(drawn, most))
        moment = np.where(
            julian, day + JULIAN + second / SECONDS_A_DAY, day * SECONDS_A_DAY + second
        )
        form = b"%%.%df" % max(group.form.digits, 1)
        pool = strings([form % each for each in moment.tolist()])
        return pool, np.arange(len(moment), dtype=np.int32)
