"""format-preserving, and the permutations of characters and numbers that others use as well."""

from __future__ import annotations

import pickle
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind, Limits
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.columnar.characters import Permuted
from replicate.transformers.draw import KeyedDraw
from replicate.transformers.registry import build
from tests.support.masking import KEYED, OTHER, RANDOM, apply, one

NAME = "format-preserving"


def shape(value: bytes) -> bytes:
    value = re.sub(rb"[0-9]", b"0", value)
    return re.sub(rb"[A-Z]", b"A", re.sub(rb"[a-z]", b"a", value))


WITH_SOMETHING = st.from_regex(r"[ -~]*[0-9A-Za-z][ -~€\u2013😀\u00a0]*", fullmatch=True).map(
    str.encode
)


@settings(deadline=None)
@given(st.lists(st.one_of(WITH_SOMETHING, st.none(), st.just(b"")), min_size=1, max_size=20))
def test_a_value_keeps_its_format(values: list[bytes | None]) -> None:
    for draw in (KEYED, RANDOM):
        for value, new in zip(values, apply(NAME, values, draw=draw), strict=True):
            if not value:
                assert new == value
            else:
                assert new is not None
                assert shape(new) == shape(value)
    masked = apply(NAME, values)
    assert masked == apply(NAME, values)
    # One to one: as many distinct ones as before.
    assert len(set(masked)) == len(set(values))
    assert [apply(NAME, [value])[0] for value in values] == masked


def test_one_key_gives_one_replacement() -> None:
    values: list[bytes | None] = [b"AB-%05d" % i for i in range(500)]
    keyed = apply(NAME, values)
    assert sum(a == b for a, b in zip(keyed, apply(NAME, values, draw=OTHER), strict=True)) < 5
    assert sum(a == b for a, b in zip(keyed, values, strict=True)) < 5
    random = apply(NAME, values, draw=RANDOM)
    assert random != apply(NAME, values, draw=RANDOM)


@pytest.mark.parametrize(
    "form",
    ["{:06d}", "+{:09d}", "A{:07d}", "{:06d}-X", "{:06x}", "{:040d}", "ab cd {:06d} " + "e" * 30],
)
def test_a_million_distinct_values_stay_distinct(form: str) -> None:
    count = 10**6 if form == "{:06d}" else 100_000
    values: list[bytes | None] = [form.format(i).encode() for i in range(count)]
    outcome = apply(NAME, values)
    assert len(set(outcome)) == count
    assert not {shape(value or b"") for value in outcome} - {
        shape(value or b"") for value in values
    }


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_values_are_permuted_among_themselves(length: int) -> None:
    alphabet = [bytes([letter]) for letter in b"abcdefghijklmnopqrstuvwxyz"]
    values: list[bytes | None] = [b""]
    for _ in range(length):
        values = [(value or b"") + letter for value in values for letter in alphabet]
    outcome = apply(NAME, values)
    assert sorted(value or b"" for value in outcome) == sorted(value or b"" for value in values)
    assert outcome != values


def test_every_part_depends_on_the_whole_value() -> None:
    base = b"AB-123456 " + b"c" * 60 + b" 9"
    variants = [base.replace(b"AB", b"AC"), base.replace(b"3", b"4"), base[:-1] + b"8"]
    variants += [base[:40] + b"d" + base[41:]]
    old = one(NAME, base)
    for variant in variants:
        new = one(NAME, variant)
        same = sum(a == b for a, b in zip(old, new, strict=True))
        assert same < 30  # of 73, of which 4 are no letters or digits


def test_spellings_that_differ_in_case_alone_come_out_so() -> None:
    values: list[bytes | None] = [b"Jane Roe 7", b"JANE ROE 7", b"jane roe 7"]
    outcome = apply(NAME, values)
    assert len(set(outcome)) == 3
    assert len({(value or b"").lower() for value in outcome}) == 1


def test_values_of_any_length() -> None:
    for value in (b"a", b"Z", b"0", b"x7" * 500_000, b"5" * 1_000_000, b"-" * 999_999 + b"1"):
        new = one(NAME, value)
        assert shape(new) == shape(value)
    long = b"0123456789" * 100_000
    assert sum(a == b for a, b in zip(long, one(NAME, long), strict=True)) < 120_000
    assert one(NAME, long) != one(NAME, long[:-1] + b"0")


