"""Vocabularies of a locale, which come from Faker."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from replicate.errors import UsageError
from replicate.rows.column import Column, Kind, Limits
from replicate.transformers.base import Target
from replicate.transformers.registry import build
from replicate.transformers.vocabularies import locales
from replicate.transformers.vocabularies.locales import Vocabulary, drawn, first_names
from tests.support.masking import KEYED, OTHER, apply

WITH_LOCALE = (
    "first-name last-name full-name company job street postcode city state country address"
)
VALUES: list[bytes | None] = [b"value %d" % i for i in range(3000)]


def texts(name: str, most: int | None = None, **options: Any) -> list[str]:
    """What becomes of some values in a column of `most` characters."""
    target = Target(Kind.TEXT, Limits(max_chars=most))
    return [(new or b"").decode() for new in apply(name, VALUES, target=target, **options)]


@pytest.fixture
def nothing_drawn() -> Iterator[None]:
    """As in a new process."""
    for cached in (locales.drawn, locales._faker):
        cached.cache_clear()
    yield
    for cached in (locales.drawn, locales._faker):
        cached.cache_clear()


@pytest.mark.parametrize("name", WITH_LOCALE.split())
@pytest.mark.parametrize("locale", ["de_DE", "en_US", "fr_FR", "ja_JP"])
def test_all_of_them_speak_the_language(name: str, locale: str) -> None:
    made = texts(name, locale=locale)
    assert len(set(made)) > 10
    assert all(text.strip() == text and text and "\n" not in text for text in made)
    assert made == texts(name, locale=locale.replace("_", "-"))
    if (name, locale) != ("state", "en_US"):  # where ours come from as well
        assert set(made) != set(texts(name))
    assert made != [(new or b"").decode() for new in apply(name, VALUES, draw=OTHER, locale=locale)]
    if locale == "ja_JP" and name in ("full-name", "city", "address", "state"):
        scripts = {unicodedata.name(text[0]).split()[0] for text in made}
        assert scripts <= {"CJK", "HIRAGANA", "KATAKANA"}


def test_states_are_those_of_the_country() -> None:
    german = set(texts("state", locale="de_DE"))
    assert len(german) == 16
    assert {"Bayern", "Hessen", "Thüringen"} <= german
    assert {"Ohio", "Texas"} <= set(texts("state", locale="en_US"))
    assert set(map(len, texts("state", locale="en_US", form="code"))) == {2}
    assert "Deutschland" in texts("country", locale="de_DE")


def test_the_form_of_an_address_holds_in_a_locale_too() -> None:
    several = texts("address", locale="de_DE", form="multiline")
    single = texts("address", locale="de_DE")
    assert all(re.fullmatch(r"[^\n]+\n[0-9]{5} [^\n]+", text) for text in several)
    assert {text.replace("\n", ", ") for text in several} == set(single)


def test_names_of_women_and_of_men() -> None:
    women, men = first_names("de_DE", "female"), first_names("de_DE", "male")
    assert set(texts("first-name", locale="de_DE", gender="female")) <= set(women)
    assert set(texts("first-name", locale="de_DE", gender="male")) <= set(men)
    assert len(set(women) & set(men)) < 10
    assert set(first_names("de_DE", "any")) == set(women) | set(men)
    # Faker has lists of both here, and none of all.
    assert len(first_names("de_LI", "any")) > 300


def test_last_names_go_with_first_names() -> None:
    women = set(first_names("cs_CZ", "female")) - set(first_names("cs_CZ", "male"))
    men = set(first_names("cs_CZ", "male")) - set(first_names("cs_CZ", "female"))
    ends = {"women": 0, "men": 0}
    for name in texts("full-name", locale="cs_CZ"):
        first, _, last = name.partition(" ")
        if first in women:
            assert last.endswith(("á", "ů")), name
            ends["women"] += 1
        elif first in men:
            assert not last.endswith("ová"), name
            ends["men"] += 1
    assert min(ends.values()) > 1000
    female = texts("full-name", locale="cs_CZ", gender="female", form="last-first")
    assert {name.partition(", ")[2] for name in female} <= set(first_names("cs_CZ", "female"))


def test_a_locale_that_does_not_tell_women_from_men() -> None:
    with pytest.raises(UsageError, match="women's names and men's") as caught:
        texts("first-name", locale="lt_LT", gender="female")
    assert "gender" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="women's names and men's"):
        texts("full-name", locale="lt_LT", gender="male")
    assert len(set(texts("full-name", locale="lt_LT"))) > 1000


def test_lengths_are_characters_and_not_bytes() -> None:
    for name, most in (("address", 24), ("full-name", 4), ("company", 8), ("city", 3)):
        made = texts(name, most=most, locale="ja_JP")
        assert max(map(len, made)) == most
        assert max(len(text.encode()) for text in made) > most
    with pytest.raises(UsageError, match="the 5 characters"):
        texts("address", most=5, locale="de_DE")


def test_letters_without_capitals_have_no_initials() -> None:
    made = texts("full-name", most=4, locale="ja_JP")
    assert not any("." in name for name in made)
    assert any(" " in name for name in made)
    assert any("." in name for name in texts("full-name", most=12, locale="de_DE"))


@pytest.mark.parametrize(
    ("locale", "hint"),
    [("de_XX", "de_AT, de_CH, de_DE"), ("dd_DE", "de_DE"), ("xx_YY", "documentation")],
)
def test_an_unknown_locale_gets_those_near_to_it(locale: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no locale {locale}") as caught:
        texts("city", locale=locale)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("locale", ["German", "de_de", "", "de_DE.UTF-8", "../de", "de_DE\n"])
def test_what_is_no_locale_is_refused_and_not_told(locale: str) -> None:
    with pytest.raises(UsageError, match="such as de_DE") as caught:
        texts("city", locale=locale)
    assert not locale or locale not in caught.value.message


def test_no_english_takes_the_place_of_what_a_locale_lacks() -> None:
    for name, locale, what in (
        ("city", "de_LI", "cities"),
        ("first-name", "bs_BA", "first names"),
        ("state", "no_NO", "states"),
        ("company", "uk_UA", "companies"),
    ):
        with pytest.raises(UsageError, match=f"no {what} for the locale {locale}") as caught:
            texts(name, locale=locale)
        assert "locale" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="codes of states"):
        texts("state", locale="de_DE", form="code")
    # But in another English-speaking country English is right.
    assert texts("job", locale="en_GB") == texts("job", locale="en_US")


@pytest.mark.usefixtures("nothing_drawn")
def test_without_the_package_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    with pytest.raises(UsageError, match="needs the package Faker") as caught:
        texts("first-name", locale="de_DE")
    assert "pip install 'replicate[faker]'" in (caught.value.hint or "")
    assert texts("first-name")  # as ever


def test_odd_locales_work() -> None:
    assert drawn("es_CL", Vocabulary.COMPANY)  # can't be drawn without weights
    assert drawn("fr_QC", Vocabulary.LAST_NAME)  # has another name by now, which Faker warns of
    for locale in ("az_AZ", "es_AR"):  # have names with a space behind them
        assert all(name.strip() == name for name in first_names(locale, "any"))


_DIGEST = """
import hashlib
from replicate.transformers.vocabularies.locales import Vocabulary, drawn
for locale in ("it_IT", "de_DE"):
    for vocabulary in (Vocabulary.CITY, Vocabulary.LAST_NAME, Vocabulary.ADDRESS):
        print(hashlib.sha256(repr(drawn(locale, vocabulary)).encode()).hexdigest())
