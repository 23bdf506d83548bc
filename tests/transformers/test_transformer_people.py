"""Names, e-mail addresses, telephone and card numbers."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import UsageError
from replicate.rows.column import Kind, Limits
from replicate.transformers.base import Target
from replicate.transformers.vocabularies.lists import (
    COMPANY_ENDS,
    FIRST_NAMES,
    JOBS,
    LAST_NAMES,
    MENS_NAMES,
    SHORT_NAMES,
    WOMENS_NAMES,
)
from tests.support.masking import OTHER, RANDOM, TEXTS, apply, one

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


def texts(name: str, rows: int = 5000, most: int | None = None, **options: Any) -> list[str]:
    """What becomes of so many values in a column of `most` characters."""
    values: list[bytes | None] = [b"value %d" % i for i in range(rows)]
    target = Target(Kind.TEXT, Limits(max_chars=most))
    return [(new or b"").decode() for new in apply(name, values, target=target, **options)]


def test_women_and_men_have_names_of_their_own_and_some_in_common() -> None:
    assert set(WOMENS_NAMES) | set(MENS_NAMES) == set(FIRST_NAMES)
    assert {"Alice", "Maria", "Keiko", "Zoe"} <= set(WOMENS_NAMES) - set(MENS_NAMES)
    assert {"Robert", "Mohamed", "Kenji", "Uwe"} <= set(MENS_NAMES) - set(WOMENS_NAMES)
    assert {"Kim", "Andrea", "Robin"} <= set(WOMENS_NAMES) & set(MENS_NAMES)
    assert set(texts("first-name", gender="female", rows=20_000)) == set(WOMENS_NAMES)
    assert set(texts("first-name", gender="male", rows=20_000)) == set(MENS_NAMES)


@pytest.mark.parametrize("gender", ["any", "female", "male"])
def test_a_full_name_is_a_first_and_a_last_name(gender: str) -> None:
    pairs = [name.split(" ") for name in texts("full-name", rows=50_000, gender=gender)]
    known = {"any": FIRST_NAMES, "female": WOMENS_NAMES, "male": MENS_NAMES}[gender]
    assert {first for first, _ in pairs} == set(known)
    assert {last for _, last in pairs} == set(LAST_NAMES)
    # The two are drawn apart: more come together than either list has.
    assert len({tuple(pair) for pair in pairs}) > 40_000


def test_the_last_name_may_come_first() -> None:
    for name, turned in zip(texts("full-name"), texts("full-name", form="last-first"), strict=True):
        first, last = name.split(" ")
        assert turned == f"{last}, {first}"


@pytest.mark.parametrize("form", ["first-last", "last-first"])
def test_a_full_name_is_shortened_to_what_the_column_takes(form: str) -> None:
    whole = texts("full-name", form=form)
    short = texts("full-name", form=form, most=12)
    seen = set()
    for full, cut in zip(whole, short, strict=True):
        if len(full) <= 12 and cut == full:
            seen.add("whole")
        elif "." in cut:
            seen.add("initial")
            initial, last = cut.split(". ") if form == "first-last" else cut.split(", ")[::-1]
            assert len(initial.rstrip(".")) == 1
            assert last in LAST_NAMES
        else:
            seen.add("last name alone" if cut in LAST_NAMES else "another")
    assert {"whole", "initial", "last name alone"} <= seen
    assert max(map(len, short)) == 12


def test_a_company_is_a_name_and_what_it_does() -> None:
    companies = texts("company", rows=20_000)
    ends = set()
    for company in companies:
        name, _, end = company.partition(" ")
        assert name in LAST_NAMES
        ends.add(" " + end)
    assert ends == set(COMPANY_ENDS)
    assert len(set(companies)) > 15_000
    short = texts("company", most=10)
    assert any(company in LAST_NAMES for company in short)
    assert any(" " in company for company in short)


def test_jobs_are_titles() -> None:
    assert set(texts("job")) == set(JOBS)
    assert len(JOBS) == len(set(JOBS)) > 300
    assert {"Baker", "Lead Nurse"} <= set(JOBS)


PEOPLE = ["first-name", "last-name", "full-name", "company", "job"]


@pytest.mark.parametrize("form", ["first-last", "last-first"])
@pytest.mark.parametrize(
    ("name", "least"),
    [("first-name", 3), ("last-name", 2), ("full-name", 2), ("company", 2), ("job", 4)],
)
def test_what_is_made_fits_or_is_refused_beforehand(name: str, least: int, form: str) -> None:
    options: dict[str, Any] = {"form": form} if name == "full-name" else {}
    for most in range(least, 31):
        assert all(0 < len(text) <= most for text in texts(name, rows=500, most=most, **options))
    with pytest.raises(UsageError, match=f"{least - 1} characters") as caught:
        texts(name, most=least - 1, **options)
    assert "random" in (caught.value.hint or "")


@pytest.mark.parametrize("name", PEOPLE)
def test_every_value_is_masked_and_none_decides_the_length(name: str) -> None:
    values: list[bytes | None] = [b"x", "ß".encode(), b"\\N", b"a\tb\nc", b"\0", b"\xff\xfe", b" "]
    values += [b"y" * 1_000_000, "\U0001f600".encode() * 250_000, None, b""]
    made = apply(name, values)
    assert made[-2:] == [None, b""]
    assert all(re.fullmatch(rb"[A-Za-z &]{2,40}", text or b"") for text in made[:-2])
    assert len(set(made)) > 6
    assert apply(name, values) == made != apply(name, values, draw=OTHER)


@pytest.mark.parametrize("name", PEOPLE)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(TEXTS, st.none()), max_size=8), st.integers(4, 40))
def test_neither_neighbours_nor_other_values_matter(
    name: str, values: list[bytes | None], most: int
) -> None:
    target = Target(Kind.TEXT, Limits(max_chars=most))
    made = apply(name, values, target=target)
    assert made == [apply(name, [value], target=target)[0] for value in values]
    for value, new in zip(values, made, strict=True):
        assert new == value if not value else 0 < len(new or b"") <= most


@pytest.mark.parametrize("name", PEOPLE)
def test_no_replacement_is_much_more_frequent_than_others(name: str) -> None:
    count = Counter(texts(name, rows=100_000))
    assert max(count.values()) < 2.5 * max(100_000 / len(count), 20)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("first-name", {"gender": "female"}, "Judy"),
        ("full-name", {}, "Joel Arslan"),
        ("full-name", {"form": "last-first", "gender": "male"}, "Arslan, Jochen"),
        ("company", {}, "Larsson Electronics"),
        ("job", {}, "Sales Manager"),
    ],
)
def test_replacements_stay_those_of_every_version(
    name: str, options: dict[str, Any], expected: str
) -> None:
    assert one(name, b"Jane Roe", **options).decode() == expected


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
