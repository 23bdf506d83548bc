"""What a plan is made of, and the masker that a worker makes of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from replicate.crypto import keys
from replicate.databases.base import Table
from replicate.errors import TransformError
from replicate.jobs.selection import ColumnKey, TableKey
from replicate.rows.column import Column, Kind, Limits
from replicate.rows.comparing import Equality, Reading
from replicate.rows.engine import Mask, Masker
from replicate.rows.json_paths import parse_path
from replicate.rows.values import Field
from replicate.transformers import registry
from replicate.transformers.base import Draw, Target, Transformer
from replicate.transformers.draw import keyed_draw, random_draw
from replicate.transformers.wrapping.conditions import When
from replicate.transformers.wrapping.fitting import Fitted
from replicate.transformers.wrapping.folding import Folded
from replicate.transformers.wrapping.inside_arrays import InsideArray
from replicate.transformers.wrapping.inside_json import InsideJson, for_leaves
from replicate.transformers.wrapping.watching import Watching

UNTOUCHED = "transient"
"""The transformer that leaves values as they are."""

TRIAL_KEY = bytes(32)
"""Draws replacements to be looked at and thrown away, the same ones each time."""

_KEEPING = (UNTOUCHED, "shuffle")  # whose outcome is made of the source's values, as they say

See = Callable[[Column], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A transformer with its options, and what its replacements are drawn from.

    `link` names the domain that it shares with other columns; without one it shares that of its
    transformer's name. `when` is the condition on the row, or empty.
    """

    transformer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    consistent: bool = True
    link: str = ""
    when: str = ""

    @property
    def domain(self) -> tuple[str, str]:
        """Columns of one domain get the same replacement for the same value."""
        return ("link", self.link) if self.link else ("transformer", self.transformer)

    @property
    def sharing(self) -> object:
        """Equal for columns that share replacements, and nothing else's where none are shared."""
        return (self.domain, self.transformer) if self.consistent else object()

    def draw(self, masking_key: bytes) -> Draw:
        if not self.consistent:
            return random_draw()
        kind, name = self.domain
        label = "masking domain" if kind == "transformer" else "masking link"
        return keyed_draw(keys.derive(masking_key, label, name.encode()))

    def build(self, target: Target, draw: Draw) -> Transformer:
        """Raises `UsageError` where there is no such transformer, for such a column."""
        return registry.build(self.transformer, dict(self.options), target=target, draw=draw)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a column is masked as it is: `text` for the reader, `key` of the rule in conf.yaml."""

    text: str
    key: str


@dataclass(frozen=True, slots=True)
class PathMask:
    """What becomes of the values at one path of a column's JSON documents.

    `unique` and `max_chars` are those of the columns that share its replacements.
    """

    path: str
    recipe: Recipe
    reason: Reason
    unique: bool = False
    max_chars: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnMask:
    """One masked column: picklable, and free of secrets.

    Either its values are masked as `recipe` says, each element by itself where they are arrays
    (`in_array`), or those at `paths` of the documents that they are; `recipe` is then None.

    `readings` is what conditions have to know of the table's columns. Values that are equal by
    `equality` get one replacement where a foreign key binds the column, or one that it joins with
    (`bound`).
    """

    column: str
    index: int
    target: Target
    label: str
    recipe: Recipe | None
    reason: Reason
    paths: tuple[PathMask, ...] = ()
    in_array: bool = False
    readings: Mapping[str, Reading] = field(default_factory=dict)
    equality: Equality = Equality.BYTES
    bound: bool = False

    @property
    def transformer(self) -> str:
        """Its name; of paths, all of them."""
        if self.recipe is not None:
            return self.recipe.transformer
        return ", ".join(dict.fromkeys(each.recipe.transformer for each in self.paths))

    @property
    def recipes(self) -> Iterator[Recipe]:
        if self.recipe is not None:
            yield self.recipe
        for each in self.paths:
            yield each.recipe

    @property
    def changes(self) -> bool:
        """Whether any value becomes another one."""
        return any(recipe.transformer != UNTOUCHED for recipe in self.recipes)

    def build(self, masking_key: bytes, see: See | None = None) -> Transformer:
        """The transformer for the whole column. Raises `UsageError` where it can't be made.

        `see` is shown all values that it replaces, those inside of others one by one.
        """
        if self.recipe is not None:
            return self._conditional(self.recipe, self.target, masking_key, see)
        rules = []
        for each in self.paths:
            made = partial(self._leaf, each, masking_key, see)
            rules.append((parse_path(each.path), for_leaves(made)))
        inside = InsideJson(rules)
        most = self.target.limits.max_chars
        return inside if most is None else Fitted(inside, most)

    def trial(self) -> contextlib.closing[Transformer]:
        """The transformer under a key of no account, as a context that closes it; as `build`."""
        return contextlib.closing(self.build(TRIAL_KEY))

    def _leaf(self, mask: PathMask, masking_key: bytes, see: See | None, kind: Kind) -> Transformer:
        limits = Limits(max_chars=mask.max_chars)
        target = Target(kind, limits, unique=mask.unique, columns=self.target.columns)
        return self._conditional(mask.recipe, target, masking_key, see)

    def _conditional(
        self, recipe: Recipe, target: Target, masking_key: bytes, see: See | None
    ) -> Transformer:
        made = recipe.build(target, recipe.draw(masking_key))
        if recipe is self.recipe and self.folds is not Equality.BYTES:
            made = Folded(made, self.folds)
        if target.limits.max_chars is not None:
            made = Fitted(made, target.limits.max_chars)
        if see is not None and recipe.transformer not in _KEEPING:
            made = Watching(made, _inside_of(target.kind, see))
        if self.in_array:
            made = InsideArray(made, target.kind)
        if recipe.when:
            made = When(made, recipe.when, target.columns, self.readings)
        return made

    @property
    def folds(self) -> Equality:
        """By what values are equal that are made one before the transformer sees them.

        Nowhere but in a foreign key, and where its columns are joined with: other columns of one
        domain join byte for byte. What is made of a block's own values is not made of others.
        """
        recipe = self.recipe
        if not self.bound or recipe is None or not recipe.consistent or not self.changes:
            return Equality.BYTES
        if self.equality is Equality.UNKNOWN or registry.find(recipe.transformer).by_block:
            return Equality.BYTES
        return self.equality


def _inside_of(kind: Kind, see: See) -> See:
    """`see` for whole values of that kind: what arrays and documents hold is shown one by one."""
    if kind not in (Kind.ARRAY, Kind.JSON):
        return see
    shown = Watching(registry.build(UNTOUCHED, {}, target=_ANY, draw=random_draw()), see)
    inside: Transformer = InsideJson([(parse_path("$"), shown)])
    if kind is Kind.ARRAY:
        inside = InsideArray(shown, Kind.TEXT)

    def see_inside(column: Column) -> None:
        with contextlib.suppress(TransformError):  # it is masked, whatever it is
            inside.transform(column)

    return see_inside


_ANY = Target(Kind.ANY)


@dataclass(frozen=True, slots=True)
class TableMasks:
    """All masked columns of one table, and the fields that its rows have: names and kinds."""

    fields: tuple[tuple[str, Kind], ...]
    columns: tuple[ColumnMask, ...] = ()

    @classmethod
    def of(cls, table: Table, columns: tuple[ColumnMask, ...] = ()) -> TableMasks:
        return cls(tuple((c.name, c.kind) for c in table.stored_columns), columns)


@dataclass(frozen=True, slots=True)
class MaskingPlan:
    """The masks of every table that has any. `masker` is what a worker calls."""

    tables: Mapping[TableKey, TableMasks] = field(default_factory=dict)

    def of(self, table: Table) -> TableMasks:
        return self.tables.get((table.schema, table.name)) or TableMasks.of(table)

    def masked_columns(self) -> dict[TableKey, frozenset[str]]:
        """The columns whose values change, by table."""
        found = {
            key: frozenset(mask.column for mask in masks.columns if mask.changes)
            for key, masks in self.tables.items()
        }
        return {key: columns for key, columns in found.items() if columns}


def build_masker(
    masks: TableMasks, masking_key: bytes, see: Callable[[str], See] | None = None
) -> Masker:
    """The row engine for one table; `masking_key` is the root that all domains derive from.

    `see`, given a column's label, gives what is shown the values that are replaced in it.
    """
    places = {name: Field(i, kind) for i, (name, kind) in enumerate(masks.fields)}
    made = [
        (mask, mask.build(masking_key, see and see(mask.label) if mask.changes else None))
        for mask in masks.columns
    ]
    return Masker(
        len(masks.fields),
        [
            Mask(
                mask.index,
                masks.fields[mask.index][1],
                transformer,
                mask.label,
                {name: places[name] for name in transformer.reads},
                {name: places[name] for name in transformer.reads_masked},
            )
            for mask, transformer in made
        ],
    )


# While a plan is made

Masks = dict[TableKey, dict[str, ColumnMask]]
"""The masks of each table, by column."""


def find(masks: Masks, key: ColumnKey) -> ColumnMask | None:
    """The mask that changes the column, if any does."""
    mask = masks.get(key[:2], {}).get(key[2])
    return mask if mask is not None and mask.changes else None


def named(masks: Masks, key: ColumnKey) -> bool:
    """Whether the config says anything of the column, be it to leave it."""
    return key[2] in masks.get(key[:2], {})
