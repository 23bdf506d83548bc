from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicate.errors import CorruptError
from replicate.rows.arrays import contents, from_offsets, indexes, strings
from replicate.rows.column import Column
from replicate.rows.grammar import (
    NULL_FIELD,
    TAGS,
    escape,
    escape_value,
    unescape_spans,
    unescape_value,
)

# Bytes that matter to the grammar, far more often than chance would bring them.
NASTY = st.lists(
    st.one_of(st.sampled_from(list(b"\\\t\n\rNbfv0x\x00\x08\x0b\x0c")), st.integers(0, 255)),
    max_size=24,
).map(bytes)


@given(NASTY)
def test_a_value_survives_escaping(value: bytes) -> None:
    field = escape_value(value)
    assert not set(field) & set(b"\t\n\r")
    assert unescape_value(field) == value


@given(NASTY)
def test_an_escaped_value_is_neither_null_nor_tagged(value: bytes) -> None:
    field = escape_value(value)
    assert field != NULL_FIELD
    assert not (field[:1] == b"\\" and field[1:2] in [bytes([tag]) for tag in TAGS])


def test_only_the_four_bytes_are_escaped() -> None:
    for byte in range(256):
        value = bytes([byte])
        expected = {9: b"\\t", 10: b"\\n", 13: b"\\r", 92: b"\\\\"}.get(byte, value)
        assert escape_value(value) == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"\\b\\f\\v", b"\x08\x0c\x0b"),
        (b"\\101\\0\\12x\\1018", b"A\x00\nxA8"),
        (b"\\400", b"\x00"),  # only eight bits are kept
        (b"\\x41\\x4\\x4G\\x414", b"A\x04\x04GA4"),
        (b"\\\\N", b"\\N"),
        (b"\\\\\\n\\\\n", b"\\\n\\n"),
        (b"a\\\\", b"a\\"),
    ],
)
def test_other_escapes_of_copy_are_read(field: bytes, value: bytes) -> None:
    assert unescape_value(field) == value
    column = Column.of([field, b"", field])
    data, lengths = unescape_spans(column.data, column.start, column.length)
    assert data.tobytes() == value * 2
    assert lengths.tolist() == [len(value), 0, len(value)]


@pytest.mark.parametrize(
    "field", [b"\\", b"a\\", b"\\N", b"\\q", b"\\x", b"\\xg1", b"\\\\\\", b"\\9"]
)
def test_a_backslash_that_begins_no_escape_is_corrupt(field: bytes) -> None:
    with pytest.raises(CorruptError):
        unescape_value(field)
    column = Column.of([b"fine", field, b"\\\\"])
    with pytest.raises(CorruptError):
        unescape_spans(column.data, column.start, column.length)


ESCAPES = st.lists(
    st.sampled_from(
        [
            b"\\\\",
            b"\\t",
            b"\\n",
            b"\\r",
            b"\\b",
            b"\\61",
            b"\\x4a",
            b"n",
            b"N",
            b"\xff",
            b"1",
            b"8",
        ]
    ),
    max_size=12,
).map(b"".join)


@given(st.lists(ESCAPES, min_size=1, max_size=8))
def test_spans_are_unescaped_as_single_values_are(fields: list[bytes]) -> None:
    column = Column.of(fields)
    data, lengths = unescape_spans(column.data, column.start, column.length)
    values = [unescape_value(field) for field in fields]
    assert data.tobytes() == b"".join(values)
    assert lengths.tolist() == [len(value) for value in values]


@given(st.lists(st.one_of(st.none(), NASTY), max_size=8), st.integers(0, 3))
def test_arrays_are_escaped_as_single_values_are(values: list[bytes | None], skip: int) -> None:
    array = pa.array(values, pa.binary())[skip:]
    expected = [None if value is None else escape_value(value) for value in values[skip:]]
    assert escape(array).to_pylist() == expected


def test_nothing_to_escape_gives_the_same_object() -> None:
    array = strings([b"plain", b"\x00\x08\x0b\x0c\xff", b""])
    assert escape(array) is array


def test_contents_of_a_slice() -> None:
    offsets, data = contents(strings([b"ab", b"cde", b"f"])[1:])
    assert (offsets.tolist(), data.tobytes()) == ([2, 5, 6], b"cdef")
    assert from_offsets(offsets - 2, data).to_pylist() == [b"cde", b"f"]
    offsets, data = contents(strings([]))
    assert (offsets.tolist(), data.size) == ([0], 0)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.int16])
def test_indexes_are_numbers_whatever_holds_them(kind: Any) -> None:
    numbers = np.arange(8, dtype=kind)
    assert indexes(numbers).to_pylist() == list(range(8))
    assert indexes(numbers[::-3]).to_pylist() == [7, 4, 1]
    assert indexes(numbers[:0]).to_pylist() == []
