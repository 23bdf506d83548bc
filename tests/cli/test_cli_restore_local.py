"""`dump restore local`: containers are a stand-in's, and the databases in them are real."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.cli_process import KEY, PROGRAM, Result, environment, run, wait_for
from tests.support.docker_stand_in import NOT_PERMITTED, NOT_RUNNING, DockerStandIn
from tests.support.ports import free_port
from tests.support.postgres import Server, binaries
from tests.support.postgres_compare import compare

_SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, note text);
INSERT INTO people SELECT i, 'Person ' || i, CASE WHEN i % 3 = 0 THEN E'a\\n"note"' END
    FROM generate_series(1, 500) AS i;
CREATE TABLE visits (id bigserial PRIMARY KEY, person int NOT NULL REFERENCES people);
INSERT INTO visits (person) SELECT i % 500 + 1 FROM generate_series(1, 2000) AS i;
CREATE VIEW visitors AS SELECT DISTINCT person FROM visits;
"""

# Building this index takes half a minute, and only where a dump was restored.
_SLOW = """
CREATE FUNCTION slow(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_database() = 'replicate' THEN PERFORM pg_sleep(30); END IF;
    RETURN i;
END $$;
CREATE TABLE things (i int);
INSERT INTO things VALUES (1);
CREATE INDEX ON things (slow(i));
"""

_BROKEN = """
CREATE FUNCTION broken(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_database() = 'replicate' THEN RAISE EXCEPTION 'not here'; END IF;
    RETURN i;
END $$;
CREATE TABLE things (i int);
INSERT INTO things VALUES (1);
CREATE INDEX ON things (broken(i));
"""


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerStandIn]:
    with DockerStandIn() as stand_in:
        monkeypatch.setenv("PATH", f"{stand_in.folder}{os.pathsep}{os.environ['PATH']}")
        yield stand_in


@pytest.fixture(scope="module")
def config_of(
    server_of: Callable[[int], Server], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Path]]:
    """A conf.yaml without a destination, and with one dump of what a script makes."""
    made: dict[str, tuple[Path, str]] = {}
    server = server_of(16)

    def config(script: str) -> Path:
        if script not in made:
            folder = tmp_path_factory.mktemp("local")
            (folder / "store").mkdir()
            path = folder / "conf.yaml"
            database = server.create_database()
            server.run(database, script)
            (folder / "database").write_text(database)
            path.write_text(
                f"encryption_key: {KEY}\n"
                f"source:\n  connection_uri: {json.dumps(server.uri(database))}\n"
                f"  pg_bin_path: {binaries(16)}\n"
                f"datastore:\n  local_disk:\n    dir: {folder / 'store'}\n"
            )
            path.chmod(0o600)
            run("-c", str(path), "dump", "create", "--name", "first").succeeded()
            made[script] = path, database
        return made[script][0]

    yield config
    for _, database in made.values():
        server.drop_database(database)


@pytest.fixture
def config(config_of: Callable[[str], Path]) -> Path:
    return config_of(_SCHEMA)


def _local(config: Path, *args: str, **changes: str) -> Result:
    # Port 0 first: the standard one may be taken on the machine of the tests.
    words = ("dump", "restore", "local", "-v", "latest", "--port", "0", *args)
    return run("-c", str(config), *words, cwd=None, **changes)


