"""Every store passes the suite, and the suite notices every way of not keeping the promises."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from replicate.datastores.base import (
    ConditionalWrites,
    Data,
    Datastore,
    ObjectInfo,
    PutMode,
    check_key,
)
from replicate.datastores.conformance import CASES, Case, NonconformityError
from replicate.datastores.local_disk import LocalDisk
from replicate.errors import ConflictError, DatastoreError, NotFoundError, ReplicateError
from tests.support.memory_store import MemoryStore

_BY_NAME = {case.name: case for case in CASES}


def _local_disk(path: Path) -> Datastore:
    return LocalDisk(str(path))


def _memory(_: Path) -> Datastore:
    return MemoryStore()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("make", [_local_disk, _memory])
def test_store_conforms(make: Callable[[Path], Datastore], case: Case, tmp_path: Path) -> None:
    store = make(tmp_path)
    case.run(store, "check/case/")
    store.delete([info.key for info in store.list("")])
    assert not [*store.list("")]


def test_local_disk_leaves_nothing_open(tmp_path: Path) -> None:
    store = LocalDisk(str(tmp_path))
    before = len([*Path("/dev/fd").iterdir()])
    for case in CASES:
        if not case.heavy:
            case.run(store, f"check/{case.name.replace(' ', '-')}/")
    assert len([*Path("/dev/fd").iterdir()]) == before


def test_local_disk_that_was_emptied_has_no_folder_left(tmp_path: Path) -> None:
    store = LocalDisk(str(tmp_path))
    _BY_NAME["order of a listing"].run(store, "check/case/")
    store.delete([info.key for info in store.list("")])
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


class _IgnoresConditions(MemoryStore):
    """Takes every conditional write, yet claims to decide them: some gateways do."""

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:  # noqa: ARG002
        return super().put(key, data)


class _ChecksThenWrites(MemoryStore):
    """Right when asked by one, wrong in a race."""

    def __init__(self) -> None:
        super().__init__(ConditionalWrites.NONE)

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        check_key(key)
        self._check(key, mode)
        time.sleep(0.05)  # so that all who race have looked
        return super().put(key, data, mode=mode)


class _NeverReplaces(MemoryStore):
    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        if mode not in ("create", "overwrite"):
            raise ConflictError("no")
        return super().put(key, data, mode=mode)


class _OverwritesOnConflict(MemoryStore):
    """Says no, and does it all the same."""

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        try:
            return super().put(key, data, mode=mode)
        except ConflictError:
            super().put(key, data)
            raise


class _ListsOnePage(MemoryStore):
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return iter([*super().list(prefix)][:1000])


class _ListsUnordered(MemoryStore):
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return iter([*super().list(prefix)][::-1])


class _ListsByFolder(MemoryStore):
    """Takes a prefix for a folder, and walks folders in the order of their names."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        folder = prefix.rpartition("/")[0]
        found = super().list(f"{folder}/" if folder else "")
        return iter(sorted(found, key=lambda info: info.key.split("/")))


class _ListsWithFolderOrder(MemoryStore):
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return iter(sorted(super().list(prefix), key=lambda info: info.key.split("/")))


class _CutsRanges(MemoryStore):
    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        data = super().get(key, max_size=max_size)
        return data if byte_range is None else data[slice(*byte_range)]


class _RangesWithEnd(MemoryStore):
    """Counts the end in, as HTTP does."""

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        data = super().get(key, max_size=max_size)
        return data if byte_range is None else data[byte_range[0] : byte_range[1] + 1]


class _MissingIsFailure(MemoryStore):
    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        try:
            return super().get(key, byte_range=byte_range, max_size=max_size)
        except NotFoundError as error:
            raise DatastoreError("not found") from error


class _MissingIsEmpty(MemoryStore):
    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        try:
            return super().get(key, byte_range=byte_range, max_size=max_size)
        except NotFoundError:
            return b""


class _DeletesByPrefix(MemoryStore):
    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            super().delete([info.key for info in self.list(check_key(key)[:-3])])


class _DeletesThousand(MemoryStore):
    def delete(self, keys: Iterable[str]) -> None:
        super().delete([*keys][:1000])


