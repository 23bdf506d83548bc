"""How tables belong together: partitions to a table, columns to what they refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from replicate.databases.base import Table
from replicate.jobs.selection import ColumnKey, TableKey


class Lineage:
    """Partitions and children, told as the table whose rows include theirs: `heads`."""

    def __init__(self, selected: Sequence[Table], chosen: set[TableKey]) -> None:
        tables = {(table.schema, table.name): table for table in selected if table.maskable}
        self._members: dict[TableKey, list[Table]] = {}
        for key, table in tables.items():
            above = [parent for parent in table.inherits if parent in tables]
            head = above[-1] if above else key
            if key in chosen or head in chosen:
                self._members.setdefault(head, []).append(table)
        self.heads = [tables[head] for head in self._members]

    def members(self, head: Table) -> list[Table]:
        """The table itself, and those below it; none for a table that is no head."""
        return self._members.get((head.schema, head.name), [])


class Keys:
    """The foreign keys between the tables of a dump."""

    def __init__(self, selected: Sequence[Table]) -> None:
        self._tables = {(table.schema, table.name): table for table in selected}
        self._parents: dict[ColumnKey, ColumnKey] = {}
        self._joined: dict[TableKey, set[TableKey]] = {key: set() for key in self._tables}
        for table in selected:
            for child, parent in _references(table, self._tables):
                self._parents.setdefault(child, parent)
                self._joined[child[:2]].add(parent[:2])
                self._joined[parent[:2]].add(child[:2])
            for above in table.inherits:
                if above in self._tables:
                    self._joined[table.schema, table.name].add(above)
                    self._joined[above].add((table.schema, table.name))

    def parent(self, column: ColumnKey) -> ColumnKey | None:
        """The column that this one refers to, if that is dumped too."""
        found = self._parents.get(column)
        return None if found == column else found

    def table(self, column: ColumnKey) -> Table:
        return self._tables[column[:2]]

    def around(self, table: Table) -> list[Table]:
        """The table, and all that keys join to it, directly or not."""
        start = (table.schema, table.name)
        found = {start: None}
        waiting = [start]
        while waiting:
            for key in sorted(self._joined.get(waiting.pop(), ())):
                if key not in found:
                    found[key] = None
                    waiting.append(key)
        return [self._tables[key] for key in found]


def _references(
    table: Table, tables: Mapping[TableKey, Table]
) -> Iterator[tuple[ColumnKey, ColumnKey]]:
    for key in table.foreign_keys:
        parent = (key.ref_schema or table.schema, key.ref_table)
        if parent not in tables:
            continue
        for child, referred in key.pairs(tables[parent]):
            yield (table.schema, table.name, child), (*parent, referred)
