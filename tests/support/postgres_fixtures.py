"""Fixtures for tests that need PostgreSQL; `tests/conftest.py` makes them known everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.postgres import Server, available_versions, start_server
from tests.support.postgres_journey import Pair
from tests.support.postgres_midway import WIDE


@pytest.fixture(scope="session")
def server_of() -> Iterator[Callable[[int], Server]]:
    """Gives the server of a version: started when first asked for, one for a whole session."""
    with ExitStack() as stack:
        started: dict[int, Server] = {}

        def find(version: int) -> Server:
            if version not in started:
                started[version] = start_server(version)
                stack.callback(started[version].close)
            return started[version]

        yield find


@pytest.fixture(scope="session", params=available_versions(), ids="pg{}".format)
def server(request: pytest.FixtureRequest, server_of: Callable[[int], Server]) -> Server:
    """Every version in turn. Leave it running: a test that stops its server starts its own."""
    version: int = request.param
    return server_of(version)


@pytest.fixture(scope="session")
def any_server(server_of: Callable[[int], Server]) -> Server:
    """One version, for tests of what is the same in all."""
    return server_of(16)


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The name of an empty database on `server`."""
    name = server.create_database()
    yield name
    server.drop_database(name)


@pytest.fixture
def any_database(any_server: Server) -> Iterator[str]:
    """The name of an empty database on `any_server`."""
    name = any_server.create_database()
    yield name
    any_server.drop_database(name)


@pytest.fixture
def pair(server: Server, tmp_path: Path) -> Iterator[Pair]:
    """A source and a target, both empty, on `server`."""
    yield from _pair(server, tmp_path)


@pytest.fixture
def any_pair(any_server: Server, tmp_path: Path) -> Iterator[Pair]:
    """A source and a target, both empty, on `any_server`."""
    yield from _pair(any_server, tmp_path)


@pytest.fixture
def plain_pair(any_server: Server, tmp_path: Path) -> Iterator[Pair]:
    """The same without a key, which takes half a second to be stretched each time."""
    yield from _pair(any_server, tmp_path, encrypted=False)


def _pair(server: Server, folder: Path, *, encrypted: bool = True) -> Iterator[Pair]:
    pair = Pair(server, server.create_database(), server.create_database(), folder, encrypted)
    yield pair
    server.drop_database(pair.source)
    server.drop_database(pair.target)


@pytest.fixture(scope="module")
def wide_source(any_server: Server) -> Iterator[str]:
    """A database with the wide table, which no test changes."""
    name = any_server.create_database()
    any_server.run(name, WIDE)
    yield name
    any_server.drop_database(name)


@pytest.fixture
def wide_pair(any_server: Server, wide_source: str, tmp_path: Path) -> Pair:
    """That as a source; there is no target."""
    return Pair(any_server, wide_source, "there_is_none", tmp_path, encrypted=False)
