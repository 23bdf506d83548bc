"""Columns that have to change alike: the two ends of a foreign key, and those of one domain.

A foreign key's column gets the transformer of the column that it refers to, unless the config gives
it one of its own, which has to be the same. Columns that share replacements share what decides over
their form: that values have to stay distinct, where one of them is unique, and, for those that a
key or a `link` binds, the narrowest length. What a key takes for equal, regardless of case say, is
decided by the column that it refers to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from replicate.config import Config
from replicate.databases.base import ColumnInfo, ForeignKey, Schema, Table
from replicate.errors import UsageError
from replicate.jobs.masking.plan import ColumnMask, PathMask, Recipe
from replicate.jobs.selection import TableKey
from replicate.rows.column import Kind
from replicate.rows.comparing import Equality
from replicate.transformers import registry
from replicate.transformers.base import Target

ColumnKey = tuple[str, str, str]
"""Schema, table and column."""

Masks = dict[TableKey, dict[str, ColumnMask]]
"""The masks of each table, by column."""


_MOST_ROUNDS = 100  # of keys that refer to keys
_EXACT = (Kind.INTEGER, Kind.NUMERIC)


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
    def infos(self) -> tuple[ColumnInfo, ColumnInfo]:
        """What is known of both: of columns that are there, as SQLite doesn't ask of a key."""
        return (
            next(info for info in self.child.columns if info.name == self.column),
            next(info for info in self.parent.columns if info.name == self.ref_column),
        )

    @property
    def labels(self) -> tuple[str, str]:
        return (
            f"{self.child.qualified}.{self.column}",
            f"{self.parent.qualified}.{self.ref_column}",
        )


def references(schema: Schema) -> list[Reference]:
    """All foreign keys of the source, column by column, be their tables dumped or not."""
    parts: defaultdict[TableKey, list[Table]] = defaultdict(list)
    for table in schema.tables:
        for ancestor in table.inherits:
            parts[ancestor].append(table)
    return [
        reference
        for table in schema.tables
        for key in table.foreign_keys
        for reference in _pairs(schema, parts, table, key)
    ]


def _pairs(
    schema: Schema, parts: Mapping[TableKey, Sequence[Table]], table: Table, key: ForeignKey
) -> Iterator[Reference]:
    parent = schema.find(key.ref_schema or table.schema, key.ref_table)
    if parent is None:
        return
    # What refers to a partitioned table refers to rows of its partitions.
    inside = parts.get((parent.schema, parent.name), ()) if parent.partitioned else ()
    for place in [each for each in inside if not each.partitioned] or [parent]:
        for column, ref_column in key.pairs(parent):
            yield Reference(table, column, place, ref_column)


def find(masks: Masks, key: ColumnKey) -> ColumnMask | None:
    """The mask that changes the column, if any does."""
    mask = masks.get(key[:2], {}).get(key[2])
    return mask if mask is not None and mask.changes else None


def named(masks: Masks, key: ColumnKey) -> bool:
    """Whether the config says anything of the column, be it to leave it."""
    return key[2] in masks.get(key[:2], {})


