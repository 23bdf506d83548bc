"""The script of a schema section: what is written is read again, and psql runs it as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicate.databases.postgresql.entries import Entry, read_script, write_script
from replicate.errors import CorruptError
from tests.support.postgres import Server

_NUMBERS = st.integers(0, 2**31)
_TEXTS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
) | st.sampled_from(
    ["\n\\! touch x\n", '--@ {"id":1}\n', "\\restrict x\n", "\r\n", "\udcff", "\u2028", "é", ";"]
)
_ENTRIES = st.builds(
    Entry,
    id=_NUMBERS,
    kind=_TEXTS,
    schema=_TEXTS,
    name=_TEXTS,
    sql=_TEXTS,
    depends=st.lists(_NUMBERS, max_size=3).map(tuple),
    table=st.none() | st.tuples(_TEXTS, _TEXTS),
    drop=_TEXTS,
    owner=_TEXTS,
    privileges=_TEXTS,
)


@given(st.lists(_ENTRIES, max_size=6, unique_by=lambda entry: entry.id), st.integers(0, 6))
def test_what_is_written_is_read(entries: list[Entry], cut: int) -> None:
    assert read_script(write_script(entries[:cut]) + write_script(entries[cut:])) == entries


def script_of(**changes: object) -> str:
    about = {"id": 1, "kind": "TABLE", "schema": "s", "name": "t", "size": 9} | changes
    return f"\\restrict abc\n--@ {json.dumps(about)}\nSELECT 1;\n\\unrestrict abc\n"


@pytest.mark.parametrize(
    "script",
    [
        "SELECT 1;\n",
        "\\restrict abc\n\\! touch x\n",
        "\\restrict abc def\n",
        "\\restrict\n",
        "--@ \n",
        "--@ []\n",
        "--@ 7\n",
        "--@ {}\n",
        "--@ " + "[" * 100_000 + "\n",
        script_of(size=8),
        script_of(size=10),
        script_of(size=-1),
        script_of(size=10**12),
        script_of(size=9.0),
        script_of(size=True),
        script_of(id="1"),
        script_of(kind=None),
        script_of(schema=["s"]),
        script_of(name={}),
        script_of(depends=["1"]),
        script_of(depends=7),
        script_of(table=["s"]),
        script_of(table=[1, 2]),
        script_of(table=7),
        script_of(drop=7),
        script_of(owner=["x"]),
        script_of(privileges=1),
        script_of(name="a\0b"),
        script_of(name="\ud800"),
        script_of(drop="DROP TABLE s.t;\0"),
        script_of().replace("SELECT 1;", "SELECT\x001;"),
    ],
)
def test_anything_else_is_corrupt(script: str) -> None:
    with pytest.raises(CorruptError, match="not as PostgreSQL's are"):
        read_script(script)


def test_a_good_one_for_comparison() -> None:
    [entry] = read_script(script_of(table=["s", "t"], depends=[4]))
    assert entry == Entry(1, "TABLE", "s", "t", "SELECT 1;", depends=(4,), table=("s", "t"))
    assert entry.title == "table s.t"


def test_psql_runs_it_and_nothing_else(server: Server, database: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    order = f"\\! touch {mark}"
    trap = f'x\n{order}\n--@ {{"id":9}}\n\\unrestrict abc\n'
    doubled = trap.replace("'", "''")
    identifier = trap.replace('"', '""')[:60]
    entries = [
        Entry(1, "TABLE", trap, trap, f'CREATE TABLE "{identifier}"(a int);', drop=trap),
        Entry(
            2,
            "FUNCTION",
            "public",
            "f()",
            f"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$ SELECT '{doubled}' $_$;",
            owner=trap,
            privileges=f"{order}\n",
        ),
        Entry(3, "COMMENT", "public", "f", f"COMMENT ON FUNCTION f() IS '{doubled}';"),
        Entry(4, "ACL", "public", "f", "", privileges=trap),
    ]
    script = write_script(entries)
    assert read_script(script) == entries
    server.run(database, script)
    assert not mark.exists()
    with server.connect(database) as connection:
        # A comment keeps every character; a line that looks like ours does not end it.
        [[comment]] = connection.execute("SELECT obj_description('f'::regproc)").fetchall()
        [[value]] = connection.execute("SELECT f()").fetchall()
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND oid > 16383"
        )
        assert comment == value == trap
        assert tables.fetchall() == [(identifier.replace('""', '"'),)]


def test_a_meta_command_outside_of_an_object_does_not_run(
    server: Server, database: str, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    with pytest.raises(AssertionError, match="restricted"):
        server.run(database, write_script([Entry(1, "X", "", "", f"\\! touch {mark}")]))
    assert not mark.exists()
