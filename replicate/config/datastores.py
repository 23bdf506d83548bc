"""The section `datastore` of conf.yaml, typed: one model a store, and their mirrors.

Nothing here asks a store anything. What only the store can tell (whether a bucket is there, or an
address may be spoken to in the clear) is judged by `replicate.datastores`, when it is opened.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    WithJsonSchema,
    model_validator,
)

from replicate.config.environment import Unjudged
from replicate.config.fields import (
    Attempts,
    FilledText,
    OptionalSecret,
    OptionalText,
    Seconds,
    Switch,
    WebAddress,
    filled_text,
    one_of,
    unexpected,
    wrong,
)
from replicate.config.mapping import FORMS, ConfigModel, form

DEFAULT_ATTEMPTS = 8
"""Tries of each request, with growing pauses in between: about a minute and a half in all."""

DEFAULT_TIMEOUT = 60
"""Seconds without a byte after which a request has failed."""

_ENDPOINT = "default or {custom: https://address}"
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]\Z")
_ROLE = re.compile(r"arn:[^\s:]+:[^\s:]+:\S+\Z")  # other services have their own kinds
_METADATA_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")


def _prefix(value: object) -> str:
    """Without slashes around it; the empty one is none."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise unexpected("text", value)
    text = str(value).strip("/")
    if isinstance(value, Unjudged) or not text:
        return ""
    if len(text) > 256 or not all(map(_SEGMENT.match, text.split("/"))):
        raise wrong(
            "expected names of letters, digits, `.`, `_` and `-`, with `/` between them",
            "each begins with a letter or a digit",
        )
    return text


def _bucket(value: object) -> str:
    text = filled_text(value)
    if isinstance(value, Unjudged) or _BUCKET.match(text):
        return text
    hint = "it begins and ends with a letter or a digit"
    if "/" in text:
        hint = "what follows a slash goes into `prefix`"
    raise wrong("expected a name of 3 to 255 letters, digits, `.`, `_` and `-`", hint)


def _bucket_or_access_point(value: object) -> str:
    return str(value) if isinstance(value, str) and value.startswith("arn:") else _bucket(value)


def _role_arn(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, Unjudged) or (isinstance(value, str) and _ROLE.match(value)):
        return str(value)
    raise wrong("expected an ARN such as arn:aws:iam::123456789012:role/name")


def _check_endpoint(value: object) -> object:
    if isinstance(value, dict | CustomEndpoint):
        return value
    if isinstance(value, Unjudged) or value == "default":
        return "default"
    raise unexpected(_ENDPOINT, value)


def _metadata(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise unexpected("a mapping of names and texts", value)
    for name, text in value.items():
        if not isinstance(name, str) or not _METADATA_NAME.match(name):
            raise wrong("expected names of letters, digits, `.`, `_` and `-`")
        if not isinstance(text, str):
            raise unexpected("text for each name", text)
        if not text.isascii() or not text.isprintable():
            raise wrong("expected text in printable ASCII, which is all that a header takes")
    return {name: str(text) for name, text in value.items()}


class CustomEndpoint(ConfigModel):
    """The address of a service that speaks the same protocol."""

    custom: WebAddress = Field(description="Such as http://localhost:9000.")


Endpoint = Annotated[
    Annotated[Literal["default"], Tag(FORMS[0])] | Annotated[CustomEndpoint, Tag(FORMS[1])],
    Discriminator(form),
    BeforeValidator(_check_endpoint),
]

_NAME_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1})

BucketName = Annotated[str, BeforeValidator(_bucket), _NAME_SCHEMA]

BucketOrAccessPoint = Annotated[str, BeforeValidator(_bucket_or_access_point), _NAME_SCHEMA]
"""Amazon takes the ARN of an access point in place of a bucket's name."""

RoleArn = Annotated[str | None, BeforeValidator(_role_arn), WithJsonSchema({"type": "string"})]

Prefix = Annotated[str, BeforeValidator(_prefix), WithJsonSchema({"type": "string"})]

Metadata = Annotated[
    dict[str, str],
    BeforeValidator(_metadata),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]

SignatureVersion = Annotated[
    Literal["s3v4", "s3"],
    BeforeValidator(one_of("s3v4", "s3")),
    WithJsonSchema({"enum": ["s3v4", "s3"]}),
]

