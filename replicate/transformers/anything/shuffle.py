"""The transformer that lets the values of a column change places: shuffle."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from replicate.errors import TransformError, UsageError
from replicate.rows.arrays import indexes, strings
from replicate.rows.column import KEEP, NULL, Column, Kind, Replacement
from replicate.rows.spans import gather
from replicate.transformers import base
from replicate.transformers.anything.choices import Choice, ChoiceOptions
from replicate.transformers.anything.random_value import Random
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.joined import packed
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Assembly, Integers
from replicate.transformers.dates.random_date import RandomDate, RandomDateOptions
from replicate.transformers.draw import LANE, stream
from replicate.transformers.rule import DATES, EVERY, Rule

_SMALL = 100
"""So many times the distinct values that a block must have are few values for one: it may be the
rest of a table. A block of more tells what all of the column is like."""


class ShuffleOptions(base.Options):
    """When a shuffle would hide too little, and what is done then."""

    least: int = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="distinct values that a block of rows must have, or else `few` decides",
    )
    few: Literal["fail", "null", "random"] = Field(
        default="fail",
        description="what becomes of a small block that has fewer: the dump ends, its values become"
        " NULL, or they become random ones",
    )

    @field_validator("few", mode="before")
    @classmethod
    def _bare(cls, value: object) -> object:
        """In YAML a bare null is no word."""
        return "null" if value is None else value


class Shuffle(Rule):
    """The values of a column change places with each other, and each stays as it is.

    They do so within a block of rows, which is a few thousand of them, or all of a small table. No
    row keeps its own value, unless another row had an equal one. NULL and the empty value stay
    where they are. So a column keeps all of its values, how often each comes, and what distribution
    they have; what is lost is which row a value belongs to.

    The values are real ones, and the dump holds them: this is for columns that identify nobody by
    themselves, such as a salary, a date of joining or a city, and never for names, addresses or
    numbers of accounts. A search for leaks passes them over. Nor does it hide much where a few
    values are telling, such as the highest salary.

    A block with fewer than `least` distinct values, NULL and the empty one aside, would hide hardly
    anything. Small tables have such blocks, and so may any table where a piece of it ends, since
    nobody can tell beforehand how many rows are left for the last block: it may be one. `few` says
    what becomes of them. Give it for every table of more than a few thousand rows, or a dump may
    end late:

    - `fail`: the dump ends.
    - `null`: its values become NULL, where the column takes that.
    - `random`: they become what `random` makes of them, in a column of dates what `random-date`
      does, and one of the labels where the column takes nothing else. A rule of the database that
      asks for more of them, such as a check constraint, may refuse such a value when it is
      restored.

    With the last two the column doesn't keep all of its values. A block that has a hundred times
    `least` values or more, and yet so few distinct ones, ends the dump whatever `few` says: the
    column is like that everywhere, and `choice` is for such.

    In blocks that are shuffled equal values get different replacements, in one table and in others,
    and distinct values stay distinct. Another dump may shuffle otherwise, since its blocks may be
    cut otherwise.
    """

    name = "shuffle"
    summary = "Lets the values of a column change places among the rows"
    examples = (Example("52000"), Example("52000", {"few": "random"}, Kind.INTEGER))
    kinds = EVERY
    refuses = "blocks of rows that have few distinct values"
    by_block = True
    Options: ClassVar[type[base.Options]] = ShuffleOptions

    def __init__(self, options: ShuffleOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._least = options.least
        self._few = options.few
        self._random = _random(target, draw) if options.few == "random" else None

    @property
    def effects(self) -> Effects:
        # Distinct values stay so, but not together with those of other columns of a key, nor in
        # the rows that a partial index is of: so no unique key takes it.
        return Effects(Uniqueness.MAY_COLLIDE, makes_null=self._few == "null")

    def transform(self, column: Column) -> Replacement:
        result = Assembly(column)
        rows = np.flatnonzero(column.length)
        if rows.size:
            values, index = packed(gather(column.data, column.start, column.length), column.length)
            distinct = len(values.take(indexes(rows.astype(np.int32))).unique())
            if distinct < self._least:
                return self._instead(column, rows.size, distinct)
            order = rows[_order(self.draw(column.take(rows)), self.draw)]
            # Each takes the value of the next, so that all of them move.
            index[order] = np.roll(order, -1)
            result.put(None, values, index)
        return result.replacement(binary=column.kind is Kind.BINARY)

    def _instead(self, column: Column, values: int, distinct: int) -> Replacement:
        """What becomes of a block that has too few `distinct` values."""
        small = values < _SMALL * self._least
        if small and self._few == "null":
            index = np.where(column.length > 0, NULL, KEEP)
            return Replacement(strings([]), index.astype(np.int32))
        if small and self._random is not None:
            return self._random.transform(column)
        raise TransformError(
            f"a block of rows has too few distinct values for shuffle: {distinct}, where "
            f"{self._least} are needed",
            hint="give shuffle the option few, which says what becomes of a small block, or a "
            "smaller least"
            if small
            else "use choice or random, or give shuffle a smaller least",
        )


def _random(target: Target, draw: Draw) -> Rule:
    """What makes random values for the column. Raises `UsageError` where nothing does."""
    if target.limits.labels and target.kind in Choice.kinds:
        return Choice(ChoiceOptions(), target=target, draw=draw)
    if target.kind in Random.kinds:
        return Random(base.Options(), target=target, draw=draw)
    if target.kind in DATES:
        return RandomDate(RandomDateOptions(), target=target, draw=draw)
    raise UsageError(
        f"shuffle has no random values for a column of {target.kind.value} values",
        hint="say `few: null`, or leave it out",
    )


def _order(seeds: Bytes, draw: Draw) -> Integers:
    """The rows in an order that the draws of all of them decide together: int64 (rows,)."""
    rows = len(seeds)
    seed = seeds.view(np.uint64).sum(axis=0, dtype=np.uint64).view(np.uint8).reshape(1, LANE)
    lanes = stream(draw, seed, np.array([-(-rows // 2)]))
    return np.argsort(lanes.reshape(-1).view(np.uint64)[:rows], kind="stable")
