"""`replicate transformer`: what columns can be masked with."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from replicate.cli.commands import Command, Group, Session, pass_session, session_options
from replicate.cli.formats import escaped
from replicate.cli.show_plan import show_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replicate.transformers.catalogue import Entry

_WIDTH = 80
_ROOM_FOR_OPTIONS = 110


@click.group(cls=Group, epilog="replicate transformer list")
def transformer() -> None:
    """What columns can be masked with."""


transformer.add_command(show_plan)


@transformer.command("list", cls=Command, epilog="replicate transformer list")
@session_options(reports=True)
@pass_session
def list_(session: Session) -> None:
    """List all transformers, with their options; needs no conf.yaml."""
    from replicate.transformers.registry import all_transformers

    console = session.console
    known = sorted(all_transformers(), key=lambda each: each.name)
    if console.json:
        console.print_json(
            {
                "transformers": [
                    {
                        "name": each.name,
                        "summary": each.summary,
                        "options": each.Options.model_json_schema(),
                    }
                    for each in known
                ]
            }
        )
        return
    if console.room is not None and console.room < _ROOM_FOR_OPTIONS:
        console.print_table(
            ("NAME", "SUMMARY"), [(each.name, each.summary) for each in known], "<<"
        )
        console.note("`replicate transformer show NAME` tells the options of one")
        return
    console.print_table(
        ("NAME", "SUMMARY", "OPTIONS"),
        [(each.name, each.summary, ", ".join(each.Options.model_fields) or "-") for each in known],
        "<<<",
    )


@transformer.command(cls=Command, epilog="replicate transformer show email")
@click.argument("name", metavar="NAME")
@session_options(reports=True)
@pass_session
def show(session: Session, *, name: str) -> None:
    """Tell all of one transformer, with examples; needs no conf.yaml."""
    from replicate.transformers.catalogue import describe
    from replicate.transformers.registry import find

    found = find(name)
    entry = describe(found)
    if session.console.json:
        session.console.print_json(_json(entry, found.Options.model_json_schema()))
        return
    for line in _lines(entry):
        session.console.print(line)


def _json(entry: Entry, schema: dict[str, Any]) -> dict[str, Any]:
    """The same as is told in words; `result` is null where the value becomes NULL or is refused.

    `unique_kinds` is null where it is up to somebody else's code.
    """
    return {
        "name": entry.name,
        "summary": entry.summary,
        "text": entry.text,
        "kinds": [kind.value for kind in entry.kinds],
        "unique_kinds": None if entry.unique is None else [kind.value for kind in entry.unique],
        "refuses": entry.refuses or None,
        "options": schema,
        "examples": [
            {
                "value": outcome.example.value,
                "kind": outcome.example.kind.value,
                "options": {
                    key: value if isinstance(value, (bool, int, float, list, dict)) else str(value)
                    for key, value in outcome.example.options.items()
                },
                "row": dict(outcome.example.row),
                "result": outcome.result,
                "refused": outcome.refused or None,
            }
            for outcome in entry.outcomes
        ],
    }


def _lines(entry: Entry) -> Iterator[str]:
    """The page as text of at most `_WIDTH` columns, but for examples that are longer."""
    from replicate.transformers.catalogue import facts

    yield f"{entry.name}: {entry.summary}"
    yield ""
    yield from _paragraphs(entry.text)
    yield ""
    for name, value in facts(entry):
        yield from _wrapped(f"{name.lower()}: {value}", "", "  ")
    if entry.options:
        yield ""
        yield "options:"
        yield from _paragraphs(entry.options_text, "  ")
        for option in entry.options:
            default = f", default {option.default}" if option.default is not None else ""
            needed = ", required" if option.required else default
            kind = option.type.replace("`", "")
            yield from _wrapped(f"{option.name}: {kind}{needed}", "  ", "    ")
            yield from _paragraphs(option.meaning, "    ")
    if entry.outcomes:
        yield ""
        yield "examples:"
        yield from _examples(entry)
    if any(entry.usages):
        yield ""
        yield "options such as:"
        yield from (f"  {escaped(usage)}" for usage in entry.usages if usage)


def _examples(entry: Entry) -> Iterator[str]:
    from replicate.transformers.catalogue import options_of, row_of, shown_result

    for outcome in entry.outcomes:
        yield f"  {escaped(outcome.example.value)} -> {escaped(shown_result(outcome))}"
        for name, said in (("with", options_of(outcome.example)), ("row", row_of(outcome.example))):
            if said:
                yield f"    {name} {said}"


def _paragraphs(text: str, indent: str = "") -> Iterator[str]:
    """Markdown as plain text: paragraphs and items wrapped, code and tables left as they stand."""
    pending = ""
    hanging = indent
    lines = text.splitlines()
    for i, line in enumerate([*lines, ""]):
        item = line.lstrip().startswith(("- ", "* ", "1. "))
        as_it_stands = line.startswith(("    ", "|", "```")) and not pending
        if pending and (not line.strip() or item or line.startswith("|")):
            yield from _wrapped(pending, indent, hanging)
            pending = ""
        if as_it_stands:
            yield f"{indent}{line}"
        elif line.strip():
            hanging = f"{indent}  " if item else hanging if pending else indent
            pending = f"{pending} {line.strip()}".strip()
        elif i < len(lines):
            yield ""


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
