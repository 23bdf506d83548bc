"""Transformers that pick from one list: of our own, or of a locale of Faker's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from replicate.transformers import base
from replicate.transformers.base import Draw, Target
from replicate.transformers.columnar.picks import Picking, fitting, pool_of
from replicate.transformers.vocabularies import locales
from replicate.transformers.vocabularies.locales import LocaleOptions, Vocabulary


class Localised(Picking):
    """Picks from `own`, or with the option `locale` from what Faker has of `vocabulary` there.

    Only from what the column has room for.
    """

    own: ClassVar[Sequence[str]]
    vocabulary: ClassVar[Vocabulary]
    Options: ClassVar[type[base.Options]] = LocaleOptions

    def __init__(self, options: LocaleOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        found = self.own
        if options.locale is not None:
            found = locales.drawn(options.locale, self.vocabulary)
        self._pool = pool_of(fitting(found, target, self.name))
