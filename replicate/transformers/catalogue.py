"""What there is to know of each transformer, taken from its class, and the page that says it.

The examples are run: what a page shows is what the transformer does, under one key that is used
for nothing else. ``python -m replicate.transformers.catalogue`` writes docs/transformers.md.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from replicate.errors import ReplicateError
from replicate.rows.column import KEEP, NULL, Column, Kind
from replicate.transformers.base import Effects, Example, Target, Uniqueness
from replicate.transformers.draw import keyed_draw
from replicate.transformers.registry import all_transformers
from replicate.transformers.rule import Rule

_DRAW = keyed_draw(bytes(32))

_FAMILIES = (
    ("People", "people"),
    ("Mail and telephone", "contact"),
    ("Addresses", "places"),
    ("Payment", "payment"),
    ("Networks and the web", "networks"),
    ("Secrets and identifiers", "identifiers"),
    ("Dates", "dates"),
    ("Numbers", "numbers"),
    ("Text and documents", "texts"),
    ("Any column", "anything"),
    ("Your own", "custom"),
)
"""The titles of the page, and the package under each. What is in none of them comes last."""

_OTHERS = "More"

_FOREIGN = "replicate.transformers.custom"
"""Transformers in there run what their options name."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option; `default` is how it is written in conf.yaml, or None where there is none."""

    name: str
    type: str
    required: bool
    default: str | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an example: text, or None for NULL. `refused` says why it was, or is empty."""

    example: Example
    result: str | None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One transformer. `text` is Markdown; `options_text` what is said of all options together.

    `unique` is the kinds of column that it may be used for under a unique key, or None where that
    is up to somebody else's code. `usages` is the options of examples that were not run.
    """

    name: str
    summary: str
    text: str
    kinds: tuple[Kind, ...]
    unique: tuple[Kind, ...] | None
    refuses: str
    options_text: str
    options: tuple[Option, ...]
    outcomes: tuple[Outcome, ...]
    usages: tuple[str, ...]


def describe(cls: type[Rule]) -> Entry:
    """All of it. Of examples that can't be run here, for want of a file, say, only the options.

    Nor are those run that would run code of the directory where somebody happens to be.
    """
    options = _options(cls)
    spoken = all(option.meaning for option in options)
    foreign = cls.__module__.startswith(_FOREIGN)
    kinds = tuple(kind for kind in Kind if kind in cls.kinds)
    ran = [(example, None if foreign else _run(cls, example)) for example in cls.examples]
    return Entry(
        cls.name,
        cls.summary,
        inspect.cleandoc(cls.__doc__ or ""),
        kinds,
        None if foreign else tuple(kind for kind in kinds if _keeps_distinct(cls, kind)),
        cls.refuses,
        "" if spoken or not options else inspect.cleandoc(cls.Options.__doc__ or ""),
        options,
        tuple(outcome for _, outcome in ran if outcome is not None),
        tuple(dict.fromkeys(options_of(example) for example, outcome in ran if outcome is None)),
    )


def _make(cls: type[Rule], options: Mapping[str, Any], target: Target) -> Rule:
    return cls(cls.Options.model_validate(dict(options)), target=target, draw=_DRAW)


def _keeps_distinct(cls: type[Rule], kind: Kind) -> bool:
    """Whether a unique key takes it, as it is with its first example's options."""
    example = cls.examples[0] if cls.examples else Example("")
    columns = dict.fromkeys(example.row, Kind.TEXT)
    effects = _effects(cls, example.options, Target(kind, unique=True, columns=columns))
    if effects is None:
        return False
    only_nulls = effects.makes_null and effects.uniqueness is Uniqueness.CONSTANT
    return only_nulls or effects.uniqueness in (Uniqueness.PRESERVES, Uniqueness.PERMUTES)


def _effects(cls: type[Rule], options: Mapping[str, Any], target: Target) -> Effects | None:
    try:
        made = _make(cls, options, target)
    except (ReplicateError, ValueError, OSError):
        return None
    effects = made.effects
    made.close()
    return effects


