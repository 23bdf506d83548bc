"""A second reader of the dump format, written from docs/format.md and from nothing else.

It imports no line of Replicate, and is small because it only reads. As a program it prints what is
in a dump:

    python second_reader.py DIRECTORY NAME [PASSPHRASE]
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

import zstandard
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

MIB = 1024 * 1024
LIMITS = {"manifest": 256 * MIB, "slot": 4096, "number": 99_999_999, "text": 2**31 - 1}


class RefusedError(Exception):
    """The stored bytes are not what a writer of this format can have written."""


def need(condition: object, why: str) -> None:
    if not condition:
        raise RefusedError(why)


# Documents


def document(data: bytes, limit: int) -> dict[str, Any]:
    need(len(data) <= limit, "too long")
    covered, trailer = data[:-78], data[-78:]
    digest = hashlib.sha256(covered).hexdigest()
    need(trailer == b',"sha256":"' + digest.encode() + b'"}\n', "checksum")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len({key for key, _ in pairs}) == len(pairs), "a key twice")
        return dict(pairs)

    parsed = json.loads(covered + b"}", object_pairs_hook=unique)
    assert isinstance(parsed, dict)
    return parsed


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


# Keys


def encode_context(*values: str | bytes | int) -> bytes:
    out = b""
    for value in values:
        if isinstance(value, str):
            kind, raw = b"s", value.encode()
        elif isinstance(value, bytes):
            kind, raw = b"b", value
        else:
            kind, raw = b"i", value.to_bytes(8, "big")
        out += kind + len(raw).to_bytes(4, "big") + raw
    return out


def derive(key: bytes, label: str) -> bytes:
    info = encode_context("replicate/derive/1", label, b"")
    return HKDF(hashes.SHA256(), 32, salt=b"", info=info).derive(key)


def unwrap(key: bytes, wrapped: bytes, context: bytes) -> bytes:
    need(len(wrapped) == 138, "wrapped key")
    return floe_open(derive(key, "wrap"), context, wrapped)


def floe_open(key: bytes, aad: bytes, sealed: bytes) -> bytes:
    need(len(sealed) >= 74 + 32, "too short")
    parameters, iv, tag, body = sealed[:10], sealed[10:42], sealed[42:74], sealed[74:]
    aead, kdf, length, iv_length = struct.unpack(">BBII", parameters)
    need((aead, kdf, iv_length) == (0, 0, 32) and 64 <= length <= 64 * MIB, "parameters")

    def expand(prk: bytes, purpose: bytes, size: int) -> bytes:
        return HKDFExpand(hashes.SHA384(), size, parameters + iv + purpose + aad).derive(prk)

    need(hmac.compare_digest(expand(key, b"HEADER_TAG:", 32), tag), "header tag")
    message_key = expand(key, b"MESSAGE_KEY:", 48)
    text = b""
    for position, at in enumerate(range(0, len(body), length)):
        segment = body[at : at + length]
        last = at + length >= len(body)
        need(len(segment) >= 32, "segment")
        need(segment[:4] == (struct.pack(">I", len(segment)) if last else b"\xff" * 4), "L")
        masked = position >> 20 << 20
        segment_key = expand(message_key, b"DEK:" + masked.to_bytes(8, "big"), 32)
        place = position.to_bytes(8, "big") + (b"\1" if last else b"\0")
        text += AESGCM(segment_key).decrypt(segment[4:16], segment[16:], place)
    return text


# A dump


class SecondReader:
    """One dump in a directory, opened and checked as the page says."""

    def __init__(self, directory: Path, name: str, passphrase: str | None = None) -> None:
        self.directory = directory
        need(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name), "name")
        manifest = document(self.get(f"dumps/{name}.json"), LIMITS["manifest"])
        need(manifest["format"] == "replicate-dump", "format")
        need(manifest["version"] == 1, "upgrade the reader")
        self.header = manifest["header"]
        need(self.header["name"] == name, "another dump's manifest")
        self.chunk_key: bytes | None = None
        if self.header["encryption"] is None:
            self.body = manifest["body"]
        else:
            need(passphrase is not None, "a passphrase is needed")
            data_key = self.unlock(passphrase or "")
            aad = encode_context("replicate/manifest/1", canonical(self.header))
            sealed = base64.b64decode(manifest["sealed"], validate=True)
            packed = floe_open(derive(data_key, "manifest"), aad, sealed)
            size = zstandard.get_frame_parameters(packed).content_size
            need(size <= LIMITS["manifest"], "body size")
            self.body = json.loads(zstandard.decompress(packed))
            self.chunk_key = derive(data_key, "chunk")
        self.check()

    def get(self, key: str) -> bytes:
        return (self.directory / key).read_bytes()

    def unlock(self, passphrase: str) -> bytes:
        encryption = self.header["encryption"]
        need(encryption["scheme"] == "repository-key", "scheme")
        key_id = encryption["key_id"]
        need(re.fullmatch("[0-9a-f]{16}", key_id), "key id")
        slot = document(self.get(f"keys/{key_id}.json"), LIMITS["slot"])
        need(slot["format"] == 1 and slot["type"] == "passphrase", "slot")
        need(slot["key_id"] == key_id and slot["kdf"] == "argon2id", "slot")
        passes, lanes, memory = slot["passes"], slot["lanes"], slot["memory_kib"]
        need(1 <= passes <= 16 and 1 <= lanes <= 16 and 8192 <= memory <= MIB, "cost")
        need(passes * memory <= 4 * MIB, "cost")
        slot_key = Argon2id(
            salt=bytes.fromhex(slot["salt"]),
            length=32,
            iterations=passes,
            lanes=lanes,
            memory_cost=memory,
        ).derive(passphrase.encode())
        repository_key = unwrap(
            slot_key,
            bytes.fromhex(slot["wrapped_key"]),
            encode_context("replicate/passphrase-slot/1", key_id),
        )
        return unwrap(
            repository_key,
            base64.b64decode(encryption["wrapped_key"]),
            encode_context("replicate/data-key/1", self.header["run_id"]),
        )

    def check(self) -> None:
        tables, chunks = self.body["tables"], self.body["chunks"]
        rows = [0] * len(tables)
        for chunk in chunks:
            end = 0
            for table, count, offset, length in chunk["parts"]:
                need(offset == end, "parts")
                end += length
                rows[table] += count
            need(end == (chunk["plain_size"] if chunk["section"] == "data" else 0), "parts")
            need(chunk["rows"] == sum(part[1] for part in chunk["parts"]), "rows")
            need(0 <= chunk["number"] <= LIMITS["number"], "number")
            need(0 <= chunk["plain_size"] <= LIMITS["text"], "size")
        sections = [chunk["section"] for chunk in chunks]
        order = ["pre-data", "data", "leak-filter", "post-data"]
        need(sections == sorted(sections, key=order.index), "order")
        need(sections.count("post-data") == 1, "end")
        need(len({chunk["number"] for chunk in chunks}) == len(chunks), "numbers")
        need(rows == [table["rows"] for table in tables], "rows")
        totals = {
            "tables": len(tables),
            "rows": sum(rows),
            "chunks": len(chunks),
            "plain_bytes": sum(chunk["plain_size"] for chunk in chunks),
            "stored_bytes": sum(chunk["stored_size"] for chunk in chunks),
        }
        need(totals == self.header["totals"], "totals")

    def text(self, chunk: dict[str, Any]) -> bytes:
        """A chunk's text, after every check."""
        compressed = self.header["compression"] == "zstd"
        extension = ("zst" if compressed else "txt") + (".floe" if self.chunk_key else "")
        stored = self.get(f"chunks/{self.header['run_id']}/{chunk['number']:08d}.{extension}")
        need(len(stored) == chunk["stored_size"], "stored size")
        need(hashlib.sha256(stored).hexdigest() == chunk["sha256"], "SHA-256")
        if self.chunk_key is not None:
            aad = encode_context(
                "replicate/chunk/1",
                self.header["run_id"],
                chunk["number"],
                chunk["section"],
                int(chunk["section"] == "post-data"),
                self.header["compression"],
            )
            stored = floe_open(self.chunk_key, aad, stored)
        if compressed:
            size = zstandard.get_frame_parameters(stored).content_size
            need(size in (zstandard.CONTENTSIZE_UNKNOWN, chunk["plain_size"]), "content size")
            stored = zstandard.ZstdDecompressor(max_window_size=128 * MIB).decompress(
                stored, max_output_size=max(1, chunk["plain_size"])
            )
        need(len(stored) == chunk["plain_size"], "plain size")
        return stored

    def script(self, section: str) -> str:
        return b"".join(
            self.text(c) for c in self.body["chunks"] if c["section"] == section
        ).decode()

    def rows(self, table: int) -> list[bytes]:
        """All rows of a table, each without its newline."""
        found: list[bytes] = []
        for chunk in self.body["chunks"]:
            text = None
            for place, count, offset, length in chunk["parts"]:
                if place != table:
                    continue
                text = self.text(chunk) if text is None else text
                part = text[offset : offset + length]
                need(part.endswith(b"\n") and part.count(b"\n") == count, "rows of a part")
                fields = len(self.body["tables"][table]["columns"])
                lines = part[:-1].split(b"\n")
                need(all(line.count(b"\t") + 1 == (fields or 1) for line in lines), "fields")
                found += lines
        return found


def main() -> None:
    directory, name, *passphrase = sys.argv[1:]
    reader = SecondReader(Path(directory), name, *passphrase)
    rows = [
        [line.decode("latin-1") for line in reader.rows(table)]
        for table in range(len(reader.body["tables"]))
    ]
    schema = [reader.script(section) for section in ("pre-data", "post-data")]
    found = {"header": reader.header, "body": reader.body, "schema": schema, "rows": rows}
    need("replicate" not in sys.modules, "a reader of its own")
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
