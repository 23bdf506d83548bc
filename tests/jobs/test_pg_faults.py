"""PostgreSQL going away, refusing, or changing in the middle: one sentence, and no half a dump."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from replicate.config import load_config
from replicate.databases.base import Slice
from replicate.databases.postgresql import loading, locking
from replicate.databases.postgresql.source import PostgreSQLSnapshot
from replicate.errors import ConfigError, DatabaseError, ReplicateError, TransformError
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from tests.support.cli_process import PROGRAM, Result, environment
from tests.support.journey import ALL
from tests.support.postgres import Server, start_server
from tests.support.postgres_journey import SMALL, Pair
from tests.support.postgres_midway import (
    PHASES,
    SECRET,
    WIDE,
    dumping,
    hurry,
    nothing_is_left,
    restoring,
    tells_nothing,
)
from tests.support.waiting import until

BIG = """
CREATE TABLE big(id int, line text);
INSERT INTO big SELECT i, (SELECT string_agg(md5((i * k)::text), '') FROM generate_series(1, 60) k)
FROM generate_series(1, 10000) i;
ALTER TABLE big ALTER COLUMN line SET STORAGE PLAIN;
"""
ROOM = 16 * 1024 * 2
"""The blocks of the server's biggest file: one of its log."""


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that these tests may kill, if they start it again."""
    server = start_server(16, blocks=ROOM)
    yield server
    server.close()


@pytest.fixture
def own_pair(own_server: Server, tmp_path: Path) -> Pair:
    """Databases on it, which go with it."""
    return Pair(
        own_server,
        own_server.create_database(),
        own_server.create_database(),
        tmp_path,
        encrypted=False,
    )


def _failed(pair: Pair, result: Result, *words: str) -> str:
    """The error: one sentence with those words."""
    error = result.failed_with(1)
    tells_nothing(pair, result)
    for word in words:
        assert word in error
    return error


def test_the_server_is_killed_during_a_dump(own_pair: Pair) -> None:
    own_pair.server.run(own_pair.source, WIDE)
    with dumping(own_pair, "--jobs", "1") as running:
        with running.frozen():
            own_pair.server.kill()
        result = running.result()
    own_pair.server.restart()
    _failed(own_pair, result, "public.wide", "server closed the connection")
    assert "consuming input" not in result.err
    nothing_is_left(own_pair)
    own_pair.create()


def test_the_server_is_killed_during_a_restore(own_pair: Pair) -> None:
    with restoring(own_pair, "rows") as running:
        own_pair.server.kill()
        result = running.result()
    own_pair.server.restart()
    _failed(own_pair, result, "public.slow")


@pytest.mark.parametrize("phase", PHASES)
def test_connections_are_cut_during_a_restore(plain_pair: Pair, phase: str) -> None:
    with restoring(plain_pair, phase) as running:
        _cut(plain_pair)
        _failed(plain_pair, running.result(), "can't be", "terminat")
    until(lambda: plain_pair.sessions() == [])
    hurry(plain_pair)
    plain_pair.restore(RestoreOptions(wipe=True))
    assert plain_pair.differences() == []


def _cut(pair: Pair) -> None:
    ours = "FROM pg_stat_activity WHERE application_name = 'replicate'"
    [(count,)] = pair.query("postgres", f"SELECT count(pg_terminate_backend(pid)) {ours}")
    assert count != 0
    until(lambda: pair.sessions() == [])


def test_connections_are_cut_during_a_dump(wide_pair: Pair) -> None:
    with dumping(wide_pair, "--jobs", "1") as running:
        with running.frozen():
            _cut(wide_pair)
        _failed(wide_pair, running.result(), "public.wide")
    nothing_is_left(wide_pair)


def test_only_the_leader_s_connection_is_cut(wide_pair: Pair) -> None:
    """The workers can read on, and it must not pass for a dump all the same."""
    with dumping(wide_pair) as running:
        # A worker that has sent no COPY yet would be taken for the leader.
        until(
            lambda: sum("COPY" in str(query) for *_, query in wide_pair.sessions()) == 2,
            running.process,
        )
        with running.frozen():
            [(cut,)] = wide_pair.query(
                "postgres",
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name = 'replicate' AND query NOT LIKE '%COPY%'",
            )
            assert cut == 1
        _failed(wide_pair, running.result())
    nothing_is_left(wide_pair)


# A statement of its own is as long as a whole table, so that a short timeout is too short.
ONE_SLICE = "  jobs: 1\n  chunk_size: 64KiB\n  slice_size: 1GiB\n"


def test_a_timeout_of_the_role_ends_nothing(
    wide_pair: Pair, any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts until a session has set its own, so it leaves time enough for that."""
    pair = replace(wide_pair, target=any_database)
    script = PostgreSQLSnapshot._script
    monkeypatch.setattr(
        PostgreSQLSnapshot, "_script", lambda *args: b"SELECT pg_sleep(2.5); " + script(*args)
    )
    _late(monkeypatch, PostgreSQLSnapshot, "_script")  # while the transaction is idle
    _late(monkeypatch, loading, "copy_statement")  # the same
    _late(monkeypatch, loading, "_pieces")  # while the COPY waits for rows
    with _role(pair, "SUPERUSER") as (role, uri):
        for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
            pair.server.run("postgres", f"ALTER ROLE {role} SET {setting} = '2s'")
        _create_as(pair, uri, ONE_SLICE)
        pair.configure(target_uri=f"{uri.rpartition('/')[0]}/{pair.target}")
        config = load_config(pair.conf, sections=ALL)
        restore_dump(config, "latest", RestoreOptions(), progress=Silent())
        assert pair.differences() == []
        pair.server.drop_database(pair.target)


