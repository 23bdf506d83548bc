"""From a connection URI to a database."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import pytest

from replicate.config import ConnectionURI, DestinationConfig, SourceConfig
from replicate.databases import registry
from replicate.databases.base import Destination, Source
from replicate.databases.registry import open_script
from replicate.databases.sqlite.source import SQLiteSource
from replicate.databases.sqlite.uri import path_of
from replicate.errors import UsageError


def open_source(uri: str) -> Source:
    return registry.open_source(SourceConfig(connection_uri=ConnectionURI(uri)))


def open_destination(uri: str) -> Destination:
    return registry.open_destination(DestinationConfig(connection_uri=ConnectionURI(uri)))


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:///a/b.db", "a/b.db"),
        ("sqlite:////a/b.db", "/a/b.db"),
        ("sqlite:b.db", "b.db"),
        ("sqlite:/a/b.db", "/a/b.db"),
        ("sqlite:///a b%20?x=#y.db", "a b%20?x=#y.db"),
        ("SQLITE:///b.db", "b.db"),
    ],
)
def test_paths(uri: str, path: str) -> None:
    assert path_of(uri) == Path(path).absolute()
    source = open_source(uri)
    assert isinstance(source, SQLiteSource)
    assert source.path == Path(path).absolute()
    assert source.engine == open_destination(uri).engine == "sqlite"


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/x.db",
        "sqlite::memory:",
        "sqlite:///:memory:",
        "sqlite:///dir/",
    ],
)
def test_no_path(uri: str) -> None:
    for open_one in (open_source, open_destination):
        with pytest.raises(UsageError) as caught:
            open_one(uri)
        assert caught.value.hint


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("mysql://user:secret@h/db", "MySQL is not supported by this version yet"),
        ("mongodb+srv://user:secret@h/db", "MongoDB is not supported by this version yet"),
    ],
)
def test_databases_to_come(uri: str, message: str) -> None:
    for open_one in (open_source, open_destination):
        with pytest.raises(UsageError) as caught:
            open_one(uri)
        assert str(caught.value) == message
        assert caught.value.hint
        assert "secret" not in caught.value.hint


def test_a_source_can_be_sent_to_another_process() -> None:
    source = open_source("sqlite:///x.db")
    copied = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own
    assert copied.fingerprint() == source.fingerprint()
    assert copied.server_version() == source.server_version()


def test_scripts() -> None:
    for engine in ("sqlite", "postgresql"):
        assert open_script(engine, io.BytesIO()).engine == engine
    with pytest.raises(UsageError, match="mysql"):
        open_script("mysql", io.BytesIO())
