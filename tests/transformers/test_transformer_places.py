"""Streets, postcodes, towns, states, countries and whole addresses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import UsageError
from replicate.rows.column import Kind, Limits
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.places.countries import COUNTRIES
from replicate.transformers.registry import build
from replicate.transformers.vocabularies.lists import STATES, STREETS, TOWNS
from tests.support.masking import KEYED, OTHER, RANDOM, TEXTS, apply, one

PLACES: list[tuple[str, dict[str, Any]]] = [
    ("street", {}),
    ("postcode", {}),
    ("postcode", {"keep_shape": True}),
    ("city", {}),
    ("state", {}),
    ("state", {"form": "code"}),
    ("country", {}),
    ("country", {"form": "alpha2"}),
    ("country", {"form": "alpha3"}),
    ("address", {}),
    ("address", {"form": "multiline"}),
]


def texts(name: str, rows: int = 5000, most: int | None = None, **options: Any) -> list[str]:
    """What becomes of so many values in a column of `most` characters."""
    values: list[bytes | None] = [b"value %d" % i for i in range(rows)]
    target = Target(Kind.TEXT, Limits(max_chars=most))
    return [(new or b"").decode() for new in apply(name, values, target=target, **options)]


# Vocabularies


def test_the_countries_are_those_of_the_standard() -> None:
    assert len(COUNTRIES) == 249
    for form, shape in (("alpha2", "[A-Z]{2}"), ("alpha3", "[A-Z]{3}"), ("name", "[A-Z][ -~]+")):
        column = [getattr(country, form) for country in COUNTRIES]
        assert len(set(column)) == 249
        assert all(re.fullmatch(shape, entry) for entry in column)
    by_code = {country.alpha2: (country.alpha3, country.name) for country in COUNTRIES}
    assert by_code["DE"] == ("DEU", "Germany")
    assert by_code["CH"] == ("CHE", "Switzerland")
    assert by_code["ZA"] == ("ZAF", "South Africa")
    assert "UK" not in by_code


def test_the_words_of_places_are_plain_and_none_comes_twice() -> None:
    assert len(STATES) == 50
    assert ("NY", "New York") in STATES
    for words, fewest in ((STREETS, 2000), (TOWNS, 2000), ([name for _, name in STATES], 50)):
        assert len(set(words)) == len(words) >= fewest
        assert all(re.fullmatch(r"[A-Z][a-z]+( [A-Z][a-z]+)?", word) for word in words)


# What is made


def test_countries_and_states_come_from_their_lists() -> None:
    for form in ("name", "alpha2", "alpha3"):
        expected = {getattr(country, form) for country in COUNTRIES}
        assert set(texts("country", form=form)) == expected
    assert set(texts("state")) == {name for _, name in STATES}
    assert set(texts("state", form="code")) == {code for code, _ in STATES}
    assert set(texts("city", rows=60_000)) == set(TOWNS)


def test_codes_fit_columns_of_two_and_three_characters() -> None:
    assert {len(text) for text in texts("country", most=2, form="alpha2")} == {2}
    assert {len(text) for text in texts("country", most=3, form="alpha3")} == {3}
    assert {len(text) for text in texts("state", most=2, form="code")} == {2}
    for name, code in (("country", "alpha2"), ("state", "code")):
        with pytest.raises(UsageError, match="2 characters") as caught:
            texts(name, most=2)
        assert f"form: {code} takes two characters" in (caught.value.hint or "")
    assert set(texts("country", most=4)) == {
        country.name for country in COUNTRIES if len(country.name) <= 4
    }


def test_a_street_has_a_number_in_front_of_it() -> None:
    streets = texts("street", rows=50_000)
    matches = [re.fullmatch(r"([1-9][0-9]{0,2}) ([A-Z].*)", street) for street in streets]
    assert {match[2] for match in matches if match} == set(STREETS)
    assert {int(match[1]) for match in matches if match} == set(range(1, 200))
    assert all(matches)
    assert len(set(streets)) > 45_000


def test_a_street_loses_its_number_before_it_gets_too_long() -> None:
    short = texts("street", most=9)
    assert any(street in STREETS for street in short)
    assert any(street[0].isdigit() for street in short)
    assert {re.sub(r"^[0-9]+ ", "", street) for street in short} <= set(STREETS)


@pytest.mark.parametrize(("form", "between"), [("line", ", "), ("multiline", "\n")])
def test_an_address_is_a_street_and_a_town_with_its_postcode(form: str, between: str) -> None:
    addresses = texts("address", rows=20_000, form=form)
    towns = set()
    for address in addresses:
        street, _, place = address.partition(between)
        assert re.fullmatch(r"[1-9][0-9]{0,2} [A-Z][A-Za-z ]+", street)
        match = re.fullmatch(r"[1-9][0-9]{4} ([A-Z][a-z]+)", place)
        assert match
        towns.add(match[1])
    assert towns <= set(TOWNS)
    assert len(towns) > 2500
    assert len(set(addresses)) == len(addresses)


def test_an_address_loses_its_town_before_it_gets_too_long() -> None:
    whole = texts("address")
    for most in (29, 30, 31):
        short = texts("address", most=most)
        assert max(map(len, short)) == most
        for full, cut in zip(whole, short, strict=True):
            assert cut == (full if len(full) <= most else full.partition(", ")[0])


@pytest.mark.parametrize(
    ("name", "options", "least"),
    [
        ("street", {}, 7),
        ("city", {}, 4),
        ("state", {}, 4),
        ("state", {"form": "code"}, 2),
        ("country", {}, 4),
        ("country", {"form": "alpha2"}, 2),
        ("country", {"form": "alpha3"}, 3),
        ("address", {}, 7),
        ("address", {"form": "multiline"}, 7),
    ],
)
def test_what_is_made_fits_or_is_refused_beforehand(
    name: str, options: dict[str, Any], least: int
) -> None:
    for most in range(least, 46):
        assert all(0 < len(text) <= most for text in texts(name, rows=300, most=most, **options))
    with pytest.raises(UsageError, match=f"{least - 1} characters") as caught:
        texts(name, most=least - 1, **options)
    assert re.search("random|form", caught.value.hint or "")


@pytest.mark.parametrize(("name", "options"), PLACES)
def test_what_all_of_them_guarantee(name: str, options: dict[str, Any]) -> None:
    values: list[bytes | None] = [b"x", "ß".encode(), b"\\N", b"a\tb\nc", b"\0", b"\xff\xfe", b" "]
    values += [b"y" * 1_000_000, "\U0001f600".encode() * 250_000, b"10", b"-", None, b""]
    made = apply(name, values, **options)
    assert made[-2:] == [None, b""]
    assert all(re.fullmatch(rb"[A-Za-z0-9 ,\n-]{1,60}", text or b"") for text in made[:-2])
    assert len(set(made)) > 8
    assert apply(name, values, **options) == made
    others = apply(name, values, draw=OTHER, **options)
    assert sum(a != b for a, b in zip(made, others, strict=True)) >= 8
    by_chance = apply(name, values * 8, draw=RANDOM, **options)
    for i, text in enumerate(made[:-2]):
        assert set(by_chance[i :: len(values)]) != {text}
    assert apply(name, [b"a", b"b"] * 30, **options)[:2] * 30 == apply(
        name, [b"a", b"b"] * 30, **options
    )
    effects = build(name, options, target=Target(Kind.TEXT), draw=KEYED).effects
    assert effects.uniqueness is Uniqueness.MAY_COLLIDE


@pytest.mark.parametrize(("name", "options"), PLACES)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(TEXTS, st.none()), max_size=8), st.integers(7, 40))
def test_neither_neighbours_nor_other_values_matter(
    name: str, options: dict[str, Any], values: list[bytes | None], most: int
) -> None:
    target = Target(Kind.TEXT, Limits(max_chars=most))
    made = apply(name, values, target=target, **options)
    assert made == [apply(name, [value], target=target, **options)[0] for value in values]
    for value, new in zip(values, made, strict=True):
        assert new == value if not value else 0 < len(new or b"") <= max(most, len(value))


# Postcodes


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 6])
def test_a_postcode_has_five_digits_or_as_many_as_fit(most: int) -> None:
    made = texts("postcode", most=most, rows=20_000)
    assert all(re.fullmatch(rf"[1-9][0-9]{{{min(most, 5) - 1}}}", text) for text in made)
    assert {text[0] for text in made} == set("123456789")
    assert {text[-1] for text in made} >= set("123456789")


SHAPED = st.from_regex(rb"[0-9A-Za-z./ -]{1,32}", fullmatch=True).filter(
    lambda value: re.search(rb"[0-9A-Za-z]", value) is not None
)


def shape_of(value: bytes) -> bytes:
    for some, one_of_them in ((rb"[0-9]", b"0"), (rb"[a-z]", b"a"), (rb"[A-Z]", b"A")):
        value = re.sub(some, one_of_them, value)
    return value


@settings(max_examples=200, deadline=None)
@given(st.lists(SHAPED, min_size=1, max_size=8))
def test_a_postcode_keeps_its_shape_if_asked_to(values: list[bytes]) -> None:
    made = apply("postcode", [*values], keep_shape=True)
    assert [shape_of(new or b"") for new in made] == [shape_of(value) for value in values]


def test_shaped_postcodes_have_every_digit_and_letter_at_every_place() -> None:
    values: list[bytes | None] = [b"AB%02d cd%03d" % (i % 100, i // 100) for i in range(30_000)]
    made = [new or b"" for new in apply("postcode", values, keep_shape=True)]
    for place, sort in enumerate(b"AA00 aa000"):
        expected = {
            ord("A"): b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            ord("a"): b"abcdefghijklmnopqrstuvwxyz",
            ord("0"): b"0123456789",
            ord(" "): b" ",
        }[sort]
        assert {new[place] for new in made} == set(expected)
    assert len(set(made)) > 29_900


@pytest.mark.parametrize(
    "value", [b"-", b" / ", "1\u0661".encode(), b"12345\n", b"12345\0", b"D_1", b"1" * 33, b"\xff"]
)
def test_what_has_no_shape_of_a_postcode_becomes_five_digits(value: bytes) -> None:
    assert re.fullmatch(rb"[1-9][0-9]{4}", one("postcode", value, keep_shape=True))
    target = Target(Kind.TEXT, Limits(max_chars=3))
    [short] = apply("postcode", [value], target=target, keep_shape=True)
    assert re.fullmatch(rb"[1-9][0-9]{2}", short or b"")


@pytest.mark.parametrize("options", [{}, {"keep_shape": True}])
@pytest.mark.parametrize(("bits", "largest"), [(16, 2**15), (32, 2**31), (64, 2**63)])
def test_a_postcode_of_integers_is_one(options: dict[str, Any], bits: int, largest: int) -> None:
    numbers = [number for i in range(19) for number in (10**i, 10 ** (i + 1) - 1)]
    values: list[bytes | None] = [
        b"%d" % (sign * number) for number in numbers for sign in (1, -1) if number < largest
    ]
    values *= 20
    target = Target(Kind.INTEGER, Limits(bits=bits))
    made = apply("postcode", values, Kind.INTEGER, RANDOM, target=target, **options)
    for value, new in zip(values, made, strict=True):
        assert value
        assert new
        assert re.fullmatch(rb"-?([1-9][0-9]*|0)|-0", new)
        assert -largest <= int(new) < largest
        if options and len(value.lstrip(b"-")) <= 4:
            assert len(new) == len(value)


def test_a_shape_and_a_locale_don_t_go_together() -> None:
    with pytest.raises(UsageError, match="shape of their own"):
        one("postcode", b"1", keep_shape=True, locale="de_DE")
    with pytest.raises(UsageError, match="integer"):
        one("postcode", b"1", Kind.INTEGER, locale="de_DE")
    with pytest.raises(UsageError, match="same in every locale"):
        one("country", b"1", form="alpha2", locale="de_DE")


# What different versions have masked under one key must still join.


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("street", {}, "192 Fountain Row"),
        ("postcode", {}, "16178"),
        ("postcode", {"keep_shape": True}, "YC1E 5xc"),
        ("city", {}, "Claythorpe"),
        ("state", {}, "Florida"),
        ("country", {"form": "alpha2"}, "CF"),
        ("address", {}, "192 Fountain Row, 16178 Morleigh"),
    ],
)
def test_replacements_stay_those_of_every_version(
    name: str, options: dict[str, Any], expected: str
) -> None:
    assert one(name, b"SW1A 1aa", **options).decode() == expected
