"""`replicate transformer show-plan`: which column is masked how, and which rule says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from replicate.cli.commands import Command, Session, pass_session, session_options
from replicate.cli.formats import escaped, plural
from replicate.cli.rule_words import name_words, recipe_words, rule_words

if TYPE_CHECKING:
    from replicate.config import Config
    from replicate.databases.base import Table
    from replicate.jobs.masking import ColumnMask, MaskingPlan, Reason, Recipe


@click.command("show-plan", cls=Command, epilog="replicate transformer show-plan --unmasked")
@click.option("--unmasked", is_flag=True, help="Show the columns that stay as they are, too.")
@session_options(reports=True)
@pass_session
def show_plan(session: Session, unmasked: bool) -> None:
    """Show which rule of conf.yaml masks which column, and why.

    Reads the source's schema and no row.
    """
    from replicate.jobs.inspect import planned_masking

    console = session.console
    config = session.config("source")
    tables, plan = planned_masking(config)
    if console.json:
        console.print_json({"tables": [_table_json(config, table, plan) for table in tables]})
        return
    lines = [line for table in tables for line in _lines(config, table, plan, unmasked=unmasked)]
    if lines:
        console.print_table(("COLUMN", "TRANSFORMER", "RULE", "WHY"), lines, "<<<<")
    masked = sum(len(plan.of(table).columns) for table in tables)
    total = sum(len(_visible(table)) for table in tables)
    console.note(f"{masked} of {plural(total, 'column')} have a transformer")


def _lines(
    config: Config, table: Table, plan: MaskingPlan, *, unmasked: bool
) -> Iterator[tuple[str, ...]]:
    masks = {mask.column: mask for mask in plan.of(table).columns}
    place = name_words(table.schema, table.name)
    for name in _visible(table):
        if name in masks:
            for path, recipe, reason in _parts(masks[name]):
                column = f"{place}.{rule_words(name, path)}"
                said = recipe_words(recipe)
                yield column, said, _place(config, reason), escaped(reason.text)
        elif unmasked:
            yield f"{place}.{name_words(name)}", "-", "-", "no rule fits it"


def _parts(mask: ColumnMask) -> Iterator[tuple[str, Recipe, Reason]]:
    """Path, recipe and reason of all that happens in a column; one without a path is about it."""
    if mask.recipe is not None:
        yield "", mask.recipe, mask.reason
    for each in mask.paths:
        yield each.path, each.recipe, each.reason


def _place(config: Config, reason: Reason) -> str:
    line = config.line(reason.key)
    return reason.key if line is None else f"line {line}"


def _visible(table: Table) -> list[str]:
    return [column.name for column in table.stored_columns if not column.hidden]


def _table_json(config: Config, table: Table, plan: MaskingPlan) -> dict[str, Any]:
    masks = {mask.column: mask for mask in plan.of(table).columns}
    return {
        "schema": table.schema,
        "name": table.name,
        "columns": [
            {
                "name": name,
                "masks": [
                    {
                        "path": path or None,
                        "transformer_name": recipe.transformer,
                        "transformer_options": dict(recipe.options),
                        "consistent": recipe.consistent,
                        "link": recipe.link or None,
                        "when": recipe.when or None,
                        "key": reason.key,
                        "line": config.line(reason.key),
                        "why": reason.text,
                    }
                    for path, recipe, reason in (_parts(masks[name]) if name in masks else ())
                ],
            }
            for name in _visible(table)
        ],
    }
