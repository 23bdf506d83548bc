"""What a test needs to know of a running object store, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

Section = dict[str, Any]
"""The section `datastore` of conf.yaml."""

ACCESS_KEY = "tester"
SECRET_KEY = "not-secret-on-loopback"
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class ObjectServer:
    """A running store.

    `section` gives the section `datastore` of conf.yaml for a bucket of that name, and
    `make_bucket` makes such a bucket. `environment` is what the program has to run with besides.
    `url` is where the server listens.
    """

    name: str
    url: str
    section: Callable[[str], Section]
    make_bucket: Callable[[str], None]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class S3Keys:
    """What a server of S3's protocol is asked with; `ca_bundle` is a PEM file, for https."""

    access: str = ACCESS_KEY
    secret: str = SECRET_KEY
    ca_bundle: str | None = None


def s3_server(name: str, url: str, keys: S3Keys | None = None) -> ObjectServer:
    """A server of S3's protocol, as the datastore `aws` reaches it."""
    given = keys or S3Keys()

    def section(bucket: str) -> Section:
        settings: Section = {
            "bucket": bucket,
            "region": REGION,
            "credentials": {"access_key_id": given.access, "secret_access_key": given.secret},
            "endpoint": {"custom": url},
        }
        if given.ca_bundle:
            settings["ca_bundle"] = given.ca_bundle
        return {"aws": settings}

    return ObjectServer(name, url, section, lambda bucket: _make_s3_bucket(url, given, bucket))


def as_gcp(server: ObjectServer) -> ObjectServer:
    """The same server of S3's protocol, as the datastore `gcp` reaches it."""

    def section(bucket: str) -> Section:
        settings: Section = server.section(bucket)["aws"]
        keys = settings.pop("credentials")
        settings |= {"access_key": keys["access_key_id"], "secret": keys["secret_access_key"]}
        return {"gcp": settings}

    return ObjectServer(
        f"gcp on {server.name}", server.url, section, server.make_bucket, server.environment
    )


def changed(section: Section, **settings: Any) -> Section:
    """The same store with other settings."""
    ((kind, given),) = section.items()
    return {kind: {**given, **settings}}


def s3_client(url: str, keys: S3Keys | None = None) -> Any:
    """The vendor's own client, for what a test does behind the store's back. Close it."""
    given = keys or S3Keys()
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=given.access,
        aws_secret_access_key=given.secret,
        verify=given.ca_bundle,
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _make_s3_bucket(url: str, keys: S3Keys, bucket: str) -> None:
    client = s3_client(url, keys)
    try:
        client.create_bucket(Bucket=bucket)
    finally:
        client.close()
