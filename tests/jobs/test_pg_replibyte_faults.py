"""What went wrong with PostgreSQL in the tool that this one succeeds, each fault by its name."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from replicate.config import load_config
from replicate.dumps.manifest import Manifest
from replicate.errors import CorruptError, DatabaseError, GuardError
from replicate.jobs.cleanup import delete_dumps
from replicate.jobs.create import create_dump
from replicate.jobs.listing import list_dumps
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from tests.support.journey import ALL
from tests.support.postgres import Server
from tests.support.postgres_journey import SMALL, Pair
from tests.support.waiting import until

VALUES = r"""
CREATE TABLE texts(id int PRIMARY KEY, email text, value text);
INSERT INTO texts VALUES
    (1, 'o''hara@shop.example', 'it''s'), (2, 'a@shop.example', 'it''''s'), (3, NULL, ''''),
    (4, 'b@shop.example', ''''''), (5, '', E'\\'''), (6, 'c@shop.example', E'\\N'),
    (7, 'd@shop.example', E'\\.'), (8, 'e@shop.example', 'a; DROP TABLE texts; --'),
    (9, 'f@shop.example', E'tab\t cr\r lf\n crlf\r\n ff\f nul \\0'),
    (10, 'g@shop.example', repeat(E'\n', 50)), (11, 'h@shop.example', repeat(E'\n', 5000)),
    (12, 'i@shop.example', 'x' || repeat(E'\n', 5000) || 'y'), (13, 'j@shop.example', 'the last');
CREATE TABLE numbers(id int PRIMARY KEY, a numeric, b numeric(20, 2), c float8, d real, e bigint);
INSERT INTO numbers VALUES
    (1, 12345678901234567.89, 1.10, 1e-05, 1e-05, 9223372036854775807),
    (2, 1.10, 100000000000000000.01, 'NaN', '-Infinity', -9223372036854775808),
    (3, 0.10000000000000000000000000000000000001, -0.00, 0.1::float8 + 0.2, 16777217, 0),
    (4, 'NaN', NULL, 5e-324, 1.17549435e-38, 1), (5, 1e130, 0, '-0', '-0', NULL);
CREATE TABLE bits(a bit(3), b bit varying, c bytea, d bool);
INSERT INTO bits VALUES (B'101', B'', '\x00275c0aff', true), (B'000', B'11', '', false);
CREATE TABLE computed(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, net numeric NOT NULL,
    gross numeric NOT NULL GENERATED ALWAYS AS (net * 1.19) STORED, note text DEFAULT 'x');
INSERT INTO computed(net, note) SELECT i * 1.1, NULL FROM generate_series(1, 20) i;
CREATE TABLE "Upper Case"("Id" int PRIMARY KEY, "full name" text, "select" text, "quo""te" text);
INSERT INTO "Upper Case" VALUES (1, 'it''s', 'a', 'b');
CREATE TABLE "UPPER"(a int); CREATE TABLE upper(a int);
INSERT INTO "UPPER" VALUES (1); INSERT INTO upper VALUES (2);
CREATE INDEX "An Index" ON "Upper Case" ("full name");
"""

MASKS = """  transformers:
    - {database: public, table: texts, columns: [{name: email, transformer_name: email}]}
    - {database: public, table: Upper Case,
       columns: [{name: full name, transformer_name: redacted}]}
"""

MANY = """
CREATE TABLE lines(id int, line text);
INSERT INTO lines SELECT i, repeat(md5(i::text), 12) FROM generate_series(1, 20000) i;
"""


@pytest.fixture(scope="module")
def restored(
    any_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Pair, Manifest]]:
    """A pair whose source has all the values, restored into its target; and the dump's manifest."""
    folder = tmp_path_factory.mktemp("restored")
    pair = Pair(any_server, any_server.create_database(), any_server.create_database(), folder)
    any_server.run(pair.source, VALUES + MANY)
    manifest = pair.create(source=f"  chunk_size: 64KiB\n{MASKS}")
    pair.restore(RestoreOptions(jobs=1))
    yield pair, manifest
    any_server.drop_database(pair.source)
    any_server.drop_database(pair.target)


@pytest.fixture
def both(restored: tuple[Pair, Manifest]) -> Pair:
    return restored[0]


def _same(pair: Pair, sql: str) -> list[tuple[object, ...]]:
    """The rows that both databases give for it."""
    rows = pair.query(pair.source, sql)
    assert rows
    assert pair.query(pair.target, sql) == rows
    return rows


def test_apostrophes_are_not_doubled(both: Pair) -> None:
    values = {row[0]: row[1] for row in _same(both, "SELECT id, value FROM texts ORDER BY id")}
    assert [values[i] for i in range(1, 6)] == ["it's", "it''s", "'", "''", "\\'"]


def test_a_run_of_newlines_is_not_the_end(both: Pair) -> None:
    values = _same(both, "SELECT value FROM texts WHERE id >= 10 ORDER BY id")
    assert [value for (value,) in values] == [
        "\n" * 50,
        "\n" * 5000,
        "x" + "\n" * 5000 + "y",
        "the last",
    ]


def test_what_looks_like_a_null_or_an_end_or_a_statement(both: Pair) -> None:
    values = _same(both, "SELECT value FROM texts WHERE id BETWEEN 6 AND 8 ORDER BY id")
    assert [value for (value,) in values] == ["\\N", "\\.", "a; DROP TABLE texts; --"]


def test_masked_columns_between_such_values(both: Pair) -> None:
    masked = {row[0]: row[1] for row in both.query(both.target, "SELECT id, email FROM texts")}
    assert masked[3] is None
    assert masked[5] == ""
    rest = {value for i, value in masked.items() if i not in (3, 5)}
    assert len(rest) == 11
    assert not any(str(value).endswith("@shop.example") for value in rest)


def test_numbers_keep_every_digit(both: Pair) -> None:
    _same(both, "SELECT id, a::text, b::text, e FROM numbers ORDER BY id")
    assert ("12345678901234567.89", "1.10") in _same(both, "SELECT a::text, b::text FROM numbers")


def test_exponents_and_odd_floats(both: Pair) -> None:
    bits = "SELECT id, float8send(c), float4send(d) FROM numbers ORDER BY id"
    _same(both, bits)
    assert ("1e-05",) in _same(both, "SELECT c::text FROM numbers")


def test_bit_strings_and_bytes(both: Pair) -> None:
    rows = _same(both, "SELECT a::text, b::text, c, d FROM bits ORDER BY a")
    assert rows[1] == ("101", "", b"\x00'\\\n\xff", True)


def test_generated_columns(both: Pair) -> None:
    _same(both, "SELECT * FROM computed ORDER BY id")
    both.server.run(both.target, "INSERT INTO computed(net) VALUES (100)")
    last = "SELECT id, gross::text, note FROM computed ORDER BY id DESC LIMIT 1"
    assert both.query(both.target, last) == [(21, "119.00", "x")]


def test_names_with_capitals_and_spaces(both: Pair) -> None:
    _same(both, 'SELECT "Id", "select", "quo""te" FROM "Upper Case"')
    [(masked,)] = both.query(both.target, 'SELECT "full name" FROM "Upper Case"')
    assert masked not in (None, "", "it's")
    assert _same(both, 'SELECT a FROM "UPPER"') == [(1,)]
    assert _same(both, "SELECT a FROM upper") == [(2,)]
    _same(both, "SELECT indexname, indexdef FROM pg_indexes WHERE indexname = 'An Index'")


def test_more_than_a_hundred_chunks_in_their_order(restored: tuple[Pair, Manifest]) -> None:
    """On one connection the rows lie in the target as they did in the source."""
    pair, manifest = restored
    numbers = [chunk.number for chunk in manifest.body.chunks]
    assert len(numbers) > 100
    assert numbers == sorted(numbers)
    _same(pair, "SELECT id FROM lines ORDER BY ctid")


def test_bytes_that_are_no_utf8_do_not_hang(any_server: Server, tmp_path: Path) -> None:
    source, target = (any_server.create_database(encoding="SQL_ASCII") for _ in range(2))
    pair = Pair(any_server, source, target, tmp_path, encrypted=False)
    any_server.run(
        source,
        r"SET client_encoding = SQL_ASCII; CREATE TABLE t(id int, a text); INSERT INTO t VALUES "
        r"(1, E'caf\xe9'), (2, E'\xff\xfe'), (3, 'after'), (4, E'\xc3');",
    )
    pair.create()
    pair.restore()
    rows = _same(pair, "SELECT id, textsend(a) FROM t ORDER BY id")
    assert [value for _, value in rows] == [b"caf\xe9", b"\xff\xfe", b"after", b"\xc3"]
    any_server.drop_database(source)
    any_server.drop_database(target)


def _listed(pair: Pair) -> set[str]:
    return {header.name for header in list_dumps(pair.config(), warn=lambda _: None)}


def test_prod_and_prod_2_do_not_touch_each_other(plain_pair: Pair) -> None:
    """Nor is a dump called prod protected: a database of that name is."""
    pair = plain_pair
    pair.server.run(pair.source, "CREATE TABLE t AS SELECT 1 AS a")
    pair.create(name="prod")
    first = set(pair.stored())
    pair.server.run(pair.source, "CREATE TABLE other(a int); INSERT INTO t VALUES (2)")
    pair.create(name="prod-2")
    pair.restore(name="prod")
    assert pair.query(pair.target, "SELECT a FROM t") == [(1,)]
    assert pair.query(pair.target, "SELECT to_regclass('other') IS NULL") == [(True,)]
    others = set(pair.stored()) - first
    delete_dumps(pair.config(), name="prod", dry_run=False, progress=Silent())
    assert set(pair.stored()) == others
    assert _listed(pair) == {"prod-2"}
    pair.restore(RestoreOptions(wipe=True), name="prod-2")
    assert pair.differences() == []


def test_two_dumps_of_the_same_share_no_ciphertext(any_pair: Pair) -> None:
    any_pair.server.run(any_pair.source, "CREATE TABLE t AS SELECT repeat('same ', 20000) AS a")
    # Compressed, there would be little to compare.
    blocks: list[set[bytes]] = []
    for name in ("one", "two"):
        before = set(any_pair.stored())
        any_pair.create(name=name, source="  compression: false\n")
        chunks = [p for p in set(any_pair.stored()) - before if p.suffix != ".json"]
        text = [chunk.read_bytes() for chunk in chunks]
        assert not any(b"same same" in chunk for chunk in text)
        found = [chunk[at : at + 16] for chunk in text for at in range(0, len(chunk), 16)]
        blocks.append({block for block in found if len(block) == 16})
        assert len(found) > 6000
        # Within one dump too: equal text is not equal once sealed.
        assert len(set(found)) > 0.999 * len(found)
    assert len(blocks[0] & blocks[1]) <= 1, "but for a header, nothing is the same"


@pytest.mark.parametrize("broken", [b"", b"{}", b"\xff\xfe not json", b'{"dumps": []}'])
def test_an_index_that_cannot_be_read_loses_no_dump(plain_pair: Pair, broken: bytes) -> None:
    plain_pair.server.run(plain_pair.source, "CREATE TABLE t(a int)")
    plain_pair.create(name="one")
    index = plain_pair.store / "index.json"
    index.chmod(0o600)
    index.write_bytes(broken)
    plain_pair.create(name="two")
    assert _listed(plain_pair) == {"one", "two"}
    assert "one" in index.read_text()
    plain_pair.restore(name="one")


@pytest.mark.parametrize("swap", [False, True], ids=["in place", "swap"])
def test_a_truncated_chunk_is_not_restored(plain_pair: Pair, swap: bool) -> None:
    pair = plain_pair
    pair.server.run(pair.source, "CREATE TABLE t AS SELECT i FROM generate_series(1, 5000) i")
    manifest = pair.create()
    pair.server.run(pair.target, "CREATE TABLE mine AS SELECT 1 AS a")
    [chunk] = [c for c in manifest.body.chunks if c.section == "data"]
    [path] = [p for p in pair.stored() if p.name.startswith(f"{chunk.number:08}.")]
    path.chmod(0o600)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(CorruptError, match=re.escape(path.name)) as caught:
        pair.restore(RestoreOptions(wipe=True, swap=swap))
    assert caught.value.exit_code == 13
    assert pair.query(pair.target, "SELECT a FROM mine") == [(1,)]
    there = pair.query(pair.target, "SELECT to_regclass('t') IS NOT NULL")
    if swap:
        assert there == [(False,)]
    elif there == [(True,)]:
        assert pair.query(pair.target, "SELECT count(*) FROM t") == [(0,)]


def test_an_error_of_the_server_fails_the_restore(plain_pair: Pair) -> None:
    """Also one that comes late, when all the rows are there."""
    pair = plain_pair
    pair.server.run(
        pair.source,
        "CREATE TABLE t AS SELECT i FROM generate_series(1, 10) i;"
        "CREATE FUNCTION public.here(i int) RETURNS int IMMUTABLE LANGUAGE sql AS "
        f"$$ SELECT i / (current_database() = '{pair.source}')::int $$;"
        "CREATE INDEX only_here ON t (public.here(i));",
    )
    pair.create()
    pair.configure()
    result = pair.cli("dump", "restore", "remote", "-v", "latest")
    assert "only_here" in result.failed_with(1)
    assert "division by zero" in result.err
    assert "--wipe" in result.err


@contextmanager
def _watching() -> Iterator[set[str]]:
    """All command lines that this process's descendants were seen with in the meantime.

    Only its own: other tests that run beside this one hand a URI to a process in their own way.
    """
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    seen.add(" ".join(process.cmdline()))
            over.wait(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def test_no_command_line_holds_a_secret(any_pair: Pair) -> None:
    pair = any_pair
    pair.server.run(pair.source, MANY)
    pair.configure(source=SMALL)
    with _watching() as seen, ExitStack() as held:
        held.enter_context(pair.pg_dump_held())
        with pair.started("dump", "create") as running:
            pair.wait_for_held_pg_dump(running)
            # A copy, since the set grows meanwhile.
            until(lambda: any("pg_dump" in line and pair.source in line for line in seen.copy()))
            held.close()
            running.result().succeeded()
        pair.cli("dump", "restore", "remote", "-v", "latest", "--jobs", "2").succeeded()
    uri = pair.server.uri("")
    secrets = {pair.server.password, uri.split(":")[2].partition("@")[0], "the key of this test"}
    for secret in secrets:
        assert [line for line in seen if secret in line] == []


def test_nothing_is_wiped_unless_told(plain_pair: Pair) -> None:
    pair = plain_pair
    pair.server.run(pair.source, "CREATE TABLE t AS SELECT 1 AS a")
    pair.create()
    pair.server.run(pair.target, "CREATE TABLE mine AS SELECT 2 AS a")
    with pytest.raises(GuardError, match="not empty"):
        pair.restore()
    pair.restore(RestoreOptions(wipe=True))
    assert pair.query(pair.target, "SELECT mine.a, t.a FROM mine, t") == [(2, 1)]


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_sslmode_of_the_uri_counts(plain_pair: Pair, mode: str) -> None:
    """This server speaks no TLS: whoever asks for it gets no connection, not an open one."""
    pair = plain_pair
    pair.server.run(pair.source, "CREATE TABLE t AS SELECT 1 AS a")
    pair.create()
    pair.configure(
        source_uri=f"{pair.server.uri(pair.source)}?sslmode={mode}&sslrootcert={pair.folder}/ca",
        target_uri=f"{pair.server.uri(pair.target)}?sslmode={mode}&sslrootcert={pair.folder}/ca",
    )
    (pair.folder / "ca").touch()
    config = load_config(pair.conf, sections=ALL)
    with pytest.raises(DatabaseError, match="SSL"):
        create_dump(config, progress=Silent())
    with pytest.raises(DatabaseError, match="SSL"):
        restore_dump(config, "latest", RestoreOptions(), progress=Silent())
    assert pair.query(pair.target, "SELECT to_regclass('t') IS NULL") == [(True,)]


def test_skipped_tables_leave_nothing_behind(plain_pair: Pair) -> None:
    pair = plain_pair
    pair.server.run(
        pair.source,
        "CREATE TABLE kept(id int PRIMARY KEY); INSERT INTO kept VALUES (1);"
        "CREATE TABLE audit(id serial PRIMARY KEY, own int GENERATED ALWAYS AS IDENTITY,"
        " kept int REFERENCES kept, line text DEFAULT 'x' CHECK (line <> ''));"
        "CREATE INDEX audit_line ON audit (lower(line)); CREATE UNIQUE INDEX ON audit (own);"
        "CREATE STATISTICS audit_stats ON id, line FROM audit; COMMENT ON TABLE audit IS 'mine';"
        "CREATE VIEW audited AS SELECT line FROM audit; CREATE RULE r AS ON DELETE TO audit DO ALSO"
        " NOTIFY gone; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE TRIGGER t BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION f();"
        "ALTER TABLE kept ADD COLUMN last int; CREATE POLICY p ON audit USING (true);",
    )
    pair.create(source="  skip: [{database: public, table: audit}]\n")
    pair.restore()
    names = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    assert pair.query(pair.target, names) == [("kept",), ("kept_pkey",)]
    assert pair.query(pair.target, "SELECT count(*) FROM pg_statistic_ext") == [(0,)]
    assert pair.query(pair.target, "SELECT id FROM kept") == [(1,)]


def test_a_dump_of_a_store_that_cannot_be_read_is_no_empty_one(plain_pair: Pair) -> None:
    pair = plain_pair
    pair.server.run(pair.source, "CREATE TABLE t(a int)")
    pair.create(name="one")
    manifest = pair.store / "dumps" / "one.json"
    manifest.chmod(0o600)
    manifest.write_bytes(b"")
    (pair.store / "index.json").unlink()
    with pytest.raises(CorruptError):
        pair.restore(name="one")
    assert pair.query(pair.target, "SELECT to_regclass('t') IS NULL") == [(True,)]
    delete_dumps(pair.config(), older_than=timedelta(0), dry_run=True, progress=Silent())
    assert manifest.exists()
