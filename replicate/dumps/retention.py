"""Which dumps a rule lets go. Pure functions of headers: nothing is deleted here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from replicate.dumps.records import Header
from replicate.errors import UsageError


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
