"""What is in a database, read from its catalogs: a handful of queries, however many tables.

Left out, as pg_dump does: the system's own tables, temporary ones, and those that belong to an
extension, unless it marked them as its configuration.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from replicate.databases.base import ColumnInfo, ForeignKey, Schema, Table
from replicate.databases.postgresql import object_rows
from replicate.databases.postgresql.connection import Connection, errors_of
from replicate.databases.postgresql.equalities import Equalities
from replicate.databases.postgresql.expressions import listed
from replicate.databases.postgresql.kinds import Domain, Types
from replicate.databases.postgresql.unique_keys import TableColumn, UniqueKeys
from replicate.rows.column import in_both
from replicate.rows.comparing import Reading

_TABLES = """
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
    AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
LEFT JOIN (
    SELECT unnest(extconfig) AS oid, unnest(extcondition) AS condition FROM pg_extension
) x ON x.oid = c.oid
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND (x.oid IS NOT NULL
    OR d.objid IS NULL AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
"""
_PERMITTED = """coalesce(
    has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), false)"""

LOCKED = f"""
SELECT c.oid, n.nspname, c.relname {_TABLES} AND c.relkind <> 'f' AND {_PERMITTED}
"""
"""The tables that may be read, which a snapshot locks: oid, schema and name."""

# Sizes only of what is locked already: asking for them waits for whoever holds an exclusive lock.
_RELATIONS = f"""
SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.reltuples::float8, c.relpages,
    c.relpersistence = 'u' AND pg_is_in_recovery(), p.permitted,
    c.relrowsecurity AND row_security_active(c.oid), coalesce(x.condition, ''),
    CASE WHEN p.permitted AND c.relkind = 'r' THEN pg_relation_size(c.oid) END,
    CASE WHEN p.permitted THEN pg_relation_size(c.reltoastrelid) END,
    (SELECT amname = 'heap' FROM pg_am WHERE pg_am.oid = c.relam)
{_TABLES.replace("WHERE", f"CROSS JOIN LATERAL (SELECT {_PERMITTED} AS permitted) p WHERE", 1)}
"""  # noqa: S608 - made of constants

_COLUMNS = """
SELECT a.attrelid, a.attnum, a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, a.attgenerated <> '', coalesce(col_description(a.attrelid, a.attnum), ''),
    CASE WHEN a.attgenerated <> '' THEN ARRAY(
        SELECT d.refobjsubid FROM pg_depend d
        LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
        WHERE (d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid
                OR d.classid = 'pg_class'::regclass AND d.objid = a.attrelid
                    AND d.objsubid = a.attnum)
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid
            AND d.refobjsubid NOT IN (0, a.attnum)
        ORDER BY 1
    ) END, CASE WHEN a.attgenerated <> '' THEN (
        SELECT pg_get_expr(e.adbin, e.adrelid) FROM pg_attrdef e
        WHERE e.adrelid = a.attrelid AND e.adnum = a.attnum
    ) END, a.attcollation, a.attlen, a.atttypmod
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f')
ORDER BY a.attrelid, a.attnum
"""
_TYPES = """
SELECT oid, typbasetype, typtypmod, typnotnull, typtype = 'd' FROM pg_type
WHERE typtype = 'd' OR typtype = 'b' AND typname = 'citext'
"""
_ENUMS = "SELECT enumtypid, enumlabel FROM pg_enum ORDER BY enumtypid, enumsortorder"
# Of a true array the element's type names it in return.
_ELEMENTS = """
SELECT a.oid, a.typelem FROM pg_type a JOIN pg_type e ON e.oid = a.typelem AND e.typarray = a.oid
WHERE e.typdelim = ','
"""
# Of one column, or of a domain. What not every version's catalog has, is asked for as JSON.
_LISTS = """
SELECT conrelid, contypid, conkey[1], pg_get_expr(conbin, conrelid) FROM pg_constraint c
WHERE contype = 'c' AND coalesce(to_jsonb(c) ->> 'conenforced', 'true') = 'true'
    AND (contypid <> 0 OR array_length(conkey, 1) = 1)
ORDER BY c.oid
"""
# A key that refers to a partitioned table has a shadow for each of its partitions.
_FOREIGN_KEYS = """
SELECT f.conrelid, f.confrelid, f.conkey, f.confkey, f.confmatchtype = 'f' FROM pg_constraint f
LEFT JOIN pg_constraint p ON p.oid = f.conparentid
WHERE f.contype = 'f' AND p.conrelid IS DISTINCT FROM f.conrelid
ORDER BY f.conrelid, f.conname COLLATE "C", f.oid
"""
_PARENTS = "SELECT inhrelid, inhparent FROM pg_inherits ORDER BY inhrelid, inhseqno"
# Each column of a partition key, in an expression as well, depends on its own table.
_PARTITION_KEYS = """
SELECT partrelid, unnest(partattrs) FROM pg_partitioned_table
UNION
SELECT d.objid, d.objsubid FROM pg_depend d JOIN pg_partitioned_table p ON p.partrelid = d.objid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
    AND d.refobjid = d.objid AND d.refobjsubid = 0 AND d.objsubid > 0 AND d.deptype = 'i'
