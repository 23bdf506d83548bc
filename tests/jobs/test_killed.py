"""kill -9 at every step: only whole dumps are listed, and the next run works."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from replicate.jobs.cleanup import prune_orphans
from replicate.jobs.create import create_dump
from replicate.jobs.listing import list_dumps
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from replicate.jobs.verify import verify_dumps
from tests.support.journey import Project, contents, make_project


def _listed(project: Project) -> set[str]:
    return {header.name for header in list_dumps(project.config(), warn=_fail)}


def _fail(message: str) -> None:
    raise AssertionError(message)


def _all_whole(project: Project) -> None:
    assert all(r.ok for r in verify_dumps(project.config(), None, progress=Silent()))


def _killed_before(step: int, project: Project, *arguments: str) -> bool:
    """Run the command, killed before its `step`-th step; False where it had fewer, and lived."""
    command = [sys.executable, "-m", "tests.support.crashing", str(step), "-c", str(project.conf)]
    done = subprocess.run([*command, *arguments], capture_output=True, check=False)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
    return done.returncode != 0


def _prunes_to_what_is_listed(project: Project) -> None:
    prune_orphans(project.config(), grace=timedelta(0), dry_run=False, progress=Silent())
    runs = list((project.store / "chunks").iterdir())
    assert len(runs) == len(_listed(project))
    hidden = [path for path in project.store.rglob(".*") if path.is_file()]
    assert [path.name for path in hidden if path.name != ".lock"] == []


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
def test_create(tmp_path: Path, encrypted: bool) -> None:
    project = make_project(tmp_path, customers=30, encrypted=encrypted)
    create_dump(project.config(), name="old", progress=Silent())
    seen: list[bool] = []
    for step in itertools.count(1):
        _killed_before(step, project, "dump", "create", "--name", "new")
        listed = _listed(project)
        assert "old" in listed
        seen.append("new" in listed)
        # Once its manifest is there, the dump exists, though the rest was not done.
        if seen[-1]:
            break
    assert len(seen) > 12, "a dump has more steps than that"
    create_dump(project.config(), name="after", progress=Silent())
    _all_whole(project)
    _prunes_to_what_is_listed(project)
    _all_whole(project)


def _many_chunks(folder: Path) -> Project:
    """A project whose dump is work for several processes."""
    project = make_project(folder, customers=20_000)
    text = project.conf.read_text()
    project.conf.write_text(text.replace("source:\n", "source:\n  chunk_size: 64KiB\n"))
    return project


def test_create_by_several_processes(tmp_path: Path) -> None:
    project = _many_chunks(tmp_path)
    chunks = project.store / "chunks"
    for name, enough in (("first", 1), ("second", 4), ("third", 9)):
        process = project.start("dump", "create", "--name", name, "--jobs", "2")
        before = set(chunks.glob("*/*"))
        while len(set(chunks.glob("*/*")) - before) < enough and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert _listed(project) == set()
    create_dump(project.config(), name="after", jobs=2, progress=Silent())
    _prunes_to_what_is_listed(project)
    _all_whole(project)


def test_workers_end_with_a_killed_coordinator(tmp_path: Path) -> None:
    project = _many_chunks(tmp_path)
    process = project.start("dump", "create", "--jobs", "2")
    # Where they can't be forked, Python starts a helper beside them.
    expected = 2 if sys.platform == "linux" else 3
    family: list[psutil.Process] = []
    while len(family) < expected and process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        time.sleep(0.005)
    assert len(family) == expected
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


def test_restore_leaves_the_old_database(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=30, rules="  transformers: []\n")
    create_dump(project.config(), name="one", progress=Silent())
    restore_dump(project.config(), "one", RestoreOptions(), progress=Silent())
    old = contents(project.target)

    arguments = ("dump", "restore", "remote", "-v", "one", "--wipe")
    steps = 1
    while _killed_before(steps, project, *arguments):
        assert contents(project.target) == old
        steps += 1
    assert steps > 3, "a restore has more steps than that"
    assert [path.name for path in project.folder.glob(".dev*")] == []


def test_delete(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=30)
    create_dump(project.config(), name="kept", progress=Silent())
    seen = []
    for step in itertools.count(1):
        if "doomed" not in _listed(project):
            create_dump(project.config(), name="doomed", progress=Silent())
        killed = _killed_before(step, project, "dump", "delete", "doomed")
        listed = _listed(project)
        assert "kept" in listed
        seen.append("doomed" in listed)
        _all_whole(project)
        if not killed:
            break
    assert len(seen) > 6, "a deletion has more steps than that"
    _prunes_to_what_is_listed(project)
    _all_whole(project)
