"""Names of people."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from replicate.rows.arrays import strings
from replicate.rows.column import Column, Replacement
from replicate.transformers.base import Effects, Example, Uniqueness
from replicate.transformers.lots import below, words
from replicate.transformers.pools import pick
from replicate.transformers.rule import TEXTUAL, Rule
from replicate.transformers.vocabularies import FIRST_NAMES, LAST_NAMES


class _Vocabulary(Rule):
    kinds = TEXTUAL
    _pool: ClassVar[pa.BinaryArray]

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        index = below(words(self.draw(column))[:, 0], len(self._pool))
        return pick(column, self._pool, index.astype(np.int32))


class FirstName(_Vocabulary):
    """Every value but NULL and the empty string becomes one of some 970 first names."""

    name = "first-name"
    summary = "Replaces the value by a first name"
    examples = (Example("Jane"),)
    _pool = strings(name.encode() for name in FIRST_NAMES)


class LastName(_Vocabulary):
    """Every value but NULL and the empty string becomes one of 900 last names."""

    name = "last-name"
    summary = "Replaces the value by a last name"
    examples = (Example("Roe"),)
    _pool = strings(name.encode() for name in LAST_NAMES)
