"""Values out of a few: true or false, or one of a list."""

from __future__ import annotations

import itertools
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from replicate.errors import TransformError, UsageError
from replicate.rows.arrays import strings
from replicate.rows.column import Column, Kind, Limits, Replacement
from replicate.transformers import base
from replicate.transformers.anything.boolean_text import put_booleans
from replicate.transformers.anything.scalars import Scalar, written
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.lots import below, words
from replicate.transformers.columnar.pools import Assembly, pick
from replicate.transformers.numbers.number_rule import fits
from replicate.transformers.rule import EVERY, NUMBERS, TEXTUAL, Rule

_WORD = 2**32  # how many numbers a word of a draw can be


class BooleanOptions(base.Options):
    """How often the result is true."""

    probability: float = Field(
        default=0.5, ge=0, le=1, description="how likely true is, from 0 to 1"
    )


class Boolean(Rule):
    """True or false by chance, written as the value is written.

    The words are 0 and 1, f and t, false and true, n and y, no and yes, off and on, in lower or
    upper case or with a capital. Any other value but NULL and the empty string is an error.

    With a key, equal values become the same: then all that is true of a column becomes one of the
    two, and all that is false. With ``consistent: false`` each row draws for itself, and the share
    of true ones is about `probability`.
    """

    name = "boolean"
    summary = "Replaces true or false by one of the two, written in the same way"
    examples = (Example("yes"), Example("t", {"probability": 0.9}, Kind.BOOLEAN))
    kinds = TEXTUAL | {Kind.BOOLEAN, Kind.INTEGER}
    refuses = "what is not written as true or false"
    Options: ClassVar[type[base.Options]] = BooleanOptions

    def __init__(self, options: BooleanOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._edge = np.uint64(round(options.probability * _WORD))

    def transform(self, column: Column) -> Replacement:
        chosen = words(self.draw(column))[:, 0].astype(np.uint64) < self._edge
        result = Assembly(column)
        others = put_booleans(column, chosen, result)
        if others.size:
            raise TransformError(
                "a value is not written as true or false",
                hint="use choice with the values that the column may have",
                row=int(others[0]),
            )
        return result.replacement()


class ChoiceOptions(base.Options):
    """What is chosen from, and how often each comes."""

    values: tuple[Scalar, ...] = Field(
        default=(),
        max_length=10_000,
        description="what is chosen from; without any, the labels that an enum has",
    )
    weights: tuple[float, ...] = Field(
        default=(),
        description="how often each of the values comes, relative to the others",
    )

    @model_validator(mode="after")
    def _one_weight_each(self) -> ChoiceOptions:
        if self.weights:
            if self.values and len(self.weights) != len(self.values):
                raise ValueError("as many weights as values are needed")
            if not all(0 <= weight < float("inf") for weight in self.weights):
                raise ValueError("a weight is 0 or more")
            if not 0 < sum(self.weights) < float("inf"):
                raise ValueError("a weight above 0 is needed")
        return self


class Choice(Rule):
    """Any value but NULL and the empty string becomes one of `values`.

    All are equally likely unless `weights` are given, of which the third belongs to the third
    value, and so on. In a column of an enum the values are its labels, in their order, unless some
    of them are given.

    Values have to fit the column: its type, its length and its labels. With a key, equal values
    become equal choices, so a column of few distinct values keeps their shares under other names.
    A value may become itself.
    """

    name = "choice"
    summary = "Replaces the value by one of a list, at random"
    examples = (
        Example("gold", {"values": ["basic", "plus", "premium"]}),
        Example("churned", {"values": ["active", "churned"], "weights": [9, 1]}),
        Example(
            "sad", {}, Kind.ENUM, target=Target(Kind.ENUM, Limits(labels=("sad", "ok", "happy")))
        ),
    )
    kinds = EVERY - {Kind.ARRAY}  # whose elements are chosen
    Options: ClassVar[type[base.Options]] = ChoiceOptions

    def __init__(self, options: ChoiceOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        option = "each of transformer_options.values of choice"
        values = [written(value, target, option) for value in options.values]
        values = values or [label.encode() for label in target.limits.labels]
        if not values:
            raise UsageError(
                "the transformer choice needs the option values",
                hint="only a column of an enum brings values of its own",
            )
        weights = options.weights or (1.0,) * len(values)
        if len(weights) != len(values):
            raise UsageError(
                f"the column's type has {len(values)} labels, and choice {len(weights)} weights",
                hint="give as many weights as labels, or values too",
            )
        self._check_fit(values)
        self._pool = strings(values)
        # Each value has the words of a draw from the end before to its own.
        ends = np.array(list(itertools.accumulate(weights)))
        self._ends = np.round(ends / ends[-1] * _WORD).astype(np.uint64)
        self._equal = not options.weights
        likely = {value for value, weight in zip(values, weights, strict=True) if weight > 0}
        self._constant = len(likely) == 1

    def _check_fit(self, values: list[bytes]) -> None:
        target, most = self.target, self.target.limits.max_chars
        if most is not None and any(len(value.decode()) > most for value in values):
            raise UsageError(
                f"a value of choice has more than the {most} characters that the column takes"
            )
        if self.kind in NUMBERS and not all(fits(value, target) for value in values):
            raise UsageError("a value of choice is a number that doesn't fit the column")

    @property
    def effects(self) -> Effects:
        uniqueness = Uniqueness.CONSTANT if self._constant else Uniqueness.MAY_COLLIDE
        return Effects(uniqueness, frozenset({self.kind}))

    def transform(self, column: Column) -> Replacement:
        word = words(self.draw(column))[:, 0]
        if self._equal:
            index = below(word, len(self._pool))
        else:
            index = np.searchsorted(self._ends, word.astype(np.uint64), side="right")
        return pick(column, self._pool, index.astype(np.int32))
