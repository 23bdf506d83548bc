"""Digits in place of digits and letters in place of letters, by permutations or by chance.

The values lie one after the other in one buffer, and flags tell which of their bytes are replaced:
ASCII digits and letters alone. All else stays, so that a value keeps its shape, and where values
are permuted no two of them become the same.

Digits are strings of radix 10 and letters, whatever their case, of radix 26; longer ones are cut
into pieces that FF1 permutes all at once. A value of one piece, which most are, becomes what FF1
makes of it with the shape as tweak. Of one of several pieces, the last is permuted with all others
in its tweak, and then each other with what the last has become in its own: so each of them depends
on all of the value, and the whole can be undone from the last piece on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from replicate.crypto import keys
from replicate.crypto.ff1 import Permutation
from replicate.crypto.prf import SLACK, Prf
from replicate.rows.column import Column
from replicate.rows.spans import gather, heads
from replicate.transformers.base import Draw
from replicate.transformers.draw import LANE

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]

_DIGITS, _LETTERS = 10, 26
_PIECE = {_DIGITS: 32, _LETTERS: 22}
"""The longest strings, by their radix, that are permuted in lockstep."""

_FIRST = {_DIGITS: ord("0"), _LETTERS: ord("a")}
_CASE = np.uint8(0x20)

_WIDTH = 32  # bytes of a row that holds a piece; a multiple of 16


class Permuted:
    """Permutes the digits and letters of values, under a key of 32 bytes.

    May be pickled, and used by several threads at once.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = Permutation(keys.derive(key, "permuted characters", b"strings"))
        self._prf = Prf(keys.derive(key, "permuted characters", b"shapes"))

    def __call__(self, data: Bytes, length: Integers, replaced: Flags) -> Bytes:
        """`data` with other digits and letters where `replaced` is set; a new array.

        Shapes: `data` and `replaced` (sum of `length`,), `length` (rows,); a flag stands on ASCII
        digits and letters alone. One to one among the values that are equal in what isn't replaced
        and have digits, letters of either case at the same places. Values that differ in case alone
        become such, and those that differ in more still do so where upper and lower case are the
        same: that of a letter that stays decides nothing.
        """
        parts = _Parts(data, length, replaced)
        tweak = self._prf.lanes(parts.padded_shape, np.cumsum(length) - length, length)
        pieces = {radix: _pieces(part.count, radix) for radix, part in parts.of.items()}
        several = pieces[_DIGITS] + pieces[_LETTERS] > 1
        for radix, part in parts.of.items():
            rows = np.flatnonzero((pieces[radix] == 1) & ~several)
            self._permute(part, part.start[rows], part.count[rows], radix, tweak[rows])
        if several.any():
            self._permute_pieces(parts, pieces, np.flatnonzero(several), tweak)
        return parts.written()

    def digits_of(self, matrix: Bytes, length: int, places: Rows) -> Bytes:
        """The same for rows of a matrix which all have so many bytes, and digits at `places`.

        There may be up to 32 of them. It takes half the time.
        """
        shape = np.zeros(matrix.size + SLACK, np.uint8)
        rows = shape[: matrix.size].reshape(matrix.shape)
        rows[:] = matrix
        _capitalize(rows)
        rows[:, places] = _FIRST[_DIGITS]
        # What stays may be the same in all rows as well.
        different = len(rows) if (rows[:, :length] != rows[0, :length]).any() else 1
        start = np.arange(different, dtype=np.int64) * matrix.shape[1]
        tweak = self._prf.lanes(shape, start, np.full(different, length))
        symbols = matrix[:, places] - np.uint8(_FIRST[_DIGITS])
        size = np.full(len(matrix), len(places))
        out = matrix.copy()
        out[:, places] = self._cipher.permute(symbols, size, _DIGITS, tweak)
        out[:, places] += np.uint8(_FIRST[_DIGITS])
        return out

    def _permute(
        self, part: _Part, start: Integers, length: Integers, radix: int, tweak: Bytes
    ) -> None:
        """Permute these spans of the part's symbols, which ascend, where they are."""
        if not len(start):
            return
        width = _WIDTH if int(length.max()) > 16 else 16
        strings = heads(part.symbols, start, length, width)
        within = _places(length, width)
        new = self._cipher.permute(strings, length, radix, tweak).take(within)
        if start[-1] + length[-1] - start[0] == len(new):  # nothing lies between them
            part.symbols[start[0] : start[0] + len(new)] = new
        else:
            begin = np.arange(len(start), dtype=np.int64) * width
            part.symbols[within + np.repeat(start - begin, length)] = new

    def _permute_pieces(
        self, parts: _Parts, pieces: dict[int, Integers], rows: Rows, tweak: Bytes
    ) -> None:
        """The same for `rows`, whose values are of several pieces."""
        has_letters = parts.of[_LETTERS].count[rows] > 0
        others = {radix: parts.of[radix].count[rows].copy() for radix in _PIECE}
        lasts: dict[int, Integers] = {}
        for radix, chosen in ((_DIGITS, ~has_letters), (_LETTERS, has_letters)):
            count, number = others[radix], pieces[radix][rows]
            last = count - (number - 1) * count // np.maximum(number, 1)
            lasts[radix] = np.where(chosen, last, 0)
            count -= lasts[radix]
        # What the last piece depends on: everything before it.
        context = [tweak[rows]]
        for radix, part in parts.of.items():
            context.append(np.zeros((len(rows), LANE), np.uint8))
            at = np.flatnonzero(others[radix])
            start = part.start[rows[at]]
            context[-1][at] = self._prf.lanes(part.symbols, start, others[radix][at])
        before = np.concatenate(context, axis=1)
        became = np.empty((len(rows), LANE), np.uint8)
        for radix, part in parts.of.items():
            at = np.flatnonzero(lasts[radix])
            start = part.start[rows[at]] + others[radix][at]
            self._permute(part, start, lasts[radix][at], radix, before[at])
            became[at] = self._prf.lanes(part.symbols, start, lasts[radix][at])
        # What each other piece depends on: what the last one became, and its place.
        for radix, part in parts.of.items():
            number = pieces[radix][rows] - (lasts[radix] > 0)
            owner = np.repeat(np.arange(len(rows)), number)
            place = np.arange(len(owner)) - np.repeat(np.cumsum(number) - number, number)
            count, total = part.count[rows[owner]], pieces[radix][rows[owner]]
            first, end = place * count // total, (place + 1) * count // total
            context = [tweak[rows[owner]], became[owner]]
            context.append(place.astype("<i8").view(np.uint8).reshape(len(owner), 8))
            self._permute(
                part,
                part.start[rows[owner]] + first,
                end - first,
                radix,
                np.concatenate(context, axis=1),
            )


