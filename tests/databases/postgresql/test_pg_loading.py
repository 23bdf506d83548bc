"""Rows by COPY: all of a call or none, and no value in an error."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from replicate.databases.base import LoadTable, RowBlock
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.destination import PostgreSQLDestination
from replicate.databases.postgresql.entries import Entry, write_script
from replicate.errors import CorruptError, DatabaseError
from tests.support.postgres import Server
from tests.support.postgres_dump import PRE, USERS, block, failing

COUNT = "SELECT count(*) FROM public.users"


@pytest.fixture
def target(server: Server, database: str) -> Iterator[PostgreSQLDestination]:
    found = PostgreSQLDestination(Address(server.uri(database)))
    found.begin(wipe=False, jobs=2)
    found.run(write_script(PRE))
    yield found
    found.abort()


def run(target: PostgreSQLDestination, sql: str) -> None:
    """More of the schema, without the guards of a restore."""
    with target._open.lease() as connection:
        connection.execute(sql.encode())


def test_blocks_are_one_copy(target: PostgreSQLDestination, server: Server, database: str) -> None:
    big = block(*(f"{n}\tname {n}\tok" for n in range(50_000)))
    assert target.load(USERS, [big, block("-1\t\\N\t\\N"), big]) == 100_001
    assert target.load(USERS, []) == 0
    assert server.run(database, COUNT) == "100001\n"


def test_rows_that_no_line_can_hold_are_loaded_in_pieces(
    target: PostgreSQLDestination, server: Server, database: str
) -> None:
    assert target.load(USERS, [block("1\t" + "é" * 3_000_000 + "\tok")]) == 1
    assert server.run(database, "SELECT length(name) FROM users") == "3000000\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1\tx\tsecret, line 7", "invalid input value for enum public.mood"),
        ("secret, line 7\tx\tok", "invalid input syntax for type integer"),
        ("99999999999999\tx\tok", "value is out of range for type integer"),
        ("1\tsecret", "missing data for column"),
        ("1\tsecret\tok\tsecret", "extra data after last expected column"),
        ("\\N\tsecret\tok", 'null value in column "id" of relation "users"'),
    ],
)
def test_a_bad_row_is_told_by_its_line_and_not_by_its_value(
    target: PostgreSQLDestination, server: Server, database: str, line: str, said: str
) -> None:
    with pytest.raises(DatabaseError) as caught:
        target.load(USERS, [block("1\ta\tok", "2\tb\tok"), block(line)])
    message = caught.value.message
    assert message.startswith(f"public.users can't be loaded: {said}")
    assert message.endswith("(users, line 3)")
    assert "secret" not in message
    assert "9999" not in message
    assert server.run(database, COUNT) == "0\n"
    assert target.load(USERS, [block("1\ta\tok")]) == 1


def test_what_a_function_says_is_not_shown(
    target: PostgreSQLDestination, server: Server, database: str
) -> None:
    server.run(
        database,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
        "'% is bad', new.name USING ERRCODE = 'check_violation'; END $$; CREATE TRIGGER refuse "
        "BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    with pytest.raises(DatabaseError, match="a function of the database raised an error") as caught:
        target.load(USERS, [block("1\tsecret\tok")])
    assert "secret" not in caught.value.message


def test_an_error_of_the_blocks_ends_the_copy(
    target: PostgreSQLDestination, server: Server, database: str
) -> None:
    error = CorruptError("the chunk is damaged")
    with pytest.raises(CorruptError) as caught:
        target.load(USERS, failing([block("1\ta\tok")], error))
    assert caught.value is error
    assert server.run(database, COUNT) == "0\n"
    assert target.load(USERS, [block("1\ta\tok")]) == 1


def test_the_rows_are_counted(target: PostgreSQLDestination, server: Server, database: str) -> None:
    with pytest.raises(CorruptError, match="3 rows were sent, and the server saw 2"):
        target.load(USERS, [RowBlock(b"1\ta\tok\n2\tb\tok\n", 3)])
    assert server.run(database, COUNT) == "0\n"


def test_a_table_without_columns(
    target: PostgreSQLDestination, server: Server, database: str
) -> None:
    server.run(database, "CREATE TABLE bare (); CREATE TABLE made (a int GENERATED ALWAYS AS (1) "
               "STORED)")  # fmt: skip
    for name in ("bare", "made"):
        assert target.load(LoadTable("public", name, ()), [RowBlock(b"\n\n\n", 3)]) == 3
        assert server.run(database, f"SELECT count(*) FROM {name}") == "3\n"


def test_names_with_quotes(target: PostgreSQLDestination, server: Server, database: str) -> None:
    server.run(database, 'CREATE SCHEMA "a.b"; CREATE TABLE "a.b"."c""%s" ("%(x)s" int)')
    assert target.load(LoadTable("a.b", 'c"%s', ("%(x)s",)), [block("1")]) == 1


def test_large_objects(server: Server, database: str) -> None:
    made = Entry(
        1, "LARGE OBJECTS", "pg_catalog", "pg_largeobject",
        "SELECT lo_create(1000); SELECT lo_create(2000);",
        drop="SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE oid IN (1000, 2000);",
    )  # fmt: skip
    pages = LoadTable("pg_catalog", "pg_largeobject", ("loid", "offset", "data"))
    for wipe in (False, True):
        target = PostgreSQLDestination(Address(server.uri(database)))
        target.begin(wipe=wipe, jobs=2)
        target.run(write_script([made]))
        rows = block("1000\t0\t\\\\x6162", "1000\t4096\t\\\\x63")
        assert target.load(pages, [rows, block("2000\t0\t\\\\x")]) == 3
        assert target.load(pages, [block("2000\t1\t\\\\xff")]) == 1
        target.run(write_script([]))
        target.finish()
    with server.connect(database) as connection:
        [(first, second)] = connection.execute("SELECT lo_get(1000), lo_get(2000)").fetchall()
    assert (first, second) == (b"ab" + bytes(4094) + b"c", b"\0\xff")


def test_rows_of_hashed_partitions_find_their_place(any_server: Server, any_database: str) -> None:
    """An enum's values have other hashes in another database."""
    entries = [
        Entry(1, "TYPE", "public", "e", "CREATE TYPE public.e AS ENUM ('a', 'b', 'c', 'd');"),
        Entry(2, "TABLE", "public", "p",
              "CREATE TABLE public.p (k public.e) PARTITION BY HASH (k);", depends=(1,)),
    ]  # fmt: skip
    for n in range(2):
        entries += [
            Entry(3 + n, "TABLE", "public", f"p{n}", f"CREATE TABLE public.p{n} (k public.e);"),
            Entry(5 + n, "TABLE ATTACH", "public", f"p{n}",
                  f"ALTER TABLE ONLY public.p ATTACH PARTITION public.p{n} FOR VALUES WITH "
                  f"(modulus 2, remainder {n});", depends=(2, 3 + n)),
        ]  # fmt: skip
    target = PostgreSQLDestination(Address(any_server.uri(any_database)))
    target.begin(wipe=False, jobs=1)
    target.run(write_script(entries))
    assert target.load(LoadTable("public", "p0", ("k",)), [block("a", "b")]) == 2
    assert target.load(LoadTable("public", "p1", ("k",)), [block("c", "d")]) == 2
    target.run(write_script([]))
    target.finish()
    assert any_server.run(any_database, "SELECT count(*) FROM p") == "4\n"


