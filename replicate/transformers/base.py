"""What a transformer is: a pure function from a column of one block to its replacement.

A new one is a class in the module of its family and one line in `registry.py`. It sees a whole
column at a time (`replicate.rows.column.Column`) and answers with a `Replacement`. It knows
nothing of databases, tables or dumps.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from replicate.rows.column import Column, Kind, Replacement


class Uniqueness(Enum):
    """What becomes of distinct values: the plan refuses all but `PRESERVES` on a unique column."""

    PRESERVES = "preserves"
    MAY_COLLIDE = "may collide"
    CONSTANT = "constant"


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
    """Where replacements come from: 16 bytes a value, keyed by the value or truly random."""

    def __call__(self, column: Column) -> npt.NDArray[np.uint8]:
        """Shape (rows, 16). With a key, equal values draw equal bytes, in every run."""
        ...


class Options(BaseModel):
    """The `transformer_options` of one transformer. Unknown options are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Transformer(Protocol):
    """A masking rule, ready to be applied. Instances hold no state that a block could change.

    Guarantees: pure and deterministic for one `Draw`; never sees a neighbouring column; NULL stays
    NULL and the empty string stays empty unless its documentation says otherwise. A value that it
    can't mask raises `TransformError`, whose message names no value; it is never passed through.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Options: ClassVar[type[Options]]

    @property
    def effects(self) -> Effects: ...

    def transform(self, column: Column) -> Replacement:
        """The replacement, one entry for each row of `column`."""
        ...
