"""Addresses made after a template: names, another column's replacement, and a random part."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replicate.errors import UsageError
from replicate.rows.column import Column
from replicate.rows.spans import heads
from replicate.transformers.base import Target
from replicate.transformers.columnar.handles import BITS, base32
from replicate.transformers.columnar.joined import squeezed, table
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Index, Integers
from replicate.transformers.columnar.windows import WIDEST, any_in_row, running_count
from replicate.transformers.vocabularies.lists import FIRST_NAMES, LAST_NAMES

_PIECE = re.compile(r"\{([^{}]*)\}|([^{}]+)")
_LITERAL = re.compile(r"[!-~]+")
_TOKEN = 16  # letters and digits that one draw gives
_EMPTY = ord("x")  # stands for a column's value that has neither letter nor digit


@dataclass(frozen=True, slots=True)
class Piece:
    """A literal, or a field: `first_name`, `last_name`, `token` of `size`, or `column`."""

    field: str
    text: str = ""
    size: int = 0


def parse(template: str) -> tuple[Piece, ...]:
    """The pieces of a template. Raises ValueError, with a message for the user."""
    pieces = []
    end = 0
    for found in _PIECE.finditer(template):
        if found.start() != end:
            break
        end = found.end()
        pieces.append(_literal(found[2]) if found[1] is None else _field(found[1]))
    if end != len(template):
        raise ValueError("a brace of the template has no partner")
    if sum(piece.field == "token" for piece in pieces) > 1:
        raise ValueError("a template has room for one {token} only")
    if not any(piece.field for piece in pieces):
        raise ValueError("the template has no field such as {token}")
    return tuple(pieces)


def _literal(text: str) -> Piece:
    if not _LITERAL.fullmatch(text):
        raise ValueError("a template is made of fields and of ASCII characters without spaces")
    return Piece("", text)


def _field(text: str) -> Piece:
    name, colon, rest = text.partition(":")
    if name in ("first_name", "last_name") and not colon:
        return Piece(name)
    if name == "token":
        size = int(rest) if re.fullmatch(r"[0-9]{1,2}", rest) else 0 if colon else _TOKEN
        if not 1 <= size <= _TOKEN:
            raise ValueError("a {token:N} has 1 to 16 characters")
        return Piece(name, size=size)
    if name == "column" and rest:
        return Piece(name, rest)
    raise ValueError("the fields are {first_name}, {last_name}, {token}, {token:N}, {column:NAME}")


class Template:
    """What makes addresses of draws. They have at most ``target.limits.max_chars`` characters.

    Raises `UsageError` if the literals and the token alone have more, or a column isn't there.
    """

    def __init__(self, pieces: Sequence[Piece], *, target: Target, lowercase: bool) -> None:
        self._pieces = pieces
        self._lowercase = lowercase
        self.columns = frozenset(piece.text for piece in pieces if piece.field == "column")
        for name in sorted(self.columns - set(target.columns)):
            raise UsageError(
                f"the template of email names the column {name!r}, which the table doesn't have"
            )
        self.bits = BITS * sum(piece.size for piece in pieces)
        self._room = self._room_for_names(target.limits.max_chars)
        self._names = {
            "first_name": table([self._spelt(name) for name in FIRST_NAMES])[:, : self._room],
            "last_name": table([self._spelt(name) for name in LAST_NAMES])[:, : self._room],
        }

    def _spelt(self, name: str) -> bytes:
        return (name.lower() if self._lowercase else name).encode()

    def _room_for_names(self, most: int | None) -> int:
        """How many characters each name, or column, may have."""
        fields = sum(piece.field not in ("", "token") for piece in self._pieces)
        if most is None:
            return WIDEST
        fixed = sum(piece.size or len(piece.text) * (not piece.field) for piece in self._pieces)
        room = (most - fixed) // max(fields, 1)
        if most < fixed or (fields and room < 1):
            raise UsageError(
                f"addresses of this template have more than the {most} characters that the column "
                "takes",
                hint="shorten the template: its token to {token:8}, for one",
            )
        return min(room, WIDEST)

    def addresses(self, column: Column, seeds: Bytes) -> tuple[pa.BinaryArray, Index]:
        """A pool of one address a row, and the index of each."""
        rows = len(seeds)
        spare = (seeds.view("<u2") >> 10).astype(np.int64)  # what `base32` leaves: 8 times 6 bits
        parts = []
        for piece in self._pieces:
            if not piece.field:
                text = np.frombuffer(piece.text.encode(), np.uint8)
                part: Bytes = np.broadcast_to(text, (rows, len(text)))
            elif piece.field == "token":
                part = base32(seeds)[:, : piece.size]
            elif piece.field == "column":
                part = _slugs(column.masked[piece.text], self._room, lowercase=self._lowercase)
            else:
                names = self._names[piece.field]
                part = names[_chosen(spare, piece.field == "last_name", len(names))]
            parts.append(part)
        return squeezed(np.concatenate(parts, axis=1))


def _chosen(spare: Integers, other: bool, count: int) -> Integers:
    """Numbers below `count`, from 24 bits of each row: the first four lanes, or the `other`."""
    four = spare[:, 4:] if other else spare[:, :4]
    number = four[:, 0] | four[:, 1] << 6 | four[:, 2] << 12 | four[:, 3] << 18
    chosen: Integers = number * count >> 24
    return chosen


def _slugs(column: Column, most: int, *, lowercase: bool) -> Bytes:
    """The letters and digits of each value, `most` at the utmost, between zeros: (rows, 32)."""
    text = heads(column.data, column.start, column.length, WIDEST)
    foreign = np.flatnonzero(any_in_row(text >= 0x80))
    if foreign.size:
        plain = b"".join(_plain(value) for value in column.take(foreign).values())
        text[foreign] = np.frombuffer(plain, np.uint8).reshape(-1, WIDEST)
    text = (_LOWER if lowercase else _KEPT).take(text)
    there = text != 0
    text[running_count(there) > most] = 0
    text[~any_in_row(there), 0] = _EMPTY
    return text


def _plain(value: bytes | None) -> bytes:
    """The ASCII letters and digits, accents taken off, in a field of 32 bytes."""
    text = unicodedata.normalize("NFKD", (value or b"")[: 8 * WIDEST].decode(errors="ignore"))
    kept = "".join(letter for letter in text if letter.isascii() and letter.isalnum())
    return kept[:WIDEST].encode().ljust(WIDEST, b"\0")


def _tables() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """What becomes of each byte: letters and digits stay, and become lower case in the second."""
    kept = np.array([i if chr(i).isalnum() and i < 0x80 else 0 for i in range(256)], np.uint8)
    return kept, np.array([ord(chr(i).lower()) if i else 0 for i in kept.tolist()], np.uint8)


_KEPT, _LOWER = _tables()
