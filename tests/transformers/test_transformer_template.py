"""Values made of the replacements of other columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import UsageError
from replicate.rows.column import KEEP, Column, Kind, Limits
from replicate.transformers.base import Draw, Target, Uniqueness
from replicate.transformers.registry import build
from tests.support.distinct import outcomes
from tests.support.masking import KEYED, OTHER, RANDOM, TEXTS, apply, one

NAMES = ("first_name", "last_name", "email", "token", "a b:c")
COLUMNS = dict.fromkeys(NAMES, Kind.TEXT)


def rows(
    template: str,
    row: Mapping[str, Sequence[bytes | None]],
    values: Sequence[bytes | None] | None = None,
    *,
    draw: Draw = KEYED,
    most: int | None = None,
    **options: Any,
) -> list[bytes | None]:
    """What becomes of `values` where other columns become those of `row`."""
    target = Target(Kind.TEXT, Limits(max_chars=most), columns=COLUMNS)
    made = build("template", {"template": template, **options}, target=target, draw=draw)
    assert made.reads_masked == set(row)
    assert made.reads == frozenset()
    count = len(next(iter(row.values()))) if row else 1
    values = [b"Jane Roe"] * count if values is None else values
    masked = {name: Column.of(other) for name, other in row.items()}
    answer = made.transform(replace(Column.of(values), masked=masked))
    pool = answer.pool.to_pylist()
    return [
        values[i] if index == KEEP else pool[index] for i, index in enumerate(answer.index.tolist())
    ]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{first_name} {last_name}", "Zoë van der Berg"),
        ("{ first_name | lower }", "zoë"),
        ("{last_name|upper}", "VAN DER BERG"),
        ("{first_name|upper}", "ZOË"),
        ("{first_name|slug}.{last_name|slug}@example.com", "zoe.van-der-berg@example.com"),
        ("{last_name|slug|upper}", "VAN-DER-BERG"),
        ("<{email|lower}>", "<ida+x@example.com>"),
        ("{{{first_name}}}", "{Zoë}"),
        ("{{first_name}} {first_name}", "{first_name} Zoë"),
        ("{first_name}{first_name}", "ZoëZoë"),
        ("{column:first_name}", "Zoë"),
        ("{column:token}", "own"),
        ("{a b:c}", "odd"),
        ("{column:a b:c}", "odd"),
        ("日本 {first_name}\n\t", "日本 Zoë\n\t"),
    ],
)
def test_fields_are_replacements_of_other_columns(template: str, expected: str) -> None:
    row = {
        "first_name": "Zoë",
        "last_name": "van der Berg",
        "email": "Ida+X@example.com",
        "token": "own",
        "a b:c": "odd",
    }
    read = {
        name: [value.encode(), b"x"]
        for name, value in row.items()
        if re.search(rf"(?<!\{{)\{{ ?(column:)?{name}", template) or "{{{" + name in template
    }
    assert rows(template, read)[0] == expected.encode()


def test_null_gives_nothing() -> None:
    row = {"first_name": [None, b"Ida", b""], "last_name": [b"Roe", None, None]}
    assert rows("{first_name}-{last_name}", row) == [b"-Roe", b"Ida-", b"-"]
    assert rows("{first_name}{last_name|slug}", row) == [b"roe", b"Ida", b""]


def test_null_and_empty_values_stay_or_are_filled() -> None:
    row = {"first_name": [b"Ida", b"Ada", b"Eva"]}
    values = [None, b"", b"x"]
    assert rows("{first_name}!", row, values) == [None, b"", b"Eva!"]
    assert rows("{first_name}!", row, values, fill_null=True) == [b"Ida!", b"", b"Eva!"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(TEXTS, st.none()), min_size=1, max_size=10))
def test_filters_agree_with_what_python_says(values: list[bytes | None]) -> None:
    texts = [(value or b"").decode(errors="replace") for value in values]
    row = {"first_name": values}
    assert rows("{first_name}", row) == [text.encode() for text in texts]
    for old, new in zip(texts, rows("{first_name|lower}", row), strict=True):
        assert not old.isascii() or new == old.lower().encode()
        assert len((new or b"").decode()) == len(old)
    for old, new in zip(texts, rows("{first_name|upper}", row), strict=True):
        assert not old.isascii() or new == old.upper().encode()
        assert len((new or b"").decode()) == len(old)
    for old, new in zip(texts, rows("<{first_name|slug}>", row), strict=True):
        split = unicodedata.normalize("NFKD", old.casefold())
        bare = "".join(letter for letter in split if not unicodedata.combining(letter))
        slug = "-".join(re.findall("[a-z0-9]+", bare))
        assert new == f"<{slug}>".encode()


@pytest.mark.parametrize(
    ("value", "slug"),
    [("Größe", "grosse"), ("Łódź", "odz"), ("--a  b--", "a-b"), ("日本", ""), ("ÀÉ 1", "ae-1")],
)
def test_slugs(value: str, slug: str) -> None:
    assert rows("{first_name|slug}", {"first_name": [value.encode(), b"x"]}) == [
        slug.encode(),
        b"x",
    ]


def test_random_characters() -> None:
    values: list[bytes | None] = [b"%d" % i for i in range(2000)]
    options: dict[str, Any] = {"template": "{token:15|upper}/{digits:4}/{token}"}
    outcome = apply("template", values, target=Target(Kind.TEXT), **options)
    form = re.compile(rb"([A-Z2-7]{15})/([0-9]{4})/([a-z2-7]{16})")
    found = [form.fullmatch(value or b"") for value in outcome]
    assert all(found)
    for group, least in ((1, 2000), (2, 1500), (3, 2000)):
        assert len({each[group] for each in found if each}) >= least
    # The two tokens of a value have nothing in common.
    assert not any(each and each[1].lower() == each[3][:15] for each in found)
    again = apply("template", values[::-1], target=Target(Kind.TEXT), **options)
    assert again[::-1] == outcome
    for draw in (OTHER, RANDOM):
        assert apply("template", values, target=Target(Kind.TEXT), draw=draw, **options) != outcome


@pytest.mark.parametrize(
    ("template", "most", "kept"),
    [
        ("{first_name}.{last_name}", 5, "Zoë.B"),
        ("{first_name}.{last_name}", 3, "Zoë"),
        ("{first_name}.{last_name}", 50, "Zoë.Berg"),
    ],
)
def test_what_is_too_long_is_cut_off_at_its_end(template: str, most: int, kept: str) -> None:
    row = {"first_name": ["Zoë".encode(), b"A", None], "last_name": [b"Berg", b"B", None]}
    assert rows(template, row, most=most) == [kept.encode(), b"A.B", b"."]


@pytest.mark.parametrize(
    ("template", "most", "fits"),
    [
        ("{token:15}", None, True),
        ("{token:14}", None, False),
        ("{digits:23}", None, True),
        ("{digits:22}", None, False),
        ("{token:10}{digits:8}", None, True),
        ("{first_name}.{token:15}", None, True),
        ("{first_name}.{token:15}", 200, False),
        ("{token:15}.{first_name}", 15, True),
        ("{token:16}.{first_name}", 14, False),
        ("id {token:15}", 18, True),
        ("id {token:15}", 17, False),
        ("{first_name}", None, False),
    ],
)
def test_whether_values_stay_distinct(template: str, most: int | None, fits: bool) -> None:
    def make(*, unique: bool, fill: bool = False) -> Any:
        target = Target(Kind.TEXT, Limits(max_chars=most), unique=unique, columns=COLUMNS)
        options = {"template": template, "fill_null": fill}
        return build("template", options, target=target, draw=KEYED)

    expected = Uniqueness.PRESERVES if fits else Uniqueness.MAY_COLLIDE
    assert make(unique=False).effects.uniqueness is expected
    assert make(unique=False, fill=True).effects.uniqueness is Uniqueness.MAY_COLLIDE
    if fits:
        make(unique=True)
    else:
        with pytest.raises(UsageError, match="stay distinct") as caught:
            make(unique=True)
        assert "token" in (caught.value.hint or "")


@pytest.mark.parametrize("template", ["{token:15}", "K-{digits:23}", "{token:8}-{token:8}"])
def test_a_million_values_stay_distinct(template: str) -> None:
    values = [b"%d" % i for i in range(1_000_000)]
    assert outcomes("template", values, template=template) == len(values)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{first_name", "no partner"),
        ("first_name}", "no partner"),
        ("{first{name}}", "no partner"),
        ("plain {{text}}", "no field"),
        ("{}", "no name"),
        ("{|lower}", "no name"),
        ("{column:}", "no name"),
        ("{first_name|title}", "lower, upper and slug"),
        ("{token:0}", "1 to 16"),
        ("{token:17}", "1 to 16"),
        ("{token:x}", "1 to 16"),
        ("{digits:33}", "1 to 32"),
        ("{digits:}", "1 to 32"),
        ("{token}\0", "NUL"),
        ("{token}\ud800", "option template"),
        ("", "option template"),
    ],
)
def test_a_malformed_template_is_refused(template: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        apply("template", [b"x"], target=Target(Kind.TEXT, columns=COLUMNS), template=template)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("name", "columns", "hint"),
    [
        ("frist_name", COLUMNS, "did you mean first_name"),
        ("value", COLUMNS, "can't be part of its own"),
        ("zzz", {"a": Kind.TEXT}, "it has a"),
        ("zzz", {}, "it has none"),
    ],
)
def test_an_unknown_column_gets_the_nearest_ones(
    name: str, columns: dict[str, Kind], hint: str
) -> None:
    with pytest.raises(UsageError, match=f"column '{name}'") as caught:
        apply("template", [b"x"], target=Target(Kind.TEXT, columns=columns), template=f"{{{name}}}")
    assert hint in (caught.value.hint or "")


def test_a_column_of_a_megabyte() -> None:
    row = {"first_name": [("É" * 500_000).encode(), b"Ida"], "last_name": [b"Roe", b"Roe"]}
    long, short = rows("{first_name|slug}-{last_name}", row)
    assert long == b"e" * 500_000 + b"-Roe"
    assert short == b"ida-Roe"
    assert rows("{first_name} {last_name}", row, most=4) == ["ÉÉÉÉ".encode(), b"Ida "]


# The replacements under one key stay the same from version to version.


def test_random_characters_are_those_of_every_version() -> None:
    target = Target(Kind.TEXT)
    assert one("template", b"Jane", target=target, template="{token:15}") == b"tg4hfaltsbvkohm"
    assert one("template", b"Jane", target=target, template="{token:15}-{digits:4}-{token}") == (
        b"o4opqx7fuz5fqe6-2857-eomqdvw376s6kjno"
    )
