"""The databases there are, by the scheme of a connection URI and by the engine of a dump.

Nothing is opened here, and what a database's driver needs is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from replicate.config import ConnectionURI, DestinationConfig, SourceConfig
from replicate.databases.base import Destination, Source
from replicate.errors import UsageError


@dataclass(frozen=True, slots=True)
class _Engine:
    """How a database is opened: as a source, as a destination, as a script of one."""

    source: Callable[[SourceConfig], Source]
    destination: Callable[[DestinationConfig], Destination]
    script: Callable[[BinaryIO], Destination]
    example: str


def _sqlite_source(settings: SourceConfig) -> Source:
    from replicate.databases.sqlite.source import SQLiteSource
    from replicate.databases.sqlite.uri import path_of

    return SQLiteSource(path_of(settings.connection_uri.reveal()))


def _sqlite_destination(settings: DestinationConfig) -> Destination:
    from replicate.databases.sqlite.destination import SQLiteDestination
    from replicate.databases.sqlite.uri import path_of

    return SQLiteDestination(path_of(settings.connection_uri.reveal()))


def _sqlite_script(out: BinaryIO) -> Destination:
    from replicate.databases.sqlite.script import ScriptDestination

    return ScriptDestination(out)


def _postgresql_source(settings: SourceConfig) -> Source:
    from replicate.databases.postgresql.connection import Address
    from replicate.databases.postgresql.source import PostgreSQLSource

    return PostgreSQLSource(Address(settings.connection_uri.reveal()), settings.pg_bin_path)


def _postgresql_destination(settings: DestinationConfig) -> Destination:
    from replicate.databases.postgresql.connection import Address
    from replicate.databases.postgresql.destination import PostgreSQLDestination

    return PostgreSQLDestination(
        Address(settings.connection_uri.reveal()),
        owner=settings.owner,
        privileges=settings.privileges,
        swap=settings.swap,
    )


def _postgresql_script(out: BinaryIO) -> Destination:
    from replicate.databases.postgresql.script import ScriptDestination

    return ScriptDestination(out)


_POSTGRESQL = _Engine(
    _postgresql_source,
    _postgresql_destination,
    _postgresql_script,
    "postgresql://user:password@host/database",
)

_ENGINES = {
    "sqlite": _Engine(_sqlite_source, _sqlite_destination, _sqlite_script, "sqlite:///path"),
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
}

_PLANNED = {
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "mongodb": "MongoDB",
    "mongodb+srv": "MongoDB",
}


def open_source(settings: SourceConfig) -> Source:
    """The database to read from. Raises `UsageError` where it can't be."""
    return _engine(settings.connection_uri).source(settings)


def open_destination(settings: DestinationConfig) -> Destination:
    """The database to restore into. Raises `UsageError` where it can't be."""
    return _engine(settings.connection_uri).destination(settings)


def open_script(engine: str, out: BinaryIO) -> Destination:
    """A destination that writes an SQL script to `out`, for the client of `engine`."""
    if engine not in _ENGINES:
        raise UsageError(f"a dump of {engine} can't be written as a script by this version")
    return _ENGINES[engine].script(out)


def _engine(uri: ConnectionURI) -> _Engine:
    if uri.scheme in _ENGINES:
        return _ENGINES[uri.scheme]
    raise UsageError(
        f"{_PLANNED.get(uri.scheme, uri.scheme)} is not supported by this version yet",
        hint="supported are: " + ", ".join(dict.fromkeys(e.example for e in _ENGINES.values())),
    )
