"""Every datastore of conf.yaml on a server that it is tested against."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.object_servers.azurite import start_azurite
from tests.support.object_servers.gcs_emulator import start_gcs_emulator
from tests.support.object_servers.moto import start_moto
from tests.support.object_servers.rclone import start_rclone
from tests.support.object_servers.reach import ObjectServer, Section, as_gcp, changed
from tests.support.object_servers.swift import start_swift

_STARTS: Mapping[str, Callable[[], AbstractContextManager[ObjectServer]]] = {
    "moto": start_moto,
    "Swift": start_swift,
    "rclone": start_rclone,
    "GCS emulator": start_gcs_emulator,
    "Azurite": start_azurite,
}

_numbers = itertools.count(1)


class Servers:
    """The servers, each started when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[str, ObjectServer] = {}

    def __getitem__(self, name: str) -> ObjectServer:
        if name not in self._running:
            self._running[name] = self._stack.enter_context(_STARTS[name]())
        return self._running[name]


@contextmanager
def servers() -> Iterator[Servers]:
    """Ends all of them with the block."""
    with ExitStack() as stack:
        yield Servers(stack)


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to put dumps: a section `datastore`, and what the program's environment needs."""

    section: Section
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of datastore on a server. `atomic`: its conditional writes can be relied on."""

    name: str
    make: Callable[[Servers, str, Path], Place]
    atomic: bool

    def place(self, running: Servers, folder: Path) -> Place:
        """A bucket of its own; `folder` is for a part on local disk."""
        return self.make(running, f"bucket-{os.getpid()}-{next(_numbers)}", folder)

    def __str__(self) -> str:
        return self.name


def _made_by_itself(server: str) -> Callable[[Servers, str, Path], Place]:
    def make(running: Servers, bucket: str, _: Path) -> Place:
        found = running[server]
        return Place(found.section(bucket), found.environment)

    return make


def _made_before(server: str) -> Callable[[Servers, str, Path], Place]:
    def make(running: Servers, bucket: str, _: Path) -> Place:
        found = running[server]
        found.make_bucket(bucket)
        return Place(found.section(bucket), found.environment)

    return make


def _gcp(running: Servers, bucket: str, _: Path) -> Place:
    server = as_gcp(running["moto"])
    server.make_bucket(bucket)
    return Place(changed(server.section(bucket), prefix="a/folder"), server.environment)


def _mirrors(running: Servers, bucket: str, folder: Path) -> Place:
    directory = folder / "mirror"
    directory.mkdir()
    server = running["moto"]
    sections = [{"local_disk": {"dir": str(directory)}}, server.section(bucket)]
    return Place({"mirrors": sections}, server.environment)


TARGETS = (
    Target("aws on moto", _made_by_itself("moto"), atomic=True),
    Target("aws on Swift", _made_by_itself("Swift"), atomic=False),
    Target("aws on rclone over https", _made_by_itself("rclone"), atomic=False),
    Target("gcp on moto", _gcp, atomic=True),
    Target("gcs on its emulator", _made_before("GCS emulator"), atomic=False),
    Target("azure on Azurite", _made_before("Azurite"), atomic=True),
    Target("mirrors on local disk and moto", _mirrors, atomic=True),
)
BY_NAME = {target.name: target for target in TARGETS}
