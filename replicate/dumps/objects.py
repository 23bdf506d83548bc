"""Writing what is never overwritten, and reading what may be larger than it should."""

from __future__ import annotations

from replicate.datastores.base import ConditionalWrites, Datastore, ObjectInfo
from replicate.errors import ConflictError, CorruptError, NotFoundError


def is_atomic(store: Datastore) -> bool:
    """Whether the store decides conditional writes by itself."""
    return store.capabilities.conditional_writes is ConditionalWrites.ATOMIC


def put_once(store: Datastore, key: str, data: bytes) -> ObjectInfo:
    """Store an object under a key that is free.

    Raises `ConflictError` where it is taken by other bytes, for certain. The very same bytes are
    our own: the answer to a first try was lost, and a second one met what it had written. On a
    store without atomic conditional writes two writers at once may both succeed; one of the
    objects stays.
    """
    if not is_atomic(store):
        try:
            found = store.stat(key)
        except NotFoundError:
            pass
        else:
            if not _holds(store, key, data):
                raise ConflictError(f"{key} exists already")
            return found
    try:
        return store.put(key, data, mode="create")
    except ConflictError:
        if not _holds(store, key, data):
            raise
        return store.stat(key)


def _holds(store: Datastore, key: str, data: bytes) -> bool:
    try:
        return store.stat(key).size == len(data) and store.get(key) == data
    except (NotFoundError, CorruptError):
        return False  # gone since, or no object at all, such as a link


def get_bounded(store: Datastore, key: str, max_size: int, what: str) -> bytes:
    """An object of at most `max_size` bytes, its size asked for before it is read.

    Raises `CorruptError` for a larger one, `NotFoundError` as the store does.
    """
    info = store.stat(key)
    if info.size > max_size:
        raise CorruptError(f"{what} is {info.size} bytes long, where {max_size} are the limit")
    return store.get(key)
