"""Finds secrets that are written out in a file that others can read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from replicate.config.connection import secret_spans
from replicate.config.document import Document
from replicate.config.environment import LITERAL_KEYS, holds_reference
from replicate.config.positions import join

_SECRETS = frozenset(
    {"encryption_key", "masking_key", "secret_access_key", "session_token", "secret"}
)


def exposure_warnings(document: Document) -> tuple[str, ...]:
    """One sentence where other users can read a secret in the file, and nothing else."""
    if not document.exposed:
        return ()
    keys = sorted(
        _literal_secrets(document.data, ""), key=lambda key: document.positions.line(key) or 0
    )
    if not keys:
        return ()
    file = document.positions.file
    found = f"{file} can be read by other users, and holds {', '.join(keys)} in clear"
    return (f"{found}: run `chmod 600 {file}`, or take secrets from the environment",)


def _literal_secrets(data: Mapping[str, Any], parent: str) -> Iterator[str]:
    for name, value in data.items():
        key = join(parent, name)
        if isinstance(value, dict) and name not in LITERAL_KEYS:
            yield from _literal_secrets(value, key)
        elif isinstance(value, str) and (
            _is_literal(value)
            if name in _SECRETS
            else name == "connection_uri" and _holds_literal_password(value)
        ):
            yield key


def _is_literal(text: str) -> bool:
    return bool(text) and not holds_reference(text)


def _holds_literal_password(uri: str) -> bool:
    return any(_is_literal(uri[start:end]) for start, end in secret_spans(uri))
