"""Fixtures of the S3 store's tests: one moto a session, and a bucket of each test's own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.ambient_settings import AMBIENT
from tests.support.moto_bucket import Moto
from tests.support.object_servers.moto import start_moto
from tests.support.object_servers.reach import s3_client


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with start_moto() as server:
        yield server.url


@pytest.fixture
def moto(moto_url: str, quiet_environment: None) -> Iterator[Moto]:  # noqa: ARG001  (set up first)
    with closing(s3_client(moto_url)) as client:
        yield Moto(moto_url, f"test-{secrets.token_hex(8)}", client)


@pytest.fixture
def quiet_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No credentials, profiles or endpoints but those of the test."""
    home = tmp_path_factory.mktemp("home")
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
