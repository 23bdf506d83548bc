"""How a plan comes about: rules meet columns, keys bind columns together, everything is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from replicate.config import Config
from replicate.databases.base import Schema, Table
from replicate.jobs.masking.agreement import agree, bind, follow_keys
from replicate.jobs.masking.checks import check_mask
from replicate.jobs.masking.discord import refuse_discord, refuse_mixed_links, refuse_parts
from replicate.jobs.masking.drift import Drift
from replicate.jobs.masking.making import make_mask
from replicate.jobs.masking.plan import (
    ColumnMask,
    MaskingPlan,
    Masks,
    PathMask,
    TableMasks,
)
from replicate.jobs.masking.references import references
from replicate.jobs.masking.targeting import Hit, Targeting
from replicate.jobs.selection import TableKey


def plan_masking(config: Config, schema: Schema, selected: Iterable[Table]) -> MaskingPlan:
    """Check every transformer rule of the config against the schema, and find what it leaves open.

    Raises `ConfigError`, with the file and line of the rule, for the first that can't hold, and for
    a column that appeared since the config was written, where that is what it asks for.
    """
    tables = {(table.schema, table.name): table for table in schema.tables}
    chosen = {(table.schema, table.name): table for table in selected}
    targeting = Targeting(config, schema)
    # Of all tables, so that what is left out of a dump changes nothing in the rest of it.
    masks: Masks = {
        key: _of_rules(config, table, targeting.hits(table))
        for key, table in tables.items()
        if table.maskable
    }
    found = references(schema)
    follow = partial(follow_keys, config, masks, found)
    follow()
    Drift(config).settle(chosen, masks, found, follow)
    bind(masks, found)
    refuse_discord(config, masks, found, chosen)
    refuse_parts(config, masks, chosen)
    refuse_mixed_links(config, masks)
    agree(masks, tables, found)
    masks = {key: columns for key, columns in masks.items() if key in chosen}
    _check(config, chosen, masks)
    return MaskingPlan(
        {
            key: TableMasks.of(chosen[key], _in_order(chosen[key], columns))
            for key, columns in masks.items()
            if columns
        }
    )


def _of_rules(config: Config, table: Table, hits: Mapping[str, list[Hit]]) -> dict[str, ColumnMask]:
    masks = {}
    for info in table.columns:
        of_column = hits.get(info.name)
        if not of_column:
            continue
        if of_column[0].path:
            paths = tuple(PathMask(hit.path, hit.recipe, hit.reason) for hit in of_column)
            masks[info.name] = make_mask(config, table, info, None, paths[0].reason, paths=paths)
        else:
            [hit] = of_column
            masks[info.name] = make_mask(config, table, info, hit.recipe, hit.reason)
    return masks


def _check(config: Config, chosen: Mapping[TableKey, Table], masks: Masks) -> None:
    for key, columns in masks.items():
        table = chosen[key]
        infos = {info.name: info for info in table.columns}
        waits = {
            name: check_mask(config, table, infos[name], mask) for name, mask in columns.items()
        }
        _refuse_circles(config, columns, waits)


def _refuse_circles(
    config: Config, columns: Mapping[str, ColumnMask], waits: Mapping[str, frozenset[str]]
) -> None:
    """Columns that are made from each other's replacements have no first one."""
    left = set(waits)
    while left:
        ready = {name for name in left if not waits[name] & left}
        if not ready:
            name = min(left)
            raise config.error(
                columns[name].reason.key,
                f"{columns[name].label} is made from columns that are made from it",
                hint="leave it out of one of their templates",
            )
        left -= ready


def _in_order(table: Table, columns: Mapping[str, ColumnMask]) -> tuple[ColumnMask, ...]:
    return tuple(columns[info.name] for info in table.stored_columns if info.name in columns)
