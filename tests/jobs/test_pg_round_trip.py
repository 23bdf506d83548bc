"""PostgreSQL from end to end: dump, restore into an empty database, compare all there is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from replicate.errors import ConfigError
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump, restore_script
from tests.support.postgres import Server
from tests.support.postgres_journey import LEFT_OUT, SMALL, Pair
from tests.support.postgres_zoo import PIECES, compare, fill, fill_latin1, fill_sql_ascii


@pytest.mark.parametrize("piece", PIECES)
def test_everything_comes_back(pair: Pair, piece: str) -> None:
    pair = replace(pair, encrypted=False)  # each time a key is stretched takes half a second
    if not fill(pair.server, pair.source, [piece]):
        # Not a test that is missing: a server without the feature can't hold such a database.
        assert piece in {
            "columns_virtual",
            "extension",
            "xml",
            "hstore_citext",
            "pgcrypto",
            "postgres_fdw",
        }
        return
    pair.create()
    pair.restore()
    assert pair.differences() == []


def test_everything_at_once_on_several_workers_and_connections(pair: Pair) -> None:
    fill(pair.server, pair.source)
    pair.create(source=SMALL)
    pair.restore(RestoreOptions(jobs=3))
    assert pair.differences() == []


def test_everything_as_a_script_that_psql_runs(pair: Pair) -> None:
    fill(pair.server, pair.source)
    pair.create(source=SMALL)
    script = pair.folder / "dump.sql"
    with script.open("wb") as out:
        restore_script(pair.config(), "latest", tables=(), out=out, progress=Silent())
    pair.server.client(
        "psql",
        "-X",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-f",
        "-",
        database=pair.target,
        stdin=script.read_bytes(),
    )
    assert pair.differences() == []


def test_everything_again_over_what_is_there(pair: Pair) -> None:
    fill(pair.server, pair.source)
    pair.create()
    pair.restore()
    pair.restore(RestoreOptions(wipe=True))
    assert pair.differences() == []


def test_everything_swapped_in(pair: Pair) -> None:
    fill(pair.server, pair.source)
    pair.server.run(pair.target, "CREATE TABLE old(a int)")
    pair.create()
    pair.restore(RestoreOptions(wipe=True, swap=True))
    assert pair.differences() == []


def test_owners_and_privileges_are_kept_on_request(pair: Pair) -> None:
    fill(pair.server, pair.source, ["security"])
    pair.server.run(
        pair.source,
        'CREATE SCHEMA theirs AUTHORIZATION "Zoo ""Writer"""; CREATE TABLE theirs.t(a int);'
        "ALTER TABLE theirs.t OWNER TO zoo_reader; CREATE FUNCTION theirs.f(int, text) RETURNS int"
        " LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION theirs.f OWNER TO zoo_reader;"
        'GRANT SELECT (a) ON theirs.t TO "Zoo ""Writer""" WITH GRANT OPTION;',
    )
    pair.create()
    pair.restore(destination="  owner: true\n  privileges: true\n")
    found = compare(pair.server, pair.source, pair.server, pair.target, owners=True)
    assert found == []


def test_latin1(pair: Pair) -> None:
    server = pair.server
    source, target = server.create_database(encoding="LATIN1"), server.create_database()
    try:
        fill_latin1(server, source)
        other = Pair(server, source, target, pair.folder)
        other.create()
        other.restore()
        assert compare(server, source, server, target) == []
    finally:
        server.drop_database(source)
        server.drop_database(target)


def test_bytes_that_are_not_utf8(pair: Pair) -> None:
    server = pair.server
    source, target = (server.create_database(encoding="SQL_ASCII") for _ in range(2))
    try:
        fill_sql_ascii(server, source)
        other = Pair(server, source, target, pair.folder)
        other.create()
        other.restore()
        assert compare(server, source, server, target) == []
    finally:
        server.drop_database(source)
        server.drop_database(target)


