"""A dump restored in place: whole, in part, and what is left where something stops it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from replicate.databases.base import LoadTable
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.destination import PostgreSQLDestination
from replicate.databases.postgresql.entries import Entry, write_script
from replicate.errors import DatabaseError, GuardError
from tests.support.postgres import Server, start_server
from tests.support.postgres_dump import (
    ORDERS,
    POST,
    PRE,
    USERS,
    Dump,
    after,
    block,
    orders,
    restore,
    shop,
    table,
    users,
)
from tests.support.postgres_zoo import install_extension


@pytest.fixture
def own_server() -> Iterator[Server]:
    server = start_server(16)
    yield server
    server.close()


def destination(
    server: Server, name: str, *, owner: bool = False, privileges: bool = False
) -> PostgreSQLDestination:
    return PostgreSQLDestination(Address(server.uri(name)), owner=owner, privileges=privileges)


def test_a_dump_is_restored_with_all_that_belongs_to_it(server: Server, database: str) -> None:
    target = destination(server, database)
    assert target.is_empty()
    assert target.describe_contents() == "nothing"
    assert (target.name, target.names) == (database, frozenset({database}))
    assert restore(target, shop()) == 200
    assert not target.is_empty()
    assert target.describe_contents() == (
        "2 tables with about 200 rows, 1 view, 1 materialized view, 1 function, 1 type"
    )
    with server.connect(database) as connection:

        def ask(query: str) -> object:
            return connection.execute(query).fetchone()

        assert ask("SELECT count(*), min(name) FROM users") == (100, "name 0")
        assert ask("SELECT count FROM kept") == (100,)
        assert ask("SELECT last_value FROM users_id_seq") == (177,)
        assert ask("SELECT count(*) FROM pg_constraint WHERE conname = 'orders_user'") == (1,)
        assert ask("SELECT count(*) FROM pg_indexes WHERE tablename = 'users'") == (3,)
        assert ask("SELECT reltuples FROM pg_class WHERE relname = 'orders'") == (100,)
        assert ask("SELECT count(*) FROM pg_stats WHERE tablename = 'kept'") == (1,)
        assert ask("INSERT INTO users (name) VALUES ('x') RETURNING id, name") == (178, "x%")


def test_its_own_fingerprint_is_that_of_the_database(server: Server, database: str) -> None:
    other = server.create_database()
    try:
        mine = destination(server, database).fingerprint()
        assert mine == destination(server, database).fingerprint()
        assert mine.isdisjoint(destination(server, other).fingerprint())
    finally:
        server.drop_database(other)


def test_a_target_that_is_not_there_is_told_so(any_server: Server) -> None:
    with pytest.raises(DatabaseError, match="the database no_such_one does not exist") as caught:
        destination(any_server, "no_such_one").is_empty()
    assert caught.value.hint == "createdb no_such_one"


def test_a_target_that_holds_something_is_refused(any_server: Server) -> None:
    for sql, holds in (
        ("CREATE TABLE t ()", "1 table with about 0 rows"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "1 function"),
        ("CREATE TYPE e AS ENUM ()", "1 type"),
        ("CREATE SCHEMA s", "1 schema"),
        ("SELECT lo_create(0)", "1 large object"),
    ):
        name = any_server.create_database()
        try:
            any_server.run(name, sql)
            target = destination(any_server, name)
            assert not target.is_empty()
            with pytest.raises(GuardError, match=f"is not empty: it holds {holds}"):
                target.begin(wipe=False, jobs=1)
        finally:
            any_server.drop_database(name)


def test_an_extension_makes_no_contents(any_server: Server, any_database: str) -> None:
    if not install_extension(any_server):
        pytest.fail("the server has no folder of its own for extensions")
    any_server.run(any_database, "CREATE EXTENSION replicate_zoo")
    assert destination(any_server, any_database).is_empty()


def test_an_error_before_the_rows_leaves_the_target_as_it_was(
    server: Server, database: str
) -> None:
    restore(destination(server, database), shop())
    bad = Dump(pre=(*PRE, table(50, "bad", "id no_such_type")))
    with pytest.raises(DatabaseError, match=r"table public\.bad can't be restored: type"):
        restore(destination(server, database), bad, wipe=True)
    with server.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (100,)
        assert connection.execute("SELECT count FROM kept").fetchone() == (100,)


def test_a_missing_extension_is_named(any_server: Server, any_database: str) -> None:
    missing = Entry(50, "EXTENSION", "", "no_such", "CREATE EXTENSION IF NOT EXISTS no_such;")
    with pytest.raises(DatabaseError, match="does not have the extension no_such") as caught:
        restore(destination(any_server, any_database), Dump(pre=(*PRE, missing)))
    assert "install it on the server" in (caught.value.hint or "")
    assert destination(any_server, any_database).is_empty()


def test_a_duplicate_key_stops_the_restore_and_the_next_one_works(
    server: Server, database: str
) -> None:
    twice = Dump(rows=(users(0, 50), users(0, 50)))
    with pytest.raises(DatabaseError, match=r"constraint public\.users users_pkey") as caught:
        restore(destination(server, database), twice)
    assert 'could not create unique index "users_pkey"' in str(caught.value)
    assert "--wipe" in (caught.value.hint or "")
    assert restore(destination(server, database), shop(), wipe=True) == 200


def test_some_tables_alone(server: Server, database: str) -> None:
    assert restore(destination(server, database), shop(), only=[USERS]) == 100
    with server.connect(database) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        ).fetchall()
        assert [name for (name,) in names] == [
            "users", "users_id_seq", "users_mood", "users_name", "users_pkey",
        ]  # fmt: skip
        # The trigger's function is needed by nothing but the trigger.
        row = connection.execute("INSERT INTO users VALUES (default, 'x') RETURNING id, name")
        assert row.fetchone() == (178, "x%")
    assert destination(server, database).describe_contents().startswith("1 table with about 100")


def test_some_tables_are_wiped_alone(any_server: Server, any_database: str) -> None:
    restore(destination(any_server, any_database), shop())
    any_server.run(any_database, "DELETE FROM orders WHERE id < 50; UPDATE users SET name = 'old'")
    with pytest.raises(GuardError, match=r"view public.totals depends on table public.orders"):
        restore(destination(any_server, any_database), shop(), wipe=True, only=[ORDERS])
    any_server.run(any_database, "DROP VIEW totals")
    assert restore(destination(any_server, any_database), shop(), wipe=True, only=[ORDERS]) == 100
    with any_server.connect(any_database) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (100,)
        assert connection.execute("SELECT min(name) FROM users").fetchone() == ("old",)


def test_owners_and_privileges_are_restored_on_request(
    any_server: Server, any_database: str
) -> None:
    any_server.run("postgres", "DROP ROLE IF EXISTS dst_owner; CREATE ROLE dst_owner")
    t = Entry(
        1, "TABLE", "public", "t", "CREATE TABLE public.t (a int);", drop="DROP TABLE public.t;",
        owner="ALTER TABLE public.t OWNER TO dst_owner;",
        privileges="REVOKE ALL ON TABLE public.t FROM dst_owner; "
        "GRANT SELECT ON TABLE public.t TO PUBLIC;",
    )  # fmt: skip
    dump = Dump(pre=(t,), post=(), rows=((LoadTable("public", "t", ("a",)), [block("1")]),))
    query = "SELECT relowner::regrole::text, relacl::text FROM pg_class WHERE relname = 't'"
    try:
        restore(destination(any_server, any_database), dump)
        with any_server.connect(any_database) as connection:
            assert connection.execute(query).fetchone() == ("postgres", None)
        target = destination(any_server, any_database, owner=True, privileges=True)
        restore(target, dump, wipe=True)
        with any_server.connect(any_database) as connection:
            assert connection.execute(query).fetchone() == ("dst_owner", "{=r/dst_owner}")
    finally:
        any_server.drop_database(any_database)
        any_server.run("postgres", "DROP ROLE dst_owner")
        any_server.create_database(any_database)


def test_the_server_dies_during_a_load_and_the_next_restore_works(own_server: Server) -> None:
    name = own_server.create_database()
    target = destination(own_server, name)
    target.begin(wipe=False, jobs=2)
    target.run(write_script(PRE))

    def blocks() -> Iterator[object]:
        yield block("1\ta\tok")
        own_server.kill()
        for _ in range(200):
            yield block(*["2\tb\tok"] * 10_000)

    with pytest.raises(DatabaseError, match=r"public\.users can't be loaded"):
        target.load(USERS, blocks())  # type: ignore[arg-type]
    target.abort()
    own_server.restart()
    assert restore(destination(own_server, name), shop(), wipe=True) == 200


def test_the_server_dies_during_an_index_build(own_server: Server) -> None:
    name = own_server.create_database()
    target = destination(own_server, name)
    target.begin(wipe=False, jobs=2)
    target.run(write_script(PRE))
    slow = after(30, "INDEX", "users", "slow", "SELECT pg_sleep(60);", 3)

    def kill() -> None:
        asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        while own_server.run("postgres", asleep) != "1\n":
            pass
        own_server.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(DatabaseError, match=r"index public\.slow can't be restored") as caught:
        target.run(write_script([slow]))
    assert "--wipe" in (caught.value.hint or "")
    killer.join()
    target.abort()
    own_server.restart()
    assert restore(destination(own_server, name), shop(), wipe=True) == 200


def test_abort_may_come_at_any_time(any_server: Server, any_database: str) -> None:
    target = destination(any_server, any_database)
    target.abort()
    target.begin(wipe=False, jobs=1)
    target.abort()
    target.abort()
    with pytest.raises(DatabaseError, match="stopped"):
        target.run(write_script(POST))
    assert orders(0, 1)[1][0].rows == 1
