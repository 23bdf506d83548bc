"""An opened dump: its manifest, its sections, its rows, and which of its tables are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from replicate.config import Config
from replicate.databases.base import LoadTable, RowBlock
from replicate.datastores.base import Datastore
from replicate.dumps.chunks import ChunkFormat
from replicate.dumps.manifest import ChunkRecord, DumpedTable, Manifest
from replicate.errors import CorruptError, GuardError, UsageError
from replicate.jobs.fetching import fetch_chunk
from replicate.jobs.opening import Library
from replicate.rows.blocks import cut_rows

BLOCK = 4 * 1024 * 1024
"""Bytes of text handed to a destination at a time: it turns them into many times their size."""


@dataclass(frozen=True, slots=True)
class Contents:
    """An opened dump. `chosen` holds the places of the tables to restore in its manifest.

    `named` says whether the user named them: then nothing else is wanted, not even a table that
    has no place there because it was dumped without its rows.
    """

    store: Datastore
    manifest: Manifest
    format: ChunkFormat
    chosen: frozenset[int]
    named: bool

    def section(self, name: str) -> str:
        """The script of a schema section."""
        return "".join(
            fetch_chunk(self.store, self.format, chunk).decode("utf-8", "surrogateescape")
            for chunk in self.manifest.body.chunks
            if chunk.section == name
        )

    @property
    def data(self) -> list[ChunkRecord]:
        """The chunks that hold rows of the chosen tables."""
        return [
            chunk
            for chunk in self.manifest.body.chunks
            if any(part.table in self.chosen for part in chunk.parts)
        ]

    @property
    def data_bytes(self) -> int:
        """The text of the chosen tables' rows."""
        return sum(
            part.length
            for chunk in self.manifest.body.chunks
            for part in chunk.parts
            if part.table in self.chosen
        )

    @property
    def only(self) -> list[LoadTable] | None:
        """The chosen tables, or None where all is wanted that there is."""
        if not self.named:
            return None
        return [self.table(index) for index in sorted(self.chosen)]

    def table(self, index: int) -> LoadTable:
        table = self.manifest.body.tables[index]
        return LoadTable(table.schema, table.name, tuple(table.columns), bool(table.masked))

    def blocks(self, chunk: ChunkRecord, plain: bytes) -> Iterator[tuple[int, RowBlock]]:
        """The chosen tables' rows in a chunk's text, each block with its table's place.

        Raises `CorruptError` where they are not as many as the manifest says.
        """
        for part in chunk.parts:
            if part.table not in self.chosen:
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


def open_contents(config: Config, library: Library, value: str, tables: Sequence[str]) -> Contents:
    """The dump named `value` (or ``latest``), and of its tables those named, or all.

    Raises `GuardError` for a dump in the clear where an `encryption_key` is configured.
    """
    header = library.catalog.resolve(value)
    if config.encryption_key is not None and header.encryption is None:
        # Whoever can write to the store could put a dump of their own making in the place of one
        # that only the key's owners can have made.
        raise GuardError(
            f"dump {header.name} is not encrypted, and an encryption_key is configured",
            hint="if you trust it all the same, take encryption_key out of the config",
        )
    manifest, fmt = library.read(header)
    chosen = _choose(manifest.body.tables, tables)
    return Contents(library.store, manifest, fmt, chosen, named=bool(tables))


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
