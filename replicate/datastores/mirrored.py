"""One datastore made of several that hold the same.

The required copies are complete: what one of them can't do fails. The others may lag behind: one
that fails is left out from then on, with a warning, until `replicate datastore sync`.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from replicate.datastores.base import (
    Capabilities,
    Data,
    Datastore,
    Examinable,
    Finding,
    HasLeftovers,
    Interruptible,
    KeepsVersions,
    ObjectInfo,
    PutMode,
    Replace,
    check_key,
)
from replicate.datastores.copies import (
    CONSEQUENCES,
    Copy,
    Member,
    Operation,
    failure_of,
    located,
    naming,
    put_if_absent,
)
from replicate.errors import (
    ConflictError,
    CorruptError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    UsageError,
)
from replicate.threads import Threads

__all__ = ["Copy", "Mirrored"]

ResultT = TypeVar("ResultT")

_Outcomes = Sequence[tuple[Member, Future[ResultT]]]


class Mirrored:
    """A `Datastore` and `HasCopies`: everything is put into every copy, any copy can be read.

    The required copies come first, in the order given, and then the others, which may lag behind.
    The very first decides: conditions hold for it, and an `ObjectInfo` is its own wherever it has
    the object. So runs that share their mirrors have to name the same one first.

    An optional copy that fails to be written, read or cleared is warned of once, and this instance
    asks no more of the kind of it. May be used by several threads. Closes its copies with itself.
    """

    def __init__(
        self, copies: Sequence[Copy], *, warn: Callable[[str], None] | None = None
    ) -> None:
        """`warn` is called in whichever thread uses the store."""
        members = [Member(each.store, each.required) for each in copies]
        self._members = sorted(members, key=lambda member: not member.required)
        if not members or not self._members[0].required:
            raise UsageError("one of the copies of a datastore has to be required")
        self._first, *self._others = self._members
        self._warn = warn or (lambda _: None)
        self._lock = threading.Lock()
        self._unlisted: ReplicateError | None = None

    @property
    def location(self) -> str:
        return f"mirrors: {', '.join(member.store.location for member in self._members)}"

    @property
    def capabilities(self) -> Capabilities:
        return self._first.store.capabilities

    @property
    def copies(self) -> Sequence[Datastore]:
        return [member.store for member in self._members]

    def may_lag(self, copy: Datastore) -> bool:
        return any(member.store is copy and not member.required for member in self._members)

    def close(self) -> None:
        with ExitStack() as stack:
            for member in self._members:
                stack.callback(member.store.close)

    def interrupt(self) -> None:
        """See `Interruptible.interrupt`."""
        for member in self._members:
            if isinstance(member.store, Interruptible):
                member.store.interrupt()

    # Writing

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        """See `Datastore.put`. Returns when all copies have the object that are still put to.

        `overwrite` goes to all of them at once. `create` and `Replace` are decided by the first
        copy; only then the others are written, by `create` as well, or whatever they hold.

        Where a `create` finds other bytes in another copy, or a required copy fails, what it has
        put is taken away again. `ConflictError` says for certain that no copy keeps it; where one
        may, the error is another. An `overwrite` or a `Replace` that fails may stay in some copies.
        """
        check_key(key)
        if mode == "create":
            return self._create(key, data)
        if isinstance(mode, Replace):
            info = self._replace(key, data, mode)
            rest = self._ask("put", self._others)
            self._judge("put", self._each(rest, lambda store: store.put(key, data)))
            return info
        outcomes = self._each(self._ask("put"), lambda store: store.put(key, data))
        self._judge("put", outcomes)
        return outcomes[0][1].result()

    def _create(self, key: str, data: Data) -> ObjectInfo:
        with naming(self._first):
            info = self._first.store.put(key, data, mode="create")
        outcomes = self._each(
            self._ask("put", self._others), lambda store: put_if_absent(store, key, data)
        )
        failures = [(m, error) for m, made in outcomes if (error := failure_of(made)) is not None]
        if not any(m.required or isinstance(error, ConflictError) for m, error in failures):
            self._judge("put", outcomes)
            return info
        made = [self._first, *(m for m, done in outcomes if not failure_of(done) and done.result())]
        kept = [
            (m, error)
            for m, gone in self._each(made, lambda store: store.delete([key]))
            if (error := failure_of(gone)) is not None
        ]
        # Whoever is told of a conflict may take the chunks of a manifest away. So an outcome that
        # nobody knows weighs more: the copy may have the object after all.
        unknown = [pair for pair in failures if not isinstance(pair[1], ConflictError)]
        if unknown:
            raise located(*min(unknown, key=lambda pair: not pair[0].required))
        conflict = located(*failures[0])
        if kept:
            left = located(*kept[0])
            raise DatastoreError(
                f"{conflict.message}; {key} could not be taken back elsewhere: {left.message}",
                hint=conflict.hint,
            )
        raise conflict

    def _replace(self, key: str, data: Data, mode: Replace) -> ObjectInfo:
        with naming(self._first):
            try:
                return self._first.store.put(key, data, mode=mode)
            except ConflictError:
                if not self._is_of_another_copy(key, mode.version):
                    raise
                return self._first.store.put(key, data, mode="create")

    def _is_of_another_copy(self, key: str, version: str) -> bool:
        """Whether the first copy lacks the object, so that this version was read from another."""
        try:
            self._first.store.stat(key)
        except NotFoundError:
            try:
                return self.stat(key).version == version
            except NotFoundError:
                return False
        return False

    def delete(self, keys: Iterable[str]) -> None:
        """See `Datastore.delete`. All copies are asked, also where a required one fails.

        After that an optional copy that failed is not asked again: it keeps what it has in full.
        `DatastoreError` where a required copy could not be listed before: see `list`.
        """
        doomed = [check_key(key) for key in keys]
        if self._unlisted is not None:
            raise DatastoreError(
                f"nothing is deleted while a copy can't be listed: {self._unlisted.message}",
                hint=self._unlisted.hint,
            )
        outcomes = self._each(self._ask("delete"), lambda store: store.delete(doomed))
        self._judge("delete", outcomes)

    def settle(self, prefix: str, sizes: Mapping[str, int]) -> None:
        """See `HasCopies.settle`. Lists every copy that is still put to."""

        def compare(store: Datastore) -> None:
            stored = {info.key: info.size for info in store.list(prefix)}
            lost = [key for key, size in sizes.items() if stored.get(key) != size]
            if lost:
                raise ConflictError(
                    f"{len(lost)} of {len(sizes)} objects are not there as they were stored, "
                    f"{lost[0]} for one",
                    hint="bring the copies up to date with `replicate datastore sync`; if it "
                    "happens again, something else removes objects from the datastore",
                )

        self._judge("put", self._each(self._ask("put"), compare))

    # Reading

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        """See `Datastore.get`: the bytes of the first copy that has them, as `stat`."""
        return self._read(
            key, lambda store: store.get(key, byte_range=byte_range, max_size=max_size)
        )

    def stat(self, key: str) -> ObjectInfo:
        """See `Datastore.stat`: of the first copy that has the object.

        A copy that can't be asked is passed over, with a warning. Where no other has the object,
        one that is required is an error, for it should know; one that is not decides nothing, and
        `NotFoundError` is raised, as if no copy had it.
        """
        return self._read(key, lambda store: store.stat(key))

    def _read(self, key: str, read: Callable[[Datastore], ResultT]) -> ResultT:
        check_key(key)
        failures: list[tuple[Member, ReplicateError]] = []
        for member in self._ask("read"):
            try:
                found = read(member.store)
            except NotFoundError:
                continue
            except (CorruptError, DatastoreError) as error:
                failures.append((member, error))
                continue
            for other, failure in failures:
                self._pass_over(other, "read", failure)
            return found
        for member, failure in failures:
            if member.required or isinstance(failure, CorruptError):
                raise located(member, failure)
            self._pass_over(member, "read", failure)
        raise NotFoundError(f"there is no {key} in {self.location}")

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Datastore.list`: what any copy has, as the first one that has it tells.

        One required copy has to be listed in full: it has all that is complete. Another that can't
        be is passed over with a warning, so that dumps are found while a store is away; but it may
        name what the listed ones merely hold, which then looks like an orphan. So this instance
        deletes nothing from then on. An optional copy is passed over in any case: what it alone
        has was never complete elsewhere, or was deleted there.
        """
        failures: dict[Member, ReplicateError] = {}
        asked = self._ask("read")
        listings = [self._listed(member, prefix, failures) for member in asked]
        last: str | None = None
        for info in heapq.merge(*listings, key=lambda info: info.key):
            if info.key != last:  # of equal ones the first listing's comes first
                last = info.key
                yield info
        required = [(member, error) for member, error in failures.items() if member.required]
        if len(required) == sum(member.required for member in asked):
            raise located(*required[0])
        for member, error in failures.items():
            self._pass_over(member, "read", error)

    def _listed(
        self, member: Member, prefix: str, failures: dict[Member, ReplicateError]
    ) -> Iterator[ObjectInfo]:
        try:
            yield from member.store.list(prefix)
        except ReplicateError as error:
            failures[member] = error
            if member.required:
                with self._lock:
                    self._unlisted = self._unlisted or located(member, error)

    # What not every store can do

    def remains(self) -> str | None:
        """See `KeepsVersions.remains`: what the copies say, one after the other."""
        told = [
            f"{member.store.location}: {sentence}"
            for member in self._members
            if isinstance(member.store, KeepsVersions) and (sentence := member.store.remains())
        ]
        return "; ".join(told) or None

    def examine(self, prefix: str) -> Iterator[Finding]:
        """See `Examinable.examine`: what each copy finds, with the copy in its detail."""
        for member in self._members:
            if isinstance(member.store, Examinable):
                for finding in member.store.examine(prefix):
                    yield replace(finding, detail=f"{member.store.location}: {finding.detail}")

    def remove_leftovers(self, older_than: timedelta, *, dry_run: bool = False) -> int:
        """See `HasLeftovers.remove_leftovers`, in every copy that may have some."""

        def remove(store: Datastore) -> int:
            if not isinstance(store, HasLeftovers):
                return 0
            return store.remove_leftovers(older_than, dry_run=dry_run)

        outcomes = self._each(self._ask("delete"), remove)
        self._judge("delete", outcomes)
        return sum(done.result() for _, done in outcomes if failure_of(done) is None)

    # Asking several

    def _ask(
        self, operation: Operation, members: Sequence[Member] | None = None
    ) -> Sequence[Member]:
        asked = self._members if members is None else members
        return [member for member in asked if member.does(operation)]

    def _each(
        self, members: Sequence[Member], work: Callable[[Datastore], ResultT]
    ) -> _Outcomes[ResultT]:
        """What `work` came to in each, done at the same time."""
        with Threads(max_workers=max(1, len(members))) as threads:
            try:
                outcomes = [(member, threads.submit(work, member.store)) for member in members]
                wait([done for _, done in outcomes])
            except BaseException:
                self.interrupt()  # lest an end waits for all the tries of a store that is down
                raise
        return outcomes

    def _judge(self, operation: Operation, outcomes: _Outcomes[ResultT]) -> None:
        """Raise what a required copy raised; give up on the others that failed."""
        failures = [(m, error) for m, done in outcomes if (error := failure_of(done)) is not None]
        for member, error in failures:
            if not member.required:
                self._pass_over(member, operation, error)
        for member, error in failures:
            if member.required:
                raise located(member, error) from error

    def _pass_over(self, member: Member, operation: Operation, error: ReplicateError) -> None:
        with self._lock:
            if operation in member.failed:
                return
            member.failed.add(operation)
            if operation == "read":
                # What isn't seen can't be judged: of a copy whose manifests are out of sight all
                # chunks would pass for orphans.
                member.failed.add("delete")
        follows = CONSEQUENCES[operation]
        if member.required:
            follows = "another copy is read instead"
        self._warn(f"{located(member, error).message}; {follows}")
