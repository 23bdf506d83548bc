"""Transformers whose outcome does not depend on the value: transient, null and fixed."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

import numpy as np

from replicate.rows.arrays import strings
from replicate.rows.column import KEEP, NULL, Column, Replacement
from replicate.transformers import base
from replicate.transformers.anything.scalars import written
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.rule import EVERY, Rule


class Transient(Rule):
    """Every value stays as it is."""

    name = "transient"
    summary = "Leaves the value as it is"
    examples = (Example("anything"),)
    kinds = EVERY

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.PRESERVES)

    def transform(self, column: Column) -> Replacement:
        return Replacement(_NONE, np.full(len(column), KEEP, np.int32))


class Null(Rule):
    """Every value becomes NULL, the empty string as well."""

    name = "null"
    summary = "Replaces the value by NULL"
    examples = (Example("anything"),)
    kinds = EVERY

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.CONSTANT, makes_null=True)

    def transform(self, column: Column) -> Replacement:
        return Replacement(_NONE, np.full(len(column), NULL, np.int32))


class FixedOptions(base.Options):
    """`value` takes the place of every value but NULL."""

    value: bool | int | float | dt.datetime | dt.date | str


class Fixed(Rule):
    """Every value but NULL becomes one and the same, the empty string as well."""

    name = "fixed"
    summary = "Replaces the value by one that the option `value` gives"
    examples = (Example("anything", {"value": "n/a"}),)
    kinds = EVERY
    Options: ClassVar[type[base.Options]] = FixedOptions

    def __init__(self, options: FixedOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._pool = strings([written(options.value, target, "transformer_options.value of fixed")])

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.CONSTANT, frozenset({self.kind}))

    def transform(self, column: Column) -> Replacement:
        return Replacement(self._pool, np.where(column.null, KEEP, 0).astype(np.int32))


_NONE = strings([])
