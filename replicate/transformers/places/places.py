"""Places: cities, states and countries."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from replicate.errors import UsageError
from replicate.transformers import base
from replicate.transformers.base import Draw, Example, Target
from replicate.transformers.columnar.picks import Picking, fitting, pool_of
from replicate.transformers.places.countries import COUNTRIES
from replicate.transformers.vocabularies import locales
from replicate.transformers.vocabularies.lists import STATES, TOWNS
from replicate.transformers.vocabularies.locales import LocaleOptions, Vocabulary
from replicate.transformers.vocabularies.localised import Localised


class City(Localised):
    """Every value but NULL and the empty string becomes one of some 3,000 towns.

    They are put together of two syllables, such as Ashford, and some happen to exist. Many values
    share a town, so a unique column can't have them. Where the column is short, only towns that it
    has room for are taken. With `locale`, they are Faker's for that locale, and another version of
    Faker may give other ones.
    """

    name = "city"
    summary = "Replaces the value by the name of a town"
    examples = (Example("Hamburg"),)
    own = TOWNS
    vocabulary = Vocabulary.CITY


class StateOptions(LocaleOptions):
    """`form` gives states by their name, such as Ohio, or by their code, such as OH.

    `locale`, such as de_DE, takes the states from Faker's locale of that name; it needs
    `pip install 'replicate[faker]'`. Not all locales have codes, and a few have no states.
    """

    form: Literal["name", "code"] = Field(
        default="name", description="The name of a state, such as Ohio, or its code, such as OH"
    )


class State(Picking):
    """Every value but NULL and the empty string becomes one of the 50 states of the USA.

    Many values share a state, so a unique column can't have them. Where the column is short, only
    states that it has room for are taken; one of two characters needs the form `code`. With
    `locale`, they are the states, provinces or regions that Faker has for that locale, and another
    version of Faker may give other ones.
    """

    name = "state"
    summary = "Replaces the value by a state of the USA, or by one of another country"
    examples = (Example("Bavaria"), Example("TX", {"form": "code"}))
    Options: ClassVar[type[base.Options]] = StateOptions

    def __init__(self, options: StateOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        code = options.form == "code"
        states = tuple(state[0 if code else 1] for state in STATES)
        if options.locale is not None:
            sort = Vocabulary.STATE_CODE if code else Vocabulary.STATE
            states = locales.drawn(options.locale, sort)
        hint = None if code or options.locale else "the option form: code takes two characters"
        self._pool = pool_of(fitting(states, target, self.name, hint=hint))


class CountryOptions(LocaleOptions):
    """`form` gives countries by their name, or by their code in ISO 3166-1.

    Those have two letters (alpha2, such as FR) or three (alpha3, such as FRA). `locale`, such as
    de_DE, takes the names from Faker's locale of that name; it needs
    `pip install 'replicate[faker]'`.
    """

    form: Literal["name", "alpha2", "alpha3"] = Field(
        default="name",
        description="The name of a country, or its code of two or three letters in ISO 3166-1",
    )


class Country(Picking):
    """Every value but NULL and the empty string becomes one of the 249 countries of ISO 3166-1.

    Many values share a country, so a unique column can't have them. Names are short, in English and
    in ASCII. Where the column is short, only countries that it has room for are taken; one of two
    or three characters needs the form `alpha2` or `alpha3`. With `locale`, the names are Faker's
    for that locale, and another version of Faker may give other ones.
    """

    name = "country"
    summary = "Replaces the value by the name or the code of a country"
    examples = (
        Example("Germany"),
        Example("DE", {"form": "alpha2"}),
        Example("DEU", {"form": "alpha3"}),
    )
    Options: ClassVar[type[base.Options]] = CountryOptions

    def __init__(self, options: CountryOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        countries = tuple(getattr(country, options.form) for country in COUNTRIES)
        if options.locale is not None:
            if options.form != "name":
                raise UsageError(
                    "codes of countries are the same in every locale",
                    hint="leave one of the options form and locale of country out",
                )
            countries = locales.drawn(options.locale, Vocabulary.COUNTRY)
        hint = _CODES if target.limits.max_chars in (2, 3) and options.form != "alpha2" else None
        self._pool = pool_of(fitting(countries, target, self.name, hint=hint))


_CODES = "the option form: alpha2 takes two characters, form: alpha3 three"
