"""The manifest: a dump exists because this document of it does. Specified in docs/format.md.

    {"format":"replicate-dump","version":1,"header":{…},"body":{…},"sha256":"…"}
    {"format":"replicate-dump","version":1,"header":{…},"sealed":"<base64>","sha256":"…"}

The second form is that of an encrypted dump: the body as canonical JSON, compressed, then sealed
with the header as associated data, so that neither can be exchanged without the other.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import datetime
from typing import Any

import zstandard

from replicate.crypto import checksummed, floe, keys
from replicate.dumps.documents import VERSION, canonical, read_document
from replicate.dumps.fields import BASE64, Fields, UnsupportedFormatError
from replicate.dumps.layout import KEY_ID, MAX_CHUNK_NUMBER, RUN_ID
from replicate.dumps.records import (
    MAX_CHUNK_PLAIN,
    Body,
    ChunkRecord,
    Compression,
    DumpedTable,
    Encryption,
    Header,
    Manifest,
    Part,
    Section,
    SourceInfo,
    Totals,
)
from replicate.errors import CorruptError, WrongKeyError

__all__ = [
    "MAX_CHUNK_PLAIN",
    "MAX_MANIFEST",
    "Body",
    "ChunkRecord",
    "Compression",
    "DumpedTable",
    "Encryption",
    "Header",
    "Manifest",
    "Part",
    "Section",
    "SourceInfo",
    "Totals",
    "UnsupportedFormatError",
    "decode",
    "decode_header",
    "encode",
]

MAX_MANIFEST = 256 * 1024 * 1024
"""Bytes that a manifest may have, and its body once it is opened and decompressed."""

FORMAT = "replicate-dump"

_BODY_LEVEL = 3
_MAX_WINDOW = 1 << 27
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_SECTIONS: tuple[Section, ...] = ("pre-data", "data", "leak-filter", "post-data")


def encode(manifest: Manifest, key: bytes | None) -> bytes:
    """The manifest as it is stored. `key` is the dump's data key, None for a dump in the clear.

    It was read back before it is returned, so that none is stored that no reader could use.
    Raises ValueError or TypeError for a manifest that can't be stored. What is sealed differs
    from call to call, so a caller that repeats a write keeps the bytes.
    """
    if (key is None) != (manifest.header.encryption is None):
        raise ValueError("a dump has a data key if and only if its header says how it is kept")
    header = canonical(_header_fields(manifest.header))
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        # Parsed from its canonical bytes, so that these are what the document holds.
        "header": json.loads(header),
    }
    body = canonical(_body_fields(manifest.body))
    if key is None:
        document["body"] = json.loads(body)
    else:
        packed = zstandard.ZstdCompressor(level=_BODY_LEVEL, write_checksum=True).compress(body)
        sealed = floe.seal(keys.derive(key, "manifest"), _header_aad(header), packed)
        document["sealed"] = base64.b64encode(sealed).decode("ascii")
    data = checksummed.encode(document)
    try:
        found = decode(data, manifest.header.name, key)
    except CorruptError as error:
        raise ValueError(error.message) from error
    if found.header != manifest.header or canonical(_body_fields(found.body)) != body:
        raise ValueError("the manifest is another one when it is read back")
    return data


def decode_header(data: bytes, name: str) -> Header:
    """The header of the manifest stored for the dump `name`. Needs no key.

    Raises `CorruptError` where the bytes are not those of a manifest of that dump, and
    `UnsupportedFormatError` for a later major version. The header of an encrypted dump is proved
    only by `decode`: until then it is a claim of whoever can write to the store.
    """
    what = manifest_of(name)
    return _read_header(read_document(data, what, FORMAT, MAX_MANIFEST), name, what)


def decode(data: bytes, name: str, key: bytes | None) -> Manifest:
    """The whole manifest of the dump `name`; `key` is its data key, None if it is in the clear.

    Everything in it was checked: types, ranges, and that its parts agree with one another. Raises
    as `decode_header` does, and `WrongKeyError` where the dump is encrypted and `key` is None.
    """
    what = manifest_of(name)
    document = read_document(data, what, FORMAT, MAX_MANIFEST)
    header = _read_header(document, name, what)
    if header.encryption is None:
        if key is not None:
            raise CorruptError(f"{what} is not encrypted, where an encrypted one was expected")
        body = Fields(what, document).object("body")
    elif key is None:
        raise WrongKeyError(f"dump {name} is encrypted and no encryption_key is configured")
    else:
        body = Fields(what, _unseal(document, what, key), "body")
    manifest = Manifest(header, _read_body(body))
    _check_agreement(manifest, what)
    return manifest


def run_id_of(data: bytes, name: str) -> str:
    """The run that a manifest names, be it a damaged one whose bytes are whole.

    Raises `CorruptError` and `UnsupportedFormatError` where that can't be known for certain.
    """
    what = manifest_of(name)
    document = read_document(data, what, FORMAT, MAX_MANIFEST)
    return Fields(what, document).object("header").text("run_id", RUN_ID)


def manifest_of(name: str) -> str:
    """What errors call the manifest of the dump `name`."""
    return f"the manifest of dump {name}"


def _header_aad(header: bytes) -> bytes:
    return keys.encode_context("replicate/manifest/1", header)


def _unseal(document: dict[str, Any], what: str, key: bytes) -> object:
    text = Fields(what, document).text("sealed")
    aad = _header_aad(canonical(document["header"]))
    try:
        sealed = base64.b64decode(text, validate=True)
        if base64.b64encode(sealed) != text.encode("ascii"):  # bits that no byte is made of
            raise binascii.Error
        packed = floe.open_sealed(keys.derive(key, "manifest"), aad, sealed, max_plain=MAX_MANIFEST)
    except binascii.Error:
        raise CorruptError(f"{what} was altered: its sealed part is not base64") from None
    except CorruptError as error:
        raise CorruptError(
            f"{what} was altered, or its sealed part belongs to another dump: {error.message}"
        ) from error
    try:
        size = zstandard.get_frame_parameters(packed).content_size
        if size > MAX_MANIFEST:  # a size that isn't given is the largest number there is
            raise CorruptError(f"{what} has a body of more than {MAX_MANIFEST} bytes")
        unpacker = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        return json.loads(unpacker.decompress(packed, allow_extra_data=False))
    except (zstandard.ZstdError, ValueError, RecursionError):
        raise CorruptError(f"{what} is sealed well and holds what no body can hold") from None


# Header


def _header_fields(header: Header) -> dict[str, Any]:
    encryption = header.encryption
    return {
        "name": header.name,
        "run_id": header.run_id,
        "created_at": header.created_at.isoformat(timespec="milliseconds")[:-6] + "Z",
        "tool_version": header.tool_version,
        "engine": header.engine,
        "compression": header.compression,
        "encryption": None if encryption is None else _members(encryption),
        "totals": _members(header.totals),
    }


def _members(record: Encryption | Totals | SourceInfo) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _read_header(document: dict[str, Any], name: str, what: str) -> Header:
    fields = Fields(what, document).object("header")
    if (found := fields.word("name")) != name:
        raise CorruptError(
            f"{what} belongs to another dump, {found}",
            hint=f"if it was renamed, store it as dumps/{found}.json again",
        )
    totals = fields.object("totals")
    encryption = fields.optional("encryption")
    return Header(
        name=name,
        run_id=fields.text("run_id", RUN_ID),
        created_at=_read_time(fields),
        tool_version=fields.word("tool_version"),
        engine=fields.word("engine"),
        compression=_read_compression(fields),
        encryption=None
        if encryption is None
        else Encryption(
            encryption.word("scheme"),
            encryption.text("key_id", KEY_ID),
            encryption.text("wrapped_key", BASE64),
        ),
        totals=Totals(
            *map(totals.number, ("tables", "rows", "chunks", "plain_bytes", "stored_bytes"))
        ),
    )


def _read_time(fields: Fields) -> datetime:
    text = fields.text("created_at", _TIME)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        fields.fail("created_at", "not a time")


def _read_compression(fields: Fields) -> Compression:
    text = fields.text("compression")
    if text == "zstd":
        return "zstd"
    if text != "none":
        fields.fail("compression", "neither zstd nor none")
    return "none"


# Body


def _body_fields(body: Body) -> dict[str, Any]:
    return {
        "source": _members(body.source),
        "options": dict(body.options),
        "tables": [
            {
                "schema": table.schema,
                "name": table.name,
                "columns": table.columns,
                "rows": table.rows,
                "masked": dict(table.masked),
            }
            for table in body.tables
        ],
        "chunks": [
            {
                "number": chunk.number,
                "section": chunk.section,
                "parts": [[p.table, p.rows, p.offset, p.length] for p in chunk.parts],
                "rows": chunk.rows,
                "plain_size": chunk.plain_size,
                "stored_size": chunk.stored_size,
                "sha256": chunk.sha256,
            }
            for chunk in body.chunks
        ],
    }


def _read_body(fields: Fields) -> Body:
    source = fields.object("source")
    return Body(
        source=SourceInfo(
            source.word("engine"), source.text("server_version"), source.texts("fingerprint")
        ),
        options=fields.mapping("options"),
        tables=[
            DumpedTable(
                table.text("schema"),
                table.text("name"),
                table.texts("columns"),
                table.number("rows"),
                table.text_map("masked"),
            )
            for table in fields.objects("tables")
        ],
        chunks=[_read_chunk(chunk) for chunk in fields.objects("chunks")],
    )


def _read_chunk(fields: Fields) -> ChunkRecord:
    section = fields.text("section")
    for known in _SECTIONS:
        if section == known:
            break
    else:
        fields.fail("section", "not a section")
    return ChunkRecord(
        number=fields.number("number", MAX_CHUNK_NUMBER),
        section=known,
        parts=[Part(*part) for part in fields.rows("parts", 4)],
        rows=fields.number("rows"),
        plain_size=fields.number("plain_size", MAX_CHUNK_PLAIN),
        stored_size=fields.number("stored_size", 2 * MAX_CHUNK_PLAIN),
        sha256=fields.text("sha256", _SHA256),
    )


def _check_agreement(manifest: Manifest, what: str) -> None:
    """Every number that is given twice has to be the same twice."""
    chunks = manifest.body.chunks
    rows = [0] * len(manifest.body.tables)
    for chunk in chunks:
        end = 0
        for part in chunk.parts:
            if part.table >= len(rows) or part.offset != end:
                raise _contradiction(what, f"the parts of chunk {chunk.number} do not fit")
            rows[part.table] += part.rows
            end += part.length
        if chunk.section == "data" and end != chunk.plain_size:
            raise _contradiction(what, f"the parts of chunk {chunk.number} do not cover it")
        if (chunk.section != "data" and chunk.parts) or chunk.rows != sum(
            part.rows for part in chunk.parts
        ):
            raise _contradiction(what, f"the rows of chunk {chunk.number} are not its parts'")
    if len({chunk.number for chunk in chunks}) != len(chunks):
        raise _contradiction(what, "two chunks have the same number")
    order = [_SECTIONS.index(chunk.section) for chunk in chunks]
    if order != sorted(order) or order.count(len(_SECTIONS) - 1) != 1:
        raise _contradiction(what, "its chunks are not in the order of their sections")
    if rows != [table.rows for table in manifest.body.tables]:
        raise _contradiction(what, "the rows of its chunks are not those of its tables")
    totals = Totals(
        tables=len(rows),
        rows=sum(rows),
        chunks=len(chunks),
        plain_bytes=sum(chunk.plain_size for chunk in chunks),
        stored_bytes=sum(chunk.stored_size for chunk in chunks),
    )
    if totals != manifest.header.totals:
        raise _contradiction(what, "its totals are not the sums of its chunks")


def _contradiction(what: str, why: str) -> CorruptError:
    return CorruptError(f"{what} contradicts itself: {why}")
