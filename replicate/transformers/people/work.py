"""What people work for and as: companies and jobs."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from replicate.transformers import base
from replicate.transformers.base import Draw, Example, Target
from replicate.transformers.columnar.picks import Pair, Picking, Word, chosen, fitting, pool_of
from replicate.transformers.columnar.pools import Index
from replicate.transformers.vocabularies import locales
from replicate.transformers.vocabularies.lists import COMPANY_ENDS, JOBS, LAST_NAMES
from replicate.transformers.vocabularies.locales import LocaleOptions, Vocabulary
from replicate.transformers.vocabularies.localised import Localised


class Company(Picking):
    """Every value but NULL and the empty string becomes the name of a company.

    It is a last name with a trade or a form of company behind it: some 180,000, of which one may
    happen to exist. Two values may meet, so a unique column can't have them. Where that is too long
    for the column, the last name stands alone.

    With `locale`, the names are Faker's for that locale, about 2,000 of them, of which those are
    taken that the column has room for; another version of Faker may give other ones.
    """

    name = "company"
    summary = "Replaces the value by the name of a company"
    examples = (Example("Roe Trading"),)
    Options: ClassVar[type[base.Options]] = LocaleOptions

    def __init__(self, options: LocaleOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._pair: Pair | None = None
        if options.locale is None:
            names = fitting(LAST_NAMES, target, self.name)
            self._names = len(names)
            self._pair = Pair(names, COMPANY_ENDS, target=target)
        else:
            found = locales.drawn(options.locale, Vocabulary.COMPANY)
            self._pool = pool_of(fitting(found, target, self.name))

    def _picked(self, drawn: Word) -> tuple[pa.BinaryArray, Index]:
        if self._pair is None:
            return super()._picked(drawn)
        return self._pair(chosen(drawn[:, 0], self._names), chosen(drawn[:, 1], len(COMPANY_ENDS)))


class Job(Localised):
    """Every value but NULL and the empty string becomes one of some 340 job titles.

    Many values share a title, so a unique column can't have them. Where the column is short, only
    titles that it has room for are taken. With `locale`, the titles are Faker's for that locale,
    and another version of Faker may give other ones.
    """

    name = "job"
    summary = "Replaces the value by a job title"
    examples = (Example("Head of Sales"),)
    own = JOBS
    vocabulary = Vocabulary.JOB
