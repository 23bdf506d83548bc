"""The servers, one of each for every process of tests that needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.ambient_settings import AMBIENT
from tests.support.object_servers.reach import ObjectServer
from tests.support.object_servers.targets import Servers, servers


@pytest.fixture(scope="session")
def running() -> Iterator[Servers]:
    with servers() as found:
        yield found


@pytest.fixture(scope="session")
def moto_server(running: Servers) -> ObjectServer:
    return running["moto"]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test says: nobody's own account is ever asked."""
    for name in (*AMBIENT, "STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
