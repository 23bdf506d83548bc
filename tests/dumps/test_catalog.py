"""The catalog: the manifests are the truth, and the index only saves reading them."""

from __future__ import annotations

import dataclasses
import json
import secrets
from datetime import timedelta
from pathlib import Path

import pytest

from replicate.crypto import checksummed
from replicate.datastores.base import ConditionalWrites, Data, ObjectInfo, PutMode
from replicate.datastores.local_disk import LocalDisk
from replicate.dumps import index
from replicate.dumps.catalog import Catalog
from replicate.dumps.chunks import ChunkFormat
from replicate.dumps.keyring import KeyRing
from replicate.dumps.manifest import Header, UnsupportedFormatError, encode
from replicate.errors import (
    ConflictError,
    CorruptError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    UsageError,
)
from tests.support.faulty_store import FaultyStore, after, before
from tests.support.memory_store import MemoryStore
from tests.support.small_dump import (
    PRE_DATA,
    TIME,
    make_dump,
    small_manifest,
    store_chunks,
)


def names(headers: list[Header]) -> list[str]:
    return [header.name for header in headers]


def gets(store: FaultyStore) -> list[str]:
    """The keys that were read, and forget them."""
    found = [key for operation, key in store.calls if operation == "get"]
    store.calls.clear()
    return found


def three(store: MemoryStore) -> None:
    for i, name in enumerate(("a", "b", "c")):
        make_dump(store, name, created_at=TIME + timedelta(minutes=i))


# Listing


def test_an_empty_store_has_no_dumps_and_stays_empty() -> None:
    store = MemoryStore()
    catalog = Catalog(store)
    assert catalog.headers() == []
    with pytest.raises(NotFoundError, match="no complete dump in memory"):
        catalog.resolve("latest")
    assert not store.objects


def test_newest_first_and_of_equal_times_the_last_name_first() -> None:
    store = MemoryStore()
    for name, minutes in (("m", 0), ("old", -5), ("a", 0), ("new", 5), ("z", 0)):
        make_dump(store, name, created_at=TIME + timedelta(minutes=minutes))
    assert names(Catalog(store).headers()) == ["new", "z", "m", "a", "old"]
    assert Catalog(store).resolve("latest").name == "new"
    Catalog(store).delete("new")
    assert Catalog(store).resolve("latest").name == "z"


def test_a_good_index_saves_reading_manifests() -> None:
    store = MemoryStore()
    three(store)
    faulty = FaultyStore(store)
    expected = [Catalog(store).resolve(name) for name in ("c", "b", "a")]
    assert Catalog(faulty).headers() == expected
    assert gets(faulty) == ["index.json"]
    assert not [call for call in faulty.calls if call[0] == "put"]


def test_what_the_index_has_is_what_the_manifests_say() -> None:
    store = MemoryStore()
    ring = KeyRing(store, "secret")
    small = make_dump(store, "sealed", ring=ring)
    make_dump(store, "text", level=None)
    assert {e.header for e in index.load(store).entries.values()} == {
        small.manifest.header,
        Catalog(store).resolve("text"),
    }


@pytest.mark.parametrize("atomic", [True, False])
def test_a_stale_index_is_mended_and_only_what_it_lacks_is_read(atomic: bool) -> None:
    store = MemoryStore(ConditionalWrites.ATOMIC if atomic else ConditionalWrites.NONE)
    three(store)
    entries = index.load(store).entries
    gone = entries["a"]
    entries["b"] = dataclasses.replace(entries["b"], version="another")
    entries["ghost"] = dataclasses.replace(
        gone, header=dataclasses.replace(gone.header, name="ghost")
    )
    del entries["a"]
    store.put("index.json", index.encode(entries))

    faulty = FaultyStore(store)
    assert names(Catalog(faulty).headers()) == ["c", "b", "a"]
    assert sorted(gets(faulty)) == ["dumps/a.json", "dumps/b.json", "index.json"]
    assert names(Catalog(faulty).headers()) == ["c", "b", "a"]
    assert gets(faulty) == ["index.json"]
    assert sorted(index.load(store).entries) == ["a", "b", "c"]


