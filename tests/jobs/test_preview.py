"""What a preview reads, and that it is what a dump would make of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from replicate.config import Config, load_config
from replicate.databases.base import Slice, Table
from replicate.databases.sqlite import reading
from replicate.errors import ConfigError, TransformError, UsageError
from replicate.jobs import preview as module
from replicate.jobs import sampling
from replicate.jobs.preview import Cell, Preview, Value, preview_masking
from replicate.rows.column import Kind
from tests.support.journey import ALL, Project, make_project
from tests.support.postgres import Server
from tests.support.postgres_journey import Pair

_value = module._value


def texts(found: Preview, table: str, column: str) -> list[tuple[str | None, str | None]]:
    """Both sides of a column, as text."""
    [shown] = [each for each in found.tables if each.name == table]
    place = [each.name for each in shown.columns].index(column)

    def text(value: Value | None) -> str | None:
        return None if value is None else value.text

    return [(text(row[place].before), text(row[place].after)) for row in shown.rows]


def test_masked_columns_and_the_key_are_shown_and_others_counted(tmp_path: Path) -> None:
    found = preview_masking(make_project(tmp_path, customers=9).config(), rows=9)
    customers = found.tables[0]
    assert (found.engine, found.keyed) == ("sqlite", True)
    assert [column.name for column in customers.columns] == ["id", "email", "first_name", "card"]
    assert [column.transformer for column in customers.columns] == [
        None, "email", "first-name", "credit-card",
    ]  # fmt: skip
    assert (customers.masked, customers.hidden, len(customers.rows)) == (3, 3, 9)
    ids = texts(found, "customers", "id")
    assert ids == [(str(i), str(i)) for i in range(1, 10)]
    names = texts(found, "customers", "first_name")
    assert names[6] == (None, None)  # every seventh has none
    assert {before for before, _ in names} == {None, "Zoë\\"}
    assert len({after for _, after in names}) == 2  # one value, one replacement
    assert "main.log" in found.unmasked
    assert "main.orders" not in found.unmasked


def test_all_columns(tmp_path: Path) -> None:
    found = preview_masking(make_project(tmp_path, customers=3).config(), all_columns=True)
    customers = found.tables[0]
    assert len(customers.columns) == 7
    assert customers.hidden == 0
    note = "line one\nline\ttwo \U0001f600"
    assert texts(found, "customers", "notes") == [(note, note), (note, note), ("", "")]


def test_it_is_the_same_under_one_key_and_another_without(tmp_path: Path) -> None:
    keyed = make_project(tmp_path / "keyed", customers=5).config()
    assert preview_masking(keyed) == preview_masking(keyed)
    bare = make_project(tmp_path / "bare", customers=5, encrypted=False).config()
    first, second = preview_masking(bare), preview_masking(bare)
    assert not first.keyed
    assert texts(first, "customers", "email") != texts(second, "customers", "email")


def test_rows_come_from_the_beginning_the_middle_and_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_SLICE", 4096)
    config = make_project(tmp_path, customers=3000).config()
    ids = [int(before or 0) for before, _ in texts(preview_masking(config), "customers", "id")]
    assert len(ids) == 5
    assert ids == sorted(ids)
    assert ids[0] == 1
    assert any(1000 < each < 2000 for each in ids)
    assert ids[-1] > 2500


@pytest.mark.parametrize("wanted", [1, 2, 3, 4, 7, 100])
def test_as_many_rows_as_asked_for_if_there_are_as_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: int
) -> None:
    monkeypatch.setattr(sampling, "_SLICE", 2048)
    found = preview_masking(make_project(tmp_path, customers=60).config(), rows=wanted)
    assert [len(table.rows) for table in found.tables] == [min(60, wanted), wanted]


def test_what_is_read_of_a_table_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the source could not cut its tables: the reader is given up, and another one begun.
    project = make_project(tmp_path, customers=3000)
    monkeypatch.setattr(reading, "BLOCK", 1 << 14)
    monkeypatch.setattr(sampling, "_SLICE", 1 << 40)
    expected = preview_masking(project.config(), rows=3)
    monkeypatch.setattr(sampling, "_NEAR", 0)
    closed = []
    close = sampling.Places.close

    def count(places: sampling.Places) -> None:
        closed.append(places)
        close(places)

    monkeypatch.setattr(sampling.Places, "close", count)
    found = preview_masking(project.config(), rows=3)
    assert len(closed) == 3, "once a table, and at the end"
    assert texts(found, "customers", "id") == [("1", "1"), ("2", "2"), ("3", "3")]
    assert found == expected


def test_columns_that_change_places_meanwhile_are_not_taken_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "live.db"
    make = "CREATE TABLE t(id INTEGER PRIMARY KEY, {} TEXT, {} TEXT);"
    rows = "INSERT INTO t(id, secret, email) VALUES (1, 'hush', 'ada@shop.example');"
    with closing(sqlite3.connect(file)) as database:
        database.executescript("PRAGMA journal_mode = wal;" + make.format("secret", "email") + rows)
        conf = tmp_path / "conf.yaml"
        conf.write_text(
            f"source:\n  connection_uri: sqlite:///{file}\n  transformers:\n"
            "    - {database: main, table: t, columns: [{name: email, transformer_name: email}]}\n"
        )
        pieces = sampling.Places.pieces

        def swapped(places: sampling.Places, table: Table) -> list[Slice]:
            database.executescript("DROP TABLE t;" + make.format("email", "secret") + rows)
            return pieces(places, table)

        monkeypatch.setattr(sampling.Places, "pieces", swapped)
        found = preview_masking(load_config(conf, sections=["source"]))
    [(before, _)] = texts(found, "t", "email")
    assert before == "ada@shop.example"


def test_a_value_that_can_t_be_masked_stops_it_as_it_would_a_dump(tmp_path: Path) -> None:
    rules = """
  transformers:
    - {database: main, table: customers, columns: [{name: notes, transformer_name: random-date}]}
