"""What there is to know of a bucket before anything is asked of it, and where it may be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pydantic import SecretStr

from replicate.config import AwsConfig, GcpConfig
from replicate.datastores.remote.addresses import check_address, host_of, shown_address
from replicate.datastores.remote.objects import Folder
from replicate.errors import UsageError

GOOGLE = "https://storage.googleapis.com"
"""Where Google answers as if it were S3."""

_GOOGLE_REGION = "auto"  # any will do for a signature, and Google's own examples have this one
_AMAZON_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonaws.eu")


class Service(Enum):
    """Whose service it is: what one may rely on depends on it."""

    AMAZON = "amazon"
    GOOGLE = "google"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key; none of it is ever shown."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class S3Settings:
    """A bucket, and how it is spoken to. May be pickled.

    `endpoint` None is Amazon's own, or what `AWS_ENDPOINT_URL` and its kin say. `keys` None means
    that boto3 looks for credentials where it always does. `may_create` is whether there is a key
    `create_bucket` to set. `timeout` is in seconds.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    profile: str | None = None
    keys: Keys | None = None
    role_arn: str | None = None
    endpoint: str | None = None
    create_bucket: bool = False
    may_create: bool = True
    path_style: bool | None = None
    secure: bool = True
    ca_bundle: str | None = None
    signature_version: str = "s3v4"
    server_side_encryption: str | None = None
    kms_key_id: str | None = None
    storage_class: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    purge_versions: bool = False
    timeout: float = 60

    @classmethod
    def of_aws(cls, config: AwsConfig) -> S3Settings:
        given = config.credentials
        keys = None
        if given is not None:
            keys = _keys(given.access_key_id, given.secret_access_key, given.session_token)
        return cls(
            bucket=config.bucket,
            prefix=config.prefix,
            region=config.region,
            profile=config.profile,
            keys=keys,
            role_arn=config.role_arn,
            endpoint=config.endpoint_url,
            create_bucket=config.create_bucket,
            path_style=config.path_style,
            secure=config.secure,
            ca_bundle=config.ca_bundle,
            signature_version=config.signature_version,
            server_side_encryption=config.server_side_encryption,
            kms_key_id=config.kms_key_id,
            storage_class=config.storage_class,
            metadata=dict(config.metadata),
            purge_versions=config.purge_versions,
            timeout=config.timeout,
        )

    @classmethod
    def of_gcp(cls, config: GcpConfig) -> S3Settings:
        """Raises `UsageError` without HMAC keys: Amazon's credentials are not for Google."""
        keys = _keys(config.access_key, config.secret, None)
        if keys is None:
            raise UsageError(
                f"there are no HMAC keys for the bucket {config.bucket}",
                hint="set access_key and secret, or use `gcs` with Google's own credentials",
            )
        return cls(
            bucket=config.bucket,
            prefix=config.prefix,
            region=config.region or _GOOGLE_REGION,
            keys=keys,
            endpoint=config.endpoint_url or GOOGLE,
            may_create=False,
            secure=config.secure,
            ca_bundle=config.ca_bundle,
            timeout=config.timeout,
        )

    @property
    def location(self) -> str:
        """Where the objects are, fit to be shown."""
        path = "/".join(filter(None, (self.bucket, self.prefix)))
        address = self.endpoint or _address_of_environment()
        return f"s3://{path}" + (f" at {shown_address(address)}" if address else "")

    @property
    def folder(self) -> Folder:
        """Where keys are in the bucket."""
        return Folder(self.prefix)

    def check(self) -> None:
        """Raise `UsageError` for an address that can't be used, as far as it is known by now."""
        found = endpoint_of_environment()
        if self.endpoint is not None:
            self.check_address(self.endpoint)
        elif found is not None:
            self.check_address(found[1], source=found[0])

    def check_address(self, address: str, *, source: str = "the endpoint of the datastore") -> None:
        """Raise `UsageError` unless `address`, found out by now, may be spoken to."""
        check_address(address, source=source, secure=self.secure)

    def put_parameters(self) -> dict[str, Any]:
        """What goes with each object, under the names that PutObject has for it."""
        given = {
            "ServerSideEncryption": self.server_side_encryption,
            "SSEKMSKeyId": self.kms_key_id,
            "StorageClass": self.storage_class,
            "Metadata": dict(self.metadata),
        }
        return {name: value for name, value in given.items() if value}


def service_at(address: str) -> Service:
    host = f".{host_of(address)}"
    if host.endswith(_AMAZON_HOSTS):
        return Service.AMAZON
    return Service.GOOGLE if host.endswith(".storage.googleapis.com") else Service.OTHER


def endpoint_of_environment() -> tuple[str, str] | None:
    """The variable that has an endpoint, and that without whitespace around it.

    As in "Service-specific endpoints" of the AWS SDKs and Tools Reference Guide.
    """
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    for variable in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if address := os.environ.get(variable, "").strip():
            return variable, address
    return None


def _address_of_environment() -> str | None:
    found = endpoint_of_environment()
    return found and found[1]


def _keys(
    access: SecretStr | None, secret: SecretStr | None, token: SecretStr | None
) -> Keys | None:
    if access is None or secret is None:
        return None
    return Keys(
        access.get_secret_value(),
        secret.get_secret_value(),
        token.get_secret_value() if token else None,
    )
