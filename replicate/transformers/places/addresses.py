"""Postal addresses: streets, postcodes, and both in one value."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from replicate.errors import UsageError
from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Example, Target
from replicate.transformers.columnar.lots import Bytes, digits, words
from replicate.transformers.columnar.picks import (
    Pair,
    Picking,
    Word,
    chosen,
    fitting,
    joined,
    pool_of,
    taken,
)
from replicate.transformers.columnar.pools import Assembly, Index, fixed_width, padded, pick
from replicate.transformers.columnar.windows import (
    any_in_row,
    count_in_row,
    is_digit,
    overwrite,
    window,
)
from replicate.transformers.rule import NUMBERS, TEXTUAL
from replicate.transformers.vocabularies import locales
from replicate.transformers.vocabularies.lists import STREETS, TOWNS
from replicate.transformers.vocabularies.locales import LocaleOptions, Vocabulary

_NUMBERS = tuple(f"{number} " for number in range(1, 200))
_POSTCODE = 5  # digits


class Street(Picking):
    """Every value but NULL and the empty string becomes a street with a number, such as 12 Elm Row.

    There are some 540,000 of them, but two values may meet, so a unique column can't have them.
    Where the column is short, only streets that it has room for are taken, and the number is left
    out where it has no room. With `locale`, they are some 2,000 of Faker's for that locale, number
    and all, of which those are taken that fit; another version of Faker may give other ones.
    """

    name = "street"
    summary = "Replaces the value by a street with a number"
    examples = (Example("Hauptstr. 5"),)
    Options: ClassVar[type[base.Options]] = LocaleOptions

    def __init__(self, options: LocaleOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._pair: _NumberedStreet | None = None
        if options.locale is None:
            self._pair = _NumberedStreet(target, self.name)
        else:
            found = locales.drawn(options.locale, Vocabulary.STREET)
            self._pool = pool_of(fitting(found, target, self.name))

    def _picked(self, drawn: Word) -> tuple[pa.BinaryArray, Index]:
        if self._pair is None:
            return super()._picked(drawn)
        return self._pair.joined(*self._pair.chosen(drawn))


class _NumberedStreet:
    """Streets that fit, with a number in front where there is room for it."""

    def __init__(self, target: Target, name: str) -> None:
        streets = fitting(STREETS, target, name)
        self._count = len(streets)
        self.joined = Pair(streets, _NUMBERS, target=target, in_front=True)

    def chosen(self, drawn: Word) -> tuple[Index, Index]:
        """The places of street and number, made of the draws."""
        return chosen(drawn[:, 1], self._count), chosen(drawn[:, 3], len(_NUMBERS))


class PostcodeOptions(LocaleOptions):
    """`keep_shape` replaces digits by digits and letters by letters, and leaves the rest.

    `locale`, such as en_GB, takes the postcodes from Faker's locale of that name; it needs
    `pip install 'replicate[faker]'`. The two don't go together.
    """

    keep_shape: bool = Field(
        default=False, description="Replace digits by digits and letters by letters; keep the rest"
    )


class Postcode(Picking):
    """Every value but NULL and the empty string becomes five digits, the first of which is no 0.

    A column with room for fewer gets fewer; two values may meet, so a unique column can't have
    them.

    With `keep_shape`, a digit becomes a digit and a letter one of the same case; spaces, points,
    hyphens and slashes stay. So SW1A 1AA stays one of its kind, though not a valid one. A value
    with anything else in it, with neither digit nor letter, or of more than 32 bytes becomes five
    digits. Where there is but one digit or letter, it may become itself. Numbers keep their sign
    and as many digits; those of more than nine digits, or of more than four where integers have 16
    bits, become five or four.

    With `locale`, the postcodes are some 2,000 of Faker's for that locale, and another version of
    Faker may give other ones. It is for text.
    """

    name = "postcode"
    summary = "Replaces the value by a postcode of five digits, or of the same shape"
    examples = (Example("20095"), Example("SW1A 1AA", {"keep_shape": True}))
    kinds = TEXTUAL | {Kind.INTEGER}
    Options: ClassVar[type[base.Options]] = PostcodeOptions

    def __init__(self, options: PostcodeOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._keep_shape = options.keep_shape
        self._from_locale = options.locale is not None
        self._most_digits = 4 if target.limits.bits == 16 else 9
        self._width = min(_POSTCODE, target.limits.max_chars or _POSTCODE, self._most_digits)
        if options.locale is not None:
            if options.keep_shape:
                raise UsageError(
                    "postcodes of a locale have a shape of their own",
                    hint="leave one of the options keep_shape and locale of postcode out",
                )
            if target.kind is Kind.INTEGER:
                raise UsageError(
                    "postcodes of a locale don't fit a column of integer values",
                    hint="leave the option locale of postcode out",
                )
            found = locales.drawn(options.locale, Vocabulary.POSTCODE)
            self._pool = pool_of(fitting(found, target, self.name))

    def transform(self, column: Column) -> Replacement:
        if self._from_locale:
            return super().transform(column)
        seeds = self.draw(column)
        if not self._keep_shape:
            return pick(column, *fixed_width(_postcodes(seeds, self._width)))
        result = Assembly(column)
        others = self._put_shaped(column, seeds, result)
        if others.size:
            result.put(others, *fixed_width(_postcodes(seeds[others], self._width)))
        return result.replacement()

    def _put_shaped(self, column: Column, seeds: Bytes, result: Assembly) -> npt.NDArray[np.intp]:
        """Put the replacements of what looks like a postcode; returns the rows of the others."""
        text = window(column)
        digit = is_digit(text)
        letter = ((text | 0x20) - np.uint8(ord("a"))) < 26
        within = text != 0
        foreign = within & ~digit & ~letter
        for sign in b" -./":
            foreign &= text != sign
        unfit = any_in_row(foreign) | ~any_in_row(digit | letter)
        unfit |= column.length != count_in_row(within)  # too long for the window, or a NUL inside
        if column.kind in NUMBERS:
            unfit |= count_in_row(digit) > self._most_digits
        case = text & np.uint8(0x20)
        overwrite(text, _digits(seeds, text, column), digit)
        # Other bytes of the draw than those that the digits at the same place come of.
        lanes = np.tile(seeds[:, ::-1], text.shape[1] // seeds.shape[1])
        letters = (lanes.astype(np.uint16) * 26 >> 8).astype(np.uint8)
        letters += np.uint8(ord("A"))
        letters |= case
        overwrite(text, letters, letter)
        if unfit.any():
            text[unfit] = 0
        result.put(None, *padded(text, np.where(unfit, 0, column.length)))
        return np.flatnonzero(unfit & (column.length > 0))


def _digits(seeds: Bytes, text: Bytes, column: Column) -> Bytes:
    """A digit for each byte of `text`; of a number the first of several is no 0."""
    made = digits(seeds, text.shape[1])
    if column.kind in NUMBERS:
        first = (text[:, 0] == ord("-")).astype(np.intp)
        rows = np.flatnonzero(column.length - first > 1)
        made[rows, first[rows]] = _NOT_ZERO.take(seeds[rows, -1])
    return made


_NOT_ZERO = (np.arange(256) * 9 // 256 + ord("1")).astype(np.uint8)


def _postcodes(seeds: Bytes, width: int) -> Bytes:
    """Postcodes of up to 8 digits: uint8 (rows, width)."""
    text = digits(seeds, 8)
    text[:, 0] = _NOT_ZERO.take(seeds[:, 0])
    return np.ascontiguousarray(text[:, :width])


class AddressOptions(LocaleOptions):
    """`form` gives an address in one line, or in the lines that it would have on a letter.

    `locale`, such as de_DE, takes the addresses from Faker's locale of that name; it needs
    `pip install 'replicate[faker]'`.
    """

    form: Literal["line", "multiline"] = Field(
        default="line", description="One line, or the lines that an address has on a letter"
    )


class Address(Picking):
    """Every value but NULL and the empty string becomes an address: 12 Elm Row, 40213 Ashford.

    It is a street with a number, five digits of a postcode and a town; the parts are drawn one by
    one and don't belong together. Two values may meet, so a unique column can't have them. In one
    line a comma stands between street and postcode, in several a line feed. Where an address is too
    long for the column, postcode and town are left out, and then the number.

    With `locale`, the addresses are some 2,000 of Faker's for that locale, of which those are taken
    that the column has room for; another version of Faker may give other ones.
    """

    name = "address"
    summary = "Replaces the value by a postal address"
    examples = (
        Example("Hauptstr. 5, 20095 Hamburg"),
        Example("Hauptstr. 5\n20095 Hamburg", {"form": "multiline"}),
    )
    Options: ClassVar[type[base.Options]] = AddressOptions

    def __init__(self, options: AddressOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._between = ", " if options.form == "line" else "\n"
        self._most = target.limits.max_chars
        self._street: _NumberedStreet | None = None
        if options.locale is None:
            self._street = _NumberedStreet(target, self.name)
        else:
            found = locales.drawn(options.locale, Vocabulary.ADDRESS)
            lines = (", ".join(address.split("\n")) for address in found)
            chosen_form = found if options.form == "multiline" else tuple(lines)
            self._pool = pool_of(fitting(chosen_form, target, self.name))

    def transform(self, column: Column) -> Replacement:
        if self._street is None:
            return super().transform(column)
        seeds = self.draw(column)
        drawn = words(seeds)
        street, number = self._street.chosen(drawn)
        town = chosen(drawn[:, 2], len(TOWNS))
        first, index = self._street.joined(street, number)
        postcode, _ = fixed_width(_postcodes(seeds, _POSTCODE))
        between = self._between.encode()
        result = Assembly(column)
        result.put(None, *joined(first, between, postcode, b" ", taken(_TOWNS, town)))
        if self._most is not None:
            length = self._street.joined.lengths(street, number)
            length += _TOWN_LENGTHS[town] + (len(between) + _POSTCODE + 1)
            rows = np.flatnonzero(length > self._most)
            if rows.size:
                result.put(rows, first, index[rows])
        return result.replacement()


_TOWNS = pool_of(TOWNS)
_TOWN_LENGTHS = np.array([len(town) for town in TOWNS])
