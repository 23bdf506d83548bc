"""Chunks: whole rows or a section of schema, compressed, sealed and hashed; and back again.

A worker fills a `ChunkBuilder` and stores what `seal` gives it. `open_chunk` is the way back: it
answers only after every byte was checked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import zstandard

from replicate.crypto import floe, keys
from replicate.dumps.layout import chunk_name, run_prefix
from replicate.dumps.records import MAX_CHUNK_PLAIN, ChunkRecord, Header, Part, Section
from replicate.errors import CorruptError, ReplicateError

__all__ = ["ChunkBuilder", "ChunkFormat", "chunk_key", "open_chunk", "run_prefix"]

Stored = bytes | bytearray

_MAX_WINDOW = 1 << 27
_STEP = 1024
_LARGEST_TABLES = 16 * 1024 * 1024
"""Text that compression tables are made for at most: for 2 GiB, the highest levels take 700 MiB."""


@dataclass(frozen=True, slots=True)
class ChunkFormat:
    """How a run's chunks are made and opened; picklable, for workers.

    `compression_level` None means uncompressed; readers ignore which level it is. `key` is the
    chunk key, which is derived from the dump's data key (see `sealed` and `of`), or None.
    """

    run_id: str
    compression_level: int | None
    key: bytes | None = field(repr=False)

    @classmethod
    def sealed(cls, run_id: str, compression_level: int | None, data_key: bytes) -> ChunkFormat:
        """The format of a new, encrypted dump."""
        return cls(run_id, compression_level, keys.derive(data_key, "chunk"))

    @classmethod
    def of(cls, header: Header, data_key: bytes | None) -> ChunkFormat:
        """The format of a dump that exists; `data_key` is None if it is in the clear."""
        if (data_key is None) != (header.encryption is None):
            raise ValueError("an encrypted dump has a data key, and one in the clear has none")
        level = 1 if header.compression == "zstd" else None
        if data_key is None:
            return cls(header.run_id, level, None)
        return cls.sealed(header.run_id, level, data_key)

    def aad(self, number: int, section: Section) -> bytes:
        """What a sealed chunk is bound to: its run, number, section, and place at the end."""
        return keys.encode_context(
            "replicate/chunk/1",
            self.run_id,
            number,
            section,
            int(section == "post-data"),
            "none" if self.compression_level is None else "zstd",
        )


def chunk_key(fmt: ChunkFormat, number: int) -> str:
    """The key under which a chunk is stored: `chunks/<run id>/<8 digits>.<extension>`."""
    return chunk_name(
        fmt.run_id,
        number,
        compressed=fmt.compression_level is not None,
        sealed=fmt.key is not None,
    )


class ChunkBuilder:
    """Fills one chunk. Used by one thread; others may fill theirs at the same time.

    The chunk `post-data` is the last of its dump and says so in its seal; a dump has one.
    """

    def __init__(self, fmt: ChunkFormat, number: int, section: Section) -> None:
        self._format = fmt
        self._number = number
        self._section = section
        self._parts: list[Part] = []
        self._plain: Stored = b""

    @property
    def plain_size(self) -> int:
        """Bytes added so far."""
        return len(self._plain)

    def add(self, table: int | None, text: bytes, rows: int) -> None:
        """Append whole rows of the table at `table` in the manifest, or schema (None, 0 rows).

        Raises `ReplicateError` where the chunk would hold more than 2 GiB - 1, as one enormous
        row would, and ValueError for rows that don't end in a newline.
        """
        if (table is not None) != (self._section == "data"):
            raise ValueError("rows belong to a table and into a data chunk, and schema doesn't")
        if table is None and rows:
            raise ValueError("schema has no rows")
        if table is not None and (bool(text) != bool(rows) or (text and text[-1] != 0x0A)):
            raise ValueError("the text of a block is not whole rows")
        if self.plain_size + len(text) > MAX_CHUNK_PLAIN:
            raise ReplicateError(
                f"a chunk would hold {self.plain_size + len(text)} bytes, and the most is "
                f"{MAX_CHUNK_PLAIN}",
                hint="choose a smaller chunk_size; a single row that is larger can't be dumped",
            )
        if not text:
            return
        if table is not None:
            self._note(table, len(text), rows)
        if not self._plain:
            self._plain = text  # which may be all of it, and large: one enormous row
        else:
            if isinstance(self._plain, bytes):
                self._plain = bytearray(self._plain)
            self._plain += text

    def seal(self) -> tuple[ChunkRecord, Stored]:
        """The chunk's record, and its bytes as they are to be stored. Ends the builder."""
        plain_size = len(self._plain)
        stored = _compressed(self._plain, self._format.compression_level)
        self._plain = b""  # what it took serves for what comes now
        if self._format.key is not None:
            aad = self._format.aad(self._number, self._section)
            stored = floe.seal(self._format.key, aad, stored)
        record = ChunkRecord(
            number=self._number,
            section=self._section,
            parts=self._parts,
            rows=sum(part.rows for part in self._parts),
            plain_size=plain_size,
            stored_size=len(stored),
            sha256=hashlib.sha256(stored).hexdigest(),
        )
        return record, stored

    def _note(self, table: int, length: int, rows: int) -> None:
        if self._parts and self._parts[-1].table == table:
            last = self._parts[-1]
            self._parts[-1] = Part(table, last.rows + rows, last.offset, last.length + length)
        else:
            self._parts.append(Part(table, rows, self.plain_size, length))


