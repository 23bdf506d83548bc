"""JSON documents taken apart into scalars and outlines, in all documents of a block at once.

An outline is a document without its scalars: every value that is no object or array is a single
byte in it, while keys, brackets and spaces stand as they were. The documents of a column have few
outlines between them, so whatever depends on keys and depth alone is worked out once an outline,
by code that takes its time, and holds for all its documents. Only the scalars are checked here, by
words of bits; whether an outline is JSON is for its reader to tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.rows.arrays import LIMIT, from_offsets
from replicate.rows.bits import WORD, Flags, Words, after, before, between, flags, marked, runs
from replicate.rows.column import Column
from replicate.rows.splice import laid

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

SCALAR = b"\x01"
"""What stands in an outline for a scalar. JSON has no such byte outside of strings."""

_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+").fullmatch
_SPACES = 8  # as many may stand between a key and its colon
_LONGEST = 64  # words of bits that a key or number may extend over
_FEWEST = 32  # documents; fewer are read one by one in less time

_SPACE, _QUOTE, _COMMA, _COLON, _BACKSLASH, _MINUS, _POINT, _ZERO = b' ",:\\-.0'
_OPEN, _CLOSE = b"{}"
_LETTER, _E = b"ae"
_CASE = np.uint8(0x20)  # what tells braces from brackets
# More than a scalar, or a backslash, in so many bytes, if they are many, take too much memory.
_DENSE, _MANY = 5, 100_000
_IS_SPACE = np.isin(np.arange(256), [ord(letter) for letter in " \t\n\r"])
_IS_DIGIT = np.isin(np.arange(256), list(b"0123456789"))
_TRUE, _NULL, _FALS = np.frombuffer(b"truenullfals", "<u4")


@dataclass(frozen=True, slots=True)
class Outlined:
    """Documents of a column, and what they fall apart into.

    `row`, ascending, tells where in the column document k stands. Its outline is
    ``outlines[outline[k]]``; its scalars are those from ``first[k]`` on, as many as the outline has
    and in the same order. Scalar i is ``data[begin[i] : end[i]]``, strings with their quotes.
    `escaped` are the strings that hold a backslash; what follows it may be no escape of JSON.
    """

    row: Integers
    outline: npt.NDArray[np.int32]
    first: Integers
    outlines: pa.BinaryArray
    data: Bytes
    begin: Integers
    end: Integers
    escaped: Integers


def outlined(column: Column) -> Outlined | None:
    """The objects and arrays of a column, or None if there are too few, one is not JSON, or they
    are little but scalars of a digit or escapes.

    Those that have spaces around them are left out. The others are JSON if their outlines are, and
    what is escaped in them: nothing else is left to be checked.
    """
    size = column.length
    row = np.flatnonzero(size > 1)
    start = column.start[row]
    opens = (column.data[start] | _CASE) == _OPEN
    opens &= (column.data[start + size[row] - 1] | _CASE) == _CLOSE
    row, start = row[opens], start[opens]
    if len(row) < _FEWEST or int(size[row].sum()) > LIMIT - 2 * WORD:
        return None
    texts = laid(Column(column.data, start, size[row], column.null[row]))
    bounds = np.concatenate(([0], np.cumsum(size[row])))
    if not _is_unicode(texts):
        return None
    data = np.zeros((texts.size // WORD + 2) * WORD, np.uint8)
    data[: texts.size] = texts
    slashes = np.flatnonzero(data == _BACKSLASH)
    many = max(_MANY, texts.size // _DENSE)
    if slashes.size > many:
        return None
    found = _found(data, slashes, bounds)
    if found is None:
        return None
    scalars, bare = found
    edge = scalars ^ after(scalars)
    edges = np.flatnonzero(flags(edge))
    begin, end = edges[0::2], edges[1::2]
    if len(begin) > many or not _are_scalars(data, begin, end, bare):
        return None
    first = np.searchsorted(begin, bounds)
    gone = np.concatenate(([0], np.cumsum(end - begin - 1)))
    kept = (bounds - gone[first]).astype(np.int32)
    rest = _without_scalars(data, begin, ~scalars | edge)
    outlines = from_offsets(kept, rest).dictionary_encode()
    dictionary = cast(pa.BinaryArray, outlines.dictionary)
    holder = np.searchsorted(end, slashes, side="right")
    escaped = np.unique(holder[np.append(begin, data.size)[holder] < slashes])
    indices = outlines.indices.to_numpy()
    return Outlined(row, indices, first[:-1], dictionary, data, begin, end, escaped)


def _is_unicode(texts: Bytes) -> bool:
    # Each is if all together are: every one begins with a bracket, so none within a character.
    if texts.max() < 0x80:
        return True
    try:
        str(texts.data, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _without_scalars(data: Bytes, begin: Integers, stays: Words) -> Bytes:
    """The texts with one byte in the place of each scalar."""
    data = data.copy()
    data[begin] = SCALAR[0]
    bits = np.packbits(flags(stays), bitorder="little")
    # The stubs of pyarrow know buffers, but not that NumPy's arrays are such.
    buffer, mask = pa.py_buffer(cast(Any, data)), pa.py_buffer(cast(Any, bits))
    texts = pa.Array.from_buffers(pa.uint8(), data.size, [None, buffer])
    chosen = pa.Array.from_buffers(pa.bool_(), data.size, [None, mask])
    return pc.filter(texts, cast(pa.BooleanArray, chosen)).to_numpy()


# Each document begins and ends with a bracket, and so outside of a string if all before it do.


def _found(data: Bytes, slashes: Integers, bounds: Integers) -> tuple[Words, Words] | None:
    """All bytes of scalars, and those that are not of strings, or None if something can't be
    JSON. No two scalars touch."""
    quote = data == _QUOTE
    quote[_escaping(slashes) + 1] = False
    quotes = marked(quote)
    within = between(quotes)  # from the opening quote to the last byte of a string
    inside = flags(within)
    if inside[bounds].any():
        return None  # a document ends in a string
    controls = np.flatnonzero(data[: bounds[-1]] < _SPACE)
    if (inside[controls] | ~_IS_SPACE[data[controls]]).any():
        return None
    closing = quotes & ~within
    colon, space = marked(data == _COLON), marked(data <= _SPACE)
    bare = ~(quotes | within | colon | space | _brackets(data))
    touching = (quotes & within) | (bare & ~after(bare))
    touching &= after(closing | bare)
    keys = _keys(within, closing, colon, space)
    if keys is None or touching.any():
        return None
    values = within & ~keys
    return values | after(values) | bare, bare


def _escaping(slashes: Integers) -> Integers:
    """Which backslashes begin an escape, rather than being what another one stands before."""
    place = np.arange(len(slashes))
    follows = np.diff(slashes, prepend=-2) == 1
    run = np.maximum.accumulate(np.where(follows, 0, place))
    begins: Flags = (place - run) % 2 == 0
    return slashes[begins]


def _brackets(data: Bytes) -> Words:
    """Brackets, braces and commas."""
    lower = data | _CASE
    marks = lower == _OPEN
    marks |= lower == _CLOSE
    marks |= data == _COMMA
    return marked(marks)


def _keys(within: Words, closing: Words, colon: Words, space: Words) -> Words | None:
    """The strings that a colon follows, without their closing quotes, or None if one is long."""
    last = np.zeros_like(closing)
    behind = colon
    for _ in range(_SPACES + 1):
        behind = before(behind)
        last |= behind & closing
        behind = behind & space
        if not behind.any():
            break
    return runs(within, before(last), _LONGEST)


def _are_scalars(data: Bytes, begin: Integers, end: Integers, bare: Words) -> bool:
    """Whether all that stands bare is a number, true, false or null."""
    first = data[begin]
    words = np.flatnonzero(first >= _LETTER)
    word, size = begin[words], end[words] - begin[words]
    four = np.ndarray((data.size - 3,), "V4", data, 0, (1,))[word].view("<u4")
    known = (size == 4) & ((four == _TRUE) | (four == _NULL))
    known |= (size == 5) & (four == _FALS) & (data[word + 4] == _E)
    minus = begin[first == _MINUS]
    zero = np.concatenate((begin[first == _ZERO], minus[data[minus + 1] == _ZERO] + 1))
    if not known.all() or not _IS_DIGIT[data[minus + 1]].all() or _IS_DIGIT[data[zero + 1]].any():
        return False
    # What is left to be told are digits, and what may be between them.
    told = np.zeros(data.size, np.bool_)
    told[minus] = True
    for i in range(4):
        told[word + i] = True
    told[word[size == 5] + 4] = True
    numbers = bare & ~marked(told)
    doubtful = np.flatnonzero(flags(_doubtful(data, numbers)))
    holder = np.unique(np.searchsorted(end, doubtful, side="right"))
    spans = zip(begin[holder].tolist(), end[holder].tolist(), strict=True)
    return all(_NUMBER(data[start:stop].tobytes()) for start, stop in spans)


def _doubtful(data: Bytes, numbers: Words) -> Words:
    """Places where more than digits, a point and digits is in a number that has no sign."""
    digits = marked((data - np.uint8(_ZERO)) < 10) & numbers
    others: Words = numbers & ~digits
    if not others.any():
        return others
    point = marked(data == _POINT) & others
    doubtful = others & ~(point & after(digits) & before(digits))
    # Digits that a point follows must not have one before them.
    whole = runs(digits, before(point) & digits, _LONGEST)
    doubtful |= point if whole is None else point & before(whole)
    return doubtful
