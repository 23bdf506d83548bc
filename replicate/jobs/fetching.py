"""Read a dump's chunks back: a few ahead of their use, each checked in full, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import partial

from replicate.datastores.base import Datastore
from replicate.dumps.chunks import ChunkFormat, chunk_key, open_chunk
from replicate.dumps.manifest import ChunkRecord
from replicate.dumps.objects import get_checked
from replicate.errors import CorruptError, NotFoundError, TooLargeError
from replicate.threads import Threads

AHEAD = 2
"""Chunks fetched and opened while one is being used: hides latency, bounds memory."""


def fetch_chunk(store: Datastore, fmt: ChunkFormat, record: ChunkRecord) -> bytes:
    """The plain bytes of one chunk. Raises `CorruptError` unless every stored byte is right."""
    key = chunk_key(fmt, record.number)
    try:
        return get_checked(
            store, key, partial(open_chunk, fmt, record), max_size=record.stored_size
        )
    except TooLargeError as error:
        raise CorruptError(f"the chunk {key} has extra bytes: {error.message}") from error
    except NotFoundError as error:
        raise CorruptError(f"the chunk {key} is missing from {store.location}") from error


def fetch_chunks(
    store: Datastore, fmt: ChunkFormat, records: Iterable[ChunkRecord]
) -> Iterator[tuple[ChunkRecord, bytes]]:
    """The chunks in the order given, each opened before it is handed out."""
    pending: deque[tuple[ChunkRecord, Future[bytes]]] = deque()
    with Threads(max_workers=AHEAD) as threads:
        try:
            for record in records:
                pending.append((record, threads.submit(fetch_chunk, store, fmt, record)))
                if len(pending) > AHEAD:
                    first, opened = pending.popleft()
                    yield first, opened.result()
            while pending:
                first, opened = pending.popleft()
                yield first, opened.result()
        finally:
            for _, opened in pending:
                opened.cancel()
