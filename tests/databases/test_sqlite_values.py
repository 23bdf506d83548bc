"""The rule by which a field stands for a value and its storage class, and hostile fields."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicate.databases.sqlite.values import (
    Affinity,
    Decoder,
    RawText,
    Storing,
    Value,
    affinity_of,
    encode_rows,
)
from replicate.errors import CorruptError, DatabaseError

FULL_WIDTH = "\uff11\uff12".encode()

I, N, R, T, NONE = (  # noqa: E741 - one letter keeps the table of cases narrow
    Affinity.INTEGER,
    Affinity.NUMERIC,
    Affinity.REAL,
    Affinity.TEXT,
    Affinity.NONE,
)


def encoded(affinity: Affinity, *values: object) -> list[bytes]:
    return encode_rows([values], [affinity]).split(b"\n")[:-1]


def decoded(affinity: Affinity, *fields: bytes, storing: Storing = Storing.REFUSED) -> list[Value]:
    _, [column], _ = Decoder([affinity], storing=storing).decode(
        b"".join(f + b"\n" for f in fields)
    )
    return column


@pytest.mark.parametrize(
    ("affinity", "value", "field"),
    [
        (I, 5, b"5"),
        (N, -(2**63), b"-9223372036854775808"),
        (R, 5, rb"\I5"),
        (T, 5, rb"\I5"),
        (NONE, 5, rb"\I5"),
        (R, 0.1, b"0.1"),
        (R, 5.0, b"5"),
        (R, float("inf"), b"inf"),
        (I, 1e300, b"1e+300"),
        (I, 5.0, rb"\R5"),
        (T, 0.5, rb"\R0.5"),
        (NONE, -0.0, rb"\R-0"),
        (T, bytearray(b"5"), b"5"),
        (NONE, bytearray(b"\\I5"), rb"\\I5"),
        (I, bytearray(b"abc"), b"abc"),
        (I, bytearray(b"12"), rb"\T12"),
        (R, bytearray(b" 1e5\n"), rb"\T 1e5\n"),
        (N, bytearray(b"inf"), rb"\Tinf"),
        (N, bytearray(b"2024-01-02"), b"2024-01-02"),
        (N, bytearray(FULL_WIDTH), FULL_WIDTH),
        (N, bytearray(b"\\N"), rb"\\N"),
        (T, bytearray(b""), b""),
        (T, b"\x00\xff", rb"\B00ff"),
        (NONE, b"", rb"\B"),
        (I, None, rb"\N"),
    ],
)
def test_fields(affinity: Affinity, value: object, field: bytes) -> None:
    # Beside others of its class, among NULLs, and among values of every class.
    assert encoded(affinity, value) == [field]
    assert encoded(affinity, None, value, None) == [rb"\N", field, rb"\N"]
    others = [b"x", bytearray(b"y"), 7, 0.25, None]
    assert encoded(affinity, *others, value)[-1] == field
    expected = value.decode() if isinstance(value, bytearray) else value
    if affinity in (I, N) and type(value) is int:
        expected = str(value)  # SQLite converts it as it stores it
    [found] = decoded(affinity, field, storing=Storing.CONVERTED)
    assert (found, type(found), repr(found)) == (expected, type(expected), repr(expected))
    assert decoded(affinity, rb"\N", field, storing=Storing.CONVERTED) == [None, found]
    assert decoded(affinity, rb"\\", field, storing=Storing.CONVERTED) == ["\\", found]


@given(
    st.sampled_from([Storing.CONVERTED, Storing.UNCHANGED]),
    st.sampled_from([I, N, R, T, NONE]),
    st.lists(
        st.one_of(
            st.none(),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_nan=False),
            st.binary(),
            st.binary().map(bytearray),
        ),
        min_size=1,
    ),
)
def test_decoder_mirrors_encoder(
    storing: Storing, affinity: Affinity, values: list[object]
) -> None:
    text = encode_rows([values], [affinity])
    count, [column], _ = Decoder([affinity], storing=storing).decode(text)
    assert count == len(values)
    for value, found in zip(values, column, strict=True):
        if isinstance(value, bytearray):
            raw = found.data if isinstance(found, RawText) else str(found).encode()
            assert isinstance(found, RawText | str)
            assert raw == value
        elif isinstance(value, int) and affinity in (I, N) and storing is Storing.CONVERTED:
            assert found == str(value)
        else:
            assert (found, type(found), repr(found)) == (value, type(value), repr(value))


@given(st.text("0123456789+-.eE infa\t\v\x1c\xa0_x٣", max_size=7))
def test_text_that_looks_like_a_number_is_what_sqlite_converts(text: str) -> None:
    """Bare text is never what SQLite would store as a number, and tagged text always is."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE t(n NUMERIC)")
        db.execute("INSERT INTO t VALUES(?)", (text,))
        [[kind]] = db.execute("SELECT typeof(n) FROM t").fetchall()
    db.close()
    tagged = encoded(N, bytearray(text.encode()))[0].startswith(rb"\T")
    assert tagged == (kind != "text" or text in ("inf", "-inf"))


@pytest.mark.parametrize(
    ("declared", "strict", "affinity"),
    [
        ("", False, NONE),
        ("FLOATING POINT", False, I),
        ("charint", False, I),
        ("NVARCHAR(5)", False, T),
        ("double precision", False, R),
        ("STRING", False, N),
        ("ANY", False, N),
        ("any", True, NONE),
    ],
)
def test_affinities(declared: str, strict: bool, affinity: Affinity) -> None:
    assert affinity_of(declared, strict=strict) is affinity


@pytest.mark.parametrize(
    "field",
    [
        rb"\B0",
        rb"\Bzz",
        rb"\B 00",
        rb"\I",
        rb"\I1.5",
        rb"\I9223372036854775808",
        rb"\I 1",
        rb"\I" + b"9" * 5000,
        rb"\R",
        rb"\Rnan",
        rb"\R1_0",
        rb"\Rx",
        rb"\q",
        rb"\X5",
        b"x\\",
        rb"\T\q",
    ],
)
def test_malformed_fields(field: bytes) -> None:
    with pytest.raises(CorruptError):
        decoded(NONE, field)


@pytest.mark.parametrize(
    "text", [b"a", b"a\tb\tc\n", b"a\n", b"a\tb\nc\n", b"a\tb\tc\nd\n", b"a\tb\nx"]
)
def test_ragged_rows(text: bytes) -> None:
    with pytest.raises(CorruptError):
        Decoder([T, T]).decode(text)


def test_other_escapes_of_the_grammar() -> None:
    assert decoded(T, rb"\x41\102\b\303\251") == ["AB\b\u00e9"]
    assert decoded(T, rb"\377") == [RawText(b"\xff")]


def test_a_class_that_the_column_converts_is_an_error() -> None:
    for affinity, field in ((T, rb"\I5"), (R, rb"\I5"), (I, rb"\R5"), (N, rb"\T5"), (I, rb"\T 5 ")):
        with pytest.raises(DatabaseError, match="storage class"):
            decoded(affinity, field)
    assert decoded(N, rb"\Tinf", rb"\R1e300") == ["inf", 1e300]