def test_an_older_server_restores_into_a_newer_one(
    server_of: Callable[[int], Server], tmp_path: Path
) -> None:
    old, new = server_of(16), server_of(18)
    source, target, roles = old.create_database(), new.create_database(), new.create_database()
    try:
        # A not-null constraint of a table with a name of 63 bytes is called otherwise there.
        fill(old, source, [piece for piece in PIECES if piece not in {"names", "extension"}])
        fill(new, roles, ["security"])  # roles belong to a server, and a dump expects to find them
        pair = Pair(old, source, target, tmp_path)
        config = pair.config(to=new)
        create_dump(config, progress=Silent())
        restore_dump(config, "latest", RestoreOptions(), progress=Silent())
        found = compare(old, source, new, target, privileges=False)
        assert [one for one in found if not LEFT_OUT.search(one)] == []
    finally:
        old.drop_database(source)
        new.drop_database(target)
        new.drop_database(roles)


PEOPLE = """
CREATE TABLE people(id int PRIMARY KEY, email text UNIQUE NOT NULL, name text, plan text);
CREATE TABLE orders(id int PRIMARY KEY, email text REFERENCES people(email), note text);
CREATE TABLE events(id int, email text, at date) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_2(at date, x int, email text, id int);
ALTER TABLE events_2 DROP COLUMN x;
ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE vip(since date) INHERITS (people);
INSERT INTO people SELECT i, 'user' || i || '@shop.example', 'Name ' || i, 'free'
    FROM generate_series(1, 3000) i;
INSERT INTO vip SELECT i, 'vip' || i || '@shop.example', 'Vip', 'paid', '2020-01-01'
    FROM generate_series(1, 50) i;
INSERT INTO orders SELECT i, 'user' || (1 + i % 500) || '@shop.example', 'o''clock'
    FROM generate_series(1, 4000) i;
INSERT INTO events SELECT i, 'user' || i || '@shop.example', date '2020-01-01' + i % 700
    FROM generate_series(1, 2000) i;
CREATE MATERIALIZED VIEW mails AS SELECT email FROM people;
"""

MASKED = """  transformers:
    - {database: public, table: people, columns: [{name: email, transformer_name: email}]}
    - {database: public, table: orders, columns: [{name: email, transformer_name: email}]}
    - {database: public, table: events, columns: [{name: email, transformer_name: email}]}
"""

JOINED = "SELECT count(*), count(DISTINCT p.id) FROM orders o JOIN people p USING (email)"


def test_masked_values_stay_behind_and_joins_hold(pair: Pair) -> None:
    pair.server.run(pair.source, PEOPLE)
    manifest = pair.create(source=MASKED)
    pair.restore()
    for table in ("people", "vip", "orders", "events", "mails"):
        leaked = f"SELECT count(*) FROM {table} WHERE email LIKE '%shop.example'"
        assert pair.query(pair.source, leaked) > [(0,)]
        assert pair.query(pair.target, leaked) == [(0,)], table
        rows = f"SELECT count(*), count(DISTINCT email) FROM {table}"
        assert pair.query(pair.target, rows) == pair.query(pair.source, rows)
    assert pair.query(pair.target, JOINED) == pair.query(pair.source, JOINED)
    rest = "SELECT id, name, plan FROM ONLY people ORDER BY id"
    assert pair.query(pair.target, rest) == pair.query(pair.source, rest)
    masked = {table.name for table in manifest.body.tables if table.masked}
    assert masked == {"people", "vip", "orders", "events_1", "events_2"}


SKIPPED = [
    ("skip", "[{database: public, table: people}]", {"orders", "events"}),
    ("skip", "[{database: pub*, table: 'event*'}]", {"people", "vip", "orders"}),
    ("only_tables", "[{database: public, table: vip}]", {"vip", "people"}),
    ("only_tables", "[{database: public, table: events_2}]", {"events", "events_2"}),
]


@pytest.mark.parametrize(("key", "tables", "left"), SKIPPED)
def test_what_is_left_of_a_part_restores(pair: Pair, key: str, tables: str, left: set[str]) -> None:
    pair.server.run(pair.source, PEOPLE)
    pair.create(source=f"  {key}: {tables}\n")
    pair.restore()
    found = pair.query(
        pair.target,
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND "
        "relnamespace = 'public'::regnamespace",
    )
    names = {str(name) for (name,) in found}
    assert left <= names
    assert names <= left | {f"{name}_{i}" for name in left for i in (1, 2)}


