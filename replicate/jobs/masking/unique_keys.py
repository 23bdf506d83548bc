"""Whether the rows of a table stay distinct by its unique keys, whatever becomes of a column.

What keeps distinct values distinct may break a key all the same: one that is computed from them,
one that takes values for equal that differ, one of those rows alone that fulfil a condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from replicate.databases.base import ColumnInfo, UniqueKey
from replicate.jobs.masking.plan import ColumnMask
from replicate.rows.comparing import Equality
from replicate.transformers.base import Effects, Uniqueness

_UNLIKE = "use email, token or uuid, whose values have nothing in common, or transient"
_LEAVE = "leave it as it is with transient, or drop that key from the source"


class Refusal(NamedTuple):
    """Why a mask can't be, and what to do instead."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The unique keys of a table, and what becomes of one of its columns."""

    keys: tuple[UniqueKey, ...]
    info: ColumnInfo
    mask: ColumnMask
    effects: Effects

    def refusals(self) -> Iterator[Refusal]:
        """Why a key might not hold any more: first the reasons that leave the least choice."""
        yield from self._computed()
        yield from self._lossy()
        yield from self._conditional()
        yield from self._of_one_null()
        # NULLs never collide in a unique key, so a column of NULLs can't break one.
        if not (self.effects.makes_null and self.effects.uniqueness is Uniqueness.CONSTANT):
            yield from self._loose()
            yield from self._folded()
            yield from self._plain()

    def _computed(self) -> Iterator[Refusal]:
        # lower() may make one of two values, as may the half of an address alone; and of NULL
        # coalesce() makes the same each time.
        if self.effects.uniqueness is Uniqueness.PRESERVES and not self.effects.makes_null:
            return
        for key in self.keys:
            if self.info.name in key.derived:
                yield Refusal(
                    "the table has a unique key on an expression or generated column that is "
                    f"computed from ({', '.join(key.derived)}), which may be the same for distinct "
                    "values",
                    _UNLIKE,
                )

    def _lossy(self) -> Iterator[Refusal]:
        for key in self.keys:
            if self.info.name in key.lossy and self.mask.changes:
                yield Refusal(
                    "the table has a unique key on an expression or generated column that may be "
                    f"the same for distinct values of ({', '.join(key.lossy)})",
                    _LEAVE,
                )

    def _conditional(self) -> Iterator[Refusal]:
        """Rows that a unique index leaves out may be equal, and must not come into it."""
        empties = self.effects.makes_null or self.effects.uniqueness is Uniqueness.CONSTANT
        for key in self.keys:
            asked = key.where + (key.where_null if empties else ())
            if self.info.name in asked and self.mask.changes:
                yield Refusal(
                    "a unique index is of those rows alone that fulfil a condition on it, and "
                    "others might come to do so",
                    _LEAVE,
                )

    def _of_one_null(self) -> Iterator[Refusal]:
        for key in self.keys:
            if key.nulls_equal and self.info.name in key.counted and self.effects.makes_null:
                yield Refusal(
                    f"the table has a unique key on ({', '.join(key.counted)}) that takes NULL but "
                    "once",
                    "use email, token or uuid, which keep values distinct, or transient",
                )

    def _loose(self) -> Iterator[Refusal]:
        """Keys that compare otherwise than byte for byte."""
        made = self.effects.uniqueness
        # A permutation may make two of one spelling that differ in case, but none of one length
        # that differ in the spaces at their end.
        padded = made is Uniqueness.PERMUTES and self.info.is_filled_up
        if made is Uniqueness.PRESERVES or padded:
            return
        for key in self.keys:
            if self.info.name in key.loose:
                yield Refusal(
                    f"its values {made.value}, and the table has a unique key on "
                    f"({', '.join(key.loose)}) by which values are the same that differ in case, "
                    "say",
                    _UNLIKE,
                )

    def _folded(self) -> Iterator[Refusal]:
        """Keys of a column that becomes what the one does that it refers to."""
        equality = self.mask.equality
        folds = self.mask.changes and equality not in (self.info.equality, Equality.BYTES)
        if folds and any(self.info.name in key.counted for key in self.keys):
            yield Refusal(
                f"the column that it refers to compares {equality.value}, and a unique key of its "
                "own does not",
                _LEAVE,
            )

    def _plain(self) -> Iterator[Refusal]:
        if self.effects.uniqueness in (Uniqueness.PRESERVES, Uniqueness.PERMUTES):
            return
        for key in self.keys:
            if self.info.name in key.counted:
                yield Refusal(
                    f"its values {self.effects.uniqueness.value}, and the table has a unique key "
                    f"on ({', '.join(key.counted)})",
                    _distinct(self.mask),
                )


def _distinct(mask: ColumnMask) -> str:
    """What to do where distinct values have to stay distinct."""
    if mask.recipe is not None and mask.recipe.transformer.startswith("custom-"):
        return "if it keeps distinct values distinct, say `unique: true` in its transformer_options"
    return "use email, token, uuid or format-preserving, which keep values distinct, or transient"