def test_a_lost_index_is_rebuilt_without_a_word() -> None:
    store = MemoryStore()
    three(store)
    store.delete(["index.json"])
    said: list[str] = []
    assert names(Catalog(store, warn=said.append).headers()) == ["c", "b", "a"]
    assert said == []
    assert sorted(index.load(store).entries) == ["a", "b", "c"]


def test_a_damaged_index_is_reported_and_rebuilt() -> None:
    store = MemoryStore()
    make_dump(store, "sealed", ring=KeyRing(store, "secret"))
    three(store)
    good = store.get("index.json")
    columns: dict[str, list[object]] = json.loads(good)["columns"]

    def with_columns(changes: dict[str, object]) -> bytes:
        return checksummed.encode(
            {"format": "replicate-index", "version": 1, "columns": columns | changes}
        )

    broken = [
        b"",
        b"{}",
        b"garbage",
        b"\xff" * 1000,
        good[:-1],
        good[: len(good) // 2],
        good + b"\n",
        store.get("dumps/a.json"),
        checksummed.encode({"format": "replicate-index", "version": 1}),
        checksummed.encode({"format": "replicate-index", "version": 1, "columns": {}}),
    ]
    broken += [good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :] for i in range(0, len(good), 7)]
    for name, values in columns.items():
        wrongs: list[object] = [None, {}, values[:-1], [*values, values[0]], [values] * 4, [-1] * 4]
        if name != "object":  # one that fits no object is stale, and not damaged
            wrongs.append([""] * 4)
        broken += [with_columns({name: wrong}) for wrong in wrongs]
    changes: list[dict[str, object]] = [
        {"created_ms": [2**62] * 4},
        {"rows": [2**63] * 4},
        {"rows": [True] * 4},
        {"name": ["a"] * 4},
        {"key_id": [None] * 4},
        {"scheme": [None] * 4},
        {"engine": ["\x1b[31m"] * 4},
    ]
    broken += map(with_columns, changes)
    for data in broken:
        store.put("index.json", data)
        said: list[str] = []
        headers = Catalog(store, warn=said.append).headers()
        assert sorted(names(headers)) == ["a", "b", "c", "sealed"]
        assert len(said) == 1
        assert said[0].startswith("the index (index.json)")
        assert "\x1b" not in said[0]
        assert index.load(store).damage is None
        assert len(index.load(store).entries) == 4


def test_a_huge_index_is_not_read() -> None:
    store = MemoryStore()
    three(store)
    store.put("index.json", b" " * (index.MAX_INDEX + 1))
    faulty = FaultyStore(store)
    said: list[str] = []
    assert len(Catalog(faulty, warn=said.append).headers()) == 3
    assert f"where {index.MAX_INDEX} are the limit" in said[0]


def test_an_index_of_a_later_version_is_left_alone() -> None:
    store = MemoryStore()
    three(store)
    later = checksummed.encode({"format": "replicate-index", "version": 2, "tree": []})
    store.put("index.json", later)
    said: list[str] = []
    catalog = Catalog(store, warn=said.append)
    assert len(catalog.headers()) == 3
    make_dump(store, "d")
    catalog.delete("a")
    assert names(catalog.headers()) == ["c", "b", "d"]
    assert store.get("index.json") == later
    assert said == []


def test_a_store_that_can_not_be_read_is_an_error_and_changes_nothing() -> None:
    store = MemoryStore()
    three(store)
    before_ = dict(store.objects)
    for fault in (
        before("stat", DatastoreError("no"), key="index.json"),
        before("get", DatastoreError("no"), key="index.json"),
        before("list", DatastoreError("no"), key="dumps/"),
        after("list", DatastoreError("cut"), key="dumps/"),
    ):
        faulty = FaultyStore(store, fault)
        with pytest.raises(DatastoreError):
            Catalog(faulty).headers()
        faulty.assert_all_used()
    store.delete(["index.json"])
    faulty = FaultyStore(store, before("get", DatastoreError("no"), key="dumps/b.json"))
    with pytest.raises(DatastoreError):
        Catalog(faulty).headers()
    assert "index.json" not in store.objects
    assert {k: v for k, v in before_.items() if k != "index.json"} == store.objects


def test_a_reader_that_may_not_write_sees_all_dumps() -> None:
    store = MemoryStore()
    three(store)
    store.put("index.json", b"garbage")
    said: list[str] = []
    faulty = FaultyStore(store, before("put", DatastoreError("read-only"), times=99))
    assert names(Catalog(faulty, warn=said.append).headers()) == ["c", "b", "a"]
    assert len(said) == 1
    assert store.get("index.json") == b"garbage"


