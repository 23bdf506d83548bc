"""Vocabularies of a locale, drawn from the package Faker, which is installed as an extra.

A vocabulary is drawn once for a process, with a fixed seed, without doubles and in order: so it is
the same in every run that has the same version of Faker. Another version may bring another one.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import re
import threading
import warnings
from collections.abc import Sequence
from enum import Enum
from types import ModuleType
from typing import Any, Literal

from pydantic import Field, field_validator

from replicate.errors import UsageError
from replicate.transformers import base

_DRAWS = 2000
_FEWEST = 2  # with less to pick from, every value would become the same

Gender = Literal["any", "female", "male"]


class LocaleOptions(base.Options):
    """`locale`, such as de_DE, takes the words from Faker's locale of that name.

    It needs `pip install 'replicate[faker]'`. Without it they come from a list of our own.
    """

    locale: str | None = Field(
        default=None,
        description="A locale of Faker, such as de_DE; without one a list of our own is used",
    )

    @field_validator("locale")
    @classmethod
    def _is_locale(cls, locale: str | None) -> str | None:
        if locale is None:
            return None
        if not re.fullmatch(r"[a-z]{2,3}([_-][A-Z]{2})?", locale):
            raise ValueError("a locale such as de_DE is needed")
        return locale.replace("-", "_")


class Vocabulary(Enum):
    """What to draw: its name, the provider of Faker that has it, and the methods to try."""

    FIRST_NAME = ("first names", "person", ("first_name",))
    WOMANS_NAME = ("first names", "person", ("first_name_female",))
    MANS_NAME = ("first names", "person", ("first_name_male",))
    LAST_NAME = ("last names", "person", ("last_name",))
    WOMANS_LAST_NAME = ("last names", "person", ("last_name_female",))
    MANS_LAST_NAME = ("last names", "person", ("last_name_male",))
    COMPANY = ("companies", "company", ("company",))
    JOB = ("jobs", "job", ("job",))
    STREET = ("streets", "address", ("street_address",))
    POSTCODE = ("postcodes", "address", ("postcode",))
    CITY = ("cities", "address", ("city",))
    STATE = ("states", "address", ("administrative_unit", "state", "region", "province"))
    STATE_CODE = ("codes of states", "address", ("state_abbr",))
    COUNTRY = ("countries", "address", ("country",))
    ADDRESS = ("addresses", "address", ("address",))


@functools.lru_cache(maxsize=64)
def drawn(locale: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The words of `vocabulary` in `locale`, sorted, none twice, none empty.

    Raises `UsageError` if Faker is missing, doesn't know the locale, or has none of its own there:
    what it would give instead is English.
    """
    what, provider, methods = vocabulary.value
    try:
        found = _draw(locale, provider, methods, weighted=False)
    except AssertionError:
        # Words of equal weight take a fourth of the time, but a few locales can't do without.
        found = _draw(locale, provider, methods, weighted=True)
    if len(found) < _FEWEST:
        raise UsageError(
            f"Faker has no {what} for the locale {locale}",
            hint="leave the option locale out, or take another one",
        )
    return tuple(sorted(found))


def first_names(locale: str, gender: Gender) -> tuple[str, ...]:
    """Raises `UsageError` also if the locale doesn't tell women's names and men's apart."""
    women, men = drawn(locale, Vocabulary.WOMANS_NAME), drawn(locale, Vocabulary.MANS_NAME)
    # A locale that has one list for all draws the same from it, since the seed is the same.
    if gender == "any":
        apart = women != men
        return tuple(sorted({*women, *men})) if apart else drawn(locale, Vocabulary.FIRST_NAME)
    if women == men:
        raise UsageError(
            f"Faker doesn't tell women's names and men's apart in the locale {locale}",
            hint="leave the option gender out",
        )
    return women if gender == "female" else men


def full_names(locale: str, gender: Gender) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """First names, and the last names that go with them; two such pairs where both genders do.

    In some languages a last name has another form for women than for men.
    """
    women = drawn(locale, Vocabulary.WOMANS_NAME), drawn(locale, Vocabulary.WOMANS_LAST_NAME)
    men = drawn(locale, Vocabulary.MANS_NAME), drawn(locale, Vocabulary.MANS_LAST_NAME)
    if gender == "any" and women[0] != men[0]:
        return [women, men]
    if gender == "any":
        return [(first_names(locale, "any"), drawn(locale, Vocabulary.LAST_NAME))]
    return [(first_names(locale, gender), women[1] if gender == "female" else men[1])]


def _draw(locale: str, provider: str, methods: Sequence[str], *, weighted: bool) -> set[str]:
    with _DRAWING:
        fake = _faker(locale, weighted=weighted)
        if not _is_own(fake, provider, locale):
            return set()
        draw = next((getattr(fake, name) for name in methods if hasattr(fake, name)), None)
        if draw is None:
            return set()
        fake.seed_instance(0)
        return {str(draw()).strip() for _ in range(_DRAWS)} - {""}


_DRAWING = threading.Lock()  # two threads that draw of one instance would take turns by chance


@functools.lru_cache(maxsize=8)
def _faker(locale: str, *, weighted: bool) -> Any:  # noqa: ANN401 - a library that may be missing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of locales that have another name by now
        try:
            fake = _library().Faker(locale, use_weighting=weighted)
        except AttributeError as error:
            raise _unknown(locale) from error
    for provider in fake.get_providers():
        # One locale makes this list of a set, and so has it in another order in each process.
        if isinstance(getattr(provider, "cities", None), list):
            provider.cities = sorted(provider.cities)
    return fake


def _library(name: str = "faker") -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            "the option locale needs the package Faker",
            hint="it needs the extra: pip install 'replicate[faker]'",
        ) from error


def _is_own(fake: Any, name: str, locale: str) -> bool:  # noqa: ANN401 - see _faker
    """Whether what this provider gives is in the locale's language, and not English for want."""
    provider = next(
        found for found in fake.get_providers() if found.__provider__ == f"faker.providers.{name}"
    )
    return str(provider.__lang__).partition("_")[0] == locale.partition("_")[0]


def _unknown(locale: str) -> UsageError:
    known = sorted(_library("faker.config").AVAILABLE_LOCALES)
    language = locale.partition("_")[0]
    near = [name for name in known if name.partition("_")[0] == language]
    near = near or difflib.get_close_matches(locale, known, n=3)
    return UsageError(
        f"Faker has no locale {locale}",
        hint=f"it has {', '.join(near)}" if near else "Faker's documentation lists its locales",
    )
