"""Trying again: a datastore around another one, which repeats what may succeed the next time.

    Retrying(S3Store(settings), attempts=8)

What is worth repeating the store inside says itself, by `transient` in its errors. The bound of a
wait doubles from try to try, and a random part of it is waited, so that workers that failed all at
once don't come back all at once: "full jitter", as AWS's Architecture Blog calls it in
"Exponential Backoff And Jitter" (2015).
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import dropwhile
from typing import TypeVar

import tenacity

from replicate.datastores.base import (
    Capabilities,
    Data,
    Datastore,
    Examinable,
    Finding,
    HasLeftovers,
    KeepsVersions,
    ObjectInfo,
    PutMode,
)
from replicate.errors import ConflictError, CorruptError, NotFoundError, ReplicateError

TOTAL = 300.0
"""Seconds after which an operation that keeps failing is not tried again."""

_FIRST_WAIT = 0.2
_LONGEST_WAIT = 20.0
_BATCH = 1000
_BACKOFF = tenacity.wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT)

ResultT = TypeVar("ResultT")


class Retrying:
    """A `Datastore` that passes everything on to `inner`, and repeats what fails transiently.

    An operation is tried at most `attempts` times, and no try begins later than `total` seconds
    after the first. An error that is not transient is raised at once. The last error says how often
    the operation was tried. Where the store says how long it wants to be left alone, that is waited
    at least, as far as `total` allows.

    A listing counts anew with every batch of objects that it gets; one that breaks off in the
    middle goes on after the last object it got.

    What `inner` can do beyond a `Datastore` is passed on; where it can't, the answer is that there
    is nothing to tell. May be used by several threads if `inner` may. Ctrl-C ends a wait in the
    main thread, and `interrupt` those in the others.
    """

    def __init__(
        self,
        inner: Datastore,
        *,
        attempts: int,
        total: float = TOTAL,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`sleep` takes seconds and `clock` tells them; tests give their own."""
        if attempts < 1:
            raise ValueError("an operation has to be tried at least once")
        self._inner = inner
        self._attempts = attempts
        self._total = total
        self._sleep = sleep
        self._clock = clock
        self._interrupted = threading.Event()

    @property
    def location(self) -> str:
        return self._inner.location

    @property
    def capabilities(self) -> Capabilities:
        return self._repeat(lambda: self._inner.capabilities)

    def interrupt(self) -> None:
        """See `Interruptible.interrupt`."""
        before, self._interrupted = self._interrupted, threading.Event()
        before.set()

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        """See `Datastore.put`.

        Where a try failed and the next one meets a condition that doesn't hold, the first may have
        been done and its answer lost. The very same bytes are then taken for our own; so two that
        may put the same at once, and have to know whose it is, put something of their own into it.
        """
        unsure = False

        def once() -> ObjectInfo:
            nonlocal unsure
            try:
                return self._inner.put(key, data, mode=mode)
            except ConflictError:
                own = self._own(key, data) if unsure else None
                if own is None:
                    raise
                return own
            except ReplicateError as error:
                unsure = unsure or error.transient
                raise

        return self._repeat(once)

    def _own(self, key: str, data: Data) -> ObjectInfo | None:
        try:
            # Before the bytes: of an object that changes in between the version is then the old
            # one, which no later compare-and-swap takes for the new one.
            info = self._inner.stat(key)
            stored = self._inner.get(key, max_size=memoryview(data).nbytes)
        except (NotFoundError, CorruptError):
            return None
        return info if stored == bytes(data) else None

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        return self._repeat(lambda: self._inner.get(key, byte_range=byte_range, max_size=max_size))

    def stat(self, key: str) -> ObjectInfo:
        return self._repeat(lambda: self._inner.stat(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Datastore.list`. No object is handed out twice."""
        listing = _Listing(self._inner, prefix)
        while found := self._repeat(listing.more):
            yield from found

    def delete(self, keys: Iterable[str]) -> None:
        doomed = [*keys]  # an iterator would be empty at the second try
        self._repeat(lambda: self._inner.delete(doomed))

    def close(self) -> None:
        """Give up what others still wait for, and close the store inside."""
        self.interrupt()
        self._inner.close()

    # What not every store can do

    def remains(self) -> str | None:
        """See `KeepsVersions.remains`; None where `inner` keeps none."""
        inner = self._inner
        return self._repeat(inner.remains) if isinstance(inner, KeepsVersions) else None

    def examine(self, prefix: str) -> Iterator[Finding]:
        """See `Examinable.examine`; nothing is repeated, so that faults are seen."""
        if isinstance(self._inner, Examinable):
            yield from self._inner.examine(prefix)

    def remove_leftovers(self, older_than: timedelta, *, dry_run: bool = False) -> int:
        """See `HasLeftovers.remove_leftovers`; 0 where `inner` can have none."""
        inner = self._inner
        if not isinstance(inner, HasLeftovers):
            return 0
        return self._repeat(lambda: inner.remove_leftovers(older_than, dry_run=dry_run))

    # Repeating

    def _repeat(self, operation: Callable[[], ResultT]) -> ResultT:
        interrupted = self._interrupted
        deadline = self._clock() + self._total
        failures: list[ReplicateError] = []

        def attempt() -> ResultT:
            if failures and interrupted.is_set():  # while it waited
                raise failures[-1]
            try:
                return operation()
            except ReplicateError as error:
                failures.append(error)
                raise

        def wait(state: tenacity.RetryCallState) -> float:
            asked: float = getattr(failures[-1], "retry_after", None) or 0.0
            left = max(0.0, deadline - self._clock())
            return min(max(_BACKOFF(state), asked), left)

        def stop(_: tenacity.RetryCallState) -> bool:
            late = len(failures) >= self._attempts or self._clock() >= deadline
            return late or interrupted.is_set()

        def give_up(_: tenacity.RetryCallState) -> ResultT:
            raise _told(failures[-1], len(failures))

        controller = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_transient),
            wait=wait,
            sleep=self._sleep or tenacity.sleep_using_event(interrupted),
            stop=stop,
            retry_error_callback=give_up,
        )
        try:
            return controller(attempt)
        finally:
            failures.clear()  # their tracebacks hold what was to be put


class _Listing:
    """One listing, in batches, that starts again by itself after what it got already."""

    def __init__(self, store: Datastore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._last = ""
        self._objects: Iterator[ObjectInfo] | None = None
        self._found: list[ObjectInfo] = []

    def more(self) -> list[ObjectInfo]:
        """The next objects; none at the end. After an error what was got so far is not lost."""
        if self._objects is None:
            self._objects = dropwhile(self._is_known, self._store.list(self._prefix))
        try:
            for info in self._objects:
                self._found.append(info)
                self._last = info.key
                if len(self._found) == _BATCH:
                    break
        except ReplicateError:
            self._objects = None
            raise
        found, self._found = self._found, []
        return found

    def _is_known(self, info: ObjectInfo) -> bool:
        return info.key <= self._last


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, ReplicateError) and error.transient


def _told(error: ReplicateError, tries: int) -> ReplicateError:
    """`error`, saying how often it was tried. A copy: others may have the same one."""
    if tries == 1:
        return error
    told = copy.copy(error)
    told.message = f"{error.message} (tried {tries} times)"
    told.__cause__ = error
    return told
