"""Make room for a dump: drop what it will create, and nothing else.

An object of the dump is dropped with CASCADE, since what belongs to a schema hangs together; what
that takes along is seen by comparing the catalogs before and after. If it took anything that the
dump doesn't name and that is no part of what it does name, the whole wipe is undone.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import psycopg
from psycopg import errors

from replicate.databases.postgresql.archive import quote
from replicate.databases.postgresql.connection import Connection, translate
from replicate.databases.postgresql.contents import RELATIONS, Held, Key, listing
from replicate.databases.postgresql.entries import Entry
from replicate.databases.postgresql.sessions import execute
from replicate.errors import GuardError

_RELATION_KINDS = frozenset(RELATIONS.values())
_TYPE_KINDS = frozenset({"TYPE", "DOMAIN", "SHELL TYPE"})
_FUNCTION_KINDS = frozenset({"FUNCTION", "PROCEDURE", "AGGREGATE"})

_KEPT = frozenset({"SCHEMA", "EXTENSION", "PROCEDURAL LANGUAGE", "ACCESS METHOD", "COMMENT"})
"""Kinds that are never dropped: others may live in them, and creating them again does no harm."""

_NO_CASCADE = frozenset({"USER MAPPING"})

_STANDALONE = frozenset(
    {
        "CAST", "COLLATION", "CONVERSION", "EVENT TRIGGER", "FOREIGN DATA WRAPPER", "OPERATOR",
        "OPERATOR CLASS", "OPERATOR FAMILY", "PUBLICATION", "SERVER", "SUBSCRIPTION",
        "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER",
        "TEXT SEARCH TEMPLATE", "TRANSFORM", "USER MAPPING",
    }
)  # fmt: skip
"""Further kinds whose objects stand on their own. All others go with a relation."""

_SHOWN_NAMES = 10
_SHOWN_REFUSALS = 5


class UnavailableError(Exception):
    """What would be dropped can't be told now, since other sessions hold it."""


def wipe(connection: Connection, entries: Sequence[Entry]) -> list[Held]:
    """Drop what the entries will create, inside the transaction that the caller has begun.

    What was dropped. Raises `GuardError` where that would take along what the dump doesn't name;
    the caller then has to roll back. Raises `DatabaseError` with the object that can't be dropped.
    """
    before = listing(connection)
    relations = _by_name(before, "pg_class")
    types = _by_name(before, "pg_type")
    for entry in entries:
        for statement in _drops(entry, relations, types):
            try:
                with connection.transaction():
                    execute(connection, statement)
            except errors.InvalidSchemaName:
                pass  # where there is no such schema there is nothing in it
            except errors.LockNotAvailable:
                raise UnavailableError from None
            except psycopg.Error as error:
                raise translate(error, f"{entry.title} can't be dropped") from None
    after = listing(connection)
    gone = {key: held for key, held in before.items() if key not in after}
    lost = _lost(gone, _Named(entries))
    if lost:
        raise _LostError(lost, gone)
    return [held for held in gone.values() if not held.part_of]


_CONFIGURATION = """
    SELECT n.nspname, c.relname, x.condition
    FROM pg_catalog.pg_extension e
    CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS x (oid, condition)
    JOIN pg_catalog.pg_class c ON c.oid = x.oid AND c.relkind IN ('r', 'p')
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE e.extname = %s"""


def clear_extensions(
    connection: Connection, extensions: Iterable[str], tables: Container[tuple[str, str]] | None
) -> None:
    """Delete the rows that users added to the tables of extensions, since a dump holds such rows.

    An extension tells which ones these are. `tables` are those to clear, None is all. Inside the
    caller's transaction; raises `DatabaseError`.
    """
    for extension in extensions:
        try:
            for schema, name, condition in connection.execute(
                _CONFIGURATION, [extension]
            ).fetchall():
                if tables is None or (schema, name) in tables:
                    execute(
                        connection,
                        f"DELETE FROM {quote(schema)}.{quote(name)} {condition}",  # noqa: S608
                    )
        except psycopg.Error as error:
            raise translate(error, f"extension {extension} can't be cleared") from None


def refusal(connection: Connection, error: GuardError) -> GuardError:
    """The error of `wipe` with what depends on what, once it is rolled back."""
    if not isinstance(error, _LostError):
        return error
    return GuardError(
        "; ".join(_explain(connection, held, error.gone) for held in error.lost[:_SHOWN_REFUSALS])
        + (f"; and {len(error.lost) - _SHOWN_REFUSALS} more"
           if len(error.lost) > _SHOWN_REFUSALS else ""),
        hint="drop what is in the way yourself, or restore into another database",
    )  # fmt: skip


def describe(dropped: Iterable[Held]) -> str:
    """What a wipe drops, in a few words: tables by name, and the rest counted."""
    dropped = list(dropped)
    if not dropped:
        return ""
    kinds: dict[str, list[Held]] = {}
    for held in dropped:
        kinds.setdefault(held.kind.lower(), []).append(held)
    parts = []
    tables = sorted(held.title for held in kinds.pop("table", []))
    if tables:
        shown = tables[:_SHOWN_NAMES]
        more = len(tables) - len(shown)
        names = _listed([*shown, f"{more:,} more"] if more else shown)
        parts.append(f"{'the tables' if len(tables) > 1 else 'the table'} {names}")
    for kind, helds in sorted(kinds.items()):
        if len(helds) == 1:
            parts.append(f"the {kind} {helds[0].title}")
        else:
            parts.append(f"{len(helds):,} {_plural(kind)}")
    return f"drops {_listed(parts)}"


