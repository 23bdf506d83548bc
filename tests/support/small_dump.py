"""Small dumps, made with the real parts, for tests of how dumps are stored."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from replicate.datastores.base import Datastore
from replicate.dumps.catalog import Catalog
from replicate.dumps.chunks import ChunkBuilder, ChunkFormat, chunk_key, open_chunk
from replicate.dumps.keyring import KeyRing
from replicate.dumps.manifest import (
    Body,
    ChunkRecord,
    DumpedTable,
    Encryption,
    Header,
    Manifest,
    Section,
    SourceInfo,
    Totals,
)

TIME = datetime(2026, 11, 21, 13, 45, 1, 123000, tzinfo=UTC)
PRE_DATA = b"create table people(id integer primary key, name text);\ncreate table empty(x);\n"
POST_DATA = b"create index people_name on people(name);\n"

Blocks = Sequence[tuple[int, bytes]]
"""What one data chunk is filled with: tables, each with rows."""

CHUNKS: Sequence[Blocks] = (
    ((0, b"1\tAda\n2\t\\N\n"), (0, b"3\tGra\\\\ce\n"), (2, b"x\n\ny\n")),
    ((0, b"4\tEdsger\n"), (2, b"z\n"), (0, b"5\t\\Btag\n")),
)


@dataclass(frozen=True, slots=True)
class Small:
    """A stored dump, and what opens it."""

    manifest: Manifest
    format: ChunkFormat
    data_key: bytes | None

    @property
    def name(self) -> str:
        return self.manifest.header.name

    def key(self, place: int) -> str:
        """The key of the chunk at this place of the manifest."""
        return chunk_key(self.format, self.manifest.body.chunks[place].number)

    def texts(self, store: Datastore) -> list[bytes]:
        """All chunks of the dump, opened."""
        return [
            open_chunk(self.format, record, store.get(chunk_key(self.format, record.number)))
            for record in self.manifest.body.chunks
        ]


def store_chunks(
    store: Datastore, fmt: ChunkFormat, chunks: Iterable[Blocks] = CHUNKS
) -> list[ChunkRecord]:
    """Store the schema and the rows as chunks of a run."""
    records = [_store(store, fmt, 1, "pre-data", [(None, PRE_DATA)])]
    for number, blocks in enumerate(chunks, start=3):  # a gap, which is allowed
        records.append(_store(store, fmt, number, "data", blocks))
    last = records[-1].number + 1
    records.append(_store(store, fmt, last, "post-data", [(None, POST_DATA)]))
    return records


def _store(
    store: Datastore,
    fmt: ChunkFormat,
    number: int,
    section: Section,
    blocks: Iterable[tuple[int | None, bytes]],
) -> ChunkRecord:
    builder = ChunkBuilder(fmt, number, section)
    for table, text in blocks:
        builder.add(table, text, 0 if table is None else text.count(b"\n"))
    record, stored = builder.seal()
    store.put(chunk_key(fmt, number), stored)
    return record


def small_manifest(
    name: str,
    run_id: str,
    records: list[ChunkRecord],
    *,
    level: int | None = 1,
    encryption: Encryption | None = None,
    created_at: datetime = TIME,
) -> Manifest:
    """A manifest for chunks of `CHUNKS`' three tables, of which the second is empty."""
    rows = [0, 0, 0]
    for record in records:
        for part in record.parts:
            rows[part.table] += part.rows
    tables = [
        DumpedTable("main", "people", ["id", "name"], rows[0], {"name": "first-name"}),
        DumpedTable("main", "empty", ["x"], rows[1], {}),
        DumpedTable("main", "täble\ud800", ["only"], rows[2], {}),
    ]
    header = Header(
        name=name,
        run_id=run_id,
        created_at=created_at,
        tool_version="0.1.0",
        engine="sqlite",
        compression="none" if level is None else "zstd",
        encryption=encryption,
        totals=Totals(
            tables=len(tables),
            rows=sum(rows),
            chunks=len(records),
            plain_bytes=sum(record.plain_size for record in records),
            stored_bytes=sum(record.stored_size for record in records),
        ),
    )
    source = SourceInfo("sqlite", "3.45.1", ["file:1:2", "path:/srv/app.db"])
    return Manifest(header, Body(source, {"skip": [], "seed": 1.5}, tables, records))


def make_dump(
    store: Datastore,
    name: str,
    *,
    ring: KeyRing | None = None,
    level: int | None = 1,
    created_at: datetime = TIME,
    run_id: str | None = None,
    chunks: Iterable[Blocks] = CHUNKS,
) -> Small:
    """Make a whole dump as a run does: chunks, then the manifest. Encrypted if given a `ring`."""
    run_id = run_id or secrets.token_hex(16)
    encryption, data_key, fmt = None, None, ChunkFormat(run_id, level, None)
    if ring is not None:
        encryption, data_key = ring.new_data_key(run_id)
        fmt = ChunkFormat.sealed(run_id, level, data_key)
    records = store_chunks(store, fmt, chunks)
    manifest = small_manifest(
        name, run_id, records, level=level, encryption=encryption, created_at=created_at
    )
    Catalog(store).add(manifest, data_key)
    return Small(manifest, fmt, data_key)
