"""Names of people."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from replicate.transformers import base
from replicate.transformers.base import Draw, Example, Target
from replicate.transformers.columnar.picks import (
    Pair,
    Picking,
    Word,
    fitting,
    pool_of,
    too_short,
)
from replicate.transformers.columnar.pools import Index
from replicate.transformers.vocabularies import locales
from replicate.transformers.vocabularies.lists import (
    FIRST_NAMES,
    LAST_NAMES,
    MENS_NAMES,
    WOMENS_NAMES,
)
from replicate.transformers.vocabularies.locales import Gender, LocaleOptions, Vocabulary
from replicate.transformers.vocabularies.localised import Localised

_OWN = {"any": FIRST_NAMES, "female": WOMENS_NAMES, "male": MENS_NAMES}


class FirstNameOptions(LocaleOptions):
    """`gender` takes the names of women or of men alone.

    `locale`, such as de_DE, takes the names from Faker's locale of that name; it needs
    `pip install 'replicate[faker]'`.
    """

    gender: Gender = Field(default="any", description="Names of women or of men alone, or of all")


class FirstName(Picking):
    """Every value but NULL and the empty string becomes one of some 970 first names.

    Many values share a name, so a unique column can't have them. Where the column is short, only
    names that it has room for are taken. With `locale`, the names are Faker's for that locale, and
    another version of Faker may give other ones.
    """

    name = "first-name"
    summary = "Replaces the value by a first name"
    examples = (Example("Jane"), Example("Jane", {"gender": "female"}))
    Options: ClassVar[type[base.Options]] = FirstNameOptions

    def __init__(self, options: FirstNameOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        names = _OWN[options.gender]
        if options.locale is not None:
            names = locales.first_names(options.locale, options.gender)
        self._pool = pool_of(fitting(names, target, self.name))


class LastName(Localised):
    """Every value but NULL and the empty string becomes one of 900 last names.

    Many values share a name, so a unique column can't have them. Where the column is short, only
    names that it has room for are taken. With `locale`, the names are Faker's for that locale, and
    another version of Faker may give other ones.
    """

    name = "last-name"
    summary = "Replaces the value by a last name"
    examples = (Example("Roe"),)
    own = LAST_NAMES
    vocabulary = Vocabulary.LAST_NAME


class FullNameOptions(FirstNameOptions):
    """`form` is the order of the names: "Jane Roe" is first-last, "Roe, Jane" last-first.

    `gender` takes the first names of women or of men alone. `locale`, such as de_DE, takes the
    names from Faker's locale of that name; it needs `pip install 'replicate[faker]'`.
    """

    form: Literal["first-last", "last-first"] = Field(
        default="first-last", description='"Jane Roe" is first-last, "Roe, Jane" last-first'
    )


class FullName(Picking):
    """Every value but NULL and the empty string becomes a first name and a last name.

    There are some 870,000 of them, but two values may meet all the same, so a unique column can't
    have them. Where both names are too long for the column, an initial takes the place of the first
    name, and where that is too long as well, the last name stands alone.

    With `locale`, the names are Faker's for that locale, and another version of Faker may give
    other ones. Where last names have another form for women, they go with women's first names.
    """

    name = "full-name"
    summary = "Replaces the value by a first and a last name"
    examples = (Example("Jane Roe"), Example("Roe, Jane", {"form": "last-first"}))
    Options: ClassVar[type[base.Options]] = FullNameOptions

    def __init__(self, options: FullNameOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        sides = [(_OWN[options.gender], LAST_NAMES)]
        if options.locale is not None:
            sides = locales.full_names(options.locale, options.gender)
        most = target.limits.max_chars
        fit = [
            (first, tuple(name for name in last if most is None or len(name) <= most))
            for first, last in sides
        ]
        fit = [side for side in fit if side[1]]
        if not fit:
            raise too_short(target, self.name)
        self._firsts = _Sides([len(first) for first, _ in fit])
        self._lasts = _Sides([len(last) for _, last in fit])
        first_names = [name for first, _ in fit for name in first]
        in_front = options.form == "first-last"
        given = "{} " if in_front else ", {}"
        self._pair = Pair(
            [name for _, last in fit for name in last],
            [given.format(name) for name in first_names],
            # Only alphabets with capitals have initials; others go on to the last name alone.
            [given.format(f"{name[0]}." if name[0].isupper() else name) for name in first_names],
            target=target,
            in_front=in_front,
        )

    def _picked(self, drawn: Word) -> tuple[pa.BinaryArray, Index]:
        side = drawn[:, 2] & np.uint32(1)
        return self._pair(self._lasts(drawn[:, 1], side), self._firsts(drawn[:, 0], side))


class _Sides:
    """Places in one list, or in one of two that are laid end to end."""

    def __init__(self, counts: list[int]) -> None:
        self._bounds = np.array(counts, np.uint64)
        self._begin = np.array([0, *counts[:-1]], np.uint64)

    def __call__(self, word: Word, side: Word) -> Index:
        """A place for each word of a draw, in the list that `side`, 0 or 1, tells."""
        at = word.astype(np.uint64)
        if len(self._bounds) == 1:
            at *= self._bounds[0]
            at >>= np.uint64(32)
        else:
            at *= self._bounds[side]
            at >>= np.uint64(32)
            at += self._begin[side]
        return at.astype(np.int32)
