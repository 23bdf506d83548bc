"""Dates and times as text, read and written for all rows of one form at once.

`read` sorts a column's values by how they are written. Days count from 1970-01-01, in the Gregorian
calendar that is carried on to before it was used.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replicate.errors import TransformError
from replicate.rows.column import Column, Kind
from replicate.rows.spans import heads
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import fixed_width
from replicate.transformers.columnar.windows import WIDEST, is_digit, shapes, window

Integers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

EPOCH = dt.date(1970, 1, 1)
FIRST_DAY = (dt.date(1, 1, 1) - EPOCH).days
LAST_DAY = (dt.date(9999, 12, 31) - EPOCH).days
SECONDS_A_DAY = 86_400
JULIAN = 2_440_587.5
"""The Julian day number of 1970-01-01."""

FIRST_JULIAN, LAST_JULIAN = 1_721_425.5, 5_373_484.5
"""Reals from the first up to the last are Julian days, of the years 1 to 9999."""

# The shapes of values, in which every digit is written as 0.
_ISO = re.compile(
    rb"(?P<date>0000-00-00)?"
    rb"(?:(?(date)[ Tt]|)(?P<time>00:00)(?P<seconds>:00(?:\.(?P<fraction>0{1,9}))?)?"
    rb"(?: ?(?:[Zz]|[+-]00(?::?00(?::00)?)?))?)?"
)
_REAL = re.compile(
    rb"-?(?:0+\.(?P<fraction>0*)|\.(?P<only>0+)|0+(?=[eE]))(?P<power>[eE][+-]?0{1,2})?"
)
_INTEGER = re.compile(rb"-?0{1,19}")
_SAFE_DIGITS = 18  # of an integer, that 64 bits hold whatever they are
_LONGEST = 48  # bytes: a timestamp to the microsecond with a zone to the second, before Christ


class Sort(Enum):
    """What a value of digits and signs is taken for."""

    CALENDAR = "a date, a time, or both"
    DAY = "YYYYMMDD"
    YEAR = "YYYY"
    EPOCH = "an integer that counts from 1970"
    REAL = "a Julian day, or seconds since 1970 with a fraction"


@dataclass(frozen=True, slots=True)
class Form:
    """One way of writing a date or time: what stands in which column of bytes.

    `month` and `day` are where these begin, and `time` where the time does, or None where there is
    none. `fraction` is where that of a second begins and ends. `digits` is how many an integer has,
    or a real behind its point; `plain` is set for a real without an exponent.
    """

    sort: Sort
    size: int
    dated: bool = False
    month: int = 5
    day: int = 8
    time: int | None = None
    seconds: bool = False
    fraction: tuple[int, int] | None = None
    digits: int = 0
    plain: bool = True

    @property
    def unit(self) -> int:
        """How many an integer counts in a second: as many as the size of the number tells."""
        # 11 digits are seconds still, 12 to 14 milliseconds, then micro- and nanoseconds.
        return int(10 ** (3 * min(max((self.digits - 9) // 3, 0), 3)))


@dataclass(frozen=True, slots=True)
class Group:
    """Values of one form: `rows` of the column, and their `text`, uint8 (rows, width)."""

    form: Form
    rows: Rows
    text: Bytes

    def days(self) -> Integers:
        """The date, of a form that has one; a year stands for its first of January."""
        if self.form.sort is Sort.YEAR:
            return month_starts().take(12 * self.years())
        month = pair(self.text, self.form.month)
        start = month_starts().take(12 * self.years() + month - 1)
        return start + pair(self.text, self.form.day) - 1

    def years(self) -> Integers:
        return pair(self.text, 0) * 100 + pair(self.text, 2)

    def seconds(self) -> Integers:
        """The seconds of the day, of a form that has a time; a leap second is the next minute."""
        at = self.form.time or 0
        total = pair(self.text, at) * 3600 + pair(self.text, at + 3) * 60
        return total + pair(self.text, at + 6) if self.form.seconds else total

    def integers(self, name: str) -> Integers:
        """The numbers of integers; `TransformError` for one that needs more than 64 bits."""
        digits, first = self.form.digits, self.form.size - self.form.digits
        value = number(self.text, first, min(digits, _SAFE_DIGITS))
        if digits > _SAFE_DIGITS:
            last = number(self.text, first + _SAFE_DIGITS, 1)
            tenth, rest = divmod(2**63 - 1, 10)
            beyond = (value > tenth) | ((value == tenth) & (last > rest))
            if beyond.any():
                raise self.error(int(np.argmax(beyond)), name)
            value = value * 10 + last
        return -value if first else value

    def reals(self) -> npt.NDArray[np.float64]:
        """The numbers of reals."""
        pool, _ = fixed_width(np.ascontiguousarray(self.text[:, : self.form.size]))
        return pool.cast(pa.string()).cast(pa.float64()).to_numpy()

    def take(self, rows: Flags) -> Group:
        return Group(self.form, self.rows[rows], self.text[rows])

    def error(self, place: int, name: str) -> TransformError:
        return no_date(int(self.rows[place]), name)


def read(column: Column, name: str) -> tuple[list[Group], Rows]:
    """The values that are dates or times, by form, and the rows of those that may be odd dates.

    Odd ones are there in columns of dates and of timestamps only: see `OddDate`. Any other value
    but NULL and the empty string raises `TransformError`, on behalf of the transformer `name`.
    """
    text = _window(column)
    shape, found = shapes(text, is_digit(text))
    forms = [_form_of(each) for each in found]
    # Longer than any date, with a NUL at its end, or of no form.
    size = np.array([-1 if form is None else form.size for form in forms])[shape]
    odd = column.length != size
    strange = odd & (column.length > 0)
    if strange.any() and column.kind not in (Kind.DATE, Kind.TIMESTAMP):
        raise no_date(int(np.flatnonzero(strange)[0]), name)
    groups: list[Group] = []
    for i, form in enumerate(forms):
        if form is None:
            continue
        rows = np.flatnonzero((shape == i) & ~odd)
        if form.sort is Sort.DAY:
            near = text[rows]
            is_day = _is_date(near, form) & _is_near(near)
            _add(groups, form, rows[is_day], text, name)
            _add(groups, Form(Sort.EPOCH, 8, digits=8), rows[~is_day], text, name)
        else:
            _add(groups, form, rows, text, name)
    return groups, np.flatnonzero(strange)


def _add(groups: list[Group], form: Form, rows: Rows, text: Bytes, name: str) -> None:
    """Add a group of `rows`, if there are any. What the calendar doesn't have is refused."""
    if not rows.size:
        return
    group = Group(form, rows, text if rows.size == len(text) else text[rows])
    if form.dated:
        _check(_is_date(group.text, form), group, name)
    if form.time is not None:
        _check(_is_time(group), group, name)
    groups.append(group)


