"""What `Conditions` writes to: a bucket, and nothing is left there, in versions neither."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from replicate.datastores.base import ObjectInfo, PutMode
from replicate.datastores.remote.conditions import Conditional
from replicate.datastores.s3.bucket import Bucket
from replicate.errors import ReplicateError

Write = Callable[[str, bytes, PutMode], tuple[ObjectInfo, dict[str, Any]]]
"""Puts an object, and gives what the service answered as well."""


class Probed:
    """The `Conditional` of one store; it remembers the versions that its own writes made.

    Only these are removed, by their ids: that needs no listing, and meets nobody else's.
    """

    def __init__(self, store: Conditional, bucket: Bucket, write: Write) -> None:
        self._store = store
        self._bucket = bucket
        self._write = write
        self._lock = threading.Lock()
        self._versions: dict[str, list[str]] = {}

    def stat(self, key: str) -> ObjectInfo:
        return self._store.stat(key)

    def put_conditionally(self, key: str, data: bytes, mode: PutMode) -> ObjectInfo:
        info, answer = self._write(key, data, mode)
        if version := answer.get("VersionId"):
            with self._lock:
                self._versions.setdefault(key, []).append(str(version))
        return info

    def delete(self, keys: Iterable[str]) -> None:
        """Delete `keys`, and their versions as far as that is allowed; the markers go last."""
        for key in keys:
            with self._lock:
                versions = self._versions.pop(key, [])
            marker = self._bucket.call("DeleteObject", key=key).get("VersionId")
            if marker:
                versions.append(str(marker))
            for version in dict.fromkeys(versions):
                with suppress(ReplicateError):
                    self._bucket.call("DeleteObject", key=key, VersionId=version)
