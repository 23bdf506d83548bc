"""What a bucket of Google Cloud Storage says of itself: for `datastore check`, and for deletes.

Its attributes are those of https://cloud.google.com/storage/docs/json_api/v1/buckets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.cloud.storage import Bucket, Client  # type: ignore[import-untyped]  # it has no types

from replicate.datastores.base import Finding
from replicate.errors import ReplicateError

_DAY = 86_400
_NONCURRENT = ("numNewerVersions", "daysSinceNoncurrentTime", "noncurrentTimeBefore")


def account(client: Client) -> Finding:
    """Whose credentials they are: an account's address where they tell it."""
    email = getattr(getattr(client, "_credentials", None), "service_account_email", None)
    who = str(email) if email and email != "default" else "accepted"
    return Finding("credentials", True, who, "requests are made in this name")


def untold(error: ReplicateError) -> Finding:
    """For a bucket whose attributes may not be asked for."""
    return Finding(
        "bucket",
        None,
        error.message,
        "location, versioning, lifecycle and retention are not known",
        "grant storage.buckets.get to find out; dumps don't need it",
    )


def remains(bucket: Bucket) -> str | None:
    """What a delete leaves behind; None where that is nothing."""
    days = _soft_delete_days(bucket)
    kept = []
    if bucket.versioning_enabled:
        kept.append("as noncurrent versions, until a lifecycle rule or somebody removes them")
    if days:
        kept.append(f"soft-deleted, for {days:g} days")
    if not kept:
        return None
    return f"the bucket {bucket.name} keeps what is deleted: {'; and '.join(kept)}"


def findings(bucket: Bucket, start: str) -> Iterator[Finding]:
    """Where the bucket is and what it does to objects whose names begin with `start`."""
    where = f"{bucket.location} ({bucket.location_type})"
    yield Finding("region", True, where, "dumps are kept there")
    kept = remains(bucket)
    yield Finding(
        "versioning",
        True,
        kept or "off, and nothing is soft-deleted",
        "what is deleted or overwritten still takes space, and can be read, for that long"
        if kept
        else "what is deleted is gone",
    )
    yield _lifecycle(bucket, start)
    yield _retention(bucket)


def _soft_delete_days(bucket: Bucket) -> float:
    # Missing before version 2.17 of the library.
    policy: Mapping[str, Any] = getattr(bucket, "soft_delete_policy", None) or {}
    return int(policy.get("retentionDurationSeconds") or 0) / _DAY


def _lifecycle(bucket: Bucket, start: str) -> Finding:
    rules = [rule for rule in map(dict, bucket.lifecycle_rules) if _deletes(rule, start)]
    if not rules:
        return Finding(
            "lifecycle", True, "no rule deletes dumps", "dumps stay until they are deleted"
        )
    ages = [rule["condition"]["age"] for rule in rules if "age" in rule["condition"]]
    when = f"after {min(ages)} days" if ages else "by other conditions than age"
    return Finding(
        "lifecycle",
        False,
        f"{len(rules)} of its rules delete objects, {when}",
        "dumps lose their chunks, one by one, and can't be restored",
        "leave the prefix of the dumps out of the rule, and use `dump prune` instead",
    )


def _deletes(rule: Mapping[str, Any], start: str) -> bool:
    """Whether a rule deletes live objects whose names begin with `start`, or some of them."""
    condition = rule.get("condition", {})
    if rule.get("action", {}).get("type") != "Delete" or condition.get("isLive") is False:
        return False
    if any(name in condition for name in _NONCURRENT):
        return False
    prefixes = condition.get("matchesPrefix") or [""]
    return any(start.startswith(prefix) or prefix.startswith(start) for prefix in prefixes)


def _retention(bucket: Bucket) -> Finding:
    seconds = int(bucket.retention_period or 0)
    held = bool(bucket.default_event_based_hold)
    if not seconds and not held:
        return Finding("retention", True, "none", "dumps can be deleted at any time")
    how = "holds every new object" if held else f"keeps every object for {seconds / _DAY:g} days"
    return Finding(
        "retention",
        False,
        f"the bucket {how}",
        "until then dumps can't be deleted, nor the index renewed: `dump list` reads the manifests",
        "a policy of versions, or of soft delete, protects dumps without that",
    )
