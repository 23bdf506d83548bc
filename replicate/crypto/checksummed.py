"""Small JSON documents that carry their own checksum: key slots, manifests, the index.

A document is one JSON object, compact and in ASCII, whose last member is `sha256`:

    {"format":1,"name":"…","sha256":"<64 hex digits>"}\\n

The digest covers every byte before `,"sha256"`. So a damaged document is always told from one
that merely says something unexpected, and the check needs nothing but `sha256sum`. It is no
protection against somebody who means harm: what a reader must be able to trust is sealed, or
bound to something that is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from replicate.errors import CorruptError

_MAX_DEPTH = 32
_BEFORE_DIGEST = b',"sha256":"'
_AFTER_DIGEST = b'"}\n'
_TRAILER_LENGTH = len(_BEFORE_DIGEST) + 64 + len(_AFTER_DIGEST)


def encode(fields: Mapping[str, Any]) -> bytes:
    """The document of `fields`, in their order; equal fields in equal order give equal bytes.

    Values are what JSON has: str, int, float, bool, None, lists and dicts with str keys. Raises
    ValueError for what can't be read back as it is: no field at all, a field named `sha256`,
    NaN and infinities.
    """
    if not fields or "sha256" in fields:
        raise ValueError("a checksummed document has fields, and none of them is sha256")
    text = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode("ascii")
    covered = text.removesuffix(b"}")
    return covered + _trailer(covered)


def decode(data: bytes, what: str, max_size: int) -> dict[str, Any]:
    """The fields of a document, without `sha256`; `what` names it in errors ("the index").

    Raises CorruptError for any document that `encode` has not written: longer than `max_size`
    bytes (looked at first), a checksum that does not fit, not UTF-8, not one JSON object, a key
    given twice, NaN, or nested deeper than 32 levels. The types of the fields are the caller's
    to check.
    """
    if len(data) > max_size:
        raise CorruptError(f"{what} is {len(data)} bytes long, where {max_size} are the limit")
    if data[-_TRAILER_LENGTH:] != _trailer(data[:-_TRAILER_LENGTH]):
        raise CorruptError(f"{what} is damaged: its checksum does not fit")
    try:
        fields: dict[str, Any] = json.loads(  # nothing but an object can end in this trailer
            data.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError among them
        # The cause is left out: it quotes the document.
        raise CorruptError(f"{what} has a good checksum but is not well-formed JSON") from None
    if _is_deeper(fields, _MAX_DEPTH):
        raise CorruptError(f"{what} is nested deeper than {_MAX_DEPTH} levels")
    del fields["sha256"]
    return fields


def _trailer(covered: bytes) -> bytes:
    return _BEFORE_DIGEST + hashlib.sha256(covered).hexdigest().encode() + _AFTER_DIGEST


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key is given twice")
    return fields


def _refuse_constant(_text: str) -> NoReturn:
    raise ValueError("NaN and infinities are no JSON")


def _is_deeper(fields: dict[str, Any], limit: int) -> bool:
    level: list[dict[str, Any] | list[Any]] = [fields]
    for _ in range(limit):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
