"""What every datastore must pass: the guarantees of `Datastore`, each as a case to be run.

A case is called with a store and a prefix ending in a slash, below which it has the store to
itself. It raises `NonconformityError` where a guarantee doesn't hold, and lets the store's own
errors through. It leaves its objects behind: whoever runs it clears the prefix afterwards. Some
cases call the store from several threads.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from replicate.datastores.base import Datastore, ObjectInfo, Replace
from replicate.errors import (
    ConflictError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    TooLargeError,
    UsageError,
)
from replicate.threads import Threads

_MIB = 1 << 20
_PATIENCE = 120.0  # seconds that threads of a race wait for each other


class NonconformityError(Exception):
    """A guarantee that doesn't hold, as a clause that follows the name of the case."""


@dataclass(frozen=True, slots=True)
class Case:
    """One guarantee.

    `conditional`: only a store whose conditional writes are atomic can pass. `heavy`: writes
    thousands of objects or tens of MiB, so not for a quick check of a store that is far away.
    """

    name: str
    run: Callable[[Datastore, str], None]
    conditional: bool = False
    heavy: bool = False


def round_trip(store: Datastore, prefix: str) -> None:
    for size in (0, 1, _MIB):
        key = f"{prefix}{size}"
        data = _noise(size)
        _expect_info(store.put(key, data), key, size)
        _expect(store.get(key) == data, f"{size} bytes did not come back as they were put")
        _expect_info(store.stat(key), key, size)
    for kind in (bytearray, memoryview):
        store.put(f"{prefix}{kind.__name__}", kind(b"buffer"))
        _expect(
            store.get(f"{prefix}{kind.__name__}") == b"buffer", f"a {kind.__name__} was changed"
        )


def overwrite(store: Datastore, prefix: str) -> None:
    key = f"{prefix}object"
    before = store.put(key, b"long before")
    after = store.put(key, b"after")
    _expect(store.get(key) == b"after", "an overwritten object is not the new one")
    _expect_info(store.stat(key), key, 5)
    _expect(before.version != after.version, "an overwritten object kept its version")
    _expect(store.stat(key).version == after.version, "put and stat tell different versions")
    same_size = store.put(key, b"AFTER")
    _expect(same_size.version != after.version, "other data of the same size kept the version")


def missing(store: Datastore, prefix: str) -> None:
    for key in (f"{prefix}nothing", f"{prefix}no/such/place"):
        with _refused(NotFoundError, "getting a missing key"):
            store.get(key)
        with _refused(NotFoundError, "stat of a missing key"):
            store.stat(key)
    _expect(not [*store.list(f"{prefix}no/such/")], "a prefix without objects lists some")
    store.put(f"{prefix}a/b", b"")
    with _refused(NotFoundError, "getting the first part of a key"):
        store.get(f"{prefix}a")


def ranges(store: Datastore, prefix: str) -> None:
    key = f"{prefix}object"
    data = _noise(70_000)
    size = len(data)
    store.put(key, data)
    for start, end in ((0, 1), (0, size), (5, 17), (65_535, 65_537), (size - 1, size)):
        part = store.get(key, byte_range=(start, end))
        _expect(part == data[start:end], f"bytes {start} to {end} are not those of the object")


def range_past_end(store: Datastore, prefix: str) -> None:
    key = f"{prefix}object"
    store.put(key, b"0123456789")
    for byte_range in ((9, 11), (10, 11), (0, 4096), (20, 30)):
        with _refused(DatastoreError, "a range past the end"):
            store.get(key, byte_range=byte_range)
    with _refused(NotFoundError, "a range of a missing key"):
        store.get(f"{prefix}missing", byte_range=(0, 1))


def bounded(store: Datastore, prefix: str) -> None:
    key = f"{prefix}object"
    data = _noise(1_000)
    store.put(key, data)
    _expect(store.get(key, max_size=1_000) == data, "an object of the size allowed is refused")
    part = store.get(key, byte_range=(10, 20), max_size=10)
    _expect(part == data[10:20], "a range of the size allowed is refused")
    with _refused(TooLargeError, "an object that is larger than allowed"):
        store.get(key, max_size=999)
    with _refused(TooLargeError, "a range that is larger than allowed"):
        store.get(key, byte_range=(10, 20), max_size=9)


def list_order(store: Datastore, prefix: str) -> None:
    names = ["a/b", "a-b", "a.b", "a0", "a_b", "ab", "B", "a/b-c/d", "a/b0", "a/B", "a-b-c/d", "0"]
    for name in names:
        store.put(f"{prefix}{name}", name.encode())
    listed = [*store.list(prefix)]
    _expect(
        [info.key for info in listed] == sorted(f"{prefix}{name}" for name in names),
        "a listing is not in ascending order of key, or not complete",
    )
    for info in listed:
        _expect_info(info, info.key, len(info.key) - len(prefix))
        found = store.stat(info.key)
        _expect(info.version == found.version, "list and stat tell different versions")


