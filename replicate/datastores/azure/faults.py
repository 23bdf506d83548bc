"""What Azure Blob Storage and its library say when something fails, in sentences of ours.

Its codes are those of https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
)

from replicate.datastores.remote.network import (
    causes,
    is_unsendable,
    retry_after,
    shown,
    unreachable,
    unsendable,
    unusable_file,
)
from replicate.errors import ConflictError, DatastoreError, NotFoundError, ReplicateError

SERVICE = "Azure Blob Storage"

_CONDITIONS = frozenset({"ConditionNotMet", "TargetConditionNotMet", "BlobAlreadyExists"})
_FAILURES = (AzureError, OSError, ValueError, KeyError, TypeError, AttributeError)
_TRANSIENT = frozenset({"ContainerBeingDeleted", "ServerBusy", "OperationTimedOut"})
_RETAINED = frozenset({"BlobImmutableDueToPolicy", "BlobImmutableDueToLegalHold"})
_IDENTITY = (
    "log in with `az login`, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the service: `permission` is what shared access signatures call it.

    With `reads` it may be the object that isn't there; otherwise it is the container.
    """

    doing: str
    permission: str
    host: str
    container: str
    key: str | None = None
    reads: bool = False


@contextmanager
def translated(request: Request) -> Iterator[None]:
    """Turn whatever the library raises in the body into `replicate.errors`.

    A condition that doesn't hold is a `ConflictError`, a container or an object that isn't there a
    `NotFoundError`, the rest a `DatastoreError`.
    """
    try:
        yield
    except ReplicateError:
        raise
    except _FAILURES as error:
        if is_unsendable(error):
            raise unsendable(SERVICE) from None
        raise _failed(error, request) from error


def _failed(error: Exception, request: Request) -> ReplicateError:
    if isinstance(error, HttpResponseError) and error.response is not None:
        return refusal(_code(error), error, request)
    if isinstance(error, ClientAuthenticationError):
        return _no_credentials(error, request)
    if isinstance(error, HttpResponseError):  # a download that broke off
        return unreachable(error, doing=request.doing, service=request.host)
    if isinstance(error, DecodeError | ValueError | KeyError | TypeError | AttributeError):
        # What the library stumbles over in an answer that isn't of this protocol.
        return DatastoreError(
            f"{request.doing} failed: the answer of {request.host} makes no sense"
        )
    unusable = unusable_file(error)
    return unusable or unreachable(error, doing=request.doing, service=request.host)


def is_about(error: ReplicateError, code: str) -> bool:
    """Whether the service gave this code as the reason."""
    return any(isinstance(one, HttpResponseError) and _code(one) == code for one in causes(error))


def refusal(code: str, error: HttpResponseError, request: Request) -> ReplicateError:
    """What an answer other than success means; `code` is the service's own for it."""
    doing, status = request.doing, error.status_code or 0
    if status == 404:
        if request.reads and code != "ContainerNotFound":
            return NotFoundError(f"there is no {request.key} in the container {request.container}")
        return NotFoundError(
            f"the container {request.container} does not exist in {request.host}",
            hint="it is created with the first dump",
        )
    if code in _CONDITIONS or (status == 412 and not code):
        return ConflictError(f"{request.key} is not as it was expected to be")
    # Azurite has another code for it.
    if code == "Md5Mismatch" or (status == 400 and "md5" in (error.message or "").lower()):
        return DatastoreError(
            f"{doing} failed: what arrived is not what was sent, by its checksum", transient=True
        )
    if code in _TRANSIENT or status in (408, 429) or status >= 500:
        return DatastoreError(
            f"{doing} failed: {request.host} answered with error {status}{_named(code)}",
            transient=True,
            retry_after=retry_after(getattr(error.response, "headers", {}).get("Retry-After")),
        )
    if code in _RETAINED:
        return DatastoreError(
            f"{doing} failed: the container {request.container} retains its objects, by a policy "
            "or a legal hold",
            hint="objects can be replaced or deleted once that has ended",
        )
    if code.startswith("Lease"):
        return DatastoreError(
            f"{doing} failed: somebody holds a lease on it",
            hint="break the lease, or wait for its end",
        )
    if code == "SnapshotsPresent":
        return DatastoreError(
            f"{doing} failed: it has snapshots, which somebody else made",
            hint="delete them first, with: az storage blob delete --delete-snapshots only",
        )
    if status in (401, 403):
        return _denied(code, error, request)
    return DatastoreError(
        f"{doing} failed: {request.host} answered with error {status}{_named(code)}"
    )


def _denied(code: str, error: HttpResponseError, request: Request) -> DatastoreError:
    doing = request.doing
    if code in ("AuthenticationFailed", "InvalidAuthenticationInfo") or error.status_code == 401:
        detail = str(getattr(error, "additional_info", None) or error.message)
        if "time frame" in detail or "expired" in detail.lower():
            return DatastoreError(
                f"{doing} failed: the credentials for {request.host} have expired, or are not "
                "valid yet",
                hint="renew the shared access signature or the login, and look at the clock of "
                "this machine",
            )
        return DatastoreError(
            f"{doing} failed: {request.host} does not accept the credentials",
            hint="check the key or the shared access signature, and the clock of this machine",
        )
    if code == "KeyBasedAuthenticationNotPermitted":
        return DatastoreError(
            f"{doing} failed: {request.host} permits no account keys",
            hint=f"leave `key` out, and {_IDENTITY}",
        )
    place = f"{request.container}/…/{request.key}" if request.key else request.container
    return DatastoreError(
        f"access denied: {request.permission} on {place} in {request.host}{_named(code)}",
        hint="grant Storage Blob Data Contributor, or a signature with that permission, and look "
        "at the account's firewall",
    )


def _no_credentials(error: ClientAuthenticationError, request: Request) -> DatastoreError:
    if type(error).__name__ == "AzureSigningError":
        return DatastoreError(
            f"{request.doing} failed: the account key is none", hint="it is base64 of 64 bytes"
        )
    return DatastoreError(
        f"{request.doing} failed: there are no usable credentials for {SERVICE}",
        hint=f"set `key` or `sas_token`, {_IDENTITY}",
    )


def _code(error: HttpResponseError) -> str:
    code = getattr(error, "error_code", None)
    if code is None and error.response is not None:
        code = getattr(error.response, "headers", {}).get("x-ms-error-code")
    return str(getattr(code, "value", code) or "")


def _named(code: str) -> str:
    return f" ({shown(code)})" if code else ""
