"""Two databases compared: schema, rows, sequences, large objects, materialised views."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.support.postgres import Server

# How values are written may depend on the settings of a server or a database; not here.
_SETTINGS = """
SET extra_float_digits = 3; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET TimeZone = 'UTC'; SET xmloption = 'content';
SET row_security = off; SET search_path = pg_catalog;
"""
_NOT_OURS = (
    "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    " AND c.relkind = ANY(%s) ORDER BY 1, 2"
)
# Two things no dump can keep: columns that are inherited move to the front, so they are taken by
# name; and an enum's hash depends on numbers that every database gives out anew, so the partitions
# by such a hash are compared as one.
_TABLES = """
SELECT n.nspname::text, c.relname::text, c.relispopulated,
  (SELECT array_agg(a.attname::text ORDER BY
     CASE WHEN NOT c.relispartition AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
     THEN a.attname::text COLLATE "C" END, a.attnum)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  (SELECT 'partitions of ' || p.partrelid::regclass FROM pg_inherits i
   JOIN pg_partitioned_table p ON p.partrelid = i.inhparent
   WHERE i.inhrelid = c.oid AND c.relispartition AND p.partstrat = 'h' AND EXISTS (
     SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = p.partrelid AND a.attnum = ANY(p.partattrs) AND t.typtype = 'e'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE """
_ENTRY = re.compile(r"^--\n-- (?=(?:Data for )?Name: )", re.MULTILINE)
_NOISE = re.compile(r"^(--|\\(un)?restrict |SET |SELECT pg_catalog\.set_config\('search_path')")
_SHOWN = 3


def compare(
    server_a: Server,
    database_a: str,
    server_b: Server,
    database_b: str,
    *,
    ignore_tables: Collection[str] = (),
    owners: bool = False,
    privileges: bool = True,
) -> list[str]:
    """The differences in readable lines; none if the two are equal.

    `ignore_tables` are `schema.name`, without quotes: their rows are not compared, their schema
    is. The order of rows and of statements makes no difference. Owners are compared only if asked
    for, since a restore gives everything to whoever restores.
    """
    options = [
        flag
        for flag, wanted in (("--no-owner", owners), ("--no-privileges", privileges))
        if not wanted
    ]
    newer = max((server_a, server_b), key=lambda server: server.version)
    found = _differences(
        "schema",
        _schema(server_a, database_a, newer, options),
        _schema(server_b, database_b, newer, options),
    )
    with _connect(server_a, database_a) as a, _connect(server_b, database_b) as b:
        ignored = set(ignore_tables)
        found += _row_differences("table", _tables(a, "r", ignored), _tables(b, "r", ignored))
        found += _row_differences(
            "materialised view", _tables(a, "m", ignored), _tables(b, "m", ignored)
        )
        found += _differences("sequence", _sequences(a), _sequences(b))
        found += _differences("large object", _large_objects(a), _large_objects(b))
    return found


def _connect(server: Server, database: str) -> Connection[TupleRow]:
    connection = server.connect(database, client_encoding="LATIN1")
    row = connection.execute("SELECT getdatabaseencoding()::text").fetchone()
    # A database without an encoding gives its bytes as they are: Latin-1 keeps every one of them.
    if row != ("SQL_ASCII",):
        connection.execute("SET client_encoding = 'UTF8'")
    connection.execute(_SETTINGS)
    return connection


def _schema(server: Server, database: str, newer: Server, options: list[str]) -> dict[str, str]:
    """Every entry of `pg_dump` by its name; written by the same program for both databases."""
    with _connect(server, database) as connection:
        encoding = "UTF8" if connection.info.encoding == "utf-8" else "SQL_ASCII"
    dumped = server.client(
        "pg_dump", "--schema-only", "-E", encoding, *options, database=database, folder=newer.bin
    )
    entries: dict[str, str] = {}
    for entry in _ENTRY.split(dumped.decode("utf-8", "surrogateescape"))[1:]:
        title, _, body = entry.partition("\n")
        name = title.partition("; Owner: ")[0].removeprefix("Name: ")
        lines = [line for line in body.splitlines() if line.strip() and not _NOISE.match(line)]
        inherits = any(line.startswith("INHERITS (") for line in lines)
        if inherits or "Type: ACL" in name or "Type: DEFAULT ACL" in name:
            lines = sorted(line.rstrip(",") for line in lines)
        entries[name] = "\n".join(filter(None, (entries.get(name), *lines)))
    return entries


def _tables(
    connection: Connection[TupleRow], kind: str, ignored: set[str]
) -> dict[str, Counter[bytes] | None]:
    """The rows of every table of a kind as COPY text; None of a view that has no contents."""
    found: dict[str, Counter[bytes] | None] = {}
    rows_of = connection.execute((_TABLES + _NOT_OURS).encode(), [[kind]]).fetchall()
    for schema, name, populated, columns, pool in rows_of:
        if f"{schema}.{name}" in ignored:
            continue
        copied = sql.SQL("COPY (SELECT {} FROM {} {}) TO STDOUT").format(
            sql.SQL(", ").join(map(sql.Identifier, columns or [])),
            sql.SQL("ONLY" if kind == "r" else ""),
            sql.Identifier(schema, name),
        )
        rows: Counter[bytes] | None = None
        if populated:
            with connection.cursor().copy(copied) as copy:
                rows = Counter(b"".join(map(bytes, copy)).split(b"\n")[:-1])
            if pool is not None:
                rows += found.get(pool) or Counter()
        found[pool or f"{schema}.{name}"] = rows
    return found


def _sequences(connection: Connection[TupleRow]) -> dict[str, str]:
    query = (
        "SELECT n.nspname::text, c.relname::text FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE " + _NOT_OURS
    )
    found = {}
    for schema, name in connection.execute(query.encode(), [["S"]]).fetchall():
        state = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name))
        last, called = connection.execute(state).fetchone() or (None, None)
        found[f"{schema}.{name}"] = f"at {last}, {'called' if called else 'not called'}"
    return found


def _large_objects(connection: Connection[TupleRow]) -> dict[str, str]:
    query = (
        "SELECT oid, md5(lo_get(oid)), length(lo_get(oid)), obj_description(oid, 'pg_largeobject')"
        " FROM pg_largeobject_metadata"
    )
    return {
        str(oid): f"{size} bytes, md5 {digest}, comment {comment!r}"
        for oid, digest, size, comment in connection.execute(query).fetchall()
    }


def _differences(what: str, a: Mapping[str, str], b: Mapping[str, str]) -> list[str]:
    found = [f"{what} {name}: only in the first: {a[name]}" for name in a.keys() - b.keys()]
    found += [f"{what} {name}: only in the second: {b[name]}" for name in b.keys() - a.keys()]
    found += [
        f"{what} {name}: differs\n  first:  {a[name]}\n  second: {b[name]}"
        for name in a.keys() & b.keys()
        if a[name] != b[name]
    ]
    return sorted(found)


def _row_differences(
    what: str, a: Mapping[str, Counter[bytes] | None], b: Mapping[str, Counter[bytes] | None]
) -> list[str]:
    found = []
    for name in sorted(a.keys() | b.keys()):
        if name not in a or name not in b:
            found.append(f"{what} {name}: only in the {'first' if name in a else 'second'}")
            continue
        left, right = a[name], b[name]
        if left is None or right is None:
            if left is not right:
                found.append(
                    f"{what} {name}: populated only in the {'first' if right is None else 'second'}"
                )
        elif left != right:
            lines = [_sample("first", left - right), _sample("second", right - left)]
            found.append("\n".join([f"{what} {name}: rows differ", *filter(None, lines)]))
    return found


def _sample(where: str, rows: Counter[bytes]) -> str:
    shown = "; ".join(repr(row[:200]) for row in sorted(rows)[:_SHOWN])
    return f"  only in the {where}: {rows.total()} rows: {shown}" if rows else ""