def bind(masks: Masks, found: Sequence[Reference]) -> None:
    """Let the columns of a foreign key take the same values for equal: those that it does."""
    both = [each for each in found if all(find(masks, key) is not None for key in each.ends)]
    ends = [each.ends for each in both]
    infos = {key: info for each in both for key, info in zip(each.ends, each.infos, strict=True)}
    for key in {each for pair in ends for each in pair}:
        mask = masks[key[:2]][key[2]]
        # As all its values are of one length, spaces and all, they are equal byte for byte.
        equality = Equality.BYTES if is_filled_up(infos[key]) else mask.equality
        masks[key[:2]][key[2]] = replace(mask, bound=True, equality=equality)
    for _ in range(_MOST_ROUNDS):
        before = [masks[c[:2]][c[2]].equality for c, _ in ends]
        for child, parent in ends:
            equality = masks[parent[:2]][parent[2]].equality
            masks[child[:2]][child[2]] = replace(masks[child[:2]][child[2]], equality=equality)
        if before == [masks[c[:2]][c[2]].equality for c, _ in ends]:
            break


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
        why = "masking only one of them, or each in its own way, would break the foreign key"
        if _signature(child) == _signature(parent):
            why = _apart(reference, child, parent)
            if not why:
                continue
        if child is not None and child.recipe == Recipe("null"):
            continue
        at = child or parent
        ends = "{} refers to {}".format(*reference.labels)
        raise config.error(
            at.reason.key if at is not None else "source.transformers",
            f"{ends}, and {why}",
            hint="leave both as they are with transient, or make the column that refers null"
            if _signature(child) == _signature(parent)
            else "give both the same transformer with the same options, or a rule to the column "
            "that is referred to alone",
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
        transformer = mask.build(bytes(32))
    except UsageError:
        return False  # which is told when the mask is checked
    try:
        return transformer.effects.makes_null
    finally:
        transformer.close()


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
        transformer = mask.build(bytes(32))
    except UsageError:
        return False  # which is told when the mask is checked
    try:
        return by_block or bool(transformer.reads or transformer.reads_masked)
    finally:
        transformer.close()


def _apart(reference: Reference, child: ColumnMask | None, parent: ColumnMask | None) -> str:
    """Why values that are equal to the key would get different replacements; empty if not."""
    infos = reference.infos
    types = {info.type for info in infos}
    padded = {info.equality is Equality.PADDED for info in infos}
    if len(padded) > 1 or (len(types) > 1 and any(t.startswith("character(") for t in types)):
        return "one is padded with spaces, so that the foreign key would not hold"
    scales = {0 if info.kind is Kind.INTEGER else info.scale for info in infos}
    if all(info.kind in _EXACT for info in infos) and len(scales - {None}) > 1:
        return "one has more digits behind the point, so that the foreign key would not hold"
    equalities = {mask.equality for mask in (child, parent) if mask is not None}
    if Equality.UNKNOWN in equalities or len(equalities) > 1:
        return (
            "the database compares them by rules that are not known here (of a collation, say), so "
            "that values equal to it might get different replacements"
        )
    return ""


def is_filled_up(info: ColumnInfo) -> bool:
    """Whether all values are filled up with spaces to one length: a char(n), but no domain."""
    return info.equality is Equality.PADDED and info.type.startswith("character(")


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
                folds, label = first.setdefault(_sharing(recipe), (mask.folds, mask.label))
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


def agree(masks: Masks, tables: Mapping[TableKey, Table], found: Sequence[Reference]) -> None:
    """Let columns that share replacements share what decides over their form."""
    bound = _Bound(masks, found)
    distinct = {
        _sharing(mask.recipe)
        for key, columns in masks.items()
        for mask in columns.values()
        if mask.recipe is not None and _is_unique(tables[key], mask.column)
    }
    for key, columns in masks.items():
        for name, mask in columns.items():
            if not mask.changes:
                continue
            if mask.recipe is None:
                columns[name] = replace(
                    mask, paths=tuple(bound.path(each, distinct) for each in mask.paths)
                )
                continue
            unique = _is_unique(tables[key], name) or _sharing(mask.recipe) in distinct
            limits = bound.limits((*key, name)) or mask.target
            target = replace(
                mask.target, unique=unique, max_chars=limits.max_chars, bits=limits.bits
            )
            columns[name] = replace(mask, target=target)


def _is_unique(table: Table, column: str) -> bool:
    return any(column in key for key in table.unique)


def _sharing(recipe: Recipe) -> object:
    return (recipe.domain, recipe.transformer) if recipe.consistent else object()


class _Bound:
    """Columns that a foreign key or a link binds together, and the narrowest limits among them."""

    def __init__(self, masks: Masks, found: Sequence[Reference]) -> None:
        self._above: dict[ColumnKey, ColumnKey] = {}
        self._by_link: dict[object, ColumnKey] = {}
        self._limits: dict[ColumnKey, Target] = {}
        for reference in found:
            child, parent = reference.ends
            if find(masks, child) is not None and find(masks, parent) is not None:
                self._above[self._top(child)] = self._top(parent)
        for key, columns in masks.items():
            for name, mask in columns.items():
                if mask.recipe is not None and mask.recipe.link:
                    end = (*key, name)
                    other = self._by_link.setdefault(_sharing(mask.recipe), end)
                    self._above[self._top(end)] = self._top(other)
        for end in list(self._above):
            mask_of_end = find(masks, end)
            if mask_of_end is not None:
                top = self._top(end)
                self._limits[top] = _narrower(self._limits.get(top), mask_of_end.target)

    def limits(self, key: ColumnKey) -> Target | None:
        """What all columns that are bound to this one can take; None if it is bound to none."""
        return self._limits.get(self._top(key)) if key in self._above else None

    def path(self, mask: PathMask, distinct: Collection[object]) -> PathMask:
        """The mask of a path, agreeing with the columns that it shares replacements with."""
        sharing = _sharing(mask.recipe)
        linked = self._by_link.get(sharing)
        limits = None if linked is None else self._limits.get(self._top(linked))
        most = None if limits is None else limits.max_chars
        return replace(mask, unique=sharing in distinct, max_chars=most)

    def _top(self, key: ColumnKey) -> ColumnKey:
        while self._above.setdefault(key, key) != key:
            key = self._above[key]
        return key


def _narrower(one: Target | None, other: Target) -> Target:
    """The limits of both together."""
    if one is None:
        return other
    return replace(
        one,
        max_chars=_least(one.max_chars, other.max_chars),
        bits=_least(one.bits, other.bits),
    )


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
