"""Weighs what a column's name, type, comment and values tell, and says what the column looks like.

A name tells something before a value is seen, and so do values whatever the column is called: the
two are taken as independent witnesses, ``1 - (1 - name) (1 - values)``. Values that can't be what
the name says make the name's word worth less. What is answered holds every step as a reason.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from replicate.rows.column import Kind
from replicate.scan import contents, inside, names
from replicate.scan.contents import ENOUGH, count, percent
from replicate.scan.findings import Category, ColumnFacts, Finding, Level

_C = Category

_TEXTS = frozenset((Kind.TEXT, Kind.ANY, Kind.OTHER, Kind.ENUM, Kind.ARRAY, Kind.JSON))
_NUMBERS = frozenset((Kind.INTEGER, Kind.NUMERIC, Kind.REAL))
_MOMENTS = frozenset((Kind.DATE, Kind.TIMESTAMP))

_IN_NUMBERS = frozenset(
    (_C.PHONE, _C.CARD, _C.NATIONAL_ID, _C.POSTCODE, _C.BANK_ACCOUNT, _C.GEO, _C.SECRET, _C.IP)
)
"""What may be kept as a number."""

_PROVEN = frozenset((_C.EMAIL, _C.CARD, _C.IBAN, _C.IP, _C.MAC, _C.USER_AGENT))
"""What can be told from anything else by the values alone: where they aren't it, it isn't."""

_UNMISTAKABLE = frozenset(
    (_C.EMAIL, _C.IBAN, _C.MAC, _C.SECRET, _C.PASSWORD, _C.URL, _C.USER_AGENT)
)
"""What no value is by chance: some of them make the column one to be masked."""

_PLACES = frozenset((_C.CITY, _C.POSTCODE, _C.STREET, _C.ADDRESS, _C.GEO, _C.PHONE))
_REPEATING = frozenset((_C.FULL_NAME, _C.LAST_NAME, _C.USERNAME, _C.FREE_TEXT, _C.SECRET))
_WORD = re.compile(r"[^\W\d_]{3}")
_NO_FIXED_FORM = frozenset(
    (_C.SECRET, _C.PASSWORD, _C.FULL_NAME, _C.COMPANY, _C.FREE_TEXT, _C.FIRST_NAME, _C.LAST_NAME)
)
"""What a value may be without saying anything by it: many others have the same form."""


@dataclass(slots=True)
class _Case:
    """One category that is being weighed."""

    name: float = 0.0
    content: float = 0.0
    why: tuple[str, ...] = ()
    detail: str = ""

    @property
    def sure(self) -> float:
        return min(0.99, 1 - (1 - self.name) * (1 - self.content))


def judge(facts: ColumnFacts) -> list[Finding]:
    """What the column looks like, the surest first; none where nothing personal is seen in it.

    A column of text or numbers gets one finding at most. JSON gets one for each of the paths in it
    that looks personal.
    """
    if facts.kind is Kind.JSON or _is_json(facts):
        return _judge_json(facts)
    if facts.listed:
        flat = tuple(element for value in facts.values for element in inside.elements(value))
        inner = replace(facts, values=flat, listed=False, kind=Kind.TEXT)
        return [
            replace(finding, why=(*finding.why, "in the elements of arrays"))
            for finding in judge(inner)
        ]
    finding = _judge_values(facts)
    return [] if finding is None else [finding]


def _is_json(facts: ColumnFacts) -> bool:
    """Whether a column of text is one of JSON objects or arrays."""
    probe = facts.values[:16]
    return (
        facts.kind in (Kind.TEXT, Kind.ANY)
        and bool(probe)
        and all(value.lstrip()[:1] in ("{", "[") for value in probe)
        and bool(inside.flatten(probe, ""))
    )


def _judge_json(facts: ColumnFacts) -> list[Finding]:
    found = []
    for path, leaf in inside.flatten(facts.values, facts.table).items():
        # What names an array of plain values is the column itself.
        name, table = leaf.name or facts.name, leaf.table or facts.table
        about = ColumnFacts(table, name, kind=leaf.kind, values=tuple(leaf.values))
        finding = _judge_values(about)
        if finding is not None:
            found.append(replace(finding, path=path))
    return sorted(found, key=lambda finding: finding.sure, reverse=True)


def _judge_values(facts: ColumnFacts) -> Finding | None:
    values = tuple(dict.fromkeys(facts.values))
    cases: dict[Category, _Case] = {}
    for hint in names.hints(facts.table, facts.name, facts.type, facts.comment):
        cases[hint.category] = _Case(name=hint.strength, why=(hint.why,))
    texts = facts.kind in _TEXTS or facts.kind is Kind.INET or facts.kind is Kind.MACADDR
    if texts or facts.kind in _NUMBERS:
        _weigh_contents(cases, facts, values)
    if texts and not any(case.content >= 0.5 for case in cases.values()):
        _look_inside(cases, values)
    _weigh_names(cases, facts, values)
    found = [(case.sure, category, case) for category, case in cases.items()]
    sure, category, case = max(found, key=lambda each: each[0], default=(0.0, _C.EMAIL, _Case()))
    if sure < Level.LOW.value:
        return None
    unseen = (
        "it holds bytes, which are not looked at" if facts.kind is Kind.BINARY else "no values seen"
    )
    why = case.why if facts.values else (*case.why, unseen)
    return Finding(category, round(sure, 2), why, case.detail)


def _weigh_contents(
    cases: dict[Category, _Case], facts: ColumnFacts, values: tuple[str, ...]
) -> None:
    number = facts.kind in _NUMBERS
    for share in contents.shares(values):
        test = share.test
        if number and test.category not in _IN_NUMBERS:
            continue
        named = test.category in cases and cases[test.category].name > 0.25
        # Some pass a check digit by chance, so that a share of them says less than all would.
        chance = 0.05 if test.category not in _UNMISTAKABLE else 0.6
        weight = test.weight * min(1.0, share.part + chance)
        why = [share.why]
        if not named:
            if len(values) < ENOUGH:
                weight *= 0.6 if test.category in _PROVEN else 0.4
            if number and test.category is not _C.CARD:
                weight *= 0.5
            if test.category is _C.IP and contents.like_versions(values):
                weight *= 0.2
            if test.category in _PLACES and names.of_things(facts.table):
                weight *= 0.5
                why.append("the table is one of things")
            if test.category in (_C.FIRST_NAME, _C.LAST_NAME, _C.FULL_NAME):
                weight *= _repeats(facts, values)
        case = cases.setdefault(test.category, _Case())
        if weight > case.content:
            case.content, case.detail = weight, test.detail
            case.why = (*case.why, *why)


def _look_inside(cases: dict[Category, _Case], values: tuple[str, ...]) -> None:
    """Free text, where it holds what is personal."""
    sorts: Counter[str] = Counter()
    hits = 0
    long = [v for v in values if len(v) > 12 and " " in v.strip() and _WORD.search(v)]
    # Less than that are values of a fixed form.
    if len(long) < 0.2 * len(values):
        return
    for value in long:
        if found := inside.found_in(value):
            hits += 1
            sorts.update(found)
    if not hits:
        return
    part = hits / len(values)
    case = cases.setdefault(_C.FREE_TEXT, _Case())
    case.content = 0.9 if part > 0.2 else 0.8 if part > 0.05 else 0.65 if hits > 1 else 0.45
    case.detail = "with " + ", ".join(sort for sort, _ in sorts.most_common(3))
    # A small share is told as a count: 0 % would be a lie.
    said = percent(part) if part > 0.01 else f"{hits:,}"
    of = "values" if len(values) == 1 else f"{count(len(values))}"
    case.why = (*case.why, f"{said} of {of} hold {', '.join(s for s, _ in sorts.most_common(3))}")


def _weigh_names(cases: dict[Category, _Case], facts: ColumnFacts, values: tuple[str, ...]) -> None:
    """Take from the names' words what the type and the values say against them."""
    for category, case in cases.items():
        if not case.name:
            continue
        factor, why = _type_fits(category, facts)
        if factor == 1.0 and values:
            factor, why = _values_fit(category, case, facts, values)
        case.name *= factor
        if why:
            case.why = (*case.why, why)