def test_escapes_and_control_characters_stay() -> None:
    new = one(NAME, b"a\tb\\n\nc\0\x7f1")
    assert re.fullmatch(rb"[a-z]\t[a-z]\\[a-z]\n[a-z]\0\x7f[0-9]", new)


@pytest.mark.parametrize(
    "value",
    [
        "Müller 12",
        "Zoë",
        "a\u0301b",
        "日本 1",
        "٣ a",
        "Ⅳ a",
        "\ue000 1",
        "東京",
        "Ⓐ 1",
        "ⓐ 1",
        "😀",
        "-- --",
        " ",
    ],
)
def test_what_can_not_be_replaced_does_not_pass(value: str) -> None:
    with pytest.raises(TransformError) as caught:
        apply(NAME, [b"fine 1", None, value.encode(), b"fine 2"])
    assert caught.value.row == 2
    assert caught.value.hint
    assert len(value) < 2 or value not in caught.value.message


def test_bytes_that_are_no_text_do_not_pass() -> None:
    for value in (b"\xff1", b"a\x80", b"\xc3", b"1\xe2\x82"):
        with pytest.raises(TransformError) as caught:
            apply(NAME, [None, value])
        assert caught.value.row == 1


def test_symbols_outside_of_ascii_stay() -> None:
    new = one(NAME, "№ 4711 \u2013 10 € 👍🏽 ❤\ufe0f".encode()).decode()
    assert re.fullmatch("№ [0-9]{4} \u2013 [0-9]{2} € 👍🏽 ❤\ufe0f", new)


# What is kept


def test_the_ends_are_kept_of_values_that_are_longer() -> None:
    assert re.fullmatch(
        rb"4929 \d{4} \d{4} 9015", one(NAME, b"4929 1234 5678 9015", keep_first=4, keep_last=4)
    )
    assert one(NAME, b"\xe2\x82\xacabcdef", keep_first=2).startswith(b"\xe2\x82\xaca")
    assert one(NAME, b"abcdef\xe2\x82\xac", keep_last=2).endswith(b"f\xe2\x82\xac")
    # Of a short one nothing is kept.
    values: list[bytes | None] = [b"ab%02d" % i for i in range(100)]
    outcome = apply(NAME, values, keep_first=2, keep_last=2)
    assert len(set(outcome)) == 100
    assert not any((value or b"").startswith(b"ab") for value in outcome)
    assert apply(NAME, [b"ab123"], keep_first=2, keep_last=2) != [b"ab123"] or (
        apply(NAME, [b"ab124"], keep_first=2, keep_last=2) != [b"ab124"]
    )


def test_a_value_whose_rest_has_nothing_to_replace_does_not_pass() -> None:
    with pytest.raises(TransformError):
        one(NAME, b"ab---", keep_first=2)
    with pytest.raises(TransformError):
        one(NAME, b"1.500", Kind.NUMERIC, keep_first=1, keep_last=1)


def test_numbers_keep_their_ends_too() -> None:
    new = one(NAME, b"-123456", Kind.INTEGER, keep_first=3, keep_last=1)
    assert re.fullmatch(rb"-12\d{3}6", new)
    assert re.fullmatch(rb"-[1-9]", one(NAME, b"-7", Kind.INTEGER, keep_first=3))
    assert one(NAME, b"12345", Kind.INTEGER, keep_last=1000) == one(NAME, b"12345", Kind.INTEGER)


