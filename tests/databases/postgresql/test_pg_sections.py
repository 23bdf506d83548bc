"""The schema sections: restored by psql alone, they give the schema they were taken from."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql

from replicate.databases.base import Schema, Selection, Table
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.entries import Entry, read_script, write_script
from replicate.databases.postgresql.sections import Sections
from replicate.databases.postgresql.settings import session_settings
from replicate.errors import DatabaseError
from tests.support import postgres_zoo as zoo
from tests.support.postgres import Server
from tests.support.postgres_compare import compare

Name = tuple[str, str]

LARGE_OBJECTS = ("pg_catalog", "pg_largeobject")

# What a dump never has, and what has no rows here.
_EXPECTED = re.compile(
    r"rows differ|PUBLICATION|; Type: USER MAPPING|^large object|; Type: COMMENT; "
    r"Schema: -: only in the first: COMMENT ON EXTENSION"
)

_TABLES = """
SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
 WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY 1, 2
"""

WEB = """
CREATE SCHEMA web; SET search_path = web;
CREATE TYPE state AS ENUM ('new', 'old');
CREATE SEQUENCE loose START 5; SELECT nextval('loose');
CREATE TABLE users(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mail text UNIQUE, s state);
CREATE TABLE goods(id serial PRIMARY KEY, name text NOT NULL, price numeric CHECK (price > 0));
CREATE TABLE orders(id bigserial PRIMARY KEY, buyer int REFERENCES users, good int REFERENCES goods,
  during tstzrange, EXCLUDE USING gist (during WITH &&));
