"""Which dumps a rule lets go."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicate.dumps import retention
from replicate.dumps.records import Header
from replicate.errors import UsageError
from tests.support.small_dump import TIME, small_manifest


def header(name: str, age: timedelta) -> Header:
    return small_manifest(name, "0" * 32, [], created_at=TIME - age).header


HEADERS = [header(f"d{hours}", timedelta(hours=hours)) for hours in (3, 30, 1, 24, 100)]


def names(headers: list[Header]) -> list[str]:
    return [header.name for header in headers]


def test_older_than_is_strict_and_newest_first() -> None:
    assert names(retention.older_than(HEADERS, timedelta(hours=24), TIME)) == ["d30", "d100"]
    assert names(retention.older_than(HEADERS, timedelta(), TIME + timedelta(1)))[0] == "d1"
    assert retention.older_than(HEADERS, timedelta(weeks=999_999), TIME) == []


def test_keep_last_keeps_the_newest() -> None:
    assert names(retention.keep_last(HEADERS, 2)) == ["d24", "d30", "d100"]
    assert retention.keep_last(HEADERS, 5) == retention.keep_last(HEADERS, 50) == []
    for count in (0, -1):
        with pytest.raises(UsageError):
            retention.keep_last(HEADERS, count)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), unique_by=lambda pair: pair[0]
    ),
    st.integers(1, 7),
)
def test_kept_and_let_go_are_all_dumps_and_none_let_go_is_newer(
    pairs: list[tuple[str, int]], count: int
) -> None:
    headers = [header(name, timedelta(days=days)) for name, days in pairs]
    gone = retention.keep_last(headers, count)
    kept = [h for h in headers if h not in gone]
    assert len(kept) == min(count, len(headers))

    def order(header: Header) -> tuple[datetime, str]:
        return header.created_at, header.name

    assert not gone or not kept or max(map(order, gone)) < min(map(order, kept))
