"""What the transformers of dates share: values come in by form, and go out in the same form."""

from __future__ import annotations

import abc
import math
from dataclasses import replace
from typing import cast

import numpy as np
import pyarrow as pa

from replicate.errors import TransformError
from replicate.rows.arrays import strings
from replicate.rows.column import Column, Replacement
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Assembly, Index, Integers, padded
from replicate.transformers.dates.date_text import Group, OddDate, Rows, no_date, read
from replicate.transformers.rule import NUMBERS, Rule

_DIGITS_OF_REALS = 300  # in front of the point, and they can't be told from infinity


class DateRule(Rule):
    """A transformer of dates and times. Subclasses define `_replaced` for values of one form."""

    refuses = "what is written as no date or time"

    def transform(self, column: Column) -> Replacement:
        seeds = self._seeds(column)
        result = Assembly(column)
        groups, odd = read(column, self.name)
        for group in groups:
            whole = len(group.rows) == len(column)
            drawn = seeds if whole else seeds[group.rows]
            result.put(None if whole else group.rows, *self._replaced(group, drawn))
        if odd.size:
            self._put_odd(column, odd, seeds[odd], result)
        return result.replacement()

    def _seeds(self, column: Column) -> Bytes:
        """What each row is drawn from: uint8 (rows, 16)."""
        return self.draw(column)

    @abc.abstractmethod
    def _replaced(self, group: Group, seeds: Bytes) -> tuple[pa.BinaryArray, Index]:
        """A pool, and which of it each row of the group becomes."""

    def _put_odd(self, column: Column, rows: Rows, seeds: Bytes, result: Assembly) -> None:
        """The same, one by one, by way of ordinary dates that the calendar repeats as."""
        odd: list[OddDate] = []
        for row, value in zip(rows.tolist(), column.take(rows).values(), strict=True):
            if (found := OddDate.of(value or b"", column.kind)) is None:
                raise no_date(row, self.name)
            odd.append(found)
        plain = Column.of([each.plain for each in odd], column.kind)
        try:
            groups, unread = read(plain, self.name)
        except TransformError as error:
            raise no_date(int(rows[error.row or 0]), self.name) from error
        if unread.size:
            raise no_date(int(rows[unread[0]]), self.name)
        values = [b""] * len(odd)
        for group in groups:
            pool, index = self._replaced(replace(group, rows=rows[group.rows]), seeds[group.rows])
            made = pool.to_pylist()
            for at, place in zip(group.rows.tolist(), index.tolist(), strict=True):
                value = self._odd(odd[at], made[place] or b"")
                if value is None:
                    raise no_date(int(rows[at]), self.name)
                values[at] = value
        result.put(rows, strings(values), np.arange(len(values), dtype=np.int32))

    def _odd(self, old: OddDate, new: bytes) -> bytes | None:
        """What becomes of an odd date, of which the plain one became `new`."""
        return old.text if old.endless else old.restored(new)


def integer_limit(rule: Rule) -> int:
    """The largest integer, of 64 bits at most, that the column of `rule` holds."""
    target = rule.target
    most: int = 2 ** ((target.limits.bits or 64) - 1) - 1
    if rule.kind in NUMBERS and target.limits.precision is not None:
        most = min(most, 10 ** max(target.limits.precision - (target.limits.scale or 0), 0) - 1)
    return most


def real_limit(rule: Rule) -> float:
    """What reals in the column of `rule` stay below, whatever their sign; infinity if any fits."""
    target = rule.target
    if rule.kind not in NUMBERS or target.limits.precision is None:
        return math.inf
    digits = max(target.limits.precision - (target.limits.scale or 0), 0)
    return float(10**digits) if digits < _DIGITS_OF_REALS else math.inf


def same_length(text: Bytes, size: int) -> tuple[pa.BinaryArray, Index]:
    """A pool of the first `size` bytes of each row of `text`."""
    return padded(text, np.full(len(text), size))


def integers(numbers: Integers) -> tuple[pa.BinaryArray, Index]:
    """A pool of numbers, one a row."""
    pool = cast(pa.BinaryArray, pa.array(numbers).cast(pa.string()).cast(pa.binary()))
    return pool, np.arange(len(numbers), dtype=np.int32)
