"""What constraints and keys of a PostgreSQL database say of the values of columns."""

from __future__ import annotations

from contextlib import closing

import pytest

from replicate.databases.base import Table
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.expressions import listed, mentioned
from replicate.databases.postgresql.source import PostgreSQLSource
from replicate.errors import ConfigError
from tests.support.postgres import Server
from tests.support.postgres_journey import Pair

LISTS = {
    # type and constraint, and what is known of it
    "text CHECK (c = 'a')": ("a",),
    "varchar(9) CHECK (c = 'it''s (b)')": ("it's (b)",),
    "char(3) CHECK (c IN ('abc', 'xyz'))": ("abc", "xyz"),
    "text CHECK (c IS NULL OR c IN ('a', 'b'))": ("a", "b"),
    "text CHECK (c = 'a' OR c = 'x = ANY OR y')": ("a", "x = ANY OR y"),
    "varchar(9) CHECK (lower(c) IN ('a', 'b'))": ("a", "b"),
    "int CHECK (c IN (1, -2))": ("1", "-2"),
    "bigint CHECK (c IN (1, 30000000000))": ("1", "30000000000"),
    "smallint CHECK (c = 7)": ("7",),
    "text CHECK (c IN ('a', 'b', 'c')) CHECK (c IN ('b', 'c', 'd'))": ("b", "c"),
    "mood": ("sad", "glad", "ok"),
    "mood CHECK (c IN ('ok', 'sad'))": ("ok", "sad"),
    "state": ("a", "b"),
    "inner_state": ("b",),
    "some_moods": ("ok", "sad"),
    "five": ("5",),
    "state[]": ("a", "b"),
    # These say nothing.
    "text CHECK (c IN ('a', NULL))": (),
    "text CHECK (c IN ('a') OR length(c) > 5)": (),
    "text CHECK (length(c) IN (5, 10))": (),
    "text CHECK (c <> 'a')": (),
    "int CHECK (c % 10 = 1)": (),
    "text[] CHECK (c = '{a}')": (),
    "text CHECK (NOT c IN ('a', 'b'))": (),
    "text CHECK ((c = 'a') IS NOT FALSE OR c LIKE 'b%')": (),
    "text CHECK (c ~ '^a' AND c = 'a')": (),
}
TYPES = """
    CREATE TYPE mood AS ENUM ('sad', 'glad', 'ok');
    CREATE DOMAIN state AS varchar(5) CHECK (VALUE IN ('a', 'b'));
    CREATE DOMAIN inner_state AS state CHECK (VALUE = 'b');
    CREATE DOMAIN some_moods AS mood CHECK (VALUE IN ('ok', 'sad'));
    CREATE DOMAIN five AS int NOT NULL CHECK (VALUE = 5);
"""


def _tables(server: Server, database: str, script: str) -> dict[str, Table]:
    server.run(database, script)
    source = PostgreSQLSource(Address(server.uri(database)), str(server.bin))
    with closing(source.open()) as snapshot:
        return {table.name: table for table in snapshot.schema().tables}


def test_lists_of_values(server: Server, database: str) -> None:
    script = "".join(f"CREATE TABLE t{i} (c {c});" for i, c in enumerate(LISTS))
    tables = _tables(server, database, TYPES + script)
    found = {c: tables[f"t{i}"].columns[0].limits.labels for i, c in enumerate(LISTS)}
    assert found == LISTS


def test_a_list_that_is_not_enforced_says_nothing(server: Server, database: str) -> None:
    if server.version < 18:
        pytest.skip("version 18 brought it")
    script = "CREATE TABLE t (c text CHECK (c = 'a') NOT ENFORCED);"
    assert _tables(server, database, script)["t"].columns[0].limits.labels == ()


def test_names_in_expressions() -> None:
    assert listed("(\"user\" = 'a'::text)", "user") == ("a",)
    assert listed("(CURRENT_USER = 'a'::text)", "c") == ()
    columns = ["mail", "email", "E x", 'q"']
    assert mentioned("lower(email)", columns) == {"email"}
    assert mentioned('(("E x" || \'email\') || "q""")', columns) == {"E x", 'q"'}
    assert mentioned("regexp_replace(email, 'mail.*'::text, ''::text)", columns) == {"email"}
    assert mentioned("f(t.*)", columns) == {*columns}


KEYS = """
    CREATE TABLE people (
        mail text, email text, country text, nick text, other text, a text, b text,
        low text GENERATED ALWAYS AS (lower(email)) STORED UNIQUE,
        both_of text GENERATED ALWAYS AS (a || '-' || b) STORED,
        free text GENERATED ALWAYS AS (upper(other)) STORED,
        UNIQUE (country, both_of)
    );
    CREATE UNIQUE INDEX ON people (mail, lower(nick)) WHERE other IS NOT NULL;
    CREATE UNIQUE INDEX ON people (mail) WHERE other IS NOT NULL;
    CREATE FUNCTION whole(people) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT $1.nick$$;
    CREATE TABLE refers (low text REFERENCES people (low), base text,
        made text GENERATED ALWAYS AS (lower(base)) STORED REFERENCES people (low), rest text);
"""


