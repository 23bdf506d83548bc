from __future__ import annotations

from typing import Any

import pytest

from replicate.errors import TransformError, UsageError
from replicate.rows.column import KEEP, NULL, Kind
from replicate.transformers.base import Effects, Target, Uniqueness
from replicate.transformers.draw import keyed_draw, random_draw
from replicate.transformers.registry import all_transformers, build, names
from tests.support.masking import OPTIONS, column_for, target_of


def make(name: str, kind: Kind = Kind.TEXT, **options: Any) -> Any:
    return build(name, options, target=Target(kind), draw=random_draw())


def test_all_of_them_are_listed_and_described() -> None:
    classes = all_transformers()
    assert [cls.name for cls in classes] == names()
    for cls in classes:
        assert cls.summary
        assert "\n" not in cls.summary
        assert not cls.summary.endswith(".")
        assert cls.__doc__
        assert cls.examples
        assert cls.Options.model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize("cls", all_transformers(), ids=lambda cls: cls.name)
def test_each_can_be_made_for_its_kinds_and_no_other(cls: Any) -> None:
    values: dict[Kind, Any] = {Kind.INTEGER: 1, Kind.REAL: 1.5, Kind.NUMERIC: 1, Kind.BOOLEAN: True}
    values |= {Kind.DATE: "2024-01-01", Kind.TIMESTAMP: "2024-01-01", Kind.TIME: "12:00"}
    values |= {Kind.JSON: "{}", Kind.UUID: "0" * 32}
    for kind in Kind:
        options = dict(cls.examples[0].options)
        if cls.name == "fixed":
            options = {"value": values.get(kind, "x")}
        elif cls.name == "choice":
            options = {"values": [values.get(kind, "x")]}
        target = target_of(cls.name, kind)
        if kind in cls.kinds:
            made = build(cls.name, options, target=target, draw=random_draw())
            produces = made.effects.produces
            assert produces is None or kind in produces
        else:
            with pytest.raises(UsageError, match=cls.name) as caught:
                build(cls.name, options, target=target, draw=random_draw())
            assert kind.value in caught.value.message
            assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [("frist-name", "did you mean first-name?"), ("zzz", "`replicate transformer list`")],
)
def test_an_unknown_name_gets_the_nearest_one(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no transformer '{name}'") as caught:
        make(name)
    assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("name", "options", "message", "hint"),
    [
        ("redacted", {"widht": 3}, "redacted has no option widht", "did you mean width?"),
        ("redacted", {"width": -1}, "option width of the transformer redacted", "its options:"),
        ("redacted", {"width": 1001}, "option width of the transformer redacted", "its options:"),
        ("redacted", {"character": "ab"}, "option character", "its options: character, width"),
        ("redacted", {"character": ""}, "option character", "its options:"),
        ("redacted", {"character": "\ud800"}, "option character", "its options:"),
        ("null", {"locale": "de"}, "null has no option locale", "it takes no options"),
        ("fixed", {}, "fixed needs the option value", "its options: value"),
        ("fixed", {"value": None}, "option value of the transformer fixed", "its options:"),
        ("email", {"domain": "no domain"}, "option domain", "its options:"),
        ("email", {"domain": "a..b"}, "option domain", "its options:"),
        ("email", {"domain": "-a.b"}, "option domain", "its options:"),
        ("email", {"domain": "localhost"}, "option domain", "its options:"),
        ("random-date", {"min": "tomorrow"}, "option min", "its options: min, max"),
        ("random-date", {"min": "2024-01-02", "max": "2024-01-01"}, "min is later", "its options:"),
    ],
)
def test_a_wrong_option_is_named(
    name: str, options: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make(name, **options)
    assert message in caught.value.message
    assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("redacted", {"character": ""}, "it has to have 1 character or more"),
        ("redacted", {"character": "ab"}, "it can't have more than 1 character"),
        ("redacted", {"width": -1}, "it has to be 0 or greater"),
        ("redacted", {"width": "many"}, "it has to be a whole number"),
        ("email", {"keep_domain": "maybe"}, "it has to be true or false"),
        ("email", {"domain": 7}, "it has to be text"),
        ("email", {"domains": "a.example"}, "it has to be a list"),
        ("email", {"domains": ["a.example", 7]}, "element 2 has to be text"),
        ("url", {"domains": []}, "it has to have 1 element or more"),
        ("date-truncate", {"to": "week"}, "it has to be one of year, month, day, hour"),
        ("date-noise", {"within": "soon"}, "it isn't written as it has to be"),
        ("random-date", {"min": "soon"}, "it has to be a date, as 2024-12-31"),
        ("number-noise", {"percent": "1.23456"}, "it can't have more than 4 decimal places"),
        ("number-noise", {"percent": 0}, "it has to be greater than 0"),
        ("boolean", {"probability": "x"}, "it has to be a number"),
        ("json-set", {"set": []}, "it has to be a mapping"),
        ("choice", {"values": [1, None]}, "element 2 has a value that can't be used"),
        ("fixed", {"value": [1]}, "it has a value that can't be used"),
    ],
)
def test_what_is_wrong_with_an_option_is_told_in_our_words(
    name: str, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make(name, **options)
    assert caught.value.message.endswith(f" of the transformer {name}: {reason}")


def test_an_option_s_value_is_not_told() -> None:
    with pytest.raises(UsageError) as caught:
        make("email", domain="Secret Domain")
    assert "Secret" not in caught.value.message + (caught.value.hint or "")


EXPECTED = {
    "random": Effects(Uniqueness.MAY_COLLIDE),
    "random-date": Effects(Uniqueness.MAY_COLLIDE),
    "email": Effects(Uniqueness.PRESERVES, frozenset({Kind.TEXT, Kind.ANY})),
    "redacted": Effects(Uniqueness.MAY_COLLIDE, frozenset({Kind.TEXT, Kind.ANY})),
    "null": Effects(Uniqueness.CONSTANT, makes_null=True),
    "transient": Effects(Uniqueness.PRESERVES),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_effects(name: str) -> None:
    assert make(name).effects == EXPECTED[name]


def test_effects_that_depend_on_the_column() -> None:
    assert make("random", Kind.UUID).effects == Effects(Uniqueness.PRESERVES)
    assert make("fixed", Kind.INTEGER, value=1).effects.produces == {Kind.INTEGER}


@pytest.mark.parametrize("cls", all_transformers(), ids=lambda cls: cls.name)
def test_what_is_declared_of_uniqueness_holds(cls: Any) -> None:
    kind = Kind.TEXT if Kind.TEXT in cls.kinds else Kind.INTEGER
    values: list[bytes | None] = [b"%d" % (10**9 + i * 123_457) for i in range(20_000)]
    options = OPTIONS.get(cls.name, {})
    target = target_of(cls.name, kind)
    made = build(cls.name, options, target=target, draw=keyed_draw(b"k" * 32))
    try:
        answer = made.transform(column_for(made, values, kind))
    except TransformError:
        assert cls.refuses
        return
    pool = answer.pool.to_pylist()
    outcome = [
        values[i] if index == KEEP else None if index == NULL else pool[index]
        for i, index in enumerate(answer.index.tolist())
    ]
    distinct = len(set(outcome))
    uniqueness = made.effects.uniqueness
    assert (distinct == 1) is (uniqueness is Uniqueness.CONSTANT)
    if uniqueness in (Uniqueness.PRESERVES, Uniqueness.PERMUTES):
        assert distinct == len(values)
    assert (None in outcome) is made.effects.makes_null
