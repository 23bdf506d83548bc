"""What a datastore is: five operations on named, whole objects, and a record of what it can do.

A datastore knows nothing of dumps. It maps keys to byte strings. A new one is one module with a
class that fulfils `Datastore` and one line in `registry.py`; `conformance.py` is the suite that it
has to pass, and that `replicate datastore check` runs against a user's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal, Protocol, runtime_checkable

from replicate.errors import TooLargeError, UsageError

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*\Z")
MAX_KEY_LENGTH = 512


class ConditionalWrites(Enum):
    """Whether the store decides `create` and `Replace` atomically, or can't be relied on."""

    ATOMIC = "atomic"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store is able to do, so that callers ask instead of testing its type."""

    conditional_writes: ConditionalWrites


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One stored object: `version` changes with every write of the key (an etag, a generation)."""

    key: str
    size: int
    modified: datetime
    version: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Put mode: succeed only while the stored version is still this one."""

    version: str


PutMode = Literal["overwrite", "create"] | Replace
Data = bytes | bytearray | memoryview


class Datastore(Protocol):
    """Named objects that are whole or absent, never half-written.

    Guarantees, for every implementation:

    - A `put` that returned is durable, and visible to every later `get`, `stat` and `list`.
    - Nobody ever sees a part of an object; a `put` that failed leaves what was there before.
    - `put` and `delete` may be repeated with the same effect.
    - Several threads may use one instance at once.
    - Every key passed in and handed out satisfies `check_key`.
    - The vendor's errors arrive as `replicate.errors`: `NotFoundError` for a key that isn't there,
      `ConflictError` for a condition that doesn't hold, `DatastoreError` for the rest, with
      `transient` set where a second try may help.
    """

    @property
    def location(self) -> str:
        """Where this is, fit to be shown: never a secret."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        """Store `data` under `key`.

        `create` fails with `ConflictError` where the key exists, `Replace(version)` where its
        version is another or it is gone. A store without atomic conditional writes does its best.
        """
        ...

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        """The object, or its bytes from `byte_range[0]` up to, not including, `byte_range[1]`.

        A range that reaches past the end is a `DatastoreError`, never a short answer. Where the
        object, or the range, has more than `max_size` bytes it is not read: `TooLargeError`.
        """
        ...

    def stat(self, key: str) -> ObjectInfo: ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose key starts with `prefix`, in ascending order of key, however many.

        Objects in the same place that are no keys of ours are passed over.
        """
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove each key; one that isn't there is no error."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class HasCopies(Protocol):
    """A store made of several that hold the same: any copy will do, if its bytes are right."""

    @property
    def copies(self) -> Sequence[Datastore]:
        """In the order of preference."""
        ...

    def may_lag(self, copy: Datastore) -> bool:
        """Whether this one of `copies` need not hold everything."""
        ...

    def settle(self, prefix: str, sizes: Mapping[str, int]) -> None:
        """Make sure of what was put below `prefix`: `sizes` has the bytes of each key.

        A copy that has to be complete and isn't is a `ConflictError`. One that may lag behind is
        put to no more, so that it never holds the name of what it doesn't hold in full.
        """
        ...


@runtime_checkable
class KeepsVersions(Protocol):
    """A store that may keep what was deleted or overwritten."""

    def remains(self) -> str | None:
        """A sentence on what a delete leaves behind, and how it goes; None where it is nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a store says of itself in a check; `ok` None where it can't tell.

    `consequence` says what follows for the user.
    """

    name: str
    ok: bool | None
    detail: str
    consequence: str
    hint: str | None = None


@runtime_checkable
class Examinable(Protocol):
    """A store that can be asked for more than its objects: where it is, what it keeps."""

    def examine(self, prefix: str) -> Iterator[Finding]:
        """What can be found out, one by one. May write below `prefix`, which the caller clears."""
        ...


@runtime_checkable
class Interruptible(Protocol):
    """A store in which a thread may be waiting for its next try."""

    def interrupt(self) -> None:
        """Operations that have begun give up instead of trying again; later ones are as ever.

        For a caller that ends, and has threads of its own in the store to wait for.
        """
        ...


@runtime_checkable
class HasLeftovers(Protocol):
    """A store in which a killed process may leave things behind that no listing shows."""

    def remove_leftovers(self, older_than: timedelta, *, dry_run: bool = False) -> int:
        """Remove those last written longer ago than `older_than`, and say how many there were.

        With `dry_run` they are counted and stay. Never touches an object.
        """
        ...


def too_large(key: str, size: int, max_size: int) -> TooLargeError:
    """What `get` raises where there is more than was asked for at most."""
    return TooLargeError(f"{key} is {size} bytes long, where {max_size} are the limit")


def is_key(text: str) -> bool:
    """Whether `text` is a valid key: see `check_key`."""
    return len(text) <= MAX_KEY_LENGTH and _KEY.match(text) is not None


def check_key(key: str) -> str:
    """`key`, if it is one: relative, ASCII, no `..`, no hidden or empty segment."""
    if not is_key(key):
        raise UsageError(f"{key[:80]!r} is not a valid object key")
    return key
