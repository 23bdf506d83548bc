"""The transformer random, for values of each kind."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.rows.column import Column, Kind
from replicate.rows.engine import Mask, Masker
from replicate.transformers.base import Target
from replicate.transformers.registry import build
from tests.support.masking import (
    INTEGERS,
    KEYED,
    RANDOM,
    apply,
    one,
)

# Random values


@given(st.text(min_size=1, max_size=60))
@settings(deadline=None)
def test_random_text_has_as_many_characters(text: str) -> None:
    new = one("random", text.encode("utf-8", "surrogatepass"))
    assert re.fullmatch(rb"[0-9A-Za-z]+", new)
    assert len(new) == len(text)


def test_random_text_of_great_length() -> None:
    value = "grün".encode() * 50_000
    new = one("random", value)
    assert len(new) == 200_000
    assert new.isalnum()
    assert len({new[i : i + 16] for i in range(0, 200_000, 16)}) == 12_500


@given(INTEGERS)
@settings(deadline=None)
def test_random_integers_keep_sign_and_digits(value: bytes) -> None:
    for draw in (KEYED, RANDOM):
        new = one("random", value, Kind.INTEGER, draw=draw)
        assert len(new) == len(value)
        assert new[:1] == b"-" or value[:1] != b"-"
        assert new.lstrip(b"-").isdigit()
        assert not re.match(rb"-?0\d", new)
        for bits in (16, 32, 64):
            if -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1) and len(value) >= 5:
                assert -(2 ** (bits - 1)) <= int(new) < 2 ** (bits - 1)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (b"1.50", rb"[1-9]\.\d\d"),
        (b"-0.00123", rb"-0\.00[1-9]\d\d"),
        (b"0.0", rb"0\.\d"),
        (b"0", rb"\d"),
        (b"12.", rb"[1-9]\d\."),
        (b".5", rb"\.[1-9]"),
        (b"1e5", rb"[1-9]e5"),
        (b"-2.5E-07", rb"-[1-9]\.\dE-07"),
        (b"1.7976931348623157e+308", rb"1\.0\d{15}e\+308"),
        (b"inf", rb"\d\.\d"),
        (b"NaN", rb"\d\.\d"),
        (b"9" * 40, rb"[1-8]0\d{38}"),
        (b"-0.000" + b"7" * 40, rb"-0\.000[1-6]0\d{38}"),
        (b"abc", rb"[0-9A-Za-z]{3}"),
        (b"1e", rb"[0-9A-Za-z]{2}"),
        (b"--1", rb"[0-9A-Za-z]{3}"),
    ],
)
def test_random_numbers_are_written_alike(value: bytes, form: bytes) -> None:
    for draw in (KEYED, RANDOM, RANDOM):
        assert re.fullmatch(form, one("random", value, Kind.NUMERIC, draw=draw))


def test_random_booleans_are_written_alike() -> None:
    for pair in ((b"0", b"1"), (b"f", b"t"), (b"False", b"True"), (b"NO", b"YES"), (b"off", b"on")):
        for value in pair:
            seen = {one("random", value, Kind.BOOLEAN, draw=RANDOM) for _ in range(60)}
            assert seen == set(pair)
    assert one("random", b"17", Kind.BOOLEAN).isalnum()


def test_random_uuids() -> None:
    values: list[bytes | None] = [str(uuid.UUID(int=i)).encode() for i in range(1000)]
    values += [uuid.UUID(int=i).hex.encode() for i in range(1000)]
    outcome = apply("random", values, Kind.UUID)
    assert len(set(outcome)) == 2000
    for value, new in zip(values, outcome, strict=True):
        assert new
        assert len(new) == len(value or b"")
        assert uuid.UUID(new.decode()).version == 4
    # 32 digits alone would be a number.
    assert not any((value or b"").isdigit() for value in outcome)


def test_random_uuids_of_other_values_in_such_a_column() -> None:
    raw = apply("random", [bytes(16), None], Kind.BINARY, built_for=Kind.UUID)
    assert uuid.UUID(bytes=raw[0]).version == 4
    # What a blob becomes does not depend on the others, and it stays a blob.
    values: list[bytes | None] = [b"x", bytes(16), b"", b"\0\1", None, b"a" * 32, b"b" * 36]
    made = build("random", {}, target=Target(Kind.UUID), draw=KEYED)
    assert made.transform(Column.of(values, Kind.BINARY)).binary
    mixed = apply("random", values, Kind.BINARY, built_for=Kind.UUID)
    assert mixed == [
        apply("random", [value], Kind.BINARY, built_for=Kind.UUID)[0] for value in values
    ]
    assert mixed[1] == raw[0]
    assert [None if new is None else len(new) for new in mixed] == [16, 16, 0, 16, None, 32, 36]
    assert all(uuid.UUID(bytes=mixed[i]).version == 4 for i in (0, 1, 3))
    assert all(uuid.UUID((mixed[i] or b"").decode()).version == 4 for i in (5, 6))


def test_random_blobs_have_as_many_bytes() -> None:
    values: list[bytes | None] = [bytes(i) for i in range(1, 100)]
    outcome = apply("random", values, Kind.BINARY)
    assert [len(value or b"") for value in outcome] == list(range(1, 100))
    assert not set(values[8:]) & set(outcome[8:])
    made = build("random", {}, target=Target(Kind.BINARY), draw=KEYED)
    assert made.transform(Column.of(values, Kind.BINARY)).binary
    blob = Masker(1, [Mask(0, Kind.BINARY, made, "t.c")]).mask(b"\\B00ff00\ntext\n")
    assert re.fullmatch(rb"\\B[0-9a-f]{6}\n[0-9A-Za-z]{4}\n", blob)


@pytest.mark.parametrize("value", [b"1e+150", b"1e-200", b"-1e+308", b"1.0e+150", b"1e+300"])
def test_a_huge_power_of_ten_never_stays(value: bytes) -> None:
    replaced = one("random", value, Kind.REAL)
    assert float(replaced) != float(value)
