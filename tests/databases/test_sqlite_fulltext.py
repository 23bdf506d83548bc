"""Full-text indexes beside masked columns: no word of a masked value leaves with them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from replicate.databases.base import Selection
from replicate.databases.sqlite.destination import SQLiteDestination
from replicate.databases.sqlite.source import SQLiteSource
from replicate.errors import DatabaseError
from tests.support.sqlite_copy import Select, assert_same, copy, feed, make, open_db

OWN = """
    CREATE VIRTUAL TABLE notes USING {module}(title, body);
    INSERT INTO notes VALUES('one', 'zebra secretword'), ('two', 'quagga');
"""
EXTERNAL = """
    CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT, age INT);
    INSERT INTO people VALUES(1, 'zebra secretword', 5), (2, 'quagga', 6);
    CREATE VIEW shown AS SELECT id, name FROM people;
    CREATE VIRTUAL TABLE names USING {module}(name, {option});
    INSERT INTO names(names) VALUES('rebuild');
"""
OTHER = "CREATE TABLE other(x TEXT); INSERT INTO other VALUES('y');"


def masking(table: str, column: str, *skipped: str) -> Select:
    def select(selection: Selection) -> Selection:
        keys = frozenset(("main", name) for name in skipped)
        tables = tuple(t for t in selection.tables if (t.schema, t.name) not in keys)
        return replace(
            selection, tables=tables, skipped=keys, masked={("main", table): frozenset({column})}
        )

    return select


def dumped(source: Path, select: Select) -> bytes:
    """All that a dump would hold, but for what the maskers would change."""
    with closing(SQLiteSource(source).open()) as snapshot:
        selection = select(Selection(snapshot.schema().tables))
        parts = [snapshot.pre_data(selection), snapshot.post_data(selection)]
        text = b"".join(
            block.text
            for table in snapshot.dumped_tables(selection)
            if (table.schema, table.name) not in selection.masked
            for piece in snapshot.slices(table, 1 << 20)
            for block in snapshot.read(piece)
        )
    return text + "".join(parts).encode()


def found(path: Path, table: str, word: str) -> list[tuple[int]]:
    with open_db(path) as db:
        db.execute(f"INSERT INTO {table}({table}) VALUES('integrity-check')")
        return db.execute(f"SELECT rowid FROM {table} WHERE {table} MATCH ?", (word,)).fetchall()


def contains_words(data: bytes) -> bool:
    # An index keeps words in pieces, and a dump keeps blobs as hexadecimal digits.
    return any(
        word in data for part in (b"zebra", b"secret") for word in (part, part.hex().encode())
    )


CONTENT = {"fts5": "c1", "fts4": "c1body", "fts3": "c1body"}


@pytest.mark.parametrize("module", ["fts5", "fts4", "fts3"])
def test_own_content(tmp_path: Path, module: str) -> None:
    source = make(tmp_path / "source.db", OWN.format(module=module))
    select = masking("notes_content", CONTENT[module])
    assert contains_words(dumped(source, masking("x", "y")))
    assert not contains_words(dumped(source, select))
    copy(source, tmp_path / "target.db", select=select)
    assert found(tmp_path / "target.db", "notes", "zebra") == [(1,)]
    assert found(tmp_path / "target.db", "notes", "quagga") == [(2,)]


@pytest.mark.parametrize(
    ("module", "option"),
    [
        ("fts5", "content = 'people', content_rowid = 'id'"),
        ("fts5", "cont=[PEOPLE], content_rowid=id"),
        ("fts5", "content=shown, content_rowid=id"),
        ("fts4", 'content="people"'),
    ],
)
def test_external_content(tmp_path: Path, module: str, option: str) -> None:
    source = make(tmp_path / "source.db", EXTERNAL.format(module=module, option=option))
    select = masking("people", "name")
    assert not contains_words(dumped(source, select))
    copy(source, tmp_path / "target.db", select=select)
    assert found(tmp_path / "target.db", "names", "zebra") == [(1,)]


def test_an_index_of_an_unmasked_table_is_copied(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", OWN.format(module="fts5") + OTHER)
    copy(source, tmp_path / "target.db", select=masking("other", "x"))
    assert_same(source, tmp_path / "target.db")


CONTENTLESS = """
    CREATE VIRTUAL TABLE bare USING fts5(a, content='');
    INSERT INTO bare(rowid, a) VALUES(1, 'zebra secretword');
"""


CONTENTLESS_FTS4 = """
    CREATE VIRTUAL TABLE bare USING fts4(content="", a);
    INSERT INTO bare(docid, a) VALUES(1, 'x');
