"""Foreign keys, column by column: which column refers to which, through partitions as well."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from replicate.databases.base import ColumnInfo, ForeignKey, Schema, Table
from replicate.jobs.selection import ColumnKey, TableKey


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
