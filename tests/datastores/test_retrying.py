"""What fails for a moment is repeated, within bounds; what fails for good is not."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from replicate.datastores.base import (
    Data,
    Datastore,
    Examinable,
    Finding,
    HasCopies,
    HasLeftovers,
    KeepsVersions,
    ObjectInfo,
    PutMode,
    Replace,
)
from replicate.datastores.conformance import CASES, Case
from replicate.datastores.retrying import Retrying
from replicate.errors import (
    ConflictError,
    CorruptError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    UsageError,
)
from tests.support.faulty_store import Fault, FaultyStore, Operation, after, before
from tests.support.memory_store import MemoryStore


class Clock:
    """A time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def busy(message: str = "busy", *, retry_after: float | None = None) -> DatastoreError:
    return DatastoreError(message, transient=True, retry_after=retry_after, hint="wait")


def faulty(*script: Fault, attempts: int = 5) -> tuple[Retrying, FaultyStore, Clock]:
    inner = FaultyStore(MemoryStore(), *script)
    clock = Clock()
    return Retrying(inner, attempts=attempts, sleep=clock.sleep, clock=clock), inner, clock


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_around_a_sound_store_nothing_changes(case: Case) -> None:
    case.run(Retrying(MemoryStore(), attempts=2), "check/case/")


