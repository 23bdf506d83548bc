"""Regular expressions, and what they leave."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Kind, Limits
from replicate.transformers.base import Target
from tests.support.masking import TEXTS, apply, one


@pytest.mark.parametrize(
    ("value", "pattern", "replacement", "expected"),
    [
        ("INV-2024-00815", "[0-9]", "0", "INV-0000-00000"),
        ("Jane Roe", r"(\w+) (\w+)", r"\2, \1", "Roe, Jane"),
        ("Jane", "an", r"<\0>", "J<an>e"),
        ("a\\b", r"\\", r"\\\\", "a\\\\b"),
        ("Zoë Müller", r"\p{Lu}", "X", "Xoë Xüller"),
        ("Zoë", "^...$", "three", "three"),
        ("JANE", "(?i)jane", "x", "x"),
        ("a\tb\nc", r"\s", "_", "a_b_c"),
        ("one\ntwo", "(?m)^", "> ", None),
        ("one\ntwo", "(?s)^.*$", "all", "all"),
        ("secret", "^.*$", "", ""),
        ("a.b.c", r"\.", "", "abc"),
    ],
)
def test_what_matches_is_replaced(
    value: str, pattern: str, replacement: str, expected: str | None
) -> None:
    options: dict[str, Any] = {"pattern": pattern, "replacement": replacement}
    if expected is None:
        with pytest.raises(TransformError):
            one("regex-replace", value.encode(), **options)
        return
    for values in ([value.encode()], [None, b"", value.encode(), None]):
        outcome = apply("regex-replace", list(values), **options)
        assert outcome == [old and expected.encode() for old in values]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=8))
def test_it_agrees_with_another_engine(texts: list[str]) -> None:
    values: list[bytes | None] = [text.encode() for text in texts]
    outcome = apply("regex-replace", values, pattern="[a-m]+", replacement="<x>", unmatched="keep")
    assert outcome == [re.sub("[a-m]+", "<x>", text).encode() for text in texts]


def test_what_does_not_match_is_not_passed_through() -> None:
    values: list[bytes | None] = [b"12", None, b"", b"Jane"]
    options: dict[str, Any] = {"pattern": "[0-9]", "replacement": "0"}
    with pytest.raises(TransformError, match="doesn't match") as caught:
        apply("regex-replace", values, **options)
    assert caught.value.row == 3
    assert "Jane" not in caught.value.message + (caught.value.hint or "")
    redacted = apply("regex-replace", values, unmatched="redact", **options)
    assert redacted == [b"00", None, b"", b"*" * 10]
    assert apply("regex-replace", values, unmatched="keep", **options) == [b"00", *values[1:]]


@pytest.mark.parametrize("pattern", ["[0-9]*", "x*", r"\b", "$", "(?:)", "(x?)", "^", "x{0,2}"])
def test_an_empty_match_hides_nothing_and_is_none(pattern: str) -> None:
    options: dict[str, Any] = {"pattern": pattern, "replacement": "0"}
    with pytest.raises(TransformError, match="doesn't match"):
        one("regex-replace", b"Jane", **options)
    assert one("regex-replace", b"Jane", unmatched="redact", **options) == b"*" * 10
    assert one("regex-replace", b"Jane", unmatched="keep", **options) == b"Jane"


@pytest.mark.parametrize("unmatched", ["fail", "redact", "keep"])
def test_what_is_no_text_is_refused(unmatched: str) -> None:
    for value in (b"\xff\xfe12", b"\xed\xa0\x8012", b"12\xc3", b"\x80"):
        with pytest.raises(TransformError, match="UTF-8") as caught:
            apply(
                "regex-replace",
                [b"12", None, value],
                pattern=".",
                replacement="x",
                unmatched=unmatched,
            )
        assert caught.value.row == 2


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(TEXTS, st.none()), min_size=1, max_size=10))
def test_any_value_is_covered_or_refused(values: list[bytes | None]) -> None:
    options: dict[str, Any] = {"pattern": "(?s)^.*$", "replacement": "gone"}
    wrong = [row for row, value in enumerate(values) if not is_text(value or b"")]
    if wrong:
        with pytest.raises(TransformError) as caught:
            apply("regex-replace", values, **options)
        assert caught.value.row == wrong[0]
    else:
        assert apply("regex-replace", values, **options) == [value and b"gone" for value in values]


def is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pattern": "(", "replacement": ""}, "invalid regular expression: missing )"),
        ({"pattern": "a(?=b)", "replacement": ""}, "invalid regular expression"),
        ({"pattern": r"(a)\1", "replacement": ""}, "invalid regular expression"),
        ({"pattern": "(a{1000}){1000}", "replacement": ""}, "invalid regular expression"),
        ({"pattern": "(a)", "replacement": r"\2"}, "invalid replacement string"),
        ({"pattern": "(a)", "replacement": "\\"}, "invalid replacement string"),
        ({"pattern": "\ud800", "replacement": ""}, "option pattern"),
        ({"pattern": "a", "replacement": "\ud800"}, "option replacement"),
        ({"pattern": "", "replacement": ""}, "option pattern"),
        ({"pattern": "a"}, "needs the option replacement"),
        ({"pattern": "a", "replacement": "", "unmatched": "pass"}, "option unmatched"),
    ],
)
def test_a_wrong_expression_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        apply("regex-replace", [b"a"], **options)
    assert message in caught.value.message
    assert caught.value.hint


def test_the_reason_does_not_show_the_option() -> None:
    with pytest.raises(UsageError) as caught:
        apply("regex-replace", [b"a"], pattern="Secret(", replacement="")
    assert "Secret" not in caught.value.message + (caught.value.hint or "")


def test_no_expression_takes_for_ever() -> None:
    # Engines that go back on their steps would be at this until the end of the world.
    value = b"a" * 20_000 + b"!"
    for pattern in ("(a+)+$", "(a|aa)+$", "(.*a){20}$"):
        assert (
            one("regex-replace", value, pattern=pattern, replacement="", unmatched="redact")
            == b"*" * 10
        )


def test_what_is_too_long_is_cut_off() -> None:
    target = Target(Kind.TEXT, Limits(max_chars=5))
    values: list[bytes | None] = ["äbc".encode(), b"abc", b"zz", None]
    outcome = apply(
        "regex-replace",
        values,
        target=target,
        pattern="[a-cä]",
        replacement=r"\0ü",
        unmatched="redact",
    )
    assert outcome == ["äübüc".encode(), "aübüc".encode(), b"*****", None]


def test_a_value_of_a_megabyte() -> None:
    new = one("regex-replace", b"ab" * 500_000, pattern="b", replacement="--")
    assert new == b"a--" * 500_000
