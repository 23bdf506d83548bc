"""The transformer random-date."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError
from replicate.rows.column import Kind
from tests.support.masking import (
    DATES,
    RANDOM,
    apply,
    one,
)

# Dates


@given(st.lists(DATES, min_size=1, max_size=20), st.sampled_from([Kind.TEXT, Kind.TIMESTAMP]))
@settings(deadline=None)
def test_dates_stay_valid_and_keep_their_shape(values: list[bytes], kind: Kind) -> None:
    for value, new in zip(values, apply("random-date", values, kind), strict=True):
        assert new is not None
        if re.fullmatch(rb"-?[0-9]+", value):
            assert re.fullmatch(rb"-?[0-9]+", new)
            continue
        if re.fullmatch(rb"[0-9]+\.[0-9]+", value):
            assert len(new.split(b".")[1]) == 3
            continue
        assert re.sub(rb"\d(?=.*[Z+]|.*\d$|$)", b"0", new) == re.sub(
            rb"\d(?=.*[Z+]|.*\d$|$)", b"0", value
        )
        if b"-" not in value[:8]:
            dt.time.fromisoformat(new.decode())
            continue
        text = new.decode().replace("Z", "+00:00")
        date = dt.datetime.fromisoformat(text).date()
        assert dt.date(1950, 1, 1) <= date <= dt.date(2025, 12, 31)
        zone = re.search(rb"(Z|[+-]\d\d(:\d\d)?)$", value[10:])
        if zone:
            assert new.endswith(zone[0])


def test_dates_cover_their_range_and_no_more() -> None:
    values: list[bytes | None] = [b"2020-02-%02d" % (i % 29 + 1) for i in range(3000)]
    outcome = apply("random-date", values, draw=RANDOM, min="2024-02-27", max=dt.date(2024, 3, 1))
    assert set(outcome) == {b"2024-02-27", b"2024-02-28", b"2024-02-29", b"2024-03-01"}
    assert apply("random-date", [b"1999-01-01"], min="0001-01-01", max="0001-01-01") == [
        b"0001-01-01"
    ]
    ends = apply("random-date", values, draw=RANDOM, min="9999-12-31", max="9999-12-31")
    assert set(ends) == {b"9999-12-31"}


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (b"1700000000", 1),
        (b"-86400", 1),
        (b"1700000000123", 10**3),
        (b"1700000000123456", 10**6),
        (b"1700000000123456789", 10**9),
    ],
)
def test_numbers_of_seconds_keep_their_unit(value: bytes, unit: int) -> None:
    options: dict[str, Any] = {"min": "2010-01-01", "max": "2010-12-31"}
    new = int(one("random-date", value, Kind.INTEGER, **options))
    moment = dt.datetime.fromtimestamp(new // unit, dt.UTC)
    assert moment.year == 2010
    far = int(one("random-date", value, Kind.INTEGER, min="9000-01-01", max="9999-12-31"))
    assert -(2**63) <= far < 2**63


def test_dates_in_eight_digits_years_and_julian_days() -> None:
    options: dict[str, Any] = {"min": "2010-01-01", "max": "2010-12-31"}
    assert one("random-date", b"19991231", Kind.INTEGER, **options).startswith(b"2010")
    assert one("random-date", b"1984", Kind.INTEGER, **options) == b"2010"
    assert len(one("random-date", b"99991399", Kind.INTEGER, **options)) == 10
    julian = float(one("random-date", b"2451545.25", Kind.REAL, **options))
    assert 2_455_197.5 <= julian < 2_455_562.5
    seconds = float(one("random-date", b"946684800.5", Kind.REAL, **options))
    assert 1_262_304_000 <= seconds < 1_293_840_000


@pytest.mark.parametrize(
    "value",
    [
        b"2023-02-29",
        b"2023-13-01",
        b"2023-00-10",
        b"2023-01-00",
        b"2023-04-31",
        b"1900-02-29",
        b"0000-01-01",
        b"Secret",
        b"2020-1-1",
        b"2020-01-01 24:00",
        b"2020-01-01 10:60:00",
        b"2020-01-01 10:00:61",
        b"2020-01-01\0",
        b"2020-01-01 ",
        b" 2020-01-01",
        b"infinity",
        b"+5",
        b"2020-01-01 10:00:00.1234567890",
        b"2020-01-01 10:00:00 in the morning of a day",
        b"2020-01-01x10:00",
        b"10:00 2020-01-01",
        "\uff12020-01-01".encode(),
        b"1" * 20,
    ],
)
def test_what_is_no_date_is_an_error_that_names_no_value(value: bytes) -> None:
    for values in ([value], [b"2020-01-01", None, b"", value]):
        with pytest.raises(TransformError) as caught:
            apply("random-date", values)
        assert value.strip() not in str(caught.value).encode()
        assert caught.value.hint


def test_the_calendar_is_right() -> None:
    day = dt.date(1996, 1, 1)
    values: list[bytes | None] = [
        (day + dt.timedelta(i)).isoformat().encode() for i in range(366 * 5)
    ]
    for new in apply("random-date", values, min="1896-01-01", max="1904-12-31"):
        dt.date.fromisoformat((new or b"").decode())
