"""A datastore around another, for those that change one thing about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from replicate.datastores.base import Capabilities, Data, Datastore, ObjectInfo, PutMode


class Passing:
    """A `Datastore` that passes everything on to `inner`, and nothing beyond that protocol."""

    def __init__(self, inner: Datastore) -> None:
        self.inner = inner

    @property
    def location(self) -> str:
        return self.inner.location

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        return self.inner.put(key, data, mode=mode)

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        return self.inner.get(key, byte_range=byte_range, max_size=max_size)

    def stat(self, key: str) -> ObjectInfo:
        return self.inner.stat(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self.inner.list(prefix)

    def delete(self, keys: Iterable[str]) -> None:
        self.inner.delete(keys)

    def close(self) -> None:
        self.inner.close()
