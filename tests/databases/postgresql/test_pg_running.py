"""What comes after the rows: side by side where it can, in order where it must."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.entries import Entry
from replicate.databases.postgresql.families import Family
from replicate.databases.postgresql.running import Task, in_order, run_all, tasks_of
from replicate.databases.postgresql.sessions import Sessions
from replicate.errors import DatabaseError
from tests.support.postgres import Server
from tests.support.postgres_dump import POST, PRE, after, table


def tasks(*entries: Entry, sizes: dict[tuple[str, str], int] | None = None) -> dict[int, Task]:
    everything = [*PRE, *entries]
    made = tasks_of(entries, everything, Family(everything), sizes or {}, lambda entry: entry.sql)
    return {task.id: task for task in made}


def test_indexes_share_a_table_and_constraints_do_not() -> None:
    found = tasks(*POST[1:])
    users, orders = ("public", "users"), ("public", "orders")
    assert found[24].shared == found[25].shared == {users}
    assert found[21].exclusive == {users}
    assert found[22].exclusive == {orders}
    assert found[23].exclusive == {users, orders}
    assert found[23].after == {21}


def test_partitions_are_locked_along() -> None:
    parent, child = table(100, "parent", "a int"), table(101, "child", "a int")
    attach = Entry(102, "TABLE ATTACH", "public", "child", "", depends=(100, 101))
    entries = [
        after(110, "INDEX", "child", "i", "", 101),
        after(111, "CONSTRAINT", "child", "c", "", 101),
        after(112, "CONSTRAINT", "parent", "p", "", 100),
        after(113, "INDEX", "parent", "ip", "", 100),
    ]
    everything = [parent, child, attach, *entries]
    made = tasks_of(entries, everything, Family(everything), {}, lambda entry: entry.sql)
    found = {task.id: task for task in made}
    up, down = ("public", "parent"), ("public", "child")
    assert found[110].shared == {up, down}
    assert found[111].exclusive == {down}
    assert found[111].shared == {up}
    assert found[112].exclusive == {up, down}
    assert found[113].shared == {up}


def test_the_order_is_that_of_needs_and_kinds() -> None:
    entries = [
        Entry(60, "EVENT TRIGGER", "", "last", ""),
        after(61, "TRIGGER", "users", "t", ""),
        after(62, "POLICY", "users", "p", ""),
        after(63, "MATERIALIZED VIEW DATA", "kept", "kept", "", 8),
        after(64, "INDEX", "kept", "on kept", "", 63),
        after(65, "INDEX", "users", "i", ""),
    ]
    order = [task.id for task in in_order(tasks(*entries).values())]
    assert order == [65, 61, 62, 63, 64, 60]


def sessions(server: Server, database: str) -> Sessions:
    return Sessions(Address(server.uri(database)), None)


# Done when eight sessions are in it at once; an error where they never are.
_WAIT_FOR_EIGHT = """
SET statement_timeout = '60s';
DO $$ BEGIN
    PERFORM pg_advisory_lock_shared(8);
    WHILE (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 8) < 8 LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$
"""


def test_as_many_run_at_once_as_there_are_jobs(any_server: Server, any_database: str) -> None:
    found = sessions(any_server, any_database)
    run_all([Task(n, f"t{n}", _WAIT_FOR_EIGHT) for n in range(8)], found, 8)
    found.close()


def test_what_excludes_each_other_is_run_one_after_the_other(
    any_server: Server, any_database: str
) -> None:
    any_server.run(any_database, "CREATE TABLE log (n int, t timestamptz)")
    name = frozenset({("public", "x")})
    note = "INSERT INTO public.log VALUES ({}, clock_timestamp()); "
    work = [
        Task(n, f"t{n}", "BEGIN; " + note.format(n) + "SELECT pg_sleep(0.05); " + note.format(n)
             + "COMMIT", exclusive=name)
        for n in range(6)
    ]  # fmt: skip
    found = sessions(any_server, any_database)
    run_all(work, found, 4)
    found.close()
    order = any_server.run(any_database, "SELECT n FROM log ORDER BY t").split()
    assert order[::2] == order[1::2]


def test_an_error_stops_what_runs_and_begins_no_more(any_server: Server, any_database: str) -> None:
    found = sessions(any_server, any_database)
    any_server.run(any_database, "CREATE TABLE later (a int)")
    work = [
        Task(1, "the slow one", "INSERT INTO public.later SELECT 2 FROM pg_sleep(60)", weight=9),
        Task(2, "the bad one", "SELECT pg_sleep(0.3); SELECT 1/0", weight=8),
        Task(3, "a later one", "INSERT INTO public.later VALUES (1)", after=frozenset({1})),
    ]
    with pytest.raises(DatabaseError, match="the bad one can't be restored: division by zero"):
        run_all(work, found, 2)
    assert any_server.run(any_database, "SELECT count(*) FROM later") == "0\n"
    found.close()


def test_an_optional_one_may_fail(any_server: Server, any_database: str) -> None:
    found = sessions(any_server, any_database)
    run_all([Task(1, "one", "SELECT 1/0", optional=True), Task(2, "two", "SELECT 1")], found, 1)
    found.close()


def test_a_circle_ends(any_server: Server, any_database: str) -> None:
    found = sessions(any_server, any_database)
    circle = [Task(1, "a", "SELECT 1", frozenset({2})), Task(2, "b", "SELECT 1", frozenset({1}))]
    assert len(in_order(circle)) == 2
    run_all(circle, found, 2)
    found.close()


_INTERRUPTED = """
import sys
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.running import Task, run_all
from replicate.databases.postgresql.sessions import Sessions
sessions = Sessions(Address(sys.argv[1]), None)
try:
    run_all([Task(n, "t", "SELECT pg_sleep(120)") for n in range(4)], sessions, 2)
except KeyboardInterrupt:
    sessions.abort()
    sys.exit(130)
"""


def test_an_interrupt_ends_the_statements(any_server: Server, any_database: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", _INTERRUPTED, any_server.uri(any_database)])
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
        f"AND datname = '{any_database}' AND query LIKE '%sleep(120)%' AND pid <> pg_backend_pid()"
    )
    while any_server.run("postgres", query) != "2\n":
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(120) == 130
    assert any_server.run("postgres", query) == "0\n"


def test_sessions_are_used_again_and_then_closed(any_server: Server, any_database: str) -> None:
    found = sessions(any_server, any_database)
    with found.lease() as first:
        pid = first.info.backend_pid
    with found.lease() as again, found.lease() as other:
        assert again.info.backend_pid == pid != other.info.backend_pid
        again.execute("BEGIN")  # what is left in a transaction is thrown away
    with found.lease() as third:
        assert third.info.backend_pid != pid
    found.abort()
    with pytest.raises(DatabaseError, match="stopped"), found.lease():
        pass
    assert threading.active_count() >= 1
