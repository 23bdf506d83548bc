"""Dumps on their way from store to store: all of what is missing, nothing else, and never half."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from replicate.datastores.base import Data, Datastore, HasCopies, ObjectInfo, PutMode
from replicate.datastores.local_disk import LocalDisk
from replicate.datastores.mirrored import Copy, Mirrored
from replicate.datastores.read_only import read_only
from replicate.dumps import index
from replicate.dumps.catalog import Catalog
from replicate.dumps.keyring import KeyRing
from replicate.errors import ConflictError, DatastoreError, UsageError
from replicate.jobs.create import create_dump
from replicate.jobs.dumping import Dumping
from replicate.jobs.progress import Silent
from replicate.jobs.restore import RestoreOptions, restore_dump
from replicate.jobs.sync import COPIERS, Copied, SyncReport, _Origin, _sync, sync_datastore
from replicate.jobs.verify import verify_dumps
from tests.support.faulty_store import FaultyStore, before, flip, short
from tests.support.journey import Project, make_project
from tests.support.memory_store import MemoryStore
from tests.support.small_dump import TIME, make_dump

KEY = "open sesame"
DOWN = DatastoreError("connection refused")


class Noting(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def sync(
    source: Datastore,
    *targets: Datastore,
    key: str | None = KEY,
    dry_run: bool = False,
    progress: Silent | None = None,
) -> SyncReport:
    told: list[Copied] = []
    origin = _Origin(source, key, progress or Silent())
    report = _sync(origin, targets, dry_run=dry_run, on_copied=told.append)
    assert told == report.copied
    return report


def bodies(store: MemoryStore, prefix: str = "") -> dict[str, bytes]:
    return {key: body for key, (body, _) in store.objects.items() if key.startswith(prefix)}


def dumps(store: MemoryStore) -> dict[str, bytes]:
    """All that makes up dumps: everything but the index."""
    return {key: body for key, body in bodies(store).items() if key != "index.json"}


def filled(*names: str, key: str | None = KEY) -> MemoryStore:
    """A store with dumps of four chunks each, the newest last."""
    store = MemoryStore()
    ring = KeyRing(store, key) if key else None
    for number, name in enumerate(names):
        make_dump(store, name, ring=ring, created_at=TIME + timedelta(hours=number))
    return store


@pytest.mark.parametrize("made_with", [KEY, None])
@pytest.mark.parametrize("key", [KEY, "wrong", None])
def test_all_dumps_are_copied_with_or_without_a_key(made_with: str | None, key: str | None) -> None:
    source, target, progress = filled("one", "two", key=made_with), MemoryStore(), Noting()
    report = sync(source, target, key=key, progress=progress)
    assert [(done.name, done.chunks) for done in report.copied] == [("two", 4), ("one", 4)]
    assert sum(d.stored_bytes for d in report.copied) == sum(
        map(len, bodies(source, "chunks/").values())
    )
    assert (report.skipped, report.current) == ([], 0)
    assert dumps(target) == dumps(source)
    assert len(progress.notes) == (made_with is not None and key != KEY)

    again = sync(source, target, key=key)
    assert (again.copied, again.skipped, again.current) == ([], [], 2)


def test_the_source_is_only_read_and_the_target_written_to_in_order() -> None:
    inner = filled("one")
    inner.delete(["index.json"])  # which a catalog would mend
    source, target = FaultyStore(inner), FaultyStore(MemoryStore())
    sync(source, target)
    assert {operation for operation, _ in source.calls} == {"get", "stat", "list"}
    written = [key.partition("/")[0] for operation, key in target.calls if operation == "put"]
    assert written == ["keys", *["chunks"] * 4, "dumps", "index.json"]


def test_what_is_there_is_not_copied_again() -> None:
    source = filled("one", "two")
    target = FaultyStore(MemoryStore())
    sync(source, target)
    before_that = len(target.calls)
    sync(source, target)
    assert {operation for operation, _ in target.calls[before_that:]} <= {"get", "stat", "list"}

    make_dump(source, "three", ring=KeyRing(source, KEY))
    before_that = len(target.calls)
    assert [done.name for done in sync(source, target).copied] == ["three"]
    written = [key for operation, key in target.calls[before_that:] if operation == "put"]
    assert len(written) == 4 + 1 + 1


def test_an_interrupted_run_is_taken_up_where_it_was() -> None:
    source, inner = filled("one"), MemoryStore()
    with pytest.raises(DatastoreError, match="connection refused"):
        sync(source, FaultyStore(inner, before("put", DOWN, key="chunks/*", skip=2)))
    assert bodies(inner, "dumps/") == {}
    held = len(bodies(inner, "chunks/"))
    assert 2 <= held < 4

    target = FaultyStore(inner)
    [done] = sync(source, target).copied
    assert done.chunks == 4 - held
    assert dumps(inner) == dumps(source)
    assert [key for op, key in target.calls if op == "put" and key.startswith("keys/")] == []


def test_ctrl_c_leaves_no_half_dump() -> None:
    source, target = filled("one"), MemoryStore()
    with pytest.raises(KeyboardInterrupt):
        sync(source, FaultyStore(target, before("put", KeyboardInterrupt(), key="chunks/*")))
    assert bodies(target, "dumps/") == {}


def test_chunks_that_a_store_has_lost_come_back() -> None:
    source, target = filled("one"), MemoryStore()
    sync(source, target)
    first, second, *_ = bodies(target, "chunks/")
    target.delete([first])
    target.put(second, b"cut")
    [done] = sync(source, target).copied
    assert done.chunks == 2
    assert dumps(target) == dumps(source)


def test_a_key_slot_that_a_store_has_lost_comes_back() -> None:
    source, target = filled("one"), MemoryStore()
    sync(source, target)
    [slot] = bodies(target, "keys/")
    target.delete([slot])
    assert sync(source, target).current == 1
    assert dumps(target) == dumps(source)


@pytest.mark.parametrize("key", [KEY, None])
def test_a_name_that_another_dump_has_is_skipped(key: str | None) -> None:
    source, target = filled("one", "two"), filled("one")
    theirs = dumps(target)
    report = sync(source, target, key=key)
    assert [done.name for done in report.copied] == ["two"]
    [skipped] = report.skipped
    assert (skipped.name, skipped.location) == ("one", "memory")
    assert "another dump has the name one" in skipped.reason
    assert theirs.items() <= dumps(target).items()


def test_a_name_that_is_taken_meanwhile_is_skipped() -> None:
    source, inner = filled("one"), MemoryStore()

    class Late(MemoryStore):
        def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
            if key.startswith("dumps/") and not self.objects.get(key):
                make_dump(inner, "one")
                self.objects.update(inner.objects)
            return super().put(key, data, mode=mode)

    target = Late()
    [skipped] = sync(source, target).skipped
    assert "another dump has the name one" in skipped.reason
    assert bodies(target, "dumps/") == bodies(inner, "dumps/")


def test_a_dump_that_is_deleted_meanwhile_is_not_brought_back() -> None:
    source = filled("one")

    class Deleting(MemoryStore):
        def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
            source.delete(["dumps/one.json"])
            return super().put(key, data, mode=mode)

    target = Deleting()
    [skipped] = sync(source, target).skipped
    assert skipped.reason == "dump one was deleted meanwhile"
    assert bodies(target, "dumps/") == {}


def test_what_the_index_alone_names_is_not_copied() -> None:
    source, target = filled("one", "two"), MemoryStore()
    source.delete(["dumps/one.json"])
    assert set(index.load(source).entries) == {"one", "two"}
    report = sync(source, target)
    assert ([done.name for done in report.copied], report.skipped) == (["two"], [])
    assert set(index.load(target).entries) == {"two"}


def test_the_index_of_the_target_knows_its_own_objects() -> None:
    source, target = filled("one", "two"), FaultyStore(MemoryStore())
    sync(source, target)
    calls = len(target.calls)
    assert [header.name for header in Catalog(target).headers()] == ["two", "one"]
    assert "get" not in [op for op, key in target.calls[calls:] if key != "index.json"]


@pytest.mark.parametrize("key", [KEY, None])
def test_a_chunk_that_is_cut_on_the_way_is_fetched_again_or_skipped(key: str | None) -> None:
    source, target = filled("one"), MemoryStore()
    once = FaultyStore(source, short("get", key="chunks/*"))
    assert len(sync(once, target, key=key).copied) == 1
    once.assert_all_used()
    assert dumps(target) == dumps(source)

    target = MemoryStore()
    [skipped] = sync(FaultyStore(source, short("get", key="chunks/*", times=99)), target).skipped
    assert "bytes, and not" in skipped.reason
    assert bodies(target, "dumps/") == {}


def test_with_the_key_every_altered_bit_is_found() -> None:
    source, target = filled("one", "two"), MemoryStore()
    run = Catalog(source).resolve("two").run_id
    report = sync(FaultyStore(source, flip("get", key=f"chunks/{run}/*", times=99)), target)
    assert [skipped.name for skipped in report.skipped] == ["two"]
    assert "SHA-256" in report.skipped[0].reason
    assert [done.name for done in report.copied] == ["one"]


@pytest.mark.parametrize("key", [KEY, None])
def test_a_dump_with_a_chunk_lost_is_skipped(key: str | None) -> None:
    source, target = filled("one"), MemoryStore()
    source.delete([next(iter(bodies(source, "chunks/")))])
    [skipped] = sync(source, target, key=key).skipped
    assert "missing" in skipped.reason or "its chunks are not 4" in skipped.reason
    assert bodies(target, "dumps/") == {}


def test_foreign_objects_beside_the_chunks_are_no_part_of_a_dump() -> None:
    source, target = filled("one"), MemoryStore()
    [run] = {key.split("/")[1] for key in bodies(source, "chunks/")}
    source.put(f"chunks/{run}/notes.txt", b"mine")
    assert len(sync(source, target, key=None).copied) == 1
    assert f"chunks/{run}/notes.txt" not in target.objects


def test_a_damaged_manifest_hides_no_other_dump() -> None:
    source, target = filled("one", "two"), MemoryStore()
    source.put("dumps/one.json", b"{}")
    report = sync(source, target)
    assert [skipped.name for skipped in report.skipped] == ["one"]
    assert [done.name for done in report.copied] == ["two"]

    source = filled("one", "two")
    target.put("dumps/one.json", b"{}")
    report = sync(source, target)
    assert {skipped.name for skipped in report.skipped} == {"one", "two"}
    assert target.get("dumps/one.json") == b"{}"


def test_a_dump_whose_slot_is_lost_is_skipped() -> None:
    source, target = filled("one"), MemoryStore()
    source.delete([*bodies(source, "keys/")])
    [skipped] = sync(source, target).skipped
    assert "key slot" in skipped.reason
    assert dumps(target) == {}


def test_another_slot_of_the_same_name_is_not_overwritten() -> None:
    source, target = filled("one"), MemoryStore()
    [slot] = bodies(source, "keys/")
    target.put(slot, b"theirs")
    [skipped] = sync(source, target).skipped
    assert "another key slot" in skipped.reason
    assert dumps(target) == {slot: b"theirs"}


def test_chunks_that_are_cleared_away_meanwhile_leave_no_manifest() -> None:
    class Forgetting(MemoryStore):
        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            for key in [*bodies(self, "chunks/")][:1]:
                self.delete([key])
            return super().list(prefix)

    target = Forgetting()
    [skipped] = sync(filled("one"), target).skipped
    assert "not there any more" in skipped.reason
    assert bodies(target, "dumps/") == {}


def test_a_dry_run_writes_nothing() -> None:
    source, inner = filled("one", "two"), MemoryStore()
    target = FaultyStore(inner)
    report = sync(source, target, dry_run=True)
    assert [(done.name, done.chunks) for done in report.copied] == [("two", 4), ("one", 4)]
    assert inner.objects == {}
    assert {operation for operation, _ in target.calls} <= {"get", "stat", "list"}


def test_few_chunks_are_in_memory_at_once() -> None:
    lock = threading.Lock()
    held: list[int] = [0, 0]

    class Counting(MemoryStore):
        def get(
            self,
            key: str,
            *,
            byte_range: tuple[int, int] | None = None,
            max_size: int | None = None,
        ) -> bytes:
            if key.startswith("chunks/"):
                with lock:
                    held[0] += 1
                    held[1] = max(held)
            return super().get(key, byte_range=byte_range, max_size=max_size)

    class Taking(MemoryStore):
        def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
            info = super().put(key, data, mode=mode)
            if key.startswith("chunks/"):
                with lock:
                    held[0] -= 1
            return info

    source, target = Counting(), Taking()
    make_dump(source, "one", chunks=[[(0, b"%d\tAda\n" % n)] for n in range(60)])
    assert sync(source, target).copied[0].chunks == 62
    assert 1 <= held[1] <= COPIERS


# Mirrors


class Named(MemoryStore):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.location = name


def test_every_copy_gets_what_any_other_has() -> None:
    a, b, c = (Named(name) for name in "abc")
    ring = KeyRing(a, KEY)
    for store, name in ((a, "one"), (b, "two"), (c, "three")):
        make_dump(store, name, ring=ring)
    mirrors = Mirrored([Copy(a), Copy(b), Copy(c, required=False)])
    report = sync(mirrors, *mirrors.copies)
    assert {(done.name, done.location) for done in report.copied} == {
        (name, location)
        for name, location in (
            ("two", "a"), ("three", "a"), ("one", "b"), ("three", "b"), ("one", "c"), ("two", "c")
        )
    }  # fmt: skip
    assert (report.skipped, report.current) == ([], 3)
    assert dumps(a) == dumps(b) == dumps(c)


def test_a_dump_that_is_deleted_while_its_manifest_is_copied_is_not_listed_there() -> None:
    first = filled("one")

    class Late(MemoryStore):
        """The manifest arrives when the dump is gone, here and elsewhere."""

        def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
            if key.startswith("dumps/"):
                for store in (first, self):
                    store.delete([info.key for info in store.list("dumps/")])
                    store.delete([info.key for info in store.list("chunks/")])
            return super().put(key, data, mode=mode)

    second = Late()
    mirrors = Mirrored([Copy(first), Copy(second)])
    [skipped] = sync(mirrors, *mirrors.copies).skipped
    assert skipped.reason == "dump one was deleted meanwhile"
    assert bodies(first, "dumps/") == bodies(second, "dumps/") == {}
    assert bodies(second, "chunks/") == {}


@pytest.mark.parametrize("key", [KEY, None])
def test_each_chunk_comes_from_a_copy_that_has_it_right(key: str | None) -> None:
    a, b, c = (Named(name) for name in "abc")
    make_dump(a, "one", ring=KeyRing(a, KEY))
    sync(a, b)
    for chunk in bodies(a, "chunks/"):
        a.put(chunk, b"spoilt")
    mirrors = Mirrored([Copy(a), Copy(b), Copy(c)])
    report = sync(mirrors, *mirrors.copies, key=key)
    assert report.skipped == []
    assert dumps(a) == dumps(b) == dumps(c)


def test_a_copy_that_is_down_does_not_keep_the_others_from_it() -> None:
    a, b = Named("a"), Named("b")
    down = FaultyStore(Named("c"), before("list", DOWN, times=99))
    make_dump(a, "one", ring=KeyRing(a, KEY))
    mirrors = Mirrored([Copy(a), Copy(down, required=False), Copy(b)])
    report = sync(mirrors, *mirrors.copies)
    assert [(s.name, s.location, s.reason) for s in report.skipped] == [
        (None, "c", "connection refused")
    ]
    assert dumps(a) == dumps(b)


def test_a_view_refuses_every_change() -> None:
    store = MemoryStore()
    store.put("k", b"x")
    mirrors = read_only(Mirrored([Copy(store)]))
    assert isinstance(mirrors, HasCopies)
    for view in (read_only(store), mirrors, *mirrors.copies):
        assert (view.get("k"), view.stat("k")) == (b"x", store.stat("k"))
        assert [*view.list("")] == [store.stat("k")]
        with pytest.raises(DatastoreError, match="only read"):
            view.put("k", b"y")
        with pytest.raises(DatastoreError, match="only read"):
            view.delete(["k"])
        view.close()
    assert store.get("k") == b"x"


# Whole journeys


def mirrored(project: Project, *required: bool) -> list[Path]:
    """Have the project keep its dumps in several directories; which these are."""
    folders = [project.folder / f"copy{number}" for number in range(len(required))]
    lines = []
    for folder, each in zip(folders, required, strict=True):
        folder.mkdir(exist_ok=True)
        lines.append(f"{{local_disk: {{dir: {folder}}}, required: {str(each).lower()}}}")
    text = project.conf.read_text()
    before_that, _, rest = text.partition("datastore: ")
    section = f"datastore: {{mirrors: [{', '.join(lines)}]}}\n"
    project.conf.write_text(before_that + section + rest.partition("\n")[2])
    return folders


def single(project: Project, folder: Path) -> None:
    text = project.conf.read_text()
    before_that, _, rest = text.partition("datastore: ")
    section = f"datastore: {{local_disk: {{dir: {folder}}}}}\n"
    project.conf.write_text(before_that + section + rest.partition("\n")[2])


def objects(folder: Path) -> dict[str, bytes]:
    store = LocalDisk(str(folder))
    return {info.key: store.get(info.key) for info in store.list("") if info.key != "index.json"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_mirror_is_written_verified_and_read_like_a_store(tmp_path: Path, jobs: int) -> None:
    project = make_project(tmp_path, customers=50)
    one, two = mirrored(project, True, True)
    create_dump(project.config(), name="first", jobs=jobs, progress=Silent())
    assert objects(one) == objects(two) != {}
    [report] = verify_dumps(project.config(), ["first"], progress=Silent())
    assert report.ok
    assert report.rows == 50 + 250 + 250

    chunk = next(path for path in (two / "chunks").rglob("*.floe"))
    chunk.write_bytes(chunk.read_bytes()[:-1])
    manifest = next((one / "dumps").iterdir())
    intact = manifest.read_bytes()
    manifest.write_bytes(b"{}")
    [report] = verify_dumps(project.config(), ["first"], progress=Silent())
    assert [problem.partition(": ")[0] for problem in report.problems] == [
        f"local disk {one}", f"local disk {two}"
    ]  # fmt: skip
    assert "manifest" in report.problems[0]
    assert "was cut" in report.problems[1]
    restore_dump(project.config(), "first", RestoreOptions(), progress=Silent())
    with closing(sqlite3.connect(project.target)) as database:
        assert database.execute("select count(*) from orders").fetchone() == (250,)
    manifest.write_bytes(intact)


def test_a_copy_that_lags_is_warned_of_gets_no_manifest_and_catches_up(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5)
    one, two = mirrored(project, True, False)
    create_dump(project.config(), name="first", progress=Silent())
    blocked = two / "chunks"
    for path in sorted(blocked.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    blocked.rmdir()
    blocked.write_bytes(b"in the way of a folder")

    done = project.run("dump", "create", "--name", "second")
    assert done.returncode == 0
    assert done.stderr.count("warning:") == 1
    assert f"local disk {two}" in done.stderr
    assert "dumps/second.json" in objects(one)
    assert "dumps/second.json" not in objects(two)
    blocked.unlink()

    notes = Warnings()
    reports = verify_dumps(project.config(), None, progress=notes)
    assert [(report.name, report.ok) for report in reports] == [("second", True), ("first", False)]
    assert any("second" in warning and "datastore sync" in warning for warning in notes.warnings)

    report = sync_datastore(project.config(), dry_run=False, progress=Silent())
    assert {(done.name, done.location) for done in report.copied} == {
        ("first", f"local disk {two}"), ("second", f"local disk {two}")
    }  # fmt: skip
    assert objects(one) == objects(two)
    assert all(report.ok for report in verify_dumps(project.config(), None, progress=Silent()))


def test_a_mirror_that_is_not_there_is_not_up_to_date(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5)
    one, two = mirrored(project, True, False)
    create_dump(project.config(), name="one", progress=Silent())
    two.rename(tmp_path / "away")
    done = project.run("datastore", "sync")
    assert done.returncode == 3
    assert "could not be opened" in done.stderr
    assert "dumps/one.json" in objects(one)


class Warnings(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def test_a_copy_that_is_new_gets_the_key_slot_with_the_next_dump(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5)
    one, two, three = mirrored(project, True, True, False)
    single(project, one)
    create_dump(project.config(), name="first", progress=Silent())
    mirrored(project, True, True, False)
    create_dump(project.config(), name="second", progress=Silent())
    for folder in (two, three):
        single(project, folder)
        [report] = verify_dumps(project.config(), None, progress=Silent())
        assert (report.name, report.ok) == ("second", True)


def test_a_required_copy_that_loses_a_chunk_fails_the_dump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, customers=5)
    one, two = mirrored(project, True, True)
    run = Dumping.run

    def and_lose_one(dumping: Dumping, selection: object) -> object:
        chunks = run(dumping, selection)  # type: ignore[arg-type]  # passed on as it came
        next((two / "chunks").glob("*/*")).unlink()
        return chunks

    monkeypatch.setattr(Dumping, "run", and_lose_one)
    with pytest.raises(ConflictError, match=f"^local disk {two}: 1 of "):
        create_dump(project.config(), progress=Silent())
    for folder in (one, two):
        assert not [key for key in objects(folder) if key.startswith(("chunks/", "dumps/"))]


def test_moving_to_another_datastore(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5)
    for name in ("first", "second"):
        create_dump(project.config(), name=name, progress=Silent())
    old, before_that = project.config(), objects(project.store)
    (tmp_path / "new").mkdir()
    single(project, tmp_path / "new")
    report = sync_datastore(project.config(), old=old, dry_run=False, progress=Silent())
    assert [done.name for done in report.copied] == ["second", "first"]
    assert objects(tmp_path / "new") == before_that == objects(project.store)
    assert all(report.ok for report in verify_dumps(project.config(), None, progress=Silent()))
    restore_dump(project.config(), "latest", RestoreOptions(), progress=Silent())


def test_without_mirrors_there_is_nothing_to_bring_up_to_date(tmp_path: Path) -> None:
    project = make_project(tmp_path, customers=5)
    with pytest.raises(UsageError) as caught:
        sync_datastore(project.config(), dry_run=False, progress=Silent())
    assert "--from" in (caught.value.hint or "")