def existing(connection: Connection, entries: Iterable[Entry]) -> frozenset[int]:
    """The ids of the entries whose objects are there already. Raises psycopg's errors."""
    held = listing(connection).values()
    return frozenset(e.id for e in entries if (named := _Named([e])) and any(map(named.has, held)))


class _LostError(GuardError):
    def __init__(self, lost: list[Held], gone: dict[Key, Held]) -> None:
        super().__init__("the wipe would drop what the dump does not replace")
        self.lost = lost
        self.gone = gone


class _Named:
    """What the dump names."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._names = set()
        for entry in entries:
            group = _group(entry.kind)
            if group == "function" and "(" not in entry.name:
                continue
            self._names.add((group, entry.schema, entry.name))

    def has(self, held: Held) -> bool:
        return (_group(held.kind), held.schema, held.name) in self._names


def _group(kind: str) -> str:
    """Kinds that share their names: a table can't be called as a view is."""
    if kind in _RELATION_KINDS or kind in _TYPE_KINDS:
        return "relation"  # a relation has a type of its name
    if kind in _FUNCTION_KINDS:
        return "function"
    return kind


def _by_name(held: dict[Key, Held], catalog: str) -> dict[tuple[str, str], Held]:
    kinds = _RELATION_KINDS | _TYPE_KINDS
    return {(h.schema, h.name): h for h in held.values() if h.key[0] == catalog and h.kind in kinds}


def _drops(
    entry: Entry,
    relations: dict[tuple[str, str], Held],
    types: dict[tuple[str, str], Held],
) -> list[str]:
    """The statements that remove what stands in the entry's way; none where nothing does."""
    if entry.kind in _RELATION_KINDS or entry.kind in _TYPE_KINDS:
        name = (entry.schema, entry.name)
        found = relations.get(name) or types.get(name)
        if found is None or (found.kind == "SEQUENCE" and found.part_of):
            return []  # an owned sequence goes with its table, or is somebody's
        quoted = f"{quote(entry.schema)}.{quote(entry.name)}"
        return [f"DROP {found.kind} IF EXISTS {quoted} CASCADE"]
    if entry.kind == "LARGE OBJECTS":
        return [entry.drop] if entry.drop else []
    if entry.kind in _KEPT or entry.kind not in _STANDALONE | _FUNCTION_KINDS:
        return []
    start = f"DROP {entry.kind} "
    if not entry.drop.startswith(start):
        return []
    rest = entry.drop[len(start) :].rstrip().removesuffix(";")
    if not rest.startswith("IF EXISTS "):
        rest = f"IF EXISTS {rest}"
    cascade = "" if entry.kind in _NO_CASCADE or rest.endswith(" CASCADE") else " CASCADE"
    return [f"{start}{rest}{cascade}"]


def _lost(gone: dict[Key, Held], named: _Named) -> list[Held]:
    """What went along and must not: neither named nor a part of what is."""
    owners = {key[1] for key in gone if key[2] == 0}
    lost = [h for h in gone.values() if h.part_of not in owners and not named.has(h)]
    # A view that is lost says it all; a column that went with it adds nothing.
    return sorted(lost, key=lambda held: (held.part_of != 0, held.kind, held.title))


_TITLE = "SELECT pg_catalog.pg_describe_object(('pg_catalog.' || %s)::regclass, %s::oid, %s)"

# What an object refers to. A view does so by its rule; a row type stands for its relation, and an
# index for its table.
_REFERENCES = """
    WITH d AS (
        SELECT refclassid, refobjid FROM pg_catalog.pg_depend
        WHERE (classid = ('pg_catalog.' || %(catalog)s)::regclass AND objid = %(oid)s::oid
               AND (%(sub)s = 0 OR objsubid = %(sub)s))
           OR (classid = 'pg_catalog.pg_rewrite'::regclass AND %(catalog)s = 'pg_class'
               AND objid IN (SELECT oid FROM pg_catalog.pg_rewrite WHERE ev_class = %(oid)s::oid)))
    SELECT CASE WHEN r.oid IS NULL THEN c.relname::text ELSE 'pg_class' END,
           COALESCE(i.indrelid, r.oid, d.refobjid)
    FROM d JOIN pg_catalog.pg_class c ON c.oid = d.refclassid
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = d.refobjid AND c.relname = 'pg_class'
    LEFT JOIN pg_catalog.pg_type t ON t.oid = d.refobjid AND c.relname = 'pg_type'
    LEFT JOIN pg_catalog.pg_class r ON r.oid = t.typrelid AND r.relkind <> 'c'
    ORDER BY 1, 2"""


def _explain(connection: Connection, held: Held, gone: dict[Key, Held]) -> str:
    catalog, oid, sub = held.key
    [(title,)] = connection.execute(_TITLE, [catalog, oid, sub]).fetchall()
    about = {"catalog": catalog, "oid": oid, "sub": sub}
    for ref_catalog, ref_oid in connection.execute(_REFERENCES, about).fetchall():
        ref = (str(ref_catalog), int(ref_oid), 0)
        if ref in gone and ref[:2] != (catalog, oid):
            [(cause,)] = connection.execute(_TITLE, ref).fetchall()
            return f"{title} depends on {cause}, which the dump replaces"
    return f"{title} would be lost with what the dump replaces"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _plural(kind: str) -> str:
    for end, plural in (("y", "ies"), ("s", "ses"), ("x", "xes")):
        if kind.endswith(end):
            return kind[: -len(end)] + plural
    return kind + "s"
