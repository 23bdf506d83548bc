"""Samples: how much is read, what becomes of readers, and of fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from replicate.databases.base import ColumnInfo, RowBlock, Slice, Snapshot, Source, Table
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
