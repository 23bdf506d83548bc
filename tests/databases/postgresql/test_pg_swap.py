"""A new database takes the target's place when it is whole, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.destination import PostgreSQLDestination
from replicate.databases.postgresql.entries import write_script
from replicate.databases.postgresql.swapping import _beside, _others, _split_list
from replicate.errors import DatabaseError, GuardError
from tests.support.postgres import Server
from tests.support.postgres_dump import POST, PRE, Dump, restore, shop, users

_LIKENESS = """
    SELECT datname, pg_get_userbyid(datdba), encoding, datcollate, datctype, datconnlimit,
           datacl::text, shobj_description(d.oid, 'pg_database'), datistemplate,
           (SELECT array_agg(setrole::regrole || ' ' || setconfig::text ORDER BY setrole)
            FROM pg_db_role_setting s WHERE s.setdatabase = d.oid)
    FROM pg_database d WHERE datname = %s"""


def destination(server: Server, name: str) -> PostgreSQLDestination:
    return PostgreSQLDestination(Address(server.uri(name)), swap=True)


def databases(server: Server, name: str) -> list[str]:
    with server.connect() as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY 1", [f"{name[:20]}%"]
        ).fetchall()
    return [found for (found,) in rows]


@pytest.fixture
def shop_database(server: Server) -> Iterator[str]:
    """A database with something in it, and with settings and rights of its own."""
    name = f"dst_swap_{server.version}"
    server.drop_database(name)
    with server.connect() as connection:
        for role in ("dst_owner", "dst_reader"):
            connection.execute(f"DROP ROLE IF EXISTS {role}")
            connection.execute(f"CREATE ROLE {role}")
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' "
            "OWNER dst_owner CONNECTION LIMIT 17"
        )
        for statement in (
            'ALTER DATABASE {} SET search_path TO "my ""schema", public, \'\'',
            "ALTER DATABASE {} SET statement_timeout TO '7min'",
            "ALTER DATABASE {} SET my.setting TO 'it''s'",
            "ALTER ROLE dst_reader IN DATABASE {} SET work_mem TO '9MB'",
            "REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
            "GRANT CONNECT, TEMPORARY ON DATABASE {} TO dst_reader WITH GRANT OPTION",
            "COMMENT ON DATABASE {} IS 'it''s 100%% mine'",
            "ALTER DATABASE {} IS_TEMPLATE true",
        ):
            connection.execute(statement.format(name).replace("%%", "%"))
    server.run(name, "CREATE TABLE before (a int); INSERT INTO before VALUES (1); ANALYZE before")
    yield name
    with server.connect() as connection:
        connection.execute(f"ALTER DATABASE {name} IS_TEMPLATE false")
    server.drop_database(name)
    with server.connect() as connection:
        connection.execute("DROP ROLE dst_owner")
        connection.execute("DROP ROLE dst_reader")


def test_all_that_the_database_had_beside_its_contents_stays(
    server: Server, shop_database: str
) -> None:
    with server.connect() as connection:
        before = connection.execute(_LIKENESS, [shop_database]).fetchall()
    target = destination(server, shop_database)
    assert target.would_drop(write_script(PRE), "") == (
        "replaces the whole database: 1 table with about 1 row"
    )
    assert restore(target, shop(), wipe=True) == 200
    with server.connect() as connection:
        assert connection.execute(_LIKENESS, [shop_database]).fetchall() == before
    assert databases(server, shop_database) == [shop_database]
    assert server.run(shop_database, "SELECT count(*) FROM public.users") == "100\n"
    assert server.run(shop_database, "SELECT to_regclass('public.before') IS NULL") == "t\n"


def test_a_target_that_holds_something_needs_a_wipe(server: Server, shop_database: str) -> None:
    with pytest.raises(GuardError, match="is not empty"):
        restore(destination(server, shop_database), shop())
    assert databases(server, shop_database) == [shop_database]


def test_a_connected_session_is_noticed_at_once(server: Server, shop_database: str) -> None:
    with (
        server.connect(shop_database),
        pytest.raises(GuardError, match=f"another session is connected to {shop_database}"),
    ):
        restore(destination(server, shop_database), shop(), wipe=True)
    assert databases(server, shop_database) == [shop_database]


def test_a_session_that_is_just_ending_is_waited_for(
    any_server: Server, any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the one that has looked at the target may be: its server process outlives it a little."""
    other = any_server.connect(any_database)
    counted = []

    def count(*args: Any) -> int:
        counted.append(_others(*args))
        other.close()
        return counted[-1]

    monkeypatch.setattr("replicate.databases.postgresql.swapping._others", count)
    assert restore(destination(any_server, any_database), shop()) == 200
    assert counted[0] > 0 == counted[-1]
    assert databases(any_server, any_database) == [any_database]


def test_a_session_that_comes_later_keeps_the_target(
    any_server: Server, any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replicate.databases.postgresql.swapping._TRIES", 1)
    any_server.run(any_database, "CREATE TABLE before (a int)")
    target = destination(any_server, any_database)
    target.begin(wipe=True, jobs=1)
    target.run(write_script(PRE))
    target.run(write_script(POST))
    with any_server.connect(any_database), any_server.connect(any_database):
        with pytest.raises(GuardError, match="2 other sessions are connected") as caught:
            target.finish()
        assert "as it was" in (caught.value.hint or "")
        target.abort()
    assert databases(any_server, any_database) == [any_database]
    assert any_server.run(any_database, "SELECT count(*) FROM before") == "0\n"


def test_a_failure_midway_leaves_the_target_untouched(
    any_server: Server, any_database: str
) -> None:
    any_server.run(any_database, "CREATE TABLE before (a int); INSERT INTO before VALUES (1)")
    twice = Dump(rows=(users(0, 50), users(0, 50)))
    with pytest.raises(DatabaseError, match="users_pkey") as caught:
        restore(destination(any_server, any_database), twice, wipe=True)
    assert caught.value.hint is None
    assert databases(any_server, any_database) == [any_database]
    assert any_server.run(any_database, "SELECT count(*) FROM before") == "1\n"
    assert restore(destination(any_server, any_database), shop(), wipe=True) == 200


def test_a_database_of_icu_stays_one(any_server: Server) -> None:
    name = "dst_icu"
    any_server.drop_database(name)
    with any_server.connect() as connection:
        try:
            connection.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu "
                "ICU_LOCALE 'de-DE' LOCALE 'C.UTF-8'"
            )
        except Exception as error:
            if "ICU" not in str(error):
                raise
            return  # a server that was built without it
    query = "SELECT datlocprovider, datcollate FROM pg_database WHERE datname = 'dst_icu'"
    before = any_server.run(name, query)
    restore(destination(any_server, name), shop())
    assert any_server.run(name, query) == before
    any_server.drop_database(name)


def test_names_are_cut_to_what_fits() -> None:
    assert _beside("shop", "_old_1") == "shop_old_1"
    long = _beside("ü" * 31, "_replicate_0123abcd")
    assert len(long.encode()) <= 63
    assert long.endswith("ü_replicate_0123abcd")


def test_a_long_name_is_swapped(any_server: Server) -> None:
    name = "ü" * 31
    any_server.drop_database(name)
    any_server.create_database(name)
    assert restore(destination(any_server, name), shop()) == 200
    assert any_server.run(name, "SELECT count(*) FROM users") == "100\n"
    any_server.drop_database(name)


def test_lists_of_names_are_taken_apart() -> None:
    assert _split_list('"a""b", c,d , ""') == ['a"b', "c", "d", ""]
    assert _split_list("") == [""]
