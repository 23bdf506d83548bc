"""What tells one database file from another, without giving away where it is."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Final

SIDE_FILES: Final = ("-wal", "-shm", "-journal")
"""What SQLite may keep beside a database file, by the ends of the names."""


def fingerprint(path: Path) -> frozenset[str]:
    """Facets of a database file, each a SHA-256 in hexadecimal digits.

    One is of the place, which is the machine and the path without symbolic links; one is of the
    file itself, whatever links lead to it, where it exists.
    """
    facets = {_facet("path", socket.gethostname(), str(path.resolve()))}
    file = identity(path)
    if file is not None:
        facets.add(_facet("file", *map(str, file)))
    for end in SIDE_FILES:
        # What SQLite keeps beside a database is a part of it.
        if path.name.endswith(end) and path.name != end:
            facets |= fingerprint(path.with_name(path.name.removesuffix(end)))
    return frozenset(facets)


def identity(path: Path) -> tuple[int, int] | None:
    """The device and the number of the file, or None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _facet(*parts: str) -> str:
    return hashlib.sha256("\0".join(("sqlite", *parts)).encode(*_AS_PATH)).hexdigest()


_AS_PATH = ("utf-8", "surrogateescape")
