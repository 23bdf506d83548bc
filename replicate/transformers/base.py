"""What a transformer is: a pure function from a column of one block to its replacement.

A new one is a class in the module of its family and one line in `registry.py`. It sees a whole
column at a time (`replicate.rows.column.Column`) and answers with a `Replacement`. It knows
nothing of databases, tables or dumps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from replicate.rows.column import NO_LIMITS, Column, Kind, Limits, Replacement


class Uniqueness(Enum):
    """What becomes of distinct values. A unique column takes the first two alone.

    `PRESERVES`: replacements are drawn from so many that no two ever meet, each other or a value
    that was left as it is. `PERMUTES`: distinct values become distinct by construction, as long as
    every value of the column is masked.
    """

    PRESERVES = "stay distinct"
    PERMUTES = "are permuted"
    MAY_COLLIDE = "may collide"
    CONSTANT = "are all the same"


@dataclass(frozen=True, slots=True)
class Target:
    """The column that replacements have to fit: what a transformer is made for.

    `kind` is the column's; of an array's elements it is theirs, and so are the `limits`. Columns
    that a foreign key or a link binds share the narrowest length and size among them, so that the
    same replacement fits all.

    `unique` asks for distinct values to stay distinct: a transformer that can do so by a
    permutation then uses it. It is set for all columns that share replacements where one of them
    has a unique key, so that the same value gets the same replacement in all.

    `columns` has the kinds of the table's columns by name: what a transformer may read beside its
    own.
    """

    kind: Kind
    limits: Limits = NO_LIMITS
    unique: bool = False
    columns: Mapping[str, Kind] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """A value, the options, and what else is in the row: for documentation, which shows the result.

    Tests run every one of them.
    """

    value: str
    options: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = Kind.TEXT
    row: Mapping[str, str] = field(default_factory=dict)
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """What a transformer does to a column, declared so that a plan can be refused before it runs.

    `produces` is the kinds that the output fits, or None where the output fits whatever column
    the input came from. `makes_null`: it may turn a value into NULL.
    """

    uniqueness: Uniqueness
    produces: frozenset[Kind] | None = None
    makes_null: bool = False


class Draw(Protocol):
    """Where replacements come from: 16 bytes a value, keyed by the value or truly random.

    `key` is 32 bytes that permutations may be derived from, or None where draws are random.
    """

    @property
    def key(self) -> bytes | None: ...

    def __call__(self, column: Column) -> npt.NDArray[np.uint8]:
        """Shape (rows, 16). With a key, equal values draw equal bytes, in every run."""
        ...


class Options(BaseModel):
    """The `transformer_options` of one transformer. Unknown options are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Transformer(Protocol):
    """A masking rule, ready to be applied. Instances hold no state that a block could change.

    Guarantees: pure and deterministic for one `Draw`; sees no other column than those that it says
    it reads; NULL stays NULL and the empty string stays empty unless its documentation says
    otherwise. What it makes fits the `Target`. A value that it can't mask raises `TransformError`,
    whose message names no value and whose `row` tells which it was; it is never passed through.
    """

    @property
    def effects(self) -> Effects: ...

    @property
    def reads(self) -> frozenset[str]:
        """The columns whose values in the source it wants in `Column.beside`."""
        ...

    @property
    def reads_masked(self) -> frozenset[str]:
        """The columns whose replacements it wants in `Column.masked`; they are made first."""
        ...

    def transform(self, column: Column) -> Replacement:
        """The replacement, one entry for each row of `column`."""
        ...

    def close(self) -> None:
        """Give back what it holds: a process, an instance. May be called again."""
        ...
