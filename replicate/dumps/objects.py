"""Writing what is never overwritten, and reading what may be larger than it should."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from replicate.datastores.base import ConditionalWrites, Datastore, HasCopies, ObjectInfo
from replicate.errors import (
    ConflictError,
    CorruptError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    TooLargeError,
)

CheckedT = TypeVar("CheckedT")


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
        return store.get(key, max_size=len(data)) == data
    except (NotFoundError, CorruptError):
        return False  # gone since, longer, or no object at all, such as a link


def get_checked(
    store: Datastore, key: str, check: Callable[[bytes], CheckedT], *, max_size: int
) -> CheckedT:
    """What `check` makes of the object: of the first copy whose bytes it accepts.

    `check` raises `CorruptError` for bytes that are not what they should be. They are then fetched
    once more, since they may have suffered on the way; then from the next copy, if the store has
    several. Raises `NotFoundError` only where no copy has the object; otherwise what was wrong
    with the first one that has it, or may have it.
    """
    failures: list[ReplicateError] = []
    for copy in store.copies if isinstance(store, HasCopies) else [store]:
        try:
            return _fetched_twice(copy, key, check, max_size)
        except (NotFoundError, CorruptError, DatastoreError) as error:
            failures.append(error)
    raise next((e for e in failures if not isinstance(e, NotFoundError)), failures[0])


def _fetched_twice(
    store: Datastore, key: str, check: Callable[[bytes], CheckedT], max_size: int
) -> CheckedT:
    try:
        return check(store.get(key, max_size=max_size))
    except TooLargeError:
        raise
    except CorruptError:
        return check(store.get(key, max_size=max_size))
