"""The transformers boolean and choice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Kind, Limits
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.registry import build
from tests.support.masking import KEYED, OTHER, RANDOM, TEXTS, apply, one

# Booleans

PAIRS = [(b"0", b"1"), (b"f", b"t"), (b"False", b"True"), (b"NO", b"YES"), (b"off", b"on")]


@pytest.mark.parametrize("kind", [Kind.BOOLEAN, Kind.TEXT, Kind.INTEGER])
def test_booleans_are_written_as_they_were(kind: Kind) -> None:
    for pair in PAIRS:
        outcome = apply("boolean", list(pair) * 200, kind, RANDOM)
        for old in range(2):
            assert set(outcome[old::2]) == set(pair)


@pytest.mark.parametrize(("probability", "least", "most"), [(0, 0, 0), (1, 4000, 4000)])
def test_nothing_is_left_to_chance_at_the_ends(probability: float, least: int, most: int) -> None:
    for draw in (KEYED, RANDOM):
        outcome = apply("boolean", [b"t", b"f"] * 2000, draw=draw, probability=probability)
        assert least <= outcome.count(b"t") <= most


def test_true_is_as_likely_as_told() -> None:
    for probability in (0.1, 0.5, 0.75):
        outcome = apply("boolean", [b"yes"] * 10_000, draw=RANDOM, probability=probability)
        assert abs(outcome.count(b"yes") / 10_000 - probability) < 0.03


@given(TEXTS.filter(lambda value: value.lower() not in {b"y", b"n", b"on", b"no"} and value))
@settings(deadline=None, max_examples=50)
def test_what_is_no_boolean_is_an_error(value: bytes) -> None:
    if value.lower() in {b"0", b"1", b"t", b"f", b"yes", b"off", b"true", b"false"}:
        return
    with pytest.raises(TransformError) as caught:
        apply("boolean", [b"t", None, b"", value])
    assert caught.value.row == 3


def test_a_boolean_keeps_null_and_empty() -> None:
    assert apply("boolean", [None, b"", None], Kind.BOOLEAN) == [None, b"", None]
    for value in (b"2", b"true\0", b"t" * 10**6, b"\xff"):
        with pytest.raises(TransformError):
            apply("boolean", [value])


# Choices


def test_choices_are_equally_likely() -> None:
    values: list[bytes | None] = [b"%d" % i for i in range(9000)]
    outcome = apply("choice", values, values=["a", "b", "ü"])
    assert set(outcome) == {b"a", b"b", "ü".encode()}
    for each in set(outcome):
        assert abs(outcome.count(each) - 3000) < 250
    assert outcome == apply("choice", values, values=["a", "b", "ü"])
    other = apply("choice", values, draw=OTHER, values=["a", "b", "ü"])
    assert abs(sum(a == b for a, b in zip(outcome, other, strict=True)) - 3000) < 250


def test_choices_by_weight() -> None:
    values: list[bytes | None] = [b"%d" % i for i in range(10_000)]
    outcome = apply("choice", values, values=["a", "b", "c", "d"], weights=[0, 6, 3, 1])
    assert outcome.count(b"a") == 0
    for each, share in ((b"b", 0.6), (b"c", 0.3), (b"d", 0.1)):
        assert abs(outcome.count(each) / 10_000 - share) < 0.03
    last = apply("choice", values, draw=RANDOM, values=["a", "b"], weights=[1, 0])
    assert set(last) == {b"a"}


@given(st.lists(st.one_of(TEXTS, st.none()), min_size=1, max_size=20))
@settings(deadline=None, max_examples=40)
def test_every_value_but_null_and_empty_is_replaced(values: list[bytes | None]) -> None:
    for value, new in zip(values, apply("choice", values, values=["x", "y"]), strict=True):
        assert new == value if not value else new in (b"x", b"y")


def test_long_values_get_a_choice_too() -> None:
    assert one("choice", "ü".encode() * 500_000, values=[True, False]) in (b"true", b"false")


def test_an_enum_brings_its_labels() -> None:
    target = Target(Kind.ENUM, Limits(labels=("sad", "ok", "so so")))
    values: list[bytes | None] = [b"%d" % i for i in range(300)]
    found = apply("choice", values, Kind.ENUM, target=target, weights=[1, 1, 1])
    assert set(found) == {b"sad", b"ok", b"so so"}
    made = build("choice", {}, target=target, draw=KEYED)
    assert made.effects.uniqueness is Uniqueness.MAY_COLLIDE
    some = apply("choice", values, Kind.ENUM, target=target, values=["sad", "ok"])
    assert set(some) == {b"sad", b"ok"}


def test_one_value_makes_all_the_same() -> None:
    options: list[dict[str, Any]] = [
        {"values": ["a"]},
        {"values": ["a", "a"]},
        {"values": ["a", "b"], "weights": [1, 0]},
    ]
    for each in options:
        made = build("choice", each, target=Target(Kind.TEXT), draw=KEYED)
        assert made.effects.uniqueness is Uniqueness.CONSTANT


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (Target(Kind.TEXT), {}, "needs the option values"),
        (Target(Kind.ENUM, Limits(labels=("a", "b"))), {"values": ["a", "c"]}, "one of a, b"),
        (Target(Kind.ENUM, Limits(labels=("a", "b"))), {"weights": [1]}, "2 labels"),
        (Target(Kind.INTEGER), {"values": [1, "x"]}, "an integer"),
        (Target(Kind.INTEGER, Limits(bits=16)), {"values": [1, 40_000]}, "doesn't fit"),
        (Target(Kind.NUMERIC, Limits(precision=3, scale=1)), {"values": [100]}, "doesn't fit"),
        (Target(Kind.BOOLEAN), {"values": ["perhaps"]}, "true or false"),
        (Target(Kind.DATE), {"values": ["tomorrow"]}, "a date"),
        (Target(Kind.TEXT, Limits(max_chars=2)), {"values": ["äö", "abc"]}, "the 2 characters"),
        (Target(Kind.TEXT), {"values": ["a"], "weights": [1, 2]}, "as many weights"),
        (Target(Kind.TEXT), {"values": ["a"], "weights": [-1]}, "0 or more"),
        (Target(Kind.TEXT), {"values": ["a"], "weights": [0]}, "above 0"),
        (Target(Kind.TEXT), {"values": ["a", "b"], "weights": [1, float("nan")]}, "0 or more"),
    ],
)
def test_what_does_not_fit_is_refused(target: Target, options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build("choice", options, target=target, draw=KEYED)


def test_choices_fit_as_they_are_written() -> None:
    short = Target(Kind.TEXT, Limits(max_chars=2))
    assert apply("choice", [b"x"], target=short, values=["äö"]) == ["äö".encode()]
    small = Target(Kind.NUMERIC, Limits(precision=3, scale=1))
    assert apply("choice", [b"1"], target=small, values=["99.9"]) == [b"99.9"]
