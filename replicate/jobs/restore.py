"""Restore a dump: manifest → guards → pre-data → rows → post-data → the counts compared.

Nothing of the target changes before all guards have agreed, and what was there stays usable until
the destination's `finish` puts the restored database in its place. The first error stops it.
"""

from __future__ import annotations

import itertools
import operator
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from replicate.config import Config, DestinationConfig
from replicate.databases.base import Destination, LoadTable, RowBlock
from replicate.databases.registry import open_destination, open_script
from replicate.datastores.base import Datastore
from replicate.dumps.chunks import ChunkFormat
from replicate.dumps.manifest import ChunkRecord, DumpedTable, Header, Manifest
from replicate.errors import CorruptError, DatabaseError, GuardError, UsageError
from replicate.jobs import guards
from replicate.jobs.fetching import fetch_chunk, fetch_chunks
from replicate.jobs.opening import Library, needed, open_library
from replicate.jobs.progress import Progress
from replicate.rows.blocks import cut_rows

BLOCK = 4 * 1024 * 1024
"""Bytes of text handed to a destination at a time: it turns them into many times their size."""


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What a restore would do. `holds` says what the target holds now, in a few words.

    `wipes`: all of that goes, whichever tables are restored.
    """

    header: Header
    target: str
    engine: str
    holds: str
    wipes: bool
    tables: list[DumpedTable]


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore did. `bytes` counts the text of rows and schema, before compression."""

    name: str
    target: str
    tables: int
    rows: int
    bytes: int
    seconds: float


def plan_restore(
    config: Config, value: str, *, tables: Sequence[str], wipe: bool, progress: Progress
) -> RestorePlan:
    """Check everything that a restore checks, and tell what it would do; changes nothing."""
    settings = needed(config.destination, "destination")
    with open_library(config, warn=progress.warn) as library:
        dump = _open(config, library, value, tables)
        manifest = dump.manifest
        destination = open_destination(settings.connection_uri.reveal())
        wipe = wipe or settings.wipe_database
        _guard(settings, manifest, destination, wipe=wipe)
        return RestorePlan(
            manifest.header,
            destination.name,
            destination.engine,
            destination.describe_contents(),
            not destination.is_empty(),
            [manifest.body.tables[index] for index in sorted(dump.chosen)],
        )


def restore_dump(
    config: Config, value: str, *, tables: Sequence[str], wipe: bool, progress: Progress
) -> RestoreReport:
    """Restore the dump named `value` (or ``latest``) into the configured destination.

    `tables` restores only those, by name or by schema.name. Raises `GuardError` where the target
    is the dump's own source, protected, or not empty and `wipe` is off.
    """
    settings = needed(config.destination, "destination")
    with open_library(config, warn=progress.warn) as library:
        dump = _open(config, library, value, tables)
        destination = open_destination(settings.connection_uri.reveal())
        wipe = wipe or settings.wipe_database
        _guard(settings, dump.manifest, destination, wipe=wipe)
        return _restore(dump, destination, wipe=wipe, progress=progress)


def restore_script(
    config: Config, value: str, *, tables: Sequence[str], out: BinaryIO, progress: Progress
) -> RestoreReport:
    """Write the dump as an SQL script that the database's own client runs."""
    with open_library(config, warn=progress.warn) as library:
        dump = _open(config, library, value, tables)
        script = open_script(dump.manifest.header.engine, out)
        return _restore(dump, script, wipe=False, progress=progress)


@dataclass(frozen=True, slots=True)
class _Dump:
    """An opened dump, and the places of the tables to restore in its manifest."""

    store: Datastore
    manifest: Manifest
    format: ChunkFormat
    chosen: frozenset[int]

    def section(self, name: str) -> str:
        """The script of a schema section."""
        return "".join(
            fetch_chunk(self.store, self.format, chunk).decode("utf-8", "surrogateescape")
            for chunk in self.manifest.body.chunks
            if chunk.section == name
        )

    def data(self) -> list[ChunkRecord]:
        """The chunks that hold rows of the chosen tables."""
        return [
            chunk
            for chunk in self.manifest.body.chunks
            if any(part.table in self.chosen for part in chunk.parts)
        ]

    def table(self, index: int) -> LoadTable:
        table = self.manifest.body.tables[index]
        return LoadTable(table.schema, table.name, tuple(table.columns), bool(table.masked))


