"""Messages as a PostgreSQL server sends them."""

from __future__ import annotations

import struct


def message(kind: bytes, body: bytes = b"") -> bytes:
    """One message: its type, its length without the type, and what it says."""
    return kind + struct.pack(">I", len(body) + 4) + body