def test_abort_ends_a_load_of_another_thread(
    target: PostgreSQLDestination, server: Server, database: str
) -> None:
    begun = threading.Event()
    errors = []

    def blocks() -> Iterator[RowBlock]:
        while True:
            yield block(*["1\ta\tok"] * 1000)
            begun.set()

    def load() -> None:
        try:
            target.load(USERS, blocks())
        except DatabaseError as error:
            errors.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    assert begun.wait(120)
    target.abort()
    thread.join(120)
    assert not thread.is_alive()
    assert len(errors) == 1
    assert server.run(database, COUNT) == "0\n"


def test_abort_ends_a_load_that_waits_for_a_lock(
    target: PostgreSQLDestination, server: Server, database: str
) -> None:
    errors = []

    def load() -> None:
        try:
            target.load(USERS, [block("1\ta\tok")])
        except DatabaseError as error:
            errors.append(error)

    with server.connect(database) as other, other.transaction():
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=load)
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while server.run("postgres", waiting) == "0\n":
            pass
        target.abort()
        thread.join(120)
        assert not thread.is_alive()
    assert len(errors) == 1


def test_a_lost_connection_is_an_error_and_the_next_load_gets_another(
    target: PostgreSQLDestination, server: Server, database: str
) -> None:
    def blocks() -> Iterator[RowBlock]:
        yield block("1\ta\tok")
        server.run("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                   f"WHERE datname = '{database}' AND pid <> pg_backend_pid()")  # fmt: skip
        for _ in range(100):
            yield block(*["2\tb\tok"] * 10_000)

    with pytest.raises(DatabaseError, match=r"public\.users can't be loaded") as caught:
        target.load(USERS, blocks())
    assert caught.value.hint
    assert target.load(USERS, [block("1\ta\tok")]) == 1
    assert server.run(database, COUNT) == "1\n"


def test_a_full_disk_is_told(any_server: Server, any_database: str) -> None:
    """What a load of large objects writes to on its way is limited, as a disk is."""
    target = PostgreSQLDestination(Address(any_server.uri(any_database)))
    target.begin(wipe=False, jobs=1)
    target.run(write_script(PRE))
    index = "SET temp_file_limit = '64kB'; SET maintenance_work_mem = '1MB'; SET work_mem = '64kB';"
    target.load(USERS, [block(*(f"{n}\tname {n}\tok" for n in range(100_000)))])
    big = Entry(50, "INDEX", "public", "big", index + "CREATE INDEX big ON public.users (name);")
    with pytest.raises(DatabaseError, match=r"index public\.big can't be restored: temporary file"):
        target.run(write_script([big]))
    target.abort()
