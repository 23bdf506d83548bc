"""A bucket on moto, for the tests of the S3 store: how it is configured, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from replicate.config import AwsConfig
from replicate.datastores.s3.settings import S3Settings
from replicate.datastores.s3.store import S3Store
from tests.support.object_servers.reach import ACCESS_KEY, SECRET_KEY

CREDENTIALS = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}


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
