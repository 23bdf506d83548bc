"""Messages of PostgreSQL's protocol, and the rows in those of a COPY, found many at a time.

A message is one byte for its type, four for its length (big-endian, themselves included) and what
it says. The server sends each row of a COPY … TO STDOUT as one CopyData message of its own; in text
format that is a line, so that newlines show where messages end, and lengths whether it is so.
Source: the chapters "Message Flow" and "Message Formats" of PostgreSQL's manual.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow.compute as pc

from replicate.rows.arrays import contents, from_offsets, indexes

Bytes = npt.NDArray[np.uint8]

HEADER = 5
"""Bytes of a message before what it says."""

COPY_DATA = ord("d")
READY = b"Z\0\0\0\5"
"""The header of the message that ends the answer to a query; one byte follows."""

_NEWLINE = 0x0A
_LONGEST = 2**31 - 2
_MAY_BE_LONG = "dDTVENA"
_SHORT = 30_000
"""Bytes of any other message at most, as libpq has it: who waits for more waits in vain."""


def message_size(buffer: Bytes) -> int:
    """Bytes of the message that `buffer` begins with, at least its header, and more than is there
    of one that is not whole. Raises `psycopg.Error` for what can be no message.
    """
    kind, length = chr(buffer[0]), int.from_bytes(buffer[1:HEADER].tobytes(), "big")
    longest = _LONGEST if kind in _MAY_BE_LONG else _SHORT
    if not (kind.isascii() and kind.isalnum() and HEADER - 1 <= length <= longest):
        raise psycopg.OperationalError("what came from the server is not PostgreSQL's protocol")
    return length + 1


def not_a_line() -> psycopg.Error:
    """What to raise for a row that is none."""
    return psycopg.DataError("a row that came is not a line")


def leading_rows(buffer: Bytes) -> tuple[bytes, int, int]:
    """The rows in the CopyData messages that `buffer` begins with: their text, how many they are,
    and the bytes of these messages; what follows them is anything else, or a message in part.

    The first message is whole. Raises `psycopg.Error` where it is not one line.
    """
    ends = np.flatnonzero(buffer == _NEWLINE)
    edges = np.empty(len(ends) + 1, np.int32)
    edges[0] = 0
    np.add(ends, 1, out=edges[1:], casting="same_kind")
    # A row is a byte at least, so that what is nearer to an edge is a byte of the length that
    # happens to be a newline.
    edges = edges[np.concatenate(([True], np.diff(edges) > HEADER))]
    begin, end = edges[:-1], edges[1:]
    lengths = np.ndarray((buffer.size - HEADER + 1,), ">u4", buffer, 1, (1,))
    fits = (buffer[begin] == COPY_DATA) & (lengths[begin] == end - begin - 1)
    rows = len(fits) if fits.all() else int(fits.argmin())
    if not rows:
        raise not_a_line()
    size = int(edges[rows])
    offsets = np.empty(2 * rows + 1, np.int32)
    offsets[0::2] = edges[: rows + 1]
    np.add(edges[:rows], HEADER, out=offsets[1::2])
    every_second = indexes(np.arange(1, 2 * rows, 2, dtype=np.int32))
    lines = pc.take(from_offsets(offsets, buffer[:size]), every_second, boundscheck=False)
    return contents(lines)[1].tobytes(), rows, size
