"""botocore's errors, turned into ours: one sentence that says what to do, and what may be repeated.

Codes are those of "Error responses" in the Amazon S3 API Reference, and what other services were
seen to answer. Of an answer to HEAD, which has no body, the status takes the place of the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from replicate.datastores.remote.network import (
    date_in,
    is_unsendable,
    retry_after,
    shown,
    unreachable,
    unsendable,
    unusable_file,
)
from replicate.datastores.s3.answers import Answer, Asked, answer_of, region_in
from replicate.datastores.s3.client import no_credentials
from replicate.errors import (
    ConflictError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    UsageError,
)


@contextmanager
def translated(asked: Callable[[], Asked]) -> Iterator[None]:
    """Have botocore's errors arrive as ours; each has its cause, which `answer_of` reads."""
    try:
        yield
    except boto.ClientError as error:
        raise _refused(Answer.of(error), asked(), error) from error
    except (boto.BotoCoreError, ResponseParserError, ValueError, OSError) as error:
        if is_unsendable(error):
            raise unsendable("the datastore") from None
        raise _failed(error, asked()) from error


def is_denied(error: ReplicateError) -> bool:
    """Whether the credentials are good, and not for this."""
    answer = answer_of(error)
    return answer is not None and answer.code in _DENIED | {"401", "403"}


# What is answered

