"""What is in a database, read from its catalogs: a handful of queries, however many tables.

Left out, as pg_dump does: the system's own tables, temporary ones, and those that belong to an
extension, unless it marked them as its configuration.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from replicate.databases.base import ColumnInfo, ForeignKey, Schema, Table
from replicate.databases.postgresql import object_rows
from replicate.databases.postgresql.connection import Connection, errors_of
from replicate.databases.postgresql.kinds import Domain, Types

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
    a.attlen, a.atttypmod
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
# A constraint on one column that lists what it takes. What the list holds, only its text can tell.
_LISTS = """
SELECT conrelid, conkey[1], pg_get_expr(conbin, conrelid) FROM pg_constraint
WHERE contype = 'c' AND conrelid <> 0 AND array_length(conkey, 1) = 1
"""
_LIST = re.compile(
    r"\(+[^'\[\]]+ = ANY \(+ARRAY\[((?:'(?:[^']|'')*'::[a-z ]+(?:, )?)+)\]\)*"
    r"(?:::(?:text|character varying)\[\])?\)*"
)
_LABEL = re.compile(r"'((?:[^']|'')*)'::")
_UNIQUE = """
FROM pg_index i WHERE (i.indisunique OR i.indisexclusion) AND i.indisvalid AND i.indrelid >= 16384
"""
_KEYS = f"""
SELECT i.indexrelid, i.indrelid, i.indisprimary, i.indkey::text, i.indnkeyatts {_UNIQUE}
ORDER BY i.indrelid, NOT i.indisprimary, i.indexrelid
"""
# An index depends on the columns in its expressions, but also on those in its condition.
_EXPRESSIONS = f"""
SELECT d.objid, d.refobjsubid, i.text FROM pg_depend d
JOIN (
    SELECT i.indexrelid, i.indrelid, pg_get_expr(i.indexprs, i.indrelid) AS text
    {_UNIQUE} AND i.indexprs IS NOT NULL
) i ON d.objid = i.indexrelid AND d.refobjid = i.indrelid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
    AND d.refobjsubid > 0
"""  # noqa: S608 - made of constants
# A key that refers to a partitioned table has a shadow for each of its partitions.
_FOREIGN_KEYS = """
SELECT f.conrelid, f.confrelid, f.conkey, f.confkey FROM pg_constraint f
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
        self._block = int(connection.execute("SHOW block_size").fetchall()[0][0])
        self._role = connection.execute("SELECT current_user").fetchall()[0][0]
        self._rows = {row[0]: _Row(*row) for row in connection.execute(_RELATIONS.encode())}
        self._columns = self._grouped(_COLUMNS)
        self._names = {
            (oid, column[1]): column[2] for oid, rows in self._columns.items() for column in rows
        }
        self._keys = self._grouped(_KEYS, by=1)
        self._expressions = self._grouped(_EXPRESSIONS)
        self._foreign_keys = self._grouped(_FOREIGN_KEYS)
        self._parents = self._grouped(_PARENTS)
        self._partition_keys = self._grouped(_PARTITION_KEYS)
        types = connection.execute(_TYPES).fetchall()
        self._types = Types(
            {oid: Domain(*about) for oid, *about, is_domain in types if is_domain},
            frozenset(oid for oid, *_, is_domain in types if not is_domain),
            {oid: tuple(label for _, label in rows) for oid, rows in self._grouped(_ENUMS).items()},
            dict(connection.execute(_ELEMENTS.encode()).fetchall()),
        )
        self._lists = {
            (oid, number): labels
            for oid, number, text in connection.execute(_LISTS.encode())
            if (labels := _listed(text))
        }

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
        keys = [
            (primary, self._key_columns(row.oid, index, numbers, count))
            for index, _, primary, numbers, count in self._keys[row.oid]
        ]
        table = Table(
            row.schema,
            row.name,
            self._column_infos(row.oid, ancestors),
            primary_key=next((columns for primary, columns in keys if primary), ()),
            unique=tuple(dict.fromkeys(columns for _, columns in keys if columns)),
            foreign_keys=tuple(self._foreign_key(*key) for key in self._foreign_keys[row.oid]),
            rows=self._estimate(row, pages) if row.kind == "r" else None,
            bytes=(row.heap or 0) + (row.toast or 0),
            maskable=row.kind != "f",
            note=_FOREIGN if row.kind == "f" else "",
            inherits=tuple((self._rows[a].schema, self._rows[a].name) for a in ancestors),
            partitioned=row.kind == "p",
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
            _, number, name, type_oid, declared, not_null, generated, comment, _, modifier = row
            traits = self._types.traits(type_oid, modifier)
            infos.append(
                ColumnInfo(
                    name,
                    declared,
                    traits.kind,
                    nullable=not not_null and not self._types.refuses_null(type_oid),
                    generated=generated,
                    fixed=_PARTITION_KEY if name in deciding else "",
                    max_chars=traits.max_chars,
                    bits=traits.bits,
                    precision=traits.precision,
                    scale=traits.scale,
                    labels=traits.labels or self._lists.get((oid, number), ()),
                    element=traits.element,
                    comment=comment,
                )
            )
        return tuple(infos)

    def _key_columns(self, oid: int, index: int, numbers: str, count: int) -> tuple[str, ...]:
        """The columns of a unique index. `numbers` are its parts, 0 for an expression; those behind
        the first `count` are only stored in it.
        """
        own = [int(number) for number in numbers.split()[:count]]
        inside = sorted(
            number
            for _, number, text in self._expressions.get(index, ())
            if self._names[oid, number].replace('"', '""') in text
        )
        return tuple(dict.fromkeys(self._names[oid, n] for n in (*own, *inside) if n > 0))

    def _foreign_key(
        self, oid: int, parent: int, columns: Iterable[int], referred: Iterable[int]
    ) -> ForeignKey:
        # What an extension keeps for itself may be referred to as well, and is not among ours.
        row = self._rows.get(parent)
        schema, name = (row.schema, row.name) if row is not None else self._name_of(parent)
        return ForeignKey(
            tuple(self._names[oid, n] for n in columns),
            name,
            tuple(self._names[parent, n] for n in referred),
            None if schema == self._rows[oid].schema else schema,
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


def _listed(expression: str) -> tuple[str, ...]:
    """The labels of a constraint such as ``(state = ANY (ARRAY['new'::text, 'old'::text]))``."""
    match = _LIST.fullmatch(expression)
    if match is None:
        return ()
    return tuple(label.replace("''", "'") for label in _LABEL.findall(match[1]))
