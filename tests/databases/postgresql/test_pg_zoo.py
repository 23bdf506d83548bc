"""The zoo fills on every version, and the comparison finds what differs and nothing else.

The reference is PostgreSQL's own way: what `pg_dump` writes, run by `psql`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.postgres import Server
from tests.support.postgres_zoo import PIECES, compare, fill, fill_latin1, fill_sql_ascii

# What only some builds have; every other piece has to work everywhere.
OPTIONAL = {
    "xml", "hstore_citext", "pgcrypto", "postgres_fdw", "extension", "columns_virtual",
}  # fmt: skip


def copy(server: Server, database: str, target: str) -> None:
    script = server.client("pg_dump", database=database)
    server.run(target, script)


@pytest.fixture
def target(server: Server) -> Iterator[str]:
    name = server.create_database()
    yield name
    server.drop_database(name)


def test_a_plain_copy_of_everything_is_equal(server: Server, database: str, target: str) -> None:
    filled = fill(server, database)
    assert set(PIECES) - set(filled) <= OPTIONAL
    copy(server, database, target)
    assert compare(server, database, server, target, owners=True) == []


def test_every_optional_piece_is_filled_by_some_server(server: Server, database: str) -> None:
    able = set(fill(server, database, OPTIONAL))
    if server.version == 15:
        assert able == OPTIONAL - {"extension", "columns_virtual"}
    elif server.version == 16:
        assert able == {"extension"}
    else:
        assert able == {"extension", "columns_virtual"}


@pytest.mark.parametrize("piece", sorted(set(PIECES) - OPTIONAL))
def test_every_piece_stands_alone(any_server: Server, any_database: str, piece: str) -> None:
    assert fill(any_server, any_database, [piece]) == [piece]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_copies_of_other_encodings_are_equal(any_server: Server, encoding: str) -> None:
    with ExitStack() as stack:
        names = [any_server.create_database(encoding=encoding) for _ in range(2)]
        for name in names:
            stack.callback(any_server.drop_database, name)
        (fill_latin1 if encoding == "LATIN1" else fill_sql_ascii)(any_server, names[0])
        with any_server.connect(names[0], client_encoding="LATIN1") as connection:
            found = connection.execute("select count(*) from bytes where id < 256").fetchone()
            assert found == (128,)
        copy(any_server, names[0], names[1])
        assert compare(any_server, names[0], any_server, names[1]) == []
        any_server.run(names[1], "update bytes set value = value || 'y' where id = 200")
        (found_row,) = compare(any_server, names[0], any_server, names[1])
        assert found_row.startswith("table public.bytes: rows differ")


SOME = ["indexes", "sequences", "large_objects", "views", "security"]

CHANGES = {
    "update indexes.t set v = 'other' where id = 7": ["table indexes.t: rows differ"],
    "delete from indexes.t where id = 7": ["table indexes.t: rows differ"],
    "insert into views.base select * from views.base limit 0": [],
    "drop index indexes.brin": ["schema brin; Type: INDEX; Schema: indexes: only in the first"],
    "alter table indexes.t alter v set default 'x'": ["schema t; Type: TABLE"],
    "create table public.added()": ["schema added", "table public.added: only in the second"],
    "select nextval('sequences.called')": ["sequence sequences.called: differs"],
    "select setval('sequences.told', 99, true)": ["sequence sequences.told: differs"],
    "select lo_put(900003, 3000000, 'x')": ["large object 900003: differs"],
    "select lo_unlink(900001)": ["large object 900001: only in the first"],
    "comment on large object 900002 is null": ["large object 900002: differs"],
    "refresh materialized view views.empty_one": [
        "materialised view views.empty_one: populated only in the second",
    ],
    "update views.base set v = 0 where id = 1; refresh materialized view views.full_one": [
        "materialised view views.full_one: rows differ", "table views.base: rows differ",
    ],
    "revoke select on security.rows from public": ["schema TABLE rows; Type: ACL"],
}  # fmt: skip


def test_the_comparison_finds_every_change(any_server: Server, any_database: str) -> None:
    fill(any_server, any_database, SOME)
    for change, expected in CHANGES.items():
        other = f"{any_database}_changed"
        any_server.run("postgres", f"create database {other} template {any_database}")
        try:
            any_server.run(other, change)
            found = compare(any_server, any_database, any_server, other)
        finally:
            any_server.drop_database(other)
        assert len(found) == len(expected), (change, found)
        for message, start in zip(sorted(found), sorted(expected), strict=True):
            assert message.startswith(start), (change, message)


def test_owners_privileges_and_tables_can_be_left_out(
    any_server: Server, any_database: str
) -> None:
    fill(any_server, any_database, ["security"])
    other = any_server.create_database()
    try:
        copy(any_server, any_database, other)
        change = "alter table security.later owner to zoo_reader; delete from security.later"
        any_server.run(other, change)
        pair = (any_server, any_database, any_server, other)
        rows = ["security.later"]
        assert len(compare(*pair, owners=True, privileges=False, ignore_tables=rows)) == 1
        assert len(compare(*pair, privileges=False)) == 1
        assert compare(*pair, privileges=False, ignore_tables=rows) == []
    finally:
        any_server.drop_database(other)
