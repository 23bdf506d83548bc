"""What goes when a table is left out, which table an object belongs to, and what comes first.

An archive's own lists of dependencies are made for the order of a restore: they name no objects
that have no entry of their own, such as a CHECK that stands in its table's definition, and nothing
of a table that pg_dump was told to pass over. So what depends on a table is looked up in
pg_depend as well, which is what DROP … CASCADE goes by:
https://www.postgresql.org/docs/current/catalog-pg-depend.html
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from replicate.databases.postgresql.archive import Item
from replicate.databases.postgresql.connection import Connection, errors_of
from replicate.databases.postgresql.entries import Entry
from replicate.errors import DatabaseError

PG_CLASS = 1259
"""The oid of the catalog of relations. Catalogs' own oids are the same everywhere."""

_PG_ATTRDEF, _PG_CONSTRAINT, _PG_TYPE = 2604, 2606, 1247

Key = tuple[int, int]
"""An object: its catalog's oid and its own in it."""

Name = tuple[str, str]
"""A schema and a name in it."""

_RANKS = {
    "STATISTICS": 1,
    "FK CONSTRAINT": 2,
    "SEQUENCE SET": 3,
    "MATERIALIZED VIEW DATA": 4,
    "TRIGGER": 5,
    "RULE": 5,
    "ROW SECURITY": 6,
    "POLICY": 6,
    "DEFAULT ACL": 7,
    "EVENT TRIGGER": 8,
}
"""The order of the second section, as far as dependencies allow; what isn't here comes first."""

_RELATIONS = """
    SELECT c.oid, n.nspname, c.relname, c.relispopulated,
           pg_catalog.has_schema_privilege(n.oid, 'USAGE')
           AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

_PARTS = """
    SELECT 1259::oid, indexrelid, indrelid FROM pg_catalog.pg_index WHERE indexrelid >= 16384
    UNION ALL
    SELECT 2606, oid, conrelid FROM pg_catalog.pg_constraint WHERE conrelid <> 0
    UNION ALL
    SELECT 2620, oid, tgrelid FROM pg_catalog.pg_trigger
    UNION ALL
    SELECT 2618, oid, ev_class FROM pg_catalog.pg_rewrite WHERE oid >= 16384
    UNION ALL
    SELECT 3256, oid, polrelid FROM pg_catalog.pg_policy
    UNION ALL
    SELECT 2604, oid, adrelid FROM pg_catalog.pg_attrdef
    UNION ALL
    SELECT 3381, oid, stxrelid FROM pg_catalog.pg_statistic_ext
    UNION ALL
    SELECT 1259, d.objid, d.refobjid
      FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid
     WHERE c.relkind = 'S' AND d.classid = 1259 AND d.refclassid = 1259
       AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
"""
"""Objects of a table, as key and the table's oid; a sequence that a column owns is one."""

# What depends on an object; and what an object is an internal part of, which can't be without it:
# a view's rule takes the view with it.
_STEP = """
    SELECT d.classid, d.objid
      FROM unnest(%(classes)s::oid[], %(oids)s::oid[]) AS g (class, oid)
      JOIN pg_catalog.pg_depend d ON d.refclassid = g.class AND d.refobjid = g.oid
    UNION
    SELECT d.refclassid, d.refobjid
      FROM unnest(%(classes)s::oid[], %(oids)s::oid[]) AS g (class, oid)
      JOIN pg_catalog.pg_depend d ON d.classid = g.class AND d.objid = g.oid
     WHERE d.deptype = 'i'
"""

