"""What a bucket tells of itself for `replicate datastore check`: who, where, and what it keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from replicate.datastores.base import Finding
from replicate.datastores.remote.checksums import UNCHECKED, checksums, content_md5
from replicate.datastores.s3.answers import Asked, says
from replicate.datastores.s3.bucket import Bucket
from replicate.datastores.s3.client import DEFAULT_REGION, authorities, token_service
from replicate.datastores.s3.deleting import Deleting
from replicate.datastores.s3.faults import is_denied, translated
from replicate.datastores.s3.settings import Service
from replicate.errors import DatastoreError, NotFoundError, ReplicateError

_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_ACCEPTED = "requests are signed with credentials that the service takes"


def what_remains(bucket: str, versioning: str) -> str:
    """What a delete leaves in a bucket whose versioning is `Enabled` or `Suspended`."""
    if versioning == "Enabled":
        return (
            f"the bucket {bucket} keeps versions: what is deleted stays as an old version, until a "
            "lifecycle rule or `purge_versions: true` removes it"
        )
    return (
        f"the bucket {bucket} kept versions once: those of that time stay, until a lifecycle rule "
        "or `purge_versions: true` removes them"
    )


def examine(bucket: Bucket, deleting: Deleting, prefix: str) -> Iterator[Finding]:
    """One finding after the other; what can't be asked has `ok` None and says why."""
    yield _asked("credentials", "nothing works without them", lambda: _credentials(bucket))
    yield _asked("region", "requests may be refused or go a long way", lambda: _region(bucket))
    yield _asked("checksums", UNCHECKED, lambda: _checksums(bucket, f"{prefix}checksum"))
    yield _asked("versioning", _UNKNOWN_REST, lambda: _versioning(bucket, deleting))
    yield _asked("lifecycle", "rules may remove dumps", lambda: _lifecycle(bucket))
    yield _asked("object lock", _UNKNOWN_REST, lambda: _lock(bucket))


_UNKNOWN_REST = "a delete may leave old versions behind"


def _asked(name: str, consequence: str, find: Callable[[], Finding]) -> Finding:
    try:
        return find()
    except ReplicateError as error:
        detail = f"can't be asked: {error.message}"
        return Finding(name, None, detail, consequence, error.hint)


def _credentials(bucket: Bucket) -> Finding:
    name = "credentials"
    if bucket.service is Service.AMAZON:
        return Finding(name, True, f"of {_identity(bucket)}", _ACCEPTED)
    try:
        bucket.call("ListObjectsV2", MaxKeys=1, Prefix=bucket.folder.start(""))
    except NotFoundError:
        pass  # who is told that may ask
    except DatastoreError as error:
        if error.transient or is_denied(error):
            raise
        return Finding(name, False, error.message, "nothing works without them", error.hint)
    return Finding(name, True, "accepted", _ACCEPTED)


def _identity(bucket: Bucket) -> str:
    connection = bucket.connection
    settings = bucket.settings
    with translated(lambda: Asked("GetCallerIdentity", settings, connection)):
        client: Any = token_service(
            connection.session,
            "sts",
            settings=settings,
            region=connection.region,
            verify=settings.ca_bundle and authorities(settings.ca_bundle),
        )
        try:
            answer: dict[str, Any] = client.get_caller_identity()
        finally:
            client.close()
    return str(answer.get("Arn") or "an account without a name")


def _region(bucket: Bucket) -> Finding:
    name, configured = "region", bucket.connection.region
    headers: Mapping[str, str] = (
        bucket.call("HeadBucket").get("ResponseMetadata", {}).get("HTTPHeaders", {})
    )
    real = headers.get("x-amz-bucket-region")
    if real is None:
        real = bucket.call("GetBucketLocation").get("LocationConstraint") or DEFAULT_REGION
    if real == configured:
        return Finding(name, True, f"the bucket is in {real}", "requests go where it is")
    detail = f"the bucket is in {real}, and the settings say {configured}"
    if bucket.service is Service.AMAZON:
        return Finding(name, False, detail, "requests are refused", f"set `region: {real}`")
    return Finding(name, True, detail, "the service takes requests all the same")


