"""One column's mask, made of what a rule says and of what the column is."""

from __future__ import annotations

from replicate.config import Config
from replicate.databases.base import ColumnInfo, Table
from replicate.errors import UsageError
from replicate.jobs.masking.plan import ColumnMask, PathMask, Reason, Recipe
from replicate.rows.column import Kind
from replicate.transformers import registry
from replicate.transformers.base import Target
from replicate.transformers.rule import Rule


def import_transformers(config: Config) -> None:
    """Import the built-in ones that the rules name, so that processes forked afterwards have them.

    Those of installed packages each process imports itself: what they hold, such as a generator of
    random numbers, is not to be the same in all.
    """
    if config.source is not None:
        rules = config.source.transformers
        registry.import_built_in({c.transformer_name for rule in rules for c in rule.columns})


def make_mask(
    config: Config,
    table: Table,
    info: ColumnInfo,
    recipe: Recipe | None,
    reason: Reason,
    *,
    paths: tuple[PathMask, ...] = (),
) -> ColumnMask:
    """The mask of one column, not checked yet but for the name of its transformer."""
    stored = [column.name for column in table.stored_columns]
    in_array = False
    if recipe is not None:
        cls = _find(config, recipe, reason)
        in_array = info.element is not None and Kind.ARRAY not in cls.kinds
    for each in paths:
        _find(config, each.recipe, each.reason)
    return ColumnMask(
        info.name,
        -1 if info.generated else stored.index(info.name),
        _target(table, info, in_array=in_array),
        f"{table.qualified}.{info.name}",
        recipe,
        reason,
        paths,
        in_array,
        {column.name: column.reading for column in table.stored_columns if column.reading},
        info.equality,
    )


def _find(config: Config, recipe: Recipe, reason: Reason) -> type[Rule]:
    try:
        return registry.find(recipe.transformer)
    except UsageError as error:
        key = f"{reason.key}.transformer_name"
        raise config.error(key, error.message, hint=error.hint) from error


def _target(table: Table, info: ColumnInfo, *, in_array: bool) -> Target:
    columns = {column.name: column.kind for column in table.stored_columns if not column.hidden}
    if info.element is not None and not in_array:
        return Target(info.kind, columns=columns)
    return Target(info.element or info.kind, info.limits, columns=columns)