def test_a_lost_race_for_the_index_is_run_again_without_reading_manifests_twice() -> None:
    store = MemoryStore()
    three(store)
    store.delete(["index.json"])
    faulty = FaultyStore(store, before("put", ConflictError("taken"), key="index.json", times=2))
    assert len(Catalog(faulty).headers()) == 3
    read = gets(faulty)
    assert sorted(set(read)) == sorted(read)
    assert len(index.load(store).entries) == 3


def test_an_index_written_by_two_at_once_has_the_entries_of_both() -> None:
    store = MemoryStore()
    make_dump(store, "a")

    class Overtaken(FaultyStore):
        """Somebody else's dump is completed just before our index is written."""

        def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
            if key == "index.json" and "dumps/theirs.json" not in store.objects:
                make_dump(store, "theirs")
            return super().put(key, data, mode=mode)

    make_dump(Overtaken(store), "ours")
    assert sorted(index.load(store).entries) == ["a", "ours", "theirs"]
    store.delete(["dumps/theirs.json"])
    Catalog(Overtaken(store)).delete("ours")
    assert sorted(index.load(store).entries) == ["a", "theirs"]
    store.delete(["index.json", "dumps/theirs.json"])
    Catalog(Overtaken(store)).headers()
    assert sorted(index.load(store).entries) == ["a", "theirs"]


def test_one_damaged_manifest_hides_no_other() -> None:
    store = MemoryStore()
    three(store)
    store.put("dumps/b.json", store.get("dumps/b.json")[:-5])
    store.put("dumps/copy.json", store.get("dumps/c.json"))
    later = checksummed.decode(store.get("dumps/a.json"), "it", 10**6) | {"version": 2}
    store.put("dumps/later.json", checksummed.encode(later))
    store.put("dumps/note.txt", b"not ours")
    said: list[str] = []
    catalog = Catalog(store, warn=said.append)
    for _ in range(2):
        assert names(catalog.headers()) == ["c", "a"]
        assert [damage.name for damage in catalog.damaged] == ["b", "copy", "later"]
    reasons = [damage.reason for damage in catalog.damaged]
    assert said == reasons * 2
    assert "was cut" in reasons[0]
    assert "belongs to another dump, c" in reasons[1]
    assert "version 2" in reasons[2]
    assert catalog.resolve("latest").name == "c"


def test_a_manifest_that_vanishes_between_listing_and_reading_is_gone() -> None:
    store = MemoryStore()
    three(store)
    store.delete(["index.json"])
    faulty = FaultyStore(store, before("get", NotFoundError("gone"), key="dumps/b.json"))
    catalog = Catalog(faulty)
    assert names(catalog.headers()) == ["c", "a"]
    assert catalog.damaged == []


# Finding and reading


def test_resolve_reads_the_manifest_and_not_the_index() -> None:
    store = MemoryStore()
    three(store)
    entries = index.load(store).entries
    lie = dataclasses.replace(entries["a"].header, run_id="f" * 32, created_at=TIME + timedelta(9))
    entries["a"] = dataclasses.replace(entries["a"], header=lie)
    store.put("index.json", index.encode(entries))
    catalog = Catalog(store)
    assert catalog.resolve("a").run_id != lie.run_id
    assert catalog.resolve("latest").run_id != lie.run_id
    with pytest.raises(CorruptError, match="not the one that was listed"):
        catalog.read(lie, None)


def test_a_name_that_is_not_there() -> None:
    store = MemoryStore()
    make_dump(store, "prod-2026")
    catalog = Catalog(store)
    with pytest.raises(NotFoundError, match="no dump named prod-2025 in memory") as caught:
        catalog.resolve("prod-2025")
    assert caught.value.hint == "did you mean prod-2026?"
    with pytest.raises(NotFoundError, match="no dump named prod"):
        catalog.resolve("prod")
    for bad in ("../x", "", "a/b"):
        with pytest.raises(UsageError):
            catalog.resolve(bad)
        with pytest.raises(UsageError):
            catalog.delete(bad)


