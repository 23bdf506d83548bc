"""Conditional writes: whether a service decides them, and what is done where it doesn't.

Some services accept a condition and ignore it, or know one kind and not the other. So unless its
maker promises something a service is put to the test: nothing less than the right answer to each
question counts. Each test has an object of its own, so that no other run has a say in the answers.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from replicate.datastores.base import ConditionalWrites, ObjectInfo, PutMode, Replace
from replicate.errors import ConflictError, DatastoreError, NotFoundError, ReplicateError

PROBE_FOLDER = "probe/"
"""What the keys begin with at which it is tried; 16 hexadecimal digits follow, drawn each time."""

_BODY = b"Written to find out whether conditional writes are honoured.\n"


class Conditional(Protocol):
    """What `Conditions` needs of a store: writes that pass a condition on to the service."""

    def stat(self, key: str) -> ObjectInfo: ...

    def put_conditionally(self, key: str, data: bytes, mode: PutMode) -> ObjectInfo: ...

    def delete(self, keys: Iterable[str]) -> None: ...


class Conditions:
    """What the service of one store decides. May be used by several threads."""

    def __init__(
        self, store: Conditional, *, never: str, promised: Callable[[], ConditionalWrites | None]
    ) -> None:
        """`never` is a version that no object ever has.

        `promised` is what the maker of the service says; where that is None, it is tried out.
        """
        self._store = store
        self._never = never
        self._promised = promised
        self._lock = threading.Lock()
        self._known: ConditionalWrites | None = None

    @property
    def writes(self) -> ConditionalWrites:
        """What can be relied on, found out when it is first asked for.

        Raises what a write raises if that is transient, or the bucket isn't there; then the next
        call tries again.
        """
        with self._lock:
            if self._known is None:
                self._known = self._promised() or self._probe()
            return self._known

    def left(self, key: str, mode: PutMode) -> PutMode:
        """What is left of `mode` for the service to decide.

        Where it can't decide, the object is looked at now, and the `ConflictError` raised here.
        """
        if mode == "overwrite" or self.writes is ConditionalWrites.ATOMIC:
            return mode
        check_first(self._store, key, mode)
        return "overwrite"

    def _probe(self) -> ConditionalWrites:
        key = f"{PROBE_FOLDER}{secrets.token_hex(8)}"
        try:
            honoured = self._are_honoured(key)
        except DatastoreError as error:
            if error.transient:
                raise
            honoured = False
        finally:
            with suppress(ReplicateError):  # one left behind does no harm
                self._store.delete([key])
        return ConditionalWrites.ATOMIC if honoured else ConditionalWrites.NONE

    def _are_honoured(self, key: str) -> bool:
        info = self._store.put_conditionally(key, _BODY, "overwrite")
        if not self._refuses(key, Replace(self._never)) or not self._refuses(key, "create"):
            return False
        return not self._refuses(key, Replace(info.version))

    def _refuses(self, key: str, mode: PutMode) -> bool:
        try:
            self._store.put_conditionally(key, _BODY, mode)
        except ConflictError:
            return True
        return False


def check_first(store: Conditional, key: str, mode: PutMode) -> None:
    """Raise unless `mode` lets `key` be put as things are: for want of conditional writes."""
    if mode == "overwrite":
        return
    try:
        found = store.stat(key)
    except NotFoundError:
        found = None
    if mode == "create":
        if found is not None:
            raise conflict(key, mode)
    elif found is None or found.version != mode.version:
        raise conflict(key, mode)


def conflict(key: str, mode: PutMode) -> ConflictError:
    """For a put that `mode` forbids."""
    if mode == "create":
        return ConflictError(f"{key} exists already")
    return ConflictError(f"{key} was changed or deleted by somebody else")