def _late(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    """The first call of it comes later than a timeout of two seconds."""
    call = getattr(owner, name)
    waits = iter([2.5])

    def late(*args: object) -> object:
        time.sleep(next(waits, 0))
        return call(*args)

    monkeypatch.setattr(owner, name, late)


def test_a_timeout_that_the_uri_asks_for_ends_the_dump(
    wide_pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts for all statements, so it leaves time enough for those before the rows."""

    def endless(snapshot: PostgreSQLSnapshot, piece: Slice) -> bytes:  # noqa: ARG001
        return b"COPY (SELECT pg_sleep(60)) TO STDOUT"

    monkeypatch.setattr(PostgreSQLSnapshot, "_script", endless)
    uri = wide_pair.server.uri(wide_pair.source) + "?options=-c%20statement_timeout%3D5s"
    with pytest.raises(DatabaseError, match=r"^public\.wide .* statement timeout$") as caught:
        _create_as(wide_pair, uri, ONE_SLICE)
    assert "by a timeout" in str(caught.value.hint)
    nothing_is_left(wide_pair)


def _create_as(pair: Pair, uri: str, source: str) -> None:
    pair.configure(source=source, source_uri=uri)
    create_dump(load_config(pair.conf, sections=ALL), progress=Silent())


def test_a_table_that_somebody_has_locked(
    plain_pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "LOCK_SECONDS", 1)
    plain_pair.server.run(plain_pair.source, "CREATE TABLE free(a int); CREATE TABLE held(a int)")
    with plain_pair.server.connect(plain_pair.source) as other, other.transaction():
        other.execute("LOCK TABLE held")
        with pytest.raises(DatabaseError, match=r"^public\.held can't be locked") as caught:
            plain_pair.create()
        assert str(other.info.backend_pid) in caught.value.message
    nothing_is_left(plain_pair)
    plain_pair.create()


def test_somebody_waits_to_alter_a_table_that_is_being_dumped(wide_pair: Pair) -> None:
    """A worker that waited behind them would wait for ever."""
    with dumping(wide_pair) as running, wide_pair.server.connect(wide_pair.source) as other:
        with running.frozen():
            alter = threading.Thread(
                target=other.execute,
                args=("BEGIN; ALTER TABLE wide ADD COLUMN late int; ROLLBACK",),
            )
            alter.start()
            until(
                lambda: (
                    wide_pair.query("postgres", "SELECT count(*) FROM pg_locks WHERE NOT granted")
                    != [(0,)]
                )
            )
        _failed(wide_pair, running.result(), "public.wide", "could not obtain lock")
        alter.join()
    nothing_is_left(wide_pair)


def test_no_room_in_the_datastore(plain_pair: Pair) -> None:
    line = "(SELECT string_agg(md5((i * k)::text), '') FROM generate_series(1, 50) k)"
    plain_pair.server.run(
        plain_pair.source,
        f"CREATE TABLE noise AS SELECT i, {line} AS line FROM generate_series(1, 300) i",
    )
    plain_pair.configure()
    done = subprocess.run(
        # The system then says no to a bigger file, as a full disk does.
        ["/bin/sh", "-c", 'ulimit -f 48; trap "" XFSZ; exec "$0" "$@"', *PROGRAM, "-c",
         plain_pair.conf, "dump", "create"],
        env={k: v for k, v in environment().items() if not k.startswith("COVERAGE")}
        | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    _failed(plain_pair, Result(done.returncode, done.stdout, done.stderr))
    nothing_is_left(plain_pair)


def test_no_room_on_the_server(plain_pair: Pair, own_pair: Pair) -> None:
    here, there = plain_pair.server, own_pair.server
    pair = replace(plain_pair, target=own_pair.target)
    here.run(pair.source, BIG)
    pair.create()
    for jobs in (1, 2):
        config = pair.config(to=there)
        with pytest.raises(DatabaseError, match=r"^public\.big can't be loaded: could not extend"):
            restore_dump(
                config, "latest", RestoreOptions(wipe=jobs > 1, jobs=jobs), progress=Silent()
            )
    until(lambda: own_pair.sessions() == [])
    # There is room for less, such as the definitions alone.
    pair.create(source="  schema_only_tables: [{database: public, table: big}]\n")
    restore_dump(pair.config(to=there), "latest", RestoreOptions(wipe=True), progress=Silent())
    assert own_pair.query(pair.target, "SELECT count(*) FROM big") == [(0,)]


@contextmanager
def _role(pair: Pair, *attributes: str) -> Iterator[tuple[str, str]]:
    """A role with a password, and the source's URI for it; all that it has goes with it."""
    role = f"role_{pair.source}"
    pair.server.run(pair.source, f"CREATE ROLE {role} LOGIN PASSWORD 'a' {' '.join(attributes)}")
    try:
        yield role, f"postgresql://{role}:a@127.0.0.1:{pair.server.port}/{pair.source}"
    finally:
        pair.server.run(pair.source, f"DROP OWNED BY {role}; DROP ROLE {role};")


def test_what_a_role_may_not_read(plain_pair: Pair) -> None:
    plain_pair.server.run(
        plain_pair.source,
        "CREATE TABLE free(a int); CREATE TABLE barred(a int); CREATE TABLE counted(id serial);"
        "CREATE TABLE mine(a int); ALTER TABLE mine ENABLE ROW LEVEL SECURITY;"
        "INSERT INTO mine VALUES (1); INSERT INTO free VALUES (1)",
    )
    skipped: list[str] = []
    with _role(plain_pair) as (role, uri):
        plain_pair.server.run(plain_pair.source, f"GRANT SELECT ON free, counted, mine TO {role}")
        for table, says in (
            ("barred", f"public.barred can't be read: the role {role} lacks the right"),
            ("mine", "public.mine can't be read: its row-level security hides rows"),
            ("counted", "the sequence public.counted_id_seq can't be read"),
        ):
            _refused(plain_pair, uri, skipped, says)
            skipped.append(table)
        _create_as(plain_pair, uri, _skip(skipped))
    plain_pair.restore()
    found = plain_pair.query(plain_pair.target, "SELECT relname FROM pg_class WHERE relnamespace = "
                           "'public'::regnamespace")  # fmt: skip
    assert found == [("free",)]
    assert plain_pair.query(plain_pair.target, "SELECT a FROM free") == [(1,)]


def _skip(tables: list[str]) -> str:
    return f"  skip: [{', '.join(f'{{database: public, table: {t}}}' for t in tables)}]\n"


def _refused(pair: Pair, uri: str, skipped: list[str], says: str) -> None:
    with pytest.raises(DatabaseError, match=re.escape(says)) as caught:
        _create_as(pair, uri, _skip(skipped))
    assert caught.value.hint is not None
    assert pair.stored() == []


MASK = """  transformers:
    - {database: public, table: people, columns: [{name: born, transformer_name: random-date}]}
"""


def test_a_value_that_cannot_be_masked_stops_all(plain_pair: Pair) -> None:
    plain_pair.server.run(
        plain_pair.source,
        "CREATE TABLE people(id int, born text); INSERT INTO people SELECT i, CASE WHEN i = 15000 "
        f"THEN '{SECRET}' ELSE '1980-05-17' END FROM generate_series(1, 30000) i",
    )
    with pytest.raises(TransformError, match=r"^public\.people\.born: ") as caught:
        plain_pair.create(source=SMALL + MASK)
    assert SECRET not in f"{caught.value} {caught.value.hint}"
    nothing_is_left(plain_pair)


def test_definitions_that_change_between_runs(plain_pair: Pair) -> None:
    source = plain_pair.source
    plain_pair.server.run(
        source,
        "CREATE TABLE people(id int, born date); INSERT INTO people VALUES (1, '1930-05-17');"
        "CREATE TABLE visits(id int); INSERT INTO visits VALUES (1);",
    )
    plain_pair.create(source=MASK)

    plain_pair.server.run(source, "ALTER TABLE people ADD COLUMN late text DEFAULT 'x'")
    plain_pair.server.run(source, "DROP TABLE visits")
    manifest = plain_pair.create(source=MASK)
    [people] = manifest.body.tables
    assert people.columns == ["id", "born", "late"]
    plain_pair.restore()
    assert plain_pair.query(plain_pair.target, "SELECT id, late FROM people") == [(1, "x")]
    # No date of the mask's is that old.
    assert plain_pair.query(plain_pair.target, "SELECT born < '1950-01-01' FROM people") == [
        (False,)
    ]

    for change, says in (
        ("ALTER TABLE people RENAME COLUMN born TO birth", "public.people has no column born"),
        ("DROP TABLE people", "no table public.people"),
    ):
        plain_pair.server.run(source, change)
        before = plain_pair.stored()
        with pytest.raises(ConfigError, match=re.escape(says)):
            plain_pair.create(source=MASK)
        assert plain_pair.stored() == before


def test_a_row_that_the_target_refuses(plain_pair: Pair) -> None:
    """The check holds in the source alone, as one whose function reads another table may."""
    plain_pair.server.run(
        plain_pair.source,
        "CREATE FUNCTION public.here() RETURNS bool LANGUAGE sql AS "
        f"$$ SELECT current_database() = '{plain_pair.source}' $$;"
        "CREATE TABLE picky(a text CHECK (public.here())); CREATE TABLE plain(a int);"
        f"INSERT INTO picky VALUES ('{SECRET}'); INSERT INTO plain VALUES (1);",
    )
    plain_pair.create()
    for jobs in (1, 2):
        with pytest.raises(ReplicateError, match=r"^public\.picky can't be loaded: ") as caught:
            plain_pair.restore(RestoreOptions(wipe=True, jobs=jobs))
        assert SECRET not in caught.value.message
        assert "--wipe" in str(caught.value.hint)
    until(lambda: plain_pair.sessions() == [])
