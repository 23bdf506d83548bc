"""Large objects as the rows of a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing

import pytest

from replicate.databases.base import Selection, Slice, Table
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.object_rows import PIECE
from replicate.databases.postgresql.source import PostgreSQLSnapshot, PostgreSQLSource
from replicate.errors import DatabaseError
from tests.support.postgres import Server

OBJECTS = f"""
SELECT lo_from_bytea(1001, '');
SELECT lo_from_bytea(1002, '\\x00ff5c0a');
SELECT lo_from_bytea(1003, convert_to(repeat('0123456789abcdef', 196608), 'UTF8'));
SELECT lo_from_bytea(1004, convert_to(repeat('x', {PIECE}), 'UTF8'));
SELECT lo_create(1005); SELECT lo_put(1005, 1000000, '\\x21');
SELECT lo_from_bytea(4000000000, '\\x61');
"""
CONTENTS = {
    1001: b"",
    1002: b"\0\xff\\\n",
    1003: b"0123456789abcdef" * 196608,
    1004: b"x" * PIECE,
    1005: bytes(1000000) + b"!",
    4000000000: b"a",
}


def objects_in(snapshot: PostgreSQLSnapshot, pieces: Iterable[Slice]) -> dict[int, bytes]:
    """The objects that the rows make up, which have to be in order and without a gap."""
    found: defaultdict[int, bytes] = defaultdict(bytes)
    for piece in pieces:
        for block in snapshot.read(piece):
            for line in block.text.splitlines():
                oid, at, data = line.split(b"\t")
                assert int(at) == len(found[int(oid)])
                assert data.startswith(b"\\\\x")
                found[int(oid)] += bytes.fromhex(data[3:].decode())
    return dict(found)


def table_in(snapshot: PostgreSQLSnapshot) -> Table | None:
    return snapshot.schema().find("pg_catalog", "pg_largeobject")


def test_there_is_no_table_without_any(server: Server, database: str) -> None:
    with closing(PostgreSQLSource(Address(server.uri(database)), None).open()) as snapshot:
        assert table_in(snapshot) is None


@pytest.mark.parametrize("target", [1 << 30, 1_000_000, 1])
def test_every_byte_of_them(server: Server, database: str, target: int) -> None:
    server.run(database, OBJECTS)
    source = PostgreSQLSource(Address(server.uri(database)), str(server.bin))
    with closing(source.open()) as snapshot:
        with server.connect(database) as other:
            other.execute("SELECT lo_unlink(1002), lo_put(1001, 0, 'late'), lo_create(7)")
        table = table_in(snapshot)
        assert table is not None
        assert not table.maskable
        assert [column.name for column in table.columns] == ["loid", "offset", "data"]
        pieces = snapshot.slices(table, target)
        assert len(pieces) == {1 << 30: 1, 1_000_000: min(len(pieces), 6), 1: 6}[target]
        assert objects_in(snapshot, pieces) == CONTENTS
        with closing(source.join(snapshot.share())) as worker:
            assert objects_in(worker, pieces) == CONTENTS


def test_no_descriptor_stays_open(any_server: Server, any_database: str) -> None:
    any_server.run(any_database, "SELECT count(lo_create(g)) FROM generate_series(1, 3000) g")
    source = PostgreSQLSource(Address(any_server.uri(any_database)), None)
    with closing(source.open()) as snapshot:
        table = table_in(snapshot)
        assert table is not None
        found = objects_in(snapshot, snapshot.slices(table, 1 << 30))
        assert found == dict.fromkeys(range(1, 3001), b"")
        # The next descriptor is the lowest one that is free.
        assert snapshot._connection.execute("SELECT lo_open(1, 262144)").fetchone() == (0,)


def test_a_role_that_is_no_superuser(server: Server, database: str) -> None:
    role = f"plain_{database}"
    server.run(
        database,
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'; {OBJECTS}"
        f"ALTER LARGE OBJECT 1003 OWNER TO {role}; GRANT SELECT ON LARGE OBJECT 1002 TO PUBLIC;"
        f"GRANT SELECT ON LARGE OBJECT 1001, 1004, 1005 TO {role};",
    )
    uri = f"postgresql://{role}:x@127.0.0.1:{server.port}/{database}"
    source = PostgreSQLSource(Address(uri), str(server.bin))
    try:
        with closing(source.open()) as snapshot:
            tables = snapshot.schema().tables
            with pytest.raises(DatabaseError, match="the large object 4000000000 can't be read"):
                snapshot.dumped_tables(Selection(tables))
            with pytest.raises(DatabaseError, match="permission denied for large object"):
                objects_in(snapshot, snapshot.slices(tables[0], 1 << 30))
        server.run(database, f"GRANT SELECT ON LARGE OBJECT 4000000000 TO {role}")
        with closing(source.open()) as snapshot:
            [table] = snapshot.dumped_tables(Selection(snapshot.schema().tables))
            assert objects_in(snapshot, snapshot.slices(table, 1 << 30)) == CONTENTS
    finally:
        server.run(database, f"DROP OWNED BY {role}; DROP ROLE {role}")