"""

_PARTITION_KEY = "it decides which partition a row is in"
_FOREIGN = "a foreign table: its rows are elsewhere"
_ROW_OVERHEAD = 28  # bytes: a tuple's header and its line pointer
_WIDTH = 32  # bytes; what the planner takes a value of any length to have, never having seen one


@dataclass(frozen=True, slots=True)
class Relation:
    """A table with what reading it takes.

    `pages` of a heap that can be cut by them, else 0. `condition` is the WHERE clause of the rows
    that are dumped, or empty. `barrier` says why this role can't read it, `hint` what may help.
    """

    table: Table
    kind: str
    pages: int = 0
    condition: str = ""
    barrier: str = ""
    hint: str | None = None


@dataclass(frozen=True)
class Catalog:
    """All tables, in order, by (schema, name)."""

    relations: Mapping[tuple[str, str], Relation] = field(default_factory=dict)

    @cached_property
    def schema(self) -> Schema:
        return Schema(tuple(relation.table for relation in self.relations.values()))

    def of(self, table: Table) -> Relation:
        return self.relations[table.schema, table.name]


def read_catalog(connection: Connection) -> Catalog:
    """Read it, in the transaction that is open. Raises `DatabaseError`."""
    with errors_of("the database's schema can't be read"):
        found = _Reader(connection).relations()
        objects = object_rows.find(connection)
    if objects is not None:
        found.append(Relation(objects, "L"))
    found.sort(key=lambda relation: (relation.table.schema, relation.table.name))
    return Catalog({(r.table.schema, r.table.name): r for r in found})


class _Row(NamedTuple):
    """A row of `_RELATIONS`. `tuples` and `pages_then` are of the last time that was counted."""

    oid: int
    schema: str
    name: str
    kind: str
    tuples: float
    pages_then: int
    lost: bool
    permitted: bool
    hidden: bool
    condition: str
    heap: int | None
    toast: int | None
    is_heap: bool | None


class _Reader:
    """The rows of the catalogs, by the oids of the tables that they are about."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._block: int
        self._role: str
        [(self._block, self._role)] = connection.execute(
            "SELECT current_setting('block_size')::int, current_user"
        ).fetchall()
        self._rows = {row[0]: _Row(*row) for row in connection.execute(_RELATIONS.encode())}
        self._columns = self._grouped(_COLUMNS)
        self._names = {
            (oid, column[1]): column[2] for oid, rows in self._columns.items() for column in rows
        }
        columns = {
            oid: {
                row[1]: TableColumn(
                    row[2], row[3], None if row[8] is None else tuple(row[8]), row[9] or ""
                )
                for row in rows
            }
            for oid, rows in self._columns.items()
        }
        self._foreign_keys = self._grouped(_FOREIGN_KEYS)
        self._ends = {
            (row[side], self._names.get((row[side], number)))
            for rows in self._foreign_keys.values()
            for row in rows
            for side in (0, 1)
            for number in row[side + 2]
        }
        self._parents = self._grouped(_PARENTS)
        self._partition_keys = self._grouped(_PARTITION_KEYS)
        types = connection.execute(_TYPES).fetchall()
        self._lists: dict[tuple[int, int], tuple[str, ...]] = {}
        for oid, domain, number, text in connection.execute(_LISTS.encode()).fetchall():
            place, name = ((domain, 0), "VALUE") if domain else ((oid, number), None)
            labels = listed(text, name or self._names.get(place, ""))
            self._lists[place] = in_both(self._lists.get(place, ()), labels)
        self._types = Types(
            {
                oid: Domain(base, modifier, not_null, self._lists.get((oid, 0), ()))
                for oid, base, modifier, not_null, is_domain in types
                if is_domain
            },
            frozenset(oid for oid, *_, is_domain in types if not is_domain),
            {oid: tuple(label for _, label in rows) for oid, rows in self._grouped(_ENUMS).items()},
            dict(connection.execute(_ELEMENTS.encode()).fetchall()),
        )
        self._equalities = Equalities(connection, self._types)
        self._keys = UniqueKeys(connection, columns, self._equalities.of)

    def _grouped(self, query: str, *, by: int = 0) -> defaultdict[int, list[tuple[Any, ...]]]:
        groups: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for row in self._connection.execute(query.encode()):
            groups[row[by]].append(row)
        return groups

    def relations(self) -> list[Relation]:
        return [self._relation(row) for row in self._rows.values()]

    def _relation(self, row: _Row) -> Relation:
        pages = (row.heap or 0) // self._block
        ancestors = self._ancestors(row.oid)
        table = Table(
            row.schema,
            row.name,
            self._column_infos(row.oid, ancestors),
            primary_key=self._keys.primary(row.oid),
            unique_keys=self._keys.of(row.oid),
            foreign_keys=tuple(self._foreign_key(*key) for key in self._foreign_keys[row.oid]),
            rows=self._estimate(row, pages) if row.kind == "r" else None,
            bytes=(row.heap or 0) + (row.toast or 0),
            maskable=row.kind != "f",
            note=_FOREIGN if row.kind == "f" else "",
            inherits=tuple((self._rows[a].schema, self._rows[a].name) for a in ancestors),
            partitioned=row.kind == "p",
            behind_foreign_keys=self._behind_keys(row.oid, ancestors),
        )
        barrier, hint = self._barrier(row)
        cuttable = row.is_heap and not row.condition
        return Relation(table, row.kind, pages if cuttable else 0, row.condition, barrier, hint)

    def _barrier(self, row: _Row) -> tuple[str, str | None]:
        """Why the role can't read the table, and what may help."""
        if not row.permitted:
            return (
                f"the role {self._role} lacks the right to",
                "grant it SELECT on the table and USAGE on its schema, or use source.skip",
            )
        if row.hidden:
            return (
                f"its row-level security hides rows from the role {self._role}",
                "use a role with BYPASSRLS, or leave the table out with source.skip",
            )
        if row.lost:
            return (
                "it is an unlogged table, and a standby does not have its rows",
                "dump from the primary, or leave the table out with source.skip",
            )
        return "", None

    def _ancestors(self, oid: int) -> list[int]:
        """The tables that it inherits from, the nearest first."""
        found: dict[int, None] = {}
        level = [oid]
        while level:
            level = [parent for each in level for _, parent in self._parents.get(each, ())]
            found.update(dict.fromkeys(level))
        return [each for each in found if each in self._rows]

    def _column_infos(self, oid: int, ancestors: Iterable[int]) -> tuple[ColumnInfo, ...]:
        deciding = {
            self._names.get((each, number))
            for each in (oid, *ancestors)
            for _, number in self._partition_keys.get(each, ())
        }
        infos = []
        for row in self._columns[oid]:
            _, number, name, type_oid, declared, not_null, generated, comment, *_ = row
            collation, _, modifier = row[-3:]
            traits = self._types.traits(type_oid, modifier)
            # A list of whole arrays says nothing of their elements.
            listed_here = () if traits.element else self._lists.get((oid, number), ())
            infos.append(
                ColumnInfo(
                    name,
                    declared,
                    traits.kind,
                    nullable=not not_null and not self._types.refuses_null(type_oid),
                    generated=generated,
                    fixed=_PARTITION_KEY if name in deciding else "",
                    limits=traits.limits.listing(listed_here),
                    element=traits.element,
                    comment=comment,
                    equality=self._equalities.of(type_oid, collation),
                    reading=Reading.SINGLE if self._types.is_single(type_oid) else None,
                )
            )
        return tuple(infos)

    def _behind_keys(self, oid: int, ancestors: Iterable[int]) -> tuple[str, ...]:
        """Those behind generated columns that are an end of a foreign key, if of a table above."""
        around = (oid, *ancestors)
        numbers = (column[1] for column in self._columns[oid] if column[8] is not None)
        return self._keys.behind(
            oid, (n for n in numbers if any((o, self._names[oid, n]) in self._ends for o in around))
        )

    def _foreign_key(
        self, oid: int, parent: int, columns: Iterable[int], referred: Iterable[int], full: bool
    ) -> ForeignKey:
        # What an extension keeps for itself may be referred to as well, and is not among ours.
        row = self._rows.get(parent)
        schema, name = (row.schema, row.name) if row is not None else self._name_of(parent)
        return ForeignKey(
            tuple(self._names[oid, n] for n in columns),
            name,
            tuple(self._names[parent, n] for n in referred),
            None if schema == self._rows[oid].schema else schema,
            full,
        )

    def _name_of(self, oid: int) -> tuple[str, str]:
        [(schema, name)] = self._connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE c.oid = %s",
            [oid],
        ).fetchall()
        return schema, name

    def _estimate(self, row: _Row, pages: int) -> int:
        """As the planner does: as dense as it was when last counted, or as the types let it be."""
        if row.pages_then > 0 and row.tuples >= 0:
            return round(row.tuples / row.pages_then * pages)
        width = sum(size if size > 0 else _WIDTH for *_, size, _ in self._columns[row.oid])
        return pages * self._block // (width + _ROW_OVERHEAD)
