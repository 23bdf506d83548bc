"""The transformers date-shift, date-noise and date-truncate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind, Limits
from replicate.transformers.base import Target
from replicate.transformers.registry import build
from tests.support.masking import KEYED, OTHER, RANDOM, apply, one

PERSON = Target(Kind.TEXT, columns={"person": Kind.INTEGER})
DAY = dt.timedelta(days=1)


def shifted(
    values: Sequence[bytes | None],
    people: Sequence[bytes | None],
    kind: Kind = Kind.TEXT,
    draw: Any = KEYED,
    **options: Any,
) -> list[bytes | None]:
    """What date-shift makes of dates in rows of `people`."""
    target = replace(PERSON, kind=kind)
    made = build("date-shift", {"by": "person", **options}, target=target, draw=draw)
    assert made.reads == {"person"}
    column = replace(Column.of(values, kind), beside={"person": Column.of(people)})
    answer = made.transform(column)
    pool = answer.pool.to_pylist()
    return [
        values[i] if place < 0 else pool[place] for i, place in enumerate(answer.index.tolist())
    ]


def parsed(value: bytes | None) -> dt.datetime:
    return dt.datetime.fromisoformat((value or b"").decode())


MOMENTS = st.datetimes(parsed(b"1900-01-01"), parsed(b"2100-01-01"))
EPOCH = parsed(b"1970-01-01")
FIRST, LAST = parsed(b"1950-01-01"), parsed(b"2025-12-31 23:59:59.999999")


@given(
    st.lists(st.tuples(MOMENTS, st.integers(1, 3)), min_size=1, max_size=12),
    st.sampled_from([b"", b".5", b".123456"]),
)
@settings(deadline=None, max_examples=50)
def test_dates_of_one_person_move_alike(
    rows: list[tuple[dt.datetime, int]], fraction: bytes
) -> None:
    values = [at.isoformat(" ", "seconds").encode() + fraction for at, _ in rows]
    people = [b"%d" % person for _, person in rows]
    distances: dict[bytes, dt.timedelta] = {}
    for value, person, new in zip(values, people, shifted(values, people, days=90), strict=True):
        distance = parsed(new) - parsed(value)
        assert distance == distances.setdefault(person, distance)
        assert distance % DAY == dt.timedelta(0)
        assert 1 <= abs(distance // DAY) <= 90
        assert (new or b"")[10:] == value[10:]


def test_all_forms_of_one_person_s_date_move_by_the_same_days() -> None:
    people: list[bytes | None] = [b"4711"] * 7
    forms: list[bytes | None] = [
        b"2001-09-09",
        b"2001-09-09T01:46:40Z",
        b"20010909",
        b"1000000000",
        b"1000000000000",
        b"2452161.574074",
        b"1000000000.25",
    ]
    date, stamp, day, seconds, milli, julian, real = (
        value or b"" for value in shifted(forms, people, days=500)
    )
    days = (parsed(date) - parsed(b"2001-09-09")).days
    assert 1 <= abs(days) <= 500
    assert stamp == date + b"T01:46:40Z"
    assert day == date.replace(b"-", b"")
    assert int(seconds) == 10**9 + 86_400 * days
    assert int(milli) == 10**12 + 86_400_000 * days
    assert julian == b"%d.574074" % (2_452_161 + days)
    assert real == b"%d.25" % (10**9 + 86_400 * days)


def test_distances_cover_their_range_and_never_are_nothing() -> None:
    people: list[bytes | None] = [b"%d" % i for i in range(3000)]
    outcome = shifted([b"2020-02-28"] * 3000, people, days=3)
    assert {(parsed(new) - parsed(b"2020-02-28")).days for new in outcome} == {-3, -2, -1, 1, 2, 3}
    other = shifted([b"2020-02-28"] * 3000, people, days=3, draw=OTHER)
    assert 300 < sum(a == b for a, b in zip(outcome, other, strict=True)) < 700


def test_rows_of_nobody_move_by_the_date_itself() -> None:
    values: list[bytes | None] = [b"1980-01-%02d" % i for i in range(1, 29)]
    outcome = shifted(values, [None] * 28, days=1000)
    assert outcome == apply("date-shift", values, days=1000)
    moved = {parsed(new) - parsed(old) for new, old in zip(outcome, values, strict=True)}
    assert len(moved) > 20


def test_times_of_day_move_if_they_shall() -> None:
    values: list[bytes | None] = [b"2020-01-01 00:00:00", b"2020-01-05 12:30:15", b"2020-01-05"]
    first, second, date = shifted(values, [b"1"] * 3, keep_time=False)
    assert parsed(second) - parsed(first) == dt.timedelta(days=4, hours=12, minutes=30, seconds=15)
    assert not (first or b"").endswith(b"00:00:00")
    assert (
        parsed(date) - parsed(b"2020-01-05")
        == (parsed(first) - parsed(b"2020-01-01 00:00:00")) // DAY * DAY
    )
    time = one("date-shift", b"07:45:00.25", keep_time=False)
    assert dt.time.fromisoformat(time.decode()) != dt.time(7, 45)
    assert time.endswith(b".25")


@pytest.mark.parametrize("name", ["date-shift", "date-noise"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"0001-01-01", Kind.TEXT),
        (b"9999-12-31", Kind.TEXT),
        (b"9999-12-31 23:59:59", Kind.TEXT),
        (b"0001", Kind.TEXT),
        (b"9999", Kind.INTEGER),
        (b"1000", Kind.INTEGER),
        (b"2147483647", Kind.INTEGER),
        (b"-2147483000", Kind.INTEGER),
        (b"9223372036854775807", Kind.INTEGER),
        (b"1721425.6", Kind.REAL),
        (b"5373484.25", Kind.REAL),
    ],
)
def test_at_the_ends_dates_move_the_other_way(name: str, value: bytes, kind: Kind) -> None:
    target = Target(kind, Limits(bits=32 if kind is Kind.INTEGER and len(value) < 15 else None))
    options: dict[str, Any] = {"days": 9} if name == "date-shift" else {"within": "9d"}
    for _ in range(20):
        new = apply(name, [value], kind, RANDOM, target=target, **options)[0] or b""
        assert new != value
        if b":" in value or value.count(b"-") == 2:
            assert dt.timedelta(0) < abs(parsed(new) - parsed(value)) <= 9 * DAY
        elif kind is Kind.INTEGER and len(value) > 4:
            bits = target.limits.bits or 64
            assert -(2 ** (bits - 1)) <= int(new) < 2 ** (bits - 1)
        elif kind is Kind.REAL:
            assert 1_721_425.5 <= float(new) < 5_373_484.5
            assert abs(float(new) - float(value)) <= 9.01
        else:
            assert abs(int(new) - int(value)) == 1
            assert len(new) == 4


@pytest.mark.parametrize(
    ("value", "within", "unit"),
    [
        (b"2020-02-28", "2d", dt.timedelta(days=1)),
        (b"2020-02-28 23:59", "2m", dt.timedelta(minutes=1)),
        (b"2020-02-28 23:59:59.75+01", "2s", dt.timedelta(seconds=1)),
    ],
)
def test_noise_is_symmetric_in_units_of_what_is_written(
    value: bytes, within: str, unit: dt.timedelta
) -> None:
    seen = [
        (parsed(new) - parsed(value)) / unit
        for new in apply("date-noise", [value] * 4000, draw=RANDOM, within=within)
    ]
    assert set(seen) == {-2, -1, 1, 2}
    assert abs(sum(seen)) < 600


@given(MOMENTS, st.integers(1, 10**6))
@settings(deadline=None, max_examples=60)
def test_noise_stays_within_its_bounds(moment: dt.datetime, seconds: int) -> None:
    value = moment.isoformat(" ", "milliseconds").encode()
    new = one("date-noise", value, within=f"{seconds}s")
    assert dt.timedelta(0) < abs(parsed(new) - parsed(value)) <= dt.timedelta(seconds=seconds)
    assert new[19:] == value[19:]
    stamp = b"%d" % (moment - EPOCH).total_seconds()
    if len(stamp) > 8:
        assert 0 < abs(int(one("date-noise", stamp, within=f"{seconds}s")) - int(stamp)) <= seconds


@pytest.mark.parametrize(
    ("name", "value", "options"),
    [
        ("date-shift", b"07:45:00", {}),
        ("date-noise", b"2020-01-01", {"within": "5h"}),
        ("date-noise", b"07:45", {"within": "59s"}),
        ("date-shift", b"Secret", {}),
        ("date-noise", b"2023-02-29", {"within": "1d"}),
        ("date-truncate", b"infinity", {"to": "year"}),
        ("date-truncate", b"2020-01-01\0", {"to": "year"}),
        ("date-shift", b"9223372036854775808", {}),
        ("date-truncate", b"2020-01-01 10:00:00 " + b"x" * 10**6, {"to": "year"}),
    ],
)
def test_what_cannot_be_moved_is_an_error(name: str, value: bytes, options: Any) -> None:
    with pytest.raises(TransformError) as caught:
        apply(name, [None, b"2020-01-01 12:00:00", b"", value], **options)
    assert caught.value.row == 3
    assert value not in str(caught.value).encode()
    assert caught.value.hint


def test_what_does_not_fit_is_refused_before() -> None:
    refused: list[tuple[str, Kind, dict[str, Any]]] = [
        ("date-noise", Kind.DATE, {"within": "12h"}),
        ("date-truncate", Kind.DATE, {"to": "day"}),
        ("date-shift", Kind.TEXT, {"by": "nobody"}),
        ("date-shift", Kind.TIME, {}),
        ("date-noise", Kind.TEXT, {"within": "36501d"}),
        ("date-noise", Kind.TEXT, {"within": "0d"}),
        ("date-noise", Kind.TEXT, {"within": "a week"}),
        ("date-shift", Kind.TEXT, {"days": 0}),
    ]
    for name, kind, options in refused:
        with pytest.raises(UsageError):
            build(name, options, target=Target(kind), draw=KEYED)
    with pytest.raises(UsageError, match="same in every run"):
        build("date-shift", {"by": "person"}, target=PERSON, draw=RANDOM)


def test_a_small_integer_holds_years_alone() -> None:
    target = Target(Kind.INTEGER, Limits(bits=16))
    assert apply("date-shift", [b"1984"], Kind.INTEGER, target=target)[0] in (b"1983", b"1985")
    for name in ("date-shift", "random-date"):
        with pytest.raises(TransformError):
            apply(name, [b"32000"], Kind.INTEGER, target=target)
    wide = Target(Kind.INTEGER, Limits(bits=32))
    far = apply("random-date", [b"1700000000"], target=wide, min="2200-01-01", max="2300-01-01")[0]
    assert int(far or b"") < 2**31


# Beyond the years of four digits


@pytest.mark.parametrize("kind", [Kind.DATE, Kind.TIMESTAMP])
def test_infinity_stays_unless_a_random_date_replaces_it(kind: Kind) -> None:
    values: list[bytes | None] = [b"infinity", b"2020-05-05", b"-infinity", None]
    keeping: list[tuple[str, dict[str, Any]]] = [
        ("date-shift", {"days": 5}),
        ("date-noise", {"within": "5d"}),
        ("date-truncate", {"to": "year"}),
    ]
    for name, options in keeping:
        outcome = apply(name, values, kind, **options)
        assert outcome[0::2] == [b"infinity", b"-infinity"]
        assert outcome[1] != b"2020-05-05"
    for new in apply("random-date", values, kind)[:3]:
        assert FIRST <= parsed(new) <= LAST


def test_dates_before_christ_and_of_long_years() -> None:
    values: list[bytes | None] = [
        b"0044-03-15 BC",
        b"12024-02-29",
        b"0001-02-03 04:05:06.5+00 BC",
        b"294000-12-31 23:59:59",
        b"1890-01-01 00:00:00.123456+00:53:28 BC",
        b"1890-01-01 00:00:00.123456+00:53:28",
    ]
    assert apply("date-truncate", values, Kind.TIMESTAMP, to="month") == [
        b"0044-03-01 BC",
        b"12024-02-01",
        b"0001-02-01 00:00:00.0+00 BC",
        b"294000-12-01 00:00:00",
        b"1890-01-01 00:00:00.000000+00:53:28 BC",
        b"1890-01-01 00:00:00.000000+00:53:28",
    ]
    # Of the Gregorian calendar carried back: the year 1 BC is leap, and 31 December is its last.
    near = shifted([b"0001-12-20 BC", b"0001-12-25 BC"], [b"1"] * 2, Kind.DATE, days=5)
    days = [int((value or b"")[8:10]) for value in near]
    assert days[1] - days[0] in (5, -26, -25)
    for new in apply("date-shift", values, Kind.TIMESTAMP, days=20):
        assert new not in values
    drawn = apply("random-date", values, Kind.TIMESTAMP)
    for new, old in zip(drawn, values, strict=True):
        assert FIRST <= parsed(new).replace(tzinfo=None) <= LAST
        assert (b"+00:53:28" in (new or b"")) is (b"+00:53:28" in (old or b""))


@pytest.mark.parametrize(
    "value", [b"0000-01-01 BC", b"12024-02-30", b"12024-02-29 BC", b"infinite", b"99999-01"]
)
def test_what_no_calendar_has_is_refused(value: bytes) -> None:
    for name in ("random-date", "date-shift"):
        with pytest.raises(TransformError) as caught:
            apply(name, [b"2020-01-01", value], Kind.DATE)
        assert caught.value.row == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("random-date", {}),
        ("date-shift", {}),
        ("date-noise", {"within": "30d"}),
        ("date-truncate", {"to": "month"}),
    ],
)
@given(st.sampled_from(["", "-"]), st.from_regex(r"[0-9]{1,12}\.[0-9]{1,8}", fullmatch=True))
@example("", "0.000")
@example("-", "0.1")
@example("", "999999999.99999999")
@example("", "9999999999.99999999")
@example("-", "9999999999.99999999")
@settings(deadline=None, max_examples=100)
def test_a_decimal_number_fits_its_column_or_is_refused(
    name: str, options: dict[str, Any], sign: str, unsigned: str
) -> None:
    whole, fraction = unsigned.split(".")
    target = Target(Kind.NUMERIC, Limits(precision=len(whole) + len(fraction), scale=len(fraction)))
    value = f"{sign}{int(whole)}.{fraction}".encode()
    try:
        (new,) = apply(name, [value], Kind.NUMERIC, target=target, **options)
    except TransformError:
        # There is no room for years. A month begins before it, and may do so where nothing fits.
        assert len(whole) < 8 or (name == "date-truncate" and sign)
        return
    assert abs(float(new or b"")) < 10 ** len(whole)
    assert len((new or b"").partition(b".")[2]) == len(fraction)


# Parts


@given(st.datetimes(), st.sampled_from(["year", "month", "day", "hour"]))
@example(EPOCH.replace(year=1969), "year")
@settings(deadline=None, max_examples=100)
def test_parts_below_are_dropped(moment: dt.datetime, to: str) -> None:
    coarse = moment.replace(minute=0, second=0, microsecond=0)
    coarse = coarse if to == "hour" else coarse.replace(hour=0)
    coarse = coarse if to in ("hour", "day") else coarse.replace(day=1)
    coarse = coarse.replace(month=1) if to == "year" else coarse
    for form in (" ", "T"):
        value = moment.isoformat(form, "microseconds").encode()
        expected = coarse.isoformat(form, "microseconds").encode()
        assert one("date-truncate", value + b"+02", to=to) == expected + b"+02"
    seconds = (moment - EPOCH) // dt.timedelta(seconds=1)
    if not 9 <= len(str(seconds)) <= 11:
        return
    expected_seconds = (coarse - EPOCH) // dt.timedelta(seconds=1)
    assert int(one("date-truncate", b"%d" % seconds, Kind.INTEGER, to=to)) == expected_seconds
    real = one("date-truncate", b"%.2f" % (seconds + 0.5), Kind.REAL, to=to)
    if not 1_721_425 <= seconds < 5_373_485:
        assert real == b"%d.00" % expected_seconds


@pytest.mark.parametrize(
    ("value", "to", "expected"),
    [
        (b"19840229", "month", b"19840201"),
        (b"19840229", "hour", b"19840229"),
        (b"1984", "year", b"1984"),
        (b"07:45:30", "hour", b"07:00:00"),
        (b"07:45", "month", b"00:00"),
        (b"2020-06-30 23:59:60", "hour", b"2020-06-30 23:00:00"),
        (b"2451545.75", "day", b"2451545.50"),
        (b"2451545.75", "year", b"2451544.50"),
        (b"2451545.916667", "hour", b"2451545.916667"),
        (b"-1", "day", b"-86400"),
        (b"1.7e9", "year", b"1672531200.0"),
    ],
)
def test_parts_of_other_forms(value: bytes, to: str, expected: bytes) -> None:
    assert one("date-truncate", value, to=to) == expected


def test_a_million_dates_keep_their_order() -> None:
    start = np.datetime64("1900-01-01T00:00:00")
    moments = start + np.arange(1_000_000) * np.timedelta64(4321, "s")
    text = np.char.encode(np.datetime_as_string(moments)).view("S19")
    values: list[bytes | None] = text.tolist()
    new = np.array(shifted(values, [b"7"] * 1_000_000, days=200), "M8[s]")
    moved = new - moments.astype("M8[s]")
    assert (moved == moved[0]).all()
    assert moved[0] != np.timedelta64(0, "s")