def _check(right: Flags, group: Group, name: str) -> None:
    if not right.all():
        raise group.error(int(np.argmin(right)), name)


def _window(column: Column) -> Bytes:
    if len(column) and int(column.length.max()) > WIDEST:
        return heads(column.data, column.start, column.length, _LONGEST)
    return window(column)


def _form_of(shape: bytes) -> Form | None:
    """The form of values of a shape, or None: they are no dates, or empty."""
    if not shape:
        return None
    if shape == b"0000":
        return Form(Sort.YEAR, 4)
    if shape == b"00000000":
        return Form(Sort.DAY, 8, dated=True, month=4, day=6)
    if match := _ISO.fullmatch(shape):
        return Form(
            Sort.CALENDAR,
            len(shape),
            dated=match["date"] is not None,
            time=match.start("time") if match["time"] else None,
            seconds=match["seconds"] is not None,
            fraction=match.span("fraction") if match["fraction"] else None,
        )
    if _INTEGER.fullmatch(shape):
        return Form(Sort.EPOCH, len(shape), digits=len(shape.lstrip(b"-")))
    if match := _REAL.fullmatch(shape):
        places = len(match["fraction"] or match["only"] or b"")
        return Form(Sort.REAL, len(shape), digits=places, plain=match["power"] is None)
    return None


def no_date(row: int, name: str) -> TransformError:
    return TransformError(
        f"a value is no date or time that {name} can replace",
        hint="use null or fixed for this column, or have such values mended in the source",
        row=row,
    )


# Reading and writing digits in place


