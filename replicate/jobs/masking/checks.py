"""Whether a column can take what its transformer makes, asked before a row is read."""

from __future__ import annotations

from collections.abc import Callable

from replicate.config import Config
from replicate.databases.base import ColumnInfo, Table
from replicate.errors import ConfigError, TransformError, UsageError
from replicate.jobs.masking.plan import TRIAL_KEY, UNTOUCHED, ColumnMask
from replicate.jobs.masking.unique_keys import Keys
from replicate.rows.column import Column, Kind
from replicate.transformers.base import Effects
from replicate.transformers.wrapping.fitting import check_length

Refuse = Callable[[str, str | None], ConfigError]

_MAY_BE_JSON = frozenset((Kind.JSON, Kind.TEXT, Kind.ANY))

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
        trial = mask.trial()
    except UsageError as error:
        raise config.error(where, error.message, hint=error.hint) from error
    with trial as transformer:
        _check_labels(mask, refuse)
        _check_effects(table, info, mask, transformer.effects, refuse)
        _check_length(mask, refuse)
        return transformer.reads_masked


def _check_labels(mask: ColumnMask, refuse: Refuse) -> None:
    labels = mask.target.limits.labels
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
    if info.name in table.behind_foreign_keys and mask.changes:
        raise refuse(
            "a generated column is computed from it, and a foreign key on that would break",
            "use transient, or drop the foreign key from the source",
        )
    for refusal in Keys(table.unique_keys, info, mask, effects).refusals():
        raise refuse(*refusal)


def _check_length(mask: ColumnMask, refuse: Refuse) -> None:
    """Refuse what never fits; what sometimes doesn't is only seen when it is made."""
    recipe, most = mask.recipe, mask.target.limits.max_chars
    if recipe is None or most is None or recipe.transformer.startswith("custom-"):
        return
    made = recipe.build(mask.target, recipe.draw(TRIAL_KEY))
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
