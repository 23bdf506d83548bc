"""Decimal numbers as text: read and written exactly, all rows at once while they fit 64 bits."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replicate.rows.column import Column
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Index, spaced
from replicate.transformers.columnar.windows import is_digit, overwrite, shapes, window

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

DIGITS = 18
"""How many digits a number may have, its leading zeros included, to be reckoned with 64 bits."""

LONGEST = 3_000
"""How many digits a number may have that is reckoned with at all."""

POWERS = 10 ** np.arange(DIGITS + 1, dtype=np.int64)

_PLAIN = re.compile(rb"([+-]?)(0*)(?:\.(0*))?")  # the shape, in which every digit is written as 0
_NUMBER = re.compile(rb"([+-]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,4}))?")
ENDLESS = re.compile(rb"(?i:[+-]?inf(inity)?|nan)")
"""What no number is, and yet may stand where one does."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of `rows` of a column: ``amount / 10**places``, negative where `negative` says so.

    `amount` int64 (rows,), from 0 to ``10**DIGITS - 1``; `places` int64. `whole` int64 is how many
    digits there have to be before the point: 1, none where there were none, or as many as there
    were where the first was a 0.
    """

    rows: Rows
    amount: Integers
    places: Integers
    negative: Flags
    whole: Integers

    def take(self, rows: Rows | Flags) -> Numbers:
        return Numbers(
            self.rows[rows],
            self.amount[rows],
            self.places[rows],
            self.negative[rows],
            self.whole[rows],
        )


def read(column: Column) -> tuple[Numbers, Rows]:
    """The numbers of up to `DIGITS` digits without an exponent, and the rows of all other values
    that are not empty."""
    text = window(column)
    digit = is_digit(text)
    shape, found = shapes(text, digit)
    plain = [_plain(each) for each in found]
    before, after, size, minus, lead = np.array(plain, np.int64).reshape(-1, 5).T
    fits = column.length == size[shape]
    rows = np.flatnonzero(fits)
    if rows.size < len(column):
        text, digit, shape = text[rows], digit[rows], shape[rows]
    width = max(int(size.max()), 0) if rows.size else 0
    amount = np.zeros(len(rows), np.int64)
    # Where there is no digit, nothing changes: times 1, plus 0.
    here = np.ascontiguousarray(digit[:, :width].T).view(np.uint8)
    value = np.ascontiguousarray(text[:, :width].T) & np.uint8(0x0F)
    value *= here
    factor = here * np.uint8(9) + np.uint8(1)
    for place in range(width):
        amount *= factor[place]
        amount += value[place]
    padded = text[np.arange(len(rows)), lead[shape]] == ord("0")
    whole = np.where(padded, before[shape], np.minimum(before[shape], 1))
    numbers = Numbers(rows, amount, after[shape], minus[shape] != 0, whole)
    return numbers, np.flatnonzero(~fits & (column.length > 0))


def _plain(shape: bytes) -> tuple[int, int, int, int, int]:
    """Digits before and behind the point, all bytes, whether there is a minus, and where the first
    digit is. A shape that is no number has -1 bytes."""
    match = _PLAIN.fullmatch(shape)
    if match is None:
        return 0, 0, -1, 0, 0
    before, after = len(match[2]), len(match[3] or b"")
    if not 0 < before + after <= DIGITS:
        return 0, 0, -1, 0, 0
    return before, after, len(shape), int(match[1] == b"-"), len(match[1])


def written(
    amount: Integers, places: Integers, negative: Flags, whole: Integers
) -> tuple[pa.BinaryArray, Index]:
    """A pool of numbers, one a row, as `Numbers` describes them; zero is never negative.

    ``amount`` may be up to ``2**63 - 1``, `places` and `whole` up to `DIGITS`.
    """
    rows = len(amount)
    count = np.ones(rows, np.int64)
    most = int(amount.max()) if rows else 0
    for power in POWERS[1:].tolist():
        if power > most:
            break
        count += amount >= power
    count = np.maximum(count, places + whole)
    if rows:
        count -= (amount == 0) & (places == 0) & (whole == 0) & (count > 1)
    fours = (int(count.max()) + 3) // 4 if rows else 1
    width = 4 * fours + 4  # room for the point and the sign
    text = np.full((rows, width), ord("0"), np.uint8)
    rest = amount.view(np.uint64)
    groups = text.view("V4")
    for place in range(fours, 0, -1):
        higher = rest // np.uint64(10_000)
        groups[:, place] = _FOUR_DIGITS.take((rest - higher * np.uint64(10_000)).view(np.int64))
        rest = higher
    pointed = places > 0
    if pointed.any():
        _put_points(text, places, pointed)
    length = count + pointed
    start = width - length
    below = np.flatnonzero(negative & (amount > 0))
    start[below] -= 1
    text[below, start[below]] = ord("-")
    length[below] += 1
    return spaced(text.reshape(-1), np.arange(rows, dtype=np.int64) * width + start, length)


def _put_points(text: Bytes, places: Integers, pointed: Flags) -> None:
    """Move the digits before the point one to the left, and put it where it was."""
    rows, width = text.shape
    if (places == places[0]).all():
        same = width - 1 - int(places[0])
        text[:, :same] = text[:, 1 : same + 1]
        text[:, same] = ord(".")
        return
    point = np.where(pointed, width - 1 - places, -1)
    moved = np.zeros_like(text)
    moved[:, :-1] = text[:, 1:]
    overwrite(text, moved, np.arange(width, dtype=np.int8) <= point.astype(np.int8)[:, None])
    at = np.flatnonzero(pointed) if not pointed.all() else np.arange(rows)
    text[at, point[at]] = ord(".")


_FOUR_DIGITS = np.frombuffer(b"".join(b"%04d" % i for i in range(10_000)), "V4")


@dataclass(frozen=True, slots=True)
class Exact:
    """A number of any length: ``amount * 10**(power - places)``, `amount` with its sign.

    `exponent` is how the power was written, with its e, or empty.
    """

    amount: int
    places: int
    power: int = 0
    exponent: bytes = b""

    @classmethod
    def of(cls, text: bytes) -> Exact | None:
        """The number that is written so, of up to `LONGEST` digits; None if there is none."""
        match = _NUMBER.fullmatch(text)
        if match is None:
            return None
        digits, places = match[2] + (match[3] or b""), len(match[3] or b"")
        if len(digits) > LONGEST:
            return None
        amount = int(digits)
        exponent = text[match.start(4) - 1 :] if match[4] else b""
        return cls(-amount if match[1] == b"-" else amount, places, int(match[4] or 0), exponent)

    def text(self) -> bytes:
        """As it was written: so many places behind the point, and the same exponent."""
        digits = b"%0*d" % (self.places + 1, abs(self.amount))
        if self.places:
            digits = digits[: -self.places] + b"." + digits[-self.places :]
        return (b"-" if self.amount < 0 else b"") + digits + self.exponent