class _DeleteMinds(MemoryStore):
    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.stat(key)
            super().delete([key])


class _Tears(MemoryStore):
    """Writes an object in two steps, in sight of everybody."""

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        super().put(key, bytes(data)[: len(data) // 2], mode=mode)
        time.sleep(0.05)
        return super().put(key, data)


class _OneVersion(MemoryStore):
    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        info = super().put(key, data, mode=mode)
        info = dataclasses.replace(info, version=str(info.size))
        self.objects[key] = bytes(data), info
        return info


class _LocalTime(MemoryStore):
    def stat(self, key: str) -> ObjectInfo:
        info = super().stat(key)
        return dataclasses.replace(info, modified=info.modified.replace(tzinfo=None))


class _WrongSize(MemoryStore):
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return (dataclasses.replace(info, size=0) for info in super().list(prefix))


class _HasNoBound(MemoryStore):
    def get(
        self,
        key: str,
        *,
        byte_range: tuple[int, int] | None = None,
        max_size: int | None = None,  # noqa: ARG002
    ) -> bytes:
        return super().get(key, byte_range=byte_range)


class _TakesAnyKey(MemoryStore):
    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        return super().put(check_key("x"), data, mode=mode) if key else super().put(key, data)


class _ListsAnyKey(MemoryStore):
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return super().list(prefix.lstrip("/."))


class _FoldsCase(MemoryStore):
    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        return super().put(key.lower(), data, mode=mode)


class _CutsLarge(MemoryStore):
    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        return super().put(key, bytes(data)[: 16 << 20], mode=mode)


class _SpoilsLarge(MemoryStore):
    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        data = super().get(key, byte_range=byte_range, max_size=max_size)
        return data if len(data) < 1 << 20 else data[:-1] + bytes([data[-1] ^ 1])


_BROKEN: list[tuple[Callable[[], Datastore], tuple[str, ...]]] = [
    (_IgnoresConditions, ("create-only", "create-only in a race", "compare-and-swap")),
    (_ChecksThenWrites, ("create-only in a race", "compare-and-swap in a race")),
    (_NeverReplaces, ("compare-and-swap",)),
    (_OverwritesOnConflict, ("create-only", "compare-and-swap")),
    (_ListsOnePage, ("more than a page of objects",)),
    (_ListsUnordered, ("order of a listing", "more than a page of objects")),
    (_ListsByFolder, ("prefix of a listing",)),
    (_ListsWithFolderOrder, ("order of a listing",)),
    (_CutsRanges, ("range past the end",)),
    (_RangesWithEnd, ("ranges",)),
    (_HasNoBound, ("no more than allowed",)),
    (_MissingIsFailure, ("missing keys", "delete", "range past the end")),
    (_MissingIsEmpty, ("missing keys", "delete")),
    (_DeletesByPrefix, ("delete",)),
    (_DeletesThousand, ("more than a page of objects",)),
    (_DeleteMinds, ("delete",)),
    (_Tears, ("race for one key",)),
    (_OneVersion, ("overwrite",)),
    (_LocalTime, ("round trip",)),
    (_WrongSize, ("order of a listing",)),
    (_TakesAnyKey, ("invalid names",)),
    (_ListsAnyKey, ("invalid names",)),
    (_FoldsCase, ("odd names",)),
    (_CutsLarge, ("large object",)),
    (_SpoilsLarge, ("round trip", "large object")),
]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        pytest.param(make, name, id=f"{getattr(make, '__name__', make)}-{name}")
        for make, names in _BROKEN
        for name in names
    ],
)
def test_suite_notices(make: Callable[[], Datastore], name: str) -> None:
    with pytest.raises((NonconformityError, ReplicateError)):
        _BY_NAME[name].run(make(), "check/case/")


def test_every_case_notices_something() -> None:
    assert {name for _, names in _BROKEN for name in names} == set(_BY_NAME)


def test_what_one_caller_sees_is_right_in_the_racy_store() -> None:
    for name in ("create-only", "compare-and-swap"):
        _BY_NAME[name].run(_ChecksThenWrites(), "check/case/")
