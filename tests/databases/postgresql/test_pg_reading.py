"""Rows of PostgreSQL tables: the server's own COPY text, all of it, or an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replicate.databases.base import Selection, Slice, Table
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.reading import BLOCK
from replicate.databases.postgresql.source import PostgreSQLSnapshot, PostgreSQLSource
from replicate.errors import DatabaseError
from tests.support.postgres import Server, start_server
from tests.support.waiting import until

TYPES = r"""
SET timezone = 'America/New_York';
CREATE TYPE mood AS ENUM ('sad', 'so ''so'''); CREATE TYPE pair AS (a int, b text);
CREATE TABLE types AS SELECT
    1::smallint AS a1, '-2147483648'::int AS a2, 9223372036854775807::bigint AS a3, 4294967295::oid,
    0.1::float4 AS b1, 0.1::float8 + 0.2 AS b2, 'NaN'::float8 AS b3, '-Infinity'::float8 AS b4,
    123456789012345678901234567890.000100::numeric AS c1, 'NaN'::numeric AS c2,
    1234567.89::money AS c3, true AS d1, E'tab\t line\n cr\r back\\ \\N nul é 日本' AS e1,
    'x'::char(5) AS e2, ''::varchar(9) AS e3, NULL::text AS e4, '\'::text AS e5, '\.'::text AS e6,
    '\xdeadbeef00'::bytea AS f1, ''::bytea AS f2, '0044-03-15 BC'::date AS g1, 'infinity'::date g2,
    '24:00:00'::time AS g3, '12:30:00.123456+05:30'::timetz AS g4,
    '2024-02-29 23:59:59.999999'::timestamp AS g5, '1883-11-18 12:00:00+00'::timestamptz AS g6,
    '-1 year -2 mons +3 days -04:05:06.789'::interval AS g7, '{"a": [1, "\n"]}'::json AS h1,
    '{"a": "\t\\"}'::jsonb AS h2, 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid AS i1,
    '$.a ? (@ > 1)'::jsonpath AS i3, 'a & b:*'::tsquery AS i4,
    'fat:2A cat'::tsvector AS i5, '10.0.0.1/8'::inet AS j1, '10.0.0.0/8'::cidr AS j2,
    '08:00:2b:01:02:03'::macaddr AS j3, '(1,2)'::point AS k1, '<(0,0),1.5>'::circle AS k2,
    '((0,0),(1,1))'::polygon AS k3, B'101'::bit(3) AS l1, '[1,5)'::int4range AS m1,
    '{[1,2),[5,)}'::int4multirange AS m2, ARRAY['a b', NULL, 'c"\', ''] AS n1, '{{1}}'::int[] n2,
    'so ''so'''::mood AS o1, ROW(1, 'a,"b')::pair AS o2, 'pg_class'::regclass AS p1,
    '16/B374D848'::pg_lsn AS p2, '"char"'::regtype AS p3, 'x'::"char" AS q1, 'n'::name AS q2;
INSERT INTO types DEFAULT VALUES;
"""


def opened(server: Server, database: str, **options: str) -> PostgreSQLSnapshot:
    uri = server.uri(database)
    if options:
        uri += "?" + "&".join(f"{key}={value}" for key, value in options.items())
    return PostgreSQLSource(Address(uri), str(server.bin)).open()


def table_of(snapshot: PostgreSQLSnapshot, name: str) -> Table:
    return next(table for table in snapshot.schema().tables if table.name == name)


def text_of(snapshot: PostgreSQLSnapshot, pieces: list[Slice]) -> bytes:
    blocks = [block for piece in pieces for block in snapshot.read(piece)]
    assert all(block.text.count(b"\n") == block.rows > 0 for block in blocks)
    return b"".join(block.text for block in blocks)


def whole(snapshot: PostgreSQLSnapshot, name: str) -> bytes:
    return text_of(snapshot, [Slice(table_of(snapshot, name))])


def copied(server: Server, database: str, table: str) -> bytes:
    """What psql's COPY writes in a session that is set up alike."""
    settings = (
        "SET datestyle = 'ISO, YMD'; SET intervalstyle = postgres; SET timezone = 'UTC';"
        "SET extra_float_digits = 3; SET bytea_output = hex; SET lc_monetary = 'C';"
        "SET search_path = '';"
    )
    script = f"{settings} COPY {table} TO STDOUT;\n"
    return server.client("psql", "-X", "-q", database=database, stdin=script.encode())


def test_every_type_as_the_server_writes_it(server: Server, database: str) -> None:
    server.run(database, TYPES)
    with closing(opened(server, database)) as snapshot:
        text = whole(snapshot, "types")
        assert text == copied(server, database, "public.types")
        assert len(text.split(b"\n")[0].split(b"\t")) == len(table_of(snapshot, "types").columns)


@pytest.fixture(scope="module")
def big(any_server: Server) -> Iterator[PostgreSQLSnapshot]:
    """A table with gaps and values of very different sizes, and what the snapshot must not see."""
    name = any_server.create_database()
    any_server.run(
        name,
        "CREATE TABLE big (id int, a text, g int GENERATED ALWAYS AS (1) STORED) "
        "WITH (autovacuum_enabled = off);"
        "INSERT INTO big SELECT g, repeat('x', g % 300) FROM generate_series(1, 20000) g;"
        "DELETE FROM big WHERE id % 7 = 0 OR id BETWEEN 4000 AND 6000;"
        "UPDATE big SET a = a || 'y' WHERE id % 11 = 0;"
        "CREATE TABLE fat (id int, a text); ALTER TABLE fat ALTER a SET STORAGE EXTERNAL;"
        "INSERT INTO fat SELECT g, repeat('x', 50000) FROM generate_series(1, 300) g;"
        "CREATE TABLE kid () INHERITS (big); INSERT INTO kid VALUES (0, 'not the parent''s')",
    )
    with closing(opened(any_server, name)) as snapshot:
        with any_server.connect(name) as other:
            other.execute("INSERT INTO big SELECT g, 'new' FROM generate_series(1, 20000) g")
            other.execute("UPDATE big SET a = 'new' WHERE id < 9000")
            other.execute("DELETE FROM big WHERE id > 15000")
            other.execute("VACUUM big")
        yield snapshot
    any_server.drop_database(name)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(target=st.integers(1, 4_000_000))
def test_slices_together_are_the_whole(big: PostgreSQLSnapshot, target: int) -> None:
    table = table_of(big, "big")
    target = max(target, (table.bytes or 0) // 100)
    pieces = big.slices(table, target)
    assert len(pieces) == 1 or len(pieces) >= (table.bytes or 0) // target
    text = text_of(big, pieces)
    assert text == whole(big, "big")
    ids = [int(line.split(b"\t")[0]) for line in text.splitlines()]
    assert sorted(ids) == [i for i in range(1, 20001) if i % 7 and not 4000 <= i <= 6000]
    assert b"new" not in text
    assert b"parent" not in text


def test_large_values_count_for_the_slices(big: PostgreSQLSnapshot) -> None:
    pieces = big.slices(table_of(big, "fat"), 8_000_000)
    assert len(pieces) >= 2
    assert [len(line) for line in text_of(big, pieces).splitlines()][-1] == len("300\t") + 50000


def test_blocks_are_whole_rows_of_a_few_megabytes(any_server: Server, any_database: str) -> None:
    any_server.run(
        any_database,
        "CREATE TABLE t AS SELECT repeat('a', 90) FROM generate_series(1, 100000);"
        "INSERT INTO t VALUES (repeat('b', 6000000)), ('c');"
        "INSERT INTO t SELECT repeat('d', 300000) FROM generate_series(1, 20)",
    )
    with closing(opened(any_server, any_database)) as snapshot:
        blocks = list(snapshot.read(Slice(table_of(snapshot, "t"))))
    assert sum(block.rows for block in blocks) == 100022
    for block in blocks:
        assert len(block.text) <= BLOCK or block.rows == 1
    assert len(blocks) < 20


def test_tables_without_columns(server: Server, database: str) -> None:
    server.run(
        database,
        "CREATE TABLE bare (); INSERT INTO bare SELECT FROM generate_series(1, 3000);"
        "CREATE TABLE none (); CREATE TABLE only_generated (a int GENERATED ALWAYS AS (1) STORED);"
        "INSERT INTO only_generated DEFAULT VALUES",
    )
    with closing(opened(server, database)) as snapshot:
        assert whole(snapshot, "bare") == b"\n" * 3000
        assert text_of(snapshot, snapshot.slices(table_of(snapshot, "bare"), 9000)) == b"\n" * 3000
        assert whole(snapshot, "none") == b""
        assert whole(snapshot, "only_generated") == b"\n"


def test_other_encodings(server: Server) -> None:
    latin = server.create_database(encoding="LATIN1")
    raw = server.create_database(encoding="SQL_ASCII")
    with server.connect(latin) as connection:
        connection.execute('CREATE TABLE "né" ("à" text)')
        connection.execute("INSERT INTO \"né\" VALUES ('ü')")
    with closing(opened(server, latin)) as snapshot:
        assert whole(snapshot, "né") == "ü\n".encode()
        assert table_of(snapshot, "né").columns[0].name == "à"
    with server.connect(raw, client_encoding="SQL_ASCII") as connection:
        pgconn = connection.pgconn
        pgconn.exec_(b'CREATE TABLE "n\xe9" ("\xc3\xa0" text)')
        pgconn.exec_(b"INSERT INTO \"n\xe9\" VALUES ('\xff\xc3\xa9')")
    with closing(opened(server, raw)) as snapshot:
        [table] = snapshot.dumped_tables(Selection(snapshot.schema().tables))
        assert table.name == "n\udce9"
        assert [column.name for column in table.columns] == ["à"]
        assert whole(snapshot, table.name) == b"\xff\xc3\xa9\n"
    server.drop_database(latin)
    server.drop_database(raw)


def test_a_value_without_an_equivalent_is_not_shown(any_server: Server) -> None:
    name = any_server.create_database(encoding="WIN1252")
    with any_server.connect(name, client_encoding="WIN1252") as connection:
        connection.execute("CREATE TABLE t (a text)")
        connection.pgconn.exec_(b"INSERT INTO t VALUES ('secret \x81')")
    with closing(opened(any_server, name)) as snapshot:
        with pytest.raises(DatabaseError, match="t can't be read: ") as caught:
            whole(snapshot, "t")
        assert "81" not in caught.value.message
    any_server.drop_database(name)


def test_the_users_own_timeout_holds(any_server: Server, any_database: str) -> None:
    any_server.run(
        any_database,
        "CREATE TABLE t AS SELECT repeat(md5(g::text), 100) FROM generate_series(1, 60000) g;"
        f"ALTER DATABASE {any_database} SET statement_timeout = 2000;",
    )
    with closing(opened(any_server, any_database)) as snapshot:  # the database's own does not
        rows = 0
        for block in snapshot.read(Slice(table_of(snapshot, "t"))):
            rows += block.rows
            time.sleep(0.03)  # nearly three seconds in all
        assert rows == 60000
        piece = Slice(table_of(snapshot, "t"))
    with closing(opened(any_server, any_database, options="-cstatement_timeout%3D5s")) as snapshot:
        reader = snapshot.read(piece)
        next(reader)
        time.sleep(5.5)  # far more is left than fits on the way here
        with pytest.raises(DatabaseError, match=r"t can't be read: .*statement timeout"):
            list(reader)
        with pytest.raises(DatabaseError, match=r"t can't be read: the connection is closed"):
            list(snapshot.read(piece))


def test_a_reader_that_is_given_up_leaves_no_half(any_server: Server, any_database: str) -> None:
    any_server.run(
        any_database, "CREATE TABLE t AS SELECT repeat('x', 999) FROM generate_series(1, 9999)"
    )
    with closing(opened(any_server, any_database)) as snapshot:
        reader = snapshot.read(Slice(table_of(snapshot, "t")))
        next(reader)
        reader.close()
        with pytest.raises(DatabaseError, match="t can't be read"):
            list(snapshot.read(Slice(table_of(snapshot, "t"))))


def test_a_server_that_dies(any_server: Server) -> None:
    server = start_server(any_server.version)
    try:
        name = server.create_database()
        server.run(name, "CREATE TABLE t AS SELECT repeat('x', 99) FROM generate_series(1, 999999)")
        snapshot = opened(server, name)
        reader = snapshot.read(Slice(table_of(snapshot, "t")))
        next(reader)
        server.kill()
        with pytest.raises(DatabaseError, match="t can't be read: "):
            list(reader)
        snapshot.close()
    finally:
        server.close()


def test_over_a_unix_socket(server: Server, database: str) -> None:
    """Which hands out what is there, however large a heap it is asked to wait for."""
    rows = "SELECT g, repeat('x', 99) FROM generate_series(1, 99999) g"
    server.run(database, f"CREATE TABLE t AS {rows}")
    folder = quote(str(server.home), safe="")
    uri = server.uri(database).replace("@127.0.0.1:", "@:") + f"?host={folder}"
    with closing(PostgreSQLSource(Address(uri), str(server.bin)).open()) as snapshot:
        assert snapshot._connection.pgconn.host == os.fsencode(server.home)
        assert whole(snapshot, "t") == copied(server, database, "public.t")


WAITING = """
import sys
from replicate.databases.postgresql import receiving
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.source import PostgreSQLSource
from replicate.databases.base import Slice
if sys.argv[2] == "encrypted":
    receiving._is_plain = lambda _: False
snapshot = PostgreSQLSource(Address(sys.argv[1]), None).open()
rows = b"SELECT repeat('x', 99999) UNION ALL SELECT pg_sleep(60)::text"
snapshot._script = lambda piece: b"COPY (" + rows + b") TO STDOUT"
[table] = snapshot.schema().tables
print("reading", flush=True)
try:
    list(snapshot.read(Slice(table)))
except KeyboardInterrupt:
    print("interrupted", snapshot._connection.closed, flush=True)
"""


@pytest.mark.parametrize("way", ["plain", "encrypted"])
def test_an_interrupt_is_heard_while_waiting(
    any_server: Server, any_database: str, way: str
) -> None:
    any_server.run(any_database, "CREATE TABLE t (a int)")
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
        f"AND datname = '{any_database}' AND query LIKE '%pg_sleep(60)%'"
    )
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, any_server.uri(any_database), way], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"reading\n"
        until(lambda: any_server.run("postgres", running) == "1\n")
        os.kill(process.pid, signal.SIGINT)
        begun = time.monotonic()
        assert process.stdout.readline() == b"interrupted True\n"
        assert time.monotonic() - begun < 50  # the query takes 60
    assert process.returncode == 0


def test_reading_while_another_thread_works(any_server: Server, any_database: str) -> None:
    """A slow server: rows come in dribbles, and none is lost between two waits."""
    any_server.run(any_database, "CREATE TABLE t AS SELECT g FROM generate_series(1, 400) g")
    with closing(opened(any_server, any_database)) as snapshot:
        slow = b"COPY (SELECT g, repeat('x', 5000), pg_sleep(0.001) FROM public.t) TO STDOUT"
        snapshot._script = lambda piece: slow  # type: ignore[method-assign]  # noqa: ARG005
        stop = threading.Event()
        busy = threading.Thread(target=lambda: [sum(range(999)) for _ in iter(stop.is_set, True)])
        busy.start()
        lines = whole(snapshot, "t").splitlines()
        stop.set()
        busy.join()
    assert [int(line.split(b"\t")[0]) for line in lines] == list(range(1, 401))