"""
    config = make_project(tmp_path, customers=5, rules=rules).config()
    with pytest.raises(TransformError, match=r"main\.customers\.notes") as caught:
        preview_masking(config)
    assert "line one" not in caught.value.message


def test_rules_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    rules = """
  transformers:
    - {database: main, table: customers, columns: [{name: emial, transformer_name: email}]}
"""
    config = make_project(tmp_path, customers=5, rules=rules).config()
    with pytest.raises(ConfigError, match="emial"):
        preview_masking(config)


def with_line(project: Project, line: str) -> Config:
    text = project.conf.read_text()
    project.conf.write_text(text.replace("source:\n", f"source:\n  {line}\n", 1))
    return project.config()


def test_a_table_that_is_not_dumped_is_refused(tmp_path: Path) -> None:
    skip = "skip: [{database: main, table: log}]"
    config = with_line(make_project(tmp_path, customers=5), skip)
    with pytest.raises(UsageError, match=r"no rows of main\.log are dumped"):
        preview_masking(config, names=["log"])


def test_a_table_without_rows(tmp_path: Path) -> None:
    config = make_project(tmp_path, customers=5).config()
    with closing(sqlite3.connect(tmp_path / "prod.db")) as database, database:
        database.execute("delete from orders")
    orders = preview_masking(config).tables[1]
    assert (orders.rows, orders.note) == ((), "it has no rows")
    log = preview_masking(config, names=["main.log"]).tables[0]
    assert log.note == "no column of it is masked"
    assert [cell.changed for row in log.rows for cell in row] == [False] * 5


@pytest.mark.parametrize(
    ("field", "kind", "expected"),
    [
        (b"\\N", Kind.TEXT, None),
        (b"", Kind.TEXT, Value("", "", 0, cut=False)),
        (b"\\\\N", Kind.TEXT, Value("\\N", "", 2, cut=False)),
        (b"a\\tb", Kind.TEXT, Value("a\tb", "", 3, cut=False)),
        (b"\xff\xc3\xa9", Kind.TEXT, Value("\\xffé", "", 3, cut=False)),
        (b"\\I-5", Kind.TEXT, Value("-5", "integer", 2, cut=False)),
        (b"\\R1.5", Kind.ANY, Value("1.5", "real", 3, cut=False)),
        (b"\\Ta\\\\b", Kind.INTEGER, Value("a\\b", "text", 3, cut=False)),
        (b"\\B00ff", Kind.TEXT, Value("00ff", "blob", 2, cut=False)),
        (b"\\B", Kind.TEXT, Value("", "blob", 0, cut=False)),
        (b"\\\\x00ff", Kind.BINARY, Value("00ff", "blob", 2, cut=False)),
        (b"\\\\x00f", Kind.BINARY, Value("\\x00f", "", 5, cut=False)),
    ],
)
def test_a_field_as_a_value(field: bytes, kind: Kind, expected: Value | None) -> None:
    assert _value(field, kind) == expected


@pytest.mark.parametrize("character", ["a", "é", "漢", "😀"])
@pytest.mark.parametrize("before", range(4))
def test_a_long_value_is_cut_between_characters(character: str, before: int) -> None:
    text = "x" * before + character * (module.LONGEST + 1)
    value = _value(text.encode(), Kind.TEXT)
    assert value is not None
    assert value.cut
    assert value.size == len(text.encode())
    assert text.startswith(value.text)
    assert len(value.text.encode()) > module.LONGEST - 4


def test_invalid_bytes_are_cut_too() -> None:
    value = _value(b"\x80" * (module.LONGEST + 1), Kind.TEXT)
    assert value is not None
    assert value.text == "\\x80" * module.LONGEST


def test_a_change_beyond_the_cut_is_a_change() -> None:
    long = b"a" * (module.LONGEST + 5)
    same: Any = _value(long, Kind.TEXT)
    assert module._cell(long, long[:-1] + b"b", Kind.TEXT) == Cell(same, same, changed=True)


@pytest.mark.parametrize(
    ("available", "wanted", "expected"),
    [
        ([9, 9, 9], 5, [2, 2, 1]),
        ([1, 9, 9], 7, [1, 3, 3]),
        ([2, 1], 9, [2, 1]),
        ([5], 3, [3]),
        ([], 3, []),
    ],
)
def test_shares(available: list[int], wanted: int, expected: list[int]) -> None:
    assert module._shares(available, wanted) == expected


SCHEMA = """
CREATE TABLE people(id int PRIMARY KEY, email text NOT NULL, photo bytea, tags text[]);
INSERT INTO people SELECT i, 'p' || i || '@shop.example', '\\x00ff', ARRAY['a', NULL, 'b c']
    FROM generate_series(1, 30000) i;