def list_prefix(store: Datastore, prefix: str) -> None:
    names = ["prod-2/1", "prod/1", "prod/10", "prod/2", "production", "x/prod/1"]
    for name in names:
        store.put(f"{prefix}{name}", b"")
    for start in ("prod", "prod/", "prod/1", "prod-", "prod-2/", "p", "x/p", "z", "prod/1/", ""):
        _expect(
            [info.key for info in store.list(f"{prefix}{start}")]
            == [f"{prefix}{name}" for name in names if name.startswith(start)],
            f"a listing of what starts with {start!r} has too much or too little",
        )


def many_objects(store: Datastore, prefix: str) -> None:
    keys = [f"{prefix}{number:05}" for number in range(1_100)]
    with Threads(8) as pool:
        for _ in pool.map(lambda key: store.put(key, b"x"), keys):
            pass
    _expect(
        [info.key for info in store.list(prefix)] == keys,
        "a listing of 1,100 objects is not complete, or not in order",
    )
    store.delete(keys)
    _expect(not [*store.list(prefix)], "1,100 objects deleted at once are not all gone")


def delete(store: Datastore, prefix: str) -> None:
    keys = [f"{prefix}{name}" for name in ("one", "two", "deep/er/three")]
    for key in keys:
        store.put(key, b"x")
    store.delete([keys[0], f"{prefix}never/was", f"{prefix}neither"])
    with _refused(NotFoundError, "getting a deleted object"):
        store.get(keys[0])
    _expect([info.key for info in store.list(prefix)] == [keys[2], keys[1]], "others were deleted")
    store.delete(iter(keys))
    store.delete(keys)
    store.delete([])
    _expect(not [*store.list(prefix)], "deleted objects are listed")
    store.put(keys[2], b"again")
    _expect(store.get(keys[2]) == b"again", "a deleted key can't be used again")


def odd_names(store: Datastore, prefix: str) -> None:
    names = ["Z", "0", "a..b", "a.", "a-", "a_", "A.B-c_D", "n" * 200, "/".join("abcdefghijkl")]
    for name in names:
        store.put(f"{prefix}{name}", name.encode())
    for name in names:
        _expect(store.get(f"{prefix}{name}") == name.encode(), f"{name!r} is not what was put")
    _expect(
        [info.key for info in store.list(prefix)] == sorted(f"{prefix}{name}" for name in names),
        "a valid but odd name is missing from the listing",
    )


def invalid_names(store: Datastore, prefix: str) -> None:
    # All below the prefix, lest a store that takes them overwrites what is not the suite's.
    endings = [
        "", "/a", "a/", "a//b", "..", "../a", "a/../b", ".", "./a", ".a", "a/.b", "a b", "a\n",
        "a\\b", "ä", "a\0", "*", "-a", "a" * 512,
    ]  # fmt: skip
    for name in ("", f"/{prefix}a", *(prefix + ending for ending in endings)):
        shown = repr(name[len(prefix) :][:20] or name[:1])
        with _refused(UsageError, f"putting the invalid key {shown}"):
            store.put(name, b"")
        with _refused(UsageError, f"getting the invalid key {shown}"):
            store.get(name)
        with _refused(UsageError, f"stat of the invalid key {shown}"):
            store.stat(name)
        with _refused(UsageError, f"deleting the invalid key {shown}"):
            store.delete([name])
    store.put(f"{prefix}valid", b"")
    for start in ("/", "..", "../", f"{prefix}../", f"{prefix}/", "./", f"/{prefix}"):
        _expect(not [*store.list(start)], f"there is something to list below {start!r}")


def large_object(store: Datastore, prefix: str) -> None:
    data = _noise(32 * _MIB)
    key = f"{prefix}object"
    _expect_info(store.put(key, data), key, len(data))
    _expect(store.get(key) == data, "32 MiB did not come back as they were put")
    middle = store.get(key, byte_range=(16 * _MIB - 1, 17 * _MIB))
    _expect(middle == data[16 * _MIB - 1 : 17 * _MIB], "a range of a large object is another")


def same_key_race(store: Datastore, prefix: str) -> None:
    """Writers and readers of one key: whatever is read is what one of them wrote, whole."""
    key = f"{prefix}object"
    bodies = [bytes([65 + writer]) * (200_000 + writer) for writer in range(3)]
    store.put(key, bodies[0])
    still_writing = set(range(len(bodies)))

    def work(worker: int) -> None:
        if worker in still_writing:
            try:
                for _ in range(5):
                    store.put(key, bodies[worker])
            finally:
                still_writing.remove(worker)
        while still_writing:
            _expect(store.get(key) in bodies, "a reader saw an object that nobody wrote")

    _together(len(bodies) + 2, work)
    _expect(store.get(key) in bodies, "after a race the object is not one that was put")


