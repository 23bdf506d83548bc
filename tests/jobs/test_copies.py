"""Journeys over a store that has copies, or keeps what is deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from replicate.config import DatastoreConfig
from replicate.datastores.base import ConditionalWrites, Datastore
from replicate.datastores.mirrored import Copy, Mirrored
from replicate.dumps.chunks import run_prefix
from replicate.errors import ConflictError, DatastoreError
from replicate.jobs import opening
from replicate.jobs.cleanup import delete_dumps, prune_orphans
from replicate.jobs.create import create_dump
from replicate.jobs.progress import Silent
from replicate.jobs.verify import verify_dumps
from tests.support.faulty_store import FaultyStore, Operation, before
from tests.support.journey import Project, make_project
from tests.support.memory_store import MemoryStore
from tests.support.small_dump import make_dump

DOWN = DatastoreError("connection refused", transient=True)
OPERATIONS: tuple[Operation, ...] = ("put", "get", "stat", "list", "delete")


class Listening(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, customers=5)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Listening], Datastore]], Listening]:
    """Has every journey use this store; the listener that hears what its mirrors warn of."""

    def use(make: Callable[[Listening], Datastore]) -> Listening:
        listening = Listening()
        store = make(listening)

        def opened(
            _: DatastoreConfig,
            *,
            warn: Callable[[str], None] | None = None,  # noqa: ARG001  (as the real one)
        ) -> Datastore:
            return store

        monkeypatch.setattr(opening, "open_datastore", opened)
        return listening

    return use


Use = Callable[[Callable[[Listening], Datastore]], Listening]


@pytest.mark.parametrize("conditional", ConditionalWrites)
def test_an_optional_copy_that_is_down_from_the_start_does_not_fail_a_dump(
    project: Project, use: Use, conditional: ConditionalWrites
) -> None:
    whole, lost = MemoryStore(conditional), MemoryStore()
    down = FaultyStore(lost, *(before(operation, DOWN, times=99) for operation in OPERATIONS))
    listening = use(
        lambda heard: Mirrored([Copy(down, required=False), Copy(whole)], warn=heard.warn)
    )
    manifest = create_dump(project.config(), name="one", jobs=1, progress=listening)
    assert "dumps/one.json" in whole.objects
    assert any(key.startswith(run_prefix(manifest.header.run_id)) for key in whole.objects)
    assert lost.objects == {}
    assert len(listening.warnings) == len(set(listening.warnings)) <= 2
    assert any("gets nothing more" in warning for warning in listening.warnings)


def test_a_required_copy_that_fails_leaves_no_dump_anywhere(project: Project, use: Use) -> None:
    one, two = MemoryStore(), MemoryStore()
    faulty = FaultyStore(two, before("put", DOWN, key="dumps/*"))
    use(lambda heard: Mirrored([Copy(one), Copy(faulty)], warn=heard.warn))
    with pytest.raises(DatastoreError, match="connection refused"):
        create_dump(project.config(), name="one", jobs=1, progress=Silent())
    for store in (one, two):
        assert not [key for key in store.objects if key.startswith("dumps/")]


def test_a_name_that_an_optional_copy_alone_has_is_taken(project: Project, use: Use) -> None:
    one, two = MemoryStore(), MemoryStore()
    make_dump(two, "one")
    use(lambda heard: Mirrored([Copy(one), Copy(two, required=False)], warn=heard.warn))
    with pytest.raises(ConflictError, match="a dump named one exists already"):
        create_dump(project.config(), name="one", jobs=1, progress=Silent())
    assert not [key for key in one.objects if key.startswith(("dumps/", "chunks/"))]


def test_a_copy_that_can_not_be_read_is_a_problem_of_that_copy(project: Project, use: Use) -> None:
    one, two = MemoryStore(), MemoryStore()
    one.location, two.location = "one", "two"
    faulty = FaultyStore(two)
    use(lambda heard: Mirrored([Copy(one), Copy(faulty)], warn=heard.warn))
    create_dump(project.config(), name="one", jobs=1, progress=Silent())
    faulty.add(before("get", DOWN, key="dumps/*", times=99))
    [report] = verify_dumps(project.config(), ["one"], progress=Silent())
    assert report.problems == []
    assert report.unread == ["two: connection refused"]
    assert not report.ok
    assert report.rows == 5 + 25 + 25


def test_parts_that_no_copy_has_together_are_no_dump(project: Project, use: Use) -> None:
    one, two = MemoryStore(), MemoryStore()
    listening = use(lambda heard: Mirrored([Copy(one), Copy(two)], warn=heard.warn))
    create_dump(project.config(), name="one", jobs=1, progress=Silent())
    one.delete([info.key for info in one.list("keys/")])
    two.delete(["dumps/one.json"])
    [report] = verify_dumps(project.config(), ["one"], progress=listening)
    assert report.problems == []
    assert ["does not hold dump one in full" in lack for lack in report.unread] == [True, True]
    assert not report.ok


@pytest.mark.parametrize("required", [True, False])
def test_a_required_copy_has_to_hold_the_dump(required: bool, project: Project, use: Use) -> None:
    one, two = MemoryStore(), MemoryStore()
    listening = use(lambda heard: Mirrored([Copy(one), Copy(two, required)], warn=heard.warn))
    create_dump(project.config(), name="one", jobs=1, progress=Silent())
    two.delete([info.key for info in two.list("")])
    [report] = verify_dumps(project.config(), ["one"], progress=listening)
    assert report.problems == []
    assert report.ok is not required
    assert len(report.unread) == required
    assert len(listening.warnings) == (not required)


class Keeping(MemoryStore):
    error: DatastoreError | None = None

    def remains(self) -> str | None:
        if self.error is not None:
            raise self.error
        return "old versions stay" if self.objects else None


def test_what_a_store_keeps_is_said_once_after_a_delete(project: Project, use: Use) -> None:
    store = Keeping()
    listening = use(lambda _: store)
    for name in ("one", "two", "three"):
        make_dump(store, name)
    delete_dumps(project.config(), keep_last=2, dry_run=True, progress=listening)
    delete_dumps(project.config(), keep_last=9, dry_run=False, progress=listening)
    assert listening.notes == []
    delete_dumps(project.config(), keep_last=1, dry_run=False, progress=listening)
    assert listening.notes == ["old versions stay"]
    store.error = DOWN
    delete_dumps(project.config(), name="two", dry_run=False, progress=listening)
    assert not [key for key in store.objects if key.startswith("dumps/")]
    assert listening.notes == ["old versions stay"]


def test_what_a_store_keeps_is_said_once_after_a_prune(project: Project, use: Use) -> None:
    store = Keeping()
    listening = use(lambda _: store)
    store.put("keep", b"x")
    for dry_run in (True, False, False):
        store.put(f"chunks/{'0' * 32}/00000001.zst", b"x")
        grace = timedelta(seconds=-1)  # also what was stored in this very moment
        found = prune_orphans(project.config(), grace=grace, dry_run=dry_run, progress=listening)
        assert len(found) == 1
        assert listening.notes == ([] if dry_run else ["old versions stay"])
        listening.notes.clear()
    prune_orphans(project.config(), grace=timedelta(0), dry_run=False, progress=listening)
    assert listening.notes == []
