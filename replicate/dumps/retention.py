"""Which dumps a rule lets go. Pure functions of headers: nothing is deleted here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from replicate.dumps.records import Header
from replicate.errors import UsageError

_AGE = re.compile(r"([0-9]{1,6})([hdw])\Z", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_age(text: str) -> timedelta:
    """A length of time such as ``12h``, ``14d`` or ``2w``; ``0`` needs no unit.

    Raises `UsageError` for anything else. There are no months: they are not all of one length.
    """
    if text == "0":
        return timedelta()
    match = _AGE.match(text)
    if match is None:
        raise UsageError(
            f"{text[:40]!r} is not a length of time",
            hint="write a number of hours, days or weeks, such as 12h, 14d or 2w",
        )
    return int(match[1]) * _UNITS[match[2]]


def newest_first(headers: Iterable[Header]) -> list[Header]:
    """By time of creation; of two made at once the one whose name sorts last comes first."""
    return sorted(headers, key=lambda h: (h.created_at, h.name), reverse=True)


def older_than(headers: Iterable[Header], age: timedelta, now: datetime) -> list[Header]:
    """The dumps that were made more than `age` before `now`, newest first."""
    try:
        limit = now - age
    except OverflowError:
        return []
    return [header for header in newest_first(headers) if header.created_at < limit]


def keep_last(headers: Iterable[Header], count: int) -> list[Header]:
    """All dumps but the `count` newest, newest first. Raises `UsageError` unless `count` >= 1."""
    if count < 1:
        raise UsageError(
            f"at least one dump has to be kept, and not {count}",
            hint="to delete the last one too, delete it by name",
        )
    return newest_first(headers)[count:]
