"""A datastore in memory, for tests that aren't about storing."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from replicate.datastores.base import (
    Capabilities,
    ConditionalWrites,
    Data,
    ObjectInfo,
    PutMode,
    Replace,
    check_key,
    too_large,
)
from replicate.errors import ConflictError, DatastoreError, NotFoundError


class MemoryStore:
    """A `Datastore`. With `ConditionalWrites.NONE`, conditions are ignored, as some vendors do."""

    def __init__(self, conditional_writes: ConditionalWrites = ConditionalWrites.ATOMIC) -> None:
        self.capabilities = Capabilities(conditional_writes)
        self.location = "memory"
        self.objects: dict[str, tuple[bytes, ObjectInfo]] = {}
        self._lock = threading.Lock()
        self._writes = 0

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        check_key(key)
        body = bytes(data)
        with self._lock:
            if self.capabilities.conditional_writes is ConditionalWrites.ATOMIC:
                self._check(key, mode)
            self._writes += 1
            info = ObjectInfo(key, len(body), datetime.now(UTC), f"v{self._writes}")
            self.objects[key] = body, info
        return info

    def _check(self, key: str, mode: PutMode) -> None:
        found = self.objects.get(key)
        if mode == "create" and found:
            raise ConflictError(f"{key} exists already")
        if isinstance(mode, Replace) and (not found or found[1].version != mode.version):
            raise ConflictError(f"{key} was changed by somebody else")

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        body = self._find(key)[0]
        start, end = byte_range or (0, len(body))
        if not 0 <= start <= end <= len(body):
            raise DatastoreError(f"bytes {start} to {end} were asked of {key}")
        if max_size is not None and end - start > max_size:
            raise too_large(key, end - start, max_size)
        return body[start:end]

    def stat(self, key: str) -> ObjectInfo:
        return self._find(key)[1]

    def _find(self, key: str) -> tuple[bytes, ObjectInfo]:
        check_key(key)
        with self._lock:
            if key not in self.objects:
                raise NotFoundError(f"there is no {key} in memory")
            return self.objects[key]

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        with self._lock:
            found = sorted(item for item in self.objects.items() if item[0].startswith(prefix))
        return iter([info for _, (_, info) in found])

    def delete(self, keys: Iterable[str]) -> None:
        for key in [check_key(key) for key in keys]:
            with self._lock:
                self.objects.pop(key, None)

    def close(self) -> None:
        """Nothing to close."""
