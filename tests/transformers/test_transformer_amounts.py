"""The transformers number-noise, number-range and number-round."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind, Limits
from replicate.transformers.base import Target
from replicate.transformers.numbers.decimal_text import Exact, read, written
from replicate.transformers.registry import build
from tests.support.masking import KEYED, OTHER, RANDOM, apply, one

EXACT = Context(prec=200)
NUMBERS = st.one_of(
    st.integers(-(10**18), 10**18).map(lambda n: b"%d" % n),
    st.integers(-(10**30), 10**30).map(lambda n: b"%d" % n),
    st.decimals(-(10**9), 10**9, places=2).map(lambda d: str(d).encode()),
    st.decimals(-10, 10, places=15).map(lambda d: f"{d:f}".encode()),
    st.from_regex(rb"-?[0-9]{1,12}(\.[0-9]{1,12})?", fullmatch=True),
    st.from_regex(rb"-?[0-9]{15,25}\.[0-9]{1,12}", fullmatch=True),
    st.from_regex(rb"\.[0-9]{1,18}", fullmatch=True),
)


def places_of(value: bytes) -> int:
    return len(value.partition(b".")[2])


# Text


@given(st.lists(NUMBERS, min_size=1, max_size=30))
@settings(deadline=None)
def test_numbers_are_written_as_they_were_read(values: list[bytes]) -> None:
    numbers, others = read(Column.of(values))
    pool, index = written(numbers.amount, numbers.places, numbers.negative, numbers.whole)
    made = pool.to_pylist()
    found: dict[int, bytes] = {
        row: made[place] or b""
        for row, place in zip(numbers.rows.tolist(), index.tolist(), strict=True)
    }
    for row in others.tolist():
        exact = Exact.of(values[row])
        assert exact is not None
        found[row] = exact.text()
        assert len(re.sub(rb"\D", b"", values[row])) > 18
    for row, value in enumerate(values):
        assert Decimal(found[row].decode()) == Decimal(value.decode())
        assert places_of(found[row]) == places_of(value)
        if row not in others.tolist() and Decimal(value.decode()) != 0:
            assert found[row] == value


# Noise


@given(st.lists(NUMBERS, min_size=1, max_size=15), st.sampled_from(["0.5", "10", "99.9", "100"]))
@settings(deadline=None)
def test_noise_stays_within_a_percentage(values: list[bytes], percent: str) -> None:
    for draw in (KEYED, RANDOM):
        new_values = apply("number-noise", values, Kind.NUMERIC, draw, percent=percent)
        for value, new in zip(values, new_values, strict=True):
            assert new is not None
            old, moved = Decimal(value.decode()), Decimal(new.decode())
            assert places_of(new) == places_of(value)
            unit = Decimal(1).scaleb(-places_of(value))
            most = max(abs(old) * Decimal(percent) / 100, unit)
            distance = EXACT.abs(EXACT.subtract(moved, old))
            assert distance <= most
            assert (distance == 0) is (old == 0)
            assert moved * old >= 0


@given(st.lists(NUMBERS, min_size=1, max_size=15), st.booleans())
@settings(deadline=None)
def test_noise_stays_within_an_absolute_distance(values: list[bytes], crosses: bool) -> None:
    options: dict[str, Any] = {"absolute": 50, "cross_zero": crosses}
    for value, new in zip(
        values, apply("number-noise", values, Kind.NUMERIC, **options), strict=True
    ):
        old, moved = Decimal(value.decode()), Decimal((new or b"").decode())
        distance = EXACT.abs(EXACT.subtract(moved, old))
        assert distance <= 50
        assert places_of(new or b"") == places_of(value)
        if crosses or old != 0:
            assert distance > 0
        if not crosses:
            assert moved * old >= 0


def test_sums_stay_close() -> None:
    random = np.random.default_rng(7)
    cents = np.unique(random.lognormal(8, 1, 40_000).astype(np.int64))
    values: list[bytes | None] = [b"%d.%02d" % divmod(n, 100) for n in cents.tolist()]
    several: list[dict[str, Any]] = [{"percent": 20}, {"absolute": 10}]
    several.append({"absolute": 5, "cross_zero": True})
    for options in several:
        made = apply("number-noise", values, **options)
        outcome = np.array([float(value or b"") for value in made])
        assert abs(outcome.sum() / (cents.sum() / 100) - 1) < 0.01
        assert (outcome != cents / 100).all()
    other = apply("number-noise", values, draw=OTHER, percent=20)
    assert sum(a == b for a, b in zip(other, values, strict=True)) == 0


def test_small_numbers_move_by_one_either_way() -> None:
    for value, expected in [(b"3", {b"2", b"4"}), (b"-1", {b"0", b"-2"}), (b"0", {b"0"})]:
        outcome = apply("number-noise", [value] * 200, Kind.INTEGER, RANDOM, percent=10)
        assert set(outcome) == expected
    outcome = apply("number-noise", [b"0"] * 400, draw=RANDOM, absolute=2, cross_zero=True)
    assert set(outcome) == {b"-2", b"-1", b"1", b"2"}


@pytest.mark.parametrize(
    ("target", "value", "most"),
    [
        (Target(Kind.INTEGER, Limits(bits=16)), b"32767", 2**15 - 1),
        (Target(Kind.INTEGER, Limits(bits=32)), b"-2147483648", 2**31),
        (Target(Kind.INTEGER), b"9223372036854775807", 2**63 - 1),
        (Target(Kind.INTEGER), b"-9223372036854775808", 2**63),
        (Target(Kind.NUMERIC, Limits(precision=5, scale=2)), b"999.99", 999.99),
        (Target(Kind.NUMERIC, Limits(precision=25, scale=0)), b"9" * 25, 10**25 - 1),
        (Target(Kind.TEXT, Limits(max_chars=3)), b"999", 999),
        (Target(Kind.TEXT, Limits(max_chars=4)), b"-9.9", 9.9),
        (Target(Kind.TEXT, Limits(max_chars=3)), b".99", 0.99),
        (Target(Kind.REAL), b"1.7976931348623157e+308", 1.7976931348623157e308),
    ],
)
def test_what_would_get_too_large_goes_the_other_way(
    target: Target, value: bytes, most: float
) -> None:
    several: list[dict[str, Any]] = [{"percent": 30}]
    if target.kind is not Kind.REAL:
        several.append({"absolute": 3, "cross_zero": True})
    for options in several:
        for new in apply("number-noise", [value] * 50, draw=RANDOM, target=target, **options):
            assert new is not None
            assert new != value
            assert abs(Decimal(new.decode())) <= Decimal(str(most))
            assert target.limits.max_chars is None or len(new) <= target.limits.max_chars


def test_exponents_nan_and_infinity() -> None:
    for value in (b"1e+150", b"-2.5e-07", b"1.7976931348623157e+308"):
        for new in apply("number-noise", [value] * 20, Kind.REAL, RANDOM, percent=5):
            assert new != value
            assert (new or b"").endswith(value[value.index(b"e") :])
            assert 0.949 < float(new or b"") / float(value) < 1.051
    for value in (b"NaN", b"Infinity", b"-inf"):
        assert one("number-noise", value, Kind.REAL, percent=5) == value
        assert one("number-round", value, Kind.REAL, to=5) == value


# Rounding


@given(
    st.lists(NUMBERS, min_size=1, max_size=15),
    st.sampled_from(["10", "1000", "0.05", "0.25", "3", "7.5", "1", "0.001", "999999999"]),
)
@settings(deadline=None)
@example([b"249999999999999994", b"1", b"-249999999999999994"], "7.5")
@example([b"999999999.999999999", b"0.499999999", b"-.5"], "999999999")
def test_rounding_is_exact(values: list[bytes], step: str) -> None:
    width = Decimal(step)
    for value, new in zip(
        values, apply("number-round", values, Kind.NUMERIC, to=step), strict=True
    ):
        old = Decimal(value.decode())
        times = EXACT.divide(old, width).quantize(Decimal(1), ROUND_HALF_EVEN, EXACT)
        exact_times = _half_even(old, width)
        assert Decimal((new or b"").decode()) == EXACT.multiply(Decimal(exact_times), width)
        assert abs(exact_times - int(times)) <= 1
        assert places_of(new or b"") <= max(places_of(step.encode()), 0)
        assert new != b"-0"


def _half_even(old: Decimal, step: Decimal) -> int:
    """The nearest multiple, by whole numbers."""
    scale = Decimal(10) ** 40
    number, width = int(EXACT.multiply(old, scale)), int(EXACT.multiply(step, scale))
    low = number // width
    twice = 2 * (number - low * width)
    return low + (twice > width or (twice == width and low % 2 == 1))


@pytest.mark.parametrize(
    ("value", "options", "expected"),
    [
        (b"25", {"to": 10}, b"20"),
        (b"35", {"to": 10}, b"40"),
        (b"-15", {"to": 10}, b"-20"),
        (b"-4", {"to": 10}, b"0"),
        (b"2.675", {"places": 2}, b"2.68"),
        (b"2.665", {"places": 2}, b"2.66"),
        (b"48.137154", {"places": 1}, b"48.1"),
        (b"7", {"places": 2}, b"7"),
        (b"7", {"to": "0.3"}, b"6.9"),
        (b"123.45", {"to": 100}, b"100"),
        (b"1.5e3", {"to": 1000}, b"2000"),
        (b"4.9e-300", {"to": 10}, b"0"),
        (b"9" * 40, {"to": 10}, b"1" + b"0" * 40),
    ],
)
def test_rounding_of_some(value: bytes, options: Any, expected: bytes) -> None:
    assert one("number-round", value, **options) == expected


def test_rounding_up_never_leaves_the_column() -> None:
    for target, value, step, expected in [
        (Target(Kind.INTEGER, Limits(bits=16)), b"32767", 10, b"32760"),
        (Target(Kind.INTEGER), b"9223372036854775807", 1000, b"9223372036854775000"),
        (Target(Kind.NUMERIC, Limits(precision=4, scale=2)), b"99.99", 1, b"99"),
        (Target(Kind.TEXT, Limits(max_chars=2)), b"99", 10, b"90"),
    ]:
        assert apply("number-round", [value], target=target, to=step) == [expected]


# Ranges


def test_ranges_are_covered_and_no_more() -> None:
    values: list[bytes | None] = [b"%d" % i for i in range(4000)]
    outcome = apply("number-range", values, Kind.INTEGER, min=-2, max=2)
    assert set(outcome) == {b"-2", b"-1", b"0", b"1", b"2"}
    assert min(outcome.count(value) for value in set(outcome)) > 600
    tenths = apply("number-range", [b"4.5"] * 900, draw=RANDOM, min="0.25", max="0.6")
    assert set(tenths) == {b"0.3", b"0.4", b"0.5", b"0.6"}
    wide = apply("number-range", values, min=0, max=10**18)
    assert len(set(wide)) == 4000
    assert len({len(value or b"") for value in wide}) > 1


@pytest.mark.parametrize(
    ("value", "options", "form"),
    [
        (b"1.50", {}, rb"\d\.\d\d"),
        (b"17", {}, rb"\d"),
        (b"17", {"places": 3}, rb"\d\.\d{3}"),
        (b"no number", {}, rb"\d"),
        (b"NaN", {}, rb"\d"),
        (b"1.5e10", {}, rb"\d\.\d"),
        ("Zoë".encode() * 300_000, {}, rb"\d"),
        (b"-0." + b"1" * 40, {}, rb"\d\.\d{17,18}"),
        (b"1", {"min": "0.1", "max": "0.8"}, rb"0\.\d"),
    ],
)
def test_ranges_replace_whatever_comes(value: bytes, options: Any, form: bytes) -> None:
    chosen = {"min": 0, "max": 9} | options
    assert re.fullmatch(form, one("number-range", value, **chosen))


# What doesn't fit


@pytest.mark.parametrize("name", ["number-noise", "number-round"])
@pytest.mark.parametrize(
    "value",
    [b"abc", b"1,5", b"1 000", b"0x10", b"--1", b"1e", b".", b"1\0", b"\xff", b"1" * 10**6],
)
def test_what_is_no_number_is_an_error(name: str, value: bytes) -> None:
    options: dict[str, Any] = {"percent": 5} if name == "number-noise" else {"to": 10}
    with pytest.raises(TransformError) as caught:
        apply(name, [b"12", None, value, b""], **options)
    assert caught.value.row == 2
    assert value == b"." or value not in str(caught.value).encode()
    assert caught.value.hint


def test_what_does_not_fit_its_column_is_an_error() -> None:
    small = Target(Kind.INTEGER, Limits(bits=16))
    several: list[tuple[str, dict[str, Any]]] = [("number-noise", {"percent": 5})]
    several.append(("number-round", {"to": 10}))
    for name, options in several:
        with pytest.raises(TransformError) as caught:
            apply(name, [b"5", b"99999"], target=small, **options)
        assert caught.value.row == 1
    with pytest.raises(TransformError):
        apply("number-noise", [b"5"], absolute="0.5")


@pytest.mark.parametrize(
    ("name", "target", "options"),
    [
        ("number-noise", Target(Kind.TEXT), {}),
        ("number-noise", Target(Kind.TEXT), {"percent": 5, "absolute": 5}),
        ("number-noise", Target(Kind.TEXT), {"percent": 5, "cross_zero": True}),
        ("number-noise", Target(Kind.TEXT), {"percent": 101}),
        ("number-noise", Target(Kind.INTEGER), {"absolute": "0.5"}),
        ("number-noise", Target(Kind.INTEGER, Limits(bits=16)), {"absolute": 40_000}),
        ("number-round", Target(Kind.TEXT), {}),
        ("number-round", Target(Kind.TEXT), {"to": 0}),
        ("number-round", Target(Kind.INTEGER), {"to": "0.5"}),
        ("number-round", Target(Kind.INTEGER), {"to": 1}),
        ("number-round", Target(Kind.NUMERIC, Limits(precision=9, scale=2)), {"places": 2}),
        ("number-range", Target(Kind.TEXT), {"min": 2, "max": 1}),
        ("number-range", Target(Kind.INTEGER, Limits(bits=16)), {"min": 0, "max": 32_768}),
        ("number-range", Target(Kind.INTEGER), {"min": "0.1", "max": "0.9"}),
        ("number-range", Target(Kind.INTEGER), {"min": 0, "max": 9, "places": 1}),
        ("number-range", Target(Kind.NUMERIC, Limits(precision=3, scale=2)), {"min": 0, "max": 10}),
        ("number-range", Target(Kind.TEXT, Limits(max_chars=2)), {"min": -10, "max": 9}),
    ],
)
def test_what_cannot_fit_is_refused_before(name: str, target: Target, options: Any) -> None:
    with pytest.raises(UsageError):
        build(name, options, target=target, draw=KEYED)


@pytest.mark.parametrize("name", ["number-noise", "number-range", "number-round", "date-noise"])
def test_a_block_without_values_stays_as_it_is(name: str) -> None:
    for values in ([], [None], [b"", None]):
        assert apply(name, values) == values
