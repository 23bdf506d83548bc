"""kill -9 in the middle of everything: only whole dumps are listed, and the next run works."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.journey import Project, contents, make_project

ROUNDS = 12
SEED = 20260103


def _time(project: Project, *arguments: str) -> float:
    started = time.monotonic()
    project.succeed(*arguments)
    return time.monotonic() - started


def _kill_after(process: subprocess.Popen[bytes], seconds: float) -> int:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_create_killed_at_any_time(tmp_path: Path, jobs: str) -> None:
    project = make_project(tmp_path, customers=4000)
    text = project.conf.read_text().replace("source:\n", "source:\n  chunk_size: 64KiB\n")
    project.conf.write_text(text)
    usual = _time(project, "dump", "create", "--name", "whole", "--jobs", jobs)
    draw = random.Random(SEED)
    killed = 0
    for i in range(ROUNDS):
        # Starting Python takes half of the time, and nothing is stored meanwhile.
        moment = usual * draw.uniform(0.4, 1.0)
        process = project.start("dump", "create", "--name", f"try-{i}", "--jobs", jobs)
        code = _kill_after(process, moment)
        killed += code != 0
        listed = set(project.listed())
        assert "whole" in listed
        assert (f"try-{i}" in listed) >= (code == 0)
    assert killed, "no run was slow enough to be killed"
    project.succeed("dump", "verify", "--all")
    project.succeed("dump", "create", "--name", "after", "--jobs", jobs)
    project.succeed("dump", "prune", "--orphans", "--grace", "0s")
    runs = {path.name for path in (project.store / "chunks").iterdir()}
    assert len(runs) == len(project.listed())
    assert not [p for p in project.store.rglob(".*") if p.is_file() and "tmp" in p.name]
    project.succeed("dump", "verify", "--all")


def test_restore_killed_at_any_time_leaves_the_old_database(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=4000)
    project.succeed("dump", "create", "--name", "one")
    usual = _time(project, "dump", "restore", "remote", "-v", "one")
    before = project.target.read_bytes()
    draw = random.Random(SEED)
    killed = 0
    for _ in range(ROUNDS):
        process = project.start("dump", "restore", "remote", "-v", "one", "--wipe")
        code = _kill_after(process, usual * draw.uniform(0.4, 1.0))
        killed += code != 0
        if code:
            assert project.target.exists()
            assert contents(project.target)["user_version"] == (7,)
        else:
            before = project.target.read_bytes()
        assert len(project.target.read_bytes()) == len(before)
    assert killed, "no run was slow enough to be killed"
    project.succeed("dump", "restore", "remote", "-v", "one", "--wipe")
    assert [path.name for path in project.folder.glob(".dev*")] == []


def test_delete_killed_at_any_time(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=200)
    names = [f"dump-{i}" for i in range(ROUNDS)]
    for name in names:
        project.succeed("dump", "create", "--name", name)
    usual = _time(project, "dump", "delete", names[0])
    draw = random.Random(SEED)
    for name in names[1:]:
        _kill_after(project.start("dump", "delete", name), usual * draw.uniform(0.6, 1.0))
        project.succeed("dump", "verify", "--all")
    project.succeed("dump", "prune", "--orphans", "--grace", "0s")
    project.succeed("dump", "create", "--name", "after")
    runs = {path.name for path in (project.store / "chunks").iterdir()}
    assert len(runs) == len(project.listed())
