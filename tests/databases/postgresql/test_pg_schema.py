"""The schema of a PostgreSQL database as the source describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from replicate.databases.base import ForeignKey, Schema, Selection, Table
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.source import PostgreSQLSource
from replicate.errors import DatabaseError
from replicate.rows.column import Kind
from tests.support.postgres import Server, start_server

RICH = """
CREATE SCHEMA shop; CREATE SCHEMA "Odd ""x.y";
CREATE DOMAIN positive AS int NOT NULL CHECK (value > 0);
CREATE DOMAIN narrower AS positive;
CREATE DOMAIN words AS text[];
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE shop.customer (
    id int GENERATED ALWAYS AS IDENTITY,
    country char(2), email text NOT NULL, nick varchar(20), note text, extra text, active bool,
    twice int GENERATED ALWAYS AS (length(email) * 2) STORED,
    age positive, older narrower, tags words, mood mood, gone int, price money, code "char",
    PRIMARY KEY (country, id), UNIQUE (nick),
    EXCLUDE USING btree (note WITH =)
);
ALTER TABLE shop.customer DROP COLUMN gone;
CREATE UNIQUE INDEX ON shop.customer (lower(email), country) INCLUDE (extra) WHERE active;
CREATE INDEX ON shop.customer (extra);
CREATE TABLE "Odd ""x.y"."Order é" (
    "a b" int PRIMARY KEY, country char(2), customer int,
    FOREIGN KEY (country, customer) REFERENCES shop.customer (country, id),
    self int REFERENCES "Odd ""x.y"."Order é"
);
CREATE TABLE events (day date, at timestamptz, kind int, body jsonb, PRIMARY KEY (kind, day))
    PARTITION BY RANGE (day);
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2024-01-01') TO (MAXVALUE)
    PARTITION BY LIST (kind);
CREATE TABLE events_0 PARTITION OF events_new DEFAULT;
CREATE TABLE moments (at timestamptz, n int, m int)
    PARTITION BY RANGE (n, (at AT TIME ZONE 'UTC'));
