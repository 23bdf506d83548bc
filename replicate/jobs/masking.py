"""The masking plan: which transformer meets which column, and the proof that it may.

Everything that can be known before a row is read is checked here, against the schema: a rule that
names a table or a column that isn't there, a transformer that doesn't fit the column's kind, one
that could break a unique key, a NOT NULL constraint or a foreign key. What passes is a plan of
plain values that a worker process turns into a `Masker` on its own side.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from replicate.config import ColumnRule, Config
from replicate.crypto import keys
from replicate.databases.base import ColumnInfo, Schema, Table
from replicate.errors import ConfigError, TransformError, UsageError
from replicate.jobs.opening import needed
from replicate.jobs.selection import find_table
from replicate.rows.column import Column, Kind
from replicate.rows.engine import Mask, Masker
from replicate.transformers import registry
from replicate.transformers.base import Draw, Target, Transformer, Uniqueness
from replicate.transformers.draw import keyed_draw, random_draw
from replicate.transformers.fitting import Fitted

TableKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ColumnMask:
    """One masked column: picklable, and free of secrets."""

    column: str
    index: int
    kind: Kind
    transformer: str
    options: Mapping[str, Any]
    consistent: bool
    label: str
    max_chars: int | None = None

    def transformer_with(self, draw: Draw) -> Transformer:
        """Raises `UsageError` where there is no such transformer, for such a column."""
        target = Target(self.kind, self.max_chars)
        found = registry.build(self.transformer, dict(self.options), target=target, draw=draw)
        return found if self.max_chars is None else Fitted(found, self.max_chars)


@dataclass(frozen=True, slots=True)
class TableMasks:
    """All masked columns of one table, and how many fields its rows have."""

    fields: int
    columns: tuple[ColumnMask, ...] = ()


@dataclass(frozen=True, slots=True)
class MaskingPlan:
    """The masks of every table that has any. `masker` is what a worker calls."""

    tables: Mapping[TableKey, TableMasks] = field(default_factory=dict)

    def of(self, table: Table) -> TableMasks:
        masks = self.tables.get((table.schema, table.name))
        return masks or TableMasks(len(table.stored_columns))

    def masked_columns(self) -> dict[TableKey, frozenset[str]]:
        """The columns whose values change, by table."""
        found = {
            key: frozenset(m.column for m in masks.columns if m.transformer != "transient")
            for key, masks in self.tables.items()
        }
        return {key: columns for key, columns in found.items() if columns}


Refuse = Callable[[str, str | None], ConfigError]


def build_masker(masks: TableMasks, masking_key: bytes) -> Masker:
    """The row engine for one table; `masking_key` is the root that all domains derive from."""
    return Masker(
        masks.fields,
        [
            Mask(mask.index, mask.kind, mask.transformer_with(_draw(mask, masking_key)), mask.label)
            for mask in masks.columns
        ],
    )


def _draw(mask: ColumnMask, masking_key: bytes) -> Draw:
    # The domain is the transformer's name: the same value in two tables gets one replacement.
    if not mask.consistent:
        return random_draw()
    return keyed_draw(keys.derive(masking_key, "masking domain", mask.transformer.encode()))


def plan_masking(config: Config, schema: Schema, selected: Iterable[Table]) -> MaskingPlan:
    """Check every transformer rule of the config against the schema.

    Raises `ConfigError`, with the file and line of the rule, for the first that can't hold.
    """
    source = needed(config.source, "source")
    chosen = {(table.schema, table.name): table for table in selected}
    named = [
        find_table(config, schema, rule.database, rule.table, f"source.transformers[{i}]")
        for i, rule in enumerate(source.transformers)
    ]
    places = {(table.schema, table.name): i for i, table in enumerate(named)}
    plan: dict[TableKey, TableMasks] = {}
    for key, table in chosen.items():
        # What is said of a table holds for its partitions and children; their own rules go first.
        masks: dict[str, ColumnMask] = {}
        # The nearest ancestors come first in `inherits`.
        for i in (places[k] for k in (key, *table.inherits) if k in places):
            where = f"source.transformers[{i}]"
            if not table.maskable:
                if i != places.get(key):
                    continue  # a foreign partition, which has no rows of its own to be dumped
                message = f"{table.qualified} can't be masked: {table.note}"
                raise config.error(f"{where}.table", message)
            for j, column in enumerate(source.transformers[i].columns):
                if column.name not in masks:
                    at = f"{where}.columns[{j}]"
                    masks[column.name] = _plan_column(config, table, column, at)
        if masks:
            plan[key] = TableMasks(len(table.stored_columns), tuple(masks.values()))
    planned = MaskingPlan(plan)
    _check_foreign_keys(config, schema, set(chosen), planned)
    return planned


def _plan_column(config: Config, table: Table, rule: ColumnRule, where: str) -> ColumnMask:
    stored = table.stored_columns
    names = [column.name for column in stored]
    info = next((c for c in table.columns if c.name == rule.name and not c.hidden), None)
    if info is None:
        visible = [column.name for column in table.columns if not column.hidden]
        near = difflib.get_close_matches(rule.name, visible, n=1)
        raise config.error(
            f"{where}.name",
            f"the table {table.qualified} has no column {rule.name}",
            hint=f"did you mean {near[0]}?" if near else f"it has: {', '.join(visible[:12])}",
        )
    if info.generated:
        raise config.error(
            f"{where}.name",
            f"{table.qualified}.{rule.name} is a generated column",
            hint="mask the columns that it is computed from",
        )
    if info.fixed and rule.transformer_name != "transient":
        raise config.error(
            f"{where}.name", f"{table.qualified}.{rule.name} can't be masked: {info.fixed}"
        )
    mask = ColumnMask(
        rule.name,
        names.index(rule.name),
        info.kind,
        rule.transformer_name,
        dict(rule.transformer_options or {}),
        rule.consistent,
        f"{table.qualified}.{rule.name}",
        info.max_chars,
    )
    refuse = _refusal(config, f"{where}.transformer_name", mask.label, rule)
    try:
        transformer = mask.transformer_with(_TRIAL)
    except UsageError as error:
        raise config.error(f"{where}.transformer_name", error.message, hint=error.hint) from error
    _check_effects(table, info, transformer, refuse)
    _check_length(mask, transformer, refuse)
    return mask


_TRIAL = keyed_draw(bytes(32))
"""Draws replacements to be looked at and thrown away, the same ones each time."""


def _check_length(mask: ColumnMask, transformer: Transformer, refuse: Refuse) -> None:
    """Refuse what never fits; what sometimes doesn't is only seen when it is made."""
    if mask.max_chars is None:
        return
    try:
        transformer.transform(Column.of([b"a"], mask.kind))
    except TransformError as error:
        raise refuse(error.message, error.hint) from None