# What a constraint or a default stands in where it has no entry of its own. A CHECK that a child
# merely inherits stands in its parent; a partition's is written out.
_HOLDERS = """
    SELECT CASE WHEN t.conrelid <> 0 THEN 1259 ELSE 1247 END::oid,
           CASE WHEN t.conrelid <> 0 THEN t.conrelid ELSE t.contypid END
      FROM pg_catalog.pg_constraint t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.conrelid
     WHERE t.oid = ANY (%(constraints)s::oid[]) AND t.contype = 'c'
       AND (t.conislocal OR c.relispartition)
    UNION
    SELECT 1259, adrelid FROM pg_catalog.pg_attrdef WHERE oid = ANY (%(defaults)s::oid[])
"""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view or sequence. `readable` says whether the role may read it."""

    oid: int
    name: Name
    populated: bool
    readable: bool


class Catalog:
    """What the server knows of relations and of what belongs to them, read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        with errors_of("the catalog can't be read"):
            found = connection.execute(_RELATIONS).fetchall()
            parts = connection.execute(_PARTS).fetchall()
        self.relations: Mapping[int, Relation] = {
            oid: Relation(oid, (text(schema), text(name)), populated, readable)
            for oid, schema, name, populated, readable in found
        }
        self._holders: Mapping[Key, int] = {(cls, oid): relation for cls, oid, relation in parts}

    def named(self, names: AbstractSet[Name]) -> list[Relation]:
        return [relation for relation in self.relations.values() if relation.name in names]

    def tables(self, items: Iterable[Item]) -> dict[int, Name]:
        """By entry's number, the table that the object belongs to, where it does to one.

        What the catalog has no key for, such as a comment, belongs where its object does.
        """
        kept: dict[int, Item] = {}
        found: dict[int, Name] = {}
        for item in items:
            kept[item.id] = item
            if item.kind == "TABLE ATTACH":
                found[item.id] = (item.schema, item.tag)
            elif (holder := self._holders.get(item.catalog)) is not None:
                if holder in self.relations:
                    found[item.id] = self.relations[holder].name
            elif item.catalog not in self._holders and not _is_object(item):
                objects = [kept[number] for number in item.depends if number in kept]
                if item.kind == "INDEX ATTACH":
                    objects = _attached(item, objects)
                if objects and (name := self._at_home(objects[0], found)) is not None:
                    found[item.id] = name
        return found

    def _at_home(self, item: Item, found: Mapping[int, Name]) -> Name | None:
        if item.id in found:
            return found[item.id]
        cls, oid = item.catalog
        relation = self.relations.get(oid) if cls == PG_CLASS else None
        return None if relation is None else relation.name

    def dependents(self, seeds: Iterable[Key], written: AbstractSet[Key]) -> set[Key]:
        """The objects that can't be where the seeds are not, these included.

        `written` are the objects that have an entry of their own.
        """
        gone = set(seeds)
        fresh = set(gone)
        while fresh:
            constraints = [oid for cls, oid in fresh - written if cls == _PG_CONSTRAINT]
            defaults = [oid for cls, oid in fresh - written if cls == _PG_ATTRDEF]
            pairs = sorted(fresh)
            with errors_of("the catalog of dependencies can't be read"):
                rows = self._connection.execute(
                    _STEP,
                    {"classes": [cls for cls, _ in pairs], "oids": [oid for _, oid in pairs]},
                ).fetchall()
                if constraints or defaults:
                    rows += self._connection.execute(
                        _HOLDERS, {"constraints": constraints, "defaults": defaults}
                    ).fetchall()
            fresh = {(cls, oid) for cls, oid in rows} - gone
            gone |= fresh
        return gone


def _is_object(item: Item) -> bool:
    """Whether the entry makes an object of its own, rather than say something of another."""
    return item.catalog[0] != 0 and item.catalog[1] != 0


def _attached(item: Item, objects: Sequence[Item]) -> list[Item]:
    """The index that is attached, of those that the entry names: the one that it is called by."""
    return [
        found
        for found in objects
        if found.schema == item.schema
        and (found.tag == item.tag or found.tag.endswith(f" {item.tag}"))
    ]


def removed(
    items: Sequence[Item], catalog: Catalog, skipped: AbstractSet[Name], unwanted: AbstractSet[int]
) -> tuple[set[int], set[Key]]:
    """The entries to leave out, by number, and all objects that go with the skipped tables.

    The entries `unwanted` go as well, with what is said of them.
    """
    written = {item.catalog for item in items}
    dropped = set(unwanted)
    gone = {(PG_CLASS, relation.oid) for relation in catalog.named(skipped)}
    while True:
        gone = catalog.dependents(gone, written) if gone else gone
        before = len(gone)
        # An entry comes after those that it depends on.
        for item in items:
            if item.catalog in gone or not dropped.isdisjoint(item.depends):
                dropped.add(item.id)
                if _is_object(item) and item.id not in unwanted:
                    gone.add(item.catalog)
        if len(gone) == before:
            return dropped, gone


def rank(kind: str) -> int:
    """Where objects of that kind come in the second section."""
    return _RANKS.get(kind, 0)


def ordered(entries: Sequence[Entry], view_rules: AbstractSet[int]) -> list[Entry]:
    """The entries by rank, as far as their dependencies allow.

    Event triggers, which would fire for all that is created after them, depend on everything else.
    """
    late: set[int] = set()
    for entry in entries:
        if entry.kind == "EVENT TRIGGER" or not late.isdisjoint(entry.depends):
            late.add(entry.id)
    if late:
        others = tuple(entry.id for entry in entries if entry.id not in late)
        entries = [
            replace(entry, depends=tuple(dict.fromkeys(entry.depends + others)))
            if entry.kind == "EVENT TRIGGER"
            else entry
            for entry in entries
        ]
    here = {entry.id: place for place, entry in enumerate(entries)}
    waiting = [0] * len(entries)
    followers: dict[int, list[int]] = {}
    ranks: list[int] = []
    for place, entry in enumerate(entries):
        own = 0 if entry.id in view_rules else rank(entry.kind)
        for number in entry.depends:
            if number in here:
                waiting[place] += 1
                followers.setdefault(number, []).append(place)
        about = [ranks[here[n]] for n in entry.depends if n in here and here[n] < place]
        ranks.append(max(about, default=own) if entry.kind in ("COMMENT", "ACL") else own)
    ready = [(ranks[place], place) for place, count in enumerate(waiting) if count == 0]
    heapq.heapify(ready)
    found = []
    while ready:
        _, place = heapq.heappop(ready)
        entry = entries[place]
        found.append(entry)
        for follower in followers.get(entry.id, ()):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, (ranks[follower], follower))
    if len(found) != len(entries):
        raise DatabaseError("the objects of the schema depend on one another in a circle")
    return found


def text(value: str | bytes) -> str:
    """A name as the catalog gives it, which is bytes where the database has no character set."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
