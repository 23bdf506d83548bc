"""moto for the tests of the S3 store: one server a session, and a bucket of each test's own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from replicate.config import AwsConfig
from replicate.datastores.s3.settings import S3Settings
from replicate.datastores.s3.store import S3Store
from tests.support.object_servers.moto import start_moto
from tests.support.object_servers.reach import ACCESS_KEY, SECRET_KEY, s3_client

CREDENTIALS = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
AMBIENT = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS", "AWS_CA_BUNDLE", "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "REQUESTS_CA_BUNDLE",
)  # fmt: skip
"""What a machine may have set that would change where a request goes, and as whom."""


@dataclass(frozen=True, slots=True)
class Moto:
    """A bucket on moto that does not exist yet, and `client`, the vendor's own, to look behind."""

    url: str
    bucket: str
    client: Any

    def settings(self, **changes: object) -> S3Settings:
        """As from a config with `changes`; `None` leaves a key out."""
        section = {
            "bucket": self.bucket,
            "region": "us-east-1",
            "credentials": CREDENTIALS,
            "endpoint": {"custom": self.url},
            "timeout": 20,
            **changes,
        }
        given = {name: value for name, value in section.items() if value is not None}
        return S3Settings.of_aws(AwsConfig.model_validate(given))

    def store(self, **changes: object) -> S3Store:
        return S3Store(self.settings(**changes))

    def names(self) -> list[str]:
        """Every key in the bucket, as it is there."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]


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