CREATE TABLE moments_rest PARTITION OF moments DEFAULT;
CREATE TABLE refers (day date, kind int, FOREIGN KEY (kind, day) REFERENCES events (kind, day));
CREATE TABLE parent (a int); CREATE TABLE other (b text);
CREATE TABLE child (c uuid) INHERITS (parent, other); CREATE TABLE grandchild () INHERITS (child);
CREATE TABLE nothing ();
CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE distant (x int) SERVER far;
CREATE TEMP TABLE passing (x int);
CREATE VIEW seen AS SELECT 1 AS one;
"""


@pytest.fixture
def rich(server: Server, database: str) -> Iterator[Schema]:
    server.run(database, RICH)
    with closing(source_of(server, database).open()) as snapshot:
        yield snapshot.schema()


def source_of(server: Server, database: str) -> PostgreSQLSource:
    return PostgreSQLSource(Address(server.uri(database)), str(server.bin))


def table_of(schema: Schema, name: str, where: str = "public") -> Table:
    table = schema.find(where, name)
    assert table is not None
    return table


def test_a_rich_database(rich: Schema) -> None:
    assert [(t.schema, t.name) for t in rich.tables] == [
        ('Odd "x.y', "Order é"),
        *(("public", name) for name in (
            "child", "distant", "events", "events_0", "events_new", "grandchild", "moments",
            "moments_rest", "nothing", "other", "parent", "refers",
        )),
        ("shop", "customer"),
    ]  # fmt: skip
    customer = table_of(rich, "customer", "shop")
    assert [(c.name, c.type, c.kind, c.nullable, c.generated) for c in customer.columns] == [
        ("id", "integer", Kind.INTEGER, False, False),
        ("country", "character(2)", Kind.TEXT, False, False),
        ("email", "text", Kind.TEXT, False, False),
        ("nick", "character varying(20)", Kind.TEXT, True, False),
        ("note", "text", Kind.TEXT, True, False),
        ("extra", "text", Kind.TEXT, True, False),
        ("active", "boolean", Kind.BOOLEAN, True, False),
        ("twice", "integer", Kind.INTEGER, True, True),
        ("age", "public.positive", Kind.INTEGER, False, False),
        ("older", "public.narrower", Kind.INTEGER, False, False),
        ("tags", "public.words", Kind.ARRAY, True, False),
        ("mood", "public.mood", Kind.ENUM, True, False),
        ("price", "money", Kind.OTHER, True, False),
        ("code", '"char"', Kind.OTHER, True, False),
    ]
    assert customer.primary_key == ("country", "id")
    assert sorted(customer.unique) == [
        ("country", "email"),  # not what the index only holds, or only asks for
        ("country", "id"),
        ("nick",),
        ("note",),
    ]
    order = table_of(rich, "Order é", 'Odd "x.y')
    assert order.foreign_keys == (
        ForeignKey(("country", "customer"), "customer", ("country", "id"), "shop"),
        ForeignKey(("self",), "Order é", ("a b",)),
    )
    assert table_of(rich, "nothing").columns == ()
    distant = table_of(rich, "distant")
    assert not distant.maskable
    assert "elsewhere" in distant.note


def test_partitions_and_children(rich: Schema) -> None:
    assert [t.name for t in rich.tables if t.partitioned] == ["events", "events_new", "moments"]
    assert table_of(rich, "events_0").inherits == (("public", "events_new"), ("public", "events"))
    assert table_of(rich, "grandchild").inherits == (
        ("public", "child"), ("public", "parent"), ("public", "other"),
    )  # fmt: skip

    def fixed(name: str) -> list[str]:
        return [column.name for column in table_of(rich, name).columns if column.fixed]

    # The key of every level above, the columns in an expression among them.
    assert fixed("events") == ["day"]
    assert fixed("events_new") == fixed("events_0") == ["day", "kind"]
    assert fixed("moments") == fixed("moments_rest") == ["at", "n"]
    assert fixed("parent") == fixed("child") == []
    assert table_of(rich, "events_0").unique == (("kind", "day"),)
    # No shadows for the partitions that a key refers to as well.
    assert table_of(rich, "refers").foreign_keys == (
        ForeignKey(("kind", "day"), "events", ("kind", "day")),
    )


def test_virtual_columns_are_generated(server_of: Callable[[int], Server]) -> None:
    server = server_of(18)
    name = server.create_database()
    server.run(name, "CREATE TABLE t (a int, v int GENERATED ALWAYS AS (a * 2) VIRTUAL)")
    with closing(source_of(server, name).open()) as snapshot:
        [table] = snapshot.schema().tables
        assert [c.name for c in table.stored_columns] == ["a"]
    server.drop_database(name)


def test_estimates(server: Server, database: str) -> None:
    server.run(
        database,
        "CREATE TABLE fresh AS SELECT g AS a, repeat('x', 30) AS b FROM generate_series(1, 5000) g;"
        "CREATE TABLE counted AS TABLE fresh; ANALYZE counted; CREATE TABLE bare (a int);"
        "CREATE TABLE fat (a text); ALTER TABLE fat ALTER a SET STORAGE EXTERNAL;"
        "INSERT INTO fat VALUES (repeat('x', 1000000)); ",
    )
    with closing(source_of(server, database).open()) as snapshot:
        schema = snapshot.schema()
    assert table_of(schema, "counted").rows == 5000
    assert 2500 < (table_of(schema, "fresh").rows or 0) < 10000
    assert (table_of(schema, "bare").rows, table_of(schema, "bare").bytes) == (0, 0)
    assert 1_000_000 < (table_of(schema, "fat").bytes or 0) < 1_200_000


def test_the_tables_of_an_extension() -> None:
    server = start_server(16)
    try:
        folder = server.extensions
        assert folder is not None
        (folder / "settled.control").write_text("default_version = '1'\nrelocatable = true\n")
        (folder / "settled--1.sql").write_text(
            "CREATE TABLE internal (a int); CREATE TABLE settings (key text, own boolean);\n"
            "CREATE TABLE all_of_it (a int); INSERT INTO all_of_it VALUES (1);\n"
            "INSERT INTO settings VALUES ('built in', false);\n"
            "SELECT pg_catalog.pg_extension_config_dump('settings', 'WHERE own');\n"
            "SELECT pg_catalog.pg_extension_config_dump('all_of_it', '');\n"
        )
        name = server.create_database()
        server.run(name, "CREATE EXTENSION settled; INSERT INTO settings VALUES ('mine', true)")
        with closing(source_of(server, name).open()) as snapshot:
            tables = snapshot.schema().tables
            assert [table.name for table in tables] == ["all_of_it", "settings"]
            rows = [
                b"".join(block.text for piece in snapshot.slices(table, 1 << 20)
                         for block in snapshot.read(piece))
                for table in tables
            ]  # fmt: skip
            assert rows == [b"1\n", b"mine\tt\n"]
    finally:
        server.close()


def test_a_table_that_may_not_be_read(server: Server, database: str) -> None:
    role = f"reader_{database}"
    server.run(
        database,
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'; CREATE SCHEMA closed;"
        "CREATE TABLE closed.t (a int);"
        "CREATE TABLE open (a int); CREATE TABLE secret (a int, b int);"
        "CREATE TABLE guarded (a int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;"
        f"INSERT INTO guarded VALUES (1); GRANT SELECT ON open, guarded, closed.t TO {role};",
    )
    uri = server.uri(database).replace("postgres:", f"{role}:", 1)
    uri = uri[: uri.index(role) + len(role)] + ":x" + uri[uri.index("@") :]
    try:
        with closing(PostgreSQLSource(Address(uri), str(server.bin)).open()) as snapshot:
            tables = {table.name: table for table in snapshot.schema().tables}

            def dumped(*names: str) -> list[str]:
                chosen = tuple(tables[name] for name in names)
                skipped = {(t.schema, t.name) for t in tables.values() if t not in chosen}
                selection = Selection(chosen, frozenset(skipped))
                return [table.name for table in snapshot.dumped_tables(selection)]

            for name, why in (("secret", "lacks"), ("t", "lacks"), ("guarded", "row-level")):
                with pytest.raises(DatabaseError, match=f"{name} can't be read: .*{why}") as caught:
                    dumped("open", name)
                assert caught.value.hint
            with pytest.raises(DatabaseError, match="nor can 1 others"):
                dumped("secret", "guarded")
            assert dumped("open") == ["open"]
    finally:
        server.run(database, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_many_tables_take_few_queries(any_server: Server, any_database: str) -> None:
    any_server.run(
        any_database,
        "SELECT format('CREATE TABLE t%s (id int PRIMARY KEY, a text UNIQUE)', g) "
        "FROM generate_series(1, 300) g \\gexec",
    )
    with closing(source_of(any_server, any_database).open()) as snapshot:
        execute = snapshot._connection.execute
        queries: list[object] = []

        def counting(*args: Any) -> Any:
            queries.append(args)
            return execute(*args)

        snapshot._connection.execute = counting  # type: ignore[assignment]
        assert len(snapshot.schema().tables) == 300
        assert all(len(snapshot.slices(t, 1 << 20)) == 1 for t in snapshot.schema().tables)
        assert len(queries) < 20


def test_what_types_and_constraints_say_of_values(server: Server, database: str) -> None:
    server.run(
        database,
        """
        CREATE TYPE mood AS ENUM ('sad', 'it''s', 'glad');
        CREATE DOMAIN code AS varchar(5);
        CREATE DOMAIN codes AS code[];
        CREATE TYPE pair AS (a int, b int);
        CREATE TABLE t (
            small smallint, big bigint,
            price numeric(10, 2), rough numeric, hundreds numeric(4, -2),
            mood mood, moods mood[], code code, codes codes, names varchar(7)[][], pairs pair[],
            boxes box[], host inet, net cidr, mac macaddr8, hosts inet[],
            state text CHECK (state IN ('new', 'it''s (b)')),
            level varchar(9) CHECK (level IN ('low', 'high')),
            "Odd, ]" text CHECK ("Odd, ]" IN ('x', 'y')),
            loose text CHECK (loose IN ('a', 'b') OR length(loose) > 9)
        );
        """,
    )
    with closing(source_of(server, database).open()) as snapshot:
        columns = {c.name: c for c in table_of(snapshot.schema(), "t").columns}
    assert (columns["small"].limits.bits, columns["big"].limits.bits) == (16, 64)
    assert (columns["price"].limits.precision, columns["price"].limits.scale) == (10, 2)
    assert (columns["rough"].limits.precision, columns["rough"].limits.scale) == (None, None)
    assert (columns["hundreds"].limits.precision, columns["hundreds"].limits.scale) == (4, -2)
    assert columns["mood"].limits.labels == ("sad", "it's", "glad")
    assert columns["code"].limits.max_chars == 5
    arrays = {name: c.element for name, c in columns.items() if c.kind is Kind.ARRAY}
    assert arrays == {
        "moods": Kind.ENUM,
        "codes": Kind.TEXT,
        "names": Kind.TEXT,
        "hosts": Kind.INET,
    }
    assert columns["moods"].limits.labels == columns["mood"].limits.labels
    assert (columns["codes"].limits.max_chars, columns["names"].limits.max_chars) == (5, 7)
    kinds = {name: columns[name].kind for name in ("pairs", "boxes", "host", "net", "mac")}
    assert kinds == {
        "pairs": Kind.OTHER,
        "boxes": Kind.OTHER,
        "host": Kind.INET,
        "net": Kind.OTHER,
        "mac": Kind.MACADDR,
    }
    assert columns["state"].limits.labels == ("new", "it's (b)")
    assert columns["level"].limits.labels == ("low", "high")
    assert columns["loose"].limits.labels == ()


def test_a_table_that_was_never_counted_is_as_wide_as_its_types(
    server: Server, database: str
) -> None:
    narrow = "CREATE TABLE narrow AS SELECT i::smallint AS i FROM generate_series(1, 20000) i;"
    server.run(database, f"{narrow} ALTER TABLE narrow SET (autovacuum_enabled = off)")
    with closing(source_of(server, database).open()) as snapshot:
        rows = table_of(snapshot.schema(), "narrow").rows
    # A row takes 30 bytes, and room that is never used: more than the types let expect.
    assert rows is not None
    assert 15_000 < rows < 30_000
