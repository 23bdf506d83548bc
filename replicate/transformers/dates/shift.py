"""Dates that move: by a distance that belongs to a person, or by a little of their own."""

from __future__ import annotations

import abc
from decimal import Decimal
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, field_validator

from replicate.errors import UsageError
from replicate.rows.arrays import strings
from replicate.rows.column import Column, Kind
from replicate.transformers import base
from replicate.transformers.base import Draw, Example, Target
from replicate.transformers.columnar.lots import Bytes, below, words
from replicate.transformers.columnar.pools import Index, Integers
from replicate.transformers.dates.date_rule import (
    DateRule,
    integer_limit,
    integers,
    real_limit,
    same_length,
)
from replicate.transformers.dates.date_text import (
    FIRST_DAY,
    FIRST_JULIAN,
    LAST_DAY,
    LAST_JULIAN,
    SECONDS_A_DAY,
    Group,
    Sort,
    number,
    put_days,
    put_seconds,
    put_years,
)
from replicate.transformers.numbers.decimal_text import written
from replicate.transformers.rule import DATES, NUMBERS, TEXTUAL

_FURTHEST = 36_500  # days: no date moves further
_DAYS_A_YEAR = 365
_FINE_JULIAN = 5  # places behind the point that tell seconds


class MovingDate(DateRule):
    """A transformer that moves dates: subclasses say how far.

    `_span` is how many seconds at most; with `_whole_days` it is days, and times of day stay.
    """

    _span: int
    _whole_days: bool

    def __init__(self, options: base.Options, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._most = integer_limit(self)
        self._beyond = real_limit(self)

    @abc.abstractmethod
    def _offset(self, group: Group, seeds: Bytes, unit: int) -> Integers:
        """How many seconds each row moves by, none of them 0, all multiples of `unit`."""

    def _replaced(self, group: Group, seeds: Bytes) -> tuple[pa.BinaryArray, Index]:
        form = group.form
        if form.sort is Sort.EPOCH:
            return integers(self._epochs(group, seeds))
        if form.sort is Sort.REAL:
            return self._reals(group, seeds)
        new = group.text.copy()
        if form.sort is Sort.YEAR:
            put_years(new, self._years(group, seeds))
        elif not form.dated:
            self._put_times(new, group, seeds)
        elif form.time is None or self._whole_days:
            offset = self._offset(group, seeds, SECONDS_A_DAY) // SECONDS_A_DAY
            put_days(new, form, _turned(group.days(), offset, FIRST_DAY, LAST_DAY))
        else:
            offset = self._offset(group, seeds, 1 if form.seconds else 60)
            old = group.days() * SECONDS_A_DAY + group.seconds()
            first, last = FIRST_DAY * SECONDS_A_DAY, (LAST_DAY + 1) * SECONDS_A_DAY - 1
            moment = _turned(old, offset, first, last)
            days = moment // SECONDS_A_DAY
            put_days(new, form, days)
            put_seconds(new, form, moment - days * SECONDS_A_DAY)
        return same_length(new, form.size)

    def _years(self, group: Group, seeds: Bytes) -> Integers:
        """A year alone moves by one at least, in the direction in which a day of it would."""
        old = group.years()
        most = max(self._span // SECONDS_A_DAY // _DAYS_A_YEAR, 1)
        # An integer that is a year has four digits still.
        first = np.where(old >= 1000, 1000, 1)
        return _turned(old, signed(words(seeds)[:, 0], most), first, 9999)

    def _put_times(self, new: Bytes, group: Group, seeds: Bytes) -> None:
        if self._whole_days:
            raise group.error(0, self.name)
        moved = group.seconds() + self._offset(group, seeds, 1 if group.form.seconds else 60)
        put_seconds(new, group.form, moved % SECONDS_A_DAY)

    def _epochs(self, group: Group, seeds: Bytes) -> Integers:
        form, most = group.form, np.int64(self._most)
        old = group.integers(self.name)
        offset = self._offset(group, seeds, 1) * form.unit
        unfit = (old > most - np.maximum(offset, 0)) | (old < -most - np.minimum(offset, 0))
        new = np.where(unfit, old - offset, old + offset)
        wrong = (new > most) | (new < -most)
        if wrong.any():
            raise group.error(int(np.argmax(wrong)), self.name)
        return new

    def _reals(self, group: Group, seeds: Bytes) -> tuple[pa.BinaryArray, Index]:
        form, value = group.form, group.reals()
        places = max(form.digits, 1)
        offset = self._offset(group, seeds, 1)
        julian = (value >= FIRST_JULIAN) & (value < LAST_JULIAN)
        if places < _FINE_JULIAN and julian.any():
            days = self._offset(group.take(julian), seeds[julian], SECONDS_A_DAY)
            offset[julian] = days
        size = form.size - (1 if form.plain else 0)  # digits, and perhaps a sign
        if not form.plain or size > 17 or places > 9:
            return self._reals_one_by_one(group, offset, julian, places)
        minus = group.text[0, 0] == ord("-")
        whole = size - form.digits - int(minus)
        unit = 10**places
        old = number(group.text, int(minus), whole) * unit
        old += number(group.text, form.size - form.digits, form.digits) * (1 if form.digits else 0)
        days = offset // SECONDS_A_DAY
        part = (offset - days * SECONDS_A_DAY) * unit // SECONDS_A_DAY
        distance = np.where(julian, days * unit + part, offset * unit)
        new = (-old if minus else old) + distance
        edges = int(FIRST_JULIAN * 10) * unit // 10, int(LAST_JULIAN * 10) * unit // 10 - 1
        turned = julian & ((new < edges[0]) | (new > edges[1]))
        beyond = int(min(self._beyond * unit, 2**62))
        turned |= np.abs(new) >= beyond
        new = np.where(turned, new - 2 * distance, new)
        wrong = np.abs(new) >= beyond
        if wrong.any():
            raise group.error(int(np.argmax(wrong)), self.name)
        one = np.ones(len(new), np.int64)
        return written(np.abs(new), one * places, new < 0, one)

    def _reals_one_by_one(
        self, group: Group, offset: Integers, julian: npt.NDArray[np.bool_], places: int
    ) -> tuple[pa.BinaryArray, Index]:
        values = []
        for row, (text, seconds, in_days) in enumerate(
            zip(group.text, offset.tolist(), julian.tolist(), strict=True)
        ):
            value = Decimal(text.tobytes().rstrip(b"\0").decode())
            distance = Decimal(seconds) / SECONDS_A_DAY if in_days else Decimal(seconds)
            if in_days and not FIRST_JULIAN <= value + distance < LAST_JULIAN:
                distance = -distance
            elif abs(value + distance) >= self._beyond:
                distance = -distance
                if abs(value + distance) >= self._beyond:
                    raise group.error(row, self.name)
            values.append(f"{value + distance:.{places}f}".encode())
        return strings(values), np.arange(len(values), dtype=np.int32)


def signed(word: npt.NDArray[np.uint32], most: int) -> Integers:
    """Numbers from `-most` to `most` without 0, one for each word, and larger for larger words."""
    drawn = below(word, 2 * most) - most
    return drawn + (drawn >= 0)


def _turned(old: Integers, offset: Integers, first: Integers | int, last: int) -> Integers:
    """``old + offset``, or ``old - offset`` where that leaves the range."""
    new = old + offset
    outside = (new < first) | (new > last)
    return np.where(outside, old - offset, new) if outside.any() else new


class DateShiftOptions(base.Options):
    """How far dates may move, and which ones move alike."""

    days: int = Field(
        default=365, ge=1, le=_FURTHEST, description="how many days a date may move, at most"
    )
    by: str | None = Field(
        default=None,
        min_length=1,
        description="the column that tells whose date it is: those of one value move alike",
    )
    keep_time: bool = Field(default=True, description="times of day stay as they are")


class DateShift(MovingDate):
    """A date moves by up to `days` days to and fro, never by none.

    With ``by: user_id``, all dates in rows with the same user_id move by the same distance, in all
    columns that are masked by this transformer: their order and the days between them stay, which
    is what reports and tests of histories need. Without `by`, or where that column is NULL or
    empty, the value itself decides, so equal dates stay equal and nothing else is kept.

    - Dates and times are understood, and written again, as random-date does: as text, as integers
      and reals that count from 1970, as Julian days and as YYYYMMDD.
    - Times of day stay, unless `keep_time` is false: then the distance has hours, minutes and
      seconds too. A time without a date has nothing to move by days, and is an error otherwise.
    - A year alone moves by one year at least, and as many as `days` make.
    - A date that would leave the years 1 to 9999, or what an integer of the column can count, moves
      the other way.
    - In columns of dates and timestamps of PostgreSQL, years before Christ and of more than four
      digits move too; ``infinity`` stays, being no day.

    Whoever knows the true date of one event of a person knows all of them. Distances of more days
    hide more: a birthday known from elsewhere gives away the year alone where `days` is small.
    """

    name = "date-shift"
    summary = "Moves a date by some days, the same for all dates of one person"
    examples = (
        Example("1984-02-29 07:45:00", {"days": 365}),
        Example("2024-05-31", {"by": "user_id"}, row={"user_id": "4711"}),
    )
    kinds = TEXTUAL | NUMBERS | (DATES - {Kind.TIME})
    refuses = "what is written as no date, and times without one"
    Options: ClassVar[type[base.Options]] = DateShiftOptions

    def __init__(self, options: DateShiftOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._by = options.by
        self._days = options.days
        self._span = (options.days + 1) * SECONDS_A_DAY - 1
        self._whole_days = options.keep_time
        if self._by is None:
            return
        if self._by not in target.columns:
            raise UsageError("the option by of date-shift names a column that the table hasn't got")
        if draw.key is None:
            raise UsageError(
                "the option by of date-shift needs replacements that are the same in every run",
                hint="without by, each date moves by a distance of its own",
            )

    @property
    def reads(self) -> frozenset[str]:
        return frozenset() if self._by is None else frozenset({self._by})

    def _seeds(self, column: Column) -> Bytes:
        if self._by is None:
            return self.draw(column)
        person = column.beside[self._by]
        seeds = self.draw(person)
        nobody = np.flatnonzero(person.length == 0)
        if nobody.size:
            seeds[nobody] = self.draw(column.take(nobody))
        return seeds

    def _offset(self, group: Group, seeds: Bytes, unit: int) -> Integers:  # noqa: ARG002
        drawn = words(seeds)
        offset = signed(drawn[:, 0], self._days) * SECONDS_A_DAY
        if self._whole_days or unit == SECONDS_A_DAY:
            return offset
        # Whole units, rounded down: of minutes, where a value has no seconds.
        return offset + below(drawn[:, 1], SECONDS_A_DAY) // unit * unit


class DateNoiseOptions(base.Options):
    """How far a date or time may move."""

    within: str = Field(
        pattern=r"^[1-9][0-9]{0,9}[dhms]$",
        description="a number of days, hours, minutes or seconds: 30d, 12h, 90m, 45s",
    )

    @field_validator("within")
    @classmethod
    def _not_too_far(cls, within: str) -> str:
        if _seconds(within) > _FURTHEST * SECONDS_A_DAY:
            raise ValueError(f"at most {_FURTHEST}d")
        return within


def _seconds(within: str) -> int:
    return int(within[:-1]) * {"d": SECONDS_A_DAY, "h": 3600, "m": 60, "s": 1}[within[-1]]


class DateNoise(MovingDate):
    """A date or time moves to or fro by chance, by no more than `within`, and never by nothing.

    Each distance is as likely as any other, up as likely as down, so means stay close. It is in
    whole days for a date without a time, in minutes for a time without seconds, and in seconds
    otherwise; a fraction of a second stays. Equal values move alike, each other one by a distance
    of its own: order is lost where dates lie closer than `within`.

    - The forms are those of random-date. A time without a date goes on at the other end of the day.
    - A date without a time needs at least one day of `within`, and a time without seconds one
      minute: they are an error otherwise. A year alone moves by a year at least.
    - What would leave the years 1 to 9999, or what an integer of the column can count, moves the
      other way. ``infinity`` in columns of PostgreSQL stays.
    """

    name = "date-noise"
    summary = "Moves a date or time by a little, to or fro"
    examples = (
        Example("1984-02-29 07:45:00", {"within": "30d"}),
        Example("2024-05-31T12:30:00Z", {"within": "90m"}),
    )
    kinds = TEXTUAL | NUMBERS | DATES
    refuses = "what is written as no date or time, or too coarsely to move within so little"
    Options: ClassVar[type[base.Options]] = DateNoiseOptions

    def __init__(self, options: DateNoiseOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._span = _seconds(options.within)
        self._whole_days = False
        if self.kind is Kind.DATE and self._span < SECONDS_A_DAY:
            raise UsageError(
                "the option within of date-noise is less than a day, and the column holds dates",
                hint="give at least 1d",
            )

    def _offset(self, group: Group, seeds: Bytes, unit: int) -> Integers:
        most = self._span // unit
        if not most:
            raise group.error(0, self.name)
        return signed(words(seeds)[:, 0], most) * unit
