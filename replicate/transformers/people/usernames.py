"""Names of accounts."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from replicate.errors import UsageError
from replicate.rows.column import Column, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target
from replicate.transformers.columnar.handles import (
    BITS,
    LETTERS,
    NAMED,
    WIDTH,
    check_unique,
    handles,
    uniqueness,
)
from replicate.transformers.columnar.pools import fixed_width, pick
from replicate.transformers.rule import TEXTUAL, Rule

_READABLE = 3  # letters and digits that there must be room for behind a name


class UsernameOptions(base.Options):
    """`length` is how many characters a name has; fewer where the column takes fewer."""

    length: int = Field(
        default=WIDTH, ge=1, le=WIDTH, description="characters of a name, 20 at the utmost"
    )


class Username(Rule):
    """Any value but NULL and the empty string becomes a name such as ``nora.k3vq2xa7pdm4wte``.

    It is a short first name, a dot, and letters and digits in lower case: 20 characters, made of 83
    bits of the draw, so that distinct values stay distinct. With 15 to 19 characters the name is
    left out, and 75 bits still keep them apart: among 10**9 values the chance that any two meet is
    1 in 75,000. With fewer values may collide, and a column whose values have to stay distinct is
    refused; names of 8 to 14 characters begin with a first name again.
    """

    name = "username"
    summary = "Replaces the value by the name of an account that is unique to it"
    examples = (Example("jroe1984"), Example("jroe1984", {"length": 11}))
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = UsernameOptions

    def __init__(self, options: UsernameOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        most = target.limits.max_chars
        if most is not None and most < options.length and "length" in options.model_fields_set:
            raise UsageError(
                f"the option length of username is more than the {most} characters that the "
                "column takes",
                hint=f"leave length out, or make it {most}",
            )
        length = options.length if most is None else max(min(options.length, most), 1)
        named = length == WIDTH or NAMED + _READABLE <= length < LETTERS
        # Places of a handle: its name and dot may be left out, and its end.
        self._places = slice(0, length) if named else slice(NAMED, NAMED + min(length, LETTERS))
        bits = BITS * (length - NAMED if named else min(length, LETTERS))
        check_unique(
            "username", target, bits, hint="use token, or a length and a column of 15 and more"
        )
        self._uniqueness = uniqueness(bits)

    @property
    def effects(self) -> Effects:
        return Effects(self._uniqueness, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        names = handles(self.draw(column))[:, self._places]
        return pick(column, *fixed_width(np.ascontiguousarray(names)))
