"""What was asked of a service, and the errors that it answers with, before anybody judges them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from replicate.datastores.remote.addresses import shown_address
from replicate.datastores.s3.client import DEFAULT_REGION, Connection
from replicate.datastores.s3.settings import S3Settings
from replicate.errors import ReplicateError


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: messages say so. `key` is one of ours, without the prefix."""

    operation: str
    settings: S3Settings
    connection: Connection | None
    key: str | None = None

    @property
    def bucket(self) -> str:
        return self.settings.bucket

    @property
    def region(self) -> str:
        if self.connection is not None:
            return self.connection.region
        return self.settings.region or DEFAULT_REGION

    @property
    def service(self) -> str:
        """Who answers."""
        endpoint = self.connection.endpoint if self.connection else self.settings.endpoint
        return shown_address(endpoint) if endpoint else "the service"

    @property
    def target(self) -> str:
        """What the permission is needed on, as it stands in a policy."""
        return f"{self.bucket}/{self.settings.folder.start(self.key)}" if self.key else self.bucket


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is an error."""

    status: int
    code: str
    message: str
    error: dict[str, Any]
    headers: dict[str, str]

    @classmethod
    def of(cls, error: ClientError) -> Answer:
        response: dict[str, Any] = dict(error.response)
        about = response.get("ResponseMetadata") or {}
        inner = response.get("Error") or {}
        return cls(
            status=int(about.get("HTTPStatusCode") or 0),
            code=str(inner.get("Code") or ""),
            message=str(inner.get("Message") or ""),
            error=inner,
            headers={name.lower(): str(v) for name, v in about.get("HTTPHeaders", {}).items()},
        )


def answer_of(error: ReplicateError) -> Answer | None:
    """What the service answered, if `error` is one that it answered with."""
    cause = error.__cause__
    return Answer.of(cause) if isinstance(cause, ClientError) else None


def says(error: ReplicateError, *codes: str) -> bool:
    """Whether the service answered with one of `codes`, or with such a status."""
    answer = answer_of(error)
    return answer is not None and (answer.code in codes or str(answer.status) in codes)


def is_unsupported(error: ReplicateError) -> bool:
    """Whether the service says that it has no such operation, or no such header."""
    return says(error, "501", "405", "NotImplemented", "MethodNotAllowed", "MalformedXML")


def plain_etag(answer: dict[str, Any]) -> str:
    """The etag without quotes, as it is compared and as Ceph wants it back; empty where none is."""
    return str(answer.get("ETag") or "").removeprefix("W/").strip('"')


def region_in(answer: Answer) -> str | None:
    """Where an answer says that the bucket is."""
    found = answer.headers.get("x-amz-bucket-region") or answer.error.get("Region")
    return str(found) if found else None
