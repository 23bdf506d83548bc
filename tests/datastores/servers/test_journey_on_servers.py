"""From a source to a restored copy by the command line, on every datastore of conf.yaml."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from replicate.config import DatastoreConfig
from replicate.datastores.registry import open_datastore
from tests.support.journey import Project, contents
from tests.support.object_servers.project import project_on
from tests.support.object_servers.targets import TARGETS, Place, Servers, Target

_PROCESSES = 16
_AT_ONCE = ("moto", "rclone", "local disk")


def _listed(project: Project, environment: Mapping[str, str]) -> list[str]:
    reported: Any = json.loads(project.succeed("dump", "list", "--json", **environment))
    return sorted(dump["name"] for dump in reported["dumps"])


def _stored(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys in the datastore."""
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    with closing(open_datastore(DatastoreConfig.model_validate(place.section))) as store:
        return [info.key for info in store.list("")]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_journey(
    target: Target, running: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = target.place(running, tmp_path)
    environment = place.environment
    project = project_on(place.section, tmp_path / "project", encrypted=True)

    name = project.succeed("dump", "create", **environment).strip()
    assert _listed(project, environment) == [name]
    assert [key for key in _stored(place, monkeypatch) if key.startswith("dumps/")] == [
        f"dumps/{name}.json"
    ]
    project.succeed("dump", "verify", name, **environment)

    project.succeed("dump", "restore", "remote", "-v", "latest", **environment)
    source, target_ = contents(project.source), contents(project.target)
    assert target_["schema"] == source["schema"]
    assert len(target_["customers"]) == len(source["customers"]) == 20
    assert len(target_["orders"]) == 100
    assert target_["customers"] != source["customers"]
    assert target_["log"] == source["log"]
    assert "@shop.example" not in repr(target_["orders"])

    project.succeed("dump", "delete", name, **environment)
    assert _listed(project, environment) == []
    left = _stored(place, monkeypatch)
    assert not [key for key in left if key.startswith(("dumps/", "chunks/"))]


@pytest.mark.parametrize("where", _AT_ONCE)
def test_sixteen_creates_at_once(where: str, running: Servers, tmp_path: Path) -> None:
    """Whatever the store makes of conditions, no dump is lost."""
    folder = tmp_path / "local"
    folder.mkdir()
    local = {"local_disk": {"dir": str(folder)}}
    section = local if where == "local disk" else running[where].section(f"at-once-on-{where}")
    project = project_on(section, tmp_path / "project", customers=5, encrypted=False)
    names = sorted(f"dump-{number:02}" for number in range(_PROCESSES))

    processes = [project.start("dump", "create", "--name", name, "--jobs", "1") for name in names]
    _end_well(processes)

    assert _listed(project, {}) == names
    project.succeed("dump", "verify", "--all")


def _end_well(processes: list[subprocess.Popen[bytes]]) -> None:
    errors = []
    for process in processes:
        with process:
            _, err = process.communicate(timeout=300)
        if process.returncode != 0:
            errors.append(err.decode())
    assert not errors