CREATE TABLE vip() INHERITS (users);
CREATE TABLE notes(a int, who users, ids int DEFAULT nextval('users_id_seq'));
CREATE TABLE many(whos users[]);
CREATE DOMAIN user_array AS users[];
CREATE TYPE pair AS (left_one users, n int);
CREATE TABLE pairs(p pair);
CREATE TABLE parts(id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
CREATE INDEX ON parts(at);
CREATE TABLE of_parts(id int, at date, FOREIGN KEY (id, at) REFERENCES parts);
CREATE FUNCTION count_users() RETURNS bigint STABLE LANGUAGE sql
  BEGIN ATOMIC SELECT count(*) FROM users; END;
CREATE FUNCTION fixed(i int) RETURNS int IMMUTABLE LANGUAGE sql
  BEGIN ATOMIC SELECT i + count(*)::int FROM goods; END;
CREATE TABLE checked(i int CHECK (fixed(i) > 0), j int);
CREATE TABLE defaulted(i bigint DEFAULT count_users(), j int);
CREATE TABLE computed(i int, j int GENERATED ALWAYS AS (fixed(i)) STORED);
CREATE DOMAIN good_number AS int CHECK (fixed(VALUE) > 0);
CREATE TABLE numbers(n good_number);
CREATE TABLE indexed(i int, j int); CREATE INDEX ON indexed(fixed(i)); CREATE INDEX ON indexed(j);
CREATE TABLE by_function(i int) PARTITION BY LIST (fixed(i));
CREATE STATISTICS stat ON i, j FROM indexed;
CREATE VIEW buyers AS SELECT u.id, u.mail, o.id AS o FROM users u JOIN orders o ON o.buyer = u.id;
CREATE VIEW buyers_again AS SELECT * FROM buyers;
CREATE VIEW looped AS SELECT id, name FROM goods GROUP BY id;
CREATE VIEW on_looped AS SELECT * FROM looped;
CREATE FUNCTION all_looped() RETURNS SETOF looped LANGUAGE plpgsql AS $$BEGIN RETURN; END$$;
CREATE MATERIALIZED VIEW zz_first AS SELECT * FROM buyers_again;
CREATE UNIQUE INDEX ON zz_first(id, o);
CREATE MATERIALIZED VIEW aa_second AS SELECT count(*) FROM zz_first;
CREATE MATERIALIZED VIEW from_looped AS SELECT id FROM on_looped;
CREATE MATERIALIZED VIEW grouped AS SELECT id, name FROM goods GROUP BY id;
CREATE INDEX ON grouped(name);
CREATE MATERIALIZED VIEW empty AS SELECT 1 AS a WITH NO DATA;
CREATE MATERIALIZED VIEW was_full AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW on_it AS TABLE was_full;
REFRESH MATERIALIZED VIEW was_full WITH NO DATA;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$;
CREATE TRIGGER touched BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touched AFTER INSERT ON parts FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION of_user(users) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE RULE through AS ON INSERT TO buyers DO INSTEAD
  INSERT INTO users(mail) VALUES (new.mail) ON CONFLICT (mail) DO NOTHING;
CREATE RULE into_notes AS ON DELETE TO indexed DO ALSO INSERT INTO notes VALUES (old.i);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders USING (EXISTS (SELECT FROM users WHERE id = buyer));
CREATE POLICY mine ON orders USING (id > 0);
COMMENT ON TABLE users IS 'u'; COMMENT ON COLUMN users.mail IS 'm'; COMMENT ON VIEW buyers IS 'v';
COMMENT ON INDEX zz_first_id_o_idx IS 'i'; COMMENT ON CONSTRAINT users_pkey ON users IS 'c';
COMMENT ON TRIGGER touched ON orders IS 't'; COMMENT ON POLICY own ON orders IS 'p';
COMMENT ON RULE through ON buyers IS 'r';
GRANT SELECT ON users, buyers TO PUBLIC; GRANT UPDATE (mail) ON users TO PUBLIC;
CREATE FUNCTION alike(users, users) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (LEFTARG = users, RIGHTARG = users, PROCEDURE = alike);
CREATE CAST (users AS text) WITH INOUT;
"""


@contextmanager
def sections(server: Server, database: str, uri: str | None = None) -> Iterator[Sections]:
    address = Address(uri or server.uri(database))
    with address.connect() as connection:
        session_settings(connection)
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        names = connection.execute(_TABLES).fetchall()
        tables = tuple(Table(schema, name, ()) for schema, name in [*names, LARGE_OBJECTS])
        yield Sections(address, connection, row[0], str(server.bin), Schema(tables))


def selection(made: Sections, *skipped: Name) -> Selection:
    tables = made._schema.tables
    kept = tuple(table for table in tables if (table.schema, table.name) not in skipped)
    return Selection(kept, frozenset(skipped))


def kinds(entries: Collection[Entry]) -> list[str]:
    return [entry.kind for entry in entries]


@contextmanager
def restored(server: Server, *scripts: str, like: str | None = None) -> Iterator[str]:
    encoding = "UTF8"
    if like is not None:
        with server.connect(like) as connection:
            row = connection.execute("SHOW server_encoding").fetchone()
            assert row is not None
            encoding = row[0] if isinstance(row[0], str) else row[0].decode()
    target = server.create_database(encoding=encoding)
    try:
        for script in scripts:
            server.run(target, script.encode("utf-8", "surrogateescape"))
        yield target
    finally:
        server.drop_database(target)


def differences(server: Server, source: str, target: str) -> list[str]:
    found = compare(server, source, server, target, privileges=False)
    return [line for line in found if not _EXPECTED.search(line)]


def test_the_zoo_is_restored(server: Server, database: str) -> None:
    zoo.fill(server, database)
    with sections(server, database) as made:
        chosen = selection(made)
        pre, post = made.pre_data(chosen), made.post_data(chosen)
        assert made.left_out(chosen) == frozenset()
        remarks = made.remarks(chosen)
    assert any("pg_catalog.pg_largeobject" in remark for remark in remarks)
    with restored(server, pre, post) as target:
        assert differences(server, database, target) == []


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_other_encodings_are_restored(server: Server, encoding: str) -> None:
    source = server.create_database(encoding=encoding)
    try:
        (zoo.fill_latin1 if encoding == "LATIN1" else zoo.fill_sql_ascii)(server, source)
        server.run(source, "CREATE SCHEMA s; CREATE SEQUENCE s.q; SELECT nextval('s.q')")
        with server.connect(source) as connection:
            connection.execute("SELECT format('CREATE SEQUENCE %I', 'S' || chr(228))")
        with sections(server, source) as made:
            chosen = selection(made)
            pre, post = made.pre_data(chosen), made.post_data(chosen)
        assert f"SET client_encoding = '{'UTF8' if encoding == 'LATIN1' else encoding}'" in pre
        with restored(server, pre, post, like=source) as target:
            assert differences(server, source, target) == []
    finally:
        server.drop_database(source)


def test_any_order_that_dependencies_allow_will_do(server: Server, database: str) -> None:
    server.run(database, WEB)
    zoo.fill(server, database)
    with sections(server, database) as made:
        chosen = selection(made)
        pre, post = made.pre_data(chosen), made.post_data(chosen)
    entries = read_script(post)
    order = random.Random(server.version)
    settings, rest = entries[0], entries[1:]
    ids = {entry.id for entry in rest}
    done: set[int] = set()
    shuffled = [settings]
    while rest:
        ready = [entry for entry in rest if done >= ids.intersection(entry.depends)]
        # The latest first is what a careless destination would do.
        entry = order.choice(ready) if order.random() < 0.5 else ready[-1]
        rest.remove(entry)
        done.add(entry.id)
        shuffled.append(entry)
    with restored(server, pre, write_script(shuffled)) as target:
        assert differences(server, database, target) == [
            "materialised view web.on_it: populated only in the first"  # it reads an empty one
        ]


def test_ids_are_of_both_sections_together(server: Server, database: str) -> None:
    server.run(database, WEB)
    server.run(database, "SELECT lo_create(77)")
    with sections(server, database) as made:
        chosen = selection(made)
        pre, post = read_script(made.pre_data(chosen)), read_script(made.post_data(chosen))
    ids = [entry.id for entry in [*pre, *post]]
    assert len(ids) == len(set(ids))
    assert (pre[0].kind, post[0].kind) == ("SETTINGS", "SETTINGS")
    known: set[int] = set()
    for entry in [*pre, *post]:
        assert known.issuperset(entry.depends), entry
        known.add(entry.id)


def test_every_single_table_can_be_left_out(server: Server, database: str) -> None:
    server.run(database, WEB)
    with sections(server, database) as made:
        names = [(t.schema, t.name) for t in made._schema.tables if t.schema == "web"]
        assert len(names) > 15
        for name in names:
            skipped = [name]
            if name == ("web", "parts"):
                skipped += [("web", "parts_1"), ("web", "parts_2")]
            chosen = selection(made, *skipped)
            pre, post = made.pre_data(chosen), made.post_data(chosen)
            gone = made.left_out(chosen)
            assert gone >= set(skipped)
            with restored(server, pre, post) as target, server.connect(target) as connection:
                there = set(connection.execute(_TABLES).fetchall())
            assert there == set(names) - gone
            assert not [e for e in read_script(pre + post) if e.table in gone]
            more = [remark for remark in made.remarks(chosen) if "Left out as well" in remark]
            assert bool(more) == bool(gone - set(skipped))


def test_what_goes_with_a_table_is_no_more_than_what_needs_it(
    server: Server, database: str
) -> None:
    server.run(database, WEB)
    with sections(server, database) as made:

        def gone(*skipped: str) -> set[str]:
            chosen = selection(made, *(("web", name) for name in skipped))
            return {name for _, name in made.left_out(chosen)} - set(skipped)

        assert gone("goods") == {"checked", "computed", "numbers", "by_function"}
        assert gone("users") == {"vip", "notes", "many", "pairs", "defaulted"}
        assert gone("orders") == gone("of_parts") == gone("parts_1") == gone("indexed") == set()
        chosen = selection(made, ("web", "users"))
        left = read_script(made.pre_data(chosen) + made.post_data(chosen))
        names = {entry.name for entry in left}
        assert {"orders", "goods", "parts", "orders own"}.isdisjoint(names) is False
        assert "orders own" not in names  # a policy that reads users
        assert "orders mine" in names
        assert "orders orders_buyer_fkey" not in names
        assert "orders orders_good_fkey" in names
        assert {"buyers", "zz_first", "aa_second", "users_id_seq", "pair"}.isdisjoint(names)
        assert made.remarks(chosen)[1].startswith("Left out with the tables that they need: ")


def test_order_and_tables_of_the_second_section(server: Server, database: str) -> None:
    server.run(database, WEB)
    with sections(server, database) as made:
        chosen = selection(made)
        pre, post = read_script(made.pre_data(chosen)), read_script(made.post_data(chosen))
        remarks = made.remarks(chosen)
    rank = ["CONSTRAINT", "INDEX", "STATISTICS", "FK CONSTRAINT", "SEQUENCE SET",
            "MATERIALIZED VIEW DATA", "TRIGGER", "ROW SECURITY"]  # fmt: skip
    first = [kinds(post).index(kind) for kind in rank if kind != "INDEX"]
    assert first == sorted(first)
    refreshed = [e.name for e in post if e.kind == "MATERIALIZED VIEW DATA"]
    assert sorted(refreshed) == ["aa_second", "from_looped", "grouped", "zz_first"]
    assert refreshed.index("zz_first") < refreshed.index("aa_second")
    assert any("stay empty" in remark and "web.on_it" in remark for remark in remarks)
    owner = {(e.kind, e.name): e.table for e in [*pre, *post]}
    for kind, name, table in [
        ("INDEX", "indexed_j_idx", "indexed"),
        ("INDEX", "zz_first_id_o_idx", "zz_first"),
        ("CONSTRAINT", "users users_pkey", "users"),
        ("FK CONSTRAINT", "orders orders_buyer_fkey", "orders"),
        ("TRIGGER", "orders touched", "orders"),
        ("RULE", "indexed into_notes", "indexed"),
        ("RULE", "looped _RETURN", "looped"),
        ("POLICY", "orders own", "orders"),
        ("ROW SECURITY", "orders", "orders"),
        ("STATISTICS", "stat", "indexed"),
        ("DEFAULT", "goods id", "goods"),
        ("SEQUENCE", "goods_id_seq", "goods"),
        ("SEQUENCE", "loose", None),
        ("SEQUENCE OWNED BY", "goods_id_seq", "goods"),
        ("SEQUENCE SET", "users_id_seq", "users"),
        ("TABLE ATTACH", "parts_1", "parts_1"),
        ("INDEX ATTACH", "parts_1_pkey", "parts_1"),
        ("INDEX ATTACH", "parts_1_at_idx", "parts_1"),
        ("COMMENT", "TABLE users", "users"),
        ("COMMENT", "COLUMN users.mail", "users"),
        ("COMMENT", "INDEX zz_first_id_o_idx", "zz_first"),
        ("COMMENT", "CONSTRAINT users_pkey ON users", "users"),
        ("ACL", "TABLE users", "users"),
        ("TABLE", "users", None),
        ("VIEW", "buyers", None),
        ("FUNCTION", "touch()", None),
    ]:
        assert owner[kind, name] == (None if table is None else ("web", table)), (kind, name)
    grant = next(e for e in pre if (e.kind, e.name) == ("ACL", "TABLE users"))
    assert (grant.sql, grant.drop) == ("", "")
    assert "GRANT SELECT ON TABLE web.users TO PUBLIC" in grant.privileges
    users = next(e for e in pre if (e.kind, e.name) == ("TABLE", "users"))
    assert users.drop == "DROP TABLE web.users;"
    assert users.owner == 'ALTER TABLE "web"."users" OWNER TO "postgres";'


def test_event_triggers_come_last(server: Server, database: str) -> None:
    server.run(
        database,
        "CREATE TABLE t(a int PRIMARY KEY); CREATE FUNCTION f() RETURNS event_trigger LANGUAGE "
        "plpgsql AS $$BEGIN RAISE 'no'; END$$; CREATE EVENT TRIGGER a ON ddl_command_end EXECUTE "
        "FUNCTION f(); COMMENT ON EVENT TRIGGER a IS 'c'; "
        "ALTER EVENT TRIGGER a DISABLE;",
    )
    with sections(server, database) as made:
        post = read_script(made.post_data(selection(made)))
    assert kinds(post)[-2:] == ["EVENT TRIGGER", "COMMENT"]
    assert set(post[-2].depends) >= {entry.id for entry in post[1:-2]}


def test_owners_and_privileges_stand_apart(server: Server, database: str) -> None:
    zoo.fill(server, database)
    with sections(server, database) as made:
        chosen = selection(made, LARGE_OBJECTS)
        pre, post = made.pre_data(chosen), made.post_data(chosen)
        assert not any("Large objects" in remark for remark in made.remarks(chosen))
    entries = read_script(pre + post)
    assert "LARGE OBJECTS" not in kinds(entries)
    kept = "".join(f"{e.owner}\n{e.privileges}\n" for e in entries)
    with restored(server, pre, post, kept) as target:
        found = compare(server, database, server, target, owners=True)
        assert [line for line in found if not _EXPECTED.search(line)] == []


def test_large_objects_are_created_and_dropped(server: Server, database: str) -> None:
    many = "SELECT count(lo_create(i::oid)) FROM generate_series(100001, 125000) i;"
    comment = "COMMENT ON LARGE OBJECT 100001 IS 'it''s';"
    grant = "GRANT SELECT ON LARGE OBJECT 100001 TO PUBLIC;"
    server.run(database, many + comment + grant)
    with sections(server, database) as made:
        pre = made.pre_data(selection(made))
    entry = next(entry for entry in read_script(pre) if entry.kind == "LARGE OBJECTS")
    with restored(server, pre, entry.owner, entry.privileges) as target:
        found = compare(server, database, server, target, owners=True)
        assert found == []
        server.run(target, "SELECT lo_unlink(100002); SELECT lo_create(7)")
        server.run(target, entry.drop)
        with server.connect(target) as connection:
            rows = connection.execute("SELECT oid FROM pg_largeobject_metadata").fetchall()
        assert rows == [(7,)]


def test_sequences_go_on_where_they_were(server: Server, database: str) -> None:
    server.run(
        database,
        "CREATE SEQUENCE fresh START 7; CREATE SEQUENCE drawn; SELECT nextval('drawn'); "
        "CREATE SEQUENCE set; SELECT setval('set', 50, false); "
        'CREATE SEQUENCE "o\'d\\ ""d" INCREMENT -2; SELECT nextval(\'"o\'\'d\\ ""d"\'); '
        "CREATE TABLE t(i int GENERATED BY DEFAULT AS IDENTITY, s serial); "
        "INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES;",
    )
    with sections(server, database) as made:
        chosen = selection(made)
        pre, post = made.pre_data(chosen), made.post_data(chosen)
    states = [entry for entry in read_script(post) if entry.kind == "SEQUENCE SET"]
    assert len(states) == 6
    with restored(server, pre, post) as target:
        found = compare(server, database, server, target)
        assert [line for line in found if "rows differ" not in line] == [
            "table public.t: rows differ"
        ][1:]


def test_many_sequences_are_read_without_holding_locks(server: Server, database: str) -> None:
    server.run(
        database,
        "DO $$BEGIN FOR i IN 1..3000 LOOP EXECUTE 'CREATE SEQUENCE s' || i; "
        "IF i % 500 = 0 THEN COMMIT; END IF; END LOOP; END$$",
    )
    with sections(server, database) as made:
        post = read_script(made.post_data(selection(made)))
        [[locks]] = made._connection.execute(
            "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"
        ).fetchall()
    assert kinds(post).count("SEQUENCE SET") == 3000
    assert locks < 100


@contextmanager
def role(server: Server, database: str) -> Iterator[str]:
    """A role that may connect and read the schema public; the URI of its connections."""
    name = f"reader_{database}"
    with server.connect(database) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'hidden'").format(sql.Identifier(name))
        )
        try:
            yield f"postgresql://{name}:hidden@127.0.0.1:{server.port}/{database}"
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_sequence_that_may_not_be_read_is_named(server: Server, database: str) -> None:
    server.run(database, "CREATE SEQUENCE open_one; CREATE SEQUENCE closed_one")
    with role(server, database) as uri, sections(server, database, uri) as made:
        server.run(database, f"GRANT SELECT ON open_one TO reader_{database}")
        with pytest.raises(DatabaseError, match=r"sequence public\.closed_one can't be read") as e:
            made.post_data(selection(made))
        assert "grant SELECT" in str(e.value.hint)


def test_a_table_that_may_not_be_read_has_to_be_skipped(server: Server, database: str) -> None:
    server.run(
        database,
        'CREATE TABLE mine(a int); CREATE TABLE "clo.sed $1"(a serial PRIMARY KEY); '
        'CREATE VIEW v AS TABLE "clo.sed $1"; CREATE INDEX ON "clo.sed $1"(a); '
        'CREATE TABLE child() INHERITS ("clo.sed $1"); CREATE SCHEMA s; CREATE TABLE s.t(a int); '
        'CREATE TABLE refers(a int REFERENCES "clo.sed $1");',
    )
    with role(server, database) as uri:
        server.run(database, f"GRANT SELECT ON mine, child, refers, s.t TO reader_{database}")
        with sections(server, database, uri) as made:
            with pytest.raises(DatabaseError, match="permission denied") as error:
                made.pre_data(selection(made))
            assert "source.skip" in str(error.value.hint)
            assert "hidden" not in str(error.value)
            chosen = selection(made, ("public", "clo.sed $1"), ("s", "t"))
            pre, post = made.pre_data(chosen), made.post_data(chosen)
            assert made.left_out(chosen) == chosen.skipped | {("public", "child")}
        with restored(server, pre, post) as target, server.connect(target) as connection:
            assert connection.execute(_TABLES).fetchall() == [
                ("public", "mine"),
                ("public", "refers"),
            ]


def test_another_access_method_is_kept(server: Server, database: str) -> None:
    server.run(
        database,
        "CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; "
        "CREATE TABLE a(i int) USING heap2; CREATE TABLE b(i int); "
        "CREATE MATERIALIZED VIEW m USING heap2 AS TABLE b;",
    )
    if server.version >= 17:
        server.run(database, "CREATE TABLE p(i int) PARTITION BY LIST (i) USING heap2")
    with sections(server, database) as made:
        chosen = selection(made)
        pre, post = made.pre_data(chosen), made.post_data(chosen)
    with restored(server, pre, post) as target:
        assert differences(server, database, target) == []


def test_it_is_of_the_snapshots_moment(server: Server, database: str) -> None:
    server.run(database, "CREATE TABLE a(i int)")
    with sections(server, database) as made:
        server.run(database, "CREATE TABLE b(i int)")
        chosen = selection(made)
        names = [e.name for e in read_script(made.pre_data(chosen)) if e.kind == "TABLE"]
    assert names == ["a"]


def test_a_section_of_an_older_server_runs_on_a_newer_one(
    server_of: Callable[[int], Server], server: Server, database: str
) -> None:
    server.run(database, WEB)
    with sections(server, database) as made:
        chosen = selection(made)
        pre, post = made.pre_data(chosen), made.post_data(chosen)
    newest = server_of(18)
    with restored(newest, pre, post):
        pass
