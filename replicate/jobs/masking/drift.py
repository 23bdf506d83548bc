"""Columns that appeared since the config was written, and what the config wants done about them.

A column is known if a rule of the config is about it, or if the lock beside the config lists it
with the type that it has (`replicate config lock`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from replicate.config import Config
from replicate.config.lock import KnownColumns, lock_path, read_lock
from replicate.databases.base import ColumnInfo, Schema, Table
from replicate.errors import ConfigError
from replicate.jobs.masking.checks import check_mask
from replicate.jobs.masking.making import make_mask
from replicate.jobs.masking.plan import ColumnMask, Masks, Reason, Recipe, find, named
from replicate.jobs.masking.references import Reference
from replicate.jobs.opening import needed
from replicate.jobs.selection import TableKey
from replicate.rows.column import Kind

_KEY = "source.on_new_column"

_MASKS = {
    Kind.TEXT: ("random", "token"),
    Kind.ANY: ("random", "token"),
    Kind.INTEGER: ("random", "format-preserving"),
    Kind.NUMERIC: ("random", "format-preserving"),
    Kind.REAL: ("random",),
    Kind.BOOLEAN: ("random",),
    Kind.UUID: ("random",),
    Kind.BINARY: ("random",),
    Kind.DATE: ("random-date",),
    Kind.TIME: ("random-date",),
    Kind.TIMESTAMP: ("random-date",),
    Kind.ENUM: ("choice",),
    Kind.INET: ("ip-address",),
    Kind.MACADDR: ("mac-address",),
}
"""What `mask` tries for a column, in this order, and then NULL."""


def lockable_columns(schema: Schema) -> Iterator[tuple[str, str, str, str]]:
    """What a lock lists: schema, table, name and type of every column with values of its own."""
    for table in schema.tables:
        for column in table.columns:
            if not column.hidden and not column.generated:
                yield table.schema, table.name, column.name, column.type


class Drift:
    """The config's policy. Without one, columns that no rule names pass, as they always did."""

    def __init__(self, config: Config) -> None:
        """Raises `ConfigError` if there is a policy, and no lock to hold columns against."""
        self._config = config
        self._policy = needed(config.source, "source").on_new_column
        self._known = KnownColumns({})
        if self._policy is not None:
            self._known = self._read_lock()

    def _read_lock(self) -> KnownColumns:
        path = lock_path(self._config.path or "conf.yaml")
        known = read_lock(path)
        if known is None:
            raise self._config.error(
                _KEY,
                f"there is no {path.name} that says which columns are known",
                hint="`replicate config lock` writes it",
            )
        return known

    def settle(
        self,
        chosen: Mapping[TableKey, Table],
        masks: Masks,
        found: Sequence[Reference],
        follow: Callable[[], None],
    ) -> None:
        """Add to `masks` what the policy says of new columns, or raise `ConfigError` for them.

        `follow` lets foreign keys take over the masks of what they refer to; after each new one.
        """
        if self._policy in (None, "pass"):
            return
        new = {
            (table.schema, table.name, info.name): (table, info)
            for table in chosen.values()
            for info in table.columns
            if self._is_new(table, info, masks)
        }
        if new and self._policy == "fail":
            raise self._unknown(list(new.values()))
        # A column that refers to one which is known and stays holds nothing that isn't there, and
        # no other value would do.
        staying = {
            reference.ends[0]
            for reference in found
            if self._policy == "mask"
            and reference.ends[1] not in new
            and find(masks, reference.ends[1]) is None
        }
        for key, (table, info) in new.items():
            if key not in staying and not named(masks, key):
                self._add(masks, table, info)
                follow()

    def _add(self, masks: Masks, table: Table, info: ColumnInfo) -> None:
        if not table.maskable:
            raise self._config.error(
                _KEY,
                f"the new column {table.qualified}.{info.name} can't be masked: {table.note}",
                hint="leave the table out with skip, or accept it with `replicate config lock`",
            )
        masks.setdefault((table.schema, table.name), {})[info.name] = self._mask(table, info)

    def _is_new(self, table: Table, info: ColumnInfo, masks: Masks) -> bool:
        key = (table.schema, table.name, info.name)
        return not (
            info.hidden
            or info.generated
            or named(masks, key)
            or (*key, info.type) in self._known
            or any((*each, info.name, info.type) in self._known for each in table.inherits)
        )

    def _unknown(self, new: Sequence[tuple[Table, ColumnInfo]]) -> ConfigError:
        names = [f"{table.qualified}.{info.name}" for table, info in new]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        many = "columns are" if len(names) > 1 else "column is"
        return self._config.error(
            _KEY,
            f"{len(names)} {many} new since {lock_path(self._config.path or '').name}: {shown}",
            hint="give each a transformer, or transient, or accept them as they are with "
            "`replicate config lock`",
        )

    def _mask(self, table: Table, info: ColumnInfo) -> ColumnMask:
        """The first way of masking that the column takes."""
        wanted = () if self._policy == "null" else _MASKS.get(info.element or info.kind, ())
        reason = Reason(f"it is new, and on_new_column is {self._policy}", _KEY)
        for name in (*wanted, "null"):
            mask = make_mask(self._config, table, info, Recipe(name), reason)
            try:
                check_mask(self._config, table, info, mask)
            except ConfigError:
                continue
            return mask
        raise self._config.error(
            _KEY,
            f"the new column {table.qualified}.{info.name} can't be masked without being told how",
            hint="give it a transformer, or transient",
        )
