"""The schema sections of a dump: what creates the tables, and what comes after the rows.

pg_dump writes the schema, of the very moment that the rows are read in. Its archive is taken apart
into entries; what belongs to skipped tables is left out, together with all that needs them; what
pg_dump only does along with rows is added: large objects, sequences and materialised views.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

from replicate.databases.base import Schema, Selection
from replicate.databases.postgresql.archive import (
    POST_DATA,
    PRE_DATA,
    Item,
    entry_of,
    quote,
    read_archive,
    sections_of,
)
from replicate.databases.postgresql.connection import Address, Connection
from replicate.databases.postgresql.dependents import (
    PG_CLASS,
    Catalog,
    Key,
    Name,
    ordered,
    rank,
    removed,
)
from replicate.databases.postgresql.entries import SETTINGS, Entry, write_script
from replicate.databases.postgresql.large_objects import NAME as LARGE_OBJECTS
from replicate.databases.postgresql.large_objects import large_objects
from replicate.databases.postgresql.programs import find_pg_dump, run_pg_dump
from replicate.databases.postgresql.sequences import (
    extension_sequences,
    read_states,
    refuse_unreadable,
)

LOCK_SECONDS = 60
"""How long pg_dump waits for a table whose definition somebody is changing."""

_UNWANTED = frozenset({
    "ENCODING", "STDSTRINGS", "SEARCHPATH",  # ours stand in the settings
    "DATABASE", "DATABASE PROPERTIES",  # the destination has its own
    "PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA",
    "SUBSCRIPTION", "SUBSCRIPTION TABLE",  # would start to replicate, and holds a password
    "USER MAPPING",  # holds passwords
    "SECURITY LABEL", "STATISTICS DATA",  # the latter holds values
})  # fmt: skip
_TABLES = frozenset({"TABLE", "FOREIGN TABLE"})

_SETTINGS = """\
SET client_encoding = '{encoding}';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
WHERE name IN ('idle_session_timeout', 'transaction_timeout');
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET lc_monetary = 'C';
SET extra_float_digits = 3;
SET bytea_output = 'hex';"""
"""A statement a line. Settings that not every version has are set where they are found."""

_NAMED_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class _Archive:
    """What pg_dump wrote, and what the catalog adds to it."""

    items: tuple[Item, ...]
    tables: Mapping[int, Name]
    sections: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is left of an archive for one selection."""

    archive: _Archive
    kept: tuple[Item, ...]
    dropped: tuple[Item, ...]
    gone: frozenset[Key]