@contextmanager
def _started(config: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    command = [*PROGRAM, "-c", str(config), *("dump", "restore", "local", "-v", "latest")]
    plain = {k: v for k, v in environment().items() if not k.startswith("COVERAGE")}
    with subprocess.Popen(
        [*command, "--port", "0", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=plain,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[str, str]:
    # As a terminal does: the whole group.
    os.killpg(process.pid, number)
    return process.communicate(timeout=60)


def _has_nothing_left(docker: DockerStandIn) -> bool:
    """Whether every container that was made is gone, and its server with it."""
    return not docker.containers and all(
        made.server is None or made.server._keeper is None for made in docker.made
    )


def _password(docker: DockerStandIn) -> str:
    return docker.made[0].env["POSTGRES_PASSWORD"]


def test_the_database_is_restored_and_its_uri_is_all_that_stdout_gets(
    docker: DockerStandIn, config: Path, server_of: Callable[[int], Server]
) -> None:
    docker.start_seconds = 2

    result = _local(config).succeeded()

    [container] = docker.containers
    [uri] = result.out.splitlines()
    password = _password(docker)
    assert uri == f"postgresql://postgres:{password}@127.0.0.1:{container.port}/replicate"
    with psycopg.connect(uri) as connection:
        assert connection.execute("SELECT count(*), max(person) FROM visits").fetchone() == (
            2000,
            500,
        )
    assert container.server is not None
    source = config.with_name("database").read_text()
    assert compare(server_of(16), source, container.server, "replicate") == []
    assert f"docker rm --force --volumes {container.name}" in result.err
    assert container.name.startswith("replicate-")
    # Whoever lists the processes of this machine sees no password.
    assert not any(password in arg for call in docker.calls for arg in call)
    assert password not in result.err


def test_json_tells_all_about_it(docker: DockerStandIn, config: Path) -> None:
    found = _local(config, "--json", "--tables", "people").succeeded().json

    [container] = docker.containers
    assert found.pop("seconds") > 0
    assert found.pop("plain_bytes") > 0
    assert found == {
        "name": "first",
        "uri": f"postgresql://postgres:{_password(docker)}@127.0.0.1:{container.port}/replicate",
        "container": container.name,
        "id": container.id,
        "image": "postgres:16",
        "port": container.port,
        "tables": 1,
        "rows": 500,
    }
    with psycopg.connect(found["uri"]) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    assert tables == [("people",)]


def test_what_the_environment_says_of_other_servers_is_not_heard(
    docker: DockerStandIn, config: Path
) -> None:
    _local(
        config, PGHOSTADDR="192.0.2.1", PGSSLMODE="require", PGGSSENCMODE="require", PGPORT="1"
    ).succeeded()
    assert len(docker.containers) == 1


def test_the_port_and_the_tag_are_those_that_are_asked_for(
    docker: DockerStandIn, config: Path
) -> None:
    docker.images = set()
    port = free_port()

    result = _local(config, "-p", str(port), "-t", "16-alpine", "-i", "postgres").succeeded()

    assert f":{port}/replicate" in result.out
    assert ["pull", "postgres:16-alpine"] in docker.calls
    assert docker.images == {"postgres:16-alpine"}
    assert "Pulling postgres:16-alpine" in result.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_with_remove_an_interrupt_ends_it_well_and_leaves_nothing(
    docker: DockerStandIn, config: Path, number: signal.Signals
) -> None:
    with _started(config, "--remove") as process:
        assert process.stdout is not None
        uri = process.stdout.readline()
        with psycopg.connect(uri.strip()) as connection:
            assert connection.execute("SELECT count(*) FROM people").fetchone() == (500,)
        out, err = _interrupt(process, number)

    assert (process.returncode, out) == (0, "")
    assert err.splitlines()[-1] == f"removing container {docker.made[0].name}"
    assert "interrupted" not in err
    assert _has_nothing_left(docker)
    # By its id: whatever else has that name is none of ours.
    assert ["rm", "--force", "--volumes", docker.made[0].id] in docker.calls


def test_with_remove_a_container_that_ends_by_itself_is_an_error(
    docker: DockerStandIn, config: Path
) -> None:
    with _started(config, "--remove") as process:
        assert process.stdout is not None
        process.stdout.readline()
        docker.containers[0].log = "LOG: one\nPANIC: the disk is gone\nLOG: bye"
        docker.containers[0].end()
        _, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "has ended; its last word: PANIC: the disk is gone" in err
    assert _has_nothing_left(docker)


def _pulling(docker: DockerStandIn) -> str:
    docker.images = set()
    docker.pulls = ["Pulling from postgres", 10.0]
    return "Pulling postgres:16"


def _running(docker: DockerStandIn) -> str:
    docker.run_seconds = 1.0
    return "Starting postgres:16"


def _waiting(docker: DockerStandIn) -> str:
    docker.start_seconds = 10.0
    return "Waiting for the database"


@pytest.mark.parametrize("moment", [_pulling, _running, _waiting])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_before_the_restore_leaves_nothing(
    docker: DockerStandIn,
    config: Path,
    moment: Callable[[DockerStandIn], str],
    number: signal.Signals,
) -> None:
    text = moment(docker)
    with _started(config) as process:
        wait_for(process, text)
        time.sleep(0.3)
        out, err = _interrupt(process, number)

    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    assert _has_nothing_left(docker)
    assert len(docker.made) == (moment is not _pulling)


@pytest.mark.parametrize("flags", [(), ("--remove",)])
def test_an_interrupt_of_the_restore_leaves_nothing(
    docker: DockerStandIn, config_of: Callable[[str], Path], flags: tuple[str, ...]
) -> None:
    with _started(config_of(_SLOW), *flags) as process:
        wait_for(process, "Building indexes")
        time.sleep(0.3)
        out, err = _interrupt(process)

    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    assert len(docker.made) == 1
    assert _has_nothing_left(docker)


@pytest.mark.parametrize("flags", [(), ("--remove",)])
def test_a_restore_that_fails_leaves_nothing(
    docker: DockerStandIn, config_of: Callable[[str], Path], flags: tuple[str, ...]
) -> None:
    result = _local(config_of(_BROKEN), *flags)
    assert "index public.things_broken_idx can't be restored" in result.failed_with(1)
    assert "--wipe" not in result.err
    assert len(docker.made) == 1
    assert _has_nothing_left(docker)


def test_a_container_whose_password_reaches_nobody_is_removed(
    docker: DockerStandIn, config: Path
) -> None:
    with _started(config) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=600) == 141
    assert len(docker.made) == 1
    assert _has_nothing_left(docker)


def test_a_container_that_can_t_be_removed_is_told_of(docker: DockerStandIn, config: Path) -> None:
    docker.removal_error = "Error response from daemon: device or resource busy"
    with _started(config, "--remove") as process:
        assert process.stdout is not None
        process.stdout.readline()
        _, err = _interrupt(process)

    name = docker.made[0].name
    assert process.returncode == 130
    assert (
        f"warning: container {name} is still there: it can't be removed: device or resource busy; "
        f"to do it yourself: docker rm --force --volumes {name}\n" in err
    )


def test_a_taken_port_is_a_conflict_before_docker_is_asked(
    docker: DockerStandIn, config: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = _local(config, "--port", str(port))
    assert result.failed_with(11) == f"error: port {port} of this machine is taken"
    assert "hint: --port names another one, and --port 0 takes any that is free\n" in result.err
    assert docker.calls == []


def test_no_docker_command(config: Path) -> None:
    result = _local(config, PATH=str(config.parent))
    assert result.failed_with(1) == "error: there is no `docker` command on the PATH"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NOT_RUNNING, "error: docker's daemon can't be reached"),
        (NOT_PERMITTED, "error: docker's daemon does not let this user in"),
    ],
)
def test_a_daemon_that_can_t_be_used(
    docker: DockerStandIn, config: Path, text: str, message: str
) -> None:
    docker.unreachable = text
    assert _local(config).failed_with(1) == message
    assert [call[0] for call in docker.calls] == ["image"]


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (
            "Error response from daemon: manifest for postgres:16 not found: manifest unknown",
            "--tag names another version, such as 17",
        ),
        (
            "Error response from daemon: dial tcp: lookup images.example: no such host",
            "is this machine online, and the disk not full?",
        ),
    ],
)
def test_an_image_that_can_t_be_pulled(
    docker: DockerStandIn, config: Path, said: str, hint: str
) -> None:
    docker.images, docker.pull_error = set(), said
    result = _local(config)
    line = result.failed_with(1)
    assert line.startswith("error: the image postgres:16 can't be pulled: ")
    assert line.endswith(said.rpartition("daemon: ")[2])
    assert f"hint: {hint}\n" in result.err
    assert docker.made == []


