"""From a connection URI to a database."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import pytest

from replicate.databases.registry import open_destination, open_script, open_source
from replicate.databases.sqlite.source import SQLiteSource
from replicate.databases.sqlite.uri import path_of
from replicate.errors import UsageError


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
        "sqlite:///a\0b",
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
        ("postgres://user:secret@h/db", "PostgreSQL is not supported by this version yet"),
        ("postgresql://user:secret@h/db", "PostgreSQL is not supported by this version yet"),
        ("mysql://user:secret@h/db", "MySQL is not supported by this version yet"),
        ("mongodb+srv://user:secret@h/db", "MongoDB is not supported by this version yet"),
        ("sqlit:///secret", "the connection URI has the unknown scheme sqlit"),
        ("user secret:x", "the connection URI has no scheme"),
        ("secret", "the connection URI has no scheme"),
        ("", "the connection URI has no scheme"),
    ],
)
def test_other_schemes(uri: str, message: str) -> None:
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
    assert open_script("sqlite", io.BytesIO()).engine == "sqlite"
    with pytest.raises(UsageError, match="postgresql"):
        open_script("postgresql", io.BytesIO())