class Sections:
    """Writes the sections of one snapshot. Not to be used by two threads at once.

    `connection` is in the transaction that exported `snapshot_id`; with None for it, pg_dump reads
    a moment of its own. `schema` has the database's tables, of which `LARGE_OBJECTS` may be one.
    All methods raise `DatabaseError` where the schema can't be read.
    """

    def __init__(
        self,
        address: Address,
        connection: Connection,
        snapshot_id: str | None,
        bin_path: str | None,
        schema: Schema,
    ) -> None:
        self._address = address
        self._connection = connection
        self._snapshot_id = snapshot_id
        self._bin_path = bin_path
        self._schema = schema
        self._archives: dict[frozenset[Name], _Archive] = {}
        self._plans: dict[frozenset[Name], _Plan] = {}

    def pre_data(self, selection: Selection) -> str:
        """The script that creates what rows need."""
        plan = self._plan(selection)
        # Now, rather than when all rows have been read.
        refuse_unreadable(self._connection, self._sequences(plan)[0])
        entries = [self._settings(plan, 0)]
        entries += self._entries(plan, PRE_DATA)
        if self._has_large_objects(selection):
            objects = large_objects(self._connection, _last(plan) + 3)
            entries += [] if objects is None else [objects]
        return write_script(entries)

    def post_data(self, selection: Selection) -> str:
        """The script for all that comes after the rows, in an order that can be run as it is."""
        plan = self._plan(selection)
        # Numbers of what isn't pg_dump's: two for settings, one for large objects, then these.
        first = _last(plan) + 4
        entries = list(self._entries(plan, POST_DATA))
        entries += self._sequence_states(plan, first)
        refreshes, _ = self._refreshes(plan, entries, first + len(entries))
        entries += refreshes
        view_rules = {item.id for item in plan.kept if self._is_view_rule(item)}
        return write_script([self._settings(plan, 1), *ordered(entries, view_rules)])

    def remarks(self, selection: Selection) -> list[str]:
        """What the user should know of a dump of that selection, a sentence each."""
        plan = self._plan(selection)
        found = []
        if more := sorted(self.left_out(selection) - selection.skipped):
            names = [".".join(name) for name in more]
            found.append(
                f"Left out as well, since they need a table that is left out: {_some(names)}."
            )
        others = [
            f"{item.kind.lower()} {item.schema}.{item.tag}"
            for item in plan.dropped
            if item.catalog in plan.gone
            and item.kind not in _TABLES
            and plan.archive.tables.get(item.id) not in self._gone_names(plan)
        ]
        if others:
            found.append(f"Left out with the tables that they need: {_some(others)}.")
        if any(item.kind == "USER MAPPING" for item in plan.archive.items):
            found.append("User mappings are left out, since they hold passwords of other servers.")
        _, empty = self._refreshes(plan, [], 0)
        if empty:
            names = [f"{item.schema}.{item.tag}" for item in empty]
            found.append(
                "Materialized views stay empty that read another one, which is empty: "
                f"{_some(names)}."
            )
        if self._has_large_objects(selection):
            found.append(
                "Large objects are dumped as they are, unmasked; to leave them out, add "
                f"{'.'.join(LARGE_OBJECTS)} to source.skip."
            )
        return found

    def left_out(self, selection: Selection) -> frozenset[Name]:
        """The tables of the schema that the sections don't define: skipped, or in need of one.

        Where nothing is skipped pg_dump isn't run for it.
        """
        if not selection.skipped:
            return frozenset()
        plan = self._plan(selection)
        gone = self._gone_names(plan) | selection.skipped
        tables = ((table.schema, table.name) for table in self._schema.tables)
        return frozenset(name for name in tables if name in gone)

    @cached_property
    def _catalog(self) -> Catalog:
        return Catalog(self._connection)

    def _gone_names(self, plan: _Plan) -> set[Name]:
        relations = self._catalog.relations
        return {
            relations[oid].name for cls, oid in plan.gone if cls == PG_CLASS and oid in relations
        }

    def _plan(self, selection: Selection) -> _Plan:
        skipped = selection.skipped - {LARGE_OBJECTS}
        if skipped not in self._plans:
            archive = self._archive(skipped)
            unwanted = set(_unwanted(archive.items))
            dropped, gone = removed(archive.items, self._catalog, skipped, unwanted)
            self._plans[skipped] = _Plan(
                archive,
                tuple(item for item in archive.items if item.id not in dropped),
                tuple(i for i in archive.items if i.id in dropped and i.id not in unwanted),
                frozenset(gone),
            )
        return self._plans[skipped]

    def _archive(self, skipped: AbstractSet[Name]) -> _Archive:
        """What pg_dump writes without those of the skipped tables that may not be read.

        pg_dump locks each table that it describes, which takes the right to read it.
        """
        closed = frozenset(r.name for r in self._catalog.named(skipped) if not r.readable)
        if closed not in self._archives:
            items = read_archive(self._run(closed))
            self._archives[closed] = _Archive(
                tuple(items), self._catalog.tables(items), sections_of(items)
            )
        return self._archives[closed]

    def _run(self, closed: AbstractSet[Name]) -> bytes:
        program = find_pg_dump(self._connection.info.server_version, self._bin_path)
        arguments = [
            "--format=custom",
            "--schema-only",
            "--compress=0",
            "--no-publications",
            "--no-subscriptions",
            "--no-security-labels",
            f"--encoding={self._encoding}",
            f"--lock-wait-timeout={LOCK_SECONDS * 1000}",
        ]
        if self._snapshot_id is not None:
            arguments.append(f"--snapshot={self._snapshot_id}")
        arguments += (
            f"--exclude-table={quote(schema)}.{quote(name)}" for schema, name in sorted(closed)
        )
        return run_pg_dump(self._address, program, arguments)

    @property
    def _encoding(self) -> str:
        server = self._connection.info.parameter_status("server_encoding")
        return "SQL_ASCII" if server == "SQL_ASCII" else "UTF8"

    def _settings(self, plan: _Plan, number: int) -> Entry:
        sql = _SETTINGS.format(encoding=self._encoding)
        return Entry(_last(plan) + 1 + number, SETTINGS, "", "settings", sql)

    def _entries(self, plan: _Plan, section: int) -> Iterator[Entry]:
        kept = {item.id for item in plan.kept}
        for item in plan.kept:
            if plan.archive.sections[item.id] == section:
                depends = tuple(number for number in item.depends if number in kept)
                yield replace(
                    entry_of(item), depends=depends, table=plan.archive.tables.get(item.id)
                )

    def _has_large_objects(self, selection: Selection) -> bool:
        return (
            LARGE_OBJECTS not in selection.skipped and self._schema.find(*LARGE_OBJECTS) is not None
        )

    def _sequences(self, plan: _Plan) -> tuple[dict[int, Name], dict[int, int]]:
        """By oid, the names of the sequences, and the numbers of the items that bring them."""
        items = {item.catalog[1]: item for item in plan.kept if item.kind == "SEQUENCE"}
        owners = {oid: item.id for oid, item in items.items()}
        sequences = {oid: (item.schema, item.tag) for oid, item in items.items()}
        extensions = {i.catalog[1]: i.id for i in plan.kept if i.kind == "EXTENSION"}
        for oid, name, extension in extension_sequences(self._connection):
            if extension in extensions:
                sequences[oid] = name
                owners[oid] = extensions[extension]
        return sequences, owners

    def _sequence_states(self, plan: _Plan, first: int) -> list[Entry]:
        sequences, owners = self._sequences(plan)
        states = read_states(self._connection, sequences)
        entries = []
        for number, (oid, sql) in enumerate(states.items(), first):
            table = plan.archive.tables.get(owners[oid])
            kind = "SEQUENCE SET"
            entries.append(Entry(number, kind, *sequences[oid], sql, (owners[oid],), table=table))
        return entries

    def _is_view_rule(self, item: Item) -> bool:
        return item.kind == "RULE" and item.tag.endswith(" _RETURN")

    def _refreshes(
        self, plan: _Plan, entries: Sequence[Entry], first: int
    ) -> tuple[list[Entry], list[Item]]:
        """An entry for each materialised view that is to be filled, and those that can't be."""
        views = [item for item in plan.kept if item.kind == "MATERIALIZED VIEW"]
        sources = self._sources(plan, views)
        filled: dict[int, Entry] = {}
        empty = []
        by_table: dict[Name, list[int]] = {}
        for entry in entries:
            if entry.table is not None and rank(entry.kind) <= rank("FK CONSTRAINT"):
                by_table.setdefault(entry.table, []).append(entry.id)
        state = {r.oid: r.populated for r in self._catalog.relations.values()}
        for item in views:
            if not state.get(item.catalog[1], False):
                continue
            read = sources[item.id]
            others = [o.id for o in read if o.kind == "MATERIALIZED VIEW" and o.id != item.id]
            if not all(other in filled for other in others):
                empty.append(item)
                continue
            depends = {found.id for found in read}
            depends.update(filled[other].id for other in others)
            for found in read:
                depends.update(by_table.get((found.schema, found.tag), ()))
            name = f"{quote(item.schema)}.{quote(item.tag)}"
            filled[item.id] = Entry(
                first + len(filled),
                "MATERIALIZED VIEW DATA",
                item.schema,
                item.tag,
                f"REFRESH MATERIALIZED VIEW {name};",
                tuple(sorted(depends)),
                table=(item.schema, item.tag),
            )
        return list(filled.values()), empty

    def _sources(self, plan: _Plan, views: Iterable[Item]) -> dict[int, list[Item]]:
        """By materialised view, all that it reads, in whatever depth, itself included."""
        kept = {item.id: item for item in plan.kept}
        needs = {item.id: list(item.depends) for item in plan.kept}
        for item in plan.kept:
            if self._is_view_rule(item):
                # pg_dump breaks a loop by a view of NULLs, which gets its query by a rule later.
                owner = plan.archive.tables.get(item.id)
                for number in item.depends:
                    if number in kept and (kept[number].schema, kept[number].tag) == owner:
                        needs[number].append(item.id)
        found = {}
        for view in views:
            seen = {view.id}
            todo = [view.id]
            while todo:
                for number in needs[todo.pop()]:
                    if number in kept and number not in seen:
                        seen.add(number)
                        todo.append(number)
            found[view.id] = [kept[number] for number in sorted(seen)]
        return found


def _last(plan: _Plan) -> int:
    return max((item.id for item in plan.archive.items), default=0)


def _unwanted(items: Iterable[Item]) -> Iterator[int]:
    extensions = set()
    for item in items:
        if item.kind == "EXTENSION":
            extensions.add(item.id)
        # A comment on an extension takes its owner, and says what every server knows.
        about_extension = item.kind == "COMMENT" and not extensions.isdisjoint(item.depends)
        if item.kind in _UNWANTED or about_extension:
            yield item.id


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
