"""PostgreSQL's arrays as text: where their elements lie, and how an element is written.

``{a,"b c",NULL,{nested}}``, with bounds in front where they don't begin at 1: ``[0:1]={a,b}``.
Elements are parted by commas; those of the type ``box``, which take semicolons, are not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import TransformError
from replicate.rows.arrays import contents, indexes, strings
from replicate.rows.spans import gather, heads
from replicate.rows.splice import Texts

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of some arrays that are not NULL, in order; one entry an element.

    `row` is the array of each, which has it from `begin` to `end`, quotes and all. `quoted` tells
    those in quotes, `escaped` those that hold backslashes, which are in quotes or not.
    """

    row: Integers
    begin: Integers
    end: Integers
    quoted: Flags
    escaped: Flags


def elements_of(texts: Texts) -> Elements:
    """The elements of all arrays. Empty texts are passed over.

    Raises `TransformError`, with the row, for a text that is no array.
    """
    rows = np.flatnonzero(np.diff(texts.bounds))
    marks = _Marks(texts, rows)
    simple = marks.elements()
    if marks.plain.all():
        return simple
    walked = _Walked(texts)
    for row in rows[~marks.plain].tolist():
        walked.read(row)
    return _merged(simple, walked.elements())


_COMMA, _BRACE, _QUOTE, _BACKSLASH = 1, 2, 3, 4
_CODE = np.zeros(256, np.uint8)
for _code, _letters in ((_COMMA, ","), (_BRACE, "{}"), (_QUOTE, '"'), (_BACKSLASH, "\\")):
    _CODE[[ord(letter) for letter in _letters]] = _code


class _Marks:
    """All that is no plain letter in the arrays `rows`, to cut the `plain` ones up at once: those
    without escapes, bounds and nesting."""

    def __init__(self, texts: Texts, rows: Integers) -> None:
        data, first, last = texts.data, texts.bounds[rows], texts.bounds[rows + 1] - 1
        code = _CODE.take(data[: len(texts.raw)])
        at = np.flatnonzero(code)
        code = code[at]
        here, behind = np.searchsorted(at, first), np.searchsorted(at, last + 1)
        quotes = _running(code == _QUOTE)
        # In quotes the number of quotes so far in the array is odd.
        odd = (quotes[:-1] - np.repeat(quotes[here], behind - here)) & 1
        parts = (odd == 0) & (code <= _BRACE)
        braces, escapes = _running(parts & (code == _BRACE)), _running(code == _BACKSLASH)
        self.plain = (data[first] == ord("{")) & (data[last] == ord("}")) & (first < last)
        self.plain &= (braces[behind] - braces[here] == 2) & (escapes[behind] == escapes[here])
        self.plain &= (quotes[behind] - quotes[here]) & 1 == 0
        self._texts, self._rows = texts, rows[self.plain]
        kept = np.flatnonzero(parts & np.repeat(self.plain, behind - here))
        self._at, self._quotes = at[kept], quotes[kept]
        parted = _running(parts)
        self._count = (parted[behind] - parted[here])[self.plain]

    def elements(self) -> Elements:
        """The elements of the plain arrays: what lies between two commas, or a brace and a comma.

        Raises `TransformError` where that is no element.
        """
        data, count = self._texts.data, self._count - 1
        row = np.repeat(self._rows, count)
        mark = np.arange(len(row)) + np.repeat(np.arange(len(count)), count)
        begin, end = self._at[mark] + 1, self._at[mark + 1]
        quotes = self._quotes[mark + 1] - self._quotes[mark]
        quoted = (quotes == 2) & (data[begin] == _MARK) & (data[end - 1] == _MARK)
        empty = begin == end
        wrong = ~quoted & ((quotes > 0) | (empty & np.repeat(count > 1, count)))
        if wrong.any():
            raise _malformed(int(row[np.flatnonzero(wrong)[0]]))
        kept = np.flatnonzero(~empty & ~_is_null(data, begin, end - begin))
        none = np.zeros(len(kept), np.bool_)
        return Elements(row[kept], begin[kept], end[kept], quoted[kept], none)


_MARK = ord('"')


def _running(flags: Flags) -> Integers:
    """How many flags are set before each place, and in the end."""
    return np.concatenate(([0], np.cumsum(flags, dtype=np.int64)))


def _is_null(data: Bytes, start: Integers, length: Integers) -> Flags:
    """Which of the spans are ``NULL``, in upper or lower case."""
    found: Flags = length == 4
    some = np.flatnonzero(found)
    if some.size:
        letters = heads(data, start[some], length[some], 16)[:, :4] & 0xDF
        found[some] = (letters == np.frombuffer(b"NULL", np.uint8)).all(axis=1)
    return found


_BOUNDS = re.compile(rb"(?:\[[+-]?[0-9]+(?::[+-]?[0-9]+)?\])+=").match
_ITEM = re.compile(
    rb'(\{)|(\})|"((?:[^"\\]|\\.)*+)"(?=[,}])|((?:[^{},"\\]|\\.)++)(?=[,}])', re.DOTALL
).match
_OPEN, _CLOSE, _QUOTED = 1, 2, 3


