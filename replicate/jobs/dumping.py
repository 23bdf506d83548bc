"""One pass over a source: its sections and its rows, cut into tasks for the workers.

Where several processes can see the same moment of the source, each reads slices for itself and no
row crosses a process border. Where they can't, one reader feeds blocks to all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from replicate.databases.base import RowBlock, Selection, Slice, Snapshot, Table
from replicate.datastores.base import Datastore
from replicate.dumps.chunks import ChunkBuilder, chunk_key
from replicate.dumps.manifest import ChunkRecord, Section
from replicate.jobs.executor import Executor, Inline, Processes, cores, inline_numbers
from replicate.jobs.progress import Progress
from replicate.jobs.worker import BlockTask, SliceTask, Task, Worker, WorkerSetup

WORTH_A_PROCESS = 32 * 1024 * 1024
"""Bytes of rows below which starting worker processes costs more than it saves."""

ItemT = TypeVar("ItemT")


def workers_for(
    tables: Sequence[Table], *, jobs: int | None, chunk_size: int, slice_size: int
) -> int:
    """How many worker processes are worth their start; never 1, which is no gain over none.

    `jobs` is what the user says. By estimates alone: no row has been looked at yet.
    """
    total = sum(table.bytes or 0 for table in tables)
    wanted = jobs or (cores() if total >= WORTH_A_PROCESS else 1)
    big = [table.bytes or 0 for table in tables if (table.bytes or 0) > slice_size]
    tasks = sum(-(-size // slice_size) for size in big) + -(-(total - sum(big)) // chunk_size)
    count = min(wanted, tasks)
    return count if count > 1 else 0


class Dumping:
    """Dumps one snapshot; `tables` have rows to read, in the order of the manifest.

    `processes` are the workers, which belong to the dumping from now on; where there are none, all
    the work is done here.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        store: Datastore,
        tables: tuple[Table, ...],
        setup: WorkerSetup,
        *,
        processes: Processes,
        progress: Progress,
    ) -> None:
        self._snapshot = snapshot
        self._store = store
        self._tables = tables
        self._setup = setup
        self._processes = processes
        self._progress = progress
        self._bytes = sum(table.bytes or 0 for table in tables)

    def run(self, selection: Selection) -> list[ChunkRecord]:
        """Store all chunks of the dump; their records, in the order of their restore."""
        self._progress.stage("Dumping rows", self._bytes or None)
        data: list[ChunkRecord] = []
        executor, feeding = self._start(first_number=2)
        with closing(executor):
            finished = executor.map(self._fed() if feeding else self._sliced())
            # Processes are at work by now: a large schema can take as long as many rows.
            pre_data = self._section(1, "pre-data", self._snapshot.pre_data(selection))
            for records in finished:
                data.extend(records)
                self._progress.advance(
                    sum(r.rows for r in records), sum(r.plain_size for r in records)
                )
        last = max((r.number for r in data), default=1) + 1
        if self._setup.watch is not None:
            data.append(self._put(last, "leak-filter", self._setup.watch.collect()))
            last += 1
        # Written last of all chunks, which is what its seal says of it.
        post_data = self._section(last, "post-data", self._snapshot.post_data(selection))
        return [pre_data, *data, post_data]

    def _section(self, number: int, section: Section, script: str) -> ChunkRecord:
        return self._put(number, section, script.encode("utf-8", "surrogateescape"))

    def _put(self, number: int, section: Section, plain: bytes) -> ChunkRecord:
        builder = ChunkBuilder(self._setup.format, number, section)
        builder.add(None, plain, 0)
        record, stored = builder.seal()
        self._store.put(chunk_key(self._setup.format, number), stored)
        return record

    def _start(self, first_number: int) -> tuple[Executor, bool]:
        """The executor, and whether it has to be fed rows."""
        if not self._processes.count:
            numbers = inline_numbers(first_number)
            return Inline(Worker(self._setup, numbers, self._snapshot, self._store)), False
        shared = self._snapshot.share()
        processes = self._processes
        processes.begin(replace(self._setup, shared=shared), first_number)
        if shared is None:
            return processes, True
        if self._snapshot.confirm_shared():
            return processes, False
        count = processes.count
        processes.close()
        self._progress.note("the source is being written to: one reader feeds all workers")
        with ExitStack() as undo:
            others = undo.enter_context(closing(Processes()))
            others.start(count)
            others.begin(self._setup, first_number)
            undo.pop_all()
        return others, True

    @cached_property
    def _slices(self) -> list[tuple[int, Slice]]:
        """Every table's pieces, cut once: a source samples its tables to cut them."""
        target = self._setup.slice_size
        return [
            (index, piece)
            for index, table in enumerate(self._tables)
            for piece in self._snapshot.slices(table, target)
        ]

    def _sliced(self) -> Iterator[Task]:
        """Slices of big tables one by one, small tables together up to a chunk."""
        return map(SliceTask, _grouped(self._slices, self._expected, self._setup.chunk_size))

    def _expected(self, piece: Slice) -> int:
        # A slice with a token is a part of a table that was too big for one.
        return self._setup.chunk_size if piece.token is not None else piece.table.bytes or 0

    def _fed(self) -> Iterator[Task]:
        """Rows read here, as many as fill a chunk at a time."""
        blocks = (
            (index, block) for index, piece in self._slices for block in self._snapshot.read(piece)
        )
        return map(BlockTask, _grouped(blocks, _length, self._setup.chunk_size))


def _length(block: RowBlock) -> int:
    return len(block.text)


def _grouped(
    items: Iterable[tuple[int, ItemT]], size_of: Callable[[ItemT], int], limit: int
) -> Iterator[tuple[tuple[int, ItemT], ...]]:
    """Neighbours together while they stay within `limit`; a larger item alone."""
    group: list[tuple[int, ItemT]] = []
    total = 0
    for index, item in items:
        size = size_of(item)
        if group and total + size > limit:
            yield tuple(group)
            group, total = [], 0
        group.append((index, item))
        total += size
    if group:
        yield tuple(group)
