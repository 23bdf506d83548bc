"""Dates of which only a part is kept."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from replicate.errors import UsageError
from replicate.rows.arrays import strings
from replicate.rows.column import Column, Kind
from replicate.transformers import base
from replicate.transformers.base import Draw, Example, Target
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Index, Integers
from replicate.transformers.dates.date_rule import (
    DateRule,
    integer_limit,
    integers,
    real_limit,
    same_length,
)
from replicate.transformers.dates.date_text import (
    CYCLE,
    FIRST_DAY,
    FIRST_JULIAN,
    JULIAN,
    LAST_DAY,
    LAST_JULIAN,
    SECONDS_A_DAY,
    Group,
    Sort,
    civil,
    month_starts,
    pair,
    put_days,
    put_seconds,
)
from replicate.transformers.draw import LANE
from replicate.transformers.rule import DATES, NUMBERS, TEXTUAL

_FURTHEST = 10**12  # days that a real may count; what is more is no moment


class DateTruncateOptions(base.Options):
    """What is kept of a date."""

    to: Literal["year", "month", "day", "hour"] = Field(
        description="the finest part that is kept; what is finer becomes 01 or 00"
    )


class DateTruncate(DateRule):
    """Of a date or time the parts up to `to` stay, and the others become their first: 01 or 00.

    This is a generalisation, no replacement: the year or month of a birth stays true, equal dates
    stay equal, and a date that has nothing finer stays as it is. Whoever is the only one of a month
    in a small table is still found by it.

    - The forms are those of random-date, and the form stays: ``1984-02-29 07:45:12.5`` becomes
      ``1984-02-01 00:00:00.0`` with ``to: month``. A time zone stays, and parts are those that are
      written, whatever the zone.
    - Integers and reals that count from 1970, and Julian days, become those of the moment in UTC at
      which the year, month, day or hour began.
    - Of a time without a date, ``to: hour`` keeps the hour. Anything coarser leaves 00:00.
    - In columns of dates and timestamps of PostgreSQL, years before Christ and of more than four
      digits are understood, and ``infinity`` stays.
    """

    name = "date-truncate"
    summary = "Keeps the year, month, day or hour of a date and drops what is finer"
    examples = (
        Example("1984-02-29", {"to": "month"}),
        Example("1984-02-29 07:45:12", {"to": "year"}),
    )
    kinds = TEXTUAL | NUMBERS | DATES
    Options: ClassVar[type[base.Options]] = DateTruncateOptions

    def __init__(self, options: DateTruncateOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._to = options.to
        self._most = integer_limit(self)
        self._beyond = real_limit(self)
        if self.kind is Kind.DATE and self._to in ("day", "hour"):
            raise UsageError(
                f"date-truncate to the {self._to} leaves a column of dates as it is",
                hint="use to: month or to: year",
            )

    def _seeds(self, column: Column) -> Bytes:
        return np.zeros((len(column), LANE), np.uint8)  # nothing is left to chance

    def _replaced(self, group: Group, seeds: Bytes) -> tuple[pa.BinaryArray, Index]:  # noqa: ARG002
        form = group.form
        if form.sort is Sort.EPOCH:
            return integers(self._epochs(group))
        if form.sort is Sort.REAL:
            return self._reals(group)
        new = group.text.copy()
        if form.dated:
            put_days(new, form, self._begun(group.days()))
        if form.time is not None:
            hours = pair(group.text, form.time) * 3600
            put_seconds(new, form, hours if self._to == "hour" else np.zeros_like(hours))
        if form.fraction is not None:
            begin, end = form.fraction
            new[:, begin:end] = ord("0")
        return same_length(new, form.size)

    def _begun(self, days: Integers) -> Integers:
        """The first day of the year or month, or the day itself."""
        if self._to in ("day", "hour"):
            return days
        # Numbers may count to years that no table has: the calendar is the same every 400 years.
        far = (days < FIRST_DAY) | (days > LAST_DAY)
        cycles = np.where(far, days // CYCLE, 0) * CYCLE
        year, month, _ = civil(days - cycles)
        start: Integers = month_starts().take(12 * year + (month - 1 if self._to == "month" else 0))
        start += cycles
        return start

    def _epochs(self, group: Group) -> Integers:
        old, unit = group.integers(self.name), group.form.unit
        if self._to == "hour":
            new = old - old % (3600 * unit)
        else:
            new = self._begun(old // (SECONDS_A_DAY * unit)) * (SECONDS_A_DAY * unit)
        # Of a number near the smallest one, the beginning of the year may be too small.
        wrong = (new < -self._most) | (new > old)
        if wrong.any():
            raise group.error(int(np.argmax(wrong)), self.name)
        return new

    def _reals(self, group: Group) -> tuple[pa.BinaryArray, Index]:
        old = group.reals()
        julian = (old >= FIRST_JULIAN) & (old < LAST_JULIAN)
        # A Julian day is in days and a bit less than written: a second is made up for.
        days = np.where(julian, old - JULIAN, old / SECONDS_A_DAY)
        beyond = np.abs(days) > _FURTHEST
        if beyond.any():
            raise group.error(int(np.argmax(beyond)), self.name)
        if self._to == "hour":
            hours = np.floor(days * 24 + np.where(julian, 1 / 3600, 0))
            new = np.where(julian, hours / 24 + JULIAN, hours * 3600)
        else:
            start = self._begun(np.floor(days).astype(np.int64))
            new = np.where(julian, start + JULIAN, start * float(SECONDS_A_DAY))
        wrong = np.abs(new) >= self._beyond
        if wrong.any():
            raise group.error(int(np.argmax(wrong)), self.name)
        form = b"%%.%df" % max(group.form.digits, 1)
        pool = strings([form % each for each in new.tolist()])
        return pool, np.arange(len(new), dtype=np.int32)