ServerSideEncryption = Annotated[
    Literal["AES256", "aws:kms"],
    BeforeValidator(one_of("AES256", "aws:kms")),
    WithJsonSchema({"enum": ["AES256", "aws:kms"]}),
]


class RemoteConfig(ConfigModel):
    """What every store behind a network has."""

    prefix: Prefix = Field(
        default="",
        description="A folder of the bucket that all objects are put into. Others call it "
        "`rootdirectory`.",
    )
    max_attempts: Attempts = Field(
        default=DEFAULT_ATTEMPTS,
        description="How often a request is tried, 1 to 100, with growing pauses in between. "
        f"By default {DEFAULT_ATTEMPTS}.",
    )
    timeout: Seconds = Field(
        default=DEFAULT_TIMEOUT,
        description="Seconds without a byte after which a request has failed, 1 to 3600. "
        f"By default {DEFAULT_TIMEOUT}.",
    )


class S3Config(RemoteConfig):
    """What every service that speaks the protocol of S3 has."""

    bucket: BucketName = Field(description="The bucket's name.")
    region: OptionalText = Field(default=None, description="Such as us-east-2.")
    endpoint: Endpoint = Field(
        default="default", description=f"Where another service is meant: {_ENDPOINT}."
    )
    secure: Switch = Field(
        default=True,
        description="`false` allows an http:// endpoint on another machine: dumps and the "
        "signatures of requests then cross the network in the clear.",
    )
    ca_bundle: OptionalText = Field(
        default=None,
        description="A PEM file of the authorities that sign the server's certificate.",
    )

    @property
    def endpoint_url(self) -> str | None:
        """The address of the service, or None for its maker's own."""
        return self.endpoint.custom if isinstance(self.endpoint, CustomEndpoint) else None


class AwsCredentials(ConfigModel):
    """Access keys. Without them the usual places are searched (profile, environment, role)."""

    access_key_id: OptionalSecret = Field(default=None, description="The access key's id.")
    secret_access_key: OptionalSecret = Field(default=None, description="The access key itself.")
    session_token: OptionalSecret = Field(
        default=None, description="The token that comes with temporary keys."
    )

    @model_validator(mode="after")
    def _check_keys(self) -> AwsCredentials:
        _check_pair(self.access_key_id, self.secret_access_key, *AwsCredentials.model_fields)
        return self


Credentials = Annotated[
    AwsCredentials | None,
    AfterValidator(lambda given: given if given and given.access_key_id else None),
]
"""Keys that are left blank are none."""


