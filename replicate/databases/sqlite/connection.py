"""Connections, and SQLite's errors told in our words: one sentence, never with a value in it."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote as percent_encode

from replicate.errors import DatabaseError, ReplicateError

BUSY_SECONDS = 10.0
"""How long a reader waits for a writer that has the whole database to itself."""

HEADER = 100
"""Bytes at the beginning of every database file that isn't empty."""

_SHOWN: Final = re.compile(
    r"(UNIQUE|NOT NULL|CHECK|FOREIGN KEY|PRIMARY KEY) constraint failed.*"
    r"|cannot store \w+ value in \w+ column .*"
    r"|no such (function|collation sequence|module|tokenizer|table|column): .*"
    r"|(table|index|view|trigger) .* already exists|datatype mismatch|not authorized"
    r"|vtable constructor failed: .*|table .* has no column named .*",
    re.DOTALL,
)
"""Messages of SQLite that name objects of the schema, and no values."""


def connect(
    path: Path,
    mode: Literal["ro", "rw", "private"],
    *,
    timeout: float | None = None,
) -> sqlite3.Connection:
    """Open the file, without creating it, in autocommit mode; transactions are begun by hand.

    `private` is for writing a file that nobody else knows of: SQLite takes no locks on it.
    """
    # Percent-encoded, since a name may hold the characters that part a URI.
    name = percent_encode(os.fsencode(path.absolute()))
    options = "mode=rw&vfs=unix-none" if mode == "private" else f"mode={mode}"
    connection = sqlite3.connect(
        f"file:{name}?{options}",
        uri=True,
        timeout=BUSY_SECONDS if timeout is None else timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    if mode == "ro":
        connection.execute("PRAGMA query_only = ON")
    return connection


@contextmanager
def errors_of(path: Path, doing: str = "") -> Iterator[None]:
    """Turn SQLite's errors into `DatabaseError`; `doing` says what could not be done."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path, doing) from None


def translate(error: sqlite3.Error, path: Path, doing: str = "") -> ReplicateError:
    """`error`, which came up with the database file `path`, as one of ours."""
    code = getattr(error, "sqlite_errorname", "")
    for start, (message, hint) in _KNOWN.items():
        if code.startswith(start):
            return DatabaseError(message.format(path=path), hint=hint)
    what, hint = str(error), None
    if what == "user-defined function raised exception":
        what = "it calls a function of the application"
    elif not _SHOWN.fullmatch(what):
        what = f"SQLite says {code or type(error).__name__}"
    if what.startswith(("it calls", "no such collation", "no such tokenizer", "no such module")):
        hint = "only the application has it; leave the table out with source.skip"
    return DatabaseError(f"{doing or path}: {what}", hint=hint)


_KNOWN: Final = {
    "SQLITE_NOTADB": (
        "{path} is not an SQLite database, or it is encrypted",
        None,
    ),
    "SQLITE_BUSY": (
        "{path} is locked by another process",
        "try again when that has ended its transaction",
    ),
    "SQLITE_LOCKED": ("{path} is locked by another process", None),
    "SQLITE_CORRUPT": (
        "{path} is damaged: SQLite can't read all of it",
        "`PRAGMA integrity_check` tells more",
    ),
    "SQLITE_READONLY_ROLLBACK": (
        "{path} was left in the middle of a write, and a reader can't undo that",
        "open it once with a program that may write to it",
    ),
    "SQLITE_READONLY": (
        "{path} can't be opened for reading alone: it needs its write-ahead log to be set up",
        "open it once with a program that may write to it, or make its directory writable",
    ),
    "SQLITE_CANTOPEN": (
        "{path} can't be opened",
        "a database in WAL mode needs a directory that may be written to",
    ),
    "SQLITE_FULL": ("there is no space left for {path}", None),
    "SQLITE_IOERR": ("the disk that {path} is on reported an error", None),
    "SQLITE_TOOBIG": ("{path} holds a value or a statement bigger than SQLite allows", None),
    "SQLITE_NOMEM": ("there is not enough memory for {path}", None),
}


def check_file(path: Path) -> None:
    """Raise `DatabaseError` unless `path` is an existing, ordinary file."""
    try:
        if path.is_dir():
            raise DatabaseError(f"{path} is a directory, not a database")
        if not path.exists():
            raise DatabaseError(f"there is no database {path}")
        if not path.is_file():
            raise DatabaseError(f"{path} is not an ordinary file")
        # Of fewer bytes than a header SQLite makes an empty database.
        if 0 < path.stat().st_size < HEADER:
            raise DatabaseError(f"{path} is not an SQLite database")
        # Only asked, never opened: closing a file lets go of all locks that this process has on it.
        if not os.access(path, os.R_OK):
            raise DatabaseError(f"{path} may not be read by this user")
    except OSError as error:
        raise DatabaseError(f"{path} can't be looked at: {error.strerror}") from error
