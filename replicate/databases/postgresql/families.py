"""Partitions and their tables, children and their parents, as the entries of a dump tell them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from replicate.databases.postgresql.entries import Entry

Name = tuple[str, str]
"""A schema, and a table in it."""

TABLES = frozenset({"TABLE", "FOREIGN TABLE", "MATERIALIZED VIEW"})
"""Kinds of entries that statements about tables lock."""

_PARTS = frozenset({"TABLE", "FOREIGN TABLE", "TABLE ATTACH"})
"""Kinds of entries that tell of a table's place among others."""


class Family:
    """Which tables a statement about another one locks along: partitions, and children."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        by_id = {entry.id: entry for entry in entries}
        self._parents: dict[Name, set[Name]] = {}
        self._children: dict[Name, set[Name]] = {}
        self._hashed: set[Name] = set()
        self._foreign: set[Name] = set()
        self.partitions: set[Name] = set()
        for entry in by_id.values():
            if entry.kind not in _PARTS:
                continue
            child = (entry.schema, entry.name)
            if entry.kind == "FOREIGN TABLE":
                self._foreign.add(child)
            if "PARTITION BY HASH" in entry.sql:
                self._hashed.add(child)
            if entry.kind == "TABLE ATTACH":
                self.partitions.add(child)
            for needed in (by_id.get(number) for number in entry.depends):
                if needed is None or needed.kind not in _PARTS:
                    continue
                parent = (needed.schema, needed.name)
                if parent != child:
                    self._parents.setdefault(child, set()).add(parent)
                    self._children.setdefault(parent, set()).add(child)

    def parents(self, name: Name) -> set[Name]:
        return self._parents.get(name, set())

    def above(self, names: Iterable[Name]) -> set[Name]:
        return _reach(names, self._parents)

    def below(self, names: Iterable[Name]) -> set[Name]:
        return _reach(names, self._children)

    def root(self, name: Name) -> Name:
        """The partitioned table at the top of those that the table is a partition of, or itself."""
        while name in self.partitions and self._parents.get(name):
            name = min(self._parents[name])
        return name

    def analyzed(self, name: Name) -> Name:
        """The table whose ANALYZE includes that one's, and asks no other server for rows."""
        root = self.root(name)
        return root if self._foreign.isdisjoint(self.below([root])) else name

    def targets(self, tables: Container[Name]) -> dict[Name, Name]:
        """By partition, the table to load its rows into where that isn't the partition.

        Where a hash decides, a row may be in another partition here: an enum's value has another
        hash in each database, and a text's in each character set. So the rows go to the root, as
        pg_dump has it; but where not all of its partitions are among the `tables` to load.
        """
        found = {}
        for name in self.partitions:
            if not self._hashed.isdisjoint(self.above([name])):
                root = self.root(name)
                if all(other in tables for other in self.below([root]) - {root}):
                    found[name] = root
        return found


def _reach(names: Iterable[Name], steps: Mapping[Name, set[Name]]) -> set[Name]:
    found: set[Name] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= steps.get(name, set())
    return found
