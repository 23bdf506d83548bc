"""The archive's table of contents, compared with what pg_restore reads in the same file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from replicate.databases.postgresql.archive import Item, read_archive
from replicate.errors import DatabaseError
from tests.support import postgres_zoo as zoo
from tests.support.postgres import Server

SMALL = """
CREATE SCHEMA s; CREATE TABLE s."t 'x'"(id serial PRIMARY KEY, t text DEFAULT 'é');
COMMENT ON TABLE s."t 'x'" IS E'two\\nlines';
CREATE VIEW s.v AS SELECT * FROM s."t 'x'"; GRANT SELECT ON s.v TO PUBLIC;
"""

_LISTED = re.compile(r"^(\d+); (\d+) (\d+) (.*)\n(?:;\tdepends on:((?: \d+)+))?", re.MULTILINE)


def dump(server: Server, database: str) -> bytes:
    return server.client("pg_dump", "-Fc", "--schema-only", "--encoding=UTF8", database=database)


def _like_pg15(statements: str) -> str:
    """Without quotes, and with ALTER TABLE for all relations, as PostgreSQL 15 writes it."""
    plain = statements.replace('"', "")
    return re.sub(r"(?m)^ALTER (SEQUENCE|VIEW|MATERIALIZED VIEW)", "ALTER TABLE", plain)


@pytest.fixture
def small(server: Server, database: str) -> bytes:
    server.run(database, SMALL)
    return dump(server, database)


def test_it_is_what_pg_restore_lists(server: Server, database: str, tmp_path: Path) -> None:
    zoo.fill(server, database)
    data = dump(server, database)
    file = tmp_path / "archive"
    file.write_bytes(data)
    items = read_archive(data)
    listing = server.client("pg_restore", "-l", "-v", str(file), database=database).decode()
    listed = {int(m[1]): m for m in _LISTED.finditer(listing)}
    assert len(items) > 300
    assert listed.keys() == {item.id for item in items}
    for item in items:
        match = listed[item.id]
        assert (int(match[2]), int(match[3])) == item.catalog
        tag = item.tag.replace("\n", " ")
        expected = f"{item.kind} {item.schema or '-'} {tag} {item.owner}"
        assert match[4].strip() == expected.strip()
        assert {int(n) for n in (match[5] or "").split()} == set(item.depends)


def test_sql_owners_and_drops_are_what_pg_restore_writes(
    server: Server, database: str, tmp_path: Path
) -> None:
    zoo.fill(server, database)
    data = dump(server, database)
    file = tmp_path / "archive"
    file.write_bytes(data)
    script = server.client("pg_restore", "-f", "-", str(file), database=database).decode()
    drops = server.client("pg_restore", "-c", "-f", "-", str(file), database=database).decode()
    place = 0
    unquoted = _like_pg15(script)
    owners = 0
    for item in read_archive(data):
        if item.kind in {"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE"}:
            continue
        # pg_restore puts off what these would get in the way of; all else it takes in order.
        if item.kind in {"ACL", "DEFAULT ACL", "EVENT TRIGGER"} or "EVENT TRIGGER" in item.tag:
            assert item.sql in script
        else:
            place = script.index(item.sql, place) + len(item.sql)
        if item.owner_sql:
            owners += 1
            assert _like_pg15(item.owner_sql) in unquoted
        assert item.drop in drops
    # A dump has no publications.
    theirs = re.findall(
        r"^ALTER (?!DEFAULT |PUBLICATION )[^;]* OWNER TO .*;$", script, re.MULTILINE
    )
    assert owners == len(theirs)


def test_fields(small: bytes) -> None:
    items = read_archive(small)
    table = next(item for item in items if item.kind == "TABLE")
    assert (table.schema, table.tag, table.table_am) == ("s", "t 'x'", "heap")
    assert (table.section, table.owner) == (2, "postgres")
    assert table.drop == "DROP TABLE s.\"t 'x'\";\n"
    assert table.owner_sql == 'ALTER TABLE "s"."t \'x\'" OWNER TO "postgres";'
    assert "DEFAULT 'é'" in table.sql
    assert next(item for item in items if item.kind == "CONSTRAINT").section == 4
    assert next(item for item in items if item.kind == "COMMENT").depends == (table.id,)


def test_every_cut_is_noticed(small: bytes) -> None:
    for size in range(len(small)):
        with pytest.raises(DatabaseError, match="archive can't be read"):
            read_archive(small[:size])


def test_no_changed_byte_is_anything_but_our_error(small: bytes) -> None:
    for place in range(len(small)):
        for value in (0, 1, 255):
            changed = bytearray(small)
            changed[place] = value
            try:
                items = read_archive(bytes(changed))
            except DatabaseError:
                continue
            assert all(isinstance(item, Item) for item in items)


def test_what_follows_and_what_is_unknown_is_refused(small: bytes) -> None:
    with pytest.raises(DatabaseError, match="something follows its end"):
        read_archive(small + b"\0")
    with pytest.raises(DatabaseError, match="it isn't one"):
        read_archive(b"--\n-- PostgreSQL database dump\n--\n")
    newer = bytearray(small)
    newer[6] = 17
    with pytest.raises(DatabaseError, match=r"format 1\.17 of this pg_dump is not known") as error:
        read_archive(bytes(newer))
    assert "pg_bin_path" in str(error.value.hint)


def test_an_archive_with_data_is_refused(server: Server, database: str) -> None:
    server.run(database, "CREATE TABLE t AS SELECT 1 AS a")
    with pytest.raises(DatabaseError, match="has data"):
        read_archive(server.client("pg_dump", "-Fc", database=database))
