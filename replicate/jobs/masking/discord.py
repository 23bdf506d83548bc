"""Columns that would not change alike, though a foreign key or a link asks it of them: refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from replicate.config import Config
from replicate.databases.base import Table
from replicate.errors import UsageError
from replicate.jobs.masking.plan import ColumnMask, Masks, Recipe, find
from replicate.jobs.masking.references import Reference
from replicate.jobs.selection import TableKey
from replicate.rows.column import Kind
from replicate.rows.comparing import Equality
from replicate.transformers import registry

_EXACT = (Kind.INTEGER, Kind.NUMERIC)


def refuse_discord(
    config: Config, masks: Masks, found: Sequence[Reference], chosen: Collection[TableKey]
) -> None:
    """Raises `ConfigError` where the ends of a foreign key would not fit together any more.

    Of tables that are dumped both: what refers to rows that stay behind has nothing to fit.
    """
    for reference in found:
        child_key, parent_key = reference.ends
        if child_key[:2] not in chosen or parent_key[:2] not in chosen:
            continue
        child, parent = find(masks, child_key), find(masks, parent_key)
        if child is None and parent is None:
            continue
        if child is not None and child.recipe == Recipe("null"):
            continue
        if _signature(child) == _signature(parent):
            why = _apart(reference, child, parent)
            hint = "leave both as they are with transient, or make the column that refers null"
            if not why:
                continue
        else:
            why = "masking only one of them, or each in its own way, would break the foreign key"
            hint = (
                "give both the same transformer with the same options, or a rule to the column "
                "that is referred to alone"
            )
        at = child or parent
        ends = "{} refers to {}".format(*reference.labels)
        raise config.error(
            at.reason.key if at is not None else "source.transformers",
            f"{ends}, and {why}",
            hint=hint,
        )


def refuse_parts(config: Config, masks: Masks, chosen: Mapping[TableKey, Table]) -> None:
    """Raises `ConfigError` where some columns of a MATCH FULL key would be NULL, and others not."""
    for place, table in chosen.items():
        for key in table.foreign_keys:
            if not key.full or len(key.columns) < 2 or place not in masks:
                continue
            made = {name: find(masks, (*place, name)) for name in key.columns}
            if all(mask is not None and _always_null(mask) for mask in made.values()):
                continue
            for mask in made.values():
                if mask is not None and _makes_null(mask):
                    raise config.error(
                        mask.reason.key,
                        f"{mask.label} may become NULL, and with ({', '.join(key.columns)}) it is "
                        f"a MATCH FULL key to {key.ref_table}: all of a row are NULL, or none is",
                        hint="give all of its columns the transformer null, or none of them",
                    )


def _always_null(mask: ColumnMask) -> bool:
    return mask.recipe is not None and mask.recipe.transformer == "null" and not mask.recipe.when


def _makes_null(mask: ColumnMask) -> bool:
    try:
        trial = mask.trial()
    except UsageError:
        return False  # which is told when the mask is checked
    with trial as transformer:
        return transformer.effects.makes_null


def _signature(mask: ColumnMask | None) -> object:
    if mask is None:
        return None
    recipe = mask.recipe
    # A random replacement is never the same twice, and what other columns of the row, or other
    # rows, decide is not the same in another table: all equal nothing but themselves.
    if recipe is None or not recipe.consistent or recipe.when or _looks_around(mask):
        return object()
    return (recipe.transformer, recipe.domain, _options(recipe), mask.in_array)


def _looks_around(mask: ColumnMask) -> bool:
    """Whether anything but the value itself decides what becomes of it."""
    if mask.recipe is None:
        return True
    try:
        by_block = registry.find(mask.recipe.transformer).by_block
        trial = mask.trial()
    except UsageError:
        return False  # which is told when the mask is checked
    with trial as transformer:
        return by_block or bool(transformer.reads or transformer.reads_masked)


def _apart(reference: Reference, child: ColumnMask | None, parent: ColumnMask | None) -> str:
    """Why values that are equal to the key would get different replacements; empty if not."""
    infos = reference.infos
    types = {info.type for info in infos}
    padded = {info.equality is Equality.PADDED for info in infos}
    if len(padded) > 1 or (len(types) > 1 and any(t.startswith("character(") for t in types)):
        return "one is padded with spaces, so that the foreign key would not hold"
    scales = {0 if info.kind is Kind.INTEGER else info.limits.scale for info in infos}
    if all(info.kind in _EXACT for info in infos) and len(scales - {None}) > 1:
        return "one has more digits behind the point, so that the foreign key would not hold"
    equalities = {mask.equality for mask in (child, parent) if mask is not None}
    if Equality.UNKNOWN in equalities or len(equalities) > 1:
        return (
            "the database compares them by rules that are not known here (of a collation, say), so "
            "that values equal to it might get different replacements"
        )
    return ""


def refuse_mixed_links(config: Config, masks: Masks) -> None:
    """Raises `ConfigError` where values of linked columns would not get the same replacements.

    A foreign key makes one of values that differ in case, say; to the others of a link they differ.
    """
    first: dict[object, tuple[Equality, str]] = {}
    for columns in masks.values():
        for mask in columns.values():
            reasons = [(mask.recipe, mask.reason)] if mask.recipe is not None else []
            reasons += [(each.recipe, each.reason) for each in mask.paths]
            for recipe, reason in reasons:
                if not recipe.link or not recipe.consistent:
                    continue
                folds, label = first.setdefault(recipe.sharing, (mask.folds, mask.label))
                if folds is not mask.folds:
                    raise config.error(
                        reason.key,
                        f"{label} and {mask.label} are linked as {recipe.link}, and a foreign key "
                        f"compares one of them {_other(folds, mask.folds).value}",
                        hint="link the columns of that foreign key with no others, or leave the "
                        "link out",
                    )


def _other(one: Equality, other: Equality) -> Equality:
    return other if one is Equality.BYTES else one


def _options(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in recipe.options.items()))