def test_a_container_that_dies_at_once(docker: DockerStandIn, config: Path) -> None:
    docker.dies_with = "initdb: error: no {POSTGRES_PASSWORD} for you\nexiting"
    result = _local(config, "--port", str(free_port()))
    assert result.failed_with(1) == (
        f"error: container {docker.made[0].name} has ended; "
        "its last word: initdb: error: no *** for you"
    )
    assert _has_nothing_left(docker)

    assert "has ended; its last word: initdb: error" in _local(config).failed_with(1)


def test_a_database_that_never_comes_up(docker: DockerStandIn, config: Path) -> None:
    docker.start_seconds = 600
    result = _local(config, "--wait", "1")
    assert "took no connections for 1 s; its last word: " in result.failed_with(1)
    assert "hint: --wait gives it longer (" in result.err
    assert _has_nothing_left(docker)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("-i", "mysql"), "a container of MySQL is not supported by this version yet"),
        (("-i", "mongodb"), "a container of MongoDB is not supported by this version yet"),
        (("-i", "oracle"), "there is no database of the kind 'oracle'"),
        (("-t", "16 --privileged"), "'16 --privileged' is no tag of an image"),
        (("--tables", "a,,b"), "--tables takes names with commas between them"),
        (("--tables", "nobody"), "the dump has no table nobody"),
    ],
)
def test_what_can_t_be_carried_out(
    docker: DockerStandIn, config: Path, args: tuple[str, ...], message: str
) -> None:
    assert _local(config, *args).failed_with(2) == f"error: {message}"
    assert docker.calls == []