def _refusal(config: Config, where: str, column: str, rule: ColumnRule) -> Refuse:
    def refuse(reason: str, hint: str | None) -> ConfigError:
        return config.error(
            where, f"{rule.transformer_name} can't be used for {column}: {reason}", hint=hint
        )

    return refuse


def _check_effects(
    table: Table, info: ColumnInfo, transformer: Transformer, refuse: Refuse
) -> None:
    effects = transformer.effects
    if effects.produces is not None and info.kind not in effects.produces:
        raise refuse(
            f"the column holds {info.kind.value} values ({info.type or 'no declared type'})",
            "`replicate transformer list` tells what each one is for",
        )
    if effects.makes_null and (not info.nullable or info.name in table.primary_key):
        raise refuse("the column does not take NULL", "use fixed or redacted instead")
    if effects.uniqueness is Uniqueness.PRESERVES:
        return
    only_nulls = effects.makes_null and effects.uniqueness is Uniqueness.CONSTANT
    for key in table.unique:
        # NULLs never collide in a unique key, so a column of NULLs can't break one.
        if info.name in key and not only_nulls:
            raise refuse(
                f"its values {effects.uniqueness.value}, and the table has a unique key on "
                f"({', '.join(key)})",
                "use email, which keeps values distinct, or transient",
            )


def _check_foreign_keys(
    config: Config, schema: Schema, chosen: set[TableKey], plan: MaskingPlan
) -> None:
    """Both ends of a foreign key must change alike, or not at all, or the join is lost."""
    for table in schema.tables:
        if (table.schema, table.name) not in chosen:
            continue
        for key in table.foreign_keys:
            parent = schema.find(key.ref_schema or table.schema, key.ref_table)
            if parent is None or (parent.schema, parent.name) not in chosen:
                continue
            for child_column, parent_column in zip(key.columns, key.ref_columns, strict=False):
                child = _effective(plan, table, child_column)
                other = _effective(plan, parent, parent_column)
                if _signature(child) == _signature(other):
                    continue
                if child is not None and child.transformer == "null":
                    continue
                raise config.error(
                    "source.transformers",
                    f"{table.qualified}.{child_column} refers to "
                    f"{parent.qualified}.{parent_column}, and masking only one of them, or each "
                    "in its own way, would break the foreign key",
                    hint="give both the same transformer with the same options, or neither one",
                )


def _effective(plan: MaskingPlan, table: Table, column: str) -> ColumnMask | None:
    for mask in plan.of(table).columns:
        if mask.column == column and mask.transformer != "transient":
            return mask
    return None


def _signature(mask: ColumnMask | None) -> object:
    if mask is None:
        return None
    # A random replacement is never the same twice, so it equals nothing but itself.
    if not mask.consistent:
        return object()
    return (mask.transformer, sorted((k, repr(v)) for k, v in mask.options.items()))
