"""What the transformers of this package share: how one is made, and what it may be made for."""

from __future__ import annotations

import abc
from typing import ClassVar

from replicate.errors import UsageError
from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness

TEXTUAL = frozenset({Kind.TEXT, Kind.ANY})
NUMBERS = frozenset({Kind.INTEGER, Kind.REAL, Kind.NUMERIC})
DATES = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP})
EVERY = frozenset(Kind)


class Rule(abc.ABC):
    """A transformer for the column `target`, with its options, that draws from `draw`.

    Subclasses set the class attributes and define `transform`, which has to cope with values of
    every kind: a column of a dynamically typed database may hold any, and they come with their own
    kind in `Column.kind`. `summary` is a line for a list; the docstring is the documentation, in
    Markdown. `examples` are what it shows. `refuses` says which values it can't mask, in a few
    words, and is empty where it masks whatever comes. `by_block`: a replacement depends on the
    other values of its block of rows, and not on its own value alone.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    examples: ClassVar[tuple[Example, ...]]
    kinds: ClassVar[frozenset[Kind]]
    refuses: ClassVar[str] = ""
    by_block: ClassVar[bool] = False
    Options: ClassVar[type[base.Options]] = base.Options

    def __init__(self, options: base.Options, *, target: Target, draw: Draw) -> None:
        """Raises `UsageError` if `target` can't hold what the transformer makes."""
        kind = target.kind
        if kind not in self.kinds:
            raise UsageError(
                f"the transformer {self.name} doesn't fit a column of {kind.value} values",
                hint=_FITTING.get(kind),
            )
        self.options = options
        self.target = target
        self.kind = kind
        self.draw = draw

    @property
    def effects(self) -> Effects:
        """Of a transformer that may make equal what was not, and fits whatever it is made for."""
        return Effects(Uniqueness.MAY_COLLIDE)

    @property
    def reads(self) -> frozenset[str]:
        return frozenset()

    @property
    def reads_masked(self) -> frozenset[str]:
        return frozenset()

    @abc.abstractmethod
    def transform(self, column: Column) -> Replacement: ...

    def close(self) -> None:  # noqa: B027 - most have nothing to give back
        pass


_FITTING = {
    Kind.INTEGER: "use random, null or fixed",
    Kind.REAL: "use random, null or fixed",
    Kind.NUMERIC: "use random, null or fixed",
    Kind.BOOLEAN: "use random, null or fixed",
    Kind.UUID: "use random, which makes a UUID of a UUID, null or fixed",
    Kind.BINARY: "use random, null or fixed",
    Kind.DATE: "use random-date, null or fixed",
    Kind.TIME: "use random-date, null or fixed",
    Kind.TIMESTAMP: "use random-date, null or fixed",
    Kind.JSON: "use null, or fixed with a JSON document",
    Kind.ENUM: "use choice, null, or fixed with one of its labels",
    Kind.INET: "use ip-address, null or fixed",
    Kind.MACADDR: "use mac-address, null or fixed",
    Kind.ARRAY: "use null, or fixed with a value that the column's type takes",
    Kind.OTHER: "use null, or fixed with a value that the column's type takes",
}
