"""What `check_datastore` says of stores that are right, limited, wrong, closed or gone."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from replicate.datastores.base import ConditionalWrites, Data, Finding, ObjectInfo, PutMode
from replicate.datastores.check import CheckReport, CheckRow, check_datastore
from replicate.datastores.local_disk import LocalDisk
from replicate.errors import DatastoreError
from tests.support.faulty_store import FaultyStore, before, flip
from tests.support.memory_store import MemoryStore

_ROWS = [
    "reachable", "write", "read", "ranges", "list", "delete", "names", "create-only",
    "compare-and-swap", "clock", "speed", "clean-up",
]  # fmt: skip


def _statuses(report: CheckReport) -> dict[str, str]:
    return {row.name: row.status for row in report.rows}


def _row(report: CheckReport, name: str) -> CheckRow:
    return next(row for row in report.rows if row.name == name)


def test_local_disk_passes_and_is_left_as_it_was(tmp_path: Path) -> None:
    store = LocalDisk(str(tmp_path))
    store.put("dumps/mine.json", b"x")
    rows: list[CheckRow] = []
    report = check_datastore(store, on_row=rows.append)
    assert report.ok
    assert [row.name for row in report.rows] == _ROWS
    assert {row.status for row in report.rows} == {"passed"}
    assert tuple(rows) == report.rows
    assert [info.key for info in store.list("")] == ["dumps/mine.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "dumps"]
    assert [*report.operations] == ["put", "get", "stat", "list", "delete"]
    assert all(seconds > 0 for seconds in report.operations.values())


def test_thorough_adds_a_page_and_a_large_object(tmp_path: Path) -> None:
    report = check_datastore(LocalDisk(str(tmp_path)), thorough=True)
    assert report.ok
    assert "more than a page" in _row(report, "list").detail
    assert _row(report, "large objects").status == "passed"
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_report_is_json() -> None:
    report = check_datastore(MemoryStore())
    plain = json.loads(json.dumps(report.as_dict()))
    assert plain["ok"] is True
    assert plain["location"] == "memory"
    assert [row["name"] for row in plain["rows"]] == _ROWS
    assert set(plain["rows"][0]) == {field.name for field in dataclasses.fields(CheckRow)}


def test_store_without_conditional_writes_is_told_what_follows() -> None:
    report = check_datastore(MemoryStore(ConditionalWrites.NONE))
    assert report.ok
    for name in ("create-only", "compare-and-swap"):
        row = _row(report, name)
        assert row.status == "skipped"
        assert row.consequence != _row(check_datastore(MemoryStore()), name).consequence


class _Ignores(MemoryStore):
    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:  # noqa: ARG002
        return super().put(key, data)


def test_store_that_ignores_conditions_fails() -> None:
    store = _Ignores()
    report = check_datastore(store)
    assert not report.ok
    failed = [row.name for row in report.rows if row.status == "failed"]
    assert failed == ["create-only", "compare-and-swap"]
    assert "a second create is not refused" in _row(report, "create-only").detail
    assert not store.objects


def test_unreachable_store_gets_one_row(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    store = LocalDisk(str(root))
    root.rmdir()
    report = check_datastore(store)
    assert _statuses(report) == {"reachable": "failed"}
    assert "does not exist" in report.rows[0].detail
    assert "mkdir" in str(report.rows[0].hint)


def test_store_that_can_only_be_read_stops_at_write() -> None:
    store = FaultyStore(MemoryStore(), before("put", DatastoreError("read-only"), times=1000))
    report = check_datastore(store)
    assert _statuses(report) == {"reachable": "passed", "write": "failed", "clean-up": "passed"}
    assert _row(report, "write").detail == "read-only"


def test_flipped_bit_is_noticed_and_everything_removed() -> None:
    inner = MemoryStore()
    store = FaultyStore(inner, flip("get", key="*/ranges/*"))
    report = check_datastore(store)
    assert not report.ok
    assert _row(report, "ranges").detail.startswith("ranges: bytes 0 to 1 are not those")
    assert _row(report, "list").status == "passed"
    assert not inner.objects
    store.assert_all_used()


def test_vendor_error_fails_the_row_without_its_text() -> None:
    store = FaultyStore(MemoryStore(), before("stat", KeyError("secret"), key="*/clock"))
    row = _row(check_datastore(store), "clock")
    assert row.status == "failed"
    assert "KeyError" in row.detail
    assert "secret" not in row.detail


def test_interrupt_cleans_up() -> None:
    inner = MemoryStore()
    store = FaultyStore(inner, before("list", KeyboardInterrupt(), skip=2))
    with pytest.raises(KeyboardInterrupt):
        check_datastore(store)
    assert not inner.objects
    store.assert_all_used()


class _ListsNothing(MemoryStore):
    def list(self, prefix: str) -> Iterator[ObjectInfo]:  # noqa: ARG002
        return iter(())


def test_objects_are_removed_though_the_listing_hides_them() -> None:
    store = _ListsNothing()
    assert not check_datastore(store).ok
    assert not store.objects


class _TakesAnyKey(MemoryStore):
    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        if key.endswith("a b"):
            info = super().put("x", data, mode=mode)
            self.objects[key] = self.objects.pop("x")
            return info
        return super().put(key, data, mode=mode)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)


def test_keys_that_should_be_refused_are_removed() -> None:
    store = _TakesAnyKey()
    report = check_datastore(store)
    assert _row(report, "names").status == "failed"
    assert not store.objects


class _KeepsEverything(MemoryStore):
    def delete(self, keys: Iterable[str]) -> None:
        """Forget to."""


def test_what_cannot_be_removed_is_told() -> None:
    report = check_datastore(_KeepsEverything())
    row = _row(report, "clean-up")
    assert row.status == "failed"
    assert "could not be removed" in row.detail
    assert "check/" in row.consequence


@pytest.mark.parametrize(
    ("skew", "words"),
    [(timedelta(hours=3), "10800 s ahead of"), (timedelta(minutes=-6), "360 s behind")],
)
def test_clock_skew(skew: timedelta, words: str) -> None:
    class Skewed(MemoryStore):
        def stat(self, key: str) -> ObjectInfo:
            info = super().stat(key)
            return dataclasses.replace(info, modified=info.modified + skew)

    row = _row(check_datastore(Skewed()), "clock")
    assert row.status == "failed"
    assert words in row.detail


class _Tells(MemoryStore):
    """Says three things of itself, and then what it is told to."""

    def __init__(self, failure: DatastoreError | None = None) -> None:
        super().__init__()
        self.failure = failure

    def examine(self, prefix: str) -> Iterator[Finding]:
        self.put(f"{prefix}tried", b"x")
        yield Finding("credentials", True, "of somebody", "they are accepted")
        yield Finding("versioning", None, "can't be asked", "deleted objects may be kept")
        yield Finding("lifecycle", False, "objects expire", "dumps lose chunks", hint="end it")
        if self.failure is not None:
            raise self.failure


def test_what_a_store_says_of_itself_is_reported() -> None:
    store = _Tells()
    report = check_datastore(store)
    assert [row.name for row in report.rows][:5] == [
        "reachable", "credentials", "versioning", "lifecycle", "write",
    ]  # fmt: skip
    statuses = _statuses(report)
    assert [statuses[name] for name in ("credentials", "versioning", "lifecycle")] == [
        "passed", "skipped", "failed",
    ]  # fmt: skip
    assert _row(report, "lifecycle").hint == "end it"
    assert not report.ok
    assert store.objects == {}


def test_a_store_that_fails_to_say_it_is_checked_all_the_same() -> None:
    report = check_datastore(_Tells(DatastoreError("no answer", hint="ask again")))
    assert _row(report, "properties").status == "failed"
    assert _row(report, "properties").detail == "no answer"
    assert _statuses(report)["clean-up"] == "passed"
    assert not report.ok