def test_decimal_numbers_stay_distinct_beside_what_is_kept() -> None:
    # 96 and 59.0 once met: of one the 6 was kept, and of the other the 0 behind the point.
    tens = [b"%d" % i for i in range(10, 100)] + [b"%d.0" % i for i in range(10, 100)]
    values: list[bytes | None] = [*tens, *(b"%d.%d" % (i, i % 9 + 1) for i in range(10, 1000))]
    values += [b"%d.%d0" % (i, i % 9 + 1) for i in range(10, 1000)]
    ends: list[dict[str, Any]] = [{"keep_last": 1}, {"keep_last": 2}]
    ends += [{"keep_first": 1, "keep_last": 1}]
    for keep in ends:
        # Of 12.5 there would be nothing left between the ends of two, or of one each.
        some = [value for value in values if keep == ends[0] or float(value or b"") >= 100]
        for kind in (Kind.NUMERIC, Kind.REAL):
            outcome = apply(NAME, some, kind, built_for=Kind.ANY, **keep)
            old = [Decimal((value or b"").decode()) for value in some]
            new = [Decimal((value or b"").decode()) for value in outcome]
            assert len(set(zip(old, new, strict=True))) == len(set(old)) == len(set(new))


def test_the_places_of_a_column_s_scale_are_kept() -> None:
    target = Target(Kind.NUMERIC, Limits(precision=8, scale=2), unique=True)
    numbers = [*range(10_000, 20_000), *range(100_000, 900_000, 100)]
    values: list[bytes | None] = [b"%d.%02d" % divmod(number, 100) for number in numbers]
    outcome = apply(NAME, values, Kind.NUMERIC, target=target, keep_last=2)
    assert len(set(outcome)) == len(set(values))
    assert [(value or b"")[-2:] for value in outcome] == [(value or b"")[-2:] for value in values]
    ones = [((a or b"")[-4], (b or b"")[-4]) for a, b in zip(values, outcome, strict=True)]
    assert sum(a == b for a, b in ones) < len(values) // 5


# Columns that take upper and lower case for the same


@pytest.mark.parametrize(
    "options", [{}, {"keep_first": 1}, {"keep_last": 2}, {"keep_first": 2, "keep_last": 1}]
)
@pytest.mark.parametrize("form", ["A{:03d}", "aB{:03d}x", "{:02x}c{:d}", "a-{:040d}-Z", "€a{:d}"])
def test_values_that_differ_in_more_than_case_do_so_whatever_the_case(
    form: str, options: dict[str, Any]
) -> None:
    spelt = [form.format(i, i % 10).encode() for i in range(100, 1000)]
    values: list[bytes | None] = [
        value if i % 3 == 0 else value.upper() if i % 3 == 1 else value.lower()
        for i, value in enumerate(spelt)
    ]
    outcome = apply(NAME, values, **options)
    assert len({(value or b"").lower() for value in outcome}) == len(
        {value.lower() for value in spelt}
    )


ANY_CASE = st.one_of(
    st.from_regex(r"[aAbB1-]{0,3}[01aAB]{5}[xX-]{0,3}", fullmatch=True),
    st.from_regex(r"[aA1]{1,4}", fullmatch=True),
).map(str.encode)


@settings(deadline=None)
@given(st.lists(ANY_CASE, min_size=1, max_size=200), st.integers(0, 2), st.integers(0, 2))
def test_case_decides_nothing_but_case(values: list[bytes], first: int, last: int) -> None:
    def lower(outcome: list[bytes | None]) -> list[bytes]:
        return [(value or b"").lower() for value in outcome]

    options: dict[str, Any] = {"keep_first": first, "keep_last": last}
    outcome = lower(apply(NAME, list[bytes | None](values), **options))
    assert outcome == lower(apply(NAME, [value.swapcase() for value in values], **options))
    assert len(set(outcome)) == len(set(lower(list[bytes | None](values))))


# Numbers


@pytest.mark.parametrize("places", [1, 2, 3, 4])
@pytest.mark.parametrize("sign", ["", "-"])
def test_integers_of_so_many_digits_are_permuted(places: int, sign: str) -> None:
    first = 0 if places == 1 and not sign else 10 ** (places - 1)
    values: list[bytes | None] = [f"{sign}{i}".encode() for i in range(first, 10**places)]
    outcome = apply(NAME, values, Kind.INTEGER)
    assert outcome != values
    assert set(outcome) == set(values)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_integers_stay_within_their_column(bits: int) -> None:
    edge = 2 ** (bits - 1)
    numbers = [*range(edge - 3000, edge), *range(-edge, -edge + 3000)]
    numbers += [10 ** (len(str(edge)) - 1) + i for i in range(3000)]
    values: list[bytes | None] = [b"%d" % number for number in numbers]
    outcome = apply(NAME, values, Kind.INTEGER, target=Target(Kind.INTEGER, Limits(bits=bits)))
    assert all(-edge <= int(value or b"") < edge for value in outcome)
    assert len(set(outcome)) == len(set(values))
    with pytest.raises(TransformError):
        apply(NAME, [b"%d" % edge], Kind.INTEGER, target=Target(Kind.INTEGER, Limits(bits=bits)))


