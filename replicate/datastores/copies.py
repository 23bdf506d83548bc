"""One of the stores that make up a mirrored one: what it failed to do, and who is told how."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from replicate.datastores.base import ConditionalWrites, Data, Datastore
from replicate.errors import ConflictError, CorruptError, NotFoundError, ReplicateError

Operation = Literal["put", "read", "delete"]

CONSEQUENCES: Mapping[Operation, str] = {
    "put": "it gets nothing more now; `replicate datastore sync` brings it up to date",
    "read": "what only it holds is not seen, and nothing is deleted there",
    "delete": "what is deleted elsewhere stays there",
}
"""What follows where an optional copy fails."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One of the stores; a `required` one has to hold everything, and its failures are errors."""

    store: Datastore
    required: bool = True


@dataclass(slots=True, eq=False)
class Member:
    """A copy, and what it has failed to do so far."""

    store: Datastore
    required: bool
    failed: set[Operation] = field(default_factory=set)

    def does(self, operation: Operation) -> bool:
        """Whether it is still asked to."""
        return self.required or operation not in self.failed


def failure_of(done: Future[Any]) -> ReplicateError | None:
    """How a finished call failed; None if it didn't. Raises what is no error of ours."""
    error = done.exception()
    if error is None or isinstance(error, ReplicateError):
        return error
    raise error


def located(member: Member, error: ReplicateError) -> ReplicateError:
    """`error`, saying in which copy it happened. A copy: others may have the same one."""
    told = copy.copy(error)
    told.message = f"{member.store.location}: {error.message}"
    told.__cause__ = error
    return told


@contextmanager
def naming(member: Member) -> Iterator[None]:
    """Around a call of one copy: its errors say which it is."""
    try:
        yield
    except ReplicateError as error:
        raise located(member, error) from error


def put_if_absent(store: Datastore, key: str, data: Data) -> bool:
    """Create an object, and whether that was needed: the very same bytes may be there already.

    Raises `ConflictError` for other bytes.
    """
    try:
        if store.capabilities.conditional_writes is not ConditionalWrites.ATOMIC:
            with suppress(NotFoundError):
                store.stat(key)
                raise ConflictError(f"{key} exists already")
        store.put(key, data, mode="create")
    except ConflictError:
        try:
            if store.get(key, max_size=memoryview(data).nbytes) == bytes(data):
                return False
        except (NotFoundError, CorruptError):
            pass  # gone since, longer, or no object at all
        raise
    return True
