"""Twelve processes creating and deleting dumps in one datastore: nothing lost, nothing doubled."""

from __future__ import annotations

from pathlib import Path

from tests.support.journey import make_project

PROCESSES = 12


def test_creates_and_deletes_at_once(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=50)
    for i in range(4):
        project.succeed("dump", "create", "--name", f"old-{i}")
    running = [
        project.start("dump", "create", "--name", f"new-{i}") for i in range(PROCESSES - 4)
    ] + [project.start("dump", "delete", f"old-{i}") for i in range(4)]
    for process in running:
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err.decode()
    expected = sorted(f"new-{i}" for i in range(PROCESSES - 4))
    assert sorted(project.listed()) == expected
    (project.store / "index.json").unlink()
    assert sorted(project.listed()) == expected
    project.succeed("dump", "verify", "--all")
    # Every run is named by a dump: the deleted ones took their chunks along.
    assert len(list((project.store / "chunks").iterdir())) == len(expected)
    assert project.succeed("dump", "prune", "--orphans", "--grace", "0s") == ""


def test_one_name_is_given_once(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=50)
    running = [project.start("dump", "create", "--name", "same") for _ in range(6)]
    codes = []
    for process in running:
        process.communicate(timeout=600)
        codes.append(process.returncode)
    assert sorted(codes) == [0, 11, 11, 11, 11, 11]
    assert project.listed() == ["same"]
    project.succeed("dump", "verify", "same")
    # The losers took their chunks away again.
    assert len(list((project.store / "chunks").iterdir())) == 1
