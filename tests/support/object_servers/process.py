"""Processes of servers: each in a folder of its own, and never left behind.

Beside each server runs a guard, a shell that waits for the end of its input. Should the tests be
killed, the guard ends the server and removes the folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from tests.support.ports import HOST

_PATIENCE = 60.0  # seconds for a server to come up on a machine that is busy
_ATTEMPTS = 3

_GUARD = """
read -r ended && exit 0
kill -TERM "-$1"; sleep 2; kill -KILL "-$1"
rm -rf "$2"
"""

StartedT = TypeVar("StartedT")


class ServerError(AssertionError):
    """A server did not start; the message has what it wrote."""


class ServerProcess:
    """A running server, the leader of a process group; its output is in `log`."""

    def __init__(
        self, command: Sequence[str], home: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it. A program that isn't there is a `ServerError`."""
        self._name = Path(command[0]).name
        self.log = home / f"{self._name}.log"
        # Nothing that this machine has set for a store, a proxy or a log may reach a server.
        plain = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TZ", "TMPDIR")}
        with self.log.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    command,
                    cwd=home,
                    env={**plain, "HOME": str(home), **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise ServerError(f"{command[0]} can't be run: {error.strerror}") from error
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", str(self._process.pid), str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, answers: Callable[[], bool]) -> None:
        """Return once `answers()`; `ServerError` where the server ends before, or never does.

        `answers` may raise an `OSError` for not yet.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            with suppress(OSError):
                if answers():
                    return
            if self._process.poll() is not None:
                raise ServerError(f"{self._name} ended at once: {self._said()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self._name} does not answer: {self._said()}")
            time.sleep(0.05)

    def end(self) -> None:
        """End the server and what it started. May be called twice."""
        for order, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 60.0)):
            if self._process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, order)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(patience)
        with suppress(ProcessLookupError):  # what outlived its leader
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(BrokenPipeError):
            self._guard.communicate(b"ended\n")

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


@contextmanager
def server_folder(name: str) -> Iterator[Path]:
    """A folder for a server's files, removed at the end."""
    # The path is kept short, for a socket's may have no more than 107 bytes.
    home = Path(tempfile.mkdtemp(prefix=f"replicate-{name}-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def running(
    command: Sequence[str],
    home: Path,
    answers: Callable[[], bool],
    *,
    environment: Mapping[str, str] | None = None,
) -> Iterator[ServerProcess]:
    """The process, from when it `answers` to the end of the block."""
    process = ServerProcess(command, home, environment=environment)
    try:
        process.wait_until(answers)
        yield process
    finally:
        process.end()


def started(start: Callable[[], StartedT]) -> StartedT:
    """What `start` gives, tried again where somebody else took its port in between."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(ServerError):
            return start()
    return start()


def listens(port: int) -> Callable[[], bool]:
    """Whether something takes connections at `port`, for `wait_until`."""

    def answers() -> bool:
        with socket.create_connection((HOST, port), timeout=1):
            return True

    return answers