def _checksums(bucket: Bucket, key: str) -> Finding:
    try:
        bucket.put(key, b"one", md5=content_md5(b"other"))
    except DatastoreError as error:
        if not says(error, "BadDigest", "InvalidDigest"):
            raise
        return checksums(refused=True)
    return checksums(refused=False)


def _versioning(bucket: Bucket, deleting: Deleting) -> Finding:
    status = deleting.versioning()
    if status is None:
        return Finding("versioning", True, "off", "what is deleted is gone")
    if bucket.settings.purge_versions:
        return Finding("versioning", True, status.lower(), "a delete removes old versions as well")
    return Finding("versioning", True, status.lower(), what_remains(bucket.settings.bucket, status))


def _lifecycle(bucket: Bucket) -> Finding:
    try:
        rules = bucket.call("GetBucketLifecycleConfiguration").get("Rules") or []
    except ReplicateError as error:
        if not says(error, "NoSuchLifecycleConfiguration"):
            raise
        rules = []
    biting = [(rule, what) for rule in rules if (what := _bite(rule)) is not None]
    folder = bucket.folder.start("")
    for rule, what in biting:
        if folder.startswith(_prefix(rule)):
            return Finding(
                "lifecycle",
                False,
                f"the rule {_name(rule)} {what}",
                "dumps become unusable by themselves, in part or as a whole",
                "let the rule pass over the datastore's prefix; `replicate dump prune` removes "
                "old dumps as a whole",
            )
    for rule, what in biting:
        if _prefix(rule).startswith(folder):
            return Finding(
                "lifecycle",
                None,
                f"the rule {_name(rule)} {what}, for what starts with {_prefix(rule)}",
                "dumps become unusable if it is about them",
            )
    return Finding(
        "lifecycle", True, "no rule touches the datastore", "dumps stay until they are deleted"
    )


def _bite(rule: Mapping[str, Any]) -> str | None:
    """What `rule` does to objects like ours, which have no tags; None where that is nothing."""
    chosen = _filter(rule)
    if rule.get("Status") != "Enabled" or chosen.get("Tag") or chosen.get("Tags"):
        return None
    expiry = rule.get("Expiration") or {}
    if "Days" in expiry:
        return f"removes objects after {expiry['Days']} days"
    if "Date" in expiry:
        return f"removes objects on {expiry['Date']:%Y-%m-%d}"
    for move in rule.get("Transitions") or ():
        if move.get("StorageClass") in _ARCHIVES:
            return f"moves objects to {move['StorageClass']}, where they can't be read at once"
    return None


def _filter(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    chosen: Mapping[str, Any] = rule.get("Filter") or {}
    return {**chosen, **(chosen.get("And") or {})}


def _prefix(rule: Mapping[str, Any]) -> str:
    return str(_filter(rule).get("Prefix") or rule.get("Prefix") or "")


def _name(rule: Mapping[str, Any]) -> str:
    return str(rule.get("ID") or "without a name")


def _lock(bucket: Bucket) -> Finding:
    name, free = "object lock", "objects can be deleted at any time"
    try:
        lock = bucket.call("GetObjectLockConfiguration").get("ObjectLockConfiguration") or {}
    except ReplicateError as error:
        if not says(error, "ObjectLockConfigurationNotFoundError"):
            raise
        lock = {}
    if lock.get("ObjectLockEnabled") != "Enabled":
        return Finding(name, True, "off", free)
    retention = (lock.get("Rule") or {}).get("DefaultRetention")
    if not retention:
        return Finding(name, True, "on, and nothing is retained by default", free)
    days = retention.get("Days")
    time = f"{days} days" if days else f"{retention.get('Years')} years"
    detail = f"each object is retained for {time} ({str(retention.get('Mode')).lower()})"
    if not bucket.settings.purge_versions:
        return Finding(name, True, detail, f"what is deleted stays as an old version for {time}")
    return Finding(
        name,
        False,
        detail,
        "old versions can't be purged before",
        "leave out purge_versions, or shorten the retention",
    )
