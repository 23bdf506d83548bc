"""PostgreSQL journeys that are met in the middle of the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.cli_process import Result
from tests.support.postgres_journey import SMALL, Pair, Running
from tests.support.waiting import until

SECRET = "ada lovelace"
"""A value of the database, which no message may hold."""

WIDE = f"""
CREATE TABLE wide(id serial PRIMARY KEY, line text);
INSERT INTO wide(line) SELECT repeat('{SECRET} ' || i || ' ', 20) FROM generate_series(1, 25000) i;
"""
"""Some 9 MB: a dump of it in small chunks takes long enough to be met in the middle."""

# Rows and an index that take for ever, though not in the source, where they have to be made.
SLOW = """
CREATE FUNCTION public.dawdle(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
    IF current_database() <> '{source}' THEN PERFORM pg_sleep(600); END IF;
    RETURN a;
END $$;
CREATE TABLE plain(id int PRIMARY KEY, line text);
INSERT INTO plain SELECT i, '{secret}' FROM generate_series(1, 1000) i;
CREATE TABLE slow(id int{check});
INSERT INTO slow VALUES (1);
{index};
"""
PHASES = {
    "rows": (" CHECK (public.dawdle(id) > 0)", "", "COPY"),
    "indexes": ("", "CREATE INDEX slow_index ON slow (public.dawdle(id))", "CREATE INDEX"),
}


def tells_nothing(pair: Pair, result: Result) -> None:
    """No password, no value and no traceback in what it said."""
    said = result.out + result.err
    assert pair.server.password not in said
    assert SECRET not in said
    assert "Traceback" not in said


def nothing_is_left(pair: Pair) -> None:
    """No session of ours soon, and no chunk."""
    until(lambda: pair.sessions() == [])
    assert pair.stored() == []


@contextmanager
def dumping(pair: Pair, *arguments: str) -> Iterator[Running]:
    """A dump of what is wide, with some of its rows stored."""
    pair.configure(source=SMALL)
    before = len(pair.stored())
    with pair.started("dump", "create", *arguments) as running:
        until(lambda: len(pair.stored()) > before + 2, running.process)
        yield running


@contextmanager
def restoring(pair: Pair, phase: str, *arguments: str) -> Iterator[Running]:
    """A restore in the middle of that phase."""
    check, index, query = PHASES[phase]
    script = SLOW.format(source=pair.source, secret=SECRET, check=check, index=index)
    pair.server.run(pair.source, script)
    pair.create()
    restore = ("dump", "restore", "remote", "-v", "latest", "--jobs", "2", *arguments)
    with pair.started(*restore) as running:
        pair.wait_for_query(query, running)
        until(
            lambda: any(event == "PgSleep" for _, _, event, _ in pair.sessions()), running.process
        )
        yield running


def hurry(pair: Pair) -> None:
    """From now on the source's rows and indexes take no time, and a new dump is of that."""
    sql = "CREATE OR REPLACE FUNCTION public.dawdle(a int) RETURNS int IMMUTABLE LANGUAGE sql AS "
    pair.server.run(pair.source, f"{sql} 'SELECT a'")
    pair.create()
