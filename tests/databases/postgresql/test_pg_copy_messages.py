"""Rows in the messages of a COPY: many at a time, and none that lengths and newlines don't name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replicate.databases.postgresql.copy_messages import HEADER, leading_rows, message_size
from tests.support.postgres_messages import message

# Lengths whose bytes are newlines themselves (0x0A, 0x0A0A), and one beside each.
LENGTHS = st.one_of(st.integers(0, 40), st.sampled_from([0x0A - 6, 0x10A - 5, 0xA0A - 5, 0xA00]))
TEXT = st.binary().map(lambda raw: raw.replace(b"\n", b"").replace(b"\0", b""))
ROW = st.one_of(TEXT, LENGTHS.map(lambda size: b"x" * size)).map(lambda text: text + b"\n")


def buffer(raw: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(raw, np.uint8)


@given(rows=st.lists(ROW, min_size=1, max_size=30), rest=st.binary(max_size=4))
@example(rows=[b"x" * (0x0A - 5) + b"\n"], rest=b"")
@example(rows=[b"x" * (0xA0A - 5) + b"\n", b"\n"], rest=b"d\0\0\x0a")
@example(rows=[b"x\n"], rest=b"\n\n\n\n")
def test_rows_end_where_their_lengths_say(rows: list[bytes], rest: bytes) -> None:
    raw = b"".join(message(b"d", row) for row in rows)
    # What follows is less than a message, whatever it is.
    assert leading_rows(buffer(raw + rest)) == (b"".join(rows), len(rows), len(raw))


@given(rows=st.lists(ROW, min_size=1, max_size=9), cut=st.integers(1, 99), after=ROW)
def test_a_row_in_part_is_left(rows: list[bytes], cut: int, after: bytes) -> None:
    raw = b"".join(message(b"d", row) for row in rows)
    part = message(b"d", after)[:-1][:cut]
    assert leading_rows(buffer(raw + part)) == (b"".join(rows), len(rows), len(raw))


@pytest.mark.parametrize("kind", [b"c", b"N", b"S", b"E", b"D"])
def test_other_messages_are_left(kind: bytes) -> None:
    raw = message(b"d", b"1\n") + message(b"d", b"2\n")
    other = message(kind, b"d\0\0\0\x05\n")  # looks like a row on the inside
    assert leading_rows(buffer(raw + other + raw)) == (b"1\n2\n", 2, len(raw))


@pytest.mark.parametrize("body", [b"", b"x", b"x\ny", b"x\ny\n", b"\n\n"])
def test_a_message_that_is_not_a_line_is_refused(body: bytes) -> None:
    raw = message(b"d", body)
    with pytest.raises(psycopg.DataError, match="not a line"):
        leading_rows(buffer(raw + message(b"d", b"z\n")))
    before = message(b"d", b"a\n")
    assert leading_rows(buffer(before + raw)) == (b"a\n", 1, len(before))


def test_the_size_of_a_message_includes_its_type() -> None:
    assert message_size(buffer(message(b"c", b""))) == HEADER
    assert message_size(buffer(message(b"E", b"x" * 70000)[:HEADER])) == HEADER + 70000


@pytest.mark.parametrize(
    "raw", [b"\x17\x03\x03\x00\x50", b"\0\0\0\x10\0", b"d\0\0\0\3", b"d\xff\0\0\0", b"\xe9\0\0\0\5"]
)
def test_what_can_be_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(psycopg.OperationalError, match="not PostgreSQL's protocol"):
        message_size(buffer(raw))
