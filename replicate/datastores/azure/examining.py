"""What a container of Azure Blob Storage says of itself: for `datastore check`, and for deletes."""

from __future__ import annotations

from collections.abc import Iterator

from azure.storage.blob import BlobServiceClient, ContainerClient

from replicate.datastores.base import Finding
from replicate.errors import ReplicateError


def untold(error: ReplicateError) -> Finding:
    """For a container whose properties may not be asked for."""
    return Finding(
        "container",
        None,
        error.message,
        "location, versioning and retention are not known",
        "dumps don't need it; an account key, or Storage Blob Data Contributor, can ask",
    )


def old_versions(_: BlobServiceClient, container: ContainerClient) -> list[str]:
    """How blobs that are replaced or deleted stay as versions. Raises the library's errors.

    The switch itself is told to administrators only; what it does shows in a listing.
    """
    listed = container.list_blobs(include=["versions"], results_per_page=1)
    newest = next(iter(listed), None)
    if newest is None or not newest.version_id:
        return []
    return ["as previous versions, until a lifecycle rule or somebody removes them"]


def soft_deleted(service: BlobServiceClient, _: ContainerClient) -> list[str]:
    """How long deleted blobs stay. Raises the library's errors."""
    policy = service.get_service_properties().get("delete_retention_policy")
    return [f"soft-deleted, for {policy.days} days"] if policy and policy.enabled else []


def versioning(kept: str | None) -> Finding:
    """Of what `remains` says."""
    return Finding(
        "versioning",
        True,
        kept or "nothing is known to be kept",
        "what is deleted or overwritten still takes space, and can be read, for that long"
        if kept
        else "what is deleted is gone",
    )


def findings(service: BlobServiceClient, container: ContainerClient) -> Iterator[Finding]:
    """What the account and the container tell. Raises the library's errors."""
    account = service.get_account_information()
    yield Finding("credentials", True, "accepted", "requests are made in their name")
    yield Finding(
        "region",
        True,
        f"{account['sku_name']}, {account['account_kind']}",
        "copies are kept as this kind of account says; where, its administrators can see",
    )
    properties = container.get_container_properties()
    if properties.public_access:
        yield Finding(
            "public access",
            False,
            f"everybody may read the container ({properties.public_access})",
            "dumps that are not encrypted are public",
            "set the container's access level to private",
        )
    else:
        yield Finding("public access", True, "none", "dumps can't be read without credentials")
    held = properties.has_immutability_policy or properties.has_legal_hold
    yield Finding(
        "retention",
        not held,
        "the container has an immutability policy or a legal hold" if held else "none",
        "dumps can't be deleted, nor the index renewed: `dump list` reads the manifests"
        if held
        else "dumps can be deleted at any time",
        "versions, or soft delete, protect dumps without that" if held else None,
    )
    yield Finding(
        "lifecycle",
        None,
        "told to administrators only",
        "a rule that deletes blobs makes dumps lose their chunks",
        "see Lifecycle management of the storage account",
    )