class AwsConfig(S3Config):
    """A bucket in S3, or in a service that speaks its protocol."""

    bucket: BucketOrAccessPoint = Field(
        description="The bucket's name. For Amazon's own service also the ARN of an access point."
    )
    profile: OptionalText = Field(default=None, description="A profile of ~/.aws/config.")
    credentials: Credentials | None = Field(
        default=None, description="Access keys, if they are not to be found elsewhere."
    )
    role_arn: RoleArn = Field(
        default=None, description="A role that is assumed with those credentials."
    )
    create_bucket: Switch = Field(
        default=True, description="Whether a bucket that is missing is created."
    )
    path_style: Switch | None = Field(
        default=None,
        description="Whether the bucket stands in the path of an address rather than in its host. "
        "By default so for a custom endpoint.",
    )
    signature_version: SignatureVersion = Field(
        default="s3v4", description="`s3` is for old services that know no other."
    )
    server_side_encryption: ServerSideEncryption | None = Field(
        default=None, description="AES256 or aws:kms: what the service encrypts with."
    )
    kms_key_id: OptionalText = Field(default=None, description="The key for aws:kms.")
    storage_class: OptionalText = Field(
        default=None, description="Such as STANDARD_IA. By default the bucket's."
    )
    metadata: Metadata = Field(
        default_factory=dict, description="Sent with every object, as x-amz-meta-NAME."
    )
    purge_versions: Switch = Field(
        default=False,
        description="Whether a delete also removes the old versions that a bucket with "
        "versioning keeps.",
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_keys_outside_credentials(cls, data: object) -> object:
        # Where Replibyte's older files have them.
        if not isinstance(data, dict) or data.get("credentials") is not None:
            return data
        keys = {key: data[key] for key in AwsCredentials.model_fields if key in data}
        rest = {key: value for key, value in data.items() if key not in keys}
        return {**rest, "credentials": keys} if keys else data

    @model_validator(mode="after")
    def _check_access_point(self) -> AwsConfig:
        if self.bucket.startswith("arn:") and self.endpoint_url is not None:
            raise wrong("`bucket` is an ARN, which only Amazon's own endpoint takes")
        return self

    @model_validator(mode="after")
    def _check_kms(self) -> AwsConfig:
        if self.kms_key_id is not None and self.server_side_encryption != "aws:kms":
            raise wrong("`kms_key_id` needs `server_side_encryption: aws:kms`")
        return self


class GcpConfig(S3Config):
    """A bucket in Google Cloud Storage, reached with HMAC keys as if it were S3."""

    access_key: OptionalSecret = Field(default=None, description="The id of an HMAC key.")
    secret: OptionalSecret = Field(default=None, description="The HMAC key itself.")

    @model_validator(mode="after")
    def _check_keys(self) -> GcpConfig:
        _check_pair(self.access_key, self.secret, "access_key", "secret")
        return self


class GcsConfig(RemoteConfig):
    """A bucket in Google Cloud Storage, reached by its own protocol."""

    bucket: BucketName = Field(description="The bucket's name.")
    project: OptionalText = Field(
        default=None, description="The project to bill. By default the credentials'."
    )
    credentials_file: OptionalText = Field(
        default=None,
        description="The key file of a service account. By default the usual places are searched.",
    )


class AzureConfig(RemoteConfig):
    """A container in Azure Blob Storage."""

    container: FilledText = Field(description="The container's name.")
    connection_string: OptionalSecret = Field(
        default=None, description="The account, its address and its key in one."
    )
    account: OptionalText = Field(default=None, description="The storage account's name.")
    key: OptionalSecret = Field(default=None, description="The account's key.")
    sas_token: OptionalSecret = Field(default=None, description="A shared access signature.")

    @model_validator(mode="after")
    def _check_account(self) -> AzureConfig:
        if (self.connection_string is None) == (self.account is None):
            raise wrong("give either `connection_string` or `account`")
        given = [self.connection_string, self.key, self.sas_token]
        if sum(secret is not None for secret in given) > 1:
            raise wrong("give one of `connection_string`, `key` and `sas_token`")
        return self


class LocalDiskConfig(ConfigModel):
    """A directory of this machine."""

    dir: FilledText = Field(description="The directory, from where the program is run.")


class StoreConfig(ConfigModel):
    """One store: exactly one of these."""

    aws: AwsConfig | None = Field(default=None, description="Amazon S3, MinIO and the like.")
    gcp: GcpConfig | None = Field(default=None, description="Google Cloud Storage with HMAC keys.")
    gcs: GcsConfig | None = Field(
        default=None, description="Google Cloud Storage with Google's own credentials."
    )
    azure: AzureConfig | None = Field(default=None, description="Azure Blob Storage.")
    local_disk: LocalDiskConfig | None = Field(default=None, description="A local directory.")

    @property
    def kind(self) -> str:
        """Which of them it is."""
        return self._given()[0]

    def _given(self) -> list[str]:
        return [name for name in self._kinds() if getattr(self, name) is not None]

    @classmethod
    def _kinds(cls) -> list[str]:
        return list(StoreConfig.model_fields)

    @model_validator(mode="after")
    def _check_one(self) -> StoreConfig:
        given = self._given()
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise wrong(f"expected exactly one of {', '.join(self._kinds())}, found {found}")
        return self


class MirrorConfig(StoreConfig):
    """One of several stores that hold the same."""

    required: Switch = Field(
        default=True,
        description="Whether a dump fails where this store does. Otherwise it lags behind, until "
        "`replicate datastore sync`.",
    )


class DatastoreConfig(StoreConfig):
    """Where dumps are kept: exactly one of these."""

    mirrors: list[MirrorConfig] | None = Field(
        default=None, description="Several stores: each is written to, and any is read from."
    )

    @classmethod
    def _kinds(cls) -> list[str]:
        return list(DatastoreConfig.model_fields)

    @model_validator(mode="after")
    def _check_mirrors(self) -> DatastoreConfig:
        if self.mirrors is not None and not any(mirror.required for mirror in self.mirrors):
            raise wrong("expected at least one of `mirrors` to be required")
        return self


def _check_pair(one: SecretStr | None, other: SecretStr | None, *names: str) -> None:
    if (one is None) != (other is None):
        raise wrong(f"`{names[0]}` and `{names[1]}` belong together: give both or neither")
