"""A container of this machine with a new, empty database in it, by the `docker` command.

The password is made up for each container and goes to docker by the environment alone. Commands
run in sessions of their own, so that a Ctrl-C at the terminal reaches this program and not them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO

from replicate.config import Config, ConnectionURI, DestinationConfig
from replicate.databases.registry import open_destination
from replicate.errors import ConflictError, DatabaseError, ReplicateError, UsageError
from replicate.jobs.contents import open_contents
from replicate.jobs.opening import open_library
from replicate.jobs.progress import Progress

PULL_NOTES = 5.0
"""Seconds between two lines about an image that is being pulled."""

_HOST = "127.0.0.1"
_ANSWER_SECONDS = 60
_START_SECONDS = 300
_PROBE_SECONDS = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MAJOR = re.compile(r"PostgreSQL (\d+)")
_PUBLISHED = re.compile(r":(\d+)\s*$", re.MULTILINE)

_KINDS = {"postgresql": "postgresql", "postgres": "postgresql"}
_PLANNED = {"mysql": "MySQL", "mariadb": "MariaDB", "mongodb": "MongoDB", "mongo": "MongoDB"}
_NEWEST_TAG = "17"

_UNREACHABLE = (
    "cannot connect to",
    "is the docker daemon running",
    "failed to connect to the docker api",
    "error during connect",
)
_PORT_TAKEN = ("port is already allocated", "address already in use")
_NO_IMAGE = ("not found", "manifest unknown", "does not exist", "no matching manifest")
_CHATTER = re.compile(r"(Run|See) '.*'")
_PREFIX = re.compile(r"^(docker: |Error response from daemon: |Error: )+")
_TROUBLE = re.compile(r"\b(FATAL|PANIC|ERROR|error)\b")


@dataclass(frozen=True, slots=True)
class Image:
    """PostgreSQL's official image, in the version that `tag` names."""

    tag: str
    port: int = 5432
    user: str = "postgres"
    database: str = "replicate"
    secret: str = "POSTGRES_PASSWORD"  # noqa: S105 - the name of a variable

    def __str__(self) -> str:
        return f"postgres:{self.tag}"


def engine_of(kind: str) -> str:
    """The engine that a user means by `kind`. Raises `UsageError` where there is no image of it."""
    known = _KINDS.get(kind.lower())
    if known is None:
        name = _PLANNED.get(kind.lower())
        raise UsageError(
            f"a container of {name} is not supported by this version yet"
            if name
            else f"there is no database of the kind {kind!r}",
            hint="supported is: postgresql",
        )
    return known


def choose_image(
    config: Config,
    value: str,
    tables: Sequence[str],
    *,
    engine: str | None,
    tag: str | None,
    warn: Callable[[str], None],
) -> tuple[str, Image]:
    """The name of the dump that `value` names, and the image for it: its source's major version.

    `engine` and `tag` are what the user asks for. Raises what a restore would raise for a dump
    that can't be opened, and `UsageError` where no image fits it.
    """
    if tag is not None and not _TAG.fullmatch(tag):
        raise UsageError(f"{tag!r} is no tag of an image", hint="--tag 16, say")
    with open_library(config, warn=warn) as library:
        manifest = open_contents(config, library, value, tables).manifest
    found = manifest.header.engine
    if engine is not None and engine != found:
        raise UsageError(f"the dump is of {found}, and --image asks for {engine}")
    if found not in _KINDS:
        raise UsageError(
            f"a dump of {found} can't be restored into a container",
            hint="name a destination in conf.yaml, and use `replicate dump restore remote`",
        )
    version = _MAJOR.search(manifest.body.source.server_version)
    return manifest.header.name, Image(tag or (version[1] if version else _NEWEST_TAG))


def find_docker() -> str:
    """The path of the `docker` command. Raises `ReplicateError` where there is none."""
    path = shutil.which("docker")
    if path is None:
        raise ReplicateError(
            "there is no `docker` command on the PATH",
            hint="install Docker, or use `replicate dump restore remote`",
        )
    return path


