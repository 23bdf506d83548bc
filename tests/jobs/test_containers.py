"""Containers, where the command line shows too little of them; docker is a stand-in."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from replicate.errors import ConflictError, DatabaseError, ReplicateError, UsageError
from replicate.jobs import containers
from replicate.jobs.containers import Container, Image, engine_of, find_docker
from replicate.jobs.progress import Silent
from tests.support.docker_stand_in import NOT_RUNNING, DockerStandIn
from tests.support.waiting import until


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerStandIn]:
    with DockerStandIn() as stand_in:
        monkeypatch.setenv("PATH", f"{stand_in.folder}{os.pathsep}{os.environ['PATH']}")
        yield stand_in


@pytest.fixture
def container(docker: DockerStandIn) -> Iterator[Container]:
    made = Container(str(docker.folder / "docker"), Image("16"), 0)
    yield made
    docker.unreachable = docker.removal_error = ""
    made.remove()


class _Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def stage(self, label: str, total_bytes: int | None) -> None:
        del total_bytes
        self.said.append(label)

    def note(self, message: str) -> None:
        self.said.append(message)


def test_it_lives_from_start_to_remove(docker: DockerStandIn, container: Container) -> None:
    container.start(Silent())
    container.wait_until_ready(60, Silent())

    [made] = docker.containers
    assert (container.id, container.port) == (made.id, made.port)
    with psycopg.connect(container.uri) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("replicate",)

    container.remove()
    container.remove()
    assert docker.containers == []
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(container.uri)


def test_what_docker_is_told_holds_no_secret(docker: DockerStandIn, container: Container) -> None:
    docker.start_seconds = 600
    container.start(Silent())

    [run] = [call for call in docker.calls if call[0] == "run"]
    assert "--detach" in run
    assert f"--name={container.name}" in run
    assert "--publish=127.0.0.1::5432" in run
    assert "--env=POSTGRES_PASSWORD" in run
    assert run[-1] == "postgres:16"
    password = docker.made[0].env["POSTGRES_PASSWORD"]
    assert len(password) == 32
    assert password not in " ".join(run)
    assert password not in repr(container)
    assert password not in str(container.destination())


def test_two_containers_have_nothing_in_common() -> None:
    one, other = (Container("docker", Image("16"), 5432) for _ in range(2))
    assert one.name != other.name
    assert one.uri != other.uri


def test_a_pull_is_followed_and_its_stderr_never_blocks(
    docker: DockerStandIn, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "PULL_NOTES", 0.0)
    docker.images = set()
    docker.start_seconds = 600
    docker.pulls = [f"layer {number}: Pull complete" for number in range(3)]
    notes = _Notes()
    container.start(notes)
    assert notes.said == [
        "Pulling postgres:16",
        *(f"Pulling postgres:16: layer {number}: Pull complete" for number in range(3)),
        "Starting postgres:16",
    ]

    docker.images = set()
    # More than a pipe holds.
    docker.pull_error = "warning: again\n" * 20_000 + "toomanyrequests: slow down"
    with pytest.raises(ReplicateError, match=r"can't be pulled: toomanyrequests: slow down$"):
        container.start(Silent())


def test_a_port_that_is_taken_in_the_last_moment(
    docker: DockerStandIn, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "_check_free", lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as other:
        container.port = other.getsockname()[1]
        with pytest.raises(
            ConflictError, match=rf"^port {container.port} of this machine is taken"
        ):
            container.start(Silent())

    # Docker has made it all the same, and it has no id that we know of.
    assert [made.status for made in docker.containers] == ["created"]
    container.remove()
    assert docker.containers == []
    assert docker.calls[-1] == ["rm", "--force", "--volumes", container.name]


def test_remove_touches_nothing_that_was_not_started(
    docker: DockerStandIn, container: Container
) -> None:
    container.remove()
    docker.unreachable = NOT_RUNNING
    with pytest.raises(ReplicateError, match="daemon can't be reached"):
        container.start(Silent())
    docker.unreachable = ""
    container.remove()
    assert [call[0] for call in docker.calls] == ["image"]


def test_a_container_that_somebody_else_removed_is_removed(
    docker: DockerStandIn, container: Container
) -> None:
    docker.start_seconds = 600
    container.start(Silent())
    subprocess.run(
        [docker.folder / "docker", "rm", "--force", container.name], check=True, capture_output=True
    )
    with pytest.raises(DatabaseError, match="has ended; its last word: nothing"):
        container.wait_until_ready(60, Silent())
    container.remove()


def test_a_daemon_that_goes_away_meanwhile(docker: DockerStandIn, container: Container) -> None:
    docker.start_seconds = 600
    container.start(Silent())
    docker.unreachable = NOT_RUNNING
    with pytest.raises(ReplicateError, match="daemon can't be reached"):
        container.wait_until_ready(60, Silent())
    with pytest.raises(ReplicateError, match="daemon can't be reached"):
        container.remove()
    docker.unreachable = ""
    # It is still ours to remove.
    container.remove()
    assert docker.containers == []


def test_an_interrupt_of_the_removal_comes_after_it(
    docker: DockerStandIn, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.start_seconds = 600
    container.start(Silent())
    to_the_end = Container._to_the_end
    interrupts = [KeyboardInterrupt]

    def interrupted(
        self: Container, seconds: float, *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        if interrupts:
            raise interrupts.pop()
        return to_the_end(self, seconds, *arguments)

    monkeypatch.setattr(Container, "_to_the_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        container.remove()
    assert docker.containers == []


def test_a_command_that_does_not_answer_is_given_up(
    docker: DockerStandIn, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "_START_SECONDS", 0.2)
    docker.run_seconds = 600
    started = Container._started

    def heard(self: Container, *arguments: str) -> subprocess.Popen[str]:
        process = started(self, *arguments)
        # Its time begins with docker's daemon at work, however long the command takes to start.
        until(lambda: arguments[0] in [call[0] for call in docker.calls])
        return process

    monkeypatch.setattr(Container, "_started", heard)
    with pytest.raises(ReplicateError, match=r"^`docker run` did not answer for 0\.2 s") as error:
        container.start(Silent())
    assert container.removal in (error.value.hint or "")
    # What the daemon was doing comes to its end all the same.
    docker.run_seconds = 0
    until(lambda: docker.made != [])


def test_a_docker_that_is_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "docker"
    file.write_bytes(b"\x7fnot a program")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_docker() == str(file)
    with pytest.raises(ReplicateError, match=r"^docker can't be run: "):
        Container(find_docker(), Image("16"), 0).start(Silent())


@pytest.mark.parametrize("kind", ["postgresql", "postgres", "PostgreSQL"])
def test_kinds_of_databases(kind: str) -> None:
    assert engine_of(kind) == "postgresql"


@pytest.mark.parametrize("kind", ["mysql", "mariadb", "mongodb", "mongo", "sqlite", ""])
def test_kinds_that_there_are_no_containers_of(kind: str) -> None:
    with pytest.raises(UsageError):
        engine_of(kind)
