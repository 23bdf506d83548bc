"""Connections by libpq, and the server's errors told in our words, never with a value in them.

A URI goes to libpq as it is, so that all of its parameters, the password file, service files and
the environment work as they do for psql. Programs of PostgreSQL's get the same, less the secrets,
which never stand on a command line.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from replicate.errors import DatabaseError, ReplicateError, UsageError

Connection = psycopg.Connection[TupleRow]

CONNECT_SECONDS = 30
"""How long to wait for a server, unless the URI, the environment or a service file says."""

OLDEST = 12
"""The oldest server whose catalogs are read."""

_SECRETS = (
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
)
"""Parameters of libpq that are never put on a command line or shown."""

_QUOTED = re.compile(r"[:=]? ?[\"«»„“”](?:.|\n)*[\"«»„“”]")
"""What a message quotes: from the first mark to the last, as a value may hold some itself."""

_CALL = re.compile(r"^(?:consuming input|sending query|flushing) failed: ")
"""What psycopg says of a call of libpq's, in front of what libpq says."""

_BYTES = re.compile(r":?(?: 0x[0-9a-fA-F]{2})+")
"""Bytes of a value, as messages about character sets show them."""

_COPY_PLACE = re.compile(r"^COPY (.+?), line (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Handed:
    """The ``--dbname`` of a program, its environment, and the open files that it inherits.

    The password is in none of the first two, but in a file that they name.
    """

    database: str
    environment: dict[str, str]
    descriptors: tuple[int, ...] = ()


@dataclass(frozen=True)
class Address:
    """Where a database is, with what it takes to get in. Picklable; a pickle holds the secrets."""

    uri: str

    def __repr__(self) -> str:
        return "Address(***)"

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The URI's parameters by libpq's names. Raises `UsageError` for what libpq can't read."""
        try:
            found = conninfo_to_dict(self.uri)
        except psycopg.Error:
            # libpq's message quotes the URI.
            raise _unreadable_uri() from None
        hosts = str(found.get("host") or "").split(",")
        # libpq ends the password at its first @, and would show what follows as the name of a
        # host. One at the beginning is an abstract socket's.
        if any("@" in host[1:] for host in hosts):
            raise _unreadable_uri()
        return {key: str(value) for key, value in found.items() if value is not None}

    @property
    def database(self) -> str:
        """The database's name as it was given; libpq's own default is not looked up."""
        return self.parameters.get("dbname") or self.parameters.get("user") or "postgres"

    def connect(self, *, database: str | None = None) -> Connection:
        """A connection in autocommit mode; `database` is another one of the same server.

        Raises `DatabaseError` where the server can't be reached or doesn't let us in.
        """
        extra: dict[str, str] = {}
        if "connect_timeout" not in self.parameters and "PGCONNECT_TIMEOUT" not in os.environ:
            extra["connect_timeout"] = str(CONNECT_SECONDS)
        if "application_name" not in self.parameters and "PGAPPNAME" not in os.environ:
            extra["application_name"] = "replicate"
        if database is not None:
            extra["dbname"] = database
        with errors_of("the database can't be reached"):
            connection = psycopg.connect(make_conninfo(self.uri, **extra), autocommit=True)
        if connection.info.server_version < OLDEST * 10000:
            version = connection.info.server_version // 10000
            connection.close()
            raise DatabaseError(f"PostgreSQL {version} is too old: {OLDEST} is the oldest")
        return connection

    @contextmanager
    def for_programs(self) -> Iterator[Handed]:
        """What a program of PostgreSQL's is given, for the time that it runs.

        Raises `UsageError` where the URI holds a secret other than a password, for which libpq has
        no file.
        """
        plain = {key: value for key, value in self.parameters.items() if key not in _SECRETS}
        for key in _SECRETS[1:]:
            if key in self.parameters:
                raise UsageError(
                    f"{key} can't be handed to PostgreSQL's own programs without being seen",
                    hint="use a key that needs none, and keep its file readable by you alone",
                )
        keep = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
        env = {
            k: v for k, v in os.environ.items() if k in keep or k.startswith(("PG", "KRB5", "SSL"))
        }
        env["LC_ALL"] = "C"  # its messages are shown, and parts of them are recognised
        if not (password := self.parameters.get("password")):
            yield Handed(make_conninfo("", **plain), env)
            return
        env.pop("PGPASSWORD", None)
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        with _private_file(f"*:*:*:*:{escaped}\n".encode()) as (path, descriptors):
            plain["passfile"] = path
            yield Handed(make_conninfo("", **plain), env, descriptors)

    def conceal(self, text: str) -> str:
        """The text with the secrets replaced, should a message ever hold one."""
        for key in _SECRETS:
            secret = self.parameters.get(key)
            if secret:
                text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return text


@contextmanager
def _private_file(data: bytes) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A file that this user alone may read: its path, and what has to be inherited to open it.

    In memory where the system can, so that nothing stays behind, not even of a run that is killed.
    """
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("pgpass"), "wb", buffering=0) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            yield f"/proc/self/fd/{file.fileno()}", (file.fileno(),)
        return
    with tempfile.TemporaryDirectory(prefix="replicate-") as folder:
        path = Path(folder) / "pgpass"
        path.touch(mode=0o600)
        path.write_bytes(data)
        yield str(path), ()


def _unreadable_uri() -> UsageError:
    return UsageError(
        "the connection URI is not one that PostgreSQL's client library can read",
        hint="postgresql://user:password@host:5432/database?sslmode=require, with special "
        "characters of the password percent-encoded",
    )


@contextmanager
def errors_of(doing: str) -> Iterator[None]:
    """Turn errors of psycopg into `DatabaseError`; `doing` says what could not be done."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, doing) from None


def translate(error: psycopg.Error, doing: str) -> ReplicateError:
    """`error` as one of ours: the server's own message, less any value in it."""
    diag = error.diag
    if diag.message_primary is None:
        # libpq's own words, a line each host that was tried; the last one is the one that counts.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = next((line for line in reversed(lines) if "failed" in line or "closed" in line), "")
        said = _CALL.sub("", said or (lines or ["the connection was lost"])[0])
        return DatabaseError(f"{doing}: {said}")
    said = diag.message_primary
    if "at RAISE" in (diag.context or "") or (diag.sqlstate or "").startswith("P0"):
        said = "a function of the database raised an error"  # in words of its own
    elif (diag.sqlstate or "").startswith("22"):
        # Messages about data quote it: `invalid input syntax for type integer: "…"`; and in other
        # languages in many ways.
        english = diag.severity in (None, diag.severity_nonlocalized)
        said = _BYTES.sub("", _QUOTED.sub("", said)) if english else type(error).__name__
    place = _COPY_PLACE.search(diag.context or "")
    if place is not None:
        said += f" ({place[1]}, line {place[2]})"
    return DatabaseError(f"{doing}: {said}", hint=_HINTS.get(diag.sqlstate or ""))


_HINTS = {
    "42501": "the role needs the right to it: grant it, or leave the table out with source.skip",
    "53100": "the server's disk is full",
    "53200": "where it has no room for locks, raise max_locks_per_transaction on the server",
    "53300": "the server takes no more connections; use fewer jobs",
    "57014": "the statement was cancelled, by a timeout or by somebody",
    "57P01": "the server is being shut down, or somebody ended the connection",
}