def _compressed(plain: Stored, level: int | None) -> Stored:
    """One frame. Made of the whole text at once: zstd then looks back into the text itself, where
    a stream has to be copied into a window first, which takes it up to a tenth longer."""
    if level is None:
        return plain
    size = max(1, min(len(plain), _LARGEST_TABLES))  # 0 would mean unknown
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, source_size=size, write_checksum=True
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(plain)


def open_chunk(fmt: ChunkFormat, record: ChunkRecord, stored: Stored) -> bytes:
    """The plain bytes of a chunk, `record.plain_size` of them.

    Returns only after length, hash, seal, compression and plain size were all found to be what
    the record says. Otherwise raises `CorruptError`, which names the object and says whether it
    is cut, has extra bytes, was altered, or is another one put in its place.
    """
    what = f"the chunk {chunk_key(fmt, record.number)}"
    if len(stored) != record.stored_size or hashlib.sha256(stored).hexdigest() != record.sha256:
        raise CorruptError(f"{what} {_damage(fmt, record, stored)}")
    try:
        return _unpack(fmt, record, _unseal(fmt, record, stored))
    except (CorruptError, zstandard.ZstdError) as error:
        # The bytes are those that the manifest describes, so it is the manifest that is wrong.
        raise CorruptError(f"{what} belongs to another dump or place: {error}") from error


def _unseal(fmt: ChunkFormat, record: ChunkRecord, stored: Stored) -> Stored:
    if fmt.key is None:
        return stored
    aad = fmt.aad(record.number, record.section)
    return floe.open_sealed(fmt.key, aad, stored, max_plain=len(stored))


def _unpack(fmt: ChunkFormat, record: ChunkRecord, packed: Stored) -> bytes:
    plain = bytes(packed) if fmt.compression_level is None else _decompress(packed, record)
    if len(plain) != record.plain_size:
        raise CorruptError(f"it holds {len(plain)} bytes and not {record.plain_size}")
    return plain


def _decompress(packed: Stored, record: ChunkRecord) -> bytes:
    # A size that the frame gives would take precedence over the bound, so it must be the same.
    size = zstandard.get_frame_parameters(packed).content_size
    if size not in (zstandard.CONTENTSIZE_UNKNOWN, record.plain_size):
        raise CorruptError(f"it holds {size} bytes and not {record.plain_size}")
    return zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompress(
        packed,
        max_output_size=max(1, record.plain_size),  # 0 would mean none
        allow_extra_data=False,
    )


def _damage(fmt: ChunkFormat, record: ChunkRecord, stored: Stored) -> str:
    """What befell bytes that are not those of the record, as far as they can tell."""
    lengths = f"{len(stored)} bytes, where the manifest says {record.stored_size}"
    if len(stored) < record.stored_size:
        guess = f"was cut: {lengths}"
    elif len(stored) > record.stored_size:
        guess = f"has extra bytes: {lengths}"
    else:
        guess = "was altered: its SHA-256 is not the one in the manifest"
    if fmt.key is not None:
        return _sealed_damage(fmt, fmt.key, record, stored) or guess
    if fmt.compression_level is not None and _is_frame(stored):
        altered = "was altered, or " if len(stored) == record.stored_size else ""
        return f"{altered}belongs to another dump or place: {lengths}"
    return guess


def _sealed_damage(fmt: ChunkFormat, key: bytes, record: ChunkRecord, stored: Stored) -> str | None:
    """What the seal tells; None where that is no more than the length does."""
    aad = fmt.aad(record.number, record.section)
    try:
        if not floe.header_fits(key, aad, stored):
            altered = "was altered, or " if len(stored) == record.stored_size else ""
            return f"{altered}belongs to another dump or place: its seal does not fit"
        floe.open_sealed(key, aad, stored, max_plain=len(stored))
    except CorruptError:
        return None
    return "is not the one that the manifest names, but another writing of it"


def _is_frame(stored: Stored) -> bool:
    """Whether this is one whole zstd frame, nothing after it, with a checksum that fits."""
    frame = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
    plain_size = 0
    try:
        # In small steps: a hostile frame makes up to 40,000 bytes of each of its own.
        for at in range(0, len(stored), _STEP):
            if frame.eof or plain_size > MAX_CHUNK_PLAIN:
                return False
            plain_size += len(frame.decompress(stored[at : at + _STEP]))
    except zstandard.ZstdError:
        return False
    return bool(frame.eof) and not frame.unused_data
