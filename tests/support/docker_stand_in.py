"""A stand-in for docker: a `docker` command whose containers are real PostgreSQL servers.

As with the real one the command only hands on what it is told. What it stands in for docker's
daemon is a thread of the tests' process, so that the servers end with the tests, however these do.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import secrets
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from psycopg import sql

from tests.support.ports import free_port
from tests.support.postgres import Server, _account

VERSION = 16

_COMMAND = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as daemon:
    daemon.connect({path!r})
    names = [arg[6:] for arg in sys.argv if arg.startswith("--env=")]
    env = {{name: os.environ[name] for name in names if name in os.environ}}
    daemon.sendall((json.dumps({{"argv": sys.argv[1:], "env": env}}) + "\\n").encode())
    for line in daemon.makefile():
        stream, text = json.loads(line)
        if stream == "exit":
            sys.exit(text)
        print(text, file=getattr(sys, stream), flush=True)
sys.exit(99)
"""

NOT_RUNNING = (
    "docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
    "Is the docker daemon running?\n\nRun 'docker run --help' for more information"
)
NOT_PERMITTED = (
    "permission denied while trying to connect to the Docker daemon socket at "
    'unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/images/postgres'
    ':16/json": dial unix /var/run/docker.sock: connect: permission denied'
)
_TAKEN = (
    "docker: Error response from daemon: failed to set up container networking: driver failed "
    "programming external connectivity on endpoint {name} (1f0c): Bind for 127.0.0.1:{port} "
    "failed: port is already allocated\n\nRun 'docker run --help' for more information"
)
_NO_SUCH = "Error response from daemon: No such {what}: {name}"


class _Refusal(Exception):  # noqa: N818 - it is what docker says, and no failure of the tests
    """What the command ends with: a status, and a text on stderr."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class _Database(Server):
    """A server made from the prepared data of another one; `image` is never started."""

    def __init__(self, image: Server, home: Path, port: int) -> None:
        super().__init__(image.version, home)
        self._image = image
        self.port = port

    def set_up(self, database: str, password: str) -> None:
        """As the image's first start does: all is made by a server that no port leads to."""
        subprocess.run(["/bin/cp", "-a", self._image.home / "data", self.home], check=True)
        self._program = self._image._program
        port = self.port
        self.settings = ("listen_addresses=",)
        self._start()
        with self.connect(host=str(self.home)) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
            connection.execute(
                sql.SQL("ALTER USER postgres PASSWORD {}").format(sql.Literal(password))
            )
        self.stop()
        self.password = password
        self.settings = ()
        self._start()
        assert self.port == port, "somebody took the port"


class Container:
    """A container of the stand-in's. `log` is what `docker logs` shows."""

    def __init__(self, name: str, port: int, env: dict[str, str]) -> None:
        self.name = name
        self.id = secrets.token_hex(32)
        self.port = port
        self.env = env
        self.status = "created"
        self.log = "PostgreSQL init process complete; ready for start up."
        self.server: _Database | None = None
        self._gone = threading.Event()
        self._starting: threading.Thread | None = None

    def start(self, delay: float) -> None:
        self.status = "running"
        self._starting = threading.Thread(target=self._start, args=(delay,), daemon=True)
        self._starting.start()

    def _start(self, delay: float) -> None:
        if self._gone.wait(delay):
            return
        home = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        if account := _account():
            os.chown(home, account["user"], account["group"])
        self.server = _Database(_image(), home, self.port)
        self.server.set_up(self.env["POSTGRES_DB"], self.env["POSTGRES_PASSWORD"])

    def end(self) -> None:
        """Stop it, and remove its data."""
        self._gone.set()
        if self._starting is not None:
            self._starting.join()
        if self.server is not None:
            self.server.close()
        self.status = "exited"


