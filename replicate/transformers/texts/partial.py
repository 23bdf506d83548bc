"""Transformers that leave a part of a value readable: partial-mask and truncate."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from replicate.errors import UsageError
from replicate.rows.column import Column, Kind, Replacement
from replicate.rows.spans import gather
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.joined import joined, packed
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import (
    Assembly,
    Index,
    Integers,
    check_size,
    padded,
    pick,
    spaced,
)
from replicate.transformers.columnar.windows import WIDEST, Flags, any_in_row, overwrite, window
from replicate.transformers.rule import TEXTUAL, Rule
from replicate.transformers.texts.first_characters import Cover
from replicate.transformers.texts.utf8 import Characters, invalid, readable


class PartialMaskOptions(base.Options):
    """What stays readable at both ends, and what covers the rest."""

    keep_first: int = Field(default=0, ge=0, le=1000, description="characters kept at the front")
    keep_last: int = Field(default=4, ge=0, le=1000, description="characters kept at the end")
    character: Cover = Field(default="*", description="what stands for each covered character")
    width: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="how many of `character` there are; as many as characters are covered if this "
        "is left out",
    )


class PartialMask(Rule):
    """The first and the last characters are kept, and everything between them is covered.

    At least half of a value is covered: one that has fewer than twice as many characters as are to
    be kept is covered as a whole, and so is one that is not valid UTF-8. The length stays, unless
    `width` makes all covers alike, so that they don't tell it.

    What is kept is disclosed. Values that differ only where they are covered become the same.
    """

    name = "partial-mask"
    summary = "Covers all but the first and last characters"
    examples = (
        Example("4929 1234 5678 9015"),
        Example("jane.roe@mail.test", {"keep_first": 2, "keep_last": 5, "width": 3}),
        Example("4711"),
    )
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = PartialMaskOptions

    def __init__(self, options: PartialMaskOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._first, self._last = options.keep_first, options.keep_last
        self._width = options.width
        self._cover = np.frombuffer(options.character.encode(), np.uint8)
        simple = options.width is None and len(self._cover) == 1
        self._flags = _covered(self._first, self._last) if simple else None
        most, needed = target.limits.max_chars, self._first + self._last + (options.width or 0)
        if most is not None and options.width is not None and needed > most:
            raise UsageError(
                f"partial-mask makes values of up to {needed} characters, more than the {most} "
                "that the column takes",
                hint="make its width smaller, or leave it out to keep the length of values",
            )

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        result = Assembly(column)
        others = np.arange(len(column))
        if self._flags is not None:
            text = window(column)
            beyond = any_in_row(text >= 0x80) | (column.length > text.shape[1])
            length = np.minimum(column.length, text.shape[1])
            overwrite(text, self._cover[0], self._flags[length, : text.shape[1]])
            result.put(None, *padded(text, length))
            others = np.flatnonzero(beyond)
        if others.size:
            result.put(others, *self._joined(column.take(others)))
        return result.replacement()

    def _joined(self, column: Column) -> tuple[pa.BinaryArray, Index]:
        """The kept and the covered parts of all values, put together."""
        text = Characters.of(column)
        kept = self._first + self._last
        whole = text.count < 2 * kept
        whole[invalid(text.data, text.begin, column.length)] = True
        first = np.where(whole, 0, self._first)
        last = np.where(whole, 0, self._last)
        hidden = text.count - first - last
        if self._width is not None:
            hidden = np.full(len(column), self._width)
        front, end = text.offset(first), text.offset(text.count - last)
        parts = [
            (gather(text.data, text.begin, front), front),
            self._covers(hidden),
            (gather(text.data, text.begin + end, column.length - end), column.length - end),
        ]
        return joined(parts)

    def _covers(self, hidden: Integers) -> tuple[Bytes, Integers]:
        size = hidden * len(self._cover)
        check_size(int(size.sum()))
        return np.tile(self._cover, (int(hidden.sum()), 1)).reshape(-1), size


def _covered(first: int, last: int) -> Flags:
    """Which of its bytes are covered of an ASCII value of each length: bool (33, 32)."""
    flags = np.zeros((WIDEST + 1, WIDEST), np.bool_)
    for length in range(WIDEST + 1):
        if length < 2 * (first + last):
            flags[length, :length] = True
        else:
            flags[length, first : length - last] = True
    return flags


class TruncateOptions(base.Options):
    """How much is left."""

    length: int = Field(ge=1, le=1_000_000, description="characters that a value has at the most")


class Truncate(Rule):
    """At most the first `length` characters are kept, and the rest is dropped.

    This shortens values and hides none: a value of up to `length` characters stays as it is. Take
    it for long texts whose beginning tells nothing, or for codes of which the first characters are
    a group, such as a postcode's.

    No character is cut in two. Bytes that are no UTF-8 become U+FFFD; of a blob the first `length`
    bytes are kept.
    """

    name = "truncate"
    summary = "Keeps the first characters, as they are, and drops the rest"
    examples = (
        Example("SW1A 2AA", {"length": 4}),
        Example("Zoë", {"length": 4}),
    )
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = TruncateOptions

    def __init__(self, options: TruncateOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._most = min(options.length, target.limits.max_chars or options.length)

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        if column.kind is Kind.BINARY:
            size = np.minimum(column.length, self._most)
            pool, index = packed(gather(column.data, column.start, size), size)
            found = pick(column, pool, index)
            return Replacement(found.pool, found.index, binary=True)
        text = Characters.within(*readable(column))
        kept = text.offset(np.minimum(text.count, self._most))
        return pick(column, *spaced(text.data, text.begin, kept))
