"""The records that describe a dump. Plain values: how they are stored is `manifest.py`'s business.

All byte counts are of bytes, all row counts of rows of tables; lists are in the order of restore.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Section = Literal["pre-data", "data", "leak-filter", "post-data"]
Compression = Literal["zstd", "none"]

MAX_CHUNK_PLAIN = 2**31 - 1
"""Bytes that a chunk may hold before compression: what 32-bit offsets of readers can address."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """How the dump's data key is kept: wrapped under the repository key of the slot `key_id`.

    `wrapped_key` is base64 of what `crypto.keys.wrap` made. It is no secret.
    """

    scheme: str
    key_id: str
    wrapped_key: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the dump: `plain_bytes` before compression, `stored_bytes` of chunks as stored."""

    tables: int
    rows: int
    chunks: int
    plain_bytes: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """What can be known of a dump without its key.

    `run_id` (32 hex digits, random) belongs to this dump alone and names its chunks. `created_at`
    is in UTC and is kept to the millisecond.
    """

    name: str
    run_id: str
    created_at: datetime
    tool_version: str
    engine: str
    compression: Compression
    encryption: Encryption | None
    totals: Totals

    def __post_init__(self) -> None:
        created_at = self.created_at
        if created_at.tzinfo is not UTC or created_at.microsecond % 1000:
            utc = created_at.astimezone(UTC)
            stored = utc.replace(microsecond=utc.microsecond // 1000 * 1000)
            object.__setattr__(self, "created_at", stored)


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """The database that was dumped. `fingerprint` has the facets that tell it from any other."""

    engine: str
    server_version: str
    fingerprint: list[str]


@dataclass(frozen=True, slots=True)
class DumpedTable:
    """A table of the dump. `columns` are the fields of its rows, in order.

    `masked` maps the masked ones to the transformer that they went through.
    """

    schema: str
    name: str
    columns: list[str]
    rows: int
    masked: Mapping[str, str]

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk's bytes from `offset`, `length` of them: `rows` whole rows of one table.

    `table` is the table's place in `Body.tables`.
    """

    table: int
    rows: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """One chunk: what it holds, and what its stored bytes have to be.

    The parts of a data chunk follow one another and cover it; a schema section has none, nor
    rows. `number` is unique in the run and names the object. `sha256` (64 hex digits) and
    `stored_size` are of the bytes as stored, `plain_size` of the text.
    """

    number: int
    section: Section
    parts: list[Part]
    rows: int
    plain_size: int
    stored_size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Body:
    """What a restore needs. `options` records what shaped the dump, and never a secret."""

    source: SourceInfo
    options: Mapping[str, Any]
    tables: list[DumpedTable]
    chunks: list[ChunkRecord]


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of a dump but its rows and its schema."""

    header: Header
    body: Body