def test_all_large_integers_of_16_bits_are_permuted() -> None:
    values: list[bytes | None] = [
        b"%d" % i for i in [*range(10_000, 32_768), *range(-32_768, -9999)]
    ]
    target = Target(Kind.INTEGER, Limits(bits=16), unique=True)
    assert set(apply(NAME, values, Kind.INTEGER, target=target)) == set(values)


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30), st.booleans())
def test_integers_stay_integers(numbers: list[int], keyed: bool) -> None:
    values: list[bytes | None] = [b"%d" % number for number in numbers]
    outcome = apply(NAME, values, Kind.INTEGER, KEYED if keyed else RANDOM)
    for value, new in zip(values, outcome, strict=True):
        assert new is not None
        assert shape(new) == shape(value or b"")
        assert -(2**63) <= int(new) < 2**63
        assert b"%d" % int(new) == new
    if keyed:
        assert len(set(outcome)) == len(set(values))


DECIMALS = st.decimals(
    min_value=-99_999, max_value=99_999, places=3, allow_nan=False, allow_infinity=False
).filter(lambda number: number != 0 or not number.is_signed())


@settings(deadline=None)
@given(st.lists(st.tuples(DECIMALS, st.integers(0, 3)), min_size=1, max_size=30))
def test_decimal_numbers_that_differ_still_do(numbers: list[tuple[Decimal, int]]) -> None:
    # Equal numbers with more or fewer zeros behind the point among them.
    values: list[bytes | None] = [
        (str(number.normalize() + 0) if not more else f"{number}{'0' * more}").encode()
        for number, more in numbers
    ]
    values = [value for value in values if value and b"E" not in value]
    outcome = apply(NAME, values, Kind.NUMERIC)
    assert [shape(value or b"") for value in outcome] == [shape(value or b"") for value in values]
    old = [Decimal((value or b"").decode()) for value in values]
    new = [Decimal((value or b"").decode()) for value in outcome]
    assert len(set(zip(old, new, strict=True))) == len(set(old)) == len(set(new))


