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
from replicate.transformers.columnar.windows import count_in_row, distinct, overwrite
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

_PLACE = 8  # bytes of the place of a piece in its tweak
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
        count = {radix: part.count for radix, part in parts.of.items()}
        one_each = (count[_DIGITS] <= _PIECE[_DIGITS]) & (count[_LETTERS] <= _PIECE[_LETTERS])
        both = (count[_DIGITS] > 0) & (count[_LETTERS] > 0)
        for radix, part in parts.of.items():
            rows = _where((count[radix] > 0) & one_each & ~both)
            self._permute(part, part.start[rows], part.count[rows], radix, tweak[rows])
        if both.any():
            self._permute_both(parts, _where(both & one_each), tweak)
        if not one_each.all():
            self._permute_pieces(parts, np.flatnonzero(~one_each), tweak)
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

    def tweaks(self, shapes: list[bytes]) -> Bytes:
        """What digits depend on in values that are of these shapes without them; see there."""
        column = Column.of([shape.upper() for shape in shapes])
        return self._prf.lanes(column.data, column.start, column.length)

    def digits(self, symbols: Bytes, count: Integers, tweaks: Bytes, which: Integers) -> Bytes:
        """Other digits, 0 to 9, the first ``count[i]`` of each row, in place of these."""
        return self._cipher.permute(symbols, count, _DIGITS, tweaks, which=which)

    def _permute(
        self, part: _Part, start: Integers, length: Integers, radix: int, tweak: Bytes
    ) -> None:
        """Permute these spans of the part's symbols, which ascend, where they are."""
        if not len(start):
            return
        size, total = int(length[0]), int(length.sum())
        dense = start[-1] + length[-1] - start[0] == total  # nothing lies between them
        span = slice(int(start[0]), int(start[0]) + total)
        if dense and total == size * len(length) and (length == size).all():
            strings = part.symbols[span].reshape(-1, size)
            part.symbols[span] = self._cipher.permute(strings, length, radix, tweak).reshape(-1)
            return
        matrix = self._cipher.permute_spans(part.symbols, start, length, radix, tweak)
        width = matrix.shape[1]
        if dense:
            part.symbols[span] = matrix[_within(length, width)]
        else:
            places = _places(length, width)
            begin = np.arange(len(start), dtype=np.int64) * width
            part.symbols[places + np.repeat(start - begin, length)] = matrix.take(places)

    def _permute_both(self, parts: _Parts, rows: Rows | slice, tweak: Bytes) -> None:
        """The same for `rows`, whose values have one piece of digits and one of letters.

        It gives what `_permute_pieces` would, of which it is the usual case.
        """
        digits, letters = parts.of[_DIGITS], parts.of[_LETTERS]
        tweak = tweak[rows]
        context = np.zeros((len(tweak), 3 * LANE), np.uint8)
        lanes = context.view(f"V{LANE}")
        lanes[:, 0] = tweak.view(f"V{LANE}").ravel()
        for first, second in ((digits, letters), (letters, digits)):
            start, count = first.start[rows], first.count[rows]
            lanes[:, 1] = self._prf.lanes(first.symbols, start, count).view(f"V{LANE}").ravel()
            radix = _LETTERS if second is letters else _DIGITS
            length = context.shape[1] if second is letters else 2 * LANE + _PLACE
            self._permute(
                second, second.start[rows], second.count[rows], radix, context[:, :length]
            )

    def _permute_pieces(self, parts: _Parts, rows: Rows, tweak: Bytes) -> None:
        """The same for `rows`, whose values are of several pieces."""
        pieces = {radix: _pieces(part.count, radix) for radix, part in parts.of.items()}
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
            context.append(place.astype("<i8").view(np.uint8).reshape(len(owner), _PLACE))
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

    def tweaks(self, shapes: list[bytes]) -> Bytes:
        return np.zeros((len(shapes), 0), np.uint8)

    def digits(self, symbols: Bytes, _count: Integers, _tweaks: Bytes, _which: Integers) -> Bytes:
        """As for `Permuted`; what is behind the digits of a row may be anything."""
        row = np.zeros(symbols.size // LANE, np.int64)
        drawn = self._draw(Column(symbols, row, row, row != 0)).astype(np.uint16)
        drawn *= _DIGITS
        drawn >>= 8
        return drawn.astype(np.uint8).reshape(symbols.shape)


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


class DigitStrings:
    """The digits that are replaced in values, to be replaced again until they are as they should.

    The values are the first ``length[i]`` bytes of the rows of a matrix, none of them 0, and a flag
    stands on digits alone, up to 32 in a row. Few values differ in anything but these: what digits
    depend on is reckoned once for all that are alike. `symbols` are the digits, 0 to 9, uint8
    (rows, 16 or 32), and `count` how many of them each row has, int64 (rows,).
    """

    def __init__(self, replace: Replacer, matrix: Bytes, length: Integers, flags: Flags) -> None:
        self._replace = replace
        self._matrix = matrix
        self._flags = flags
        shape = matrix.copy()
        overwrite(shape, np.uint8(_FIRST[_DIGITS]), flags)
        overwrite(
            shape,
            np.uint8(0),
            ~_within(length, matrix.shape[1]),
        )
        which, shapes = distinct(shape)
        self._which = which.astype(np.int64)
        self._tweaks = replace.tweaks(shapes)
        self.count = count_in_row(flags)
        data = np.zeros(int(self.count.sum()) + SLACK, np.uint8)
        data[:-SLACK] = matrix[flags] - np.uint8(_FIRST[_DIGITS])
        width = _WIDTH if int(self.count.max(initial=0)) > 16 else 16
        self.symbols = heads(data, np.cumsum(self.count) - self.count, self.count, width)

    def replace(self, rows: Rows | slice) -> None:
        """Put other digits in place of those that the rows have now."""
        now = self.symbols[rows]
        self.symbols[rows] = self._replace.digits(
            now, self.count[rows], self._tweaks, self._which[rows]
        )

    def written(self, rows: Rows | slice = slice(None)) -> Bytes:
        """Those of the values with the digits as they are now: a new matrix."""
        out = self._matrix[rows]
        out = out.copy() if isinstance(rows, slice) else out
        symbols = self.symbols[rows]
        new = symbols.take(_places(self.count[rows], symbols.shape[1]))
        out[self._flags[rows]] = new + np.uint8(_FIRST[_DIGITS])
        return out


def _where(flags: Flags) -> Rows | slice:
    """The rows with a flag."""
    return slice(None) if flags.all() else np.flatnonzero(flags)


def _within(length: Integers, width: int) -> Flags:
    """Which places of a matrix of values, none of which is longer than 127 bytes, are theirs."""
    return np.arange(width, dtype=np.int8) < length.astype(np.int8)[:, None]


def _places(length: Integers, width: int) -> Rows:
    """The same as places in the matrix, row after row."""
    return np.flatnonzero(_within(length, width))


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