_ACTIONS = {
    "HeadObject": "s3:GetObject",
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "DeleteObjects": "s3:DeleteObject",
    "ListObjectVersions": "s3:ListBucketVersions",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "AssumeRole": "sts:AssumeRole",
    "GetCallerIdentity": "sts:GetCallerIdentity",
}

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "Forbidden"})
_TRANSIENT = frozenset(
    {
        "ConditionalRequestConflict", "IncompleteBody", "InternalError", "OperationAborted",
        "RequestLimitExceeded", "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable",
        "SlowDown", "TemporaryRedirect", "Throttling", "ThrottlingException", "TooManyRequests",
    }
)  # fmt: skip
_DAMAGED = frozenset(
    {"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "ChecksumMismatch"}
)
_ELSEWHERE = frozenset(
    {
        "AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
        "InvalidLocationConstraint", "PermanentRedirect",
    }
)  # fmt: skip


def action_of(operation: str) -> str:
    """The permission that an operation needs, under Amazon's name."""
    return _ACTIONS.get(operation, f"s3:{operation}")


def _refused(answer: Answer, asked: Asked, error: boto.ClientError) -> ReplicateError:
    if error.operation_name in _ACTIONS and error.operation_name != asked.operation:
        asked = Asked(error.operation_name, asked.settings, asked.connection)  # it came in between
    for judge in (_missing, _untrusted, _elsewhere, _unwanted):
        if (judged := judge(answer, asked)) is not None:
            return judged
    passing = answer.status in {408, 429} or (answer.status >= 500 and answer.status != 501)
    if passing or answer.code in _TRANSIENT:
        what = f"{asked.service} is not able to answer just now"
        return DatastoreError(
            f"{what}: {answer.code or answer.status}",
            transient=True,
            retry_after=retry_after(answer.headers.get("retry-after")),
        )
    said = _clean(answer.message)
    return DatastoreError(
        f"{asked.service} refused {action_of(asked.operation)} on {asked.target}: "
        f"{_clean(answer.code) or answer.status}" + (f" ({said})" if said else "")
    )


def _missing(answer: Answer, asked: Asked) -> ReplicateError | None:
    code = answer.code
    bucket_alone = asked.key is None and asked.operation in {"HeadBucket", "ListObjectsV2"}
    if code == "NoSuchBucket" or (answer.status == 404 and bucket_alone):
        return no_bucket(asked)
    if code in {"NoSuchKey", "NoSuchVersion"} or (answer.status == 404 and asked.key):
        return NotFoundError(f"there is no {asked.key} in {asked.settings.location}")
    if answer.status == 412 or code == "PreconditionFailed":
        return ConflictError(f"{asked.key} is not as it was expected")
    return None


def no_bucket(asked: Asked) -> NotFoundError:
    own = asked.settings.endpoint is None
    where = f"in region {asked.region}" if own else f"at {asked.service}"
    hint = "check its name and region"
    if not asked.settings.may_create:
        hint = "create it, or check its name"
    elif not asked.settings.create_bucket:
        hint = "create it, or set `create_bucket: true`"
    return NotFoundError(f"the bucket {asked.bucket} does not exist {where}", hint=hint)


def _untrusted(answer: Answer, asked: Asked) -> ReplicateError | None:
    code = answer.code
    if code in {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}:
        return DatastoreError(
            f"{asked.service} doesn't know the access key",
            hint="check access_key_id, and that it is meant for this service",
        )
    if code == "SignatureDoesNotMatch":
        return DatastoreError(
            f"{asked.service} refuses the signature of the request",
            hint="check secret_access_key, and whether the service wants another "
            "signature_version or region",
        )
    if code in {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}:
        return DatastoreError("the credentials have expired", hint="renew them, and start again")
    if code == "InvalidToken":
        return DatastoreError(
            f"{asked.service} refuses the session token",
            hint="check session_token, and that it belongs to the access key",
        )
    if code == "RequestTimeTooSkewed":
        return DatastoreError(
            f"{asked.service} refuses requests, since this machine's clock is {_skew(answer)}",
            hint="set the clock",
        )
    if code in _DENIED or (answer.status in {401, 403} and not code.startswith("KMS.")):
        return _denied(asked)
    return None


def _denied(asked: Asked) -> DatastoreError:
    hint = "allow it to these credentials"
    if asked.operation in {"GetObject", "HeadObject"}:
        hint += ", and s3:ListBucket, without which a missing object is answered like this as well"
    target = asked.target
    if asked.operation == "AssumeRole":
        target = str(asked.settings.role_arn)
    return DatastoreError(f"access denied: {action_of(asked.operation)} on {target}", hint=hint)


def _elsewhere(answer: Answer, asked: Asked) -> ReplicateError | None:
    real = region_in(answer)
    wrong = answer.code in _ELSEWHERE or (
        answer.status in {301, 302, 307, 400} and real not in {None, asked.region}
    )
    if not wrong and answer.status not in {301, 302}:
        return None
    if real is not None and real != asked.region:
        return DatastoreError(
            f"the bucket {asked.bucket} is in region {real}, not in {asked.region}",
            hint=f"set `region: {real}`",
        )
    return DatastoreError(
        f"the bucket {asked.bucket} can't be reached in region {asked.region} of {asked.service}",
        hint="set `region` to that of the bucket, and check the endpoint",
    )


def _unwanted(answer: Answer, asked: Asked) -> ReplicateError | None:
    code = answer.code
    if code in _DAMAGED:
        return DatastoreError(f"{asked.target} was damaged on its way", transient=True)
    if code in {"EntityTooLarge", "413"} or answer.status == 413:
        return DatastoreError(
            f"{asked.target} is larger than {asked.service} takes", hint="set a smaller chunk_size"
        )
    if code == "InvalidStorageClass":
        return DatastoreError(
            f"{asked.service} has no storage class {asked.settings.storage_class}",
            hint="change storage_class, or leave it out",
        )
    if code.startswith("KMS"):
        return DatastoreError(
            f"{asked.target} could not be encrypted or decrypted by the service's key: {code}",
            hint="check kms_key_id, and that these credentials may use that key",
        )
    if code in {"InvalidObjectState", "ObjectRestoreAlreadyInProgress"}:
        return DatastoreError(
            f"{asked.target} is archived and can't be read at once",
            hint="restore it from its archive with the service's own tools",
        )
    if code == "InvalidBucketName":
        return UsageError(f"{asked.bucket!r} is no valid name of a bucket")
    if code == "BucketAlreadyExists":
        return DatastoreError(
            f"the name of the bucket {asked.bucket} is taken by somebody else",
            hint="choose another name",
        )
    return None


def _skew(answer: Answer) -> str:
    try:
        now = datetime.fromisoformat(str(answer.error.get("ServerTime"))).astimezone(UTC)
    except ValueError:
        found = date_in(answer.headers.get("date", ""))
        if found is None:
            return "wrong"
        now = found
    seconds = (datetime.now(UTC) - now).total_seconds()
    way = "ahead of" if seconds > 0 else "behind"
    return f"{abs(seconds) / 60:.0f} minutes {way} the service's"


def _clean(text: str) -> str:
    return shown(text).rstrip(". ")


# What keeps an answer from coming


def _failed(error: Exception, asked: Asked) -> ReplicateError:
    for judge in (_misconfigured, _not_logged_in):
        if (judged := judge(error, asked)) is not None:
            return judged
    if isinstance(error, boto.ProxyConnectionError):
        what = f"{asked.service} can't be reached through the proxy"
        return DatastoreError(what, transient=True)
    if isinstance(error, _INTERRUPTIONS):
        return unreachable(error, service=asked.service, trust=_BUNDLE)
    if asked.connection is None and isinstance(error, boto.BotoCoreError | ValueError):
        # Nothing was asked of the service yet.
        return UsageError(f"the AWS configuration can't be used: {_clean(str(error))}")
    if isinstance(error, ResponseParserError | ValueError):
        return nonsense(asked)
    return DatastoreError(f"{asked.service} can't be spoken to: {type(error).__name__}")


def _misconfigured(error: Exception, asked: Asked) -> UsageError | None:
    if isinstance(error, boto.ProfileNotFound):
        name = shown(error.kwargs.get("profile", ""))
        origin = "" if asked.settings.profile else ", which the environment names,"
        return UsageError(
            f"there is no profile {name}{origin} in the AWS configuration",
            hint="check ~/.aws/config and ~/.aws/credentials, or run: aws configure",
        )
    if isinstance(error, _UNREADABLE_CONFIG):
        return UsageError(f"the AWS configuration can't be used: {_clean(str(error))}")
    if isinstance(error, boto.ParamValidationError | boto.InvalidRegionError):
        return UsageError(f"the datastore can't be used as it is configured: {_clean(str(error))}")
    if str(error).startswith("Invalid endpoint"):  # the rest is the address, password and all
        return UsageError(
            "the endpoint of the datastore is no address that can be used",
            hint="check `endpoint`, AWS_ENDPOINT_URL and the endpoint_url of the AWS profile",
        )
    return unusable_file(error)


def _not_logged_in(error: Exception, asked: Asked) -> ReplicateError | None:
    if isinstance(error, boto.NoCredentialsError):
        return no_credentials()
    if isinstance(error, boto.PartialCredentialsError):
        return UsageError(
            "the credentials for the datastore are not complete",
            hint="give both the access key's id and the access key itself",
        )
    if isinstance(error, _NO_LOGIN):
        return DatastoreError(
            f"no credentials could be had for the datastore: {type(error).__name__}",
            hint="log in again, for example with: aws sso login",
        )
    if isinstance(error, boto.MetadataRetrievalError):
        what = f"{asked.service} needs credentials that the machine did not give"
        return DatastoreError(what, transient=True)
    return None


def nonsense(asked: Asked) -> DatastoreError:
    """For an answer that says it is a success and isn't what was asked for.

    Gateways and login pages give such, and boto takes most of them for an answer with nothing in
    it, such as an empty listing.
    """
    return DatastoreError(
        f"{asked.service} answered with something that is no answer of S3",
        hint="check the endpoint",
        transient=True,
    )


_UNREADABLE_CONFIG = (
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.InvalidConfigError,
    boto.UnknownCredentialError,
)
_NO_LOGIN = (
    boto.CredentialRetrievalError,
    boto.NoAuthTokenError,
    boto.SSOError,
    boto.TokenRetrievalError,
)
_INTERRUPTIONS = (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError, OSError)
_BUNDLE = "set ca_bundle to a PEM file of the authorities that sign it"
