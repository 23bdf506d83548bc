"""Conditions: which rows a transformer masks."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import KEEP, Column, Kind, Replacement
from replicate.transformers.base import Effects, Target, Uniqueness
from replicate.transformers.registry import build
from replicate.transformers.wrapping.conditions import When, parse_condition
from tests.support.masking import KEYED

COLUMNS = {
    "i": Kind.INTEGER,
    "n": Kind.NUMERIC,
    "r": Kind.REAL,
    "t": Kind.TEXT,
    "u": Kind.TEXT,
    "b": Kind.BOOLEAN,
    "d": Kind.DATE,
    "ts": Kind.TIMESTAMP,
    "ti": Kind.TIME,
    "e": Kind.ENUM,
    "id": Kind.UUID,
    "j": Kind.JSON,
    "x": Kind.ANY,
    "Weird Col": Kind.TEXT,
    "Upper": Kind.INTEGER,
}


def kept(condition: str, name: str, *values: bytes | None) -> list[bool]:
    """Which of the values of that column the condition leaves alone; others are NULL there."""
    parsed = parse_condition(condition, COLUMNS)
    nulls: list[bytes | None] = [None] * len(values)
    beside = {
        each: Column.of(values if each == name else nulls, COLUMNS[each]) for each in parsed.columns
    }
    outcome: list[bool] = parsed.excludes(beside).tolist()
    return outcome


# Compared with what SQLite makes of the same condition.

INTEGERS = st.one_of(
    st.integers(-3, 3), st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63) + 1])
)
REALS = st.sampled_from([0.0, 0.5, -1.5, 1.0, 2.0, 1e15, 1e-7, 3.25])
TEXTS = st.sampled_from(["", "a", "b", "ab", "abc", "aac", "its", "xy"])  # no case decides
DATES = st.sampled_from(["2019-12-31", "2020-01-01", "2020-02-29", "0001-01-01", "9999-12-31"])
TIMES = st.sampled_from(["2020-01-01 00:00:00", "2020-01-01 10:30:00", "2019-06-01 23:59:59"])
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "i": INTEGERS,
    "r": REALS,
    "t": TEXTS,
    "u": TEXTS,
    "b": st.integers(0, 1),
    "d": DATES,
    "ts": TIMES,
}
OPERATORS = st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="])


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


LITERALS: dict[str, st.SearchStrategy[str]] = {
    "i": INTEGERS.map(str),
    "r": REALS.map(repr),
    "t": TEXTS.map(quoted),
    "u": TEXTS.map(quoted),
    "b": st.sampled_from(["true", "false", "1", "0"]),
    "d": DATES.map(quoted),
    "ts": TIMES.map(quoted),
}
PATTERNS = st.text("ab%_ü.*", max_size=4).map(quoted)


@st.composite
def simple(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(list(CELLS)))
    literal = LITERALS[name]
    form = draw(st.integers(0, 7))
    negated = draw(st.sampled_from(["", "not "]))
    if form <= 1:
        return f"{name} {draw(OPERATORS)} {draw(literal)}"
    if form == 2:
        return f"{draw(literal)} {draw(OPERATORS)} {name}"
    if form == 3:
        return f"{name} {negated}in ({', '.join(draw(st.lists(literal, min_size=1, max_size=3)))})"
    if form == 4:
        return f'"{name}" {negated}between {draw(literal)} and {draw(literal)}'
    if form == 5:
        return f"{name} is {negated}null"
    if form == 6:
        return f"{draw(st.sampled_from(['t', 'u']))} {negated}like {draw(PATTERNS)}"
    return draw(st.sampled_from(["b", "not b", "t = u", "t < u", "i >= i", "u <> t"]))


CONDITIONS = st.recursive(
    simple(),
    lambda below: st.one_of(
        st.tuples(below, st.sampled_from(["and", "or"]), below).map(" ".join),
        below.map("({})".format),
        below.map("not ({})".format),
        below.map("not {}".format),
    ),
    max_leaves=5,
)
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | cells for name, cells in CELLS.items()}),
    min_size=1,
    max_size=8,
)


@settings(max_examples=500, deadline=None)
@given(CONDITIONS, ROWS)
def test_a_condition_is_what_a_database_makes_of_it(
    condition: str, rows: list[dict[str, Any]]
) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("pragma case_sensitive_like = on")
    database.execute(
        "create table s (i integer, r real, t text, u text, b integer, d text, ts text)"
    )
    names = list(CELLS)
    marks = ", ".join(f":{name}" for name in names)
    database.executemany(f"insert into s values ({marks})", rows)
    expected = [row[0] == 0 for row in database.execute(f"select ({condition}) from s")]
    database.close()
    beside = {
        name: Column.of(
            [None if row[name] is None else str(row[name]).encode() for row in rows], COLUMNS[name]
        )
        for name in names
    }
    found = parse_condition(condition, COLUMNS).excludes(beside)
    assert found.tolist() == expected


_UUID = b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


@pytest.mark.parametrize(
    ("condition", "name", "value"),
    [
        ("t = 'x'", "t", None),
        ("not (t = 'x')", "t", None),
        ("t not in ('x', 'y')", "t", None),
        ("i > 5", "i", b"text"),
        ("i > 5", "i", b""),
        ("i <> 5", "i", b"5x"),
        ("r < 5", "r", b"Infinity"),
        ("r <> 5", "r", b"NaN"),
        ("b", "b", b"maybe"),
        ("b", "b", b"true"),  # a text of SQLite, which is neither true nor false
        ("b = 't'", "b", b"1"),
        ("b in ('true', 'false')", "b", b"0"),
        ("d < '2020-01-01'", "d", b"infinity"),
        ("d < '2020-01-01'", "d", b"12020-01-01"),
        ("d < '2020-01-01'", "d", b"0044-03-15 BC"),
        ("ts < '2020-01-01'", "ts", b"2021-01-01 00:00:00+02"),
        ("ts < '2020-01-01'", "ts", b"1609459200"),
        ("t like 'a%'", "t", b"\xff"),
        ("id = '00000000-0000-4000-8000-000000000000'", "id", b"none"),
        ("x = 5", "x", b"a"),
        ("x = 5", "x", b"5"),
        ("x > 5", "x", b"3"),
        ("x = '5'", "x", b"5.0"),
        ("x = 'inf'", "x", b"inf"),
        # Case, accents, and the spelling of what SQLite has no type for.
        ("t = 'us'", "t", b"US"),
        ("t in ('us', 'de')", "t", b"De"),
        ("t between 'u' and 'v'", "t", b"US"),
        ("t < 'a'", "t", b"B"),
        ("t = 'straße'", "t", "STRAßE".encode()),
        ("t = 'jose'", "t", "José".encode()),
        ("t = 'm'", "t", b"m\x00"),
        ("t < 'm'", "t", "é".encode()),
        ("t < 'a-c'", "t", b"a_b"),
        ("t < 'a-c'", "t", b"aa"),
        ("t like 'u%'", "t", b"US"),
        ("t like 'É%'", "t", "ét".encode()),
        ("t ilike 'É%'", "t", "ét".encode()),
        ("t ~ '^u'", "t", b"US"),
        ("t like '%0.3%'", "t", b"0.30000000000000004"),
        ("t = '007'", "t", b"7"),
        ("t > '5'", "t", b"10"),
        ("t = ' 5'", "t", b"5"),
        ("n = 0.1000000000000000000000001", "n", b"0.1"),
        ("ts = '2020-01-01'", "ts", b"2020-01-01T00:00:00.000Z"),
        ("ts > '2020-01-01T12:00:00Z'", "ts", b"2020-01-01 12:00:00.5"),
        ("ti <= '17:00'", "ti", b"17:00:00+00"),
        ("id = '{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'", "id", _UUID),
        (f"id = '{_UUID.decode()}'", "id", _UUID.upper()),
    ],
)
def test_what_is_unknown_is_masked(condition: str, name: str, value: bytes | None) -> None:
    assert kept(condition, name, value) == [False]
    assert kept(f"not ({condition})", name, value) == [False]


@pytest.mark.parametrize(
    ("condition", "name", "true", "false"),
    [
        ("i = 9007199254740993", "i", b"9007199254740993", b"9007199254740992"),
        ("n = 0.1", "n", b"0.1000000000000000000000000", b"0.1000000000000000000000001"),
        ("n > 1e400", "n", b"1e401", b"1e399"),
        ("n < -.5", "n", b"-0.51", b"-0.5"),
        ("n = '12.50'", "n", b"12.5", b"12.51"),
        ("i = +7", "i", b"+7", b"-7"),
        ("n <> 100000000000000000000", "n", b"100000000000000000001", b"1e20"),
        ("b = true", "b", b"t", b"f"),
        ("b", "b", b"1", b"0"),
        ("b = 'False'", "b", b"f", b"t"),
        ("not b", "b", b"0", b"1"),
        ("d >= '2020-01-01'", "d", b"2020-01-01", b"2019-12-31"),
        ("d = '2020-01-01'", "d", b"2020-01-01", b"2020-01-01 00:00:01"),
        ("ts = '2020-01-01'", "ts", b"2020-01-01", b"2020-01-01 00:00:00.000001"),
        ("ts < '2020-01-01 12:00'", "ts", b"2020-01-01 11:59:59.9+00", b"2020-01-01 12:00:00+00"),
        ("ts > '2020-01-01T12:00:00Z'", "ts", b"2020-01-02 12:00:00.5", b"2020-01-01 11:00"),
        ("ti between '08:00' and '17:00'", "ti", b"16:59:59+00", b"17:00:00.1"),
        ("e = 'new'", "e", b"new", b"old"),
        ("e not in ('new', 'old')", "e", b"sold", b"old"),
        (f"id = '{_UUID.decode()}'", "id", _UUID, _UUID[:-1] + b"2"),
        ("x = 'b'", "x", b"b", b"a"),
        ("t like 'a_c%'", "t", "aüc\n".encode(), b"ac"),
        ("t like 'a.c'", "t", b"a.c", b"abc"),
        ("t ilike 'É%'", "t", "ÉT".encode(), b"e"),
        ("t not ilike 'a%'", "t", b"b", b"ABC"),
        ("t ~ '^[0-9]+$'", "t", b"42", b"42a"),
        ("t !~ '^[0-9]+$'", "t", b"42a", b"42"),
        ("t ~* 'ABC'", "t", b"xabcx", b"ab"),
        ("t = 'C:\\dir'", "t", b"C:\\dir", b"C:dir"),
        ("\"Weird Col\" = 'it''s'", "Weird Col", b"it's", b"its"),
        ("T = 'x'", "t", b"x", b"y"),
        ("upper = 1", "Upper", b"1", b"2"),
        ("j is null", "j", None, b"{}"),
        ("j is not null", "j", b"{}", None),
    ],
)
def test_what_is_true_is_masked_and_what_is_false_stays(
    condition: str, name: str, true: bytes | None, false: bytes | None
) -> None:
    assert kept(condition, name, true, false) == [False, True]
    assert kept(f"not ({condition})", name, true, false) == [True, False]
    assert kept(condition, name, false) == [True]  # one row is compared like many


def test_spaces_at_the_end_never_leave_a_value_unmasked() -> None:
    # A column of fixed width is padded, and its comparisons overlook that.
    values = [b"DE", b"DE  ", b"FR", b"FR  "]
    assert kept("t = 'DE'", "t", *values) == [False, False, True, True]
    assert kept("t <> 'DE'", "t", *values) == [True, False, False, False]
    assert kept("t = 'DE  '", "t", *values) == [False, False, True, True]
    assert kept("t > 'DE'", "t", *values) == [True, False, False, False]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("", "no condition"),
        ("t =", "no condition"),
        ("t = 'x", "no condition"),
        ("t = 'x'; t = 'y'", "no condition"),
        ("select 1", "can't hold a query"),
        ("t = (select 1)", "can't hold a subquery"),
        ("t in (select 1)", "can't hold In|no choices"),
        ("i in ()", "no choices"),
        ("i::text = 'x'", "can't hold a cast"),
        ("d = date '2020-01-01'", "can't hold a cast"),
        ("lower(t) = 'x'", "can't hold Lower"),
        ("i + 1 = 2", "can't hold arithmetic"),
        ("t = E'x'", "can't hold ByteString"),
        ("t like 'x' escape '!'", "can't hold Escape"),
        ("t like '\\%'", "backslash"),
        ("t like u", "a pattern is a text"),
        ("i like '1'", "match no pattern"),
        ("t ~ '('", "no regular expression"),
        ("t ~ 'a(?=b)'", "no regular expression"),
        ("b is true", "is .not. null"),
        ("i is distinct from 1", "can't hold"),
        ("t = null", "nothing compares with null"),
        ("t in ('x', null)", "nothing compares with null"),
        ("1 = 1", "two constants"),
        ("true", "can't hold Boolean"),
        ("s.t = 'x'", "can't hold Column"),
        ("t", "not true or false"),
        ("i = 'x'", "doesn't fit"),
        ("i = true", "doesn't fit"),
        ("t = 5", "doesn't fit"),
        ("t = true", "doesn't fit"),
        ("b = 2", "doesn't fit"),
        ("d = '2020-13-01'", "doesn't fit"),
        ("d = '2020-02-30'", "doesn't fit"),
        ("d < '2020-01-01 12:00'", "doesn't fit"),
        ("ts < '2020-01-01 12:00+02'", "doesn't fit"),
        ("ts < 'infinity'", "doesn't fit"),
        ("id = 'x'", "doesn't fit"),
        ("e < 'x'", "no order"),
        ("j = '{}'", "can't be compared"),
        ("t = i", "can't be compared with"),
        ("x = t", "can't be compared"),
        ("a_ge = 1", "doesn't have"),
        ('"upper" = 1', "doesn't have"),
        ("i = 1_000", "can't hold Alias"),
        ("i = $1", "can't hold Parameter"),
        ("i = any('{1}')", "can't hold Any"),
        ("(i, n) = (1, 2)", "can't hold Tuple"),
        ("t = 'x' collate \"C\"", "can't hold Collate"),
        ("not " * 200 + "b", "too deeply|no condition"),
    ],
)
def test_what_is_not_supported_is_refused(condition: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_condition(condition, COLUMNS)
    assert "\x1b" not in caught.value.message + (caught.value.hint or "")


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        parse_condition("created_att = 1", {"created_at": Kind.DATE, "country": Kind.TEXT})
    assert caught.value.hint == "did you mean created_at?"


def test_numbers_in_columns_without_a_type_are_compared_where_text_would_be_the_same() -> None:
    assert kept("x = 5", "x", b"7") == [True]
    assert kept("x < 5", "x", b"7") == [True]
    assert kept("x > 5", "x", b"7") == [False]
    assert kept("not (x > 5)", "x", b"7") == [True]
    assert kept("x = true", "x", b"0") == [True]
    assert kept("x = 'a'", "x", b"5") == [True]


def test_a_value_of_another_kind_compares_with_nothing() -> None:
    odd = replace(Column.of([b"5", b"5", None]), odd=np.array([True, False, False]))
    for column in (odd, odd.take(np.array([0, 1, 2]))):
        for condition, stays in (
            ("t <> '5'", [False, True, False]),
            ("t = '6'", [False, True, False]),
            ("t like '6'", [False, True, False]),
            ("t ~ '6'", [False, True, False]),
            ("t is null", [True, True, False]),
            ("t is not null", [False, False, True]),
        ):
            assert parse_condition(condition, COLUMNS).excludes({"t": column}).tolist() == stays


def test_long_conditions_are_parsed() -> None:
    many = " or ".join(f"i = {i}" for i in range(300))
    assert kept(many, "i", b"299", b"300") == [False, True]
    assert kept(f"i in ({', '.join(map(str, range(300)))})", "i", b"0", b"-1") == [False, True]


# What a transformer does under a condition.

WHERE = {"country": Kind.TEXT, "age": Kind.INTEGER}


def email(condition: str) -> When:
    inner = build("email", {}, target=Target(Kind.TEXT), draw=KEYED)
    return When(inner, condition, WHERE)


def run(
    made: When, values: Sequence[bytes | None], **beside: Sequence[bytes | None]
) -> list[bytes | None]:
    column = replace(
        Column.of(values), beside={name: Column.of(each) for name, each in beside.items()}
    )
    answer = made.transform(column)
    assert answer.index.dtype == np.int32
    pool = answer.pool.to_pylist()
    return [
        values[i] if index == KEEP else pool[index] for i, index in enumerate(answer.index.tolist())
    ]


def test_only_the_rows_of_the_condition_are_masked() -> None:
    made = email("country = 'DE'")
    assert made.reads == {"country"}
    outcome = run(made, [b"a", b"b", b"c", b"d"], country=[b"DE", b"FR", None, b"DE"])
    alone = run(
        email("country is null or country is not null"), [b"a", b"c", b"d"], country=[b""] * 3
    )
    assert outcome == [alone[0], b"b", alone[1], alone[2]]
    assert not {b"a", b"c", b"d"} & set(outcome)
    assert run(made, [b"a", b"b"], country=[b"FR", b"US"]) == [b"a", b"b"]
    assert run(made, [b"a"], country=[b"DE"]) == [alone[0]]


class Refusing:
    """Refuses what it is given second, and reads a column."""

    reads = frozenset({"age"})
    reads_masked = frozenset({"country"})
    effects = Effects(Uniqueness.CONSTANT, frozenset({Kind.TEXT}), True)
    closed = False

    def transform(self, column: Column) -> Replacement:
        assert len(column.beside["age"]) == len(column)
        raise TransformError("refused", row=1)

    def close(self) -> None:
        self.closed = True


def test_errors_tell_the_row_of_the_column() -> None:
    inner = Refusing()
    made = When(inner, "country = 'DE'", WHERE)
    assert made.reads == {"age", "country"}
    assert made.reads_masked == {"country"}
    with pytest.raises(TransformError) as caught:
        run(made, [b"a", b"b", b"c"], country=[b"DE", b"FR", b"DE"], age=[b"1", b"2", b"3"])
    assert caught.value.row == 2
    made.close()
    assert inner.closed


def test_a_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TransformError, match="country"):
        run(email("country = 'DE'"), [b"a"], age=[b"1"])


@pytest.mark.parametrize("uniqueness", Uniqueness)
def test_distinct_values_stay_so_only_if_replacements_meet_no_value(uniqueness: Uniqueness) -> None:
    inner = Refusing()
    inner.effects = Effects(uniqueness, frozenset({Kind.TEXT}), True)
    preserves = uniqueness is Uniqueness.PRESERVES
    expected = uniqueness if preserves else Uniqueness.MAY_COLLIDE
    assert When(inner, "age > 5", WHERE).effects == Effects(expected, frozenset({Kind.TEXT}), True)


def test_rows_are_independent() -> None:
    made = email("age >= 18 and country <> 'DE'")
    values: list[bytes | None] = [b"v%d" % i for i in range(200)]
    ages: list[bytes | None] = [b"%d" % (i % 40) if i % 7 else None for i in range(200)]
    countries: list[bytes | None] = [[b"DE", b"FR", None][i % 3] for i in range(200)]
    outcome = run(made, values, age=ages, country=countries)
    assert outcome[::-1] == run(made, values[::-1], age=ages[::-1], country=countries[::-1])
    for i in range(0, 200, 17):
        assert run(made, [values[i]], age=[ages[i]], country=[countries[i]]) == [outcome[i]]


@pytest.mark.parametrize(
    ("condition", "value", "excluded"),
    [
        # PostgreSQL's own answer is true, or may be.
        ("c ~ 'a.b'", "a\nb", False),
        (r"c ~ '^\w$'", "ü", False),
        ("c ~ '^[[:alpha:]]$'", "ü", False),
        ("c ~* '^ü$'", "Ü", False),
        ("not c ~ 'a.b'", "axb", True),
        ("c ~ 'a.b'", "a-c", True),
        (r"c ~ '^\w$'", "-", True),
        ("c ~ 'x'", "ü", True),
    ],
)
def test_where_dialects_of_expressions_differ_the_value_is_masked(
    condition: str, value: str, excluded: bool
) -> None:
    parsed = parse_condition(condition, {"c": Kind.TEXT})
    assert parsed.excludes({"c": Column.of([value.encode()])}).tolist() == [excluded]
