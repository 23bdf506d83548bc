"""What a SQLite table's own text says of the values of its columns, and of what they are of."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from replicate.databases.base import Table
from replicate.databases.sqlite.source import SQLiteSource
from tests.support.sqlite_copy import make

LISTS = {
    # what is behind the name of the column c, and what is known of it
    "TEXT CHECK (c IN ('a', 'it''s, (b)'))": ("a", "it's, (b)"),
    "TEXT NOT NULL DEFAULT 'a' CONSTRAINT x CHECK(C in('a','b')) UNIQUE": ("a", "b"),
    "TEXT, CHECK (c IN ('a', 'b'))": ("a", "b"),
    'TEXT, d, CONSTRAINT "CHECK" CHECK (("c") = \'a\') CHECK (d > 1)': ("a",),
    "TEXT CHECK /* ( */ (((c == 'a') OR ((c) IN ('b', 'c')) OR c IS NULL))": ("a", "b", "c"),
    "TEXT CHECK (lower([c]) IN ('a', 'b'))": ("a", "b"),
    "TEXT CHECK (c IN (\"a\", 'b'))": ("a", "b"),
    "INTEGER CHECK (c IN (1, -2, +3))": ("1", "-2", "3"),
    "INTEGER CHECK (c IS 7)": ("7",),
    "INTEGER, CHECK (c IN (0, 1))": ("0", "1"),
    "TEXT CHECK (c IN ('a', 'b')) CHECK (c IN ('b', 'd'))": ("b",),
    "TEXT, d CHECK (c IN ('a'))": ("a",),
    # These say nothing.
    "BOOLEAN CHECK (c IN (0, 1))": (),
    "TEXT CHECK (c IN ('a', NULL))": (),
    "TEXT, d TEXT, CHECK (c IN ('a', d))": (),
    "TEXT, d TEXT, CHECK (c IN ('a', \"d\"))": (),
    "TEXT, d TEXT, CHECK (c = 'a' OR d = 'b')": (),
    "TEXT CHECK (c IN ('a') OR length(c) > 5)": (),
    "TEXT CHECK (length(c) IN (5, 10))": (),
    "TEXT CHECK (c NOT IN ('a', 'b'))": (),
    "TEXT CHECK (NOT c IN ('a', 'b'))": (),
    "TEXT CHECK ((c IN ('a', 'b')) = 0)": (),
    "TEXT CHECK (c IN ('a', 'b') COLLATE nocase)": (),
    "TEXT CHECK (c IN ('a') AND length(c) < 3)": (),
    "TEXT CHECK (c = 'a' || 'b')": (),
    "TEXT CHECK (c IS NOT 'a')": (),
    "BLOB CHECK (c IN (x'61'))": (),
    "REAL CHECK (c IN (1.5, 2))": (),
    "TEXT DEFAULT 'CHECK (c IN (''a''))'": (),
}


def _tables(folder: Path, script: str) -> dict[str, Table]:
    with closing(SQLiteSource(make(folder / "source.db", script)).open()) as snapshot:
        return {table.name: table for table in snapshot.schema().tables}


@pytest.mark.parametrize("declared", LISTS)
def test_lists_of_values(tmp_path: Path, declared: str) -> None:
    table = _tables(tmp_path, f"CREATE TABLE t(c {declared});")["t"]
    assert {c.name: c.limits.labels for c in table.columns}["c"] == LISTS[declared]


KEYS = """
    CREATE TABLE People(
        mail TEXT, email TEXT, country TEXT, nick TEXT, other TEXT, a TEXT, b TEXT,
        low TEXT GENERATED ALWAYS AS (lower(EMAIL)) STORED UNIQUE,
        lower_still AS (trim(low) || 'mail'),
        "both" AS ([a] || '-' || "b"),
        free AS (upper(other)),
        UNIQUE (country, "both")
    );
    CREATE UNIQUE INDEX people_0 ON people(mail, lower(nick)) WHERE other IS NOT NULL;
    CREATE UNIQUE INDEX people_1 ON people(mail) WHERE other IS NOT NULL;
    CREATE UNIQUE INDEX people_2 ON people(substr(lower_still, 2));
    CREATE TABLE refers(low TEXT REFERENCES PEOPLE(LOW), base TEXT,
        made AS (lower(base)) REFERENCES people(low), rest);
"""


def test_keys_on_what_is_computed(tmp_path: Path) -> None:
    tables = _tables(tmp_path, KEYS)
    people, refers = tables["People"], tables["refers"]
    assert set(people.unique) == {
        ("low",), ("email",), ("country", "both"), ("country", "a", "b"), ("mail", "nick"),
        ("mail",), ("lower_still",),
    }  # fmt: skip
    # Neither the plain columns of such a key, nor what only its condition asks for.
    assert {key.derived for key in people.unique_keys} - {()} == {("email",), ("a", "b"), ("nick",)}
    assert people.behind_foreign_keys == ("email",)
    assert refers.behind_foreign_keys == ("base",)