class _Walked:
    """Elements of arrays read one by one."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._found: list[tuple[int, int, int, bool, bool]] = []

    def elements(self) -> Elements:
        table = np.array(self._found, np.int64).reshape(-1, 5)
        row, begin, end, quoted, escaped = (table[:, i] for i in range(5))
        return Elements(row, begin, end, quoted.astype(np.bool_), escaped.astype(np.bool_))

    def read(self, row: int) -> None:
        text = self._texts.raw
        pos, end = int(self._texts.bounds[row]), int(self._texts.bounds[row + 1])
        if (bounds := _BOUNDS(text, pos, end)) is not None:
            pos = bounds.end()
        if text[pos:end] == b"{}":
            return
        depth, fresh = 0, True  # fresh: behind an opening brace or a comma
        while pos < end:
            item = _ITEM(text, pos, end)
            if item is None or (item.lastindex == _CLOSE) == fresh:
                break
            pos = item.end()
            if item.lastindex == _OPEN:
                depth += 1
                continue
            if item.lastindex == _CLOSE:
                depth -= 1
            elif depth:
                self._add(row, item)
            else:
                break
            if depth == 0:
                fresh = False
                break
            # Behind an element stands a comma, and then something; or a closing brace.
            fresh = text[pos : pos + 1] == b","
            pos += fresh
        if depth or fresh or pos != end:
            raise _malformed(row)

    def _add(self, row: int, item: re.Match[bytes]) -> None:
        value = item[item.lastindex or 0]
        quoted = item.lastindex == _QUOTED
        if quoted or value.upper() != b"NULL":
            self._found.append((row, item.start(), item.end(), quoted, b"\\" in value))


def _merged(one: Elements, other: Elements) -> Elements:
    begin = np.concatenate((one.begin, other.begin))
    order = np.argsort(begin, kind="stable")
    return Elements(
        np.concatenate((one.row, other.row))[order],
        begin[order],
        np.concatenate((one.end, other.end))[order],
        np.concatenate((one.quoted, other.quoted))[order],
        np.concatenate((one.escaped, other.escaped))[order],
    )


def _malformed(row: int) -> TransformError:
    return TransformError("a value is not an array as PostgreSQL writes one", row=row)


def unescaped(texts: Texts, found: Elements) -> tuple[Bytes, Integers, Integers]:
    """The values of the elements: data with slack behind it, start and length."""
    start = found.begin + found.quoted
    length = found.end - found.quoted - start
    rows = np.flatnonzero(found.escaped)
    if not rows.size:
        return texts.data, start, length
    size = len(texts.raw)
    raw = gather(texts.data, start[rows], length[rows]).tobytes()
    ends = np.cumsum(length[rows]).tolist()
    begins = [0, *ends[:-1]]
    copies = [_ESCAPE.sub(rb"\1", raw[a:b]) for a, b in zip(begins, ends, strict=True)]
    sizes = np.array([len(copy) for copy in copies], np.int64)
    start[rows] = size + np.cumsum(sizes) - sizes
    length[rows] = sizes
    added = np.frombuffer(b"".join(copies), np.uint8)
    return np.concatenate((texts.data[:size], added, texts.data[size:])), start, length


_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)


def written(values: pa.BinaryArray) -> pa.BinaryArray:
    """The values as elements of an array, in quotes where the server would write them so."""
    offsets, data = contents(values)
    bounds = (offsets - offsets[0]).astype(np.int64)
    length = np.diff(bounds)
    count = np.concatenate(([0], np.cumsum(_DELICATE[data])))
    padded = np.concatenate((data, np.zeros(16, np.uint8)))
    quoted = np.diff(count[bounds]) > 0
    quoted |= length == 0
    quoted |= _is_null(padded, bounds[:-1], length)
    rows = np.flatnonzero(quoted)
    if not rows.size:
        return values
    # The stubs of pyarrow know strings here, but bytes will do.
    some: Any = pc.take(values, indexes(rows.astype(np.int32)), boundscheck=False)
    for letter in (b"\\", b'"'):
        some = pc.replace_substring(some, letter, b"\\" + letter)
    quote: Any = pa.scalar(b'"', pa.binary())
    some = pc.binary_join_element_wise(quote, some, quote, pa.scalar(b"", pa.binary()))
    index = np.arange(len(values), dtype=np.int32)
    index[rows] = np.arange(len(values), len(values) + len(rows))
    both: pa.BinaryArray = pa.concat_arrays([values, some])
    return pc.take(both, indexes(index), boundscheck=False)


_DELICATE = np.isin(np.arange(256), [ord(letter) for letter in '{},"\\ \t\n\r\v\f'])

NULLS = strings([b"NULL"])
"""How an element that is NULL is written."""