"""


@pytest.mark.parametrize(
    "script",
    [
        CONTENTLESS,
        CONTENTLESS_FTS4,
        "CREATE TABLE t(a); CREATE VIRTUAL TABLE bare USING fts5(a, content=t); DROP TABLE t",
    ],
)
def test_an_index_of_unknown_content_is_refused(tmp_path: Path, script: str) -> None:
    source = make(tmp_path / "source.db", script + ";" + OTHER)
    with pytest.raises(DatabaseError, match="full-text index bare") as caught:
        copy(source, tmp_path / "target.db", select=masking("other", "x"))
    assert "bare" in str(caught.value.hint)
    assert not (tmp_path / "target.db").exists()
    skipping = masking("other", "x", "bare")
    copy(source, tmp_path / "target.db", select=skipping)
    with open_db(tmp_path / "target.db") as db:
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("other",)]
    # Where nothing is masked there is nothing to give away.
    copy(source, tmp_path / "whole.db")
    assert_same(source, tmp_path / "whole.db")


def skipping(*names: str) -> Select:
    return masking("nothing", "x", *names)


def test_skipping_a_virtual_table_skips_its_parts(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", OWN.format(module="fts5") + OTHER)
    assert copy(source, tmp_path / "target.db", select=skipping("notes")) == {"other": 1}


def test_skipping_a_table_skips_its_index(tmp_path: Path) -> None:
    source = make(
        tmp_path / "source.db", EXTERNAL.format(module="fts5", option="content='people'") + OTHER
    )
    assert copy(source, tmp_path / "target.db", select=skipping("people")) == {"other": 1}
    assert not contains_words((tmp_path / "target.db").read_bytes())


def test_skipping_a_part_alone_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", OWN.format(module="fts5"))
    with pytest.raises(DatabaseError, match="notes_content is left out"):
        copy(source, tmp_path / "target.db", select=skipping("notes_content"))


def test_what_the_schema_says(tmp_path: Path) -> None:
    rtree = "CREATE VIRTUAL TABLE r USING rtree(id, a, b);"
    source = make(tmp_path / "source.db", OWN.format(module="fts5") + rtree)
    with closing(SQLiteSource(source).open()) as snapshot:
        tables = {table.name: table for table in snapshot.schema().tables}
    assert {name for name, table in tables.items() if table.maskable} == {"notes_content"}
    assert tables["notes_content"].part_of == "notes"
    assert "notes_content" in tables["notes"].note
    assert "rtree table r" in tables["r_node"].note
    assert all(table.note for table in tables.values())


def test_masked_values_replace_the_old_ones_in_the_index(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", OWN.format(module="fts5"))
    select = masking("notes_content", "c1")
    with closing(SQLiteSource(source).open()) as snapshot:
        feed(Masked(snapshot), SQLiteDestination(tmp_path / "target.db"), select=select)  # type: ignore[arg-type]  # reads alike
    assert not contains_words((tmp_path / "target.db").read_bytes())
    assert found(tmp_path / "target.db", "notes", "okapi") == [(1,)]


class Masked:
    """A snapshot whose rows have been through a masker."""

    def __init__(self, snapshot: object) -> None:
        self._snapshot = snapshot

    def __getattr__(self, name: str) -> Callable[..., object]:
        inner: Callable[..., object] = getattr(self._snapshot, name)
        return inner

    def read(self, piece: object) -> list[object]:
        blocks = self._snapshot.read(piece)  # type: ignore[attr-defined]  # a snapshot
        return [replace(b, text=b.text.replace(b"zebra secretword", b"okapi")) for b in blocks]


LEAKS = {
    "over a view of it": (
        "CREATE VIEW v AS SELECT id, body FROM notes;"
        "CREATE VIRTUAL TABLE f USING fts5(body, content='v', content_rowid='id');"
        "INSERT INTO f(f) VALUES('rebuild')"
    ),
    "without content": (
        "CREATE VIRTUAL TABLE f USING fts5(body, content='');"
        "INSERT INTO f(rowid, body) SELECT id, body FROM notes"
    ),
    "by a trigger": (
        "CREATE VIRTUAL TABLE f USING fts5(body);"
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN"
        " INSERT INTO f(rowid, body) VALUES(new.id, new.body); END;"
        "INSERT INTO notes VALUES(2, 'quagga')"
    ),
}


@pytest.mark.parametrize("feed", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("masked", [{}, {("main", "other"): frozenset({"a"})}])
def test_an_index_of_a_skipped_table_is_refused(
    tmp_path: Path, feed: str, masked: dict[tuple[str, str], frozenset[str]]
) -> None:
    source = make(
        tmp_path / "source.db",
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT); CREATE TABLE other(a);"
        f"INSERT INTO notes VALUES(1, 'zebra'); {feed}",
    )
    with closing(SQLiteSource(source).open()) as snapshot:
        tables = tuple(table for table in snapshot.schema().tables if table.name != "notes")
        selection = Selection(tables, frozenset({("main", "notes")}), masked)
        with pytest.raises(DatabaseError, match="index f may hold") as caught:
            snapshot.dumped_tables(selection)
    assert "source.skip" in (caught.value.hint or "")
