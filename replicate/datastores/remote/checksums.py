"""The MD5 that goes with an object, and whether a service heeds it."""

from __future__ import annotations

import base64
import hashlib

from replicate.datastores.base import Finding
from replicate.errors import ReplicateError

UNCHECKED = "damage on the way is found only when a dump is verified or restored"


def content_md5(data: bytes) -> str:
    """As in a `Content-MD5` header (RFC 1864): in base64."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def checksums(*, refused: bool) -> Finding:
    """What came of an upload with a checksum that is not that of its bytes."""
    if not refused:
        detail = "an upload whose checksum is wrong was accepted"
        return Finding("checksums", None, detail, UNCHECKED)  # our own hashes find it all the same
    return Finding(
        "checksums",
        True,
        "an upload whose checksum is wrong is refused",
        "damage on the way is found at once, and repaired",
    )


def refused_upload(refusal: ReplicateError) -> Finding:
    """What an upload as that of `checksums` came to, which may have been refused for more."""
    if "checksum" in refusal.message:
        return checksums(refused=True)
    return Finding("checksums", None, refusal.message, "not tried", refusal.hint)
