"""How a database compares the values of a column, where that is not by what they are written as."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from replicate.rows.column import SLACK, Column, Kind
from replicate.rows.spans import gather

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


class Equality(Enum):
    """Which values of a column are equal to its database, in keys and in joins.

    `ASCII_CASE`: those that differ in the case of ASCII letters alone; `CASE`: in that of any
    letters, each for itself; `CASE_IN_CONTEXT`: likewise, but a capital sigma ends a word as a
    final one, and a dotted capital I keeps its dot. `TRAILING_SPACES`: in spaces at the end;
    `PADDED`: likewise, and text of another type is compared in its own way. `UNKNOWN` stands for
    rules that are not known here: a collation of somebody's own, or one that takes accents for
    none.
    """

    BYTES = "byte for byte"
    ASCII_CASE = "regardless of the case of ASCII letters"
    CASE = "regardless of case"
    CASE_IN_CONTEXT = "regardless of case, letters by their place in a word"
    TRAILING_SPACES = "regardless of spaces at the end"
    PADDED = "regardless of the spaces that pad it"
    UNKNOWN = "by rules of its own"


class Reading(Enum):
    """What a condition has to know of a column beyond its kind.

    `SINGLE`: its numbers have 32 bits, and are more or less than what they are written as.
    `DIGITS`: its truths are 1 and 0, and words such as true are texts.
    """

    SINGLE = "numbers of 32 bits"
    DIGITS = "truths in digits"


def folded(column: Column, equality: Equality) -> Column:
    """The column with one spelling for all values that are equal; NULL and empty stay so.

    Numbers and blobs compare as what they are, and stay. The column itself where nothing changes.
    """
    if column.kind in _NEVER_FOLDED or equality in (Equality.BYTES, Equality.UNKNOWN):
        return column
    data = gather(column.data, column.start, column.length)
    end = np.cumsum(column.length)
    start = end - column.length
    if equality in (Equality.TRAILING_SPACES, Equality.PADDED):
        return _of(column, data, start, _without_spaces(data, start, end))
    lowered = LOWER[data]
    odd = lowered == 0 if equality is Equality.ASCII_CASE else lowered > 127
    if not odd.any():
        same = np.array_equal(lowered, data)
        return column if same else _of(column, lowered, start, column.length)
    before = np.concatenate(([0], np.cumsum(odd)))
    rows = np.flatnonzero(before[end] > before[start])
    values = [lowered[start[row] : end[row]].tobytes() for row in rows.tolist()]
    fold = _FOLDS[equality]
    return _with(_of(column, lowered, start, column.length), rows, [fold(each) for each in values])


_NEVER_FOLDED = frozenset({Kind.BINARY, Kind.INTEGER, Kind.REAL, Kind.NUMERIC, Kind.BOOLEAN})
_BYTES = np.arange(256)
LOWER = np.where((_BYTES >= 65) & (_BYTES <= 90), _BYTES + 32, _BYTES).astype(np.uint8)
"""Each byte, the letters of ASCII in lower case: uint8 (256,)."""

_SPACE = 32
_BY_ITSELF = str.maketrans(
    {
        "\N{GREEK CAPITAL LETTER SIGMA}": "\N{GREEK SMALL LETTER SIGMA}",
        "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}": "i",
    }
)
"""What becomes in lower case of letters whose place in a word, or whose dot, may matter."""


def _of(column: Column, data: Bytes, start: Integers, length: Integers) -> Column:
    """The column with other values, which lie in `data`."""
    padded = np.concatenate((data, np.zeros(SLACK, np.uint8)))
    return replace(column, data=padded, start=start, length=length)


def _with(column: Column, rows: npt.NDArray[np.intp], values: list[bytes]) -> Column:
    """The column with these values in `rows`."""
    length = np.array([len(value) for value in values], np.int64)
    start, lengths = column.start.copy(), column.length.copy()
    at = len(column.data) - SLACK
    start[rows], lengths[rows] = at + np.cumsum(length) - length, length
    behind = np.frombuffer(b"".join(values), np.uint8)
    return _of(column, np.concatenate((column.data[:at], behind)), start, lengths)


def _without_spaces(data: Bytes, start: Integers, end: Integers) -> Integers:
    """How long the values are without the spaces at their end."""
    if not data.size:
        return end - start
    behind = np.where(data != _SPACE, np.arange(1, data.size + 1), 0)
    last = np.maximum.accumulate(behind)[np.maximum(end - 1, 0)]
    length: Integers = np.maximum(last - start, 0) * (end > start)
    return length


def _without_case(value: bytes) -> bytes:
    try:
        return value.decode().translate(_BY_ITSELF).lower().encode()
    except UnicodeDecodeError:
        return value  # no text to the database either, which compares its bytes


def _without_case_in_context(value: bytes) -> bytes:
    try:
        return value.decode().lower().encode()
    except UnicodeDecodeError:
        return value


def _until_nul(value: bytes) -> bytes:
    """What SQLite compares: as many bytes, but none that stand behind a NUL."""
    return value.partition(b"\0")[0].ljust(len(value), b"\0")


_FOLDS = {
    Equality.ASCII_CASE: _until_nul,
    Equality.CASE: _without_case,
    Equality.CASE_IN_CONTEXT: _without_case_in_context,
}
