"""Transformers that keep a part of a value, and constants."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import UsageError
from replicate.rows.arrays import indexes
from replicate.rows.column import Column, Kind, Limits
from replicate.transformers.base import Target
from replicate.transformers.registry import build
from tests.support.masking import (
    KEYED,
    TEXTS,
    apply,
    one,
)

# The first characters


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"Jane", b"J"),
        ("Éva".encode(), "É".encode()),
        ("日本".encode(), "日".encode()),
        ("😀😀".encode(), "😀".encode()),
        (b"\xf0\x9f\x98", b"\xf0\x9f\x98"),
        (b"\x80\x80a", b"\x80"),
        (b"\xc3", b"\xc3"),
        (b"\xc3abc", b"\xc3"),
        (b"\xe6\x97\xa5\x80\x80\x80", b"\xe6\x97\xa5\x80"),
        (b"\\N", b"\\"),
    ],
)
def test_keep_first_char(value: bytes, kept: bytes) -> None:
    assert apply("keep-first-char", [value, b"plain", None]) == [kept, b"p", None]


@pytest.mark.parametrize(
    ("value", "kind", "kept"),
    [
        (b"1234", Kind.INTEGER, b"1"),
        (b"-42", Kind.INTEGER, b"-4"),
        (b"0", Kind.INTEGER, b"0"),
        (b"-0.5", Kind.REAL, b"-0.0"),
        (b"7.5e10", Kind.REAL, b"7.0"),
        (b"inf", Kind.REAL, b"0.0"),
        (b"98.60", Kind.NUMERIC, b"9"),
        (b"none", Kind.INTEGER, b"0"),
    ],
)
def test_keep_first_digit(value: bytes, kind: Kind, kept: bytes) -> None:
    assert one("keep-first-char", value, kind) == kept


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"4929123456789015", b"492**********"),
        (b"abcd", b"abc**********"),
        (b"abc", b"**********"),
        (b"a", b"**********"),
        ("Zoë M".encode(), "Zoë**********".encode()),
        ("日本語文".encode(), "日本語**********".encode()),
        ("日本語".encode(), b"**********"),
        ("😀😀😀😀".encode(), "😀😀😀**********".encode()),
        (b"\x80\x80\x80\x80\x80", b"**********"),
        (b"a" + b"\x80" * 30 + b"bcdefg", b"**********"),
    ],
)
def test_redacted(value: bytes, expected: bytes) -> None:
    assert apply("redacted", [value, b"plain", b"", None]) == [
        expected,
        b"pla**********",
        b"",
        None,
    ]
    assert one("redacted", value) == expected


def test_redacted_with_options() -> None:
    assert one("redacted", b"secret", character="#", width=2) == b"sec##"
    assert one("redacted", b"secret", character="█", width=3) == "sec███".encode()
    assert one("redacted", b"secret", width=0) == b"sec"
    assert one("redacted", b"abc", width=0) == b""
    assert len(one("redacted", b"secret", width=1000)) == 1003


# Constants


def test_constants() -> None:
    values = [b"x", b"", None]
    assert apply("transient", values) == values
    assert apply("null", values) == [None, None, None]
    assert apply("fixed", values, value="gone") == [b"gone", b"gone", None]


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (Kind.TEXT, "a\tb", b"a\tb"),
        (Kind.TEXT, True, b"true"),
        (Kind.TEXT, 5, b"5"),
        (Kind.TEXT, 1.5, b"1.5"),
        (Kind.TEXT, dt.date(2024, 5, 31), b"2024-05-31"),
        (Kind.INTEGER, 5, b"5"),
        (Kind.INTEGER, "-7", b"-7"),
        (Kind.INTEGER, True, b"1"),
        (Kind.REAL, 1, b"1"),
        (Kind.REAL, "1e5", b"1e5"),
        (Kind.BOOLEAN, False, b"0"),
        (Kind.BOOLEAN, "yes", b"yes"),
        (Kind.DATE, dt.date(2024, 5, 31), b"2024-05-31"),
        (Kind.DATE, "2024-05-31", b"2024-05-31"),
        (Kind.TIMESTAMP, dt.datetime.fromisoformat("2024-05-31 12:00"), b"2024-05-31 12:00:00"),
        (Kind.TIME, "12:30", b"12:30"),
        (Kind.JSON, '{"a": 1}', b'{"a": 1}'),
        (Kind.UUID, "550e8400-e29b-41d4-a716-446655440000", None),
        (Kind.BINARY, "x", b"x"),
    ],
)
def test_a_fixed_value_that_fits(kind: Kind, value: Any, written: bytes | None) -> None:
    expected = value.encode() if written is None else written
    assert one("fixed", b"old", kind, value=value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.INTEGER, "five"),
        (Kind.INTEGER, 1.5),
        (Kind.INTEGER, 2**63),
        (Kind.REAL, "x"),
        (Kind.REAL, float("nan")),
        (Kind.TEXT, float("inf")),
        (Kind.BOOLEAN, 2),
        (Kind.DATE, "31.05.2024"),
        (Kind.TIMESTAMP, 5),
        (Kind.TIME, "25:00"),
        (Kind.JSON, "{"),
        (Kind.JSON, "NaN"),
        (Kind.UUID, "123"),
        (Kind.TEXT, "\ud800"),
    ],
)
def test_a_fixed_value_that_does_not_fit(kind: Kind, value: Any) -> None:
    with pytest.raises(UsageError, match="value of fixed has to be"):
        apply("fixed", [b"x"], kind, value=value)


# Partial masks


@pytest.mark.parametrize(
    ("value", "options", "expected"),
    [
        ("4929123456789015", {}, "************9015"),
        ("Zoë Müllerin", {}, "********erin"),
        ("abcdefgh", {}, "****efgh"),
        ("abcdefg", {}, "*******"),
        ("a", {}, "*"),
        ("日本語のテキストです", {"keep_first": 1, "keep_last": 2}, "日*******です"),
        ("日本語の", {"keep_first": 1, "keep_last": 1}, "日**の"),
        ("日本語", {"keep_first": 1, "keep_last": 1}, "***"),
        ("jane.roe@mail.test", {"keep_first": 2, "keep_last": 5, "width": 3}, "ja***.test"),
        ("jane", {"keep_first": 2, "width": 3}, "***"),
        ("jane", {"keep_last": 0}, "****"),
        ("jane", {"keep_first": 2, "keep_last": 0, "character": "█"}, "ja██"),
        ("jané", {"keep_first": 2, "keep_last": 0, "character": "x"}, "jaxx"),
        ("x" * 5000, {"keep_last": 2}, "*" * 4998 + "xx"),
        ("tab\tand\\line\n", {"keep_first": 4, "keep_last": 1}, "tab\t********\n"),
    ],
)
def test_partial_mask(value: str, options: dict[str, Any], expected: str) -> None:
    options = options or {"keep_last": 4}
    cover = options.get("character", "*") * options.get("width", 3)
    short = None if "width" in options else cover[:1]
    for beside in (b"b", "ü".encode(), b"\xff"):
        values = [beside, None, value.encode(), b""]
        outcome = apply("partial-mask", values, **options)
        assert outcome == [(short or cover).encode(), None, expected.encode(), b""]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(TEXTS, st.none()), min_size=1, max_size=10),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_at_least_half_of_a_value_is_covered(
    values: list[bytes | None], first: int, last: int
) -> None:
    outcome = apply("partial-mask", values, keep_first=first, keep_last=last)
    for value, new in zip(values, outcome, strict=True):
        if not value:
            assert new == value
            continue
        covered = (new or b"").decode()
        try:
            text = value.decode()
        except UnicodeDecodeError:
            assert set(covered) == {"*"}
            continue
        assert len(covered) == len(text)
        hidden = len(text) - first - last
        if hidden >= first + last:
            end = len(text) - last
            assert covered == text[:first] + "*" * hidden + text[end:]
        else:
            assert set(covered) == {"*"}


def test_a_partial_mask_fits_the_column() -> None:
    target = Target(Kind.TEXT, Limits(max_chars=10))
    assert one("partial-mask", b"0123456789", target=target, keep_last=4) == b"******6789"
    assert one("partial-mask", b"0123456789", target=target, keep_last=4, width=6) == (
        b"******6789"
    )
    with pytest.raises(UsageError, match="up to 11 characters, more than the 10") as caught:
        one("partial-mask", b"0123456789", target=target, keep_last=4, width=7)
    assert "width" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["partial-mask", "redacted"])
@pytest.mark.parametrize("character", ["", "ab", "\ud800", "\0"])
def test_what_covers_is_one_character(name: str, character: str) -> None:
    with pytest.raises(UsageError, match="option character"):
        one(name, b"secret", character=character)


# Truncated values


@pytest.mark.parametrize(
    ("value", "length", "expected"),
    [
        (b"SW1A 2AA", 4, b"SW1A"),
        (b"SW1A", 4, b"SW1A"),
        (b"SW", 4, b"SW"),
        ("Zoë Müller".encode(), 6, "Zoë Mü".encode()),
        ("日本語".encode(), 2, "日本".encode()),
        ("😀😀".encode(), 1, "😀".encode()),
        (b"a\xffbcd", 3, "a\ufffdb".encode()),
        (b"x" * 5000, 4500, b"x" * 4500),
    ],
)
def test_truncate(value: bytes, length: int, expected: bytes) -> None:
    for beside in (b"b", "ü".encode(), b"\xff"):
        new = apply("truncate", [beside, None, value, b""], length=length)
        assert new[1:] == [None, expected, b""]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(TEXTS, st.none()), min_size=1, max_size=10), st.integers(1, 30))
def test_no_character_is_cut_in_two(values: list[bytes | None], length: int) -> None:
    for value, new in zip(values, apply("truncate", values, length=length), strict=True):
        expected = value and value.decode(errors="replace")[:length].encode()
        assert new == expected


def test_a_truncated_value_fits_the_column() -> None:
    target = Target(Kind.TEXT, Limits(max_chars=3))
    assert one("truncate", "äöüß".encode(), target=target, length=9) == "äöü".encode()


def test_a_truncated_blob_stays_one() -> None:
    made = build("truncate", {"length": 3}, target=Target(Kind.ANY), draw=KEYED)
    answer = made.transform(Column.of([b"\xff\xc3\xa4\x80", b"\0"], Kind.BINARY))
    assert answer.binary
    assert answer.pool.take(indexes(answer.index)).to_pylist() == [b"\xff\xc3\xa4", b"\0"]


def test_values_of_a_megabyte() -> None:
    text = ("ä" + "b" * 9) * 100_000
    values = [text.encode(), b"c" * 1_000_000]
    assert apply("truncate", values, length=500_001) == [
        text[:500_001].encode(),
        b"c" * 500_001,
    ]
    covered = apply("partial-mask", values, keep_first=1)
    assert covered == ["ä".encode() + b"*" * 999_995 + b"bbbb", b"c" + b"*" * 999_995 + b"cccc"]
