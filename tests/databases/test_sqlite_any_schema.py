"""Databases nobody would write by hand, copied and compared to the bit."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.sqlite_copy import assert_same, copy, open_db

TYPES = ["INTEGER", "INT", "TEXT", "VARCHAR(10)", "REAL", "DOUBLE", "NUMERIC", "DATE", "BLOB", ""]
STRICT_TYPES = ["INTEGER", "REAL", "TEXT", "BLOB", "ANY"]
SPECIAL_NAMES = [
    "rowid",
    "oid",
    "_rowid_",
    "select",
    "group",
    "x y",
    'q"q',
    "it's",
    "🎉",
    "[b]",
    ";--",
]

names = st.one_of(
    st.sampled_from(SPECIAL_NAMES),
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffe\uffff"),
        min_size=1,
        max_size=5,
    ),
).filter(lambda name: not name.lower().startswith("sqlite_"))

unique_names = st.lists(
    names,
    min_size=1,
    max_size=8,
    unique_by=lambda name: name.encode().lower(),  # as SQLite compares names
)

text_bytes = st.one_of(
    st.binary(max_size=12),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(str.encode),
    st.sampled_from([b"12", b" 12 ", b"1e5", b"\\N", b"\\I1", b"inf", b"\0", b"-", b".5", b"0x1f"]),
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda value: str(value).encode()),
)

values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([2**53, 2**53 + 1, -(2**63), 2**63 - 1]),
    st.floats(allow_nan=False),
    st.integers(-1000, 1000).map(float),
    st.binary(max_size=12),
    text_bytes.map(bytearray),
)


@dataclass(frozen=True)
class Made:
    encoding: str
    tables: list[tuple[str, str, list[str], list[list[object]]]]


@st.composite
def databases(draw: st.DrawFn) -> Made:
    tables = []
    for table in draw(unique_names.map(lambda found: found[:3])):
        columns = draw(unique_names)
        strict = draw(st.booleans())
        kinds = [draw(st.sampled_from(STRICT_TYPES if strict else TYPES)) for _ in columns]
        options = ["STRICT"] if strict else []
        key = draw(st.sampled_from(["", "first", "all"]))
        keyed: list[str] = {"": [], "first": columns[:1], "all": columns}[key]
        if draw(st.booleans()) and keyed:
            options.append("WITHOUT ROWID")
        parts = [
            f"{quote(c)} {kind or ('ANY' if strict else '')}"
            for c, kind in zip(columns, kinds, strict=True)
        ]
        if keyed:
            parts.append(f"PRIMARY KEY({', '.join(map(quote, keyed))})")
        sql = f"CREATE TABLE {quote(table)}({', '.join(parts)}) {', '.join(options)}"
        rows = draw(
            st.lists(st.lists(values, min_size=len(columns), max_size=len(columns)), max_size=6)
        )
        tables.append((table, sql, columns, rows))
    return Made(draw(st.sampled_from(["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"])), tables)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def build(path: Path, made: Made) -> None:
    with open_db(path) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute(f"PRAGMA encoding = '{made.encoding}'")
        for table, sql, columns, rows in made.tables:
            db.execute(sql)
            for row in rows:
                places = [
                    f"CAST(X'{value.hex()}' AS TEXT)" if isinstance(value, bytearray) else "?"
                    for value in row
                ]
                bound = [value for value in row if not isinstance(value, bytearray)]
                names = ", ".join(map(quote, columns))
                with suppress(sqlite3.IntegrityError):  # a class that STRICT refuses
                    db.execute(
                        f"INSERT OR IGNORE INTO {quote(table)}({names}) "
                        f"VALUES({', '.join(places)})",
                        bound,
                    )


@given(databases())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_database(made: Made) -> None:
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory, "source.db"), Path(directory, "target.db")
        build(source, made)
        copy(source, target)
        assert_same(source, target)
