"""Bank account numbers: iban."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from replicate.errors import TransformError, UsageError
from replicate.rows.column import SLACK, Column, Kind, Replacement
from replicate.rows.spans import heads
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.characters import replaced_in, replacer
from replicate.transformers.columnar.lots import Bytes, digits
from replicate.transformers.columnar.pools import Assembly, padded
from replicate.transformers.columnar.windows import any_in_row, count_in_row
from replicate.transformers.payment.iban_formats import (
    BANK,
    DIGIT,
    HEAD,
    LENGTH,
    LOWER,
    MAY_BE,
    UPPER,
    country_numbers,
)
from replicate.transformers.rule import TEXTUAL, Rule

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_WIDTH = 48  # bytes of a value: 34 at most, and spaces
_CASE = np.uint8(0x20)

_MADE_UP = (b"DE00000000000000000000", b"NO0000000000000")
"""What stands for values that are no IBAN: the first that fits the column. No bank of either
country has a number of zeros."""

_DRAWN = (10, 7)
"""How many digits at their ends are drawn."""


class IbanOptions(base.Options):
    """With `keep_bank` the characters stay that tell the bank, but not those of its branch."""

    keep_bank: bool = Field(default=False, description="whether the bank's number stays")


class Iban(Rule):
    """An IBAN becomes one of the same country, with right check digits.

    Behind the country and the check digits, digits become digits and letters letters, in the same
    case; spaces stay. Check digits that some countries have inside of the account number, such as
    Belgium, France, Italy or Spain, are digits like others, and come out wrong. With `keep_bank`
    the number of the bank stays. The account may be one that exists, as any with right check
    digits may.

    Under a key this is a permutation (FF1 of NIST SP 800-38G with AES-256), so that distinct
    accounts become distinct ones; with `consistent: false` they may meet.

    An IBAN with wrong check digits gets right ones. A value that is no IBAN, of one of the 89
    countries of the registry of ISO 13616, becomes a German one of a bank that doesn't exist, or a
    Norwegian one where the column is too short. For a column with a unique key both are refused.
    """

    name = "iban"
    summary = "Replaces the value by an IBAN of the same country with right check digits"
    examples = (
        Example("DE89 3704 0044 0532 0130 00"),
        Example("GB29NWBK60161331926819", {"keep_bank": True}),
    )
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = IbanOptions

    def __init__(self, options: IbanOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        most = target.limits.max_chars
        fitting = [i for i, text in enumerate(_MADE_UP) if most is None or len(text) <= most]
        if not fitting:
            raise UsageError(
                f"the column takes {most} characters, too few for an IBAN",
                hint="use format-preserving or random, which keep the length of a value",
            )
        self._made_up = fitting[0]
        self._keep_bank = options.keep_bank
        self._permutes = target.unique and draw.key is not None
        self._replace = replacer(draw)

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.PERMUTES if self._permutes else Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        text = heads(column.data, column.start, column.length, _WIDTH)
        place = np.arange(_WIDTH, dtype=np.int8)
        within = place < np.minimum(column.length, _WIDTH).astype(np.int8)[:, None]
        solid = (text != ord(" ")) & within
        length = count_in_row(solid)
        at = np.flatnonzero(solid)
        number = _packed(text.take(at), length)
        country = country_numbers(number[:, :2])
        width = number.shape[1]
        kind = _KINDS.take(number)
        may_be = MAY_BE[country, :width]
        fits = (length == LENGTH[country]) & (length > 0) & (column.length <= _WIDTH)
        fits &= ~any_in_row(((kind & may_be) == 0) & (may_be > 0))

        lower = (kind == LOWER) * _CASE
        number -= lower
        if self._permutes:
            right = (number[:, 2:HEAD] == _check_digits(number, length)).all(axis=1)
            _refuse(~(right & fits) & (column.length > 0))
        number[:, 2:HEAD] = ord("0")
        within = place[:width] < length.astype(np.int8)[:, None]
        replaced = (place[:width] >= HEAD) & within & fits[:, None]
        if self._keep_bank:
            replaced &= ~BANK[country, :width]
        number = replaced_in(self._replace, number, length, replaced)
        number[:, 2:HEAD] = _check_digits(number, length)
        number += lower
        text.reshape(-1)[at] = number.take(np.flatnonzero(within))

        result = Assembly(column)
        if not fits.all():
            text[~fits] = 0
        result.put(None, *padded(text, np.where(fits, column.length, 0)))
        others = np.flatnonzero(~fits & (column.length > 0))
        if others.size:
            self._put_made_up(column, others, result)
        return result.replacement(binary=self._permutes and column.kind is Kind.BINARY)

    def _put_made_up(self, column: Column, rows: npt.NDArray[np.intp], result: Assembly) -> None:
        form, drawn = _MADE_UP[self._made_up], _DRAWN[self._made_up]
        number = np.zeros((len(rows), _WIDTH), np.uint8)
        number[:, : len(form)] = np.frombuffer(form, np.uint8)
        seeds = self.draw(column.take(rows))
        number[:, len(form) - drawn : len(form)] = digits(seeds, 16)[:, :drawn]
        length = np.full(len(rows), len(form))
        number[:, 2:HEAD] = _check_digits(number, length)
        result.put(rows, *padded(number, length))


_KINDS = np.zeros(256, np.uint8)
_KINDS[ord("0") : ord("9") + 1] = DIGIT
_KINDS[ord("A") : ord("Z") + 1] = UPPER
_KINDS[ord("a") : ord("z") + 1] = LOWER

_VALUES = np.zeros(256, np.uint8)
_VALUES[ord("0") : ord("9") + 1] = range(10)
_VALUES[ord("A") : ord("Z") + 1] = range(10, 36)

_TIMES = np.ones(256, np.uint8)
"""How far a character moves what stands before it: by as many places as its value has."""
_TIMES[ord("0") : ord("9") + 1] = 10
_TIMES[ord("A") : ord("Z") + 1] = 100

_TWO = np.frombuffer(b"".join(b"%02d" % i for i in range(100)), np.uint8).reshape(100, 2)


def _packed(characters: Bytes, length: Integers) -> Bytes:
    """The values, given one after the other, as the rows of a matrix: uint8 (rows, 32 or 48)."""
    data = np.append(characters, np.zeros(SLACK, np.uint8))
    widest = int(length.max()) if len(length) else 0
    return heads(data, np.cumsum(length) - length, length, 32 if widest <= 32 else _WIDTH)


def _check_digits(number: Bytes, length: Integers) -> Bytes:
    """The check digits of IBANs in upper case, whatever stands in their place: uint8 (rows, 2).

    Characters that can't be in an IBAN count for nothing.
    """
    widest = int(length.max()) if len(length) else 0
    places = number[:, : max(widest, HEAD)]
    value, times = _VALUES.take(places), _TIMES.take(places)
    rest = np.zeros(len(number), np.uint64)
    for step, place in enumerate([*range(HEAD, max(widest, HEAD)), 0, 1], 1):
        rest *= times[:, place]
        rest += value[:, place]
        if step % _STEPS == 0:
            rest %= np.uint64(97)
    return _TWO[(98 - (rest * np.uint64(100) % np.uint64(97)).astype(np.int64))]


_STEPS = 7
"""Characters after which 97 times 100 a character, and 100 once more, stays within 64 bits."""


def _refuse(rows: Flags) -> None:
    if rows.any():
        raise TransformError(
            "a value is no IBAN with right check digits, and the column needs distinct ones",
            hint="use token or format-preserving, or have such values mended in the source",
            row=int(np.argmax(rows)),
        )