def create_only(store: Datastore, prefix: str) -> None:
    key = f"{prefix}object"
    store.put(key, b"first", mode="create")
    for data in (b"second", b"first"):
        with _refused(ConflictError, "a second create"):
            store.put(key, data, mode="create")
        _expect(store.get(key) == b"first", "a refused create changed the object")
    store.delete([key])
    store.put(key, b"third", mode="create")
    _expect(store.get(key) == b"third", "a deleted key can't be created")


def create_race(store: Datastore, prefix: str) -> None:
    for round_ in range(4):
        key = f"{prefix}{round_}"
        winners: list[int] = []

        def work(writer: int, key: str = key, winners: list[int] = winners) -> None:
            with suppress(ConflictError):
                store.put(key, b"%d" % writer * 1_000, mode="create")
                winners.append(writer)

        _together(6, work)
        _expect(len(winners) == 1, f"{len(winners)} of 6 writers created one key")
        _expect(
            store.get(key) == b"%d" % winners[0] * 1_000, "the loser's object is the one stored"
        )


def replace(store: Datastore, prefix: str) -> None:
    key = f"{prefix}object"
    first = store.put(key, b"1").version
    second = store.put(key, b"2", mode=Replace(first)).version
    _expect(store.get(key) == b"2", "a replaced object is not the new one")
    with _refused(ConflictError, "replacing an old version"):
        store.put(key, b"3", mode=Replace(first))
    _expect(store.get(key) == b"2", "a refused replace changed the object")
    with _refused(ConflictError, "replacing a missing key"):
        store.put(f"{prefix}missing", b"3", mode=Replace(second))
    with _refused(NotFoundError, "getting what a refused replace did not make"):
        store.get(f"{prefix}missing")
    listed = next(iter(store.list(key)))
    last = store.put(key, b"4", mode=Replace(listed.version)).version
    store.delete([key])
    with _refused(ConflictError, "replacing a deleted key"):
        store.put(key, b"5", mode=Replace(last))
    store.put(key, b"6", mode="create")
    with _refused(ConflictError, "replacing the successor of a deleted key"):
        store.put(key, b"7", mode=Replace(last))


def counter_race(store: Datastore, prefix: str) -> None:
    """Five workers count to ten each, by compare-and-swap on one object: nothing may get lost."""
    key = f"{prefix}counter"
    store.put(key, b"0", mode="create")
    deadline = time.monotonic() + _PATIENCE

    def work(_: int) -> None:
        for _ in range(10):
            while True:
                _expect(time.monotonic() < deadline, "no worker gets its replace through")
                version = store.stat(key).version
                count = int(store.get(key))
                with suppress(ConflictError):
                    store.put(key, b"%d" % (count + 1), mode=Replace(version))
                    break

    _together(5, work)
    count = int(store.get(key))
    _expect(count == 50, f"five workers that added ten each ended at {count}")


CASES = (
    Case("round trip", round_trip),
    Case("overwrite", overwrite),
    Case("missing keys", missing),
    Case("ranges", ranges),
    Case("range past the end", range_past_end),
    Case("no more than allowed", bounded),
    Case("order of a listing", list_order),
    Case("prefix of a listing", list_prefix),
    Case("more than a page of objects", many_objects, heavy=True),
    Case("delete", delete),
    Case("odd names", odd_names),
    Case("invalid names", invalid_names),
    Case("large object", large_object, heavy=True),
    Case("race for one key", same_key_race),
    Case("create-only", create_only, conditional=True),
    Case("create-only in a race", create_race, conditional=True),
    Case("compare-and-swap", replace, conditional=True),
    Case("compare-and-swap in a race", counter_race, conditional=True),
)


def _noise(size: int) -> bytes:
    """Bytes that neither compress nor repeat, the same ones each time."""
    return hashlib.shake_256(b"conformance").digest(size)


def _expect(holds: bool, complaint: str) -> None:
    if not holds:
        raise NonconformityError(complaint)


def _expect_info(info: ObjectInfo, key: str, size: int) -> None:
    _expect(info.key == key, "what is told of an object names another key")
    _expect(info.size == size, f"an object of {size} bytes is said to have {info.size}")
    _expect(info.modified.utcoffset() == timedelta(0), "a time is not given in UTC")
    _expect(bool(info.version), "an object has no version")


@contextmanager
def _refused(kind: type[ReplicateError], what: str) -> Iterator[None]:
    """Expect exactly a `kind` from the body."""
    try:
        yield
    except ReplicateError as error:
        if type(error) is not kind:
            raise NonconformityError(
                f"{what} is a {type(error).__name__} instead of a {kind.__name__}"
            ) from error
    else:
        raise NonconformityError(f"{what} is not refused")


def _together(workers: int, work: Callable[[int], None]) -> None:
    """Run `work` in threads that start at once; raises the first error of any."""
    barrier = threading.Barrier(workers)

    def start(worker: int) -> None:
        barrier.wait(_PATIENCE)
        work(worker)

    with Threads(workers) as pool:
        for future in [pool.submit(start, worker) for worker in range(workers)]:
            future.result()