@dataclass(slots=True)
class Container:
    """One container, which `start` makes and `remove` removes, whatever has become of it.

    `port` is one of this machine's; 0 leaves the choice to docker, and is the chosen one after
    `start`. Nobody but this machine can reach it.
    """

    docker: str
    image: Image
    port: int
    name: str = field(default_factory=lambda: f"replicate-{secrets.token_hex(6)}")
    id: str | None = None
    _password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    _begun: bool = False

    @property
    def uri(self) -> str:
        """Where the database is, password included."""
        image = self.image
        return f"postgresql://{image.user}:{self._password}@{_HOST}:{self.port}/{image.database}"

    @property
    def removal(self) -> str:
        """The command by which a user removes it."""
        return f"docker rm --force --volumes {self.name}"

    def destination(self, **parameters: str | int) -> DestinationConfig:
        """The database as a destination; `parameters` are further ones of its URI."""
        # What libpq takes from the environment is meant for other servers.
        fixed = {"hostaddr": _HOST, "sslmode": "disable", "gssencmode": "disable"}
        query = "&".join(f"{key}={given}" for key, given in (fixed | parameters).items())
        return DestinationConfig(connection_uri=ConnectionURI(f"{self.uri}?{query}"))

    def start(self, progress: Progress) -> None:
        """Pull the image where this machine doesn't have it, and start the container.

        Raises `ConflictError` where the port is taken, and `ReplicateError` for what docker
        refuses. However it ends, `remove` is to be called.
        """
        if self.port:
            _check_free(self.port)
        if not self._has_image():
            self._pull(progress)
        progress.stage(f"Starting {self.image}", None)
        self._begun = True
        # An interrupt waits for its end: then the container is there, or it never will be.
        done = self._to_the_end(
            _START_SECONDS,
            "run",
            "--detach",
            f"--name={self.name}",
            f"--publish={_HOST}:{self.port or ''}:{self.image.port}",
            f"--env={self.image.secret}",
            f"--env=POSTGRES_DB={self.image.database}",
            # What queries of several processes share has 64 MB by default, which is soon full.
            "--shm-size=256m",
            str(self.image),
        )
        if done.returncode != 0:
            if any(sign in done.stderr.lower() for sign in _PORT_TAKEN):
                raise _taken(self.port)
            raise self._error("the container can't be started", done)
        self.id = done.stdout.strip().rpartition("\n")[2] or None
        if not self.port:
            self.port = self._published()

    def wait_until_ready(self, seconds: float, progress: Progress) -> None:
        """Return as soon as the database lets us in.

        While it sets itself up, the image's server takes no connections by TCP: the first login
        that succeeds is one to the server that stays. Raises `DatabaseError` where there was none
        for `seconds`, or at once where the container has ended.
        """
        progress.stage("Waiting for the database", None)
        database = open_destination(self.destination(connect_timeout=_PROBE_SECONDS))
        deadline = time.monotonic() + seconds
        pause = _FIRST_PAUSE
        while True:
            try:
                # Asks the server, and so needs a login.
                _ = database.name
                return
            except DatabaseError as error:
                if not self._is_running():
                    raise self._ended() from None
                if time.monotonic() >= deadline:
                    raise DatabaseError(
                        f"container {self.name} took no connections for {seconds:g} s; its last "
                        f"word: {self._last_word()}",
                        hint=f"--wait gives it longer ({error.message})",
                    ) from None
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def follow(self) -> None:
        """Wait for an interrupt. Raises `DatabaseError` where the container ends by itself."""
        while self._is_running():
            self._call(None, "wait", self._handle)
            time.sleep(_LONGEST_PAUSE)
        raise self._ended()

    def remove(self) -> None:
        """Stop and remove it, with its data. Raises `ReplicateError` where docker refuses."""
        try:
            self._remove()
        except KeyboardInterrupt:
            # It may have come before docker was called; there is no second one.
            self._remove()
            raise

    def _remove(self) -> None:
        if not self._begun:
            return
        done = self._to_the_end(_ANSWER_SECONDS, "rm", "--force", "--volumes", self._handle)
        if done.returncode != 0 and "no such container" not in done.stderr.lower():
            raise self._error(f"container {self.name} is still there: it can't be removed", done)
        self._begun = False

    @property
    def _handle(self) -> str:
        return self.id or self.name

    def _has_image(self) -> bool:
        done = self._call(_ANSWER_SECONDS, "image", "inspect", "--format={{.Id}}", str(self.image))
        if done.returncode != 0:
            _refuse_unreachable(done.stderr)
        return done.returncode == 0

    def _pull(self, progress: Progress) -> None:
        progress.stage(f"Pulling {self.image}", None)
        noted = time.monotonic()
        # A file takes all that is said there, where a pipe that nobody reads would be full.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            with self._started("pull", str(self.image), stderr=said) as process:
                try:
                    for line in process.stdout or ():
                        if line.strip() and time.monotonic() - noted >= PULL_NOTES:
                            noted = time.monotonic()
                            progress.note(f"Pulling {self.image}: {line.strip()}")
                except BaseException:
                    process.kill()
                    raise
            said.seek(0)
            stderr = said.read()
        if process.returncode == 0:
            return
        hint = "is this machine online, and the disk not full?"
        if any(sign in stderr.lower() for sign in _NO_IMAGE):
            hint = f"--tag names another version, such as {_NEWEST_TAG}"
        done = subprocess.CompletedProcess((), process.returncode, "", stderr)
        raise self._error(f"the image {self.image} can't be pulled", done, hint)

    def _published(self) -> int:
        done = self._call(_ANSWER_SECONDS, "port", self._handle, f"{self.image.port}/tcp")
        match = _PUBLISHED.search(done.stdout)
        if done.returncode == 0 and match is not None:
            return int(match[1])
        if not self._is_running():
            raise self._ended()
        raise self._error(f"docker doesn't say which port container {self.name} has", done)

    def _is_running(self) -> bool:
        what = ("--type=container", "--format={{.State.Status}}", self._handle)
        done = self._call(_ANSWER_SECONDS, "inspect", *what)
        if done.returncode != 0:
            _refuse_unreachable(done.stderr)
        return done.returncode == 0 and done.stdout.strip() not in ("exited", "dead", "removing")

    def _ended(self) -> DatabaseError:
        return DatabaseError(
            f"container {self.name} has ended; its last word: {self._last_word()}",
            hint=f"does `docker run {self.image}` work on this machine?",
        )

    def _last_word(self) -> str:
        """The last line of its log that tells of trouble, or else the last one."""
        with contextlib.suppress(ReplicateError):
            done = self._call(_ANSWER_SECONDS, "logs", "--tail=50", self._handle)
            if done.returncode == 0:
                lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines()]
                lines = [line for line in lines if line]
                trouble = [line for line in lines if _TROUBLE.search(line)]
                if lines:
                    return self._conceal((trouble or lines)[-1])
        return "nothing"

    def _conceal(self, text: str) -> str:
        return text.replace(self._password, "***")

    def _error(
        self, doing: str, done: subprocess.CompletedProcess[str], hint: str | None = None
    ) -> ReplicateError:
        _refuse_unreachable(done.stderr)
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        lines = [_PREFIX.sub("", line) for line in lines if not _CHATTER.match(line)]
        said = lines[-1] if lines else f"docker ended with status {done.returncode}"
        return ReplicateError(f"{doing}: {self._conceal(said)}", hint=hint)

    def _to_the_end(self, seconds: float, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As `_call`, but an interrupt comes only after the command's end."""
        # Interrupts are raised in the main thread alone, and leaving this block waits for another.
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(self._call, seconds, *arguments).result()

    def _call(self, seconds: float | None, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            with self._started(*arguments) as process:
                try:
                    stdout, stderr = process.communicate(timeout=seconds)
                except BaseException:
                    process.kill()
                    raise
        except subprocess.TimeoutExpired:
            raise ReplicateError(
                f"`docker {arguments[0]}` did not answer for {seconds:g} s",
                # What the daemon is doing may still come to its end, after our `remove`.
                hint=f"see to docker's daemon, and then to what it may have made: {self.removal}",
            ) from None
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def _started(
        self, *arguments: str, stderr: int | IO[str] = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        secret = {self.image.secret: self._password} if arguments[0] == "run" else {}
        try:
            return subprocess.Popen(
                [self.docker, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
                env={**os.environ, **secret},
            )
        except OSError as error:
            raise ReplicateError(f"docker can't be run: {error.strerror}") from None


def _check_free(port: int) -> None:
    """Raise `ConflictError` where something of this machine has the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            # Another reason, such as a low number, may be none for docker.
            if error.errno == errno.EADDRINUSE:
                raise _taken(port) from None


def _taken(port: int) -> ConflictError:
    return ConflictError(
        f"port {port} of this machine is taken",
        hint="--port names another one, and --port 0 takes any that is free",
    )


def _refuse_unreachable(stderr: str) -> None:
    """Raise the error that says so where docker's command could not reach its daemon."""
    said = stderr.lower()
    if "permission denied" in said and ("daemon" in said or "docker api" in said):
        raise ReplicateError(
            "docker's daemon does not let this user in",
            hint="add the user to the group `docker`, or see how rootless docker is set up",
        )
    if any(sign in said for sign in _UNREACHABLE):
        raise ReplicateError(
            "docker's daemon can't be reached", hint="start it; `docker info` tells more"
        )
