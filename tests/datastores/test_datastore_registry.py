"""From the section `datastore` of conf.yaml to a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from replicate.config import DatastoreConfig
from replicate.datastores.registry import names, open_datastore
from replicate.errors import NotFoundError, UsageError


@dataclass(frozen=True)
class _LocalDisk:
    dir: str


@dataclass(frozen=True)
class _Section:
    aws: object | None = None
    gcp: object | None = None
    local_disk: _LocalDisk | None = None


def test_local_disk(tmp_path: Path) -> None:
    store = open_datastore(_Section(local_disk=_LocalDisk(str(tmp_path))))
    store.put("a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


def test_section_of_a_real_config(tmp_path: Path) -> None:
    section = DatastoreConfig.model_validate({"local_disk": {"dir": str(tmp_path)}})
    assert open_datastore(section).location == f"local disk {tmp_path}"


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        open_datastore(_Section(local_disk=_LocalDisk(str(tmp_path / "none"))))


@pytest.mark.parametrize("name", ["aws", "gcp"])
def test_not_yet(name: str) -> None:
    with pytest.raises(UsageError, match=f"the {name} datastore is not supported") as caught:
        open_datastore(_Section(**{name: object()}))  # type: ignore[arg-type]  # by name
    assert caught.value.hint


def test_none() -> None:
    with pytest.raises(UsageError, match="no datastore is configured"):
        open_datastore(_Section())


def test_names() -> None:
    assert set(names()) == {*DatastoreConfig.model_fields}
