"""The leak filter knows what was entered, and next to nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from replicate.crypto.prf import Prf
from replicate.dumps.leak_filter import LeakFilter, Shape, Watched
from replicate.errors import CorruptError, WrongKeyError
from replicate.rows.column import Column, Kind

KEY = bytes(range(32))
COLUMNS = [Watched("t.email", by_chance=False), Watched("t.phone", by_chance=True)]


def column(begin: int, count: int, kind: Kind = Kind.TEXT) -> Column:
    return Column.of([b"user%d@mail.test" % i for i in range(begin, begin + count)], kind)


def filter_of(count: int = 1000) -> LeakFilter:
    return LeakFilter(KEY, Shape.for_values(count), COLUMNS)


def test_what_was_entered_is_found_with_its_columns() -> None:
    entered = filter_of()
    entered.enter(0, column(0, 1000))
    entered.enter(1, column(900, 200))
    rows, of = entered.find(column(850, 500))
    assert rows.tolist() == list(range(250))
    assert of[:50] == [(0,)] * 50
    assert of[50:150] == [(0, 1)] * 100
    assert of[150:] == [(1,)] * 100


def test_there_are_hardly_any_false_alarms_when_it_is_full() -> None:
    entered = filter_of(100_000)
    entered.enter(0, column(0, 100_000))
    rows, _ = entered.find(column(1_000_000, 300_000))
    assert len(rows) == 0


@pytest.mark.parametrize(
    ("value", "kind", "entered"),
    [
        (b"short", Kind.TEXT, False),
        (b"longer", Kind.TEXT, True),
        ("äöü".encode(), Kind.TEXT, True),
        (b"12345678", Kind.TEXT, False),
        (b"123456789", Kind.TEXT, True),
        (b"123456789", Kind.INTEGER, True),
        (b"1984-02-29", Kind.DATE, False),
        (b"false alarm", Kind.BOOLEAN, False),
        (b"192.168.10.12", Kind.INET, True),
        (b"x" * 1_000_000, Kind.TEXT, True),
        (None, Kind.TEXT, False),
    ],
)
def test_only_values_that_tell_something_are_entered(
    value: bytes | None, kind: Kind, entered: bool
) -> None:
    filled = filter_of()
    filled.enter(0, Column.of([value], kind))
    # What kind of column it turns up in does not matter.
    assert bool(len(filled.find(Column.of([value], Kind.OTHER))[0])) is entered


def test_too_many_values_are_thinned_out_alike() -> None:
    shape = Shape.for_values(10**9)
    assert shape == Shape(29, 7)
    entered = LeakFilter(KEY, shape, COLUMNS)
    entered.enter(0, column(0, 100_000))
    rows, _ = entered.find(column(0, 100_000))
    assert 500 < len(rows) < 1100  # one in 128


def test_it_is_read_back_and_tells_nothing_under_another_key() -> None:
    entered = filter_of()
    entered.enter(0, column(0, 1000))
    data = entered.encode()
    again = LeakFilter.decode(KEY, data)
    assert again.columns == tuple(COLUMNS)
    assert len(again.find(column(0, 1000))[0]) == 1000
    with pytest.raises(WrongKeyError, match="another masking_key"):
        LeakFilter.decode(bytes(32), data)
    other = LeakFilter(bytes(32), entered.shape, COLUMNS, entered._bits)
    assert len(other.find(column(0, 1000))[0]) == 0


def test_one_that_is_too_full_is_not_believed() -> None:
    entered = LeakFilter(KEY, Shape(24, 0), COLUMNS)
    entered.enter(0, column(0, 260_000))
    LeakFilter.decode(KEY, entered.encode())  # what it is made for
    for i in range(1, 4):
        entered.enter(0, column(i * 260_000, 260_000))
    with pytest.raises(CorruptError, match="more values than it can tell apart"):
        LeakFilter.decode(KEY, entered.encode())


def test_files_of_several_workers_are_merged(tmp_path: Path) -> None:
    shape = Shape.for_values(1000)
    for i in range(3):
        LeakFilter.mapped(tmp_path / str(i), KEY, shape, COLUMNS).enter(0, column(100 * i, 100))
    merged = LeakFilter(KEY, shape, COLUMNS)
    for path in tmp_path.iterdir():
        merged.merge(np.fromfile(path, np.uint8))
    assert len(merged.find(column(0, 400))[0]) == 300


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}\n",
        b'{"version":2,"bits":24,"thinned":0,"columns":[]}\n' + bytes(1 << 21),
        b'{"version":1,"bits":24,"thinned":0,"columns":[]}\n' + bytes(5),
        b'{"version":1,"bits":60,"thinned":0,"columns":[]}\n',
        b'{"version":1,"bits":24,"thinned":64,"columns":[]}\n' + bytes(1 << 21),
        b"\xff\n" + bytes(1 << 21),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptError):
        LeakFilter.decode(KEY, data)


def test_it_is_what_the_format_page_says() -> None:
    entered = LeakFilter(KEY, Shape(24, 0), COLUMNS)
    entered.enter(1, Column.of([b"jane@mail.test"]))
    line, _, bits = entered.encode().partition(b"\n")
    assert json.loads(line)["columns"] == [["t.email", False], ["t.phone", True]]
    mac = Prf(KEY).one(b"jane@mail.test")
    a, b = int.from_bytes(mac[:8], "little"), int.from_bytes(mac[8:], "little")
    salt = (2 * 0x9E3779B97F4A7C15 | 1) % 2**64
    expected = set()
    for first, step in ((a, b), (a ^ (b * salt % 2**64), b ^ (2 * salt % 2**64))):
        expected |= {(first + i * (step | 1)) % 2**64 % 2**24 for i in range(6)}
    assert {n for n in range(1 << 24) if bits[n // 8] >> n % 8 & 1} == expected
