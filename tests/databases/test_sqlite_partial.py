"""Some tables of a dump restored: what belongs to them comes along, and nothing else."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

from replicate.databases.base import Destination, LoadTable, Selection
from replicate.databases.sqlite.destination import SQLiteDestination
from replicate.databases.sqlite.script import ScriptDestination
from replicate.databases.sqlite.source import SQLiteSource
from tests.support.sqlite_copy import make, open_db

SHOP = """
    CREATE TABLE customers(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, customer REFERENCES customers);
    CREATE TABLE log(x);
    CREATE INDEX customers_name ON customers(name); CREATE INDEX orders_c ON orders(customer);
    CREATE VIEW names AS SELECT name FROM customers;
    CREATE VIEW big AS SELECT * FROM names2; CREATE VIEW names2 AS SELECT id FROM Orders;
    CREATE TRIGGER t1 AFTER INSERT ON customers BEGIN INSERT INTO log VALUES(1); END;
    CREATE TRIGGER t2 AFTER INSERT ON customers BEGIN SELECT 1; END;
    CREATE TRIGGER t3 AFTER INSERT ON orders BEGIN SELECT 1; END;
    CREATE VIRTUAL TABLE search USING fts5(name, content='customers', content_rowid='id');
    CREATE VIRTUAL TABLE notes USING fts5(body);
    INSERT INTO customers(name) VALUES('a'), ('b');
    INSERT INTO orders(customer) VALUES(1), (2), (1);
    INSERT INTO notes VALUES('hello');
    ANALYZE;
"""


def restore(source: Path, destination: Destination, *names: str) -> None:
    with closing(SQLiteSource(source).open()) as snapshot:
        selection = Selection(snapshot.schema().tables)
        chosen = [t for t in snapshot.dumped_tables(selection) if t.name in names]
        load = [LoadTable("main", t.name, tuple(c.name for c in t.stored_columns)) for t in chosen]
        destination.begin(wipe=False, jobs=1)
        destination.run(snapshot.pre_data(selection), only=load)
        for table, to_load in zip(chosen, load, strict=True):
            for piece in snapshot.slices(table, 1 << 20):
                destination.load(to_load, snapshot.read(piece))
        destination.run(snapshot.post_data(selection), only=load)
        destination.finish()


def objects(db: sqlite3.Connection) -> set[str]:
    query = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'"
    return {name for (name,) in db.execute(query)}


def test_one_table(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", SHOP)
    restore(source, SQLiteDestination(tmp_path / "target.db"), "customers")
    with open_db(tmp_path / "target.db") as db:
        assert objects(db) == {"customers", "customers_name", "names", "t2"}
        assert db.execute("SELECT name, seq FROM sqlite_sequence").fetchall() == [("customers", 2)]
        assert {tbl for (tbl,) in db.execute("SELECT tbl FROM sqlite_stat1")} == {"customers"}
        assert db.execute("SELECT count(*) FROM customers").fetchone() == (2,)


def test_a_view_of_a_view_and_another_table(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", SHOP)
    restore(source, SQLiteDestination(tmp_path / "target.db"), "orders", "log")
    with open_db(tmp_path / "target.db") as db:
        assert objects(db) == {"orders", "orders_c", "big", "names2", "t3", "log"}


def test_a_virtual_table_needs_all_its_parts(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", SHOP)
    parts = [f"notes_{end}" for end in ("data", "idx", "content", "docsize", "config")]
    restore(source, SQLiteDestination(tmp_path / "whole.db"), *parts)
    with open_db(tmp_path / "whole.db") as db:
        assert db.execute("SELECT body FROM notes WHERE notes MATCH 'hello'").fetchall()
    restore(source, SQLiteDestination(tmp_path / "part.db"), "notes_content")
    with open_db(tmp_path / "part.db") as db:
        assert objects(db) == {"notes_content"}


def test_the_script_is_the_same_part(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", SHOP)
    out = io.BytesIO()
    restore(source, ScriptDestination(out), "customers")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(out.getvalue().decode())
        assert objects(db) == {"customers", "customers_name", "names", "t2"}
