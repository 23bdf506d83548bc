"""Samples: how much is read, what becomes of readers, and of fields."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from replicate.databases.base import ColumnInfo, RowBlock, Slice, Snapshot, Source, Table
from replicate.databases.sqlite.source import SQLiteSource
from replicate.errors import DatabaseError
from replicate.jobs import sampling
from replicate.jobs.sampling import Places, Sampler
from replicate.rows.column import Kind

TABLE = Table(
    "main",
    "t",
    (
        ColumnInfo("rowid", "", Kind.INTEGER, hidden=True),
        ColumnInfo("a", "text", Kind.TEXT),
        ColumnInfo("made", "text", Kind.TEXT, generated=True),
        ColumnInfo("b", "", Kind.ANY),
        ColumnInfo("c", "blob", Kind.BINARY),
    ),
)


@dataclass
class Stand:
    """A source and its snapshots in one, which keeps count of what is asked of it."""

    pieces: list[list[bytes]]
    fails: bool = False
    opened: int = 0
    closed: int = 0
    given: int = 0
    asked: list[Any] = field(default_factory=list)

    def share(self) -> object:
        return "moment"

    def join(self, _: object) -> Stand:
        self.opened += 1
        return self

    def confirm_shared(self) -> bool:
        return True

    def close(self) -> None:
        self.closed += 1

    def slices(self, table: Table, target_bytes: int) -> list[Slice]:
        self.asked.append(target_bytes)
        return [Slice(table, number) for number in range(len(self.pieces))]

    def read(self, piece: Slice) -> Iterator[RowBlock]:
        self.asked.append(piece.token)
        for text in self.pieces[piece.token]:
            if self.fails:
                raise DatabaseError("no")
            self.given += 1
            yield RowBlock(text, text.count(b"\n"))

    def places(self) -> Places:
        return Places(cast(Source, self), cast(Snapshot, self))

    def sampler(self) -> Sampler:
        return Sampler(self.places())


def _rows(count: int, text: bytes = b"x") -> bytes:
    return b"".join(b"%d\t%s%d\t\\I7\t\\Bff\n" % (i, text, i) for i in range(count))


def test_fields_of_every_sort() -> None:
    text = (
        b"1\tplain\t\\I42\t\\B00\n"
        b"2\t\\N\t\\Ttab\\there\t\\\\x00\n"
        b"3\t\t\\R1.5\tx\n"
        b"4\t\\\\N\t\\B6162\tx\n"
        b"5\t\xff\xe9\t\\N\t\\N\n"
    )
    sample = Stand([[text]]).sampler().sample(TABLE, 100)
    assert sample.rows == 5
    assert sample.values == {"a": ["plain", "\\N", "\ufffd\ufffd"], "b": ["42", "tab\there", "1.5"]}


def test_a_small_table_is_read_whole_by_one_reader() -> None:
    stand = Stand([[_rows(5), _rows(5)]])
    places = stand.places()
    for _ in range(3):
        assert Sampler(places).sample(TABLE, 100).rows == 10
    assert (stand.opened, stand.closed) == (1, 0)
    places.close()
    assert stand.closed == 1


@pytest.mark.parametrize("near", [False, True])
def test_a_big_table_is_looked_at_in_three_places(
    monkeypatch: pytest.MonkeyPatch, near: bool
) -> None:
    if not near:
        monkeypatch.setattr(sampling, "_NEAR", len(_rows(1000)))
    stand = Stand([[_rows(1000)] * 50 for _ in range(20)])
    sample = stand.sampler().sample(TABLE, 300)
    assert sample.rows == 300
    assert stand.asked[1:] == [0, 9, 19]
    assert len(sample.values["a"]) == 300
    if near:
        assert stand.given == 150
        assert (stand.opened, stand.closed) == (1, 0), "to read on is quicker than to begin anew"
    else:
        assert stand.given == 9, "the block with the rows, and those that tell that there is more"
        assert (stand.opened, stand.closed) == (3, 3), "a reader that is given up is not used again"


def test_places_are_spread_and_each_comes_once() -> None:
    def places(count: int) -> list[int]:
        pieces = Stand([[]] * count).places().pieces(TABLE)
        return [int(piece.token) for piece in pieces]

    assert places(0) == []
    assert places(1) == [0]
    assert places(2) == [0, 1]
    assert places(3) == [0, 1, 2]
    assert places(8)[:3] == [0, 3, 7]
    assert sorted(places(8)) == list(range(8))
    many = places(1000)
    assert (many[:3], len(many), len(set(many))) == ([0, 499, 999], 8, 8)


def test_who_reads_all_of_a_piece_needs_no_new_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_NEAR", 0)
    stand = Stand([[_rows(10)] * 3] * 2)
    places = stand.places()
    for piece in places.pieces(TABLE):
        assert sum(block.rows for block in places.blocks(piece)) == 30
    assert (stand.opened, stand.closed) == (1, 0)
    blocks = places.blocks(places.pieces(TABLE)[0])
    next(blocks)
    blocks.close()
    assert (stand.opened, stand.closed) == (1, 1)


def test_bytes_are_bounded_too() -> None:
    row = _rows(1, b"y" * 100_000)
    sample = Stand([[row * 20] * 100]).sampler().sample(TABLE, 1_000_000)
    assert 0 < sample.bytes < 8 * 1024 * 1024
    assert {len(value) for value in sample.values["a"]} == {64 * 1024}


def test_a_reader_that_failed_is_not_used_again() -> None:
    stand = Stand([[_rows(1)]], fails=True)
    sampler = stand.sampler()
    with pytest.raises(DatabaseError):
        sampler.sample(TABLE, 10)
    stand.fails = False
    assert sampler.sample(TABLE, 10).rows == 1
    assert (stand.opened, stand.closed) == (2, 1)


def test_no_rows_wanted() -> None:
    stand = Stand([[_rows(9)]])
    assert stand.sampler().sample(TABLE, 0).rows == 0
    assert stand.asked == []


LIVE = """
PRAGMA journal_mode = wal;
CREATE TABLE t(id INTEGER PRIMARY KEY, secret TEXT, name TEXT);
INSERT INTO t VALUES (1, 'hush', 'Ada');
"""
SWAPPED = "DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, secret TEXT);"
CHANGES = {
    SWAPPED + "INSERT INTO t VALUES (1, 'Ada', 'hush')": "altered",
    "ALTER TABLE t ADD COLUMN more TEXT": "altered",
    "ALTER TABLE t DROP COLUMN secret": "altered",
    "ALTER TABLE t RENAME TO other": "removed or renamed",
    "DROP TABLE t": "removed or renamed",
}


def _change(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(sql)


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A database that others can write to while it is read."""
    file = tmp_path / "live.db"
    _change(file, LIVE)
    return file


