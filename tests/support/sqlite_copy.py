"""A database copied through a source and a destination, and two databases compared to the bit."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from replicate.databases.base import Destination, LoadTable, RowBlock, Selection, Snapshot
from replicate.databases.sqlite.destination import SQLiteDestination
from replicate.databases.sqlite.source import SQLiteSource

Select = Callable[[Selection], Selection]


def open_db(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


def make(path: Path, script: str) -> Path:
    with open_db(path) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(script)
    return path


def copy(
    source: Path, target: Path, *, select: Select | None = None, slice_bytes: int = 1 << 24
) -> dict[str, int]:
    """Copy as a dump and a restore do; the number of rows by table."""
    destination = SQLiteDestination(target)
    with closing(SQLiteSource(source).open()) as snapshot:
        return feed(snapshot, destination, select=select, slice_bytes=slice_bytes)


def feed(
    snapshot: Snapshot,
    destination: Destination,
    *,
    select: Select | None = None,
    slice_bytes: int = 1 << 24,
) -> dict[str, int]:
    selection = Selection(snapshot.schema().tables)
    if select is not None:
        selection = select(selection)
    masked = {key for key, columns in selection.masked.items() if columns}
    loaded = {}
    try:
        destination.begin(wipe=False, jobs=1)
        destination.run(snapshot.pre_data(selection))
        for table in snapshot.dumped_tables(selection):
            to_load = LoadTable(
                table.schema,
                table.name,
                tuple(column.name for column in table.stored_columns),
                (table.schema, table.name) in masked,
            )
            blocks = [
                block
                for piece in snapshot.slices(table, slice_bytes)
                for block in snapshot.read(piece)
            ]
            loaded[table.name] = destination.load(to_load, blocks)
            assert loaded[table.name] == sum(block.rows for block in blocks)
        destination.run(snapshot.post_data(selection))
        destination.finish()
    except BaseException:
        destination.abort()
        raise
    return loaded


def dump_text(source: Path, table: str) -> bytes:
    """The whole text of one table's rows."""
    with closing(SQLiteSource(source).open()) as snapshot:
        found = snapshot.schema().find("main", table)
        assert found is not None
        return b"".join(
            block.text
            for piece in snapshot.slices(found, 1 << 24)
            for block in snapshot.read(piece)
        )


def rows_of(text: bytes) -> list[RowBlock]:
    return [RowBlock(text, text.count(b"\n"))]


def fingerprint_of(path: Path) -> dict[str, Any]:
    """All of a database that a copy has to keep, in a form that compares exactly."""
    with open_db(path) as db:
        schema = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
        settings = {
            name: db.execute(f"PRAGMA {name}").fetchone()
            for name in (
                "encoding",
                "page_size",
                "auto_vacuum",
                "user_version",
                "application_id",
                "journal_mode",
            )
        }
        virtual = {name for name, sql in _tables(db) if "VIRTUAL" in sql.upper().split()[:3]}
        rows = {name: _rows(db, name) for name, _ in _tables(db) if name not in virtual}
        for internal in ("sqlite_sequence", "sqlite_stat1"):
            if any(entry[1] == internal for entry in schema):
                # Where a counter stands among the others means nothing.
                rows[internal] = sorted((row[2:] for row in _rows(db, internal)), key=repr)
        check = db.execute("PRAGMA integrity_check").fetchall()
    return {"schema": sorted(schema, key=repr), "settings": settings, "rows": rows, "check": check}


def _tables(db: sqlite3.Connection) -> list[tuple[str, str]]:
    return db.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' "
        "ESCAPE '!'"
    ).fetchall()


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _rows(db: sqlite3.Connection, name: str) -> list[tuple[Any, ...]]:
    info = db.execute(f"PRAGMA table_xinfo({_quote(name)})").fetchall()
    names = [row[1] for row in info]
    keys = [n for n in ("rowid", "_rowid_", "oid") if n not in [x.lower() for x in names]][:1]
    try:
        db.execute(f"SELECT {keys[0]} FROM {_quote(name)} LIMIT 1")
    except (IndexError, sqlite3.OperationalError):
        keys = []
    cells = [
        f"typeof({c}), CASE typeof({c}) WHEN 'real' THEN {c} ELSE hex(CAST({c} AS BLOB)) END"
        for c in (*keys, *map(_quote, names))
    ]
    query = f"SELECT {', '.join(cells)} FROM {_quote(name)} NOT INDEXED"
    return [tuple(map(_exact, row)) for row in _ordered(db, query, keys)]


def _ordered(db: sqlite3.Connection, query: str, keys: list[str]) -> Iterable[tuple[Any, ...]]:
    return db.execute(query + (f" ORDER BY {keys[0]}" if keys else "")).fetchall()


def _exact(value: object) -> object:
    return struct.pack("<d", value) if isinstance(value, float) else value


def assert_same(source: Path, target: Path) -> None:
    left, right = fingerprint_of(source), fingerprint_of(target)
    assert left["settings"] == right["settings"]
    assert left["schema"] == right["schema"]
    assert left["rows"].keys() == right["rows"].keys()
    for name, rows in left["rows"].items():
        assert rows == right["rows"][name], name
    assert left["check"] == right["check"]
