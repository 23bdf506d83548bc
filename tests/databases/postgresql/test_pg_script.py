"""The script that psql runs makes what a restore makes."""

from __future__ import annotations

import io

import pytest

from replicate.databases.base import LoadTable, RowBlock
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.destination import PostgreSQLDestination
from replicate.databases.postgresql.entries import Entry, write_script
from replicate.databases.postgresql.script import ScriptDestination
from replicate.errors import CorruptError
from tests.support.postgres import Server, ServerError
from tests.support.postgres_compare import compare
from tests.support.postgres_dump import PRE, USERS, Dump, block, restore, shop

# psql 15 and newer of these servers know \restrict; so does the oldest that is still maintained.
# A SET that fails ends a script, where a restore passes over it.
_KNOWN = tuple(
    Entry(e.id, e.kind, e.schema, e.name, e.sql.replace("SET setting_of_a_newer_server = 0;", ""),
          e.depends, e.table, e.drop)
    for e in PRE
)  # fmt: skip


def known(dump: Dump) -> Dump:
    return Dump(pre=_KNOWN, post=[e for e in dump.post if e.kind != "SETTINGS"], rows=dump.rows)


def written(dump: Dump, only: list[LoadTable] | None = None) -> bytes:
    out = io.BytesIO()
    restore(ScriptDestination(out), dump, jobs=4, only=only)
    return out.getvalue()


def test_it_makes_what_a_restore_makes(server: Server, database: str) -> None:
    other = server.create_database()
    try:
        dump = known(shop())
        server.run(database, written(dump))
        restore(PostgreSQLDestination(Address(server.uri(other))), dump)
        assert compare(server, database, server, other) == []
    finally:
        server.drop_database(other)


def test_some_tables_alone(any_server: Server, any_database: str) -> None:
    any_server.run(any_database, written(known(shop()), only=[USERS]))
    target = PostgreSQLDestination(Address(any_server.uri(any_database)))
    assert target.describe_contents().startswith("1 table with about 100 rows")


def test_large_objects(server: Server, database: str) -> None:
    made = Entry(1, "LARGE OBJECTS", "pg_catalog", "pg_largeobject", "SELECT lo_create(1000);")
    pages = LoadTable("pg_catalog", "pg_largeobject", ("loid", "offset", "data"))
    rows = [block("1000\t0\t\\\\x6162", "1000\t4096\t\\\\x63")]
    server.run(database, written(Dump(pre=[made], post=[], rows=[(pages, rows), (pages, rows)])))
    with server.connect(database) as connection:
        assert connection.execute("SELECT lo_get(1000)").fetchall() == [
            (b"ab" + bytes(4094) + b"c",)
        ]


@pytest.mark.parametrize("line", [b"\\.\n", b"1\ta\tok\n\\.\n", b"\\.\r\n1\ta\tok\n", b"\\."])
def test_a_line_that_would_end_the_rows_is_refused(line: bytes) -> None:
    script = ScriptDestination(io.BytesIO())
    script.begin(wipe=False, jobs=1)
    script.run(write_script(PRE))
    with pytest.raises(CorruptError, match="would end the rows"):
        script.load(USERS, [RowBlock(line, line.count(b"\n"))])


def test_rows_that_end_in_the_middle_are_refused() -> None:
    script = ScriptDestination(io.BytesIO())
    with pytest.raises(CorruptError, match="middle of a line"):
        script.load(USERS, [RowBlock(b"1\ta\tok", 1)])


def test_text_that_looks_like_the_end_is_only_text(server: Server, database: str) -> None:
    rows = [block("1\t\\\\.\tok", "2\t\\\\\\\\.\tok")]
    dump = known(Dump(rows=[(USERS, rows)]))
    server.run(database, written(dump))
    assert server.run(database, "SELECT name FROM users ORDER BY id") == "\\.\n\\\\.\n"


def test_a_script_that_breaks_off_leaves_nothing(any_server: Server, any_database: str) -> None:
    out = io.BytesIO()
    script = ScriptDestination(out)
    dump = known(shop())
    script.begin(wipe=False, jobs=1)
    script.run(write_script(dump.pre))
    script.load(*dump.rows[0])
    script.abort()
    any_server.run(any_database, out.getvalue())
    assert PostgreSQLDestination(Address(any_server.uri(any_database))).is_empty()


def test_it_can_not_have_psql_do_anything_else(server: Server, database: str) -> None:
    """CVE-2025-8714, and CVE-2025-8715 for the comment with an object's name."""
    entries = (
        Entry(1, "TABLE", "public", "a\n\\! touch pwned\n", 'CREATE TABLE public."a" (a int);'),
        Entry(2, "TABLE", "public", "b", "\\! touch pwned\n"),
    )
    server.run(database, written(Dump(pre=entries[:1], post=[])))
    with pytest.raises(ServerError, match="restricted"):
        server.run(database, written(Dump(pre=entries[1:], post=[])))


def test_it_is_nobody() -> None:
    script = ScriptDestination(io.BytesIO())
    assert (script.fingerprint(), script.is_empty()) == (frozenset(), True)
    assert script.describe_contents() == "nothing"
    assert script.would_drop("", "") == ""
    assert script.begin(wipe=True, jobs=8) == 1