@pytest.mark.parametrize("sql", CHANGES)
def test_what_is_written_after_the_beginning_is_not_seen(live: Path, sql: str) -> None:
    source = SQLiteSource(live)
    with closing(source.open()) as snapshot, closing(Places(source, snapshot)) as places:
        _change(live, sql)
        [table] = snapshot.schema().tables
        assert Sampler(places).sample(table, 9).values["secret"] == ["hush"]


@pytest.mark.parametrize(("sql", "told"), CHANGES.items())
def test_a_table_that_is_another_for_a_later_reader_is_not_read(
    live: Path, sql: str, told: str
) -> None:
    source = SQLiteSource(live)
    with closing(source.open()) as snapshot, closing(Places(source, snapshot)) as places:
        [table] = snapshot.schema().tables
        places.close()  # as where a reader is given up
        _change(live, sql)
        with pytest.raises(DatabaseError, match=rf"^the table main\.t was {told} while") as caught:
            Sampler(places).sample(table, 9)
        assert caught.value.hint == "run it again"


def test_rows_written_meanwhile_keep_no_later_reader_from_reading(live: Path) -> None:
    source = SQLiteSource(live)
    with closing(source.open()) as snapshot, closing(Places(source, snapshot)) as places:
        [table] = snapshot.schema().tables
        places.close()
        _change(live, "INSERT INTO t VALUES (2, 'hush', 'Bob')")
        assert Sampler(places).sample(table, 9).values["name"] == ["Ada", "Bob"]


def test_a_reader_that_can_t_be_asked_for_its_moment_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand = Stand([])

    def fail(_: object) -> bool:
        raise DatabaseError("no")

    monkeypatch.setattr(Stand, "confirm_shared", fail)
    with pytest.raises(DatabaseError):
        stand.places()
    assert (stand.opened, stand.closed) == (1, 1)