def _type_fits(category: Category, facts: ColumnFacts) -> tuple[float, str]:
    kind = facts.kind
    if kind is Kind.BOOLEAN:
        return 0.05, "but it holds yes or no"
    if kind is Kind.BINARY:
        return (1.0 if category in (_C.PASSWORD, _C.SECRET) else 0.5), ""
    if kind is Kind.UUID:
        return (0.8, "") if category is _C.SECRET else (0.1, "but it holds UUIDs")
    if kind in _MOMENTS:
        return (1.0, "") if category is _C.BIRTH_DATE else (0.1, f"but it holds a {kind.value}")
    if kind is Kind.TIME:
        return 0.1, "but it holds times"
    if kind in _NUMBERS and category is _C.BIRTH_DATE:
        return (0.8, "") if kind is Kind.INTEGER else (0.1, "but it holds numbers")
    if kind in (Kind.REAL, Kind.NUMERIC) and category not in (_C.GEO, _C.NATIONAL_ID, _C.CARD):
        return 0.1 if kind is Kind.REAL else 0.4, "but it holds numbers"
    if kind is Kind.INTEGER and category not in _IN_NUMBERS:
        return 0.1, "but it holds numbers"
    if kind is Kind.ENUM:
        return 0.1, "but it holds one of some labels"
    return 1.0, ""


def _values_fit(
    category: Category, case: _Case, facts: ColumnFacts, values: tuple[str, ...]
) -> tuple[float, str]:
    if contents.booleans(values):
        return 0.1, "but it holds yes or no"
    if category is _C.BIRTH_DATE:
        return _births(values)
    part = contents.plausible(category, values)
    if case.content and category is not _C.FREE_TEXT:
        return 1.0, ""
    few = len(values) < ENOUGH
    if part < 0.5:
        told = f"but only {percent(part)} of the values fit" if part else "but no value fits"
        if category in _PROVEN:
            return (0.5 if few else 0.1 + part), told
        return (0.6 if few else 0.2 + part), told
    if category in _REPEATING and (factor := _repeats(facts, values)) < 1:
        return factor, "but few different values come again and again"
    if category is _C.GEO and not any("." in value for value in values):
        return 0.4, "but the values are whole numbers"
    if category in _NO_FIXED_FORM or few:
        return 1.0, ""
    case.content = max(case.content, 0.25 * part)
    return 1.0, f"{percent(part)} of {count(len(values))} fit"


def _births(values: tuple[str, ...]) -> tuple[float, str]:
    found = contents.years(values)
    if not found:
        return (0.5, "but no value has a year") if len(values) >= ENOUGH else (1.0, "")
    spread = max(found) - min(found)
    if len(values) >= ENOUGH and spread < 4:
        return 0.4, "but the years are all about the same"
    # Nobody whose birthday is kept is to be born yet.
    return 1.0, f"the years span {spread}"


def _repeats(facts: ColumnFacts, values: tuple[str, ...]) -> float:
    """A factor for columns where a handful of values stand for all: labels, not persons."""
    total = len(facts.values)
    if total >= 5 * ENOUGH and len(values) * 25 < total and len(values) < 3 * ENOUGH:
        return 0.4
    return 1.0
