"""The rows of a dump into a destination: on one thread in order, or on as many as it takes."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from replicate.databases.base import Destination, RowBlock
from replicate.dumps.manifest import ChunkRecord
from replicate.errors import DatabaseError
from replicate.jobs.contents import Contents
from replicate.jobs.fetching import fetch_chunks
from replicate.jobs.progress import Progress


def load_rows(dump: Contents, destination: Destination, lanes: int, progress: Progress) -> int:
    """Load the chosen tables' rows; how many there were.

    `lanes` is what the destination's `begin` answered. Raises `DatabaseError` where a table took
    another number of rows than the manifest says.
    """
    loaded = dict.fromkeys(dump.chosen, 0)
    counts = _in_order(dump, destination, progress)
    if lanes > 1:
        counts = _side_by_side(dump, destination, lanes, progress)
    for index, rows in counts:
        loaded[index] += rows
    for index, rows in loaded.items():
        table = dump.manifest.body.tables[index]
        if rows != table.rows:
            raise DatabaseError(
                f"{table.qualified} took {rows:,} rows, and the dump holds {table.rows:,}"
            )
    return sum(loaded.values())


def _in_order(
    dump: Contents, destination: Destination, progress: Progress
) -> Iterator[tuple[int, int]]:
    """A table at a time, from however many chunks."""

    def blocks() -> Iterator[tuple[int, RowBlock]]:
        for chunk, plain in fetch_chunks(dump.store, dump.format, dump.data):
            yield from dump.blocks(chunk, plain)
            progress.advance(*_size(dump, chunk))

    for index, group in itertools.groupby(blocks(), key=operator.itemgetter(0)):
        yield index, destination.load(dump.table(index), _texts(group))


def _side_by_side(
    dump: Contents, destination: Destination, lanes: int, progress: Progress
) -> Iterator[tuple[int, int]]:
    """A chunk a thread. As few are in flight as keep the threads busy: each holds its text."""
    pending: dict[Future[list[tuple[int, int]]], ChunkRecord] = {}

    def settle(most: int) -> Iterator[tuple[int, int]]:
        while len(pending) > most:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                chunk = pending.pop(future)
                yield from future.result()
                progress.advance(*_size(dump, chunk))

    threads = ThreadPoolExecutor(max_workers=lanes, thread_name_prefix="load")
    try:
        for chunk, plain in fetch_chunks(dump.store, dump.format, dump.data):
            pending[threads.submit(_load_chunk, dump, destination, chunk, plain)] = chunk
            yield from settle(lanes)
        yield from settle(0)
    except BaseException:
        # What runs may be waiting for a lock, and would not end by itself.
        destination.abort()
        raise
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


def _load_chunk(
    dump: Contents, destination: Destination, chunk: ChunkRecord, plain: bytes
) -> list[tuple[int, int]]:
    blocks = dump.blocks(chunk, plain)
    return [
        (index, destination.load(dump.table(index), _texts(group)))
        for index, group in itertools.groupby(blocks, key=operator.itemgetter(0))
    ]


def _texts(group: Iterable[tuple[int, RowBlock]]) -> Iterator[RowBlock]:
    return (block for _, block in group)


def _size(dump: Contents, chunk: ChunkRecord) -> tuple[int, int]:
    """The rows and bytes of a chunk that are restored."""
    parts = [part for part in chunk.parts if part.table in dump.chosen]
    return sum(part.rows for part in parts), sum(part.length for part in parts)