def _run(cls: type[Rule], example: Example) -> Outcome | None:
    """None where the transformer can't be made with the example's options here."""
    columns = dict.fromkeys(example.row, Kind.TEXT)
    target = example.target or Target(example.kind, columns=columns)
    try:
        made = _make(cls, example.options, target)
    except (ReplicateError, ValueError, OSError):
        return None
    row = {name: Column.of([value.encode()]) for name, value in example.row.items()}
    column = replace(Column.of([example.value.encode()], example.kind), beside=row, masked=row)
    try:
        answer = made.transform(column)
    except ReplicateError as error:
        return Outcome(example, None, error.message)
    except OSError:
        return None
    finally:
        made.close()
    index = int(answer.index[0])
    if index == NULL:
        return Outcome(example, None)
    if index == KEEP:
        return Outcome(example, example.value)
    value: bytes = answer.pool[index].as_py()
    text = f"x'{value.hex()}'" if answer.binary else value.decode("utf-8", "backslashreplace")
    return Outcome(example, text)


# Options


def _options(cls: type[Rule]) -> tuple[Option, ...]:
    schema = cls.Options.model_json_schema()
    required = set(schema.get("required", ()))
    return tuple(
        Option(
            name,
            _type(said, schema.get("$defs", {})),
            name in required,
            None if said.get("default") is None else _written(said["default"]),
            " ".join(str(said.get("description", "")).split()),
        )
        for name, said in schema.get("properties", {}).items()
    )


_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "null": "nothing",
}
_FORMATS = {"date": "date", "date-time": "date with time", "time": "time", "duration": "duration"}


