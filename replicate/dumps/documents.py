"""The checksummed JSON documents of a store, read with a word on what is wrong with a bad one."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from replicate.crypto import checksummed
from replicate.dumps.fields import Fields, UnsupportedFormatError
from replicate.errors import CorruptError

VERSION = 1
"""The major version of everything that a store holds."""

_BEFORE_DIGEST = b',"sha256":"'
_END = b'"}\n'
_TRAILER_LENGTH = len(_BEFORE_DIGEST) + 64 + len(_END)


def canonical(value: object) -> bytes:
    """`value` as canonical JSON: sorted keys, no blanks, ASCII. Equal values give equal bytes.

    Raises ValueError or TypeError for what JSON can't hold.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def read_document(data: bytes, what: str, form: str, max_size: int) -> dict[str, Any]:
    """The fields of a document of the format `form`; `what` names it in errors.

    Raises `CorruptError`, which says whether it is empty, cut, altered, has bytes after its end,
    or is another kind of document; `UnsupportedFormatError` for a later major version.
    """
    if len(data) > max_size:
        raise CorruptError(f"{what} is {len(data)} bytes long, where {max_size} are the limit")
    try:
        document = checksummed.decode(data, what, max_size)
    except CorruptError as error:
        raise explained(error, data, what) from error
    fields = Fields(what, document)
    if document.get("format") != form:
        raise CorruptError(f"{what} is another kind of object, put in its place")
    version = fields.number("version")
    if version != VERSION:
        raise UnsupportedFormatError(what, version)
    return document


def explained(error: CorruptError, data: bytes, what: str) -> CorruptError:
    """`error`, about `data`, in more precise words where the bytes tell what befell them."""
    damage = _damage(data)
    return error if damage is None else CorruptError(f"{what} {damage}", hint=error.hint)


def _damage(data: bytes) -> str | None:
    """What happened to a document whose checksum doesn't fit; None where it does."""
    if not data:
        return "is empty"
    if _is_whole(data):
        return None
    # A compact document has no newline but its last byte.
    end = data.find(_END) + len(_END)
    if end >= len(_END) and end < len(data) and _is_whole(data[:end]):
        return f"has {len(data) - end} extra bytes after its end"
    if data.endswith(_END) or _is_whole(data[: -len(_END)] + _END):
        return "was altered: its checksum does not fit"
    return f"was cut: it ends after {len(data)} bytes, before its checksum"


def _is_whole(data: bytes) -> bool:
    covered = data[:-_TRAILER_LENGTH]
    digest = hashlib.sha256(covered).hexdigest().encode()
    return bool(covered) and data[-_TRAILER_LENGTH:] == _BEFORE_DIGEST + digest + _END