class Shaky(MemoryStore):
    """Half of all calls fail: one half of these before anything is done, the other afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self._chance = random.Random(4)

    @contextmanager
    def _shaken(self) -> Iterator[None]:
        luck = self._chance.random()
        if luck < 0.25:
            raise busy()
        yield
        if luck < 0.5:
            raise busy("the answer was lost")

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        with self._shaken():
            return super().put(key, data, mode=mode)

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        with self._shaken():
            return super().get(key, byte_range=byte_range, max_size=max_size)

    def stat(self, key: str) -> ObjectInfo:
        with self._shaken():
            return super().stat(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        with self._shaken():
            end = self._chance.randrange(2_000)
            for place, info in enumerate(super().list(prefix)):
                if place == end:
                    raise busy("cut")
                yield info

    def delete(self, keys: Iterable[str]) -> None:
        with self._shaken():
            super().delete(keys)


# Two that put the same bytes under the same condition can't be told apart once an answer is lost.
ALIKE = {"create-only", "compare-and-swap in a race"}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name not in ALIKE], ids=lambda case: case.name
)
def test_around_a_shaky_store_every_promise_is_kept(case: Case) -> None:
    case.run(Retrying(Shaky(), attempts=100, sleep=lambda _: None), "check/case/")


CALLS: dict[Operation, Callable[[Datastore], object]] = {
    "put": lambda store: store.put("a", b"new"),
    "get": lambda store: store.get("a"),
    "stat": lambda store: store.stat("a"),
    "list": lambda store: [*store.list("")],
    "delete": lambda store: store.delete(iter(["a"])),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("fault", [before, after])
def test_a_fault_that_passes_is_not_noticed(
    operation: Operation, fault: Callable[..., Fault]
) -> None:
    plain = MemoryStore()
    store, inner, clock = faulty(fault(operation, busy(), times=3))
    for each in (plain, inner.inner):
        each.put("a", b"old")

    found, expected = CALLS[operation](store), CALLS[operation](plain)

    inner.assert_all_used()
    assert len(clock.waits) == 3
    assert _timeless(found) == _timeless(expected)
    assert [info.key for info in inner.inner.list("")] == [info.key for info in plain.list("")]


def _timeless(found: object) -> object:
    """What came of a call, but for times and versions."""
    if isinstance(found, ObjectInfo):
        return (found.key, found.size)
    return [_timeless(each) for each in found] if isinstance(found, list) else found


@pytest.mark.parametrize("operation", CALLS)
def test_a_fault_that_stays_is_told_after_the_last_try(operation: Operation) -> None:
    error = busy("the store is busy")
    store, inner, clock = faulty(before(operation, error, times=4), attempts=4)
    inner.inner.put("a", b"old")

    with pytest.raises(DatastoreError) as caught:
        CALLS[operation](store)

    assert caught.value.message == "the store is busy (tried 4 times)"
    assert (caught.value.hint, caught.value.transient) == ("wait", True)
    assert error.message == "the store is busy"
    assert len(clock.waits) == 3
    inner.assert_all_used()


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(
    "error",
    [DatastoreError("denied"), NotFoundError("none"), CorruptError("bad"), UsageError("key")],
    ids=lambda error: type(error).__name__,
)
def test_what_will_not_pass_is_raised_at_once(operation: Operation, error: ReplicateError) -> None:
    store, inner, clock = faulty(before(operation, error))
    inner.inner.put("a", b"old")
    with pytest.raises(ReplicateError) as caught:
        CALLS[operation](store)
    assert caught.value is error
    assert clock.waits == []


def test_a_permanent_error_after_a_transient_one_ends_it() -> None:
    store, inner, clock = faulty(before("get", busy()), before("get", DatastoreError("denied")))
    with pytest.raises(DatastoreError, match=r"^denied$"):
        store.get("a")
    assert len(clock.waits) == 1
    inner.assert_all_used()


def test_a_single_attempt_is_never_repeated() -> None:
    store, inner, clock = faulty(before("get", busy()), attempts=1)
    with pytest.raises(DatastoreError, match=r"^busy$"):
        store.get("a")
    assert clock.waits == []
    assert len(inner.calls) == 1
    with pytest.raises(ValueError, match="at least once"):
        Retrying(MemoryStore(), attempts=0)


def test_waits_grow_are_random_and_end_at_twenty_seconds() -> None:
    waits = []
    for _ in range(200):
        store, _, clock = faulty(before("get", busy(), times=12), attempts=12)
        with pytest.raises(DatastoreError):
            store.get("a")
        waits.append(clock.waits)
    for turn, bound in enumerate([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20, 20, 20, 20]):
        seen = [each[turn] for each in waits]
        assert 0 <= min(seen) < bound / 4
        assert bound * 3 / 4 < max(seen) <= bound


def test_what_the_store_asks_for_is_waited() -> None:
    store, inner, clock = faulty(before("get", busy(retry_after=37.5)), before("get", busy()))
    inner.inner.put("a", b"1")
    assert store.get("a") == b"1"
    assert clock.waits[0] == 37.5
    assert clock.waits[1] <= 0.4


def test_nothing_is_tried_after_the_total_is_spent() -> None:
    store, inner, clock = faulty(before("get", busy(retry_after=200), times=9), attempts=9)
    with pytest.raises(DatastoreError, match=r"tried 3 times"):
        store.get("a")
    assert clock.waits == [200, 100]  # the last try is made at the very end of the total
    assert len(inner.calls) == 3


def test_each_operation_has_a_total_of_its_own() -> None:
    store, inner, clock = faulty(*(before("get", busy(retry_after=290)) for _ in range(3)))
    inner.inner.put("a", b"1")
    inner.add(before("stat", busy(retry_after=290)))
    clock.now += 10_000
    with pytest.raises(DatastoreError):
        store.get("a")
    assert store.get("a") == b"1"
    assert store.stat("a").size == 1


# Conditional puts


def test_a_create_whose_answer_was_lost_is_recognised() -> None:
    store, inner, _ = faulty(after("put", busy()))
    info = store.put("a", bytearray(b"mine"), mode="create")
    assert info == inner.inner.stat("a")
    assert inner.inner.get("a") == b"mine"


def test_a_replace_whose_answer_was_lost_is_recognised() -> None:
    store, inner, _ = faulty(after("put", busy()))
    version = inner.inner.put("a", b"old").version
    info = store.put("a", memoryview(b"mine"), mode=Replace(version))
    assert info == inner.inner.stat("a")
    assert info.version != version


def test_the_comparison_is_repeated_as_well() -> None:
    store, inner, _ = faulty(after("put", busy()), before("get", busy()), before("stat", busy()))
    store.put("a", b"mine", mode="create")
    inner.assert_all_used()


@pytest.mark.parametrize("theirs", [b"other", b"longer than mine", b"", b"min"])
def test_another_one_s_object_is_a_conflict_also_after_a_fault(theirs: bytes) -> None:
    store, inner, _ = faulty(before("put", busy()))
    inner.inner.put("a", theirs)
    with pytest.raises(ConflictError):
        store.put("a", b"mine", mode="create")
    assert inner.inner.get("a") == theirs


def test_an_object_that_is_gone_again_is_a_conflict() -> None:
    store, inner, _ = faulty(before("put", busy()))
    with pytest.raises(ConflictError):
        store.put("a", b"mine", mode=Replace("v0"))
    inner.assert_all_used()


def test_a_conflict_at_the_first_try_is_never_looked_into() -> None:
    store, inner, _ = faulty()
    inner.inner.put("a", b"mine")
    with pytest.raises(ConflictError):
        store.put("a", b"mine", mode="create")
    assert inner.calls == [("put", "a")]


# Listings


def test_a_listing_that_breaks_off_goes_on_where_it_was() -> None:
    keys = [f"{number:05}" for number in range(2_500)]
    inner = Breaking({700, 999, 1000, 1001, 2_499})
    for key in keys:
        inner.put(key, b"")
    store = Retrying(inner, attempts=3, sleep=lambda _: None)
    assert [info.key for info in store.list("")] == keys
    assert inner.listings == 6


class Breaking(MemoryStore):
    """A listing breaks off before each of these places, each time it gets to one for the first."""

    def __init__(self, places: set[int]) -> None:
        super().__init__()
        self.places = places
        self.listings = 0

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.listings += 1
        for place, info in enumerate(super().list(prefix)):
            if place in self.places:
                self.places.remove(place)
                raise busy()
            yield info


def test_a_listing_that_always_breaks_off_ends_in_an_error() -> None:
    store, inner, _ = faulty(after("list", busy(), times=3), attempts=3)
    inner.inner.put("a", b"")
    with pytest.raises(DatastoreError, match="tried 3 times"):
        list(store.list(""))
    assert len(inner.calls) == 3


def test_a_listing_is_not_asked_for_before_it_is_used() -> None:
    store, inner, _ = faulty(before("list", busy()))
    listing = store.list("")
    assert inner.calls == []
    assert list(listing) == []


# Interrupts


def test_ctrl_c_ends_the_wait() -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    inner = FaultyStore(MemoryStore(), before("get", busy()))
    with pytest.raises(KeyboardInterrupt):
        Retrying(inner, attempts=3, sleep=interrupt).get("a")
    assert len(inner.calls) == 1


@pytest.mark.parametrize("end", [Retrying.interrupt, Retrying.close])
def test_waits_in_other_threads_can_be_ended(end: Callable[[Retrying], None]) -> None:
    called = threading.Event()

    class Down(MemoryStore):
        def stat(self, key: str) -> ObjectInfo:  # noqa: ARG002
            called.set()
            raise busy(retry_after=3_000)

    store = Retrying(Down(), attempts=3, total=3_000)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(store.stat, "a")
        assert called.wait(60)
        end(store)
        with pytest.raises(DatastoreError, match=r"^busy$"):
            waiting.result(60)


def test_an_interrupt_does_not_touch_what_begins_later() -> None:
    store, inner, clock = faulty(before("get", busy()))
    inner.inner.put("a", b"1")
    store.interrupt()
    assert store.get("a") == b"1"
    assert len(clock.waits) == 1


# What else a store may be able to do


class Able(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.failures = 1

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise busy()

    def remains(self) -> str | None:
        self._fail()
        return "old versions stay"

    def examine(self, prefix: str) -> Iterator[Finding]:
        yield Finding("prefix", True, prefix, "none")

    def remove_leftovers(self, older_than: timedelta, *, dry_run: bool = False) -> int:
        self._fail()
        return 7 if dry_run and older_than == timedelta(1) else 0


def test_what_the_store_inside_can_do_is_passed_on_and_repeated() -> None:
    inner = Able()
    store = Retrying(inner, attempts=2, sleep=lambda _: None)
    assert store.remains() == "old versions stay"
    inner.failures = 1
    assert store.remove_leftovers(timedelta(1), dry_run=True) == 7
    assert [finding.detail for finding in store.examine("x/")] == ["x/"]


def test_what_it_can_not_do_is_answered_with_nothing() -> None:
    store: Datastore = Retrying(MemoryStore(), attempts=2)
    assert isinstance(store, KeepsVersions)
    assert isinstance(store, HasLeftovers)
    assert isinstance(store, Examinable)
    assert not isinstance(store, HasCopies)
    assert (store.remains(), store.remove_leftovers(timedelta(0))) == (None, 0)
    assert [*store.examine("x/")] == []


def test_it_is_called_as_the_store_inside() -> None:
    inner = MemoryStore()
    store = Retrying(inner, attempts=2)
    assert (store.location, store.capabilities) == (inner.location, inner.capabilities)
