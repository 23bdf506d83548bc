"""A wipe takes what the dump replaces, and nothing that somebody else made."""

from __future__ import annotations

import pytest

from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.destination import PostgreSQLDestination
from replicate.databases.postgresql.entries import Entry, write_script
from replicate.errors import GuardError
from tests.support.postgres import Server
from tests.support.postgres_dump import POST, PRE, Dump, restore, shop, table

SCRIPT = write_script(PRE) + write_script(POST)


def destination(server: Server, name: str) -> PostgreSQLDestination:
    return PostgreSQLDestination(Address(server.uri(name)))


def test_a_users_own_objects_stay(server: Server, database: str) -> None:
    restore(destination(server, database), shop())
    server.run(
        database,
        "CREATE TABLE mine (a int); INSERT INTO mine VALUES (1); CREATE SCHEMA own; "
        "CREATE VIEW own.users AS SELECT * FROM mine; "
        "CREATE FUNCTION touch(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; "
        "SELECT lo_create(4711);",
    )
    before = server.run(database, "SELECT oid, relname FROM pg_class WHERE relname = 'mine'")
    assert restore(destination(server, database), shop(), wipe=True) == 200
    after = server.run(database, "SELECT oid, relname FROM pg_class WHERE relname = 'mine'")
    assert before == after
    assert server.run(database, "SELECT count(*), touch(1) FROM own.users") == "1|1\n"
    assert server.run(database, "SELECT oid FROM pg_largeobject_metadata") == "4711\n"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("CREATE VIEW mine AS SELECT * FROM users",
         "view public.mine depends on table public.users, which the dump replaces"),
        ("CREATE VIEW mine AS SELECT * FROM totals",
         "view public.mine depends on view public.totals, which the dump replaces"),
        ("CREATE TABLE mine (a mood)",
         "column a of table public.mine depends on type public.mood, which the dump replaces"),
        ("CREATE TABLE mine (a int REFERENCES users(id))",
         "constraint mine_a_fkey on table public.mine depends on table public.users"),
        ("CREATE TABLE mine (a int DEFAULT nextval('users_id_seq'))",
         "for column a of table public.mine depends on sequence public.users_id_seq"),
        ("CREATE TABLE mine (b int) INHERITS (users)",
         "table public.mine depends on table public.users, which the dump replaces"),
        (("CREATE TABLE mine (a int); CREATE TRIGGER t AFTER INSERT ON mine "
         "EXECUTE FUNCTION touch()"),
         "trigger t on table public.mine depends on function public.touch()"),
        ("CREATE FUNCTION touch(mood) RETURNS int LANGUAGE sql AS 'SELECT 1'",
         "function public.touch(public.mood) depends on type public.mood"),
        ("CREATE FUNCTION mine() RETURNS SETOF users LANGUAGE sql AS 'SELECT * FROM public.users'",
         "function public.mine() depends on"),
        (("CREATE TABLE mine (a int); CREATE POLICY p ON mine USING "
         "((SELECT count(*) FROM users) > 1)"),
         "policy p on table public.mine depends on table public.users"),
        ("CREATE DOMAIN mine AS mood", "type public.mine depends on type public.mood"),
        ("CREATE AGGREGATE mine(mood) (sfunc = array_append, stype = mood[])",
         "function public.mine(public.mood) depends on"),
    ],
)  # fmt: skip
def test_what_depends_on_the_dumps_objects_is_never_dropped(
    server: Server, database: str, sql: str, message: str
) -> None:
    restore(destination(server, database), shop())
    server.run(database, sql)
    with pytest.raises(GuardError) as caught:
        destination(server, database).would_drop(SCRIPT, "")
    assert message in caught.value.message
    target = destination(server, database)
    target.begin(wipe=True, jobs=1)
    with pytest.raises(GuardError) as caught:
        target.run(write_script(PRE))
    assert message in caught.value.message
    target.abort()
    assert server.run(database, "SELECT count(*) FROM users") == "100\n"


def test_no_more_than_five_are_named(any_server: Server, any_database: str) -> None:
    restore(destination(any_server, any_database), shop())
    views = (f"CREATE VIEW mine{n} AS SELECT * FROM users;" for n in range(7))
    any_server.run(any_database, "".join(views))
    with pytest.raises(GuardError, match=r"mine4 depends on .*; and 2 more"):
        destination(any_server, any_database).would_drop(SCRIPT, "")


def test_it_tells_what_it_would_drop_and_drops_nothing(server: Server, database: str) -> None:
    target = destination(server, database)
    assert target.would_drop(SCRIPT, "") == ""
    restore(target, shop())
    assert target.would_drop(SCRIPT, "") == (
        "drops the tables public.orders and public.users, the function public.touch(), the "
        "materialized view public.kept, the type public.mood and the view public.totals"
    )
    assert server.run(database, "SELECT count(*) FROM users") == "100\n"
    with server.connect(database) as other, other.transaction():
        other.execute("SELECT 1 FROM users LIMIT 1")
        assert "others are using" in target.would_drop(SCRIPT, "")


def test_another_kind_of_object_in_the_way_goes(server: Server, database: str) -> None:
    server.run(
        database,
        "CREATE VIEW users AS SELECT 1; CREATE TABLE mood (a int); CREATE SEQUENCE totals; "
        "CREATE TYPE orders AS (a int); CREATE DOMAIN kept AS int",
    )
    assert restore(destination(server, database), shop(), wipe=True) == 200


def test_an_event_trigger_of_the_dump_is_replaced(any_server: Server, any_database: str) -> None:
    function = Entry(
        40, "FUNCTION", "public", "log()",
        "CREATE FUNCTION public.log() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$ BEGIN END $$;", drop="DROP FUNCTION public.log();",
    )  # fmt: skip
    trigger = Entry(
        41, "EVENT TRIGGER", "", "logging",
        "CREATE EVENT TRIGGER logging ON ddl_command_end EXECUTE FUNCTION public.log();",
        depends=(40,), drop="DROP EVENT TRIGGER logging;",
    )  # fmt: skip
    dump = Dump(pre=(*PRE, function), post=(*POST, trigger))
    restore(destination(any_server, any_database), dump)
    restore(destination(any_server, any_database), dump, wipe=True)
    assert any_server.run(any_database, "SELECT evtname FROM pg_event_trigger") == "logging\n"


def test_schemas_and_extensions_are_kept(any_server: Server, any_database: str) -> None:
    schema = Entry(40, "SCHEMA", "", "s", "CREATE SCHEMA s;", drop="DROP SCHEMA s;")
    inside = Entry(
        41, "TABLE", "s", "t", "CREATE TABLE s.t (a int);", depends=(40,), drop="DROP TABLE s.t;"
    )
    dump = Dump(pre=(*PRE, schema, inside))
    any_server.run(any_database, "CREATE SCHEMA s; CREATE TABLE s.mine (a int)")
    restore(destination(any_server, any_database), dump, wipe=True)
    restore(destination(any_server, any_database), dump, wipe=True)
    assert any_server.run(any_database, "SELECT count(*) FROM s.mine") == "0\n"


def test_many_tables_are_named_in_part(any_server: Server, any_database: str) -> None:
    entries = [table(100 + n, f"t{n:02}", "a int") for n in range(14)]
    restore(destination(any_server, any_database), Dump(pre=entries, post=()))
    told = destination(any_server, any_database).would_drop(write_script(entries), "")
    assert told.endswith("public.t09 and 4 more")
