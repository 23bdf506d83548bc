"""What a column's name, and what is said of the column, tell of its values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from replicate.scan.findings import Category
from replicate.scan.words import ASKS, KEEPS, LEXICON, PERSONS, THINGS, TURNS_AWAY, word_set

_LONGEST = 4
"""Parts of a name that may make up one word: ``date_of_birth`` has three."""

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NAMES = frozenset(("name", "nom", "nome", "names"))
_PLACED = frozenset((Category.ADDRESS, Category.STREET, Category.CITY, Category.POSTCODE))
_OF_PERSONS = _PLACED | {
    Category.COMPANY, Category.GEO, Category.PHONE, Category.FULL_NAME, Category.USERNAME,
}  # fmt: skip

_STRONG = 0.7
_ENDINGS = tuple(
    sorted(
        (word for word, (_, strength) in LEXICON.items() if strength >= _STRONG and len(word) > 4),
        key=len,
        reverse=True,
    )
)
_NO_ENDINGS = word_set(
    """
    headphone headphones microphone microphones megaphone earphone earphones smartphone
    smartphones saxophone xylophone automobile acquisition mainstreet
    """
)


@dataclass(frozen=True, slots=True)
class Hint:
    """What is told by words: how surely, from 0 to 1, and by which."""

    category: Category
    strength: float
    why: str


def parts(name: str) -> tuple[str, ...]:
    """The words of a name in snake case, camel case or with any sign between, accents off.

    A number behind a word is a part by itself.
    """
    return _parts(name)


@lru_cache(maxsize=4096)
def _parts(name: str) -> tuple[str, ...]:
    spelt = name.replace("ß", "ss").replace("ẞ", "SS")
    plain = "".join(c for c in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(c))
    return tuple(part.lower() for part in _PART.findall(plain))


def hints(table: str, name: str, type_name: str = "", comment: str = "") -> list[Hint]:
    """What the words tell, at most one hint a category, the best first."""
    about = parts(table)
    best: dict[Category, Hint] = {}
    for hint in (*_of_name(parts(name), about), *_of_comment(comment), *_of_type(type_name)):
        known = best.get(hint.category)
        if known is None or hint.strength > known.strength:
            best[hint.category] = hint
    return sorted(best.values(), key=lambda hint: hint.strength, reverse=True)


def of_persons(table: str) -> bool:
    """Whether the table's name says that its rows are persons."""
    words = parts(table)
    return bool(words) and words[-1] in PERSONS


def of_things(table: str) -> bool:
    """Whether the table's name says that its rows are things, or places."""
    words = parts(table)
    return bool(words) and words[-1] in THINGS


def _of_name(words: tuple[str, ...], table: tuple[str, ...]) -> Iterable[Hint]:
    # Of words that overlap, the longest tells; of others, each does.
    taken: set[int] = set()
    for size in range(min(_LONGEST, len(words)), 0, -1):
        for first in range(len(words) - size, -1, -1):
            places = range(first, first + size)
            if not taken.isdisjoint(places):
                continue
            found = _word(words[first : first + size])
            if found is None:
                continue
            taken.update(places)
            category, strength, said = found
            strength *= _around(words, first, first + size, category, table)
            yield Hint(category, strength, f"the name says “{said}”")
    if words and words[-1] in _NAMES and len(words) - 1 not in taken:
        yield from _of_a_name(words[:-1], table)


def _word(run: tuple[str, ...]) -> tuple[Category, float, str] | None:
    joined = "".join(run)
    if joined in LEXICON:
        return *LEXICON[joined], "_".join(run)
    if len(run) == 1 and len(joined) > 5 and joined not in _NO_ENDINGS:
        for ending in _ENDINGS:
            if joined.endswith(ending):
                category, strength = LEXICON[ending]
                return category, strength * 0.85, ending
    return None


def _around(
    words: tuple[str, ...], first: int, end: int, category: Category, table: tuple[str, ...]
) -> float:
    """What the words in front, those behind and the table's make of the hint: a factor."""
    before, behind = words[:first], words[end:]
    # A birth date is made of what turns other words into a moment.
    turning = TURNS_AWAY - {"date", "time", "on"} if category is Category.BIRTH_DATE else TURNS_AWAY
    if any(word in turning for word in behind) or (before and before[0] in ASKS):
        return 0.15
    factor = 1.0
    if any(word not in KEEPS and not word.isdigit() for word in behind):
        factor *= 0.6
    if category in _OF_PERSONS:
        if any(word in THINGS for word in before):
            factor *= 0.45
        elif not any(word in PERSONS for word in before) and table:
            factor *= 1.15 if table[-1] in PERSONS else 0.45 if table[-1] in THINGS else 1.0
    return min(factor, 1.2)


def _of_a_name(before: tuple[str, ...], table: tuple[str, ...]) -> Iterable[Hint]:
    """A ``name`` alone tells what the words around it do."""
    if not before and table and table[-1] in PERSONS:
        yield Hint(Category.FULL_NAME, 0.62, f"a name in a table of “{table[-1]}”")
    elif before and before[-1] in PERSONS and not {"user", "account"} & {before[-1]}:
        yield Hint(Category.FULL_NAME, 0.68, f"the name says “{before[-1]}_name”")
    elif not before:
        yield Hint(Category.FULL_NAME, 0.2, "the name says “name”")


def _of_comment(comment: str) -> Iterable[Hint]:
    words = parts(comment)[:64]
    for size in range(min(_LONGEST, len(words)), 0, -1):
        for first in range(len(words) - size + 1):
            run = words[first : first + size]
            category, strength = LEXICON.get("".join(run), (Category.FREE_TEXT, 0.0))
            if strength < 0.6 or category is Category.FREE_TEXT:
                continue
            if not TURNS_AWAY.isdisjoint(words[first + size : first + size + 2]):
                continue
            yield Hint(category, strength * 0.85, f"the comment says “{' '.join(run)}”")


_TYPES = {
    "inet": (Category.IP, 0.8),
    "cidr": (Category.IP, 0.5),
    "macaddr": (Category.MAC, 0.8),
    "macaddr8": (Category.MAC, 0.8),
    "point": (Category.GEO, 0.45),
    "geography": (Category.GEO, 0.5),
    "geometry": (Category.GEO, 0.4),
}


def _of_type(type_name: str) -> Iterable[Hint]:
    bare = re.sub(r"\(.*\)|\[\]", "", type_name).rpartition(".")[2].strip().lower()
    if bare in _TYPES:
        category, strength = _TYPES[bare]
        yield Hint(category, strength, f"the type is {bare}")
        return
    # A type that somebody made, and named for what it holds.
    run = parts(bare)
    category, strength = LEXICON.get("".join(run), (Category.FREE_TEXT, 0.0))
    if strength >= _STRONG:
        yield Hint(category, strength * 0.9, f"the type is called “{'_'.join(run)}”")
