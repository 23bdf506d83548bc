"""Which entries of a dump's schema a restore runs: all of them, or what some tables need.

For some tables the definitions are these tables', what belongs to them (defaults, their columns'
sequences), and everything that those depend on. A partition brings along the partitioned table, as
a definition. After the rows come the indexes, constraints, triggers and so on of these tables, but
for those that need a table that is not restored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from replicate.databases.base import LoadTable
from replicate.databases.postgresql.entries import SETTINGS, Entry
from replicate.databases.postgresql.large_objects import NAME as LARGE_OBJECTS

_BELONGING = frozenset({"COMMENT", "DEFAULT", "SECURITY LABEL", "SEQUENCE", "SEQUENCE OWNED BY"})
"""Kinds of definitions that go with a table, though the table doesn't depend on them."""

_TABLES = frozenset({"TABLE", "FOREIGN TABLE"})

_NEVER_ADDED = _TABLES | {
    "MATERIALIZED VIEW", "SEQUENCE", "TABLE ATTACH", "VIEW", "LARGE OBJECTS",
}  # fmt: skip
"""What the entries after the rows may not bring along: it would be empty, or somebody else's."""

Name = tuple[str, str]


class Choice:
    """The entries to run of a dump's two sections; `only` is None for all."""

    def __init__(self, pre: Sequence[Entry], only: Sequence[LoadTable] | None) -> None:
        self._all = {entry.id: entry for entry in pre}
        self._only = only
        self.tables = {(e.schema, e.name) for e in pre if e.kind in _TABLES}
        """The tables whose indexes and the like are made as well."""
        self.pre = list(pre)
        """The entries to run before the rows, in order, settings left out."""
        if only is not None:
            self.tables = {(table.schema, table.name) for table in only}
            kept = self._needed(pre)
            self.pre = [entry for entry in pre if entry.id in kept]
        self.pre = [entry for entry in self.pre if entry.kind != SETTINGS]
        self._kept = {entry.id for entry in self.pre}

    def post(self, entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
        """The entries to run after the rows; before them, those to make up for.

        The latter are definitions that only these need, such as a trigger's function.
        """
        entries = [entry for entry in entries if entry.kind != SETTINGS]
        if self._only is None:
            return [], entries
        known = self._all.keys() | {entry.id for entry in entries}
        kept = set(self._kept)
        added: set[int] = set()
        chosen = []
        for entry in _by_dependency(entries):
            mine = entry.table in self.tables
            follows = entry.kind in ("SEQUENCE SET", "COMMENT") and bool(entry.depends)
            if not mine and not follows:
                continue
            missing = {number for number in entry.depends if number in known and number not in kept}
            extra = self._addable(missing) if mine else None
            if missing and extra is None:
                continue
            added |= extra or set()
            kept |= {entry.id} | (extra or set())
            chosen.append(entry)
        return [entry for entry in self._all.values() if entry.id in added], chosen

    def _addable(self, missing: set[int]) -> set[int] | None:
        """All that must be made for the missing ones to be there; None where it can't be."""
        found: set[int] = set()
        waiting = set(missing)
        while waiting:
            entry = self._all.get(waiting.pop())
            if entry is None or entry.kind in _NEVER_ADDED:
                return None
            found.add(entry.id)
            waiting |= (
                {number for number in entry.depends if number in self._all} - found - self._kept
            )
        return found

    def _needed(self, pre: Sequence[Entry]) -> set[int]:
        kept = self._closure(
            entry.id for entry in pre
            if (entry.schema, entry.name) in self.tables and entry.kind in _TABLES
        )  # fmt: skip
        before = -1
        while len(kept) > before:
            before = len(kept)
            kept |= self._closure(e.id for e in pre if self._belongs(e, kept))
        if LARGE_OBJECTS in self.tables:
            kept |= self._closure(e.id for e in pre if e.kind == "LARGE OBJECTS")
        return kept

    def _belongs(self, entry: Entry, kept: set[int]) -> bool:
        if entry.id in kept:
            return False
        if entry.kind == "TABLE ATTACH":
            belongs = (entry.schema, entry.name) in self.tables
            if belongs:  # an index of the partition is a part of the partitioned table's
                self.tables |= {
                    (e.schema, e.name)
                    for e in (self._all.get(number) for number in entry.depends)
                    if e is not None and e.kind in _TABLES
                }
            return belongs
        if entry.kind not in _BELONGING:
            return False
        needs = [number for number in entry.depends if number in self._all]
        holders = {number for number in needs if self._all[number].kind in _TABLES}
        if entry.kind == "DEFAULT":
            return bool(holders & kept) or entry.table in self.tables
        if entry.kind == "SEQUENCE":  # an identity column's needs its table
            return bool(holders) and holders <= kept
        return bool(needs) and kept.issuperset(needs)

    def _closure(self, ids: Iterable[int]) -> set[int]:
        found: set[int] = set()
        waiting = set(ids)
        while waiting:
            number = waiting.pop()
            if number in found or number not in self._all:
                continue
            found.add(number)
            waiting |= set(self._all[number].depends)
        return found


def _by_dependency(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, each after those that it depends on; otherwise as they stand."""
    waiting = {entry.id: entry for entry in entries}
    ordered: list[Entry] = []
    while waiting:
        ready = [e for e in waiting.values() if not any(number in waiting for number in e.depends)]
        for entry in ready or list(waiting.values()):  # a circle is run as it stands
            ordered.append(entry)
            del waiting[entry.id]
    return ordered
