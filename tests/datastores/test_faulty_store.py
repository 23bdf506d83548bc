"""The store that fails on purpose does so when, and only when, its script says."""

from __future__ import annotations

import time

import pytest

from replicate.errors import DatastoreError, NotFoundError
from tests.support.faulty_store import FaultyStore, after, before, delay, flip, short
from tests.support.memory_store import MemoryStore


def test_without_a_script_it_is_the_store_inside() -> None:
    inner = MemoryStore()
    store = FaultyStore(inner)
    info = store.put("a", b"0123")
    assert store.stat("a") == inner.stat("a") == info
    assert store.get("a", byte_range=(1, 3)) == b"12"
    assert [*store.list("")] == [info]
    assert (store.location, store.capabilities) == (inner.location, inner.capabilities)
    store.delete(["a", "b"])
    assert not inner.objects
    assert store.calls == [
        ("put", "a"), ("stat", "a"), ("get", "a"), ("list", ""), ("delete", "a"), ("delete", "b"),
    ]  # fmt: skip
    store.assert_all_used()


def test_before_does_nothing_and_after_does_it_all_the_same() -> None:
    inner = MemoryStore()
    error = DatastoreError("reset", transient=True)
    store = FaultyStore(inner, before("put", error, key="a*"), after("put", error, key="b*"))
    with pytest.raises(DatastoreError):
        store.put("a/1", b"")
    with pytest.raises(DatastoreError):
        store.put("b/1", b"")
    assert [*inner.objects] == ["b/1"]
    store.put("a/1", b"")
    store.assert_all_used()


def test_skip_and_times() -> None:
    store = FaultyStore(MemoryStore(), before("put", DatastoreError("no"), skip=2, times=2))
    outcomes = []
    for _ in range(6):
        try:
            store.put("a", b"")
            outcomes.append(True)
        except DatastoreError:
            outcomes.append(False)
    assert outcomes == [True, True, False, False, True, True]


def test_faults_are_taken_in_order_and_may_be_added() -> None:
    store = FaultyStore(MemoryStore(), before("get", DatastoreError("first")))
    store.add(before("get", DatastoreError("second")))
    for message in ("first", "second"):
        with pytest.raises(DatastoreError, match=message):
            store.get("a")
    with pytest.raises(NotFoundError):
        store.get("a")


def test_unused_faults_fail_the_test() -> None:
    store = FaultyStore(MemoryStore(), flip("get", key="x"), before("put", OSError(), times=2))
    with pytest.raises(OSError):  # noqa: PT011  (made above)
        store.put("x", b"")
    with pytest.raises(AssertionError) as caught:
        store.assert_all_used()
    assert "flip get x struck 0 of 1 times; before put * struck 1 of 2 times" in str(caught.value)


def test_damage() -> None:
    inner = MemoryStore()
    store = FaultyStore(
        inner,
        short("get", lost=2),
        flip("get", bit=9),
        flip("put", key="b", bit=-1),
        short("put", key="c", lost=9),
        short("list", lost=1),
    )
    store.put("a", b"\0\0\0\0")
    assert store.get("a") == b"\0\0"
    assert store.get("a") == b"\0\2\0\0"
    assert store.get("a") == b"\0\0\0\0"
    store.put("b", b"\0\0")
    assert inner.get("b") == b"\0\x80"
    store.put("c", b"abc")
    assert inner.get("c") == b""
    assert [info.key for info in store.list("")] == ["a", "b"]
    assert [info.key for info in store.list("")] == ["a", "b", "c"]
    store.assert_all_used()


def test_list_fails_first_or_last() -> None:
    inner = MemoryStore()
    inner.put("a", b"")
    store = FaultyStore(inner, before("list", OSError()), after("list", OSError()))
    with pytest.raises(OSError):  # noqa: PT011  (made above)
        next(store.list(""))
    listing = store.list("")
    assert next(listing).key == "a"
    with pytest.raises(OSError):  # noqa: PT011  (made above)
        next(listing)


def test_delete_matches_any_of_its_keys() -> None:
    inner = MemoryStore()
    inner.put("a", b"")
    store = FaultyStore(inner, after("delete", DatastoreError("lost"), key="chunks/*"))
    store.delete(["nothing"])
    with pytest.raises(DatastoreError):
        store.delete(["a", "chunks/1"])
    assert not inner.objects


def test_delay() -> None:
    store = FaultyStore(MemoryStore(), delay("stat", 0.05))
    store.put("a", b"")
    started = time.perf_counter()
    store.stat("a")
    assert time.perf_counter() - started >= 0.05
    store.assert_all_used()
