"""A transformer inside arrays: every element is masked by itself."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import UsageError
from replicate.rows.array_text import NULLS, elements_of, unescaped, written
from replicate.rows.arrays import indexes, strings
from replicate.rows.column import KEEP, Column, Kind, Replacement
from replicate.rows.splice import Texts
from replicate.transformers.base import Effects, Transformer, Uniqueness
from replicate.transformers.wrapping.around import Around
from replicate.transformers.wrapping.parts import ask, chosen, parts_of


class InsideArray(Around):
    """Masks the elements of PostgreSQL's arrays, whose values are of `element`, with `inner`.

    Elements come to `inner` unescaped, those of nested arrays as well, and are put back in quotes
    where they need them. How many there are, and how they nest, stays. An element that is NULL
    stays, and so do NULL, the empty array and the bounds. A value that is not an array raises
    `TransformError`.
    """

    def __init__(self, inner: Transformer, element: Kind) -> None:
        """Raises `UsageError` if what `inner` makes is no `element`, or if elements are blobs."""
        if element is Kind.BINARY:
            raise UsageError(
                "the elements of an array of binary values can't be masked",
                hint="use null, or fixed with a value that the column's type takes",
            )
        produces = inner.effects.produces
        if produces is not None and element not in produces:
            raise UsageError(f"its replacements don't fit an array of {element.value} values")
        super().__init__(inner)
        self._element = element

    @property
    def effects(self) -> Effects:
        # Distinct arrays stay distinct if their elements do; but two that differ in an element
        # may both get a NULL there, and constants leave their number to tell arrays apart.
        inner = self._inner.effects
        injective = inner.uniqueness in (Uniqueness.PRESERVES, Uniqueness.PERMUTES)
        if injective and not inner.makes_null:
            return Effects(inner.uniqueness)
        return Effects(Uniqueness.MAY_COLLIDE)

    def transform(self, column: Column) -> Replacement:
        texts = Texts.of(column)
        found = elements_of(texts)
        index = np.full(len(column), KEEP, np.int32)
        if not len(found.row):
            return Replacement(strings([]), index)
        part = parts_of(column, found.row, unescaped(texts, found), self._element)
        replacement = ask(self._inner, part, found.row)
        changed = np.flatnonzero(replacement.index != KEEP)
        new = np.flatnonzero(replacement.index >= 0)
        values = pa.concat_arrays([written(chosen(replacement, new)), NULLS])
        place = np.full(len(found.row), len(new), np.int32)  # NULL, behind the others
        place[new] = np.arange(len(new))
        values = pc.take(values, indexes(place[changed]), boundscheck=False)
        rows = np.unique(found.row[changed])
        index[rows] = rows
        pool = texts.spliced(found.begin[changed], found.end[changed], values)
        return Replacement(pool, index)