def test_tables_without_their_rows(pair: Pair) -> None:
    pair.server.run(pair.source, PEOPLE)
    pair.create(source="  schema_only_tables: [{database: public, table: events}]\n")
    pair.restore()
    assert pair.query(pair.target, "SELECT count(*) FROM events") == [(0,)]
    assert pair.query(pair.target, "SELECT count(*) FROM orders") == [(4000,)]


def test_rows_whose_parents_stay_behind_are_refused(pair: Pair) -> None:
    pair.server.run(pair.source, PEOPLE)
    with pytest.raises(ConfigError, match=r"public\.orders refers to people") as caught:
        pair.create(source="  schema_only_tables: [{database: public, table: people}]\n")
    assert "public.orders" in (caught.value.hint or "")
    both = "[{database: public, table: people}, {database: public, table: orders}]"
    pair.create(source=f"  schema_only_tables: {both}\n")
    pair.restore()


def test_a_foreign_partition_is_no_hindrance_to_a_rule(any_pair: Pair) -> None:
    any_pair.server.run(
        any_pair.source,
        "CREATE FOREIGN DATA WRAPPER f; CREATE SERVER s FOREIGN DATA WRAPPER f;"
        "CREATE TABLE p(id int, email text) PARTITION BY LIST (id);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
        "CREATE FOREIGN TABLE p2 PARTITION OF p FOR VALUES IN (2) SERVER s;"
        "INSERT INTO p VALUES (1, 'ada@shop.example')",
    )
    rule = "{database: public, table: p, columns: [{name: email, transformer_name: email}]}"
    any_pair.create(source=f"  transformers: [{rule}]\n")
    any_pair.restore()
    [(email,)] = any_pair.query(any_pair.target, "SELECT email FROM p1")
    assert "shop" not in str(email)


def test_some_tables_of_a_dump(pair: Pair) -> None:
    pair.server.run(pair.source, PEOPLE)
    pair.create()
    pair.restore(RestoreOptions(tables=["people"]))
    assert pair.query(pair.target, "SELECT count(*) FROM people") == [(3000,)]
    constraints = "SELECT count(*) FROM pg_constraint WHERE conrelid = 'people'::regclass"
    assert pair.query(pair.target, constraints) == pair.query(pair.source, constraints)
    assert pair.query(pair.target, "SELECT to_regclass('orders') IS NULL") == [(True,)]


def test_naming_all_tables_with_rows_leaves_those_without_alone(pair: Pair) -> None:
    pair.server.run(pair.source, "CREATE TABLE users(a int); CREATE TABLE sessions(a int)")
    pair.server.run(pair.target, "CREATE TABLE sessions(a int); INSERT INTO sessions VALUES (7)")
    pair.create(source="  schema_only_tables: [{database: public, table: sessions}]\n")
    pair.restore(RestoreOptions(tables=["users"], wipe=True))
    assert pair.query(pair.target, "SELECT * FROM sessions") == [(7,)]
    assert pair.query(pair.target, "SELECT count(*) FROM users") == [(0,)]


def test_by_hand(pair: Pair) -> None:
    """Without encryption each object is what zstd and psql read."""
    fill(pair.server, pair.source, ["text"])
    config = pair.config().model_copy(update={"encryption_key": None})
    manifest = create_dump(config, progress=Silent())
    [pre] = [chunk for chunk in manifest.body.chunks if chunk.section == "pre-data"]
    chunk = pair.folder / "store" / "chunks" / manifest.header.run_id / f"{pre.number:08}.zst"
    script = subprocess.run(["zstd", "-dc", chunk], check=True, capture_output=True).stdout  # noqa: S607
    pair.server.run(pair.target, script)
    assert compare(pair.server, pair.source, pair.server, pair.target), (
        "rows are missing, and must be missed"
    )