class Drawn:
    """Gives what `Permuted` does, but by chance: distinct values may meet, equal ones may differ.

    For draws without a key; each call draws anew. The bias is less than 10 %.
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def __call__(self, data: Bytes, length: Integers, replaced: Flags) -> Bytes:
        """`data` with other digits and letters where `replaced` is set; a new array."""
        parts = _Parts(data, length, replaced)
        lanes = -(-(parts.of[_DIGITS].count + parts.of[_LETTERS].count) // LANE)
        row = np.zeros(int(lanes.sum()), np.int64)
        drawn = self._draw(Column(data, row, row, row != 0)).reshape(-1)
        begin = (np.cumsum(lanes) - lanes) * LANE
        for radix, part in parts.of.items():
            source = gather(drawn, begin, part.count).astype(np.uint16)
            part.symbols[: part.at.size] = source * radix >> 8
            begin = begin + part.count
        return parts.written()


Replacer = Permuted | Drawn


def replacer(draw: Draw) -> Replacer:
    """Permutations where `draw` has a key, and else chance."""
    return Drawn(draw) if draw.key is None else Permuted(draw.key)


def replaced_in(replace: Replacer, matrix: Bytes, length: Integers, flags: Flags) -> Bytes:
    """What `replace` makes of values that are the rows of a matrix, of up to 127 columns."""
    if isinstance(replace, Permuted) and len(matrix):
        alike = (length == length[0]).all() and (flags == flags[0]).all()
        chosen = matrix[:, flags[0]] if alike else matrix[:0]
        if alike and 0 < chosen.shape[1] <= _PIECE[_DIGITS] and (chosen < ord("A")).all():
            return replace.digits_of(matrix, int(length[0]), np.flatnonzero(flags[0]))
    within = _places(length, matrix.shape[1])
    out = matrix.copy()
    new = replace(matrix.take(within), length, flags.take(within))
    out.reshape(-1)[within] = new
    return out


def _places(length: Integers, width: int) -> Rows:
    """Where a matrix of values, none of which is longer than 127 bytes, has their bytes."""
    within = np.arange(width, dtype=np.int8) < length.astype(np.int8)[:, None]
    return np.flatnonzero(within)


class _Part:
    """The symbols of one radix, value after value, with room behind them for gathers."""

    def __init__(self, data: Bytes, length: Integers, flags: Flags) -> None:
        self.at = np.flatnonzero(flags)
        self.symbols = np.zeros(len(self.at) + max(SLACK, _WIDTH), np.uint8)
        self.start = self.count = np.zeros(len(length), np.int64)
        if self.at.size:
            # Half the size if it is enough: there is one for each byte.
            size = np.int32 if len(data) < 1 << 31 else np.int64
            before = np.concatenate((np.zeros(1, size), np.cumsum(flags, dtype=size)))
            end = np.cumsum(length)
            self.start = before.take(end - length).astype(np.int64)
            self.count = before.take(end).astype(np.int64) - self.start


class _Parts:
    """The digits and the letters of values, and what is left of these without: their shapes."""

    def __init__(self, data: Bytes, length: Integers, replaced: Flags) -> None:
        digit = replaced & (data < ord("A"))
        self._data = data
        self.of = {
            _DIGITS: _Part(data, length, digit),
            _LETTERS: _Part(data, length, replaced ^ digit),
        }
        self.padded_shape = np.zeros(len(data) + SLACK, np.uint8)
        self.padded_shape[: len(data)] = data
        if self.of[_DIGITS].at.size + self.of[_LETTERS].at.size < len(data):  # something stays
            _capitalize(self.padded_shape)
        for radix, part in self.of.items():
            first = np.uint8(_FIRST[radix])
            # Letters of either case become small ones; digits have that bit anyway.
            part.symbols[: part.at.size] = (data.take(part.at) | _CASE) - first
            self.padded_shape[part.at] = first

    def written(self) -> Bytes:
        """The values with the symbols as they are now, letters in the case that they had."""
        out = self._data.copy()
        digits, letters = self.of[_DIGITS], self.of[_LETTERS]
        out[digits.at] = digits.symbols[: digits.at.size] + np.uint8(_FIRST[_DIGITS])
        case = out.take(letters.at) & _CASE
        capitals = letters.symbols[: letters.at.size] + np.uint8(_FIRST[_LETTERS]) - _CASE
        out[letters.at] = capitals | case
        return out


def _capitalize(data: Bytes) -> None:
    """Put capitals in place of the small letters of ASCII."""
    small = (data - np.uint8(ord("a"))) < 26
    data -= small * _CASE


def _pieces(count: Integers, radix: int) -> Integers:
    """How many pieces so many symbols are cut into; their sizes differ by one at most."""
    return -(-count // _PIECE[radix])
