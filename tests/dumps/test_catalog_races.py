"""Many processes at one store: nothing is lost, nothing is doubled, nobody sees an error."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from replicate.datastores.base import Capabilities, ConditionalWrites, Data, ObjectInfo, PutMode
from replicate.datastores.local_disk import LocalDisk
from replicate.dumps import index
from replicate.dumps.catalog import Catalog
from replicate.errors import ConflictError
from tests.support.memory_store import MemoryStore
from tests.support.small_dump import TIME, make_dump

PROCESSES = 12
ROUNDS = 5


class Careless(LocalDisk):
    """A store that takes no notice of conditions, and says so."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(ConditionalWrites.NONE)

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        del mode
        return super().put(key, data)


def add_and_delete(kind: type[LocalDisk], directory: str, number: int) -> None:
    """Make dumps, look for them, delete every other one."""
    store = kind(directory)
    said: list[str] = []
    catalog = Catalog(store, warn=said.append)
    for i in range(ROUNDS):
        name = f"p{number}-{i}"
        make_dump(store, name, created_at=TIME + timedelta(seconds=i, minutes=number))
        assert name in {header.name for header in catalog.headers()}
        if i % 2:
            catalog.delete(name)
            assert name not in {header.name for header in catalog.headers()}
    assert said == []


def run(work: Callable[[type[LocalDisk], str, int], None], *args: Any, count: int) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(*args, n)) for n in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * count


@pytest.mark.parametrize("kind", [LocalDisk, Careless])
def test_adding_and_deleting_at_once(tmp_path: Path, kind: type[LocalDisk]) -> None:
    count = PROCESSES if kind is LocalDisk else 6
    run(add_and_delete, kind, str(tmp_path), count=count)
    expected = {f"p{number}-{i}" for number in range(count) for i in range(0, ROUNDS, 2)}
    store = kind(str(tmp_path))
    said: list[str] = []
    catalog = Catalog(store, warn=said.append)
    headers = catalog.headers()
    assert sorted(header.name for header in headers) == sorted(expected)
    assert said == []
    assert catalog.orphans(timedelta()) == []
    assert set(index.load(store).entries) == expected
    runs = {header.run_id for header in headers}
    assert {info.key.split("/")[1] for info in store.list("chunks/")} == runs
    assert all(len(list(store.list(f"chunks/{run}/"))) == 4 for run in runs)


def test_of_many_who_take_one_name_one_gets_it() -> None:
    store = MemoryStore()
    won: list[int] = []
    lost: list[str] = []

    def take(number: int) -> None:
        try:
            make_dump(store, "same")
        except ConflictError as error:
            lost.append(error.message)
        else:
            won.append(number)

    threads = [threading.Thread(target=take, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert lost == ["a dump named same exists already"] * 7


def test_a_reader_beside_a_writer_sees_whole_dumps_only() -> None:
    store = MemoryStore()
    make_dump(store, "first")
    stop = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for i in range(60):
                made = make_dump(store, f"d{i}")
                Catalog(store).delete(made.name)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            failed.append(error)
        finally:
            stop.set()

    def listings() -> Iterator[Catalog]:
        while not stop.is_set():
            catalog = Catalog(store)
            assert "first" in {header.name for header in catalog.headers()}
            yield catalog

    writer = threading.Thread(target=write)
    writer.start()
    assert all(catalog.damaged == [] for catalog in listings())
    writer.join()
    assert failed == []
    assert [header.name for header in Catalog(store).headers()] == ["first"]
