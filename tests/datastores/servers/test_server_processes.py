"""Servers say why they don't start, and never outlive the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from replicate.config import DatastoreConfig
from replicate.datastores.registry import open_datastore
from replicate.errors import ReplicateError
from tests.support.object_servers import process
from tests.support.object_servers.process import ServerError, ServerProcess, server_folder
from tests.support.object_servers.reach import changed
from tests.support.object_servers.targets import Servers

_PATIENCE = 60.0

# Starts a server with a child of its own, tells of both and of the folder, and waits to be killed.
_TESTS = """
import sys, time
from tests.support.object_servers.process import running, server_folder
with server_folder("killed") as home:
    command = ["/bin/sh", "-c", "sleep 600 & echo $! > child; wait"]
    with running(command, home, lambda: (home / "child").exists()) as server:
        print(home, server.pid, flush=True)
        time.sleep(600)
"""


def _never() -> bool:
    return False


def test_server_that_ends_at_once(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="sh ended at once: the port is taken"):
        process.running(["/bin/sh", "-c", "echo the port is taken"], tmp_path, _never).__enter__()


def test_program_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="no-such-server can't be run"):
        ServerProcess([str(tmp_path / "no-such-server")], tmp_path)


def test_server_that_ignores_a_polite_request(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "trap '' TERM; touch up; while :; do sleep 0.1; done"]
    with process.running(command, tmp_path, (tmp_path / "up").exists) as server:
        assert psutil.pid_exists(server.pid)
    assert not psutil.pid_exists(server.pid)


def test_folder_goes_with_the_block() -> None:
    with server_folder("short") as home:
        (home / "file").write_text("x")
    assert not home.exists()


def test_killed_tests_leave_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _TESTS], stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        folder, pid = tests.stdout.readline().split()
        home, server = Path(folder), psutil.Process(int(pid))
        family = [server, *server.children(recursive=True)]
        assert len(family) == 2
        os.kill(tests.pid, signal.SIGKILL)
    psutil.wait_procs(family, timeout=_PATIENCE)
    deadline = time.monotonic() + _PATIENCE
    while home.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not home.exists()
    assert not [each for each in family if each.is_running()]


def test_certificate_of_an_unknown_authority(running: Servers) -> None:
    """Else those over https would show nothing."""
    section = changed(running["rclone"].section("never-made"), ca_bundle=None, max_attempts=1)
    with (
        closing(open_datastore(DatastoreConfig.model_validate(section))) as store,
        pytest.raises(ReplicateError),
    ):
        store.put("a", b"x")