def _open(config: Config, library: Library, value: str, tables: Sequence[str]) -> _Dump:
    header = library.catalog.resolve(value)
    if config.encryption_key is not None and header.encryption is None:
        # Whoever can write to the store could put a dump of their own making in the place of one
        # that only the key's owners can have made.
        raise GuardError(
            f"dump {header.name} is not encrypted, and an encryption_key is configured",
            hint="if you trust it all the same, take encryption_key out of the config",
        )
    manifest, fmt = library.read(header)
    return _Dump(library.store, manifest, fmt, _choose(manifest.body.tables, tables))


def _choose(dumped: Sequence[DumpedTable], names: Sequence[str]) -> frozenset[int]:
    if not names:
        return frozenset(range(len(dumped)))
    chosen = set()
    for name in names:
        found = [i for i, table in enumerate(dumped) if name in (table.name, table.qualified)]
        if not found:
            raise UsageError(
                f"the dump has no table {name}", hint="`replicate dump show` lists its tables"
            )
        chosen.update(found)
    return frozenset(chosen)


def _guard(
    settings: DestinationConfig, manifest: Manifest, destination: Destination, *, wipe: bool
) -> None:
    if destination.engine != manifest.header.engine:
        raise UsageError(
            f"the dump is of {manifest.header.engine}, and the destination is {destination.engine}"
        )
    guards.refuse_source(destination, manifest.body.source.fingerprint)
    guards.refuse_protected(settings, destination)
    if not wipe:
        guards.refuse_contents(destination)


def _restore(
    dump: _Dump, destination: Destination, *, wipe: bool, progress: Progress
) -> RestoreReport:
    started = time.monotonic()
    data = dump.data()
    size = sum(part.length for chunk in data for part in chunk.parts if part.table in dump.chosen)
    loaded = dict.fromkeys(dump.chosen, 0)
    # The sections are small, and both are opened before the target is touched at all.
    pre_data, post_data = dump.section("pre-data"), dump.section("post-data")
    only = None
    if len(dump.chosen) < len(dump.manifest.body.tables):
        only = [dump.table(index) for index in sorted(dump.chosen)]
    try:
        destination.begin(wipe=wipe)
        progress.stage("Restoring rows", size)
        destination.run(pre_data, only=only)
        parts = _parts(dump, data, progress)
        for index, group in itertools.groupby(parts, key=operator.itemgetter(0)):
            loaded[index] += destination.load(dump.table(index), _blocks(group))
        _compare(dump.manifest.body.tables, loaded)
        progress.stage("Building indexes", None)
        destination.run(post_data, only=only)
        destination.finish()
    except BaseException:
        destination.abort()
        raise
    return RestoreReport(
        name=dump.manifest.header.name,
        target=destination.name,
        tables=len(dump.chosen),
        rows=sum(loaded.values()),
        bytes=size,
        seconds=time.monotonic() - started,
    )


def _parts(
    dump: _Dump, data: Sequence[ChunkRecord], progress: Progress
) -> Iterator[tuple[int, RowBlock]]:
    """The chosen tables' rows, block by block, in the manifest's order."""
    for chunk, plain in fetch_chunks(dump.store, dump.format, data):
        for part in chunk.parts:
            if part.table not in dump.chosen:
                continue
            rows = 0
            text = plain[part.offset : part.offset + part.length]
            for block, count in cut_rows(text, BLOCK):
                rows += count
                yield part.table, RowBlock(block, count)
            if rows != part.rows:
                raise CorruptError(
                    f"chunk {chunk.number} holds {rows} rows of a table where the manifest says "
                    f"{part.rows}"
                )
            progress.advance(part.rows, part.length)


def _blocks(group: Iterable[tuple[int, RowBlock]]) -> Iterator[RowBlock]:
    return (block for _, block in group)


def _compare(tables: Sequence[DumpedTable], loaded: dict[int, int]) -> None:
    for index, rows in loaded.items():
        if rows != tables[index].rows:
            raise DatabaseError(
                f"{tables[index].qualified} took {rows:,} rows, and the dump holds "
                f"{tables[index].rows:,}"
            )
