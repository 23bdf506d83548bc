"""Dates and times."""

from __future__ import annotations

import datetime as dt
import re
from typing import ClassVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import model_validator

from replicate.errors import TransformError
from replicate.rows.arrays import strings
from replicate.rows.column import Column, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Example, Target
from replicate.transformers.lots import Bytes, below, digits, words
from replicate.transformers.pools import Assembly, padded
from replicate.transformers.rule import DATES, NUMBERS, TEXTUAL, Rule
from replicate.transformers.windows import is_digit, shapes, window

_Integers = npt.NDArray[np.int64]

# The shapes of values, in which every digit is written as 0.
_ISO = re.compile(
    rb"(?P<date>0000-00-00)?"
    rb"(?:(?(date)[ Tt]|)(?P<time>00:00)(?P<seconds>:00(?:\.(?P<fraction>0{1,9}))?)?"
    rb"(?: ?(?:[Zz]|[+-]00(?::?00)?))?)?"
)
_REAL = re.compile(rb"-?(?:0+\.(?P<fraction>0*)|\.0+|0+(?=[eE]))(?:[eE][+-]?0{1,2})?")
_INTEGER = re.compile(rb"-?0{1,19}")
_YEAR = b"0000"
_DAY = b"00000000"

_SECONDS_A_DAY = 86_400
_JULIAN = 2_440_587.5  # the Julian day number of 1970-01-01
_FIRST_JULIAN, _LAST_JULIAN = 1_721_425.5, 5_373_484.5  # years 1 to 9999
_EPOCH = dt.date(1970, 1, 1)
_LAST_NANOSECOND = (dt.date(2262, 4, 10) - _EPOCH).days  # that 64 bits can count

_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_TWO = np.frombuffer(b"".join(b"%02d" % i for i in range(100)), "V2")


class RandomDateOptions(base.Options):
    """The first and the last date that may come out."""

    min: dt.date = dt.date(1950, 1, 1)
    max: dt.date = dt.date(2025, 12, 31)

    @model_validator(mode="after")
    def _in_order(self) -> RandomDateOptions:
        if self.min > self.max:
            raise ValueError("min is later than max")
        return self


