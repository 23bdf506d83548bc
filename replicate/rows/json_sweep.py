"""Scalars of plain JSON documents, found in all documents of a block at once.

Plain is a document that holds no escape and not more than `DEEPEST` containers within each other;
one regular expression tells which are such, and JSON. In these a few arrays tell all that matters:
where the strings are, how deep each place lies, and which keys stand there. Other documents, and
other paths than keys after keys, are for `replicate.rows.json_text` to walk through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from replicate.rows.arrays import from_offsets
from replicate.rows.column import SLACK
from replicate.rows.json_paths import Path, Wild
from replicate.rows.spans import gather, heads

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DEEPEST = 3
_SMALLEST = 1 << 18  # bytes; for fewer the expression takes longer to be compiled than it saves
_SPACES = 8  # as many may stand before a value
_LONGEST = 32  # bytes of a number

_SPACE = r"[ \t\n\r]*"
_STRING = r'"[^"\\\x00-\x1f]*"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"


def _plain() -> str:
    scalar = value = rf"(?:{_STRING}|{_NUMBER}|true|false|null)"
    s = _SPACE
    for _ in range(DEEPEST):
        member = rf"{_STRING}{s}:{s}{value}{s}"
        members, elements = rf"{member}(?:,{s}{member})*", rf"{value}{s}(?:,{s}{value}{s})*"
        value = rf"(?:{scalar}|\{{{s}(?:{members})?\}}|\[{s}(?:{elements})?\])"
    return rf"\A{s}{value}{s}\z"


_PLAIN = _plain()
_STEP = np.zeros(256, np.int8)
_STEP[[ord("{"), ord("[")]] = 1
_STEP[[ord("}"), ord("]")]] = -1
_IN_NUMBER = np.isin(np.arange(256), [ord(letter) for letter in "+-.0123456789eE"])
_IS_SPACE = np.isin(np.arange(256), [ord(letter) for letter in " \t\n\r"])
_QUOTE, _COLON = ord('"'), ord(":")


@dataclass(frozen=True, slots=True)
class Swept:
    """Scalars that one path leads to: `first` is the byte that each begins with, a quote of a
    string, which lies between its quotes. Nulls are not among them."""

    row: Integers
    begin: Integers
    end: Integers
    first: Bytes

    def where(self, flags: Flags) -> Swept:
        return Swept(self.row[flags], self.begin[flags], self.end[flags], self.first[flags])


def sweepable(paths: Sequence[Path]) -> bool:
    """Whether `sweep` can follow the paths: keys alone, or one at any depth, and no scalar for two.

    Scalars below the end of a path don't count: documents that have such are walked through.
    """
    for path in paths:
        others = [other for other in paths if other is not path]
        keys = path.steps
        if keys[:1] == (Wild.DEEP,):
            keys = keys[1:]
            if len(keys) != 1 or any(other.steps[-1:] == keys for other in others):
                return False
        elif any(other.steps[: len(keys)] == keys for other in others):
            return False
        if not 0 < len(keys) <= DEEPEST:
            return False
        if not all(isinstance(key, bytes) and _is_plain(key) for key in keys):
            return False
    return True


def _is_plain(key: bytes) -> bool:
    return not any(byte < 0x20 or byte in b'"\\' for byte in key)


def sweep(data: Bytes, bounds: Integers, paths: Sequence[Path]) -> tuple[list[Swept], Integers]:
    """What each path takes in the documents ``data[bounds[i] : bounds[i + 1]]``, and which
    documents are left to be walked through.

    The rows of these ascend; nothing of them is in the answer. `data` ends in slack.
    """
    rows = np.flatnonzero(np.diff(bounds))
    if bounds[-1] < _SMALLEST:
        return [NOTHING] * len(paths), rows
    texts = from_offsets(bounds.astype(np.int32), data)
    plain = pc.match_substring_regex(texts, _PLAIN).to_numpy(zero_copy_only=False)[rows]
    left = rows[~plain]
    if len(left) == len(rows):
        return [NOTHING] * len(paths), left
    rows = rows[plain]
    start, length = bounds[rows], bounds[rows + 1] - bounds[rows]
    if len(left):
        data = np.concatenate((gather(data, start, length), np.zeros(SLACK, np.uint8)))
    places = _Places(data, np.concatenate(([0], np.cumsum(length))))
    found = [places.under(path) for path in paths]
    if places.unclear.any():
        found = [each.where(~places.unclear[each.row]) for each in found]
        left = np.sort(np.concatenate((left, rows[places.unclear])))
    moved = start - places.bounds[:-1]
    found = [
        Swept(rows[s.row], s.begin + moved[s.row], s.end + moved[s.row], s.first) for s in found
    ]
    return found, left


NOTHING = Swept(
    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)
)


class _Places:
    """The members of all objects in plain documents: one entry a colon, in order.

    `unclear` flags the documents that have to be walked through after all.
    """

    def __init__(self, data: Bytes, bounds: Integers) -> None:
        self.bounds = bounds
        self.unclear = np.zeros(len(bounds) - 1, np.bool_)
        self._data = data
        text = data[: int(bounds[-1])]
        marks = (text == _QUOTE) | (text == _COLON)
        for letter in b"{}[]":
            marks |= text == letter
        at = np.flatnonzero(marks)
        byte = text[at]
        quote = byte == _QUOTE
        self._quotes = at.take(np.flatnonzero(quote))
        # Within strings the number of quotes so far is odd; what is kept is a string's beginning,
        # or stands outside of all.
        odd = np.cumsum(quote.view(np.uint8), dtype=np.uint8)  # it wraps, and stays odd or even
        odd &= 1
        kept = np.flatnonzero(odd == quote.view(np.uint8))
        at, byte = at.take(kept), byte.take(kept)
        colon = np.flatnonzero(byte == _COLON)
        self._depth = np.cumsum(_STEP.take(byte), dtype=np.int32).take(colon)
        self._colon = at.take(colon)
        self._key = at.take(colon - 1)  # where the quote before it is

    def under(self, path: Path) -> Swept:
        """The scalars that the path leads to."""
        keys = [step for step in path.steps if isinstance(step, bytes)]
        anywhere = len(keys) < len(path.steps)
        members = np.arange(len(self._colon)) if anywhere else self._at(len(keys))
        members = members[self._is_key(members, keys[-1])]
        row = np.searchsorted(self.bounds, self._colon[members], side="right") - 1
        inner = members
        for depth in range(len(keys) - 1, 0, -1):
            # What a member lies in is the last one before it of each lesser depth, if these follow
            # one another from the root on; where they don't, there is an array between.
            outer = self._at(depth)
            if not outer.size:
                return NOTHING
            place = np.searchsorted(outer, members) - 1
            around = outer[np.maximum(place, 0)]
            fits = (place >= 0) & (around < inner) & (self._colon[around] >= self.bounds[row])
            fits &= self._is_key(around, keys[depth - 1])
            members, row, inner = members[fits], row[fits], around[fits]
        return self._values(row, self._colon[members] + 1)

    def _at(self, depth: int) -> npt.NDArray[np.intp]:
        """The members of objects that lie so deep; those of the root are at 1."""
        return np.flatnonzero(self._depth == depth)

    def _is_key(self, members: npt.NDArray[np.intp], key: bytes) -> Flags:
        """Which members have that key: its quotes and all between them are the same."""
        at = self._key[members]
        flags = np.ones(len(members), np.bool_)
        # The last quote first, which tells most of them apart.
        written = b'"%b"' % key
        for i in range(len(written) - 1, 0, -1):
            some = np.flatnonzero(flags)
            place = np.minimum(at[some] + i, self._data.size - 1)
            flags[some] = self._data[place] == written[i]
        return flags

    def _values(self, row: Integers, begin: Integers) -> Swept:
        data = self._data
        begin = begin.copy()
        for _ in range(_SPACES):
            space = _IS_SPACE[data[begin]]
            if not space.any():
                break
            begin += space
        first = data[begin]
        window = _IN_NUMBER[heads(data, begin, np.full(len(begin), _LONGEST), _LONGEST)]
        number = np.argmin(window, axis=1)  # where the first byte is that is part of none
        end = begin + np.where(first == ord("t"), 4, np.where(first == ord("f"), 5, number))
        text = first == _QUOTE
        strings = np.searchsorted(self._quotes, begin[text])
        begin[text] += 1
        end[text] = self._quotes[strings + 1]
        clear = text | (first == ord("t")) | (first == ord("f")) | (number > 0)
        clear &= text | ~window.all(axis=1)
        null = first == ord("n")
        self.unclear[row[~clear & ~null]] = True
        clear &= ~null
        return Swept(row[clear], begin[clear], end[clear], first[clear])
