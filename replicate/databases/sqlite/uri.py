"""Connection URIs of SQLite: ``sqlite:///relative.db``, ``sqlite:////absolute/path.db``.

The short form ``sqlite:path`` is taken as well. The path is taken as it stands, whatever
characters are in it: nothing is decoded, and there are no parameters.
"""

from __future__ import annotations

from pathlib import Path

from replicate.errors import UsageError

SCHEME = "sqlite"


def path_of(uri: str) -> Path:
    """The absolute path that the URI names. Raises `UsageError` where it names none."""
    rest = uri.partition(":")[2]
    if rest.startswith("///"):
        rest = rest[3:]
    elif rest.startswith("//"):
        raise UsageError(
            "a connection URI of SQLite names a file, not a host",
            hint="write sqlite:///relative.db or sqlite:////absolute/path.db",
        )
    if not rest or rest == ":memory:" or rest.endswith("/") or "\0" in rest:
        raise UsageError(
            "the connection URI names no database file",
            hint="write sqlite:///relative.db or sqlite:////absolute/path.db",
        )
    # Made absolute here, so that a worker process or a later change of directory can't move it.
    return Path(rest).absolute()
