"""Random identifiers: tokens, keyed hashes and UUIDs."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from replicate.errors import UsageError
from replicate.rows.column import Column, Kind, Replacement
from replicate.rows.spans import heads
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.handles import check_unique, uniqueness
from replicate.transformers.columnar.lots import DIGITS, Bytes, digits, hexadecimal, letters
from replicate.transformers.columnar.pools import Integers, fixed_width, padded, pick
from replicate.transformers.columnar.windows import any_in_row
from replicate.transformers.draw import LANE, stream
from replicate.transformers.rule import TEXTUAL, Rule

Alphabet = Literal["hex", "base32", "base64url", "alphanumeric", "digits"]

_MOST_BITS = 96
"""Random bits of a value that takes more than one draw: `stream` makes it of so many."""

_BITS: dict[Alphabet, float] = {
    "hex": 4,
    "base32": 5,
    "base64url": 6,
    "alphanumeric": 5.9,  # a little less than log2(62): some characters come more often
    "digits": 3.3,  # likewise, less than log2(10)
}
_A_DRAW: dict[Alphabet, int] = {
    "hex": 2 * LANE,
    "base32": LANE,
    "base64url": LANE,
    "alphanumeric": LANE,
    "digits": DIGITS,
}
_BASE32 = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567" * 8, np.uint8)
_BASE64 = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" * 4, np.uint8
)


def _characters(alphabet: Alphabet, length: int, draw: Draw, seeds: Bytes) -> Bytes:
    """`length` random characters for each draw: uint8 (rows, length or a few more)."""
    rows = len(seeds)
    count = -(-length // _A_DRAW[alphabet])
    lanes = stream(draw, seeds, np.full(rows, count, np.int64))
    match alphabet:
        case "hex":
            found = hexadecimal(lanes)
        case "digits":
            found = digits(lanes)
        case "base32":
            found = _BASE32.take(lanes)
        case "base64url":
            found = _BASE64.take(lanes)
        case "alphanumeric":
            found = letters(lanes)
    return found.reshape(rows, count * _A_DRAW[alphabet])


def _random_bits(alphabet: Alphabet, length: int) -> float:
    bits = _BITS[alphabet] * length
    return bits if length <= _A_DRAW[alphabet] else max(min(bits, _MOST_BITS), 0)


def _fitting(name: str, length: int | None, usual: int, most: int | None, before: int) -> int:
    """How many characters there are behind a prefix; `UsageError` if the column takes fewer."""
    if most is None:
        return usual if length is None else length
    room = most - before
    if room < (length or 1):
        raise UsageError(
            f"what {name} makes has more than the {most} characters that the column takes",
            hint="give it a shorter length" if room > 0 else "leave out its prefix",
        )
    return min(usual, room) if length is None else length


class TokenOptions(base.Options):
    """`prefix`, and behind it `length` characters of `alphabet`."""

    length: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="characters behind the prefix; 32, or as many as the column takes",
    )
    prefix: str = Field(default="", max_length=100, description="what every token begins with")
    alphabet: Alphabet = Field(default="hex", description="what the characters are")

    @field_validator("prefix")
    @classmethod
    def _is_writable(cls, prefix: str) -> str:
        if any(0xD800 <= ord(character) < 0xE000 or not ord(character) for character in prefix):
            raise ValueError("the prefix can't be written in UTF-8")
        return prefix


class Token(Rule):
    """Any value but NULL and the empty string becomes random characters of a fixed number.

    The alphabets are ``hex`` (0-9a-f), ``base32`` (a-z2-7), ``base64url`` (letters, digits, - and
    _), ``alphanumeric`` and ``digits``. Nothing of the value is kept, its length neither.

    From 75 random bits on distinct values stay distinct: 19 characters of ``hex``, 15 of
    ``base32``, 13 of the other two, or 23 ``digits``. Among 10**9 values the chance that any two
    meet is then 1 in 75,000, and much less with the usual 32 characters. With fewer values may
    collide, and a column whose values have to stay distinct is refused. Without `length` a token
    has 32 characters, or as many as the column has room for.
    """

    name = "token"
    summary = "Replaces the value by random characters that are unique to it"
    examples = (
        Example("sk_live_4eC39HqLyjWD"),
        Example(
            "sk_live_4eC39HqLyjWD",
            {"prefix": "sk_test_", "length": 24, "alphabet": "alphanumeric"},
        ),
    )
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = TokenOptions

    def __init__(self, options: TokenOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._prefix = np.frombuffer(options.prefix.encode(), np.uint8)
        self._alphabet = options.alphabet
        self._length = _fitting(
            "token", options.length, 2 * LANE, target.limits.max_chars, len(options.prefix)
        )
        bits = _random_bits(self._alphabet, self._length)
        check_unique(
            "token",
            target,
            bits,
            hint="give token a greater length, or the alphabet alphanumeric, or make the column "
            "longer",
        )
        self._uniqueness = uniqueness(bits)

    @property
    def effects(self) -> Effects:
        return Effects(self._uniqueness, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        drawn = _characters(self._alphabet, self._length, self.draw, self.draw(column))
        before = len(self._prefix)
        if not before:
            return pick(column, *fixed_width(np.ascontiguousarray(drawn[:, : self._length])))
        tokens = np.empty((len(column), before + self._length), np.uint8)
        tokens[:, :before] = self._prefix
        tokens[:, before:] = drawn[:, : self._length]
        return pick(column, *fixed_width(tokens))


class HashOptions(base.Options):
    """`length` is how many hexadecimal digits there are, `uppercase` how they are written."""

    length: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="hexadecimal digits; 64, or as many as the column takes",
    )
    uppercase: bool = Field(default=False, description="write A to F rather than a to f")


class Hash(Rule):
    """Any value but NULL and the empty string becomes hexadecimal digits, as a hash of it has.

    The hash is keyed by the masking key (AES-256-CMAC). A plain hash such as SHA-256 hides nothing
    that can be guessed: whoever has a list of addresses can hash them all and look up which one it
    was. Without the key that can't be done here. In return the result is not what another program
    computes for the same value.

    There are 64 digits, as SHA-256 has; give a `length` of 40 for what looks like SHA-1, or 32 for
    MD5. Distinct values stay distinct with 19 digits and more, which is 75 random bits, up to 96
    where there are more than 32 digits. With fewer values may collide, and a column whose values
    have to stay distinct is refused. Without `length` a column of fewer than 64 characters gets as
    many as it takes.
    """

    name = "hash"
    summary = "Replaces the value by a keyed hash of it, in hexadecimal"
    examples = (Example("jane.roe@mail.test"), Example("jane.roe@mail.test", {"length": 40}))
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = HashOptions

    def __init__(self, options: HashOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._length = _fitting("hash", options.length, 4 * LANE, target.limits.max_chars, 0)
        self._upper = options.uppercase
        bits = _random_bits("hex", self._length)
        check_unique("hash", target, bits, hint="give hash a length of 19 or more, or use token")
        self._uniqueness = uniqueness(bits)

    @property
    def effects(self) -> Effects:
        return Effects(self._uniqueness, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        drawn = _characters("hex", self._length, self.draw, self.draw(column))
        text = np.ascontiguousarray(drawn[:, : self._length])
        if self._upper:
            text = _UPPER.take(text)
        return pick(column, *fixed_width(text))


class Uuid(Rule):
    """Any value but NULL and the empty string becomes a random UUID, of version 4.

    It is written as the value is: without dashes if that has 32 characters, in braces if it stands
    in braces, in capitals if it has capitals and no small letters. A value that is no UUID becomes
    one with dashes, in small letters. A blob stays one: of 16 bytes if it has 16, else of a UUID's
    text. A UUID has 121 random bits, so distinct values stay distinct.

    A column of 36 or 37 characters gets no braces, one of 32 to 35 no dashes; a shorter one is
    refused.
    """

    name = "uuid"
    summary = "Replaces the value by a UUID that is unique to it"
    examples = (
        Example("6f1d2c3a-9b47-4e0f-8a51-c2d3e4f5a6b7"),
        Example("{6F1D2C3A-9B47-4E0F-8A51-C2D3E4F5A6B7}"),
    )
    kinds = TEXTUAL | {Kind.UUID}
    Options: ClassVar[type[base.Options]] = base.Options

    def __init__(self, options: base.Options, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        most = target.limits.max_chars
        if most is not None and most < _PLAIN:
            raise UsageError(
                f"a UUID has more than the {most} characters that the column takes",
                hint="use token, which may be shorter",
            )
        self._most = _BRACED if most is None else most

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.PRESERVES, TEXTUAL | {Kind.UUID})

    def transform(self, column: Column) -> Replacement:
        numbers = self.draw(column).copy()
        numbers[:, 6] = numbers[:, 6] & 0x0F | 0x40  # version 4
        # The variant of RFC 9562, and of its four digits 8, 9, a and b always a letter: without
        # dashes nothing may look like a number.
        numbers[:, 8] = numbers[:, 8] & 0x1F | 0xA0
        text, length = self._written(column, hexadecimal(numbers))
        if column.kind is Kind.BINARY:
            raw = np.flatnonzero(column.length == LANE)
            text[raw, :LANE] = numbers[raw]
            length[raw] = LANE
        replacement = pick(column, *padded(text, length))
        if column.kind is Kind.BINARY:
            return Replacement(replacement.pool, replacement.index, binary=True)
        return replacement

    def _written(self, column: Column, drawn: Bytes) -> tuple[Bytes, Integers]:
        """The digits as each value has its own, uint8 (rows, 38), and how many bytes of it."""
        text = np.full((len(column), _BRACED), ord("-"), np.uint8)
        text[:, _HEX_PLACES] = drawn
        length = np.full(len(column), _DASHED, np.int64)
        plain = column.length == _PLAIN
        if self._most < _DASHED:
            plain[:] = True
        text[plain, :_PLAIN] = drawn[plain]
        length[plain] = _PLAIN
        old = heads(column.data, column.start, column.length, 3 * LANE)
        braced = (column.length == _BRACED) & (old[:, 0] == ord("{"))
        braced &= old[:, _BRACED - 1] == ord("}")
        if self._most >= _BRACED and braced.any():
            text[braced, 1:-1] = text[braced, :-2]
            text[braced, 0] = ord("{")
            text[braced, -1] = ord("}")
            length[braced] = _BRACED
        if self.kind is not Kind.UUID:
            capitals = any_in_row(old - np.uint8(ord("A")) < 6)
            capitals &= ~any_in_row(old - np.uint8(ord("a")) < 26)
            capitals &= np.isin(column.length, (_PLAIN, _DASHED, _BRACED))
            text[capitals] = _UPPER.take(text[capitals])
        return text, length


_PLAIN, _DASHED, _BRACED = 32, 36, 38
_DASHES = (8, 13, 18, 23)
_HEX_PLACES = np.array([i for i in range(_DASHED) if i not in _DASHES])
_UPPER = np.array([ord(chr(i).upper()) if i < 0x80 else i for i in range(256)], np.uint8)
