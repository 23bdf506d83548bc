"""Values are made one where the database calls them equal, and nowhere else."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicate.rows.column import Column, Kind
from replicate.rows.comparing import Equality, folded

LETTERS = st.text("aAbBzZ@[`{éÉßΩω \t\x00", max_size=6)
FOLDING = [each for each in Equality if each not in (Equality.BYTES, Equality.UNKNOWN)]


def fold(equality: Equality, *values: bytes | None, kind: Kind = Kind.TEXT) -> list[bytes | None]:
    return folded(Column.of(values, kind), equality).values()


@pytest.mark.parametrize(
    ("equality", "collation"),
    [(Equality.ASCII_CASE, "NOCASE"), (Equality.TRAILING_SPACES, "RTRIM")],
)
@given(st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=20))
def test_as_sqlite_compares(
    equality: Equality, collation: str, pairs: list[tuple[str, str]]
) -> None:
    pairs += [(one, one.swapcase()) for one, _ in pairs] + [(one, one + " ") for one, _ in pairs]
    with closing(sqlite3.connect(":memory:")) as database:
        query = f"select ? = ? collate {collation}"
        equal = [bool(database.execute(query, pair).fetchone()[0]) for pair in pairs]
    ones = fold(equality, *(one.encode() for one, _ in pairs))
    others = fold(equality, *(other.encode() for _, other in pairs))
    assert [one == other for one, other in zip(ones, others, strict=True)] == equal


@pytest.mark.parametrize("equality", FOLDING)
@given(st.lists(st.none() | st.binary(max_size=40) | LETTERS.map(str.encode), max_size=30))
def test_each_value_by_itself(equality: Equality, values: list[bytes | None]) -> None:
    found = fold(equality, *values)
    assert found == [fold(equality, value)[0] for value in values]
    assert fold(equality, *found) == found
    assert [value is None for value in found] == [value is None for value in values]
    assert all(new == b"" for new, old in zip(found, values, strict=True) if old == b"")


@pytest.mark.parametrize("equality", [Equality.BYTES, Equality.UNKNOWN])
def test_what_compares_byte_for_byte_stays(equality: Equality) -> None:
    column = Column.of([b"Ann ", b"", None, b"\xff"])
    assert folded(column, equality) is column


@pytest.mark.parametrize("kind", [Kind.BINARY, Kind.INTEGER, Kind.REAL])
@pytest.mark.parametrize("equality", FOLDING)
def test_what_is_no_text_stays(equality: Equality, kind: Kind) -> None:
    assert fold(equality, b"Ann ", kind=kind) == [b"Ann "]


def test_the_case_of_all_letters() -> None:
    spellings = ["ÄRGER", "ärger", "Ärger", "äRGER"]
    assert set(fold(Equality.CASE, *(each.encode() for each in spellings))) == {"ärger".encode()}
    assert len(set(fold(Equality.ASCII_CASE, *(each.encode() for each in spellings)))) == 2
    assert fold(Equality.PADDED, b"A  ", b"  ") == fold(Equality.TRAILING_SPACES, b"A ", b" ")
    assert fold(Equality.CASE, b"\xffA") == [b"\xffa"]


@pytest.mark.parametrize(
    ("equality", "equal", "apart"),
    [
        (Equality.CASE, [("xΣ", "x\u03c3"), ("xİ", "xi")], [("xΣ", "xς"), ("xİ", "xi\u0307")]),
        (
            Equality.CASE_IN_CONTEXT,
            [("xΣ", "xς"), ("xİ", "xi\u0307")],
            [("xΣ", "x\u03c3"), ("xİ", "xi")],
        ),
    ],
)
def test_letters_that_libraries_differ_in(
    equality: Equality, equal: list[tuple[str, str]], apart: list[tuple[str, str]]
) -> None:
    for pairs, alike in ((equal, True), (apart, False)):
        for pair in pairs:
            one, other = fold(equality, *(each.encode() for each in pair))
            assert (one == other) is alike


def test_a_long_value() -> None:
    [found] = fold(Equality.ASCII_CASE, b"A" * 1_000_000)
    assert found == b"a" * 1_000_000
    assert fold(Equality.TRAILING_SPACES, b"A" + b" " * 1_000_000, b" " * 9) == [b"A", b""]


def test_what_stands_beside_stays() -> None:
    beside = {"other": Column.of([b"X"])}
    column = Column.of([b"Ann"])
    found = folded(
        Column(column.data, column.start, column.length, column.null, beside=beside),
        Equality.ASCII_CASE,
    )
    assert found.values() == [b"ann"]
    assert found.beside == beside
