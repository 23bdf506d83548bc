"""What one worker does: take rows through the whole line, mask → compress → seal → put.

A worker gets a task and answers with the records of the chunks that it stored. It runs in the
program's own process or in one of its own (`executor.py`); either way only tasks and records
pass between it and the coordinator, and, where the source has to be read by one reader, text.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from replicate.config import DatastoreConfig
from replicate.databases.base import RowBlock, Slice, Snapshot, Source
from replicate.datastores.base import Datastore, Interruptible
from replicate.datastores.registry import open_datastore
from replicate.dumps.chunks import ChunkBuilder, ChunkFormat, chunk_key
from replicate.dumps.manifest import ChunkRecord
from replicate.errors import TransformError
from replicate.jobs.leaks import LeakWatch
from replicate.jobs.masking import TableMasks, build_masker
from replicate.rows.blocks import cut_rows
from replicate.rows.engine import Masker
from replicate.rows.memory import single_threaded_arrow, tune_allocator
from replicate.threads import Threads

UPLOADS_IN_FLIGHT = 1
"""Sealed chunks that a worker holds, being stored, while it makes the next one."""


@dataclass(frozen=True, slots=True)
class SliceTask:
    """Slices for the worker to read itself, each with its table's place in the manifest."""

    slices: tuple[tuple[int, Slice], ...]


@dataclass(frozen=True, slots=True)
class BlockTask:
    """Rows that the coordinator has read already, each block with its table's place."""

    blocks: tuple[tuple[int, RowBlock], ...]


Task = SliceTask | BlockTask


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """All that a worker needs, picklable; sent to it over a pipe, never on a command line."""

    datastore: DatastoreConfig
    format: ChunkFormat
    chunk_size: int
    slice_size: int
    masks: tuple[TableMasks, ...]
    masking_key: bytes
    source: Source
    shared: object | None = None
    watch: LeakWatch | None = None


class Numbers(Protocol):
    """Hands out chunk numbers that no other worker of the run gets."""

    def __next__(self) -> int: ...


class Worker:
    """The line from rows to stored chunks. One thread at a time may use it."""

    def __init__(
        self, setup: WorkerSetup, numbers: Numbers, snapshot: Snapshot | None, store: Datastore
    ) -> None:
        """`snapshot` and `store` stay the caller's to close; None is for being given blocks."""
        tune_allocator()
        single_threaded_arrow()
        self._setup = setup
        self._numbers = numbers
        self._snapshot = snapshot
        self._store = store
        self._uploads = Threads(max_workers=UPLOADS_IN_FLIGHT)
        self._interrupted = False
        self._maskers: dict[int, Masker] = {}
        self._see = None if setup.watch is None else setup.watch.begin()

    @classmethod
    def join(cls, setup: WorkerSetup, numbers: Numbers) -> Worker:
        """A worker in a process of its own, at the moment of the source that `setup` shares.

        Where nothing is shared the worker is only ever given blocks, and needs no snapshot.
        """
        store = open_datastore(setup.datastore)
        snapshot = None if setup.shared is None else setup.source.join(setup.shared)
        return cls(setup, numbers, snapshot, store)

    def run(self, task: Task) -> list[ChunkRecord]:
        """Store the task's rows; the records of its chunks, in row order."""
        try:
            return self._run(task)
        except KeyboardInterrupt:
            self._interrupted = True
            raise

    def _run(self, task: Task) -> list[ChunkRecord]:
        pending: deque[tuple[ChunkRecord, Future[object]]] = deque()
        records: list[ChunkRecord] = []
        # After an error the traceback holds on to what is read from, unless that is closed.
        with closing(self._blocks(task)) as blocks:
            for record, stored in self._chunks(blocks):
                if len(pending) >= UPLOADS_IN_FLIGHT:
                    records.append(_stored(*pending.popleft()))
                key = chunk_key(self._setup.format, record.number)
                pending.append((record, self._uploads.submit(self._store.put, key, stored)))
        records.extend(itertools.starmap(_stored, pending))
        return records

    def close(self) -> None:
        """Wait for the upload under way, so that what is deleted afterwards doesn't come back.

        After an interrupt only a moment, where a server has to answer: a local disk always does.
        """
        self._close_maskers()
        if isinstance(self._store, Interruptible):
            self._store.interrupt()  # an upload that waits for its next try is not wanted any more
            if self._interrupted:
                self._uploads.leave()
                return
        self._uploads.shutdown(wait=True, cancel_futures=True)

    def _close_maskers(self) -> None:
        for masker in self._maskers.values():
            masker.close()

    def _blocks(self, task: Task) -> Generator[tuple[int, RowBlock], None, None]:
        if isinstance(task, BlockTask):
            yield from task.blocks
            return
        if self._snapshot is None:
            raise ValueError("a worker without a snapshot can't read slices")
        for table, piece in task.slices:
            with closing(self._snapshot.read(piece)) as blocks:
                for block in blocks:
                    yield table, block

    def _chunks(
        self, blocks: Iterable[tuple[int, RowBlock]]
    ) -> Iterator[tuple[ChunkRecord, bytes | bytearray]]:
        builder: ChunkBuilder | None = None
        before = (-1, 0)  # the table, and how many of its rows have passed
        for table, block in blocks:
            seen = before[1] if before[0] == table else 0
            masked = self._masked(table, block, seen)
            before = (table, seen + block.rows)
            for text, rows in self._cut(masked, block.rows):
                if builder is not None and builder.plain_size + len(text) > self._setup.chunk_size:
                    yield builder.seal()
                    builder = None
                if builder is None:
                    builder = ChunkBuilder(self._setup.format, next(self._numbers), "data")
                builder.add(table, text, rows)
        if builder is not None:
            yield builder.seal()

    def _cut(self, text: bytes, rows: int) -> Iterable[tuple[bytes, int]]:
        limit = self._setup.chunk_size
        return [(text, rows)] if len(text) <= limit else cut_rows(text, limit)

    def _masked(self, table: int, block: RowBlock, seen: int) -> bytes:
        try:
            return self._masker(table).mask(block.text)
        except TransformError as error:
            if error.row is None:
                raise
            # Of a big table, a task is a slice: rows are counted from where it begins.
            row = f"row {seen + error.row + 1:,} of those read together"
            raise TransformError(f"{error.message} ({row})", hint=error.hint) from error

    def _masker(self, table: int) -> Masker:
        if table not in self._maskers:
            setup = self._setup
            self._maskers[table] = build_masker(setup.masks[table], setup.masking_key, self._see)
        return self._maskers[table]


def _stored(record: ChunkRecord, upload: Future[object]) -> ChunkRecord:
    upload.result()
    return record
