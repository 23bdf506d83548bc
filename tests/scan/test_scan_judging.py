"""Columns judged by all that is known of them: what, how surely, why, and never a value."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicate.rows.column import Kind
from replicate.scan.findings import Category, ColumnFacts, Finding, Level
from replicate.scan.inside import MOST_PATHS, elements, flatten, found_in
from replicate.scan.judging import judge
from tests.support import personal_columns
from tests.support.personal_columns import FIRST, MORE, TABLES, Make

C = Category
COUNT = 300


def values(make: Make, count: int = COUNT, seed: int = 1) -> tuple[str, ...]:
    r = random.Random(seed)
    return tuple(str(make(r, i)) for i in range(count))


def best(facts: ColumnFacts) -> Finding | None:
    return next(iter(judge(facts)), None)


@pytest.mark.parametrize("count", [20, 1000])
def test_a_column_of_known_contents_is_told_whatever_it_is_called(count: int) -> None:
    named = {"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c15"}
    [misc] = [table for table in TABLES if table.name == "misc"]
    for column in misc.columns:
        facts = ColumnFacts("misc", column.name, values=values(column.make, count))
        finding = best(facts)
        assert (finding is not None) == (column.name in named), column.name
        assert finding is None or finding.category is column.expected


@pytest.mark.parametrize(
    ("name", "kind", "sample"),
    [
        ("email", Kind.BOOLEAN, ("t", "f")),
        ("email", Kind.TEXT, ("yes", "no")),
        ("email", Kind.TIMESTAMP, ("2024-01-01 10:00:00",) * 9),
        ("phone", Kind.TEXT, tuple(f"model {i}" for i in range(50))),
        ("card_number", Kind.TEXT, tuple(f"K-{i}" for i in range(50))),
        ("ip", Kind.TEXT, tuple(f"rating {i}" for i in range(50))),
        ("latitude", Kind.TEXT, ("north", "south")),
        ("birthday", Kind.BOOLEAN, ("t",)),
        ("username", Kind.INTEGER, tuple(map(str, range(50)))),
    ],
)
def test_contents_that_contradict_the_name(name: str, kind: Kind, sample: tuple[str, ...]) -> None:
    named = judge(ColumnFacts("users", name))[0]
    found = best(ColumnFacts("users", name, kind=kind, values=sample))
    assert found is None or found.sure < Level.MEDIUM.value < named.sure


def test_without_a_value_the_name_alone_tells() -> None:
    finding = best(ColumnFacts("users", "email"))
    assert finding is not None
    assert finding.category is C.EMAIL
    assert finding.why == ("the name says “email”", "no values seen")
    assert best(ColumnFacts("users", "quantity")) is None


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("password_hash", Level.HIGH),
        ("api_key", Level.MEDIUM),
        ("email", Level.LOW),
        ("data", None),
    ],
)
def test_bytes_are_told_by_their_name(name: str, level: Level | None) -> None:
    found = best(ColumnFacts("users", name, kind=Kind.BINARY))
    assert (found and found.level) == level
    assert found is None or found.why[-1] == "it holds bytes, which are not looked at"


def test_the_reasons_are_told_in_numbers() -> None:
    sample = (*values(personal_columns.email, 97), "n/a", "none", "unknown")
    finding = best(ColumnFacts("users", "email", values=sample))
    assert finding is not None
    assert finding.why == ("the name says “email”", "97 % of 100 values are e-mail addresses")
    assert finding.level is Level.HIGH
    one = best(ColumnFacts("users", "email", values=("anna@mail.example",)))
    assert one is not None
    assert one.why[-1] == "the values seen (just 1) are e-mail addresses"
    named = best(ColumnFacts("customers", "name"))
    assert named is not None
    assert named.why[0] == "a name in a table of “customers”"


def test_versions_are_no_addresses_and_luhn_by_chance_is_no_card() -> None:
    versions = tuple(f"{a}.{b}.3.4" for a in range(1, 6) for b in range(20))
    assert best(ColumnFacts("t", "v", values=versions)) is None
    r = random.Random(5)
    numbers = tuple("4" + personal_columns.digits(r, 15) for _ in range(COUNT))
    assert best(ColumnFacts("t", "sku", values=numbers)) is None


def test_free_text_that_seldom_holds_something() -> None:
    plain = [personal_columns.words(random.Random(i), 10) for i in range(400)]
    for seldom in ("mail ada@shop.example please", "card 4111 1111 1111 1111 was refused now"):
        sample = (*plain, seldom, f"again: {seldom}")
        finding = best(ColumnFacts("t", "c", values=sample))
        assert finding is not None
        assert finding.category is C.FREE_TEXT
        assert finding.sure >= Level.MEDIUM.value
    assert best(ColumnFacts("t", "c", values=tuple(plain))) is None


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("write to ada.l@shop.example!", "e-mail addresses"),
        ("paid with 4111-1111-1111-1111, thanks", "card numbers"),
        ("her number is 123-45-6789.", "social security numbers"),
        ("call +49 171 2345678 today", "phone numbers"),
        ("to DE89 3704 0044 0532 0130 00 please", "IBANs"),
        ("the key is ghp_" + "a1B2c3" * 6, "keys or tokens"),
    ],
)
def test_what_stands_in_a_text(text: str, sort: str) -> None:
    assert found_in(text) == {sort}


@pytest.mark.parametrize(
    "text",
    [
        "at 12:30 on 2024-01-02",
        "order 12345678901234",
        "1.2.3.4.5.6.7.8.9",
        "a@b",
        "0.123456789012",
    ],
)
def test_what_only_looks_like_it(text: str) -> None:
    assert found_in(text) == set()


def test_json_is_told_by_its_paths() -> None:
    documents = []
    for i in range(50):
        r = random.Random(i)
        contact = {"email": personal_columns.email(r, i), "kind": "home"}
        documents.append(
            json.dumps(
                {
                    "contacts": [contact, contact],
                    "emails": [personal_columns.email(r, i)],
                    "by_id": {str(100000 + i): {"phone": personal_columns.phone(r, i)}},
                    "theme": "dark",
                    "verified": True,
                    "nothing": None,
                }
            )
        )
    for kind in (Kind.JSON, Kind.TEXT):
        found = judge(ColumnFacts("users", "profile", kind=kind, values=tuple(documents)))
        assert {(f.path, f.category) for f in found} == {
            ("contacts[*].email", C.EMAIL),
            ("emails[*]", C.EMAIL),
            ("by_id.*.phone", C.PHONE),
        }


def test_keys_that_are_data_are_not_told() -> None:
    documents = [
        json.dumps({f"ada{i}@shop.example": {"phone": "+49 171 2345678"}}) for i in range(9)
    ]
    [finding] = judge(ColumnFacts("t", "book", kind=Kind.JSON, values=tuple(documents)))
    assert finding.path == "*.phone"
    people = [json.dumps({f"{first}Rossi": {"phone": "+49 171 2345678"}}) for first in FIRST]
    [finding] = judge(ColumnFacts("t", "book", kind=Kind.JSON, values=tuple(people)))
    assert finding.path == "*.phone"
    spelt = [json.dumps({"Straße": "Hauptstraße 5", "größe": i}) for i in range(20)]
    [finding] = judge(ColumnFacts("t", "adresse", kind=Kind.JSON, values=tuple(spelt)))
    assert (finding.path, finding.category) == ("Straße", C.STREET)


def test_json_is_read_within_bounds() -> None:
    deep = "[" * 100_000
    wide = json.dumps({f"k{chr(97 + i % 26)}{chr(97 + i // 26)}": "x" for i in range(600)})
    assert flatten([deep, "{", "", "5", '"a"', "[1e999]"], "t").keys() <= {"[*]"}
    assert len(flatten([wide], "t")) == MOST_PATHS


def test_arrays_are_told_by_their_elements() -> None:
    sample = tuple(f'{{"{a}",NULL,{a}}}' for a in values(personal_columns.email, 50))
    [finding] = judge(ColumnFacts("t", "c", "text[]", Kind.ARRAY, values=sample, listed=True))
    assert finding.category is C.EMAIL
    assert finding.why[-1] == "in the elements of arrays"


def test_elements_of_arrays() -> None:
    assert elements(r'{a,"b,c","d\"e\\f",NULL,"NULL",{g,h},""}') == [
        "a", "b,c", 'd"e\\f', "NULL", "g", "h",
    ]  # fmt: skip
    assert elements("{}") == []


EVERYTHING = [(table, column) for table in (*TABLES, *MORE) for column in table.columns]


@pytest.mark.parametrize(
    ("table", "column"), EVERYTHING, ids=[f"{t.name}.{c.name}" for t, c in EVERYTHING]
)
def test_no_reason_holds_a_value(
    table: personal_columns.KnownTable, column: personal_columns.Known
) -> None:
    sample = values(column.make, 100)
    for finding in judge(ColumnFacts(table.name, column.name, values=sample)):
        told = " ".join((*finding.why, finding.detail, finding.path))
        assert not [v for v in sample if len(v) > 3 and not v.isalpha() and v in told]


@given(
    st.text(max_size=40),
    st.sampled_from(list(Kind)),
    st.lists(st.text(min_size=1, max_size=60), max_size=20),
    st.booleans(),
)
def test_anything_is_judged(name: str, kind: Kind, sample: list[str], listed: bool) -> None:
    facts = ColumnFacts("t", name, "text", kind, name, tuple(sample), listed)
    first = judge(facts)
    assert first == judge(facts)
    for finding in first:
        assert Level.LOW.value <= finding.sure < 1
        assert finding.why


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "1",
        "@",
        "é",
        "\\",
        "{",
        "+" * 5,
        "0" * 1_000_000,
        "a@" * 300_000,
        "1.2." * 100_000,
        "-" * 500_000,
        "9 " * 200_000,
        "A" * 1_000_000,
    ],
)
def test_values_of_any_length(value: str) -> None:
    """No pattern takes time that grows faster than the value does."""
    for name in ("c", "email", "address", "notes", "name"):
        judge(ColumnFacts("users", name, values=(value, value + "x") * 10))
