"""The databases there are, by the scheme of a connection URI and by the engine of a dump.

Nothing is opened here.
"""

from __future__ import annotations

import difflib
from typing import BinaryIO

from replicate.databases.base import Destination, Source
from replicate.databases.sqlite.destination import SQLiteDestination
from replicate.databases.sqlite.script import ScriptDestination
from replicate.databases.sqlite.source import SQLiteSource
from replicate.databases.sqlite.uri import path_of
from replicate.errors import UsageError

_SUPPORTED = ("sqlite",)

_PLANNED = {
    "postgres": "PostgreSQL",
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "mongodb": "MongoDB",
    "mongodb+srv": "MongoDB",
}


def open_source(uri: str) -> Source:
    """The database to read from. Raises `UsageError` for a URI that none is meant by."""
    if _scheme(uri) == "sqlite":
        return SQLiteSource(path_of(uri))
    raise _refusal(_scheme(uri))


def open_destination(uri: str) -> Destination:
    """The database to restore into. Raises `UsageError` for a URI that none is meant by."""
    if _scheme(uri) == "sqlite":
        return SQLiteDestination(path_of(uri))
    raise _refusal(_scheme(uri))


def open_script(engine: str, out: BinaryIO) -> Destination:
    """A destination that writes an SQL script to `out`, for the client of `engine`."""
    if engine == "sqlite":
        return ScriptDestination(out)
    raise UsageError(f"a dump of {engine} can't be written as a script by this version")


def _scheme(uri: str) -> str:
    scheme, colon, _ = uri.partition(":")
    return scheme.lower() if colon else ""


def _refusal(scheme: str) -> UsageError:
    """Say why; never with more of the URI than its scheme, since the rest may hold a password."""
    hint = "supported are: " + ", ".join(f"{name}:///path" for name in _SUPPORTED)
    if scheme in _PLANNED:
        return UsageError(f"{_PLANNED[scheme]} is not supported by this version yet", hint=hint)
    if not scheme.replace("+", "").isalnum():
        return UsageError("the connection URI has no scheme", hint=hint)
    near = difflib.get_close_matches(scheme, [*_SUPPORTED, *_PLANNED], n=1)
    if near:
        hint = f"did you mean {near[0]}?"
    return UsageError(f"the connection URI has the unknown scheme {scheme}", hint=hint)