@pytest.mark.parametrize(
    "args", [("--remove",), ("--tag", "16"), ("--image", "postgresql"), ("--wait", "5")]
)
def test_output_is_of_no_container(
    docker: DockerStandIn, config: Path, args: tuple[str, ...]
) -> None:
    words = ("-c", str(config), "dump", "restore", "local", "-v", "latest", "--output")
    line = run(*words, *args).failed_with(2)
    assert line == (
        f"error: --output writes to stdout alone, so {args[0]} has no meaning beside it"
    )
    assert docker.calls == []


def test_output_writes_what_remote_writes(docker: DockerStandIn, config: Path) -> None:
    words = ("-c", str(config), "dump", "restore", "{}", "-v", "latest", "--output")
    scripts = [
        run(*(word.format(where) for word in words)).succeeded().out.splitlines()
        for where in ("local", "remote")
    ]
    # psql's \restrict has another secret each time.
    mine, remote = ([line for line in lines if "restrict " not in line] for lines in scripts)
    assert any("Person 7" in line for line in mine)
    assert mine == remote
    assert docker.calls == []


def test_nothing_is_started_for_a_dump_that_can_t_be_opened(
    docker: DockerStandIn, config: Path, tmp_path: Path
) -> None:
    other = tmp_path / "conf.yaml"
    other.write_text(config.read_text().replace(KEY, "another key altogether"))
    other.chmod(0o600)
    _local(other).failed_with(12)
    _local(config, "-v", "nothing").failed_with(10)
    assert docker.calls == []


def test_a_dump_of_sqlite_has_no_container(docker: DockerStandIn, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "source.db")) as database:
        database.execute("CREATE TABLE t (a)")
    (tmp_path / "store").mkdir()
    config = tmp_path / "conf.yaml"
    config.write_text(
        f"source: {{connection_uri: 'sqlite:///{tmp_path}/source.db'}}\n"
        f"datastore: {{local_disk: {{dir: {tmp_path}/store}}}}\n"
    )
    run("-c", str(config), "dump", "create").succeeded()
    line = _local(config).failed_with(2)
    assert line == "error: a dump of sqlite can't be restored into a container"
    line = _local(config, "-i", "postgresql").failed_with(2)
    assert line == "error: the dump is of sqlite, and --image asks for postgresql"
    assert docker.calls == []
