"""Transformers that keep the beginning of a value, and constants."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from replicate.errors import UsageError
from replicate.rows.column import Kind
from tests.support.masking import (
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
