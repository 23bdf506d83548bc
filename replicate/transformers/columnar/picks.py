"""Replacements that are picked from vocabularies, or joined of words that are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import UsageError
from replicate.rows.arrays import indexes, strings
from replicate.rows.column import Column, Replacement
from replicate.transformers.base import Effects, Target, Uniqueness
from replicate.transformers.columnar.lots import below, words
from replicate.transformers.columnar.pools import Index, pick
from replicate.transformers.rule import TEXTUAL, Rule

Word = npt.NDArray[np.uint32]


class Picking(Rule):
    """A transformer that looks at no value: it picks anew for all but NULL and the empty string.

    Subclasses set `_pool`, or override `_picked` where one pool is not enough.
    """

    kinds = TEXTUAL
    _pool: pa.BinaryArray

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, self.kinds)

    def transform(self, column: Column) -> Replacement:
        return pick(column, *self._picked(words(self.draw(column))))

    def _picked(self, drawn: Word) -> tuple[pa.BinaryArray, Index]:
        """A pool and an index into it for each row, made of its draw, uint32 (rows, 4)."""
        return self._pool, chosen(drawn[:, 0], len(self._pool))


def pool_of(vocabulary: Sequence[str]) -> pa.BinaryArray:
    return strings(word.encode() for word in vocabulary)


def chosen(word: Word, count: int) -> Index:
    """One of `count` places for each word of a draw."""
    return below(word, count).astype(np.int32)


def fitting(
    vocabulary: Sequence[str], target: Target, name: str, *, hint: str | None = None
) -> tuple[str, ...]:
    """The words that `target` has room for. Raises `UsageError` of transformer `name` if none is.

    The rest of the vocabulary stays in order, so that a column that takes all of it gets what one
    without a limit does.
    """
    most = target.limits.max_chars
    fits = tuple(word for word in vocabulary if most is None or len(word) <= most)
    if not fits:
        raise too_short(target, name, hint=hint)
    return fits


def too_short(target: Target, name: str, *, hint: str | None = None) -> UsageError:
    return UsageError(
        f"the transformer {name} has nothing of the {target.limits.max_chars} characters that the "
        "column takes",
        hint=hint or "use random, which keeps the length of a value",
    )


def joined(*parts: pa.BinaryArray | bytes) -> tuple[pa.BinaryArray, Index]:
    """A pool with one value a row, its parts in order; arrays have a value for each row."""
    arrays = [pa.scalar(part, pa.binary()) if isinstance(part, bytes) else part for part in parts]
    # The stubs of pyarrow have this function for text alone.
    join = cast(Any, pc).binary_join_element_wise
    pool: pa.BinaryArray = join(*arrays, pa.scalar(b"", pa.binary()))
    return pool, np.arange(len(pool), dtype=np.int32)


def taken(pool: pa.BinaryArray, index: Index) -> pa.BinaryArray:
    """``pool[index[i]]`` for each row."""
    return pool.take(indexes(index))


class Pair:
    """Two words in one value, of which the second gives way where both are too long for `target`.

    `forms` are what the second may be, from the longest to the shortest, each as long a list as
    the others; the very last, which is always there, is nothing. Each word of `firsts` has to fit
    by itself. With `in_front` the second stands before the first.
    """

    def __init__(
        self,
        firsts: Sequence[str],
        *forms: Sequence[str],
        target: Target,
        in_front: bool = False,
    ) -> None:
        self._most = target.limits.max_chars
        self._in_front = in_front
        self._seconds = len(forms[0])
        self._forms = len(forms)
        behind = [*(word for form in forms for word in form), ""]
        self._first_pool = pool_of(firsts)
        self._second_pool = pool_of(behind)
        self._first_length = np.array([len(word) for word in firsts])
        self._second_length = np.array([len(word) for word in behind])

    def __call__(self, first: Index, second: Index) -> tuple[pa.BinaryArray, Index]:
        """A pool with one value a row, given the places of its words in their lists."""
        if self._most is not None:
            second, _ = self._shortened(first, second)
        parts = taken(self._first_pool, first), taken(self._second_pool, second)
        return joined(*(reversed(parts) if self._in_front else parts))

    def lengths(self, first: Index, second: Index) -> npt.NDArray[np.int64]:
        """How many characters each value has: int64 (rows,)."""
        return self._shortened(first, second)[1]

    def _shortened(self, first: Index, second: Index) -> tuple[Index, npt.NDArray[np.int64]]:
        """The second words in the forms that fit, and what they and the first ones measure."""
        length = self._first_length[first]
        room = np.iinfo(np.int64).max if self._most is None else self._most - length
        place = np.full(len(second), self._forms * self._seconds, np.int32)
        for form in reversed(range(self._forms)):
            candidate = second + np.int32(form * self._seconds)
            place = np.where(self._second_length[candidate] <= room, candidate, place)
        return place, length + self._second_length[place]
