"""The transformer that lets the values of a column change places: shuffle."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from replicate.errors import TransformError
from replicate.rows.arrays import indexes
from replicate.rows.column import Column, Kind, Replacement
from replicate.rows.spans import gather
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.joined import packed
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Assembly, Integers
from replicate.transformers.draw import LANE, stream
from replicate.transformers.rule import EVERY, Rule


class ShuffleOptions(base.Options):
    """When a shuffle would hide too little."""

    least: int = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="distinct values that a block of rows must have; with fewer the dump ends",
    )


class Shuffle(Rule):
    """The values of a column change places with each other, and each stays as it is.

    They do so within a block of rows, which is a few thousand of them, or all of a small table. No
    row keeps its own value, unless another row had an equal one. NULL and the empty value stay
    where they are. So a column keeps all of its values, how often each comes, and what distribution
    they have; what is lost is which row a value belongs to.

    The values are real ones, and the dump holds them: this is for columns that identify nobody by
    themselves, such as a salary, a date of joining or a city, and never for names, addresses or
    numbers of accounts. A search for leaks passes them over. Nor does it hide much where a few
    values are telling, such as the highest salary. A block with fewer than `least` distinct values,
    NULL and the empty one aside, ends the dump, since hardly anything would be hidden. That may be
    the last block of a table, which can have few rows: then make `least` smaller.

    Equal values get different replacements, in one table and in others, and another dump may
    shuffle otherwise, since its blocks may be cut otherwise. Distinct values stay distinct.
    """

    name = "shuffle"
    summary = "Lets the values of a column change places among the rows"
    examples = (Example("52000"),)
    kinds = EVERY
    refuses = "blocks of rows that have few distinct values"
    by_block = True
    Options: ClassVar[type[base.Options]] = ShuffleOptions

    def __init__(self, options: ShuffleOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._least = options.least

    @property
    def effects(self) -> Effects:
        # Distinct values stay so, but not together with those of other columns of a key, nor in
        # the rows that a partial index is of: so no unique key takes it.
        return Effects(Uniqueness.MAY_COLLIDE)

    def transform(self, column: Column) -> Replacement:
        result = Assembly(column)
        rows = np.flatnonzero(column.length)
        if rows.size:
            values, index = packed(gather(column.data, column.start, column.length), column.length)
            self._check(len(values.take(indexes(rows.astype(np.int32))).unique()))
            order = rows[_order(self.draw(column.take(rows)), self.draw)]
            # Each takes the value of the next, so that all of them move.
            index[order] = np.roll(order, -1)
            result.put(None, values, index)
        return result.replacement(binary=column.kind is Kind.BINARY)

    def _check(self, distinct: int) -> None:
        if distinct < self._least:
            raise TransformError(
                f"a block of rows has too few distinct values for shuffle: {distinct}, where "
                f"{self._least} are needed",
                hint="use choice or random, or give shuffle a smaller least",
            )


def _order(seeds: Bytes, draw: Draw) -> Integers:
    """The rows in an order that the draws of all of them decide together: int64 (rows,)."""
    rows = len(seeds)
    seed = seeds.view(np.uint64).sum(axis=0, dtype=np.uint64).view(np.uint8).reshape(1, LANE)
    lanes = stream(draw, seed, np.array([-(-rows // 2)]))
    return np.argsort(lanes.reshape(-1).view(np.uint64)[:rows], kind="stable")
