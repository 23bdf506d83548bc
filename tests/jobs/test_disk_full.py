"""No room left: one sentence, nothing half-listed, and what was there stays as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.journey import Project, contents, make_project

ROOM = "ulimit -f 48"
"""No file may have more blocks of 512 bytes: the system then says no as a full disk does."""


def _run_without_room(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Measuring coverage would write files of its own, and complain.
    plain = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    command = [sys.executable, "-m", "replicate", "-c", str(project.conf), *arguments]
    return subprocess.run(
        ["/bin/sh", "-c", f'{ROOM}; trap "" XFSZ; exec "$0" "$@"', *command],
        env=plain | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def _one_sentence(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr


def test_create(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=3000)
    project.succeed("dump", "create", "--name", "before")
    before = project.objects()
    _one_sentence(_run_without_room(project, "dump", "create", "--name", "full"))
    assert project.objects() == before
    assert project.listed() == ["before"]
    project.succeed("dump", "verify", "--all")
    project.succeed("dump", "create", "--name", "after")


def test_restore(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=3000)
    project.succeed("dump", "create")
    project.succeed("dump", "restore", "remote", "-v", "latest")
    old = contents(project.target)
    _one_sentence(_run_without_room(project, "dump", "restore", "remote", "-v", "latest", "--wipe"))
    assert contents(project.target) == old
    assert [path.name for path in project.folder.glob(".dev*")] == []
    project.succeed("dump", "restore", "remote", "-v", "latest", "--wipe")