class RandomDate(Rule):
    """A date or time becomes another one, written in the same way.

    - ``YYYY-MM-DD``, alone or with a time (``HH:MM``, with seconds and their fraction as far as
      they go) behind a space or T. A time zone behind the time stays. A time alone as well.
    - Integers: seconds since 1970, or milli-, micro- or nanoseconds, as the size of the number
      tells; of eight digits that are a date of the years 1800 to 2199, YYYYMMDD; of four, a year.
    - Reals: Julian days in the range of years 1 to 9999, or seconds since 1970.

    A value that is nothing of it is an error, so that none passes through.
    """

    name = "random-date"
    summary = "Replaces a date or time by another one, written in the same way"
    examples = (Example("1984-02-29 07:45:00"),)
    kinds = TEXTUAL | NUMBERS | DATES
    refuses = "what is written as no date or time"
    Options: ClassVar[type[base.Options]] = RandomDateOptions

    def __init__(self, options: RandomDateOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._first = (options.min - _EPOCH).days
        self._last = (options.max - _EPOCH).days

    def transform(self, column: Column) -> Replacement:
        text = window(column)
        shape, forms = shapes(text, is_digit(text))
        # Longer than any date, or with a NUL at its end.
        size = np.array([len(form) for form in forms])[shape]
        if (column.length != size).any():
            raise _no_date()
        seeds = self.draw(column)
        result = Assembly(column)
        for i, form in enumerate(forms):
            rows = np.flatnonzero(shape == i)
            if form == _DAY:
                is_day = _is_date(text[rows], _DAY_PLACES) & _is_near(text[rows])
                self._put_shaped(form, rows[is_day], text, seeds, result)
                rows = rows[~is_day]
            if not form or not rows.size:
                continue
            if form == _YEAR or _ISO.fullmatch(form):
                self._put_shaped(form, rows, text, seeds, result)
            elif _INTEGER.fullmatch(form):
                pool = self._epochs(len(form.lstrip(b"-")), seeds[rows])
                result.put(rows, pool, np.arange(len(rows), dtype=np.int32))
            elif real := _REAL.fullmatch(form):
                pool = self._reals(text[rows], max(len(real["fraction"] or b""), 1), seeds[rows])
                result.put(rows, pool, np.arange(len(rows), dtype=np.int32))
            else:
                raise _no_date()
        return result.replacement()

    def _days(self, seeds: Bytes, last: int | None = None) -> _Integers:
        """Days since 1970-01-01 within the options' range; none after `last`, if it is given."""
        end = self._last if last is None else min(self._last, last)
        first = min(self._first, end)
        return first + below(words(seeds)[:, 0], end - first + 1)

    def _put_shaped(
        self, form: bytes, rows: npt.NDArray[np.intp], text: Bytes, seeds: Bytes, result: Assembly
    ) -> None:
        """Put dates and times for `rows`, whose values have the shape `form`, written likewise."""
        old, drawn = text[rows], seeds[rows]
        new = old.copy()
        match = _ISO.fullmatch(form)
        at = _ISO_PLACES
        if match is None:
            at = _DAY_PLACES
        if match is None or match["date"]:
            if form != _YEAR and not _is_date(old, at).all():
                raise _no_date()
            year, month, day = _civil(self._days(drawn))
            new[:, 0:2] = _two(year // 100)
            new[:, 2:4] = _two(year % 100)
            if form != _YEAR:
                new[:, at[0] : at[0] + 2] = _two(month)
                new[:, at[1] : at[1] + 2] = _two(day)
        if match is not None and match["time"]:
            begin = match.start("time")
            if not _is_time(old[:, begin:], with_seconds=match["seconds"] is not None).all():
                raise _no_date()
            second = below(words(drawn)[:, 1], _SECONDS_A_DAY)
            new[:, begin : begin + 2] = _two(second // 3600)
            new[:, begin + 3 : begin + 5] = _two(second // 60 % 60)
            if match["seconds"]:
                new[:, begin + 6 : begin + 8] = _two(second % 60)
            if match["fraction"]:
                part = slice(*match.span("fraction"))
                new[:, part] = digits(drawn)[:, 16 : 16 + part.stop - part.start]
        result.put(rows, *padded(new, np.full(len(rows), len(form))))

    def _epochs(self, places: int, seeds: Bytes) -> pa.BinaryArray:
        """Moments counted from 1970, in the unit that a number of so many digits is taken to be."""
        unit = 10 ** (3 * min(max((places - 9) // 3, 0), 3))
        # 11 digits are seconds still, 12 to 14 milliseconds, then micro- and nanoseconds.
        day = self._days(seeds, _LAST_NANOSECOND if unit == 10**9 else None)
        drawn = words(seeds)
        moment = (day * _SECONDS_A_DAY + below(drawn[:, 1], _SECONDS_A_DAY)) * unit
        moment += below(drawn[:, 2], unit)
        return cast(pa.BinaryArray, pa.array(moment).cast(pa.string()).cast(pa.binary()))

    def _reals(self, text: Bytes, places: int, seeds: Bytes) -> pa.BinaryArray:
        """Julian days or seconds since 1970, with so many places behind the point."""
        drawn = words(seeds)
        second = below(drawn[:, 1], _SECONDS_A_DAY) + drawn[:, 2] / 2**32
        rows = zip(text, self._days(seeds).tolist(), second.tolist(), strict=True)
        values = []
        for old, day, time in rows:
            if _FIRST_JULIAN <= float(old.tobytes().rstrip(b"\0")) < _LAST_JULIAN:
                moment = day + _JULIAN + time / _SECONDS_A_DAY
            else:
                moment = day * _SECONDS_A_DAY + time
            values.append(b"%.*f" % (places, moment))
        return strings(values)


_ISO_PLACES = (5, 8)  # where month and day begin
_DAY_PLACES = (4, 6)


def _no_date() -> TransformError:
    return TransformError(
        "a value is no date or time that random-date can replace",
        hint="use null or fixed for this column, or have such values mended in the source",
    )


def _number(text: Bytes, first: int, places: int) -> _Integers:
    """The number that stands in so many columns of digits."""
    value = np.zeros(len(text), np.int64)
    for place in range(first, first + places):
        value = value * 10 + (text[:, place] - np.uint8(ord("0")))
    return value


def _two(number: _Integers) -> Bytes:
    """Numbers below 100 as two digits each: uint8 (rows, 2)."""
    return _TWO.take(number).view(np.uint8).reshape(-1, 2)


def _civil(days: _Integers) -> tuple[_Integers, _Integers, _Integers]:
    """Year, month and day of days since 1970-01-01."""
    date = days.astype("M8[D]")
    month = date.astype("M8[M]")
    months = month.astype(np.int64)
    return months // 12 + 1970, months % 12 + 1, (date - month.astype("M8[D]")).astype(np.int64) + 1


def _is_date(text: Bytes, at: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Whether the rows begin with a date that the calendar has; month and day stand at `at`."""
    year, month, day = _number(text, 0, 4), _number(text, at[0], 2), _number(text, at[1], 2)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    days = _DAYS.take(month - 1, mode="clip") + ((month == 2) & leap)
    fits: npt.NDArray[np.bool_] = (
        (year > 0) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= days)
    )
    return fits


def _is_near(text: Bytes) -> npt.NDArray[np.bool_]:
    """Whether the rows begin with a year that a date in eight digits is likely to have."""
    year = _number(text, 0, 4)
    return (year >= 1800) & (year < 2200)


def _is_time(text: Bytes, *, with_seconds: bool) -> npt.NDArray[np.bool_]:
    """Whether the rows begin with a time of day; a leap second may be one."""
    fits = (_number(text, 0, 2) < 24) & (_number(text, 3, 2) < 60)
    if with_seconds:
        fits &= _number(text, 6, 2) <= 60
    return fits
