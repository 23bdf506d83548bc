"""Filler text and sentences."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import UsageError
from replicate.rows.column import Kind, Limits
from replicate.transformers.base import Target
from tests.support.masking import KEYED, OTHER, RANDOM, TEXTS, apply, one

MANY: list[bytes | None] = [b"%d" % i for i in range(3000)]
SENTENCE = rb"[A-Z][a-z]*( [a-z]+)*\."


# Lorem


@pytest.mark.parametrize("length", [1, 2, 3, 4, 15, 48, 49, 1000, 4095, 4096, 4097, 70_000])
def test_filler_has_the_length_of_the_value(length: int) -> None:
    new = one("lorem", b"x" * length)
    assert len(new) == length
    assert re.fullmatch(rb"[A-Z][A-Za-z ,.]*", new)
    assert not re.search(rb"  |,[^ ]|^[^a-z]{2}", new[:-3])
    assert new[-1:] == b"." or length < 4
    # What stands between full stops begins with a capital, and no letter within a word is one.
    for sentence in re.split(rb"\.(?: |$)", new[:-1])[:-1]:
        assert re.fullmatch(rb"[A-Z][a-z]*(,? [a-z]+)*", sentence)


def test_neighbours_of_other_lengths_change_nothing() -> None:
    values: list[bytes | None] = [b"a", b"x" * 9000, None, b"bc", b"", b"y" * 4096, b"z" * 30]
    assert apply("lorem", values) == [value and apply("lorem", [value])[0] for value in values]


@pytest.mark.parametrize("value", ["Zoë Müller", "日本語のテキスト", "😀" * 9])
def test_filler_counts_characters(value: str) -> None:
    assert len(one("lorem", value.encode())) == len(value)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(TEXTS, st.none()), min_size=1, max_size=10), st.booleans())
def test_filler_of_any_value(values: list[bytes | None], keep: bool) -> None:
    outcome = apply("lorem", values, keep_line_breaks=keep)
    for value, new in zip(values, outcome, strict=True):
        if not value:
            assert new == value
        else:
            assert new is not None
            assert new.isascii()
            try:
                assert len(new) == len(value.decode())
            except UnicodeDecodeError:
                assert 1 <= len(new) <= len(value)


def test_line_breaks_stay_where_they_are() -> None:
    text = "Liebe Zoë,\r\n\r\nbis Samstag.\n Jürgen\n"
    new = one("lorem", text.encode(), keep_line_breaks=True).decode()
    assert [i for i, c in enumerate(new) if c in "\r\n"] == [
        i for i, c in enumerate(text) if c in "\r\n"
    ]
    assert len(new) == len(text)
    assert "\n" not in one("lorem", text.encode()).decode()
    both = apply("lorem", [text.encode(), b"a\nb", b"ab"], keep_line_breaks=True)
    assert both[0] == new.encode()
    assert both[1] is not None
    assert both[1][1:2] == b"\n"


def test_filler_depends_on_the_key_alone() -> None:
    values: list[bytes | None] = [b"%050d" % i for i in range(200)]
    assert len(set(apply("lorem", values))) > 150
    for draw in (OTHER, RANDOM):
        assert apply("lorem", values, draw=draw) != apply("lorem", values, draw=KEYED)
    assert one("lorem", b"a" * 30) != one("lorem", b"b" * 30)


def test_a_value_of_a_megabyte() -> None:
    new = one("lorem", b"x" * 1_000_000)
    assert len(new) == 1_000_000
    assert not re.search(rb"[^A-Za-z ,.]|[a-z][A-Z]|\.[^ ]", new)


# Sentences


def test_a_sentence_has_so_many_words() -> None:
    counts = set()
    for value in apply("sentence", MANY, min_words=2, max_words=5):
        assert re.fullmatch(SENTENCE, value or b"")
        counts.add(len((value or b"").split()))
    assert counts == {2, 3, 4, 5}
    for value in apply("sentence", MANY[:50], min_words=100, max_words=100):
        assert len((value or b"").split()) == 100


@pytest.mark.parametrize("most", [12, 20, 45])
def test_a_sentence_fits_the_column(most: int) -> None:
    outcome = apply("sentence", MANY, target=Target(Kind.TEXT, Limits(max_chars=most)))
    assert all(re.fullmatch(SENTENCE, value or b"") for value in outcome)
    longest = max(len(value or b"") for value in outcome)
    assert most - 3 <= longest <= most


def test_a_column_too_short_for_a_sentence_is_refused() -> None:
    with pytest.raises(UsageError, match="the column takes 11") as caught:
        apply("sentence", MANY, target=Target(Kind.TEXT, Limits(max_chars=11)))
    assert "lorem" in (caught.value.hint or "")


def test_the_least_number_of_words_is_the_smaller() -> None:
    with pytest.raises(UsageError, match="min_words is more than max_words"):
        apply("sentence", MANY, min_words=5, max_words=4)


# The replacements under one key stay the same from version to version.


def test_filler_is_that_of_every_version() -> None:
    assert one("lorem", b"Called twice, wants her money back.") == (
        b"Otium locus hasta inter. Festum ro."
    )
    assert one("lorem", b"abc") == b"Her"
    assert hashlib.sha256(one("lorem", b"x" * 200_000)).hexdigest() == (
        "7dc89e442688e1f48a9d7ec5b36a3c41407c8635e8d884d0ae838fa00bf7db2f"
    )
    assert one("sentence", b"Jane") == b"Quies tempus arcus stella post color."
