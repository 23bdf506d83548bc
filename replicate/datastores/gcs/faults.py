"""What Google Cloud Storage and its library say when something fails, in sentences of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import requests
import urllib3
from google.api_core.exceptions import GoogleAPICallError
from google.auth import exceptions as auth

from replicate.datastores.remote.network import (
    is_unsendable,
    retry_after,
    shown,
    unreachable,
    unsendable,
    unusable_file,
)
from replicate.errors import ConflictError, DatastoreError, NotFoundError, ReplicateError

SERVICE = "Google Cloud Storage"

_TRANSIENT = frozenset({408, 409, 429, 500, 502, 503, 504})
_FAILURES = (
    auth.GoogleAuthError, requests.RequestException, urllib3.exceptions.HTTPError, OSError,
    ValueError, KeyError, TypeError, AttributeError,
)  # fmt: skip
_PERMISSION = re.compile(r"storage\.[a-zA-Z]+\.[a-zA-Z]+")
_RETENTION = frozenset({"retentionPolicyNotMet", "objectUnderActiveHold"})
_LOGIN = (
    "log in with `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the service: `permission` is what IAM calls it, `key` what it is about.

    With `reads` it may be the object that isn't there; otherwise it is the bucket.
    """

    doing: str
    permission: str
    bucket: str
    key: str | None = None
    reads: bool = False

    @property
    def where(self) -> str:
        return f"gs://{self.bucket}"


@contextmanager
def translated(request: Request) -> Iterator[None]:
    """Turn whatever the library raises in the body into `replicate.errors`.

    A condition that doesn't hold is a `ConflictError`, a bucket or an object that isn't there a
    `NotFoundError`, the rest a `DatastoreError`.
    """
    try:
        yield
    except ReplicateError:
        raise
    except GoogleAPICallError as error:
        raise _refusal(error, request) from error
    except _FAILURES as error:
        if is_unsendable(error):
            raise unsendable(SERVICE) from None
        raise _failed(error, request) from error


def _failed(error: Exception, request: Request) -> ReplicateError:
    if isinstance(error, auth.GoogleAuthError):
        return _unauthenticated(error, request)
    if isinstance(error, ValueError | KeyError | TypeError | AttributeError):
        # What the library stumbles over in an answer that isn't of this protocol.
        return DatastoreError(f"{request.doing} failed: the answer of {SERVICE} makes no sense")
    unusable = unusable_file(error)
    return unusable or unreachable(error, doing=request.doing, service=SERVICE)


def missing(request: Request) -> NotFoundError:
    return NotFoundError(f"there is no {request.key} in {request.where}")


def missing_bucket(bucket: str) -> NotFoundError:
    return NotFoundError(
        f"the bucket {bucket} does not exist in {SERVICE}",
        hint=f"create it with: gcloud storage buckets create gs://{bucket}",
    )


def _refusal(error: GoogleAPICallError, request: Request) -> ReplicateError:
    answer = _Answer.of(error)
    status, doing = answer.status, request.doing
    if status == 404:
        if request.reads and "bucket" not in answer.text.partition(":")[0]:
            return missing(request)
        return missing_bucket(request.bucket)
    if status == 412:
        return ConflictError(f"{request.key or request.where} is not as it was expected to be")
    if status == 401:
        return DatastoreError(
            f"{doing} failed: {SERVICE} does not accept the credentials, or they have expired",
            hint=_LOGIN,
        )
    if status in _TRANSIENT:
        said = "asks for fewer requests" if status == 429 else f"answered with error {status}"
        return DatastoreError(
            f"{doing} failed: {SERVICE} {said}",
            transient=True,
            retry_after=retry_after(answer.retry_after),
        )
    if answer.reason in _RETENTION:
        return DatastoreError(
            f"{doing} failed: the bucket {request.bucket} retains its objects, by a policy or a "
            "hold",
            hint="objects can be replaced or deleted once that has ended",
        )
    if status == 403:
        return _denied(answer, request)
    if status == 400 and re.search(r"(?i)md5|crc32c", answer.text):
        return DatastoreError(
            f"{doing} failed: what arrived is not what was sent, by its checksum", transient=True
        )
    said = f": {answer.text}" if answer.text else ""
    return DatastoreError(f"{doing} failed: {SERVICE} answered with error {status}{said}")


def _denied(answer: _Answer, request: Request) -> DatastoreError:
    found = _PERMISSION.search(answer.text)
    if found or not answer.text:
        place = request.where if request.key is None else f"{request.where}/…/{request.key}"
        permission = found.group() if found else request.permission
        return DatastoreError(
            f"access denied: {permission} on {place}",
            hint="grant the account of the credentials a role that has this permission",
        )
    return DatastoreError(f"access denied: {request.permission} on {request.where}: {answer.text}")


def _unauthenticated(error: auth.GoogleAuthError, request: Request) -> DatastoreError:
    if isinstance(error, auth.DefaultCredentialsError):
        return DatastoreError(
            f"{request.doing} failed: there are no credentials for {SERVICE}",
            hint=f"set `credentials_file`, {_LOGIN}",
        )
    if isinstance(error, auth.TransportError):
        return unreachable(error, doing=request.doing, service="Google's authentication")
    return DatastoreError(
        f"{request.doing} failed: the credentials for {SERVICE} could not be renewed: they have "
        "expired, or were revoked",
        hint=_LOGIN,
        transient=bool(getattr(error, "retryable", False)),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """An error as the JSON API gives it: {"error": {"message": …, "errors": [{"reason": …}]}}.

    https://cloud.google.com/storage/docs/json_api/v1/status-codes
    """

    status: int
    text: str
    reason: str
    retry_after: str | None

    @classmethod
    def of(cls, error: GoogleAPICallError) -> _Answer:
        response = error.response
        body = ""
        with suppress(requests.RequestException, urllib3.exceptions.HTTPError, RuntimeError):
            body = response.text if response is not None else ""
        text, reason = body, ""
        with suppress(ValueError, KeyError, TypeError, IndexError):
            told = json.loads(body)["error"]
            text = str(told["message"])
            reason = str(told["errors"][0]["reason"])
        if text.lstrip().startswith("<"):
            text = ""  # a page of HTML, from something in between
        waits = response.headers.get("Retry-After") if response is not None else None
        return cls(int(error.code or 0), shown(text), reason, waits)
