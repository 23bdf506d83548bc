"""Values that change places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind, Limits
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.registry import build
from tests.support.masking import KEYED, OTHER, RANDOM, TEXTS, apply

MANY: list[bytes | None] = [b"%d" % i for i in range(1000)]


@pytest.mark.parametrize("draw", [KEYED, OTHER, RANDOM])
def test_every_value_moves_and_none_is_lost(draw: object) -> None:
    outcome = apply("shuffle", MANY, draw=draw, least=10)
    assert sorted(filter(None, outcome)) == sorted(filter(None, MANY))
    assert not any(old == new for old, new in zip(MANY, outcome, strict=True))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.one_of(TEXTS, st.none(), st.just(b"")), min_size=1, max_size=30),
    st.sampled_from([KEYED, RANDOM]),
    st.sampled_from([Kind.TEXT, Kind.INTEGER, Kind.JSON, Kind.BINARY]),
)
def test_null_and_empty_stay_in_their_places(
    values: list[bytes | None], draw: object, kind: Kind
) -> None:
    outcome = apply("shuffle", values, kind, draw=draw, least=1)
    assert [value if not value else b"x" for value in outcome] == [
        value if not value else b"x" for value in values
    ]
    assert sorted(filter(None, outcome)) == sorted(filter(None, values))
    counts = {value: values.count(value) for value in values if value}
    for value, new in zip(values, outcome, strict=True):
        if value and counts[value] == 1 and len(counts) > 1:
            assert new != value


def test_the_order_is_a_matter_of_the_key() -> None:
    first = apply("shuffle", MANY, least=10)
    assert first == apply("shuffle", MANY, least=10)
    assert first != apply("shuffle", MANY, draw=OTHER, least=10)
    assert apply("shuffle", MANY, draw=RANDOM, least=10) != apply(
        "shuffle", MANY, draw=RANDOM, least=10
    )
    # One other value, and all places are other ones.
    other = apply("shuffle", [*MANY[:-1], b"other"], least=10)
    assert sum(a == b for a, b in zip(first, other, strict=True)) < 20


def test_where_values_go_is_spread_evenly() -> None:
    values: list[bytes | None] = [b"%d" % i for i in range(8)]
    counts = np.zeros((8, 8))
    for _ in range(2000):
        for place, new in enumerate(apply("shuffle", values, draw=RANDOM, least=1)):
            counts[place, int(new or b"")] += 1
    assert (np.diag(counts) == 0).all()
    others = counts[~np.eye(8, dtype=bool)]
    assert others.min() > 190  # 286 are to be expected, give or take 16
    assert others.max() < 390


@pytest.mark.parametrize(
    ("values", "least"),
    [
        ([b"a"], 2),
        ([b"%d" % (i % 9) for i in range(900)], 10),
        ([b"%d" % i for i in range(9)] + [None, b""], 10),
    ],
)
def test_a_block_that_hides_nothing_is_refused(values: list[bytes | None], least: int) -> None:
    with pytest.raises(TransformError, match=f"where {least} are needed") as caught:
        apply("shuffle", values, least=least)
    assert "least" in (caught.value.hint or "")
    apply("shuffle", values, least=least - 1)


FEW: list[bytes | None] = [b"52000", None, b"61500", b"", b"52000"]


def test_a_small_block_can_become_null() -> None:
    assert apply("shuffle", FEW, Kind.INTEGER, few="null") == [None, None, None, b"", None]
    assert apply("shuffle", FEW, Kind.INTEGER, few=None) == [None, None, None, b"", None]
    many = apply("shuffle", MANY, Kind.INTEGER, few="null")
    assert many == apply("shuffle", MANY, Kind.INTEGER, least=10)
    for few, makes_null in (("null", True), ("random", False), ("fail", False)):
        made = build("shuffle", {"few": few}, target=Target(Kind.INTEGER), draw=KEYED)
        assert made.effects.makes_null is makes_null


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.INTEGER, [b"52000", b"-61500", b"123456789"]),
        (Kind.NUMERIC, [b"1234.50", b"99.95"]),
        (Kind.TEXT, [b"Berlin", "Zürich".encode(), b"y" * 1_000_000]),
        (Kind.ANY, [b"Bielefeld"]),
        (Kind.BINARY, [b"\xff\0\n\t\\456", b"12345678"]),
        (Kind.UUID, [b"3f333df6-90a4-4fda-8dd3-9485d27cee36"]),
        (Kind.DATE, [b"1816-12-10", b"1815-12-10"]),
        (Kind.TIMESTAMP, [b"1815-12-10 08:15:00"]),
    ],
)
def test_a_small_block_can_become_random(kind: Kind, values: list[bytes]) -> None:
    outcome = apply("shuffle", [*values, None, b""], kind, few="random")
    assert outcome[len(values) :] == [None, b""]
    for value, new in zip(values, outcome, strict=False):
        assert new not in (*values, None, b"")
        assert len((new or b"").decode("latin-1" if kind is Kind.BINARY else "utf-8")) == len(
            value.decode("latin-1" if kind is Kind.BINARY else "utf-8")
        )
    assert outcome == apply("shuffle", [*values, None, b""], kind, few="random")
    assert outcome != apply("shuffle", [*values, None, b""], kind, draw=OTHER, few="random")


def test_a_small_block_of_labels_becomes_labels() -> None:
    target = Target(Kind.ENUM, Limits(labels=("sad", "ok", "happy")))
    outcome = apply("shuffle", [b"sad"] * 9, Kind.ENUM, target=target, draw=RANDOM, few="random")
    assert set(outcome) <= {b"sad", b"ok", b"happy"}
    with pytest.raises(UsageError, match="no random values for a column of json values"):
        build("shuffle", {"few": "random"}, target=Target(Kind.JSON), draw=KEYED)


@pytest.mark.parametrize("few", ["null", "random"])
@pytest.mark.parametrize("least", [3, 10])
def test_a_big_block_of_few_distinct_values_is_refused_all_the_same(few: str, least: int) -> None:
    values: list[bytes | None] = [b"1", b"2"] * (least * 50)
    with pytest.raises(TransformError, match="too few distinct values") as caught:
        apply("shuffle", values, Kind.INTEGER, few=few, least=least)
    assert "few" not in (caught.value.hint or "").replace("fewer", "")
    assert apply("shuffle", values[1:], Kind.INTEGER, few=few, least=least) != values[1:]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(TEXTS, st.none(), st.just(b"")), min_size=1, max_size=40),
    st.sampled_from(["null", "random"]),
    st.sampled_from([KEYED, RANDOM]),
)
def test_no_small_block_ends_a_dump_with_few(
    values: list[bytes | None], few: str, draw: object
) -> None:
    outcome = apply("shuffle", values, draw=draw, few=few, least=12)
    distinct = {value for value in values if value}
    if len(distinct) >= 12:
        assert sorted(filter(None, outcome)) == sorted(filter(None, values))
    for value, new in zip(values, outcome, strict=True):
        if not value:
            assert new == value
        elif len(distinct) < 12:
            assert new is None if few == "null" else new


def test_a_block_without_values_has_nothing_to_hide() -> None:
    assert apply("shuffle", [None, b"", None], least=10) == [None, b"", None]


def test_a_blob_stays_a_blob() -> None:
    made = build("shuffle", {"least": 2}, target=Target(Kind.BINARY), draw=KEYED)
    assert made.transform(Column.of([b"\xff\0", b"\x80"], Kind.BINARY)).binary
    assert not made.transform(Column.of([b"a", b"b"])).binary


def test_values_of_a_unique_column_stay_distinct() -> None:
    made = build("shuffle", {}, target=Target(Kind.INTEGER, unique=True), draw=KEYED)
    assert made.effects.uniqueness is Uniqueness.MAY_COLLIDE  # for keys of several columns
    values = [b"%d" % i for i in range(1_000_000)]
    answer = made.transform(Column.of(values, Kind.INTEGER))
    assert len(np.unique(answer.index)) == len(values)
    assert (answer.index != np.arange(len(values))).all()
    assert len(answer.pool.unique()) == len(values)