"""


def test_a_vocabulary_is_the_same_in_every_process() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert found[0] == found[1]
    assert len(found[0].split()) == 6


@pytest.mark.usefixtures("nothing_drawn")
def test_threads_draw_the_same() -> None:
    kinds = [Vocabulary.STREET, Vocabulary.CITY, Vocabulary.JOB, Vocabulary.POSTCODE]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda kind: drawn("fr_FR", kind), kinds))
    locales.drawn.cache_clear()
    assert together == [drawn("fr_FR", kind) for kind in kinds]


@pytest.mark.parametrize("name", WITH_LOCALE.split())
def test_a_transformer_travels_to_another_process(name: str) -> None:
    for options in ({}, {"locale": "de_DE"}):
        made = build(name, options, target=Target(Kind.TEXT, Limits(max_chars=30)), draw=KEYED)
        column = Column.of(VALUES[:100])
        travelled = pickle.loads(pickle.dumps(made))  # noqa: S301 - it was written right here
        here, there = made.transform(column), travelled.transform(column)
        assert here.pool.equals(there.pool)
        assert here.index.tolist() == there.index.tolist()


@pytest.mark.usefixtures("nothing_drawn")
def test_what_was_drawn_in_between_changes_nothing() -> None:
    before = drawn("de_DE", Vocabulary.STREET)
    locales.drawn.cache_clear()
    drawn("de_DE", Vocabulary.LAST_NAME)
    assert drawn("de_DE", Vocabulary.STREET) == before
    assert list(before) == sorted(set(before))
