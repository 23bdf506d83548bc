"""Whether a column can take what its transformer makes, asked before a row is read."""

from __future__ import annotations

from collections.abc import Callable

from replicate.config import Config
from replicate.databases.base import ColumnInfo, Table
from replicate.errors import ConfigError, TransformError, UsageError
from replicate.jobs.masking.agreement import is_filled_up
from replicate.jobs.masking.plan import UNTOUCHED, ColumnMask
from replicate.rows.column import Column, Kind
from replicate.rows.comparing import Equality
from replicate.transformers.base import Effects, Uniqueness
from replicate.transformers.wrapping.fitting import check_length

Refuse = Callable[[str, str | None], ConfigError]

_TRIAL_KEY = bytes(32)
"""Draws replacements to be looked at and thrown away, the same ones each time."""

_MAY_BE_JSON = frozenset((Kind.JSON, Kind.TEXT, Kind.ANY))

_LEAVE = "leave it as it is with transient, or drop that key from the source"

_FREE_OF_LABELS = ("boolean", "choice", "fixed", "null", "shuffle", UNTOUCHED)
"""What makes no values of its own for a column that takes but some."""


def check_mask(config: Config, table: Table, info: ColumnInfo, mask: ColumnMask) -> frozenset[str]:
    """The columns whose replacements it waits for.

    Raises `ConfigError`, with the file and line of the rule, if the mask can't hold.
    """
    key = mask.reason.key
    if info.generated:
        raise config.error(
            f"{key}.name",
            f"{mask.label} is a generated column",
            hint="mask the columns that it is computed from",
        )
    if info.fixed and mask.changes:
        raise config.error(f"{key}.name", f"{mask.label} can't be masked: {info.fixed}")
    if mask.recipe is None and info.kind not in _MAY_BE_JSON:
        raise config.error(
            f"{key}.name",
            f"{mask.label} has no JSON for a path to lead into: it holds {info.kind.value} values "
            f"({info.type or 'no declared type'})",
            hint="name the column without a path",
        )
    where = f"{key}.transformer_name"

    def refuse(reason: str, hint: str | None) -> ConfigError:
        message = f"{mask.transformer} can't be used for {mask.label}: {reason}"
        return config.error(where, message, hint=hint)

    try:
        transformer = mask.build(_TRIAL_KEY)
    except UsageError as error:
        raise config.error(where, error.message, hint=error.hint) from error
    try:
        _check_labels(mask, refuse)
        _check_effects(table, info, mask, transformer.effects, refuse)
        _check_length(mask, refuse)
        return transformer.reads_masked
    finally:
        transformer.close()


def _check_labels(mask: ColumnMask, refuse: Refuse) -> None:
    labels = mask.target.labels
    if labels and mask.recipe is not None and mask.recipe.transformer not in _FREE_OF_LABELS:
        some = ", ".join(labels[:6]) + (", …" if len(labels) > 6 else "")
        raise refuse(f"the column takes nothing but {some}", "use choice, which draws one of them")


def _check_effects(
    table: Table, info: ColumnInfo, mask: ColumnMask, effects: Effects, refuse: Refuse
) -> None:
    made = effects.produces
    if mask.recipe is not None and made is not None and mask.target.kind not in made:
        raise refuse(
            f"the column holds {info.kind.value} values ({info.type or 'no declared type'})",
            "`replicate transformer list` tells what each one is for",
        )
    if effects.makes_null and (not info.nullable or info.name in table.primary_key):
        raise refuse("the column does not take NULL", "use fixed or redacted instead")
    _check_derived(table, info, mask, effects, refuse)
    only_nulls = effects.makes_null and effects.uniqueness is Uniqueness.CONSTANT
    if not only_nulls:
        _check_equality(table, info, mask, effects, refuse)
    if effects.uniqueness in (Uniqueness.PRESERVES, Uniqueness.PERMUTES):
        return
    for key in table.unique:
        # NULLs never collide in a unique key, so a column of NULLs can't break one.
        if info.name in key and not only_nulls:
            raise refuse(
                f"its values {effects.uniqueness.value}, and the table has a unique key on "
                f"({', '.join(key)})",
                _distinct(mask),
            )


