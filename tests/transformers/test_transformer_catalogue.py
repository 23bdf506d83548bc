"""The documentation of transformers is what they do."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from pydantic import Field

from replicate.errors import TransformError, UsageError
from replicate.rows.arrays import strings
from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers import base, catalogue
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.pools import pick
from replicate.transformers.registry import all_transformers
from replicate.transformers.rule import TEXTUAL, Rule

PAGE = Path(__file__).resolve().parents[2] / "docs/transformers.md"


def test_the_page_is_what_the_transformers_say() -> None:
    made = catalogue.page(all_transformers())
    assert PAGE.read_text(encoding="utf-8") == made, "`make docs` writes it anew"


def test_the_page_is_the_same_every_time() -> None:
    assert catalogue.page(all_transformers()) == catalogue.page(all_transformers())


def test_every_transformer_has_its_place_and_a_link_to_it() -> None:
    made = catalogue.page(all_transformers())
    for cls in all_transformers():
        assert made.count(f"\n### {cls.name}\n") == 1
        assert made.count(f"| [`{cls.name}`](#{cls.name}) |") == 1


def test_tables_have_as_many_cells_in_every_line() -> None:
    made = catalogue.page(all_transformers())
    for table in re.findall(r"(?:^\|.*\n)+", made, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(cells) == 1, table


class _Options(base.Options):
    """What is said of all."""

    needed: int = Field(ge=1, le=9, description="from one\nto nine")
    word: str = Field("a|b", max_length=5, description="two words")
    form: Literal["line", "block"] = Field("line", description="how")
    since: date | None = Field(None, description="first day")
    names: list[str] = Field([], description="some")


class _Odd(Rule):
    """The first line.

    - an item
    """

    name = "odd"
    summary = "Does odd | things"
    kinds = TEXTUAL
    refuses = "the letter x"
    Options: ClassVar[type[base.Options]] = _Options
    examples = (
        Example("a|`b`\n", {"needed": 2}),
        Example("x", {"needed": 2}),
        Example("", {"needed": 3}, row={"city": "Riga"}),
        Example("never", {"needed": 4}),
    )

    def __init__(self, options: _Options, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        if options.needed == 4:
            raise UsageError("the file is not there")
        self._needed = options.needed

    @property
    def effects(self) -> Effects:
        unique = self.target.unique and self.kind is Kind.TEXT
        return Effects(Uniqueness.PERMUTES if unique else Uniqueness.MAY_COLLIDE)

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(self.target.columns)

    def transform(self, column: Column) -> Replacement:
        values = column.values()
        if values == [b"x"]:
            raise TransformError("x is not possible")
        return pick(column, strings([b"\x1b" + (values[0] or b"")]), column.length.astype("i4") * 0)


def test_what_is_told_of_one() -> None:
    entry = catalogue.describe(_Odd)
    assert entry.text == "The first line.\n\n- an item"
    assert entry.kinds == (Kind.TEXT, Kind.ANY)
    assert entry.unique == (Kind.TEXT,)
    assert entry.options_text == ""  # each has its own
    told = [(o.name, o.type, o.required, o.default, o.meaning) for o in entry.options]
    assert told == [
        ("needed", "whole number, 1 to 9", True, None, "from one to nine"),
        ("word", "text, at most 5 characters", False, '"a|b"', "two words"),
        ("form", "`line` or `block`", False, '"line"', "how"),
        ("since", "date", False, None, "first day"),
        ("names", "list of text", False, "[]", "some"),
    ]


def test_examples_are_run_and_of_those_that_can_t_be_the_options_told() -> None:
    entry = catalogue.describe(_Odd)
    assert entry.usages == ("needed: 4",)
    assert "\nOptions such as:\n\n- `needed: 4`\n" in catalogue.entry_markdown(entry)
    outcomes = entry.outcomes
    assert [(o.example.value, o.result, o.refused) for o in outcomes] == [
        ("a|`b`\n", "\x1ba|`b`\n", ""),
        ("x", None, "x is not possible"),
        ("", "", ""),
    ]


def test_what_markdown_and_terminals_would_obey_is_written_so_that_they_don_t() -> None:
    text = catalogue.entry_markdown(catalogue.describe(_Odd))
    assert "| ``a\\|`b`\\n`` | `needed: 2` |  | ``\\x1ba\\|`b`\\n`` |" in text
    assert "| `x` | `needed: 2` |  | refused: x is not possible |" in text
    assert '|  | `needed: 3` | `city: "Riga"` | (empty) |' in text
    assert "- With a unique key: only text" in text
    assert "- Refuses: the letter x" in text
    assert "\x1b" not in text


def test_describing_runs_no_code_of_the_present_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trap = tmp_path / "examples/custom-python/masks.py"
    trap.parent.mkdir(parents=True)
    trap.write_text("raise SystemExit('it was run')\n")
    for cls in all_transformers():
        catalogue.describe(cls)


@pytest.mark.parametrize("name", ["first-name", "credit-card", "null", "transient", "fixed"])
def test_examples_of_the_page_are_results(name: str) -> None:
    cls = next(cls for cls in all_transformers() if cls.name == name)
    first = catalogue.describe(cls).outcomes[0]
    expected = {"null": None, "transient": "anything", "fixed": "n/a"}
    if name in expected:
        assert first.result == expected[name]
    else:
        assert first.result not in (None, "", first.example.value)
