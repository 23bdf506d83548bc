"""What a database holds that a user made: counted in a few words, and listed object by object.

What belongs to an extension is the extension's, and what PostgreSQL brings along is nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass

from replicate.databases.postgresql.connection import Connection

Key = tuple[str, int, int]
"""A catalog, an oid in it, and a column's number or 0."""


@dataclass(frozen=True, slots=True)
class Held:
    """An object of a database.

    `part_of` is the oid of the relation or domain without which it makes no sense, or 0. `name` is
    as pg_dump's list has it: ``f(integer)`` for a function.
    """

    key: Key
    kind: str
    schema: str
    name: str
    part_of: int = 0

    @property
    def title(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


_FIRST = 16384
"""The first oid of an object that was made after the server was (FirstNormalObjectId)."""

_SYSTEM = (
    "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') "
    "AND n.nspname NOT LIKE 'pg\\_temp\\_%' AND n.nspname NOT LIKE 'pg\\_toast\\_temp\\_%'"
)

RELATIONS = {
    "r": "TABLE",
    "p": "TABLE",
    "f": "FOREIGN TABLE",
    "v": "VIEW",
    "m": "MATERIALIZED VIEW",
    "S": "SEQUENCE",
}
"""Kinds of relations by `pg_class.relkind`."""


def _standalone(catalog: str, kind: str, short: str, name: str | None = None) -> str:
    """A query of the objects of a catalog that have a name and a schema."""
    return f"""
        SELECT '{catalog}', c.oid, 0, '{kind}', n.nspname, {name or f"c.{short}name"}::text, 0::oid
        FROM pg_catalog.{catalog} c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.{short}namespace WHERE {_SYSTEM}"""  # noqa: S608 - constants


def _global(catalog: str, kind: str, name: str) -> str:
    """A query of the objects of a catalog that are in no schema."""
    return f"""
        SELECT '{catalog}', c.oid, 0, '{kind}', '', {name}::text, 0::oid
        FROM pg_catalog.{catalog} c WHERE c.oid >= {_FIRST}"""  # noqa: S608 - constants


def _part(catalog: str, kind: str, owner: str, name: str, where: str = "true") -> str:
    """A query of what belongs to a user's relation."""
    return f"""
        SELECT '{catalog}', c.oid, 0, '{kind}', n.nspname, r.relname || ' ' || {name}, r.oid
        FROM pg_catalog.{catalog} c JOIN pg_catalog.pg_class r ON r.oid = c.{owner}
        JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace WHERE {_SYSTEM} AND {where}"""  # noqa: S608 - constants


_SIGNATURE = """
    c.proname || '(' || COALESCE(
        (SELECT string_agg(pg_catalog.format_type(t, NULL), ', ' ORDER BY i)
         FROM unnest(c.proargtypes) WITH ORDINALITY AS a(t, i)),
        CASE c.prokind WHEN 'a' THEN '*' ELSE '' END) || ')'"""

_CAST = """
    'CAST (' || pg_catalog.format_type(c.castsource, NULL) || ' AS '
    || pg_catalog.format_type(c.casttarget, NULL) || ')'"""

_QUERIES = (
    # A sequence that a column owns is part of the column's table.
    f"""
        SELECT 'pg_class', c.oid, 0, c.relkind::text, n.nspname, c.relname::text,
               COALESCE((SELECT d.refobjid FROM pg_catalog.pg_depend d
                         WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                           AND d.refclassid = d.classid AND d.deptype IN ('a', 'i')
                           AND c.relkind = 'S' LIMIT 1), 0)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND {_SYSTEM}""",  # noqa: S608 - constants
    f"""
        SELECT 'pg_class', r.oid, a.attnum::int, 'column', n.nspname,
               r.relname || ' ' || a.attname,
               CASE r.relkind WHEN 'c' THEN r.reltype ELSE r.oid END
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
        WHERE r.relkind IN ('r', 'p', 'f', 'c', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
          AND {_SYSTEM}""",  # noqa: S608 - constants
    f"""
        SELECT 'pg_class', i.oid, 0, 'index', n.nspname, i.relname::text, x.indrelid
        FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace WHERE {_SYSTEM}""",  # noqa: S608 - constants
    # Row types and arrays come and go with what they are made of.
    f"""
        SELECT 'pg_type', c.oid, 0, CASE c.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END,
               n.nspname, c.typname::text, 0::oid
        FROM pg_catalog.pg_type c JOIN pg_catalog.pg_namespace n ON n.oid = c.typnamespace
        LEFT JOIN pg_catalog.pg_class r ON r.oid = c.typrelid
        WHERE (r.oid IS NULL OR r.relkind = 'c') AND {_SYSTEM}
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = c.oid)""",  # noqa: S608 - constants
    f"""
        SELECT 'pg_constraint', c.oid, 0, 'constraint', n.nspname, c.conname::text,
               CASE WHEN c.conrelid <> 0 THEN c.conrelid ELSE c.contypid END
        FROM pg_catalog.pg_constraint c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
        WHERE (c.conrelid <> 0 OR c.contypid <> 0) AND {_SYSTEM}""",  # noqa: S608 - constants
    _part("pg_attrdef", "default", "adrelid", "c.adnum::text"),
    _part("pg_trigger", "trigger", "tgrelid", "c.tgname", "NOT c.tgisinternal"),
    _part("pg_policy", "policy", "polrelid", "c.polname"),
    _part("pg_rewrite", "rule", "ev_class", "c.rulename"),
    _part("pg_statistic_ext", "statistics", "stxrelid", "c.stxname"),
    _standalone("pg_proc", "FUNCTION", "pro", _SIGNATURE),
    _standalone("pg_operator", "OPERATOR", "opr"),
    _standalone("pg_opclass", "OPERATOR CLASS", "opc"),
    _standalone("pg_opfamily", "OPERATOR FAMILY", "opf"),
    _standalone("pg_collation", "COLLATION", "coll"),
    _standalone("pg_conversion", "CONVERSION", "con"),
    _standalone("pg_ts_config", "TEXT SEARCH CONFIGURATION", "cfg"),
    _standalone("pg_ts_dict", "TEXT SEARCH DICTIONARY", "dict"),
    _standalone("pg_ts_parser", "TEXT SEARCH PARSER", "prs"),
    _standalone("pg_ts_template", "TEXT SEARCH TEMPLATE", "tmpl"),
    _global("pg_namespace", "SCHEMA", "c.nspname")
    + " AND c.nspname NOT LIKE 'pg\\_%' AND c.nspname <> 'public'",
    _global("pg_extension", "EXTENSION", "c.extname"),
    _global("pg_language", "PROCEDURAL LANGUAGE", "c.lanname"),
    _global("pg_am", "ACCESS METHOD", "c.amname"),
    _global("pg_cast", "CAST", _CAST),
    _global("pg_transform", "TRANSFORM", "c.oid"),
    _global("pg_foreign_data_wrapper", "FOREIGN DATA WRAPPER", "c.fdwname"),
    _global("pg_foreign_server", "SERVER", "c.srvname"),
    _global("pg_event_trigger", "EVENT TRIGGER", "c.evtname"),
    _global("pg_publication", "PUBLICATION", "c.pubname"),
)

_LISTING = " UNION ALL ".join(_QUERIES)

_DEPENDENCIES = """
    SELECT c.relname::text, d.objid, d.deptype = 'e', d.refobjid
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.classid
    WHERE d.deptype = 'e'
       OR d.deptype = 'i' AND d.classid IN (
           'pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_cast'::regclass,
           'pg_catalog.pg_opfamily'::regclass, 'pg_catalog.pg_type'::regclass)"""
"""Members of extensions; and what is made along with a type, such as its constructors."""


def listing(connection: Connection) -> dict[Key, Held]:
    """All objects that users made, without their large objects. Raises psycopg's errors."""
    members = set()
    inner = {}
    for catalog, oid, member, whole in connection.execute(_DEPENDENCIES).fetchall():
        if member:
            members.add((catalog, int(oid)))
        else:
            inner[catalog, int(oid)] = int(whole)
    found = {}
    for catalog, oid, sub, kind, schema, name, whole in connection.execute(_LISTING).fetchall():
        part_of = int(whole) or inner.get((catalog, int(oid)), 0)
        if (catalog, int(oid)) in members or ("pg_class", part_of) in members:
            continue
        key = (catalog, int(oid), int(sub))
        found[key] = Held(key, RELATIONS.get(str(kind), str(kind)), schema, str(name), part_of)
    return found


_NOUNS = {
    "TABLE": ("table", "tables"),
    "FOREIGN TABLE": ("foreign table", "foreign tables"),
    "VIEW": ("view", "views"),
    "MATERIALIZED VIEW": ("materialized view", "materialized views"),
    "SEQUENCE": ("sequence", "sequences"),
    "FUNCTION": ("function", "functions"),
    "TYPE": ("type", "types"),
    "DOMAIN": ("type", "types"),
    "SCHEMA": ("schema", "schemas"),
}
_ORDER = tuple(dict.fromkeys(_NOUNS.values()))
_OTHER = ("other object", "other objects")
_UNCOUNTED = frozenset({"EXTENSION"})
"""Whoever makes a database for a restore may have put these in."""

_ROWS = f"""
    SELECT COALESCE(sum(
        CASE WHEN c.reltuples > 0 THEN c.reltuples
             ELSE pg_catalog.pg_stat_get_live_tuples(c.oid) END), 0)::bigint
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND {_SYSTEM}"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Contents:
    """How much a database holds: objects by the noun for them, and about how many rows."""

    counts: dict[tuple[str, str], int]
    rows: int

    @property
    def empty(self) -> bool:
        return not self.counts

    def __str__(self) -> str:
        parts = []
        for noun in (*_ORDER, ("large object", "large objects"), _OTHER):
            if count := self.counts.get(noun):
                part = f"{count:,} {noun[count != 1]}"
                if noun[0] == "table":
                    part += f" with about {self.rows:,} row{'s' * (self.rows != 1)}"
                parts.append(part)
        return ", ".join(parts) or "nothing"


def contents(connection: Connection) -> Contents:
    """Count what users made. Raises psycopg's errors."""
    counts: dict[tuple[str, str], int] = {}
    for held in listing(connection).values():
        if held.part_of == 0 and held.kind not in _UNCOUNTED:
            noun = _NOUNS.get(held.kind, _OTHER)
            counts[noun] = counts.get(noun, 0) + 1
    [(large,)] = connection.execute(
        "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata"
    ).fetchall()
    if large:
        counts["large object", "large objects"] = large
    [(rows,)] = connection.execute(_ROWS).fetchall()
    return Contents(counts, rows)