def test_keys_on_what_is_computed(server: Server, database: str) -> None:
    tables = _tables(server, database, KEYS)
    people, refers = tables["people"], tables["refers"]
    assert set(people.unique) == {
        ("low",), ("email",), ("country", "both_of"), ("country", "a", "b"), ("mail", "nick"),
        ("mail",),
    }  # fmt: skip
    # Neither the plain columns of such a key, nor what only its condition asks for.
    assert {key.derived for key in people.unique_keys} - {()} == {("email",), ("a", "b"), ("nick",)}
    assert people.behind_foreign_keys == ("email",)
    assert refers.behind_foreign_keys == ("base",)
    assert not any(key.nulls_equal for key in people.unique_keys)


def test_a_key_on_the_row_as_a_whole(server: Server, database: str) -> None:
    script = KEYS + "CREATE TABLE u (a int, b int);"
    script += "CREATE FUNCTION f(u) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1.a';"
    script += "CREATE UNIQUE INDEX ON u (f(u.*));"
    assert [key.derived for key in _tables(server, database, script)["u"].unique_keys] == [
        ("a", "b")
    ]


def test_keys_that_take_null_but_once(server: Server, database: str) -> None:
    script = "CREATE TABLE t (a text UNIQUE NULLS NOT DISTINCT, b text UNIQUE, c text);"
    table = _tables(server, database, script)["t"]
    assert table.unique == (("a",), ("b",))
    assert [key.columns for key in table.unique_keys if key.nulls_equal] == [("a",)]


def test_partitions_of_a_table_that_is_referred_to(server: Server, database: str) -> None:
    script = """
        CREATE TABLE whole (k int, mail text, low text GENERATED ALWAYS AS (lower(mail)) STORED,
            UNIQUE (k, low)) PARTITION BY LIST (k);
        CREATE TABLE part (gone int, mail text, k int,
            low text GENERATED ALWAYS AS (lower(mail)) STORED);
        ALTER TABLE part DROP COLUMN gone;
        ALTER TABLE whole ATTACH PARTITION part FOR VALUES IN (1);
        CREATE TABLE refers (k int, low text, FOREIGN KEY (k, low) REFERENCES whole (k, low));
    """
    tables = _tables(server, database, script)
    for name in ("whole", "part"):
        assert tables[name].behind_foreign_keys == ("mail",)
        assert [key.derived for key in tables[name].unique_keys] == [("mail",)]


REFUSED = [
    ("t (c text CHECK (c = 'a'))", "token", "takes nothing but a"),
    ("t (c state)", "token", "takes nothing but a, b"),
    ("t (c text, g text GENERATED ALWAYS AS (lower(c)) STORED UNIQUE)", "first-name", "unique key"),
    ("t (c text, g text GENERATED ALWAYS AS (lower(c)) STORED UNIQUE)",
     "format-preserving", "unique key on an expression"),
    ("t (c text); CREATE UNIQUE INDEX ON t (lower(c))", "format-preserving", "computed from"),
    ("t (c text); CREATE UNIQUE INDEX ON t (coalesce(c, ''))", "'null'", "computed from"),
    ("t (c text UNIQUE NULLS NOT DISTINCT)", "'null'", "takes NULL but once"),
    ("t (c text, g text GENERATED ALWAYS AS (lower(c)) STORED REFERENCES p)", "token",
     "foreign key on that"),
    ("t (c text, g text GENERATED ALWAYS AS (lower(c)) STORED UNIQUE, h text REFERENCES t (g))",
     "token", "foreign key on that"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "transformer", "message"), REFUSED)
def test_what_could_not_be_restored_is_refused(
    pair: Pair, table: str, transformer: str, message: str
) -> None:
    pair.server.run(
        pair.source, f"{TYPES} CREATE TABLE p (k text PRIMARY KEY); CREATE TABLE {table};"
    )
    with pytest.raises(ConfigError, match=message) as caught:
        pair.create(source=_rule(transformer))
    assert caught.value.line is not None
    assert pair.stored() == []


def _rule(*transformers: str) -> str:
    columns = ", ".join(
        f"{{name: {name}, transformer_name: {transformer}}}"
        for name, transformer in zip("cde", transformers, strict=False)
    )
    return f"  transformers:\n    - {{database: public, table: t, columns: [{columns}]}}\n"


def test_what_can_be_restored_is(pair: Pair) -> None:
    pair.server.run(
        pair.source,
        f"""
        {TYPES}
        CREATE TABLE t (c text, d text, e state, g text GENERATED ALWAYS AS (lower(c)) STORED,
            UNIQUE (g), UNIQUE (d), UNIQUE NULLS NOT DISTINCT (c));
        CREATE UNIQUE INDEX ON t (d, lower(c));
        INSERT INTO t SELECT 'c' || i, 'D-' || lpad(i::text, 6, '0'), 'a'
            FROM generate_series(1, 500) i;
        """,
    )
    pair.create(source=_rule("token", "format-preserving", "choice"))
    pair.restore()
    query = "SELECT count(DISTINCT c), count(DISTINCT d), count(DISTINCT g) FROM t"
    assert pair.query(pair.target, query) == [(500, 500, 500)]
    assert pair.query(pair.target, "SELECT count(*) FROM t WHERE c ~ '^c[0-9]+$'") == [(0,)]