def pair(text: Bytes, place: int) -> Integers:
    """The number of the two digits at `place`, which doesn't end a block of 8 bytes."""
    # Eight bytes at a time; what the others make doesn't carry, and is masked out.
    eight = text.view("<u8")[:, place // 8] >> np.uint64(8 * (place % 8))
    number = (eight & np.uint64(0x0F)) * np.uint64(10)
    number += (eight >> np.uint64(8)) & np.uint64(0x0F)
    return number.view(np.int64)


def put_pair(text: Bytes, place: int, number: Integers) -> None:
    """Write numbers below 100 as two digits at `place`, as `pair` reads them."""
    shift = np.uint64(8 * (place % 8))
    eights = text.view("<u8")[:, place // 8]
    eights &= ~(np.uint64(0xFFFF) << shift)
    eights |= _TWO.take(number) << shift


def put_days(text: Bytes, form: Form, days: Integers) -> None:
    """Write dates of the years 0 to 9999 in `form`."""
    year, month, day = civil(days)
    put_years(text, year)
    put_pair(text, form.month, month)
    put_pair(text, form.day, day)


def put_years(text: Bytes, year: Integers) -> None:
    century = year.astype(np.uint32) // np.uint32(100)
    put_pair(text, 0, century.astype(np.int64))
    put_pair(text, 2, year - century * 100)


def put_seconds(text: Bytes, form: Form, seconds: Integers) -> None:
    """Write times of day, in a `form` that has one, with seconds if it has them."""
    at = form.time or 0
    minutes = seconds.astype(np.uint32) // np.uint32(60)
    hours = minutes // np.uint32(60)
    put_pair(text, at, hours.astype(np.int64))
    put_pair(text, at + 3, (minutes - hours * np.uint32(60)).astype(np.int64))
    if form.seconds:
        put_pair(text, at + 6, seconds - minutes * np.int64(60))


_TWO = np.frombuffer(b"".join(b"%02d" % i for i in range(100)), "<u2").astype(np.uint64)


def number(text: Bytes, first: int, places: int) -> Integers:
    """The number that stands in so many columns of digits, 18 at most."""
    value = np.zeros(len(text), np.int64)
    for place in range(first, first + places):
        value *= 10
        value += text[:, place] - np.uint8(ord("0"))
    return value


# The calendar

CYCLE = 146_097
"""Days of 400 years, after which the calendar repeats."""

_YEAR_ZERO = -719_528  # the day on which the year 0 begins


@functools.cache
def month_starts() -> Integers:
    """The first day of month ``12 * year + month - 1``, for the years 0 to 10,000."""
    months = np.arange(10_001 * 12) - 1970 * 12
    return months.astype("M8[M]").astype("M8[D]").astype(np.int64)


@functools.cache
def _cycle() -> npt.NDArray[np.int32]:
    """Year, month and day of the days from the year 0 to 399: ``512 * year + 32 * month + day``."""
    days = np.arange(CYCLE)
    month = np.searchsorted(month_starts()[: 400 * 12 + 1], days + _YEAR_ZERO, side="right") - 1
    day = days + _YEAR_ZERO - month_starts()[month] + 1
    return (month // 12 * 512 + (month % 12 + 1) * 32 + day).astype(np.int32)


def civil(days: Integers) -> tuple[Integers, Integers, Integers]:
    """Year, month and day of days within the years 0 to 9999."""
    since = (days - _YEAR_ZERO).astype(np.uint32)
    cycle = since // np.uint32(CYCLE)
    packed = _cycle().take(since - cycle * np.uint32(CYCLE)).astype(np.int64)
    return (packed >> 9) + cycle * np.int64(400), packed >> 5 & 15, packed & 31


def _is_date(text: Bytes, form: Form) -> Flags:
    """Whether the rows begin with a date that the calendar has."""
    year = pair(text, 0) * 100 + pair(text, 2)
    month, day = pair(text, form.month), pair(text, form.day)
    at = 12 * year + np.clip(month, 1, 12)
    days = month_starts().take(at) - month_starts().take(at - 1)
    fits: Flags = (year > 0) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= days)
    return fits


def _is_near(text: Bytes) -> Flags:
    """Whether the rows begin with a year that a date in eight digits is likely to have."""
    year = pair(text, 0) * 100 + pair(text, 2)
    return (year >= 1800) & (year < 2200)


def _is_time(group: Group) -> Flags:
    """Whether the rows have a time of day; a leap second may be one."""
    at = group.form.time or 0
    fits = (pair(group.text, at) < 24) & (pair(group.text, at + 3) < 60)
    if group.form.seconds:
        fits &= pair(group.text, at + 6) <= 60
    return fits


# What PostgreSQL has beyond the years 1 to 9999

_ODD = re.compile(rb"([0-9]{4,7})(-[0-9]{2}-[0-9]{2}(?:[ T][0-9:.+-]+Z?)?)( BC)?")


@dataclass(frozen=True, slots=True)
class OddDate:
    """A date before Christ, one of more than four digits of the year, or infinity.

    `plain` is a date with the same calendar in the years 2000 to 2399, in which the year is `years`
    larger; for infinity it is any, and `endless` is set.
    """

    text: bytes
    plain: bytes
    years: int = 0
    endless: bool = False

    @classmethod
    def of(cls, text: bytes, kind: Kind) -> OddDate | None:
        if text in (b"infinity", b"-infinity"):
            time = b" 00:00:00" if kind is Kind.TIMESTAMP else b""
            return cls(text, b"2000-01-01" + time, endless=True)
        match = _ODD.fullmatch(text)
        if not match or int(match[1]) == 0 or (len(match[1]) > 4) is (match[3] is not None):
            return None
        year = 1 - int(match[1]) if match[3] else int(match[1])
        near = year % 400 + 2000
        return cls(text, b"%d%s" % (near, match[2]), near - year)

    def restored(self, plain: bytes) -> bytes | None:
        """`plain`, which is not far from that of this date, with the years taken off again.

        None where PostgreSQL has no such date, or the count of years ends between the two.
        """
        year = int(plain[:4]) - self.years
        most = 294_275 if len(plain) > len(b"2000-01-01") else 5_874_896
        if self.text.endswith(b" BC"):
            return b"%04d%s BC" % (1 - year, plain[4:]) if -4712 < year <= 0 else None
        return b"%04d%s" % (year, plain[4:]) if 0 < year <= most else None
