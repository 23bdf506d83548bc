"""The text of a row: PostgreSQL's COPY format, one line a row, a tab between fields.

Inside a field backslash, tab, newline and carriage return always stand as ``\\\\``, ``\\t``,
``\\n`` and ``\\r``; every other byte stands as it is, a NUL or invalid UTF-8 as well. NULL is
``\\N``, exactly. A reader also takes the other escapes of COPY: ``\\b``, ``\\f``, ``\\v``, octal
``\\123`` and hexadecimal ``\\x41``.

A field may begin with a class tag, a backslash and one of `TAGS`, where the value's storage class
is not the one that its column gives the bare text. The functions here know nothing of tags: they
take what follows one.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import CorruptError
from replicate.rows.arrays import LIMIT, contents, from_offsets
from replicate.rows.spans import gather

NULL_FIELD = b"\\N"
"""The whole of a field that is NULL. No escaped value is equal to it."""

TAGS = b"IRTB"
"""Integer, real, text, and blob as hexadecimal digits: the letters of class tags."""

BACKSLASH = 0x5C

_LETTERS = {b"\t": b"\\t", b"\n": b"\\n", b"\r": b"\\r"}
_SIMPLE = {"b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "\\": BACKSLASH}
_NUMERIC = -1  # the escape is octal or hexadecimal
_UNKNOWN = -2


def _meanings() -> npt.NDArray[np.int16]:
    """What the byte after a backslash stands for, or `_NUMERIC`, or `_UNKNOWN`."""
    table = np.full(256, _UNKNOWN, np.int16)
    for letter, meaning in _SIMPLE.items():
        table[ord(letter)] = meaning
    table[list(b"01234567x")] = _NUMERIC
    return table


def _specials() -> npt.NDArray[np.uint8]:
    """The letter that stands after the backslash for a byte that is always escaped, else 0."""
    table = np.zeros(256, np.uint8)
    for letter in "tnr\\":
        table[_SIMPLE[letter]] = ord(letter)
    return table


_MEANING = _meanings()
_LETTER = _specials()
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.?))", re.DOTALL)
_NUMBER = re.compile(rb"([0-7]{1,3})|x([0-9A-Fa-f]{1,2})")


def escape_value(value: bytes) -> bytes:
    """The field that stands for `value`. No result is `NULL_FIELD` or begins with a tag."""
    value = value.replace(b"\\", b"\\\\")
    for raw, escaped in _LETTERS.items():
        value = value.replace(raw, escaped)
    return value


def unescape_value(field: bytes) -> bytes:
    """The value of a field that is neither NULL nor tagged: the inverse of `escape_value`.

    Raises `CorruptError` for a backslash that begins no known escape, and so for `NULL_FIELD`.
    """
    if b"\\" not in field:
        return field
    # An escaped backslash is the only escape with a second one in it, so it splits the others.
    parts = field.split(b"\\\\")
    for i, part in enumerate(parts):
        if b"\\" in part:
            plain = part.replace(b"\\n", b"\n").replace(b"\\t", b"\t").replace(b"\\r", b"\r")
            parts[i] = _ESCAPE.sub(_meaning_of, part) if b"\\" in plain else plain
    return b"\\".join(parts)


def _meaning_of(match: re.Match[bytes]) -> bytes:
    octal, hexadecimal, letter = match.groups()
    if octal is not None:
        return bytes([int(octal, 8) & 0xFF])
    if hexadecimal is not None:
        return bytes([int(hexadecimal, 16)])
    meaning = _SIMPLE.get(letter.decode("latin-1"))
    if meaning is None:
        raise _unknown_escape()
    return bytes([meaning])


def _unknown_escape() -> CorruptError:
    return CorruptError("a field holds a backslash that begins no escape of the row format")


def needs_escape(data: npt.NDArray[np.uint8]) -> bool:
    """Whether any byte of `data` is one of the four that never stand raw in a field."""
    # Two cheap passes settle nearly every block; only control bytes ask for the exact one.
    if (data == BACKSLASH).any():
        return True
    near = (data - np.uint8(9)) < 5
    return bool(near.any()) and bool((_LETTER[data[near]] != 0).any())


def escape(values: pa.BinaryArray) -> pa.BinaryArray:
    """The fields that stand for `values`, as `escape_value` gives them; nulls stay null.

    Returns the same object if no value has a byte to escape. Raises `pyarrow.ArrowInvalid` if the
    result would exceed the 2 GiB of an array.
    """
    offsets, data = contents(values)
    if not needs_escape(data):
        return values
    at = np.flatnonzero((data < 14) | (data == BACKSLASH))
    letters = _LETTER[data[at]]
    at, letters = at[letters != 0], letters[letters != 0]
    if len(data) + len(at) > LIMIT:
        raise pa.ArrowInvalid("escaped values exceed the capacity of an array")
    out = np.insert(data, at, BACKSLASH)
    out[at + np.arange(1, len(at) + 1)] = letters
    shifted = offsets - offsets[0]
    shifted += np.searchsorted(at, shifted).astype(np.int32)
    escaped = from_offsets(shifted, out)
    if values.null_count:
        escaped = pc.if_else(values.is_valid(), escaped, pa.scalar(None, pa.binary()))
    return escaped


def unescape_spans(
    data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], length: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """`unescape_value` of every ``data[start[i] : start[i] + length[i]]``, one after the other.

    Returns the bytes of all values, uint8 (bytes,), and their lengths, int64 (rows,). Raises
    `CorruptError` as `unescape_value` does.
    """
    flat = gather(data, start, length)
    ends = np.cumsum(length)
    at = np.flatnonzero(flat == BACKSLASH)
    if not at.size:
        return flat, length.copy()
    field = np.searchsorted(ends, at, side="right")
    # In a run of backslashes every second one is escaped by the one before it.
    order = np.arange(at.size)
    opens = np.ones(at.size, np.bool_)
    opens[1:] = (at[1:] != at[:-1] + 1) | (field[1:] != field[:-1])
    leads = (order - np.maximum.accumulate(np.where(opens, order, 0))) % 2 == 0
    at, field = at[leads], field[leads]
    if (at + 1 >= ends[field]).any():
        raise _unknown_escape()
    meaning = _MEANING[flat[at + 1]]
    if (meaning == _UNKNOWN).any():
        raise _unknown_escape()

    keep = np.ones(flat.size, np.bool_)
    keep[at] = False
    dropped = np.bincount(field, minlength=len(length))
    for i in np.flatnonzero(meaning == _NUMERIC).tolist():
        begin, end = int(at[i]) + 1, int(ends[field[i]])
        match = _NUMBER.match(flat[begin : min(begin + 3, end)].tobytes())
        if match is None:
            raise _unknown_escape()
        octal, hexadecimal = match.groups()
        meaning[i] = int(octal, 8) & 0xFF if octal is not None else int(hexadecimal, 16)
        keep[begin + 1 : begin + match.end()] = False
        dropped[field[i]] += match.end() - 1
    flat[at + 1] = meaning.astype(np.uint8)
    return flat[keep], length - dropped
