"""Names, e-mail addresses, telephone and card numbers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.rows.column import Kind
from replicate.transformers.vocabularies import FIRST_NAMES, LAST_NAMES, SHORT_NAMES
from tests.support.masking import (
    RANDOM,
    apply,
    one,
)

# Names


def test_names_come_from_the_vocabularies() -> None:
    values: list[bytes | None] = [b"%d" % i for i in range(20_000)]
    for name, vocabulary in (("first-name", FIRST_NAMES), ("last-name", LAST_NAMES)):
        assert {(value or b"").decode() for value in apply(name, values)} == set(vocabulary)


def test_vocabularies_are_names_and_nothing_twice() -> None:
    assert len(FIRST_NAMES) >= 400
    assert len(LAST_NAMES) >= 600
    assert len(SHORT_NAMES) == 256
    assert {len(name) for name in SHORT_NAMES} == {4}
    for names in (FIRST_NAMES, LAST_NAMES, SHORT_NAMES):
        assert len(set(names)) == len(names)
        assert all(name.isascii() and name.isalpha() for name in names)


# E-mail addresses


def test_e_mail_addresses_are_unique_and_look_like_some() -> None:
    values: list[bytes | None] = [b"user%d@mail.test" % i for i in range(200_000)]
    outcome = apply("email", values)
    assert len(set(outcome)) == len(values)
    form = re.compile(rb"[a-z]{4}\.[a-z2-7]{15}@example\.com")
    assert all(form.fullmatch(value or b"") for value in outcome)


def test_the_domain_is_an_option_and_case_matters() -> None:
    assert one("email", b"a@b.c", domain="test.example.org").endswith(b"@test.example.org")
    assert one("email", b"a@b.c") != one("email", b"A@b.c")
    local = one("email", b"a@b.c").split(b"@")[0]
    assert one("email", b"a@b.c", domain="x.de") == local + b"@x.de"


# Telephone numbers


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (b"+1-202-418-1440", rb"\+1-\d{3}-\d{3}-\d{4}"),
        (b"(202) 418-1440 x12", rb"\(\d{3}\) \d{3}-\d{4} x\d\d"),
        (b"+493012345678", rb"\+49\d{10}"),
        (b"+35312345678", rb"\+353\d{8}"),
        (b"+79161234567", rb"\+7\d{10}"),
        (b"+1 2024181440", rb"\+1 \d{10}"),
        (b"0044 20 7946 0018", rb"\d{4} \d\d \d{4} \d{4}"),
        (b"+1 (202) 418-1440 x123456789", rb"\+1 \(\d{3}\) \d{3}-\d{4} x\d{9}"),
        (b"5", rb"\d"),
    ],
)
def test_a_telephone_number_keeps_its_shape(value: bytes, form: bytes) -> None:
    new = one("phone-number", value)
    assert re.fullmatch(form, new)
    assert any(one("phone-number", value, draw=RANDOM) != value for _ in range(20))


def test_a_short_number_behind_a_plus_is_replaced_as_a_whole() -> None:
    seen = {one("phone-number", b"+493", draw=RANDOM) for _ in range(200)}
    assert len({value[:3] for value in seen}) > 20


@pytest.mark.parametrize(
    "value",
    [b"unknown", b"call Ann 555", b"-", b"\xff", b"0" * 33, "+4\uff19".encode(), b"1\0", b"1\t2"],
)
def test_what_is_no_telephone_number_becomes_one(value: bytes) -> None:
    assert re.fullmatch(rb"\+1-555-\d{3}-\d{4}", one("phone-number", value))


def test_a_numeric_telephone_number_stays_an_integer_of_as_many_digits() -> None:
    values: list[bytes | None] = [b"%d" % (10**i + 7) for i in range(19)]
    for value, new in zip(values, apply("phone-number", values, Kind.INTEGER), strict=True):
        assert value
        assert new
        assert re.fullmatch(rb"[1-9]\d*|\d", new)
        assert len(new) == len(value)
        assert int(new) < 2**63


# Payment cards


def luhn(number: bytes) -> bool:
    total = 0
    for place, digit in enumerate(reversed(re.sub(rb"\D", b"", number))):
        value = digit - 48
        if place % 2:
            value = value * 2 if value < 5 else value * 2 - 9
        total += value
    return total % 10 == 0


@given(st.from_regex(rb"[0-9]([ -]?[0-9]){11,18}", fullmatch=True))
@settings(deadline=None)
def test_a_card_number_keeps_its_shape_and_is_valid(value: bytes) -> None:
    new = one("credit-card", value)
    if len(value) > 32:
        assert re.fullmatch(rb"400000\d{10}", new)
    else:
        assert re.sub(rb"\d", b"0", new) == re.sub(rb"\d", b"0", value)
    assert re.sub(rb"\D", b"", new).startswith(b"400000")
    assert luhn(new)


@pytest.mark.parametrize(
    "value",
    [
        b"n/a",
        b"1",
        b"12345678901",
        b"1" * 20,
        b" 4111111111111111",
        b"4111111111111111 ",
        b"\xff",
        b"4111\t1111\t1111\t1111",
        b"4111111111111111\0",
        b"-4111111111111111",
    ],
)
def test_what_is_no_card_number_becomes_one(value: bytes) -> None:
    new = one("credit-card", value)
    assert re.fullmatch(rb"400000\d{10}", new)
    assert luhn(new)


def test_card_numbers_vary() -> None:
    values: list[bytes | None] = [b"%d" % (4 * 10**15 + i) for i in range(5000)]
    outcome = apply("credit-card", values, Kind.INTEGER)
    assert len(set(outcome)) > 4990
    assert all(luhn(value or b"") for value in outcome)