class DockerStandIn:
    """The daemon, and a `folder` with the command that reaches it; use it in a `with`.

    The attributes say how it behaves from now on. `calls` are the command lines that it got;
    `made` are all containers that there ever were, `containers` those that there are.
    """

    def __init__(self) -> None:
        self.unreachable = ""
        self.images = {f"postgres:{VERSION}"}
        self.pulls: list[str | float] = ["Pulling from postgres", "Status: Downloaded newer image"]
        self.pull_error = ""
        self.dies_with = ""
        self.run_seconds = 0.0
        self.start_seconds = 0.0
        self.removal_error = ""
        self.calls: list[list[str]] = []
        self.made: list[Container] = []
        self.containers: list[Container] = []
        self.home = Path(tempfile.mkdtemp(prefix="docker", dir="/tmp"))
        self.folder = self.home / "bin"

    def __enter__(self) -> Self:
        address = self.home / "socket"
        self.folder.mkdir()
        command = self.folder / "docker"
        command.write_text(_COMMAND.format(python=sys.executable, path=str(address)))
        command.chmod(0o755)
        daemon = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                request = json.loads(self.rfile.readline())

                def say(stream: str, text: str | int) -> None:
                    self.wfile.write(json.dumps([stream, text]).encode() + b"\n")

                with contextlib.suppress(OSError):  # whoever asked is gone
                    say("exit", daemon._answer(request, say))

        self._server = socketserver.ThreadingUnixStreamServer(str(address), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for container in self.made:
            container.end()
        shutil.rmtree(self.home)

    def _answer(self, request: dict[str, Any], say: Callable[[str, str], None]) -> int:
        argv: list[str] = request["argv"]
        self.calls.append(argv)
        plain = [arg for arg in argv if not arg.startswith("--") or "=" in arg]
        options = dict(arg[2:].split("=", 1) for arg in plain if arg.startswith("--"))
        words = [arg for arg in plain if not arg.startswith("--")]
        try:
            if self.unreachable:
                raise _Refusal(self.unreachable, 125 if argv[0] == "run" else 1)
            if words[0] == "run":
                env = [arg[6:] for arg in argv if arg.startswith("--env=")]
                given = dict(arg.split("=", 1) for arg in env if "=" in arg)
                self._run(words[1], options, given | request["env"], say)
            elif words[0] == "image":
                if words[2] not in self.images:
                    raise _Refusal(_NO_SUCH.format(what="image", name=words[2]))
                say("stdout", "sha256:0")
            elif words[0] == "pull":
                self._pull(words[1], say)
            else:
                self._about(words, say)
        except _Refusal as refusal:
            say("stderr", refusal.text)
            return refusal.status
        return 0

    def _pull(self, image: str, say: Callable[[str, str], None]) -> None:
        for step in self.pulls:
            if isinstance(step, str):
                say("stdout", step)
            else:
                time.sleep(step)
        if self.pull_error:
            raise _Refusal(self.pull_error)
        self.images.add(image)

    def _run(
        self,
        image: str,
        options: dict[str, str],
        env: dict[str, str],
        say: Callable[[str, str], None],
    ) -> None:
        assert image in self.images
        address, published, inner = options["publish"].split(":")
        assert (address, inner) == ("127.0.0.1", "5432")
        container = Container(options["name"], int(published or free_port()), env)
        begun = time.monotonic()
        while time.monotonic() < begun + self.run_seconds:
            time.sleep(0.02)
        self.made.append(container)
        self.containers.append(container)
        if not _is_free(container.port):
            raise _Refusal(_TAKEN.format(name=container.name, port=container.port), 125)
        if self.dies_with:
            container.status, container.log = "exited", self.dies_with
        else:
            container.start(self.start_seconds)
        say("stdout", container.id)

    def _about(self, words: list[str], say: Callable[[str, str], None]) -> None:
        """A command about one container."""
        name = words[1]
        found = [each for each in self.containers if name in (each.id, each.name)]
        if not found:
            raise _Refusal(_NO_SUCH.format(what="container", name=name))
        container = found[0]
        if words[0] == "port":
            if container.status == "running":
                say("stdout", f"127.0.0.1:{container.port}")
        elif words[0] == "inspect":
            say("stdout", container.status)
        elif words[0] == "logs":
            say("stderr", container.log.format_map(container.env))
        elif words[0] == "wait":
            while container.status == "running" and container in self.containers:
                time.sleep(0.02)
            say("stdout", "0")
        elif words[0] == "rm":
            if self.removal_error:
                raise _Refusal(self.removal_error)
            container.end()
            self.containers.remove(container)
            say("stdout", name)
        else:
            raise AssertionError(f"the stand-in has no docker {words[0]}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@functools.cache
def _image() -> Server:
    """What containers are copies of: a server that was made, and never started."""
    home = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    if account := _account():
        os.chown(home, account["user"], account["group"])
    server = Server(VERSION, home)
    atexit.register(server.close)
    server._create()
    return server
