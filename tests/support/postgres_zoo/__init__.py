"""A database with everything that has to survive a dump and a restore, in named pieces.

A piece is an SQL script next to this module, independent of the others. Comments at its top, such
as `-- needs: extension hstore`, tell what a server has to have; a server without it goes without
the piece.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.support.postgres import Server
from tests.support.postgres_compare import compare

__all__ = ["PIECES", "compare", "fill", "fill_latin1", "fill_sql_ascii", "install_extension"]

_FOLDER = Path(__file__).parent
_NEEDS = "-- needs: "
_LAST = "event_trigger"  # it notices what is created after it


def _order(path: Path) -> tuple[bool, str]:
    return path.stem == _LAST, path.stem


PIECES: dict[str, str] = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted(_FOLDER.glob("*.sql"), key=_order)
}
"""The script of every piece by its name."""

# Bytes that are not UTF-8, in names and in values; chr() gives single bytes in these encodings.
_EIGHT_BIT = """
CREATE TABLE bytes(id int PRIMARY KEY, value text);
INSERT INTO bytes SELECT i, chr(i) || 'x' || chr(i) FROM generate_series(128, 255) i;
INSERT INTO bytes SELECT 256, string_agg(chr(i), '' ORDER BY i) FROM generate_series(1, 255) i;
INSERT INTO bytes VALUES (257, 'ascii'), (258, NULL), (259, ''), (260, E'\\\\.'), (261, E'\\n\\t');
DO $$ BEGIN
  EXECUTE format('CREATE TABLE %I(%I text DEFAULT %L)', 'T' || chr(228), chr(246), chr(252));
  EXECUTE format('INSERT INTO %I VALUES (DEFAULT), (%L)', 'T' || chr(228), chr(233) || '\\');
  EXECUTE format('COMMENT ON TABLE bytes IS %L', 'caf' || chr(233));
  EXECUTE format('CREATE TYPE mood AS ENUM (%L, %L)', 'fr' || chr(246) || 'hlich', 'sad');
END $$;
CREATE TABLE moods(a mood, b mood[]);
INSERT INTO moods SELECT m, ARRAY[m, NULL] FROM unnest(enum_range(NULL::mood)) m;
"""


def fill(server: Server, database: str, pieces: Iterable[str] | None = None) -> list[str]:
    """Fill a UTF8 database with these pieces, or all; the names of those that the server can.

    Roles that pieces need belong to the whole server; they are made once and stay.
    """
    install_extension(server)
    able = [name for name in pieces or PIECES if _can(server, database, PIECES[name])]
    for name in sorted(able, key=lambda name: name == _LAST):
        try:
            server.run(database, PIECES[name])
        except AssertionError as error:
            error.add_note(f"in the piece {name!r} on {server}")
            raise
    return able


def fill_latin1(server: Server, database: str) -> None:
    """Fill a LATIN1 database with what is not valid UTF-8, in names as in values."""
    server.run(database, "SET client_encoding = 'LATIN1';" + _EIGHT_BIT)


def fill_sql_ascii(server: Server, database: str) -> None:
    """Fill a SQL_ASCII database with what is no text in any one encoding."""
    mixed = "INSERT INTO bytes VALUES (300, 'é'), (301, E'\\xc3\\xa9\\xe9'), (302, E'\\xc3');"
    server.run(database, _EIGHT_BIT + mixed)


def install_extension(server: Server) -> bool:
    """Give the extension `replicate_zoo` to a server whose folder is its own; whether it has it."""
    if server.extensions is None:
        return False
    for path in (_FOLDER / "extension").iterdir():
        shutil.copyfile(path, server.extensions / path.name)
    return True


def _can(server: Server, database: str, script: str) -> bool:
    needs = [
        line.removeprefix(_NEEDS).split() for line in script.splitlines() if line.startswith(_NEEDS)
    ]
    return all(_has(server, database, kind, name) for kind, name in needs)


def _has(server: Server, database: str, kind: str, name: str) -> bool:
    if kind == "version":
        return server.version >= int(name)
    queries = {
        "extension": "select count(*) from pg_available_extensions where name = %s",
        # The type has an entry in any build, and a working input function in some.
        "type": "select count(*) from pg_config"
        " where name = 'CONFIGURE' and setting like '%%--with-lib' || %s || '%%'",
    }
    with server.connect(database) as connection:
        row = connection.execute(queries[kind].encode(), [name]).fetchone()
    return row is not None and row[0] > 0
