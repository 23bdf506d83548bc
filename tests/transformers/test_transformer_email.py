"""E-mail addresses and the names of accounts, as options and columns want them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import UsageError
from replicate.rows.column import Column, Kind, Limits
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.registry import build
from tests.support.distinct import outcomes
from tests.support.masking import KEYED, apply, one, value_and_key_decide

MANY: list[bytes | None] = [b"user%d@mail.test" % i for i in range(3000)]


def column_of(most: int | None, *, unique: bool = False) -> Target:
    return Target(Kind.TEXT, Limits(max_chars=most), unique=unique, columns={"name": Kind.TEXT})


def beside(template: str, values: list[bytes | None], names: list[bytes | None]) -> list[bytes]:
    """The addresses of rows whose column `name` becomes `names`."""
    made = build("email", {"template": template}, target=column_of(None), draw=KEYED)
    assert made.reads_masked == {"name"}
    column = Column.of(values)
    column = Column(
        column.data, column.start, column.length, column.null, masked={"name": Column.of(names)}
    )
    answer = made.transform(column)
    pool = answer.pool.to_pylist()
    return [pool[i] or b"" for i in answer.index.tolist()]


# Lengths


@pytest.mark.parametrize(
    ("most", "form"),
    [
        (None, rb"[a-z]{4}\.[a-z2-7]{15}@example\.com"),
        (32, rb"[a-z]{4}\.[a-z2-7]{15}@example\.com"),
        (31, rb"[a-z2-7]{15}@example\.com"),
        (27, rb"[a-z2-7]{15}@example\.com"),
        (26, rb"[a-z2-7]{14}@example\.com"),
        (13, rb"[a-z2-7]@example\.com"),
    ],
)
def test_an_address_fits_the_column(most: int | None, form: bytes) -> None:
    for value in apply("email", MANY, target=column_of(most)):
        assert re.fullmatch(form, value or b"")


def test_what_has_no_room_is_refused() -> None:
    with pytest.raises(UsageError, match="more than the 12 characters") as caught:
        apply("email", MANY, target=column_of(12))
    assert "domain" in (caught.value.hint or "")


@pytest.mark.parametrize(("name", "enough"), [("email", 27), ("username", 15)])
def test_values_stay_distinct_or_the_column_is_refused(name: str, enough: int) -> None:
    made = build(name, {}, target=column_of(enough, unique=True), draw=KEYED)
    assert made.effects.uniqueness is Uniqueness.PRESERVES
    short = build(name, {}, target=column_of(enough - 1), draw=KEYED)
    assert short.effects.uniqueness is Uniqueness.MAY_COLLIDE
    with pytest.raises(UsageError, match="stay distinct") as caught:
        build(name, {}, target=column_of(enough - 1, unique=True), draw=KEYED)
    assert "token" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "most", "options"),
    [("email", 27, {}), ("email", 28, {"keep_domain": True}), ("username", 15, {})],
)
def test_a_million_values_stay_distinct(name: str, most: int, options: dict[str, Any]) -> None:
    values = [b"%d@mail.test" % i for i in range(1_000_000)]
    assert outcomes(name, values, target=column_of(most), **options) == len(values)


# Domains


def test_one_of_several_domains_is_drawn() -> None:
    domains = ["a.de", "mail.example.org", "b.example"]
    outcome = apply("email", MANY, domains=domains)
    found = [(value or b"").split(b"@") for value in outcome]
    assert all(re.fullmatch(rb"[a-z]{4}\.[a-z2-7]{15}", local) for local, _ in found)
    for domain in domains:
        assert 800 < sum(name == domain.encode() for _, name in found) < 1200
    # The choice is the value's own, and the rest of the address does not depend on it.
    assert apply("email", MANY[:1], domains=domains) == outcome[:1]
    assert one("email", b"user0@mail.test").split(b"@")[0] == found[0][0]


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        (b"jane@acme.de", b"acme.de"),
        (b"Jane@ACME.de", b"acme.de"),
        (b'"a@b"@sub.acme-x.co.uk', b"sub.acme-x.co.uk"),
        (b"jane@" + b"x" * 60 + b".test", b"x" * 60 + b".test"),
        (b"jane@localhost", b"localhost"),
        (b"jane", b"example.com"),
        (b"jane@", b"example.com"),
        (b"@", b"example.com"),
        (b"jane@acme.de ", b"example.com"),
        (b"Jane <jane@acme.de>", b"example.com"),
        (b"jane@acme..de", b"example.com"),
        (b"jane@-acme.de", b"example.com"),
        (b"jane@acme.de.", b"example.com"),
        (b"jane@acme\0.de", b"example.com"),
        ("jane@müller.de".encode(), b"example.com"),
        (b"jane@" + b"x" * 300, b"example.com"),
    ],
)
def test_the_own_domain_stays_if_it_is_one(value: bytes, domain: bytes) -> None:
    # The neighbours have other domains, and none at all.
    values: list[bytes | None] = [b"x@other.test", value, None, b"", b"y", value]
    outcome = apply("email", values, keep_domain=True)
    assert re.fullmatch(rb"[a-z]{4}\.[a-z2-7]{15}@" + re.escape(domain), outcome[1] or b"")
    assert outcome[5] == outcome[1]
    assert outcome[2:4] == [None, b""]
    assert outcome[0] == one("email", b"x@other.test", keep_domain=True)


def test_a_kept_domain_may_keep_its_case() -> None:
    assert one("email", b"Jane@ACME.de", keep_domain=True, lowercase=False).endswith(b"@ACME.de")


def test_a_kept_domain_that_leaves_no_room_is_replaced() -> None:
    fits, named, long = b"a@" + b"d" * 21 + b".de", b"a@acme.de", b"a@" + b"d" * 22 + b".de"
    outcome = apply("email", [fits, named, long], target=column_of(40), keep_domain=True)
    assert re.fullmatch(rb"[a-z2-7]{15}@d{21}\.de", outcome[0] or b"")
    assert re.fullmatch(rb"[a-z]{4}\.[a-z2-7]{15}@acme\.de", outcome[1] or b"")
    assert re.fullmatch(rb"[a-z]{4}\.[a-z2-7]{15}@example\.com", outcome[2] or b"")


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=8), st.integers(16, 60))
@settings(deadline=None)
def test_an_address_with_its_own_domain_always_fits(values: list[bytes], most: int) -> None:
    outcome = apply("email", list(values), target=column_of(most), keep_domain=True)
    for value, new in zip(values, outcome, strict=True):
        if value:
            assert re.fullmatch(rb"[a-z2-7.]{4,20}@[a-z0-9.-]+", new or b"")
            assert len(new or b"") <= most


# Templates


def test_a_template_makes_the_whole_address() -> None:
    template = "{first_name}.{last_name}.{token}@Example.org"
    outcome = apply("email", MANY, template=template)
    form = re.compile(rb"[a-z]+\.[a-z]+\.[a-z2-7]{16}@Example\.org")
    assert all(form.fullmatch(value or b"") for value in outcome)
    assert len({(value or b"").split(b".")[0] for value in outcome}) > 500
    assert len({(value or b"").split(b".")[1] for value in outcome}) > 500
    cased = one("email", b"x", template=template, lowercase=False)
    assert re.fullmatch(rb"[A-Z]\w+\.[A-Z]\w+\.[a-z2-7]{16}@Example\.org", cased)


@pytest.mark.parametrize(
    ("template", "uniqueness"),
    [
        ("{token}@a.de", Uniqueness.PRESERVES),
        ("{token:15}@a.de", Uniqueness.PRESERVES),
        ("{token:14}@a.de", Uniqueness.MAY_COLLIDE),
        ("{first_name}@a.de", Uniqueness.MAY_COLLIDE),
    ],
)
def test_the_token_tells_whether_values_stay_distinct(
    template: str, uniqueness: Uniqueness
) -> None:
    made = build("email", {"template": template}, target=column_of(None), draw=KEYED)
    assert made.effects.uniqueness is uniqueness
    if uniqueness is Uniqueness.MAY_COLLIDE:
        with pytest.raises(UsageError, match="random bits"):
            build("email", {"template": template}, target=column_of(None, unique=True), draw=KEYED)


def test_a_template_takes_another_column_s_replacement() -> None:
    names: list[bytes | None] = ["Zoë O'Neil".encode(), b"Nora", b"", None, "東京".encode()]
    names += [b"x" * 100, "é".encode() * 100]
    found = beside("{column:name}-{token:4}@a.de", [b"a"] * len(names), names)
    expected = [b"zoeoneil", b"nora", b"x", b"x", b"x", b"x" * 32, b"e" * 32]
    assert [value[: value.index(b"-")] for value in found] == expected
    assert len({value[value.index(b"-") :] for value in found}) == 1


@pytest.mark.parametrize("most", [40, 33, 27, 22])
def test_names_of_a_template_are_cut_to_fit(most: int) -> None:
    template = "{first_name}.{last_name}.{token:6}@example.com"
    outcome = apply("email", MANY, target=column_of(most), template=template)
    assert max(len(value or b"") for value in outcome) <= most
    form = re.compile(rb"[a-z]+\.[a-z]+\.[a-z2-7]{6}@example\.com")
    assert all(form.fullmatch(value or b"") for value in outcome)


def test_a_template_that_has_no_room_is_refused() -> None:
    template = "{first_name}.{last_name}.{token:6}@example.com"
    with pytest.raises(UsageError, match="more than the 20 characters"):
        apply("email", MANY, target=column_of(20), template=template)


def test_a_template_names_no_column_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="'nickname'"):
        apply("email", MANY, target=column_of(None), template="{column:nickname}@a.de")


@pytest.mark.parametrize(
    "options",
    [
        {"template": "jane@a.de"},
        {"template": "{token}"},
        {"template": "{token}@{token}.de"},
        {"template": "{token}@a@b.de"},
        {"template": "{token}{token}@a.de"},
        {"template": "{token:0}@a.de"},
        {"template": "{token:17}@a.de"},
        {"template": "{token:}@a.de"},
        {"template": "{nickname}@a.de"},
        {"template": "{column:}@a.de"},
        {"template": "{token@a.de"},
        {"template": "token}@a.de"},
        {"template": "{to ken}@a.de"},
        {"template": "{token} x@a.de"},
        {"template": "{token}ü@a.de"},
        {"template": "{token}@a.de", "domain": "b.de"},
        {"template": "{token}@a.de", "keep_domain": True},
        {"domain": "a.de", "domains": ["b.de"]},
        {"domains": ["a.de", "b"]},
    ],
)
def test_options_that_make_no_address_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="email"):
        build("email", options, target=column_of(None), draw=KEYED)


# Names of accounts


@pytest.mark.parametrize(
    ("most", "options", "form"),
    [
        (None, {}, rb"[a-z]{4}\.[a-z2-7]{15}"),
        (None, {"length": 11}, rb"[a-z]{4}\.[a-z2-7]{6}"),
        (None, {"length": 17}, rb"[a-z2-7]{15}"),
        (None, {"length": 5}, rb"[a-z2-7]{5}"),
        (19, {}, rb"[a-z2-7]{15}"),
        (14, {}, rb"[a-z]{4}\.[a-z2-7]{9}"),
        (8, {}, rb"[a-z]{4}\.[a-z2-7]{3}"),
        (1, {}, rb"[a-z2-7]"),
    ],
)
def test_names_of_accounts(most: int | None, options: dict[str, Any], form: bytes) -> None:
    for value in apply("username", MANY, target=column_of(most), **options):
        assert re.fullmatch(form, value or b"")


def test_a_length_beyond_the_column_is_refused() -> None:
    with pytest.raises(UsageError, match="more than the 10 characters"):
        apply("username", MANY, target=column_of(10), length=12)


# All of them


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("email", {"keep_domain": True}),
        ("email", {"domains": ["a.de", "b.de"]}),
        ("email", {"template": "{first_name}.{last_name}@a.de"}),
        ("username", {"length": 12}),
    ],
)
@given(st.lists(st.one_of(st.none(), st.text(), st.just("ä\t\\N\n")), min_size=1, max_size=9))
@settings(deadline=None, max_examples=30)
def test_the_value_and_the_key_decide(
    name: str, options: dict[str, Any], texts: list[str | None]
) -> None:
    value_and_key_decide(name, texts, **options)