@pytest.mark.parametrize("passphrase", [None, "secret"])
@pytest.mark.parametrize("level", [None, 3])
def test_a_dump_reads_back(tmp_path: Path, passphrase: str | None, level: int | None) -> None:
    store = LocalDisk(str(tmp_path))
    ring = KeyRing(store, passphrase)
    small = make_dump(store, "a", ring=ring if passphrase else None, level=level)

    catalog = Catalog(LocalDisk(str(tmp_path)))
    header = catalog.resolve("latest")
    data_key = ring.data_key(header)
    assert catalog.read(header, data_key) == small.manifest
    assert ChunkFormat.of(header, data_key).key == small.format.key
    assert small.texts(store)[0] == PRE_DATA


# Adding


def test_a_name_that_is_taken_is_a_conflict_and_nothing_changes() -> None:
    for atomic in ConditionalWrites:
        store = MemoryStore(atomic)
        first = make_dump(store, "a")
        with pytest.raises(ConflictError, match="a dump named a exists already"):
            make_dump(store, "a")
        assert Catalog(store).resolve("a") == first.manifest.header


def test_a_manifest_whose_write_was_answered_late_is_our_own() -> None:
    store = MemoryStore()
    run = secrets.token_hex(16)
    manifest = small_manifest("a", run, store_chunks(store, ChunkFormat(run, 1, None)))
    # What a retry finds: its own bytes.
    store.put("dumps/a.json", encode(manifest, None))
    Catalog(store).add(manifest, None)
    assert index.load(store).entries["a"].version == store.stat("dumps/a.json").version
    # Another's are another's.
    with pytest.raises(ConflictError):
        Catalog(store).add(small_manifest("a", "f" * 32, manifest.body.chunks), None)
    no = DatastoreError("write-only")
    write_only = FaultyStore(store, before("get", no, times=99), before("stat", no, times=99))
    # Nor is it called a conflict where nobody can tell: a caller takes its chunks back after one.
    with pytest.raises(DatastoreError):
        Catalog(write_only).add(manifest, None)


def test_the_manifest_comes_before_the_index_and_the_index_is_best_effort() -> None:
    store = MemoryStore()
    order = FaultyStore(store)
    make_dump(order, "a")
    puts = [key for operation, key in order.calls if operation == "put"]
    assert puts[-2:] == ["dumps/a.json", "index.json"]
    for fault in (
        before("put", DatastoreError("no"), key="index.json"),
        before("put", ConflictError("taken"), key="index.json", times=99),
        before("stat", DatastoreError("no"), key="index.json"),
    ):
        make_dump(FaultyStore(store, fault), f"d{secrets.token_hex(3)}")
    assert len(Catalog(store).headers()) == 4
    faulty = FaultyStore(store, before("put", DatastoreError("no space"), key="dumps/*"))
    with pytest.raises(DatastoreError, match="no space"):
        make_dump(faulty, "e")
    assert len(Catalog(store).headers()) == 4


def test_a_manifest_that_could_not_be_read_is_not_stored() -> None:
    store = MemoryStore()
    with pytest.raises(ReplicateError, match="the manifest of dump a can't be stored"):
        Catalog(store).add(small_manifest("a", "0" * 32, []), None)
    bad = dataclasses.replace(small_manifest("a", "0" * 32, []).header, name="../a")
    with pytest.raises(UsageError):
        Catalog(store).add(dataclasses.replace(small_manifest("a", "0" * 32, []), header=bad), None)
    assert not store.objects


# Deleting


def test_delete_takes_the_dump_and_nothing_else_and_needs_no_key() -> None:
    store = MemoryStore()
    ring = KeyRing(store, "secret")
    make_dump(store, "prod", ring=ring)
    others = [make_dump(store, "prod-2", ring=ring), make_dump(store, "pro")]
    doomed = make_dump(store, "doomed", ring=ring)
    prefix = f"chunks/{doomed.format.run_id}/"
    store.put(f"{prefix}notes.txt", b"not ours")
    expected = {key for key in store.objects if not key.startswith(prefix)} - {"dumps/doomed.json"}

    faulty = FaultyStore(store)
    deleted = Catalog(faulty).delete("doomed")
    assert (deleted.chunks, deleted.kept) == (4, None)
    assert deleted.stored_bytes == doomed.manifest.header.totals.stored_bytes
    assert set(store.objects) == expected | {f"{prefix}notes.txt"}
    assert all(other.texts(store) for other in others)
    writes = [call for call in faulty.calls if call[0] in ("put", "delete")]
    assert writes[0] == ("put", "index.json")
    assert writes[1] == ("delete", "dumps/doomed.json")
    assert all(key.startswith(prefix) for _, key in writes[2:])
    with pytest.raises(NotFoundError):
        Catalog(store).delete("doomed")


