"""Telephone numbers: forms, country codes, and those that stay distinct."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Kind, Limits
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.registry import build
from tests.support.masking import KEYED, OTHER, RANDOM, apply, one

NAME = "phone-number"
UNIQUE = Target(Kind.TEXT, unique=True)

PHONES = st.from_regex(r"[+]?[0-9 ()./x-]{0,15}[0-9][0-9 ()./x-]{0,15}", fullmatch=True).map(
    str.encode
)


def shape(value: bytes) -> bytes:
    return re.sub(rb"[0-9]", b"0", value)


# Forms


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (b"+1-202-418-1440", rb"\+1\d{10}"),
        (b"+49 (30) 1234-5678", rb"\+49\d{10}"),
        (b"+353 1 234 5678", rb"\+353\d{8}"),
        (b"+12024181440", rb"\+1\d{10}"),
        (b"+1 202 418 1440 x123456", rb"\+1\d{14}"),
        (b"030 1234567", rb"\+1555\d{7}"),
        (b"unknown", rb"\+1555\d{7}"),
        (b"+493", rb"\+1555\d{7}"),
        (b"5", rb"\+1555\d{7}"),
    ],
)
def test_e164(value: bytes, form: bytes) -> None:
    for draw in (KEYED, RANDOM):
        assert re.fullmatch(form, apply(NAME, [value], draw=draw, form="e164")[0] or b"")


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (b"+1-202-418-1440", rb"\d{3}-\d{3}-\d{4}"),
        (b"+1 (202) 418-1440", rb"\(\d{3}\) \d{3}-\d{4}"),
        (b"+49 30 12345678", rb"\d\d \d{8}"),
        (b"+4930123", rb"\d{5}"),
        (b"+493", rb"\d{3}"),
        (b"030/12 34", rb"\d{3}/\d\d \d\d"),
        (b"(030) 12", rb"\(\d{3}\) \d\d"),
        (b"unknown", rb"555-\d{3}-\d{4}"),
    ],
)
def test_national(value: bytes, form: bytes) -> None:
    for draw in (KEYED, RANDOM):
        assert re.fullmatch(form, apply(NAME, [value], draw=draw, form="national")[0] or b"")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(PHONES, st.binary(max_size=40), st.none()), min_size=1, max_size=12))
@pytest.mark.parametrize("keep_country", [True, False])
@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("keep", rb"[0-9 ()./x*#,+-]*[0-9][0-9 ()./x*#X,+-]*"),
        ("e164", rb"\+[1-9][0-9]{4,14}"),
        ("national", rb"(?!\+)[0-9 ()./x*#X,+-]*[0-9][0-9 ()./x*#X,+-]*"),
    ],
)
def test_forms_whatever_the_values_are(
    form: str, pattern: bytes, keep_country: bool, values: list[bytes | None]
) -> None:
    options: dict[str, Any] = {"form": form, "keep_country": keep_country}
    outcome = apply(NAME, values, **options)
    for value, new in zip(values, outcome, strict=True):
        if not value:
            assert new == value
        else:
            assert re.fullmatch(pattern, new or b"")
            assert apply(NAME, [value], **options) == [new]


def test_the_forms_of_one_number_agree() -> None:
    value = b"+49 (30) 1234-5678"
    kept = one(NAME, value)
    assert one(NAME, value, form="e164") == re.sub(rb"[^+0-9]", b"", kept)
    assert one(NAME, value, form="national") == kept.removeprefix(b"+49 ")


def test_a_country_code_may_be_replaced() -> None:
    values: list[bytes | None] = [b"+49 30 %07d" % i for i in range(300)]
    outcome = apply(NAME, values, keep_country=False)
    assert len({(value or b"")[:3] for value in outcome}) > 50
    assert {(value or b"")[:3] for value in apply(NAME, values)} == {b"+49"}


# Short columns


@pytest.mark.parametrize("most", [1, 4, 9, 10, 14, 15, 20])
@pytest.mark.parametrize("form", ["keep", "national"])
def test_what_is_no_number_becomes_one_that_fits(most: int, form: str) -> None:
    target = Target(Kind.TEXT, Limits(max_chars=most))
    outcome = apply(NAME, [b"x", b"n/a", b"-"], target=target, form=form)
    for new in outcome:
        assert re.fullmatch(rb"[0-9+-]+", new or b"")
        assert len(new or b"") <= most
    assert len(set(outcome)) == 3 or most == 1


def test_a_column_that_is_too_short_for_e164() -> None:
    for most in (8, 11, 12):
        target = Target(Kind.TEXT, Limits(max_chars=most))
        new = apply(NAME, [b"x"], target=target, form="e164")[0] or b""
        assert re.fullmatch(rb"\+1555\d{3,7}", new)
        assert len(new) <= most
    with pytest.raises(UsageError, match="7 characters") as caught:
        apply(NAME, [], target=Target(Kind.TEXT, Limits(max_chars=7)), form="e164")
    assert caught.value.hint


# Distinct numbers


@pytest.mark.parametrize(
    "form", ["+49 30 {:06d}", "0{:06d}", "{:06d} x12", "+1-202-{:07d}", "+352 {:06d}"]
)
def test_a_million_distinct_numbers_stay_distinct(form: str) -> None:
    count = 10**6 if form == "+49 30 {:06d}" else 100_000
    values: list[bytes | None] = [form.format(i).encode() for i in range(count)]
    outcome = apply(NAME, values, target=UNIQUE)
    assert len(set(outcome)) == count
    assert {shape(value or b"") for value in outcome} == {shape(values[0] or b"")}
    code = (re.match(r"\+\d+", form) or [""])[0].encode()
    assert all((value or b"").startswith(code) for value in outcome)


@pytest.mark.parametrize("digits", [2, 3, 4, 5, 6])
def test_short_numbers_behind_a_plus_stay_distinct(digits: int) -> None:
    # Whether such a number has a country code depends on its own digits.
    values: list[bytes | None] = [
        b"+%0*d" % (digits, i) for i in range(0, 10**digits, 7 if digits > 5 else 1)
    ]
    outcome = apply(NAME, values, target=UNIQUE)
    assert len(set(outcome)) == len(values)


@settings(deadline=None)
@given(st.lists(st.one_of(PHONES, st.none(), st.just(b"")), min_size=1, max_size=30))
@pytest.mark.parametrize("keep_country", [True, False])
def test_distinct_numbers_keep_their_shape(keep_country: bool, values: list[bytes | None]) -> None:
    options: dict[str, Any] = {"unique": True, "keep_country": keep_country}
    outcome = apply(NAME, values, **options)
    assert outcome == apply(NAME, values, target=UNIQUE, keep_country=keep_country)
    assert len(set(outcome)) == len(set(values))
    assert outcome == [apply(NAME, [value], **options)[0] for value in values]
    for value, new in zip(values, outcome, strict=True):
        assert shape(new or b"") == shape(value or b"")
        assert (new is None) is (value is None)


@pytest.mark.parametrize(
    "form",
    ["{number:04d}{x}", "+49 30 {number:06d} {x}1", "{x}{number:010d}", "+1{x} {number:04d}"],
)
def test_distinct_numbers_stay_so_where_case_is_all_one(form: str) -> None:
    # SQLite's NOCASE and PostgreSQL's citext take an x for an X.
    values = [form.format(number=i, x="xX"[i * 7 % 2]).encode() for i in range(9000)]
    outcome = apply(NAME, list[bytes | None](values), target=UNIQUE)
    assert len({(value or b"").lower() for value in outcome}) == len(values)
    swapped = apply(NAME, [value.swapcase() for value in values], target=UNIQUE)
    assert [(value or b"").swapcase() for value in swapped] == outcome


def test_another_key_gives_other_numbers() -> None:
    values: list[bytes | None] = [b"+49 30 %07d" % i for i in range(300)]
    keyed = apply(NAME, values, unique=True)
    other = apply(NAME, values, unique=True, draw=OTHER)
    assert sum(a == b for a, b in zip(keyed, other, strict=True)) < 3


def test_integers_stay_distinct() -> None:
    target = Target(Kind.INTEGER, Limits(bits=32), unique=True)
    values: list[bytes | None] = [b"%d" % i for i in range(2_147_400_000, 2_147_483_648)]
    outcome = apply(NAME, values, Kind.INTEGER, target=target)
    assert len(set(outcome)) == len(values)
    assert all(10**9 <= int(value or b"") < 2**31 for value in outcome)


@pytest.mark.parametrize("value", [b"unknown", b"-", b"1" * 33, b"\xff", b"12\0", b"12 ext 3"])
def test_what_is_no_number_is_refused_where_all_are_distinct(value: bytes) -> None:
    with pytest.raises(TransformError) as caught:
        apply(NAME, [None, b"", b"030 1234", value], target=UNIQUE)
    assert caught.value.row == 3
    assert "token" in (caught.value.hint or "")
    assert value.decode("latin-1") not in caught.value.message or len(value) == 1


def test_what_is_declared() -> None:
    def uniqueness(target: Target = UNIQUE, draw: Any = KEYED, **options: Any) -> Uniqueness:
        return build(NAME, options, target=target, draw=draw).effects.uniqueness

    assert uniqueness() is Uniqueness.PERMUTES
    assert uniqueness(Target(Kind.TEXT), unique=True) is Uniqueness.PERMUTES
    assert uniqueness(Target(Kind.TEXT)) is Uniqueness.MAY_COLLIDE
    assert uniqueness(draw=RANDOM) is Uniqueness.MAY_COLLIDE


@pytest.mark.parametrize(
    ("target", "draw", "options", "message"),
    [
        (Target(Kind.TEXT), RANDOM, {"unique": True}, "by chance"),
        (UNIQUE, KEYED, {"form": "e164"}, "form e164 may meet"),
        (UNIQUE, RANDOM, {"form": "national"}, "form national may meet"),
        (Target(Kind.TEXT), KEYED, {"form": "national", "unique": True}, "may meet"),
        (Target(Kind.INTEGER), KEYED, {"form": "e164"}, "a number can't have the form e164"),
        (Target(Kind.NUMERIC, Limits(precision=9, scale=-2), unique=True), KEYED, {}, "rounds"),
        (
            Target(Kind.NUMERIC, Limits(precision=2, scale=2), unique=True),
            KEYED,
            {},
            "before the point",
        ),
        (Target(Kind.TEXT), KEYED, {"form": "E164"}, "option form"),
        (Target(Kind.TEXT), KEYED, {"keep_country": "maybe"}, "option keep_country"),
    ],
)
def test_what_can_not_hold_is_refused(
    target: Target, draw: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        build(NAME, options, target=target, draw=draw)
    assert caught.value.hint


# The replacements under one key stay the same from version to version.
KNOWN: list[tuple[bytes, Kind, dict[str, Any], bytes]] = [
    (b"+1 202 418 1440", Kind.TEXT, {"form": "e164"}, b"+16243819444"),
    (b"+1 (202) 418-1440", Kind.TEXT, {"form": "national"}, b"(355) 867-7563"),
    (b"+49 30 12345678", Kind.TEXT, {"unique": True}, b"+49 56 93924308"),
    (b"+49 30 1", Kind.TEXT, {"unique": True}, b"+34 99 5"),
    (b"+49 30 12345", Kind.TEXT, {"unique": True, "keep_country": False}, b"+98 31 17856"),
    (b"2024181440", Kind.INTEGER, {"unique": True}, b"9484328985"),
]


@pytest.mark.parametrize(("value", "kind", "options", "expected"), KNOWN)
def test_replacements_are_those_of_every_version(
    value: bytes, kind: Kind, options: dict[str, Any], expected: bytes
) -> None:
    assert one(NAME, value, kind, **options) == expected
