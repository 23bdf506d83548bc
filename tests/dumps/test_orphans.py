"""Orphans: chunks that no dump names, and never any other."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from replicate.crypto import checksummed
from replicate.datastores.base import ObjectInfo
from replicate.dumps import index
from replicate.dumps.catalog import Catalog
from replicate.dumps.chunks import ChunkFormat
from replicate.dumps.manifest import UnsupportedFormatError
from replicate.errors import CorruptError, DatastoreError
from tests.support.faulty_store import FaultyStore, Operation, before
from tests.support.memory_store import MemoryStore
from tests.support.small_dump import make_dump, small_manifest, store_chunks

NONE = timedelta()


def killed_run(store: MemoryStore) -> set[str]:
    """The chunks of a run that never came to its manifest."""
    before_ = set(store.objects)
    store_chunks(store, ChunkFormat(secrets.token_hex(16), 1, None))
    return set(store.objects) - before_


def keys(catalog: Catalog, grace: timedelta = NONE) -> set[str]:
    return {info.key for info in catalog.orphans(grace)}


def test_chunks_of_killed_runs_are_orphans_and_those_of_dumps_are_not() -> None:
    store = MemoryStore()
    make_dump(store, "a")
    make_dump(store, "b")
    assert keys(Catalog(store)) == set()
    left = killed_run(store) | killed_run(store)
    assert keys(Catalog(store)) == left
    store.delete(left)
    assert keys(Catalog(store)) == set()
    assert len(Catalog(store).headers()) == 2


def test_a_run_is_spared_as_long_as_its_newest_chunk_is_young() -> None:
    store = MemoryStore()
    left = killed_run(store)
    tomorrow = datetime.now(UTC) + timedelta(hours=25)
    catalog = Catalog(store)
    assert catalog.orphans() == []
    assert {info.key for info in catalog.orphans(now=tomorrow)} == left
    # All chunks but one are old: the run may be going on.
    for key in sorted(left)[:-1]:
        data, info = store.objects[key]
        old = info.modified - timedelta(days=3)
        store.objects[key] = data, type(info)(info.key, info.size, old, info.version)
    assert catalog.orphans(timedelta(hours=24)) == []
    assert len(catalog.orphans(timedelta(hours=24), now=tomorrow)) == len(left)


def test_what_is_no_chunk_is_never_an_orphan() -> None:
    store = MemoryStore()
    run = "ab" * 16
    for key in (
        "chunks/notes.txt",
        f"chunks/{run}/1.zst",
        f"chunks/{run}/00000001.bak",
        f"chunks/{run}.zst",
        "chunks/short/00000001.zst",
        "other/00000001.zst",
    ):
        store.put(key, b"x")
    assert keys(Catalog(store)) == set()


def test_a_dump_completed_while_the_chunks_are_listed_is_safe() -> None:
    store = MemoryStore()
    run = secrets.token_hex(16)
    records = store_chunks(store, ChunkFormat(run, 1, None))

    class Completing(FaultyStore):
        """Another process completes its dump right after the chunks were listed."""

        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            yield from super().list(prefix)
            if prefix == "chunks/":
                Catalog(store).add(small_manifest("just", run, records), None)

    assert Catalog(Completing(store)).orphans(NONE) == []
    assert len(Catalog(store).headers()) == 1


def test_an_index_that_lies_costs_no_dump_its_chunks() -> None:
    store = MemoryStore()
    make_dump(store, "a")
    left = killed_run(store)
    entries = index.load(store).entries
    entry = entries["a"]
    lie = type(entry.header)(
        **{name: getattr(entry.header, name) for name in entry.header.__slots__}
        | {"run_id": "f" * 32}
    )
    entries["a"] = type(entry)(entry.version, lie)
    store.put("index.json", index.encode(entries))
    assert keys(Catalog(store)) == left


@pytest.mark.parametrize("damage", ["cut", "flip", "garbage", "run_id", "later"])
def test_nothing_is_an_orphan_beside_a_manifest_that_can_not_be_read(damage: str) -> None:
    store = MemoryStore()
    make_dump(store, "a")
    make_dump(store, "b")
    killed_run(store)
    good = store.get("dumps/a.json")
    document = checksummed.decode(good, "it", 10**6)
    document["header"]["run_id"] = "../../x"
    bad = {
        "cut": good[:-9],
        "flip": good.replace(b'"run_id":"', b'"run_ie":"'),
        "garbage": b"garbage",
        "run_id": checksummed.encode(document),
        "later": checksummed.encode(document | {"version": 2}),
    }
    store.put("dumps/a.json", bad[damage])
    error = UnsupportedFormatError if damage == "later" else CorruptError
    with pytest.raises(error, match="the manifest of dump a") as caught:
        Catalog(store).orphans(NONE)
    if damage != "later":
        assert "none was pruned" in caught.value.message
        assert "dump delete a" in str(caught.value.hint)


def test_a_manifest_under_a_wrong_name_still_keeps_its_chunks() -> None:
    store = MemoryStore()
    make_dump(store, "a")
    store.put("dumps/renamed.json", store.get("dumps/a.json"))
    store.delete(["dumps/a.json"])
    left = killed_run(store)
    catalog = Catalog(store)
    assert keys(catalog) == left
    assert [d.name for d in catalog.damaged] == ["renamed"]


def test_a_store_that_can_not_be_read_has_no_orphans() -> None:
    store = MemoryStore()
    make_dump(store, "a")
    killed_run(store)
    store.delete(["index.json"])
    calls: tuple[tuple[Operation, str], ...] = (
        ("list", "chunks/"),
        ("list", "dumps/"),
        ("get", "dumps/a.json"),
    )
    for operation, key in calls:
        faulty = FaultyStore(store, before(operation, DatastoreError("no"), key=key, times=9))
        with pytest.raises(DatastoreError):
            Catalog(faulty).orphans(NONE)