def test_many_are_deleted_with_one_write_of_the_index() -> None:
    store = MemoryStore()
    three(store)
    faulty = FaultyStore(store)
    with pytest.raises(NotFoundError):
        Catalog(faulty).delete_many(["a", "ghost"])
    assert len(Catalog(store).headers()) == 3
    assert [d.name for d in Catalog(faulty).delete_many(["c", "a"])] == ["c", "a"]
    assert [call for call in faulty.calls if call[0] == "put"] == [("put", "index.json")]
    assert names(Catalog(store).headers()) == ["b"]
    assert Catalog(faulty).delete_many([]) == []


def test_deletion_goes_on_where_the_index_can_not_be_written() -> None:
    store = MemoryStore()
    three(store)
    faulty = FaultyStore(store, before("put", DatastoreError("no"), times=99))
    Catalog(faulty).delete("b")
    assert names(Catalog(store).headers()) == ["c", "a"]


def test_a_deletion_that_is_killed_leaves_whole_dumps_or_orphans() -> None:
    for fault in (
        after("put", KeyboardInterrupt(), key="index.json"),
        before("delete", KeyboardInterrupt(), key="dumps/*"),
        after("delete", KeyboardInterrupt(), key="dumps/*"),
        before("delete", KeyboardInterrupt(), key="chunks/*"),
    ):
        store = MemoryStore()
        small = {name: make_dump(store, name) for name in ("a", "b")}
        with pytest.raises(KeyboardInterrupt):
            Catalog(FaultyStore(store, fault)).delete("a")
        catalog = Catalog(store)
        left = names(catalog.headers())
        assert all(len(small[name].texts(store)) == 4 for name in left)
        assert catalog.damaged == []
        orphans = catalog.orphans(timedelta())
        assert {info.key for info in orphans} == (
            set() if "a" in left else {small["a"].key(i) for i in range(4)}
        )


def test_a_damaged_dump_can_be_deleted_and_its_chunks_become_orphans() -> None:
    store = MemoryStore()
    three(store)
    store.put("dumps/b.json", b"garbage")
    catalog = Catalog(store)
    deleted = catalog.delete("b")
    assert deleted.chunks == 0
    assert "the manifest of dump b was" in str(deleted.kept)
    assert names(catalog.headers()) == ["c", "a"]
    assert len(catalog.orphans(timedelta())) == 4


def test_a_copy_under_another_name_can_be_deleted_without_hurting_the_dump() -> None:
    store = MemoryStore()
    small = make_dump(store, "a")
    store.put("dumps/copy.json", store.get("dumps/a.json"))
    assert Catalog(store).delete("copy").kept is not None
    assert len(small.texts(store)) == 4
    assert Catalog(store).orphans(timedelta()) == []


def test_chunks_that_two_dumps_name_are_kept() -> None:
    store = MemoryStore()
    small = make_dump(store, "a")
    header = dataclasses.replace(small.manifest.header, name="twin")
    store.put("dumps/twin.json", encode(dataclasses.replace(small.manifest, header=header), None))
    assert Catalog(store).delete("a").kept == "another dump has the same chunks"
    assert len(small.texts(store)) == 4
    assert Catalog(store).delete("twin").chunks == 4
    make_dump(store, "a", run_id=small.format.run_id)
    store.put("dumps/twin.json", encode(dataclasses.replace(small.manifest, header=header), None))
    assert all(d.kept for d in Catalog(store).delete_many(["a", "twin"]))


def test_a_dump_of_a_later_version_is_not_deleted() -> None:
    store = MemoryStore()
    store.put("dumps/a.json", checksummed.encode({"format": "replicate-dump", "version": 2}))
    with pytest.raises(UnsupportedFormatError):
        Catalog(store).delete("a")
    assert "dumps/a.json" in store.objects