CREATE TABLE parts(id int, email text) PARTITION BY HASH (id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT i, 'q' || i || '@shop.example' FROM generate_series(1, 40) i;
ANALYZE;
"""

RULES = """  transformers:
    - {database: public, table: people, columns: [{name: email, transformer_name: email}]}
    - {database: public, table: parts, columns: [{name: email, transformer_name: email}]}
"""


def test_postgresql_needs_no_pg_dump_where_no_table_is_skipped(
    any_server: Server, any_database: str, tmp_path: Path
) -> None:
    any_server.run(any_database, SCHEMA)
    pair = Pair(any_server, any_database, "none", tmp_path)
    pair.configure(source=RULES, bin_path="/nowhere")
    found = preview_masking(load_config(pair.conf, sections=ALL))
    assert [table.name for table in found.tables] == ["people", "parts_0", "parts_1"]


@pytest.mark.parametrize("most", [None, 1 << 10])
def test_postgresql(
    any_server: Server,
    any_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most: int | None,
) -> None:
    any_server.run(any_database, SCHEMA)
    config = Pair(any_server, any_database, "none", tmp_path).config(source=RULES)
    if most is None:
        monkeypatch.setattr(sampling, "_SLICE", 1 << 17)
    else:
        # One reader a table, given up before its end, which ends the session.
        monkeypatch.setattr(sampling, "_SLICE", 1 << 40)
        monkeypatch.setattr(sampling, "_NEAR", most)
    found = preview_masking(config, rows=6, all_columns=True)
    assert [table.name for table in found.tables] == ["people", "parts_0", "parts_1"]
    people = found.tables[0]
    ids = [int(before or 0) for before, _ in texts(found, "people", "id")]
    assert len(ids) == 6
    assert (ids[-1] > 20_000) is (most is None)
    for before, after in texts(found, "people", "email"):
        assert before is not None
        assert after is not None
        assert before.endswith("@shop.example")
        assert after.endswith("@example.com")
    photo = people.rows[0][2].before
    assert photo == Value("00ff", "blob", 2, cut=False)
    assert texts(found, "people", "tags")[0][0] == '{a,NULL,"b c"}'
    named = preview_masking(config, names=["parts"], rows=2)
    assert [table.name for table in named.tables] == ["parts_0", "parts_1"]
