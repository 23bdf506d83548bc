"""E-mail addresses and telephone numbers."""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers import base, numbers
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.lots import Bytes, digits
from replicate.transformers.pools import Assembly, fixed_width, padded, pick
from replicate.transformers.rule import NUMBERS, TEXTUAL, Rule
from replicate.transformers.vocabularies import SHORT_NAMES
from replicate.transformers.windows import any_in_row, count_in_row, is_digit, overwrite, window

_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567"


class EmailOptions(base.Options):
    """`domain` is what stands behind the @. The default is reserved, so no mail ever arrives."""

    domain: str = Field(default="example.com", max_length=200)

    @field_validator("domain")
    @classmethod
    def _is_host_name(cls, domain: str) -> str:
        label = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        if not re.fullmatch(rf"{label}(\.{label})+", domain):
            raise ValueError("a domain such as example.com is needed")
        return domain


class Email(Rule):
    """Any value but NULL and the empty string becomes an address of a fixed length.

    It is a short first name, a dot, 15 letters and digits, and the domain: 83 bits of the draw, so
    that distinct values stay distinct. Among 10**9 of them the chance that any two meet is less
    than 1 in 10**7. The value is taken as it is: two spellings of one address, such as in upper and
    lower case, get different replacements.
    """

    name = "email"
    summary = "Replaces the value by an e-mail address that is unique to it"
    examples = (Example("jane.roe@mail.test"),)
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = EmailOptions

    def __init__(self, options: EmailOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        behind = b"@" + options.domain.encode()
        self._behind = np.frombuffer(behind, f"V{len(behind)}")[0]
        self._layout = np.dtype(
            [("name", "<u4"), ("body", "V16"), ("behind", f"V{len(behind)}")], align=False
        )

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.PRESERVES, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        lanes = self.draw(column).view("<u2")  # (rows, 8)
        address = np.empty(len(column), self._layout)
        address["name"] = _NAMES.take(lanes[:, 0] >> 8)
        pairs = lanes & _PAIR_BITS
        pairs += _PAIR_FIRST
        address["body"] = _PAIRS.take(pairs).view("V16")[:, 0]
        address["behind"] = self._behind
        pool, index = fixed_width(address.view(np.uint8).reshape(len(column), -1))
        return pick(column, pool, index)


_NAMES = np.frombuffer("".join(SHORT_NAMES).encode(), "<u4")
# 1024 pairs of letters, and behind them 32 of a dot and a letter, for the first place.
_PAIRS = np.frombuffer(
    b"".join(bytes([a, b]) for a in _BASE32 for b in _BASE32)
    + b"".join(bytes([ord("."), a]) for a in _BASE32),
    "<u2",
)
_PAIR_BITS = np.array([31] + [1023] * 7, np.uint16)
_PAIR_FIRST = np.array([1024] + [0] * 7, np.uint16)


class PhoneNumber(Rule):
    """Every digit is replaced, and the shape of the number stays.

    Spaces and the signs ``+ - ( ) . , / * # x`` stay, and so does the country code behind a
    leading ``+``, if four more digits follow. A value that holds anything else, no digit at all,
    or more than 32 bytes, becomes ``+1-555-`` and seven digits. An integer becomes one of as many
    digits.
    """

    name = "phone-number"
    summary = "Replaces the digits of a telephone number and keeps its shape"
    examples = (Example("+1-202-418-1440"),)
    kinds = TEXTUAL | {Kind.INTEGER, Kind.NUMERIC}

    def transform(self, column: Column) -> Replacement:
        seeds = self.draw(column)
        result = Assembly(column)
        if column.kind in NUMBERS:
            others = numbers.put_numbers(column, seeds, result)
        else:
            others = _put_shaped(column, seeds, result)
        if others.size:
            pool, index = fixed_width(_fictional(seeds[others]))
            result.put(others, pool, index)
        return result.replacement()


def _put_shaped(column: Column, seeds: Bytes, result: Assembly) -> npt.NDArray[np.intp]:
    """Put the replacements of all values that look like numbers; returns the rows of the others."""
    text = window(column)
    digit = is_digit(text)
    within = text != 0
    foreign = within & ~digit
    foreign &= text != ord(" ")
    foreign &= text != ord("#")
    foreign &= (text & 0xF8) != 0x28  # ( ) * + , - . /
    foreign &= (text | 0x20) != ord("x")
    count = count_in_row(digit)
    unfit = any_in_row(foreign)
    unfit |= count == 0
    unfit |= column.length != count_in_row(within)  # too long for the window, or a NUL inside
    _spare_country_codes(text, digit, count)
    overwrite(text, digits(seeds, text.shape[1]), digit)
    if unfit.any():
        text[unfit] = 0
    result.put(None, *padded(text, np.where(unfit, 0, column.length)))
    return np.flatnonzero(unfit & (column.length > 0))


def _spare_country_codes(
    text: Bytes, digit: npt.NDArray[np.bool_], count: npt.NDArray[np.int64]
) -> None:
    """Clear the flags of the digits of a country code behind a leading ``+``."""
    international = (text[:, 0] == ord("+")) & digit[:, 1]
    if not international.any():
        return
    first = text[:, 1] - np.uint8(ord("0"))
    second = text[:, 2] - np.uint8(ord("0"))
    # Where the second is no digit, a 0 stands for it; where the first is none, nothing matters.
    length = _CODE_LENGTH.take(10 * first + second * digit[:, 2], mode="clip")
    length *= international
    length *= count - length >= _SUBSCRIBER_DIGITS
    for place in range(1, 4):
        digit[:, place] &= length < place


_SUBSCRIBER_DIGITS = 4


def _code_lengths() -> npt.NDArray[np.uint8]:
    """How many digits a country code has, by its first two digits (ITU-T E.164)."""
    length = np.full(100, 3, np.uint8)
    length[10:20] = length[70:80] = 1
    two = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62"
    two += " 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98"
    length[[int(code) for code in two.split()]] = 2
    return length


_CODE_LENGTH = _code_lengths()


def _fictional(seeds: Bytes) -> Bytes:
    """Numbers of an area code that is not assigned: uint8 (rows, 15)."""
    text = np.empty((len(seeds), 15), np.uint8)
    text[:] = np.frombuffer(b"+1-555-000-0000", np.uint8)
    drawn = digits(seeds, 8)
    text[:, 7:10] = drawn[:, 0:3]
    text[:, 11:15] = drawn[:, 3:7]
    return text
