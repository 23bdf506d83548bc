"""Signals to a dump and to a restore of PostgreSQL: one line, 130, and nobody left at work."""

from __future__ import annotations

import signal

import pytest

from replicate.errors import GuardError
from replicate.jobs.listing import list_dumps
from replicate.jobs.restore import RestoreOptions
from tests.support.cli_process import Result
from tests.support.postgres_journey import Pair
from tests.support.postgres_midway import (
    dumping,
    hurry,
    nothing_is_left,
    restoring,
    tells_nothing,
)
from tests.support.waiting import until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_dump_gets_a_signal(wide_pair: Pair, number: signal.Signals) -> None:
    wide_pair.create(
        name="whole", source="  schema_only_tables: [{database: public, table: wide}]\n"
    )
    before = wide_pair.stored()
    with dumping(wide_pair) as running:
        running.signal(number)
        result = running.result()
    _was_signalled(wide_pair, result, number)
    until(lambda: wide_pair.sessions() == [])
    if number != signal.SIGKILL:
        assert wide_pair.stored() == before
    listed = list_dumps(wide_pair.config(), warn=_refuse_to_warn)
    assert [header.name for header in listed] == ["whole"]
    wide_pair.create(name="after")


def _refuse_to_warn(message: str) -> None:
    raise AssertionError(message)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_dump_gets_a_signal_while_pg_dump_runs(plain_pair: Pair, number: signal.Signals) -> None:
    plain_pair.server.run(plain_pair.source, "CREATE TABLE t(a int)")
    plain_pair.configure()
    with plain_pair.pg_dump_held(), plain_pair.started("dump", "create") as running:
        plain_pair.wait_for_held_pg_dump(running)
        running.signal(number)
        if number != signal.SIGKILL:
            result = running.result()
    # Whoever is killed leaves a pg_dump that ends when it is let go.
    result = running.result()
    _was_signalled(plain_pair, result, number)
    nothing_is_left(plain_pair)


def _was_signalled(pair: Pair, result: Result, number: signal.Signals) -> None:
    tells_nothing(pair, result)
    assert result.out == ""
    assert "error:" not in result.err
    if number == signal.SIGKILL:
        assert result.code == -signal.SIGKILL
    else:
        assert result.code == 130
        assert result.err.splitlines()[-1] == "interrupted"


@pytest.mark.parametrize(
    ("phase", "number"), [("rows", signal.SIGINT), ("indexes", signal.SIGKILL)]
)
def test_a_restore_gets_a_signal(plain_pair: Pair, phase: str, number: signal.Signals) -> None:
    """A killed one's statements end soon too: their locks would be in the way of the next."""
    with restoring(plain_pair, phase) as running:
        running.signal(number)
        result = running.result()
    _was_signalled(plain_pair, result, number)
    until(lambda: plain_pair.sessions() == [])
    hurry(plain_pair)
    with pytest.raises(GuardError):
        plain_pair.restore()
    plain_pair.restore(RestoreOptions(wipe=True))
    assert plain_pair.differences() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_swap_gets_a_signal(plain_pair: Pair, number: signal.Signals) -> None:
    plain_pair.server.run(
        plain_pair.target, "CREATE TABLE mine(a int); INSERT INTO mine VALUES (1)"
    )
    with restoring(plain_pair, "rows", "--wipe", "--swap") as running:
        running.signal(number)
        result = running.result()
    _was_signalled(plain_pair, result, number)
    until(lambda: plain_pair.sessions() == [])
    assert plain_pair.query(plain_pair.target, "SELECT a FROM mine") == [(1,)]
    beside = f"SELECT datname FROM pg_database WHERE datname ~ '^{plain_pair.target}.+'"
    found = plain_pair.query("postgres", beside)
    if number != signal.SIGKILL:
        assert found == []
    for (name,) in found:
        plain_pair.server.drop_database(str(name))
