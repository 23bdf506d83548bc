"""The servers that the other tests stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import Server, ServerError, start_server
from tests.support.waiting import until


@pytest.fixture
def own_server() -> Iterator[Server]:
    server = start_server(16)
    yield server
    server.close()


def test_every_version_answers(server: Server, database: str) -> None:
    with psycopg.connect(server.uri(database)) as connection:
        assert connection.info.server_version // 10000 == server.version
        assert connection.info.encoding == "utf-8"
    with server.connect(database) as connection:
        assert connection.autocommit
        assert connection.execute("select current_database()").fetchone() == (database,)


def test_a_wrong_password_is_refused(any_server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        any_server.connect(password="wrong")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_databases_of_other_encodings(any_server: Server, encoding: str) -> None:
    name = any_server.create_database(f'odd "{encoding}" /name%41', encoding)
    with any_server.connect(name), any_server.connect() as other:
        assert other.execute(
            "select pg_encoding_to_char(encoding) from pg_database where datname = %s", [name]
        ).fetchone() == (encoding,)
        any_server.drop_database(name)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(any_server.uri(name))


def test_scripts_run_until_the_first_error(any_server: Server, any_database: str) -> None:
    script = "create table t(a int);\n\\copy t from stdin\n1\n\\.\nselect a, 'ü' from t;\n"
    assert any_server.run(any_database, script) == "1|ü\n"
    with pytest.raises(ServerError, match="division by zero"):
        any_server.run(any_database, "select 1/0; create table never()")
    assert any_server.run(any_database, "select to_regclass('never')") == "\n"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_data_outlive_a_stop_and_a_crash(own_server: Server, how: str) -> None:
    name = own_server.create_database()
    own_server.run(name, "create table t as select 1")
    getattr(own_server, how)()
    with pytest.raises(psycopg.OperationalError):
        own_server.connect(name)
    own_server.restart()
    own_server.run(name, "table t")
    own_server.close()
    assert not own_server.home.exists()


def test_a_server_goes_with_the_process_that_started_it() -> None:
    """Also when that is killed: its folder goes last, so that nothing is left behind."""
    script = (
        "import time; from tests.support.postgres import start_server\n"
        "print(start_server(16).home, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        home = Path(process.stdout.readline().decode().strip())
        assert (home / "data").is_dir()
        os.kill(process.pid, signal.SIGKILL)
    until(lambda: not home.exists())
