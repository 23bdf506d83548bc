"""Which key of a store holds what. Keys are made and read here alone, never joined elsewhere."""

from __future__ import annotations

import re

from replicate.dumps.names import is_dump_name

INDEX_KEY = "index.json"
MANIFESTS = "dumps/"
CHUNKS = "chunks/"
SLOTS = "keys/"

MAX_CHUNK_NUMBER = 99_999_999

RUN_ID = re.compile(r"[0-9a-f]{32}\Z")
KEY_ID = re.compile(r"[0-9a-f]{16}\Z")
_CHUNK = re.compile(r"chunks/([0-9a-f]{32})/[0-9]{8}\.(?:zst|txt)(?:\.floe)?\Z")


def manifest_key(name: str) -> str:
    """The key of the manifest of the dump `name`."""
    return f"{MANIFESTS}{name}.json"


def dump_of(key: str) -> str | None:
    """The dump whose manifest `key` is, or None where it is no manifest's key."""
    name = key.removeprefix(MANIFESTS).removesuffix(".json")
    return name if key == manifest_key(name) and is_dump_name(name) else None


def run_prefix(run_id: str) -> str:
    """What the keys of all chunks of a run begin with."""
    return f"{CHUNKS}{run_id}/"


def chunk_name(run_id: str, number: int, *, compressed: bool, sealed: bool) -> str:
    """The key of one chunk. Raises ValueError for a number of more than eight digits."""
    if not 0 <= number <= MAX_CHUNK_NUMBER:
        raise ValueError(f"a chunk can't have the number {number}")
    extension = ("zst" if compressed else "txt") + (".floe" if sealed else "")
    return f"{run_prefix(run_id)}{number:08d}.{extension}"


def run_of(key: str) -> str | None:
    """The run whose chunk `key` is, or None where it is no chunk's key."""
    match = _CHUNK.match(key)
    return match[1] if match else None


def slot_key(key_id: str) -> str:
    """The key of the passphrase slot `key_id`."""
    return f"{SLOTS}{key_id}.json"


def slot_of(key: str) -> str | None:
    """The id of the slot that `key` holds, or None where it is no slot's key."""
    key_id = key.removeprefix(SLOTS).removesuffix(".json")
    return key_id if key == slot_key(key_id) and KEY_ID.match(key_id) else None
