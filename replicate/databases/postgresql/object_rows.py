"""Large objects as if they were a table: their bytes in pieces, a row each.

The table in which a server keeps them is for superusers alone, so each object is read through the
functions that whoever may read the object may use. An empty object is one row without bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from replicate.databases.base import ColumnInfo, Slice, Table, UniqueKey
from replicate.databases.postgresql.connection import Connection, errors_of
from replicate.databases.postgresql.large_objects import NAME
from replicate.rows.column import Kind

PIECE = 256 * 1024
"""Bytes of an object in one row."""

_INV_READ = 0x40000
_SEEK_END = 2
_KEY = ("loid", "offset")
_COLUMNS = (
    ColumnInfo("loid", "oid", Kind.INTEGER, nullable=False),
    ColumnInfo("offset", "bigint", Kind.INTEGER, nullable=False),
    ColumnInfo("data", "bytea", Kind.BINARY, nullable=False),
)
_FOUND = """
SELECT count(*), pg_relation_size('pg_largeobject'::regclass) FROM pg_largeobject_metadata
"""
_FORBIDDEN = """
SELECT m.oid FROM pg_largeobject_metadata m
WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
    AND NOT current_setting('lo_compat_privileges')::boolean
    AND NOT pg_has_role(m.lomowner, 'USAGE')
    AND NOT EXISTS (
        SELECT FROM aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) a
        WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))
ORDER BY m.oid LIMIT 1
"""
_BOUNDS = """
SELECT min(oid::bigint) FROM (
    SELECT oid, ntile(%s) OVER (ORDER BY oid) AS piece FROM pg_largeobject_metadata
) o GROUP BY piece ORDER BY 1
"""
# Each step needs the outcome of the one before it, and OFFSET 0 keeps the steps apart; so every
# object is opened once, and closed before the next one is opened. They are no joins, as the size of
# one object may then be taken for that of the next, which has the same descriptor (Memoize, 15).
_READ = f"""
COPY (
    SELECT closed.oid, piece.at, lo_get(closed.oid, piece.at, {PIECE})
    FROM (
        SELECT oid, size, lo_close(CASE WHEN size >= 0 THEN descriptor END) AS status
        FROM (
            SELECT oid, descriptor, lo_lseek64(descriptor, 0, {_SEEK_END}) AS size
            FROM (
                SELECT oid, lo_open(oid, {_INV_READ}) AS descriptor
                FROM (
                    SELECT oid FROM pg_largeobject_metadata WHERE {{where}} ORDER BY oid OFFSET 0
                ) listed OFFSET 0
            ) opened OFFSET 0
        ) sized OFFSET 0
    ) closed
    CROSS JOIN LATERAL generate_series(
        0 * closed.status::bigint, greatest(closed.size - 1, 0), {PIECE}
    ) AS piece(at)
) TO STDOUT
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class ObjectRange:
    """The objects with oids from `first` up to but not including `end`; None is no bound."""

    first: int
    end: int | None


def find(connection: Connection) -> Table | None:
    """The large objects as a table, or None where there are none."""
    [(count, size)] = connection.execute(_FOUND).fetchall()
    if not count:
        return None
    return Table(
        *NAME,
        _COLUMNS,
        primary_key=_KEY,
        unique_keys=(UniqueKey(_KEY, _KEY),),
        rows=max(count, size // PIECE),
        bytes=2 * size,  # two hexadecimal digits a byte
        maskable=False,
        note="large objects are kept as they are",
    )


def forbidden(connection: Connection) -> int | None:
    """The oid of an object that the role may not read, if there is one."""
    with errors_of("the large objects can't be read"):
        row = connection.execute(_FORBIDDEN).fetchone()
    return None if row is None else int(row[0])


def slices(connection: Connection, table: Table, target_bytes: int) -> list[Slice]:
    """Ranges of objects: equally many in each, since no size is known before one is opened."""
    count = max(1, -(-(table.bytes or 0) // max(1, target_bytes)))
    with errors_of("the large objects can't be read"):
        rows = connection.execute(_BOUNDS, [count]).fetchall()
    starts = [0, *(int(start) for (start,) in rows[1:])]
    ends = [*starts[1:], None]
    return [Slice(table, ObjectRange(start, end)) for start, end in zip(starts, ends, strict=True)]


def copy_statement(token: ObjectRange) -> bytes:
    """The COPY that reads the objects of the range, in order."""
    where = f"oid >= {int(token.first)}"
    if token.end is not None:
        where += f" AND oid < {int(token.end)}"
    return _READ.format(where=where).encode()
