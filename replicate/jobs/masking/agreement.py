"""Columns that have to change alike: the two ends of a foreign key, and those of one domain.

A foreign key's column gets the transformer of the column that it refers to, unless the config gives
it one of its own, which has to be the same. Columns that share replacements share what decides over
their form: that values have to stay distinct, where one of them is unique, and, for those that a
key or a `link` binds, the narrowest length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from replicate.config import Config
from replicate.databases.base import ForeignKey, Schema, Table
from replicate.jobs.masking.plan import ColumnMask, Recipe, TableKey

ColumnKey = tuple[str, str, str]
"""Schema, table and column."""

Masks = dict[TableKey, dict[str, ColumnMask]]
"""The masks of each table, by column."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One column of a foreign key, and the one that it refers to."""

    child: Table
    column: str
    parent: Table
    ref_column: str

    @property
    def ends(self) -> tuple[ColumnKey, ColumnKey]:
        return (
            (self.child.schema, self.child.name, self.column),
            (self.parent.schema, self.parent.name, self.ref_column),
        )

    @property
    def labels(self) -> tuple[str, str]:
        return (
            f"{self.child.qualified}.{self.column}",
            f"{self.parent.qualified}.{self.ref_column}",
        )


def references(schema: Schema, chosen: Mapping[TableKey, Table]) -> list[Reference]:
    """All foreign keys between tables whose rows are dumped, column by column."""
    return [
        reference
        for table in chosen.values()
        for key in table.foreign_keys
        for reference in _pairs(schema, chosen, table, key)
    ]


def _pairs(
    schema: Schema, chosen: Mapping[TableKey, Table], table: Table, key: ForeignKey
) -> Iterator[Reference]:
    parent = schema.find(key.ref_schema or table.schema, key.ref_table)
    if parent is None or (parent.schema, parent.name) not in chosen:
        return
    # A reference without columns is to the other table's primary key.
    for column, ref_column in zip(key.columns, key.ref_columns or parent.primary_key, strict=False):
        yield Reference(table, column, parent, ref_column)


def find(masks: Masks, key: ColumnKey) -> ColumnMask | None:
    """The mask that changes the column, if any does."""
    mask = masks.get(key[:2], {}).get(key[2])
    return mask if mask is not None and mask.changes else None


def named(masks: Masks, key: ColumnKey) -> bool:
    """Whether the config says anything of the column, be it to leave it."""
    return key[2] in masks.get(key[:2], {})


def refuse_discord(config: Config, masks: Masks, found: Sequence[Reference]) -> None:
    """Raises `ConfigError` where the ends of a foreign key would not fit together any more."""
    for reference in found:
        child_key, parent_key = reference.ends
        child, parent = find(masks, child_key), find(masks, parent_key)
        if _signature(child) == _signature(parent):
            continue
        if child is not None and child.transformer == "null":
            continue
        at = child or parent
        ends = "{} refers to {}".format(*reference.labels)
        raise config.error(
            at.reason.key if at is not None else "source.transformers",
            f"{ends}, and masking only one of them, or each in its own way, would break the "
            "foreign key",
            hint="give both the same transformer with the same options, or a rule to the column "
            "that is referred to alone",
        )


def _signature(mask: ColumnMask | None) -> object:
    if mask is None:
        return None
    recipe = mask.recipe
    # A random replacement is never the same twice, and what other columns of the row decide is not
    # the same in another table: both equal nothing but themselves.
    if recipe is None or not recipe.consistent or recipe.when:
        return object()
    return (recipe.transformer, recipe.domain, _options(recipe), mask.in_array)


def _options(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in recipe.options.items()))


def agree(masks: Masks, chosen: Mapping[TableKey, Table], found: Sequence[Reference]) -> None:
    """Let columns that share replacements share what decides over their form."""
    bound = _bound(masks, found)
    narrowest: dict[ColumnKey, int] = {}
    for key, root in bound.items():
        mask = find(masks, key)
        if mask is not None and mask.target.max_chars is not None:
            narrowest[root] = min(narrowest.get(root, mask.target.max_chars), mask.target.max_chars)
    distinct = {
        _sharing(mask.recipe)
        for table in chosen.values()
        for mask in masks.get((table.schema, table.name), {}).values()
        if mask.recipe is not None and _is_unique(table, mask.column)
    }
    for table_key, columns in masks.items():
        for name, mask in columns.items():
            if mask.recipe is None or not mask.changes:
                continue
            unique = _is_unique(chosen[table_key], name) or _sharing(mask.recipe) in distinct
            most = mask.target.max_chars
            if (stands_for := bound.get((*table_key, name))) is not None:
                most = narrowest.get(stands_for, most)
            target = replace(mask.target, unique=unique, max_chars=most)
            columns[name] = replace(mask, target=target)


def _is_unique(table: Table, column: str) -> bool:
    return any(column in key for key in table.unique)


def _sharing(recipe: Recipe) -> object:
    return (recipe.domain, recipe.transformer) if recipe.consistent else object()


def _bound(masks: Masks, found: Sequence[Reference]) -> dict[ColumnKey, ColumnKey]:
    """Every masked column that a key or a link binds to others, and one that stands for all."""
    above: dict[ColumnKey, ColumnKey] = {}

    def top(key: ColumnKey) -> ColumnKey:
        while above.setdefault(key, key) != key:
            key = above[key]
        return key

    for reference in found:
        child, parent = reference.ends
        if find(masks, child) is not None and find(masks, parent) is not None:
            above[top(child)] = top(parent)
    by_link: dict[str, ColumnKey] = {}
    for table_key, columns in masks.items():
        for name, mask in columns.items():
            if mask.recipe is not None and mask.recipe.link:
                key = (*table_key, name)
                above[top(key)] = top(by_link.setdefault(mask.recipe.link, key))
    return {key: top(key) for key in list(above)}