def test_decimal_numbers_of_two_places_are_permuted() -> None:
    values: list[bytes | None] = [b"%d.%02d" % (i // 100, i % 100) for i in range(10_000)]
    target = Target(Kind.NUMERIC, Limits(precision=4, scale=2), unique=True)
    assert set(apply(NAME, values, Kind.NUMERIC, target=target)) == set(values)


@pytest.mark.parametrize(
    "value", [b"NaN", b"1e5", b"Infinity", b"-0", b"-0.00", b"x", b".5", b"1" * 33, b"1\0", b"+1"]
)
def test_what_is_no_plain_number_does_not_pass(value: bytes) -> None:
    with pytest.raises(TransformError) as caught:
        apply(NAME, [b"1", None, value], Kind.NUMERIC)
    assert caught.value.row == 2


def test_floating_point_numbers_of_a_typeless_column() -> None:
    values: list[bytes | None] = [b"%d.%d" % (i, 10 * i + 1) for i in range(1000)]
    outcome = apply(NAME, values, Kind.REAL, built_for=Kind.ANY)
    assert len({float(value or b"") for value in outcome}) == 1000
    for value in (b"0.12345678901234567", b"1e+20"):
        with pytest.raises(TransformError):
            apply(NAME, [value], Kind.REAL, built_for=Kind.ANY)


# What is declared


def test_effects() -> None:
    def uniqueness(draw: Any) -> Uniqueness:
        return build(NAME, {}, target=Target(Kind.TEXT), draw=draw).effects.uniqueness

    assert uniqueness(KEYED) is Uniqueness.PERMUTES
    assert uniqueness(RANDOM) is Uniqueness.MAY_COLLIDE


def test_blobs_stay_blobs() -> None:
    made = build(NAME, {}, target=Target(Kind.ANY), draw=KEYED)
    assert made.transform(Column.of([b"ab1"], Kind.BINARY)).binary
    assert not made.transform(Column.of([b"ab1"], Kind.TEXT)).binary


def test_columns_that_it_does_not_fit() -> None:
    with pytest.raises(UsageError, match="digit before the point") as caught:
        build(NAME, {}, target=Target(Kind.NUMERIC, Limits(precision=3, scale=3)), draw=KEYED)
    assert caught.value.hint
    with pytest.raises(UsageError, match="digit before the point"):
        build(NAME, {}, target=Target(Kind.NUMERIC, Limits(precision=2, scale=5)), draw=KEYED)
    # The database rounds what is put there, and what was distinct would be the same.
    for unique in (True, False):
        target = Target(Kind.NUMERIC, Limits(precision=3, scale=-2), unique=unique)
        with pytest.raises(UsageError, match="rounds") as caught:
            build(NAME, {}, target=target, draw=KEYED)
        assert ("number-noise" in (caught.value.hint or "")) is not unique
    for options in ({"keep_first": -1}, {"keep_last": 1001}, {"alphabet": "x"}):
        with pytest.raises(UsageError):
            build(NAME, options, target=Target(Kind.TEXT), draw=KEYED)


# What the permutations are made of


def test_permutations_may_be_pickled() -> None:
    permuted = Permuted(bytes(32))
    data = np.frombuffer(b"ab12cd", np.uint8)
    length = np.array([4, 2], np.int64)
    expected = permuted(data, length, np.ones(6, np.bool_))
    copy = pickle.loads(pickle.dumps(permuted))  # noqa: S301 - its own
    np.testing.assert_array_equal(copy(data, length, np.ones(6, np.bool_)), expected)


def test_permutations_of_one_draw_s_key_are_not_the_draw_s_own_bytes() -> None:
    # What is permuted tells nothing of what the same key draws: another key derives from it.
    key = bytes(range(32))
    drawn = KeyedDraw(key)(Column.of([b"0" * 16]))
    new = Permuted(key)(np.frombuffer(b"0" * 16, np.uint8), np.array([16]), np.ones(16, np.bool_))
    assert drawn.tobytes() != new.tobytes()


# The replacements under one key stay the same from version to version.
KNOWN: list[tuple[bytes, Kind, dict[str, Any], bytes]] = [
    (b"DE-4711/ab", Kind.TEXT, {}, b"XT-3032/qk"),
    (b"0123456789", Kind.TEXT, {}, b"9018936839"),
    (
        b"a fox and a goose of more than twenty-two letters, 42",
        Kind.TEXT,
        {},
        b"c ipk fte d wnkbj ci vxxf yeex hlgjds-sfs feeitvj, 52",
    ),
    (b"x", Kind.TEXT, {}, b"e"),
    (b"AB", Kind.TEXT, {}, b"QL"),
    (b"a1", Kind.TEXT, {}, b"r6"),
    (b"jane.roe4711@mail.test", Kind.TEXT, {}, b"sibj.ihb9479@zjsx.lcwr"),
    (b"4929 1234 5678 9015", Kind.TEXT, {"keep_last": 4}, b"4971 2805 4197 9015"),
    (b"2024181440", Kind.INTEGER, {}, b"9484328985"),
    (b"-7", Kind.INTEGER, {}, b"-2"),
    (b"0", Kind.INTEGER, {}, b"6"),
    (b"-1234567890123456789", Kind.INTEGER, {}, b"-3352736297322361847"),
    (b"1500.250", Kind.NUMERIC, {}, b"5071.960"),
    (b"0.05", Kind.NUMERIC, {}, b"0.08"),
    (b"1234567.25", Kind.NUMERIC, {"keep_first": 2}, b"1247659.97"),
]


@pytest.mark.parametrize(("value", "kind", "options", "expected"), KNOWN)
def test_replacements_are_those_of_every_version(
    value: bytes, kind: Kind, options: dict[str, Any], expected: bytes
) -> None:
    assert one(NAME, value, kind, **options) == expected