def _type(said: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """The type in words, with its bounds, as pydantic's JSON schema tells them."""
    if "$ref" in said:
        return _type(definitions[said["$ref"].rpartition("/")[2]], definitions)
    if "enum" in said or "const" in said:
        return _either([f"`{choice}`" for choice in said.get("enum", [said.get("const")])])
    for several in ("anyOf", "oneOf"):
        if several in said:
            # None stands for an option that wasn't given.
            kinds = [_type(each, definitions) for each in said[several] if each != _NONE]
            return _either(list(dict.fromkeys(kinds)))
    if said.get("type") == "array":
        return _array(said, definitions)
    name = _FORMATS.get(said.get("format", "")) or _TYPES.get(str(said.get("type")), "any value")
    return name + _bounds(said)


_NONE = {"type": "null"}


def _array(said: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "items" not in said:
        parts = [_type(part, definitions) for part in said.get("prefixItems", ())]
        return f"list of {', '.join(parts)}" if parts else "list"
    return f"list of {_type(said['items'], definitions)}"


def _bounds(said: Mapping[str, Any]) -> str:
    if "minLength" in said or "maxLength" in said:
        low, high = said.get("minLength") or None, said.get("maxLength")
        unit = " characters" if high != 1 else " character"
    else:
        low, high, unit = said.get("minimum"), said.get("maximum"), ""
        if "exclusiveMinimum" in said:
            return f" above {said['exclusiveMinimum']}"
    if low is not None and high is not None:
        return f", {low}{unit}" if low == high else f", {low} to {high}{unit}"
    if high is not None:
        return f", at most {high}{unit}"
    if low == 1 and unit:
        return ", not empty"
    return f", at least {low}{unit}" if low else ""


def _either(choices: Sequence[str]) -> str:
    if len(choices) < 2:
        return "".join(choices)
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def _written(value: object) -> str:
    """A value as conf.yaml may have it."""
    return json.dumps(value, ensure_ascii=False, default=str)


def options_of(example: Example) -> str:
    """An example's options as a line of YAML; empty if it has none."""
    return ", ".join(f"{name}: {_written(value)}" for name, value in example.options.items())


def row_of(example: Example) -> str:
    """What else is in an example's row, as a line of YAML; empty if nothing matters."""
    return ", ".join(f"{name}: {_written(value)}" for name, value in example.row.items())


# The page

_HEAD = """\
<!-- `make docs` writes this page from the transformers themselves: change those. -->

# Transformers

What a column can be masked with. A rule in `conf.yaml` names one for each column:

    source:
      transformers:
        - database: main
          table: customers
          columns:
            - name: email
              transformer_name: email
              transformer_options:
                domain: example.com

NULL stays NULL, and an empty value stays empty, unless it says otherwise below. What a transformer
can't mask ends the dump; no value is ever passed through. The results here are real, made with a
key that is used for this page alone: yours are other ones. `replicate transformer show NAME` shows
the same, and `replicate dump preview` shows it on your own rows.
"""


def page(classes: Iterable[type[Rule]]) -> str:
    """All transformers as Markdown, family by family."""
    families = _by_family(classes)
    parts = [_HEAD]
    for title, entries in families.items():
        rows = [(f"[`{e.name}`](#{e.name})", _cell(e.summary)) for e in entries]
        parts.append(f"**{title}**\n\n{_table(('transformer', 'what it does'), rows)}")
    for title, entries in families.items():
        parts.append(f"## {title}\n")
        parts += [entry_markdown(entry) for entry in entries]
    return "\n".join(parts)


def _by_family(classes: Iterable[type[Rule]]) -> dict[str, list[Entry]]:
    titles = {package: title for title, package in _FAMILIES}
    order = [*(title for title, _ in _FAMILIES), _OTHERS]
    found: dict[str, list[Entry]] = {title: [] for title in order}
    for cls in classes:
        inside = cls.__module__.removeprefix("replicate.transformers.").split(".")
        found[titles.get(inside[0], _OTHERS)].append(describe(cls))
    return {title: entries for title, entries in found.items() if entries}


def entry_markdown(entry: Entry) -> str:
    """One transformer, under a heading of the third level."""
    parts = [f"### {entry.name}\n", f"{entry.summary}.\n"]
    if entry.text:
        parts.append(f"{entry.text}\n")
    parts.append("".join(f"- {name}: {value}\n" for name, value in facts(entry)))
    if entry.options_text:
        parts.append(f"{entry.options_text}\n")
    if entry.options:
        rows = [
            (
                f"`{option.name}`",
                _cell(option.type),
                "*required*" if option.required else _code(option.default or ""),
                _cell(option.meaning),
            )
            for option in entry.options
        ]
        parts.append(_table(("option", "type", "default", "meaning"), rows))
    if entry.outcomes:
        parts.append(_examples(entry.outcomes))
    if any(entry.usages):
        parts.append("Options such as:\n")
        parts.append("".join(f"- {_code(usage)}\n" for usage in entry.usages if usage))
    return "\n".join(parts)


def facts(entry: Entry) -> list[tuple[str, str]]:
    """What it is for, as lines of a list."""
    every = len(entry.kinds) == len(Kind)
    lines = [("Columns", "of every kind" if every else _kinds(entry.kinds))]
    if entry.unique is not None:
        some = f"only {_kinds(entry.unique)}" if entry.unique else "no"
        unique = "yes" if entry.unique == entry.kinds else some
        lines.append(("With a unique key", unique))
    if entry.refuses:
        lines.append(("Refuses", entry.refuses))
    return lines


def _kinds(kinds: Sequence[Kind]) -> str:
    return ", ".join(kind.value for kind in kinds)


def _examples(outcomes: Sequence[Outcome]) -> str:
    """A table with only the columns that any of the examples has something for."""
    headers = ["value", "options", "row", "becomes"]
    rows = [
        [
            _code(outcome.example.value),
            _code(options_of(outcome.example)),
            _code(row_of(outcome.example)),
            shown_result(outcome, _code),
        ]
        for outcome in outcomes
    ]
    kept = [i for i in range(len(headers)) if i in (0, 3) or any(row[i] for row in rows)]
    return _table([headers[i] for i in kept], [[row[i] for i in kept] for row in rows])


def shown_result(outcome: Outcome, code: Callable[[str], str] = str) -> str:
    """What became of the example, `code` being how a value is written."""
    if outcome.refused:
        return f"refused: {outcome.refused}"
    if outcome.result is None:
        return "NULL"
    return code(outcome.result) or "(empty)"


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str) -> str:
    """`text` as code within a cell of a table; what can't be seen stands as an escape."""
    if not text:
        return ""
    visible = "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )
    fence = "`"
    while fence in visible:
        fence += "`"
    space = " " if visible[0] == "`" or visible[-1] == "`" else ""
    return f"{fence}{space}{visible}{space}{fence}".replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.buffer.write(page(all_transformers()).encode())