def _check_derived(
    table: Table, info: ColumnInfo, mask: ColumnMask, effects: Effects, refuse: Refuse
) -> None:
    """What becomes of that which the database computes from the column, and of keys with NULL."""
    if info.name in table.behind_foreign_keys and mask.changes:
        raise refuse(
            "a generated column is computed from it, and a foreign key on that would break",
            "use transient, or drop the foreign key from the source",
        )
    for key in table.derived_unique:
        # lower() may make one of two values, as may the half of an address alone; and of NULL
        # coalesce() makes the same each time.
        keeps = effects.uniqueness is Uniqueness.PRESERVES and not effects.makes_null
        if info.name in key and not keeps:
            raise refuse(
                "the table has a unique key on an expression or generated column that is computed "
                f"from ({', '.join(key)}), which may be the same for distinct values",
                "use email, token or uuid, whose values have nothing in common, or transient",
            )
    for key in table.lossy_unique:
        if info.name in key and mask.changes:
            raise refuse(
                "the table has a unique key on an expression or generated column that may be the "
                f"same for distinct values of ({', '.join(key)})",
                _LEAVE,
            )
    _check_conditions(info, table, mask, effects, refuse)
    for key in table.nulls_not_distinct:
        if info.name in key and effects.makes_null:
            raise refuse(
                f"the table has a unique key on ({', '.join(key)}) that takes NULL but once",
                "use email, token or uuid, which keep values distinct, or transient",
            )


def _check_conditions(
    info: ColumnInfo, table: Table, mask: ColumnMask, effects: Effects, refuse: Refuse
) -> None:
    """Rows that a unique index leaves out may be equal, and must not come into it."""
    empties = effects.makes_null or effects.uniqueness is Uniqueness.CONSTANT
    asked = table.unique_where + (table.unique_where_null if empties else ())
    if info.name in asked and mask.changes:
        raise refuse(
            "a unique index is of those rows alone that fulfil a condition on it, and others might "
            "come to do so",
            _LEAVE,
        )


def _check_equality(
    table: Table, info: ColumnInfo, mask: ColumnMask, effects: Effects, refuse: Refuse
) -> None:
    """Keys that compare otherwise than byte for byte, and keys that meet such."""
    for key in table.loose_unique:
        # A permutation may make two of one spelling that differ in case, but none of one length
        # that differ in the spaces at their end.
        keeps = effects.uniqueness is Uniqueness.PRESERVES or (
            effects.uniqueness is Uniqueness.PERMUTES and is_filled_up(info)
        )
        if info.name in key and not keeps:
            raise refuse(
                f"its values {effects.uniqueness.value}, and the table has a unique key on "
                f"({', '.join(key)}) by which values are the same that differ in case, say",
                "use email, token or uuid, whose values have nothing in common, or transient",
            )
    folds = mask.changes and mask.equality not in (info.equality, Equality.BYTES)
    if folds and any(info.name in key for key in table.unique):
        raise refuse(
            f"the column that it refers to compares {mask.equality.value}, and a unique key of its "
            "own does not",
            _LEAVE,
        )


def _distinct(mask: ColumnMask) -> str:
    """What to do where distinct values have to stay distinct."""
    if mask.recipe is not None and mask.recipe.transformer.startswith("custom-"):
        return "if it keeps distinct values distinct, say `unique: true` in its transformer_options"
    return "use email, token, uuid or format-preserving, which keep values distinct, or transient"


def _check_length(mask: ColumnMask, refuse: Refuse) -> None:
    """Refuse what never fits; what sometimes doesn't is only seen when it is made."""
    recipe, most = mask.recipe, mask.target.max_chars
    if recipe is None or most is None or recipe.transformer.startswith("custom-"):
        return
    made = recipe.build(mask.target, recipe.draw(_TRIAL_KEY))
    if made.reads or made.reads_masked:
        return
    try:
        replacement = made.transform(Column.of([b"a"], mask.target.kind))
    except TransformError:
        return  # it is nothing that this transformer takes
    try:
        check_length(replacement, most)
    except TransformError as error:
        raise refuse(error.message, error.hint) from None
