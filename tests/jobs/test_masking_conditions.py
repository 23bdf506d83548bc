"""A value stays only where SQLite itself calls its condition false, whatever the row holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.config import load_config
from replicate.databases.sqlite.schema import kind_of
from replicate.databases.sqlite.values import affinity_of, encode_rows
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from replicate.rows.column import Kind
from replicate.rows.comparing import Reading
from replicate.rows.engine import Mask, Masker
from replicate.rows.values import Field
from replicate.transformers.base import Target
from replicate.transformers.registry import build
from replicate.transformers.wrapping.conditions import When
from tests.support.masking import KEYED

Value = None | int | float | str | bytes
Row = Sequence[Value]

DECLARED = {
    "t": "TEXT",
    "tn": "TEXT COLLATE NOCASE",
    "tr": "VARCHAR(20) COLLATE RTRIM",
    "s": "STRING",
    "sn": "STRING COLLATE NOCASE",
    "iv": "INTERVAL",
    "x": "",
    "xn": "COLLATE NOCASE",
    "a": "THING",
    "p": "POINT",
    "i": "INTEGER",
    "se": "SERIAL",
    "n": "DECIMAL(10,2)",
    "r": "REAL",
    "fp": "FLOATING POINT",
    "b": "BOOLEAN",
    "d": "DATE",
    "ts": "DATETIME",
    "ti": "TIME",
    "u": "UUID",
    "bl": "BLOB",
}
NAMES = tuple(DECLARED)
TYPES = {name: declared.split(" COLLATE")[0] for name, declared in DECLARED.items()}
TYPES["xn"] = ""
KINDS = {name: kind_of(declared) for name, declared in TYPES.items()}
READINGS = {"b": Reading.DIGITS}

WORDS = (
    "", " ", "a", "A", "b", "B", "ab", "aB", "AB", "abc", "a b", "a-b", "a_b", "a.c", "a:z", "az",
    "a ", "A  ", "us", "US", "true", "TRUE", "false", "é", "É", "e", "éa", "ß", "ss", "\u212a",
    "k", "K", "~", "[", "a\x00b", "a\x00c", "e\u0301", "\t5", "inf", "-inf", "Inf", "nan",
)  # fmt: skip
NUMBERS = (
    "5", "5.0", " 5", "5 ", "+5", "05", "007", "7", "0", "-0", "1", "2", "10", "1e1", "1e400",
    "-7", ".5", "0.5", "0x5", "5a", "1_0", "9007199254740993", "9007199254740992",
    "9223372036854775807", "9223372036854775808", "-9007199254740993", "0.1", "0.30000000000000004",
    "0.3", "1e20", "100000000000000000000",
)  # fmt: skip
MOMENTS = (
    "2020-01-01", "2020-01-01 00:00:00", "2020-01-01T00:00:00", "2020-01-01 00:00:00Z",
    "2020-01-01 00:00", "2019-12-31 23:59:59.5", "20200101", "10:30", "10:30:00", "10:30:00.000",
)  # fmt: skip
UUIDS = (
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
    "a0eebc999c0b4ef8bb6d6bb9bd380a11", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
)  # fmt: skip
INTEGERS = (0, 1, 2, 5, 7, -7, 10, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 10**17)
REALS = (0.0, 0.5, 5.0, 7.0, 0.1, 0.3, 0.1 + 0.2, 1e20, 1e-5, 2.0**53, float("inf"), -float("inf"))
BLOBS = (b"", b"5", b"US", b"a", b"\xff", b"2020-01-01", b"true")
ANYTHING = (None, *WORDS, *NUMBERS, *MOMENTS, *UUIDS, *INTEGERS, *REALS, *BLOBS)

USUAL: dict[Kind, Sequence[Value]] = {
    Kind.TEXT: (*WORDS, *NUMBERS),
    Kind.ANY: (*NUMBERS, *INTEGERS, *REALS, *WORDS),
    Kind.INTEGER: INTEGERS,
    Kind.NUMERIC: (*REALS, *INTEGERS),
    Kind.REAL: (*REALS, *INTEGERS),
    Kind.BOOLEAN: (0, 1, 2, "true", "false", "t", "f"),
    Kind.DATE: MOMENTS,
    Kind.TIMESTAMP: MOMENTS,
    Kind.TIME: MOMENTS,
    Kind.UUID: UUIDS,
    Kind.BINARY: BLOBS,
}


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def chosen(values: Sequence[str]) -> st.SearchStrategy[str]:
    return st.sampled_from([quoted(value) for value in values if "\x00" not in value])


FIGURES = st.sampled_from(
    ["0", "1", "5", "5.0", "-7", "0.5", "0.1", "0.3", "1e20", "10", "9007199254740993", "1e400",
     "9007199254740992.0", "9223372036854775808", "0.1000000000000000000000001"]
)  # fmt: skip
INSTANTS = chosen([each for each in MOMENTS if each[4:5] == "-" and not each.endswith(".5")])
LITERALS: dict[Kind, st.SearchStrategy[str]] = {
    Kind.TEXT: chosen((*WORDS, *NUMBERS)),
    Kind.ANY: chosen((*WORDS, *NUMBERS)) | FIGURES | st.sampled_from(["true", "false"]),
    Kind.INTEGER: FIGURES | chosen(("5", "-7", "5.0")),
    Kind.NUMERIC: FIGURES | chosen(("5", "0.5")),
    Kind.REAL: FIGURES | chosen(("5", "0.1")),
    Kind.BOOLEAN: st.sampled_from(["true", "false", "0", "1", "'1'", "'true'", "'t'", "'FALSE'"]),
    Kind.DATE: chosen(("2020-01-01", "2019-12-31")),
    Kind.TIMESTAMP: INSTANTS,
    Kind.TIME: chosen(("10:30", "10:30:00", "09:00")),
    Kind.UUID: chosen(UUIDS),
}
COMPARED = st.sampled_from([name for name in NAMES if KINDS[name] is not Kind.BINARY])
OPERATORS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
PAIRS = (
    ("t", "tn"), ("tn", "t"), ("t", "s"), ("s", "tn"), ("sn", "s"), ("iv", "t"), ("tr", "t"),
    ("i", "n"), ("i", "r"), ("r", "fp"), ("se", "i"), ("n", "r"), ("d", "ts"), ("ts", "d"),
    ("b", "b"), ("u", "u"), ("s", "iv"),
)  # fmt: skip
PATTERNS = st.text("aAuUsS5%_.éÉk ", max_size=4).map(quoted)


@st.composite
def simple(draw: st.DrawFn) -> str:
    name = draw(COMPARED)
    literal = LITERALS[KINDS[name]]
    form = draw(st.integers(0, 8))
    negated = draw(st.sampled_from(["", "not "]))
    if form <= 2:
        return f"{name} {draw(OPERATORS)} {draw(literal)}"
    if form == 3:
        return f"{draw(literal)} {draw(OPERATORS)} {name}"
    if form == 4:
        return f"{name} {negated}in ({', '.join(draw(st.lists(literal, min_size=1, max_size=3)))})"
    if form == 5:
        return f"{name} {negated}between {draw(literal)} and {draw(literal)}"
    if form == 6:
        return f"{draw(st.sampled_from(NAMES))} is {negated}null"
    if form == 7:
        textual = st.sampled_from([n for n in NAMES if KINDS[n] in (Kind.TEXT, Kind.ANY)])
        return f"{draw(textual)} {negated}like {draw(PATTERNS)}"
    left, right = draw(st.sampled_from(PAIRS))
    return draw(st.sampled_from(["b", "not b", f"{left} {draw(OPERATORS)} {right}"]))


CONDITIONS = simple() | st.recursive(
    simple(),
    lambda below: (
        st.tuples(below, st.sampled_from(["and", "or"]), below).map(" ".join)
        | below.map("not ({})".format)
    ),
    max_leaves=4,
)


def cells(name: str) -> st.SearchStrategy[Value]:
    usual: Sequence[Value] = USUAL[KINDS[name]]
    return st.sampled_from(usual) | st.sampled_from(ANYTHING)


ROWS = st.lists(st.tuples(*map(cells, NAMES)), min_size=1, max_size=6)


def create_table(database: sqlite3.Connection, rows: Sequence[Row]) -> None:
    columns = ", ".join(f"{name} {declared}" for name, declared in DECLARED.items())
    database.execute(f"create table z (id integer primary key, v text, {columns})")
    marks = ", ".join("?" * len(NAMES))
    database.executemany(
        f"insert into z values (null, 'secret', {marks})", [tuple(row) for row in rows]
    )


def sides(condition: str, rows: Sequence[Row]) -> tuple[list[bool], list[bool]]:
    """Which rows stay, and for which SQLite calls the condition false."""
    with closing(sqlite3.connect(":memory:")) as database:
        create_table(database, rows)
        false = [row[0] == 0 for row in database.execute(f"select ({condition}) from z")]
        database.text_factory = bytearray
        stored = database.execute(f"select v, {', '.join(NAMES)} from z").fetchall()
    affinities = [affinity_of("TEXT"), *(affinity_of(TYPES[name]) for name in NAMES)]
    text = encode_rows(list(zip(*stored, strict=True)), affinities)
    fixed = build("fixed", {"value": "masked"}, target=Target(Kind.TEXT), draw=KEYED)
    reads = {name: Field(i, KINDS[name]) for i, name in enumerate(NAMES, 1)}
    mask = Mask(0, Kind.TEXT, When(fixed, condition, KINDS, READINGS), "z.v", reads)
    masked = Masker(len(NAMES) + 1, [mask]).mask(text)
    return [line.startswith(b"secret\t") for line in masked.splitlines()], false


@settings(max_examples=500, deadline=None)
@given(CONDITIONS, ROWS)
def test_a_value_stays_only_where_sqlite_calls_the_condition_false(
    condition: str, rows: list[Row]
) -> None:
    stays, false = sides(condition, rows)
    assert [row for row, kept, sure in zip(rows, stays, false, strict=True) if kept > sure] == []


def test_ordinary_values_stay_where_the_condition_is_false() -> None:
    usual: dict[str, Value] = {name: USUAL[KINDS[name]][0] for name in NAMES}
    one: dict[str, Value] = {"t": "DE", "s": "abc", "i": 5, "n": 0.5, "r": 0.1, "b": 0, "x": "x"}
    two: dict[str, Value] = {"t": "US", "s": "xyz", "i": 6, "n": 1.5, "r": 0.2, "b": 1, "x": "y"}
    rows = [tuple((usual | given).values()) for given in (one, two)]
    for condition in (
        "t = 'DE'", "s = 'abc'", "x = 'x'", "i = 5", "n = 0.5", "r = 0.1", "not b", "b = false",
        "i < 6", "r < 0.2", "t < 'F'", "t like 'd%' or t like 'D%'", "t in ('DE', 'FR')",
        "t = 'DE' and s <> 'xyz'", "i between 1 and 5",
    ):  # fmt: skip
        assert sides(condition, rows)[0] == [False, True], condition


@pytest.mark.parametrize(
    "condition",
    [
        "c <> 'US'", "n <> 5", "x <> 5", "x = '5'", "t = 'us'", "s = '7'", "s = '007'", "not b",
        "b", "b = false", "not (b = true)", "b <> 't'",
        "c like 'u%'", "c is null", "n < 5 or t <> 'US'", "not (x = 5 and s <> '7.5')",
    ],
)  # fmt: skip
def test_a_dump_leaves_only_what_its_source_calls_false(tmp_path: Path, condition: str) -> None:
    source, target = tmp_path / "prod.db", tmp_path / "dev.db"
    (tmp_path / "store").mkdir()
    with closing(sqlite3.connect(source)) as database:
        database.executescript(
            """
            create table a (id integer primary key, v text, c text, n integer, x,
                            t text collate nocase, s string, b boolean);
            insert into a values
                (1, 'secret 1', x'5553', x'35', '5', 'us', '007', 1),
                (2, 'secret 2', 'US', 5, 5, 'US', 7, 'true'),
                (3, 'secret 3', null, null, null, null, null, null),
                (4, 'secret 4', 'DE', 6, 'six', 'de', 'seven', 0),
                (5, 'secret 5', 'FR', 8, 'ten', 'fr', 'eight', 't'),
                (6, 'secret 6', 'FR', 8, 'ten', 'fr', 'eight', 'f');
            """
        )
        false = database.execute(f"select id from a where ({condition}) = 0").fetchall()
    conf = {
        "masking_key": "a key of these tests",
        "source": {
            "connection_uri": f"sqlite:///{source}",
            "transformers": [
                {
                    "database": "main",
                    "table": "a",
                    "columns": [{"name": "v", "transformer_name": "token", "when": condition}],
                }
            ],
        },
        "datastore": {"local_disk": {"dir": str(tmp_path / "store")}},
        "destination": {"connection_uri": f"sqlite:///{target}"},
    }
    path = tmp_path / "conf.yaml"
    path.write_text(json.dumps(conf))
    path.chmod(0o600)
    config = load_config(path, sections={"source", "datastore", "destination", "masking_key"})
    create_dump(config, progress=Silent())
    restore_dump(config, "latest", RestoreOptions(), progress=Silent())
    with closing(sqlite3.connect(target)) as database:
        stays = database.execute("select id from a where v = 'secret ' || id").fetchall()
    assert set(stays) <= set(false)
