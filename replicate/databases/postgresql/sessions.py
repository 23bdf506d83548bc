"""The connections of one restore: set up alike, handed to a thread at a time, stopped as one.

A session sees the dump's settings (the script's `SETTINGS` entry) on top of a few of ours, so that
neither a role's nor a database's own settings change what a row or a statement means.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg.adapt import Buffer, Loader
from psycopg.pq import TransactionStatus

from replicate.databases.postgresql.connection import Address, Connection, translate
from replicate.errors import DatabaseError

_OURS = (
    "client_encoding = 'UTF8'",
    "statement_timeout = 0",
    "lock_timeout = 0",
    "idle_in_transaction_session_timeout = 0",
    "default_transaction_read_only = off",
    "default_transaction_isolation = 'read committed'",
    "client_min_messages = warning",
    "search_path = ''",
    "DateStyle = ISO",
    "IntervalStyle = postgres",
    "array_nulls = on",
    "row_security = off",
    # The commit that ends the restore is durable, and with it all earlier ones: the log is written
    # in order.
    "synchronous_commit = off",
)

_NEWER = (("idle_session_timeout = 0", 140000), ("transaction_timeout = 0", 170000))

_GONE = "2s"
"""How soon the server ends a statement whose client was killed. A long one, such as the building of
an index, would otherwise go on, and its locks would be in the way of the next restore."""

_CANCEL_SECONDS = 5.0
_ABORT_SECONDS = 20.0
_WATCH_SECONDS = 0.25


class _TextLoader(Loader):
    """Names as UTF-8, whatever the database calls its encoding; other bytes as surrogates."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "surrogateescape")


def open_session(address: Address, database: str | None = None) -> Connection:
    """A connection in autocommit mode that is set up for a restore. Raises `DatabaseError`."""
    connection = address.connect(database=database)
    try:
        version = connection.info.server_version
        ours = _OURS + tuple(setting for setting, since in _NEWER if version >= since)
        execute(connection, "; ".join(f"SET {setting}" for setting in ours))
        if version >= 140000:
            with contextlib.suppress(errors.InvalidParameterValue):  # not every system can
                execute(connection, f"SET client_connection_check_interval = '{_GONE}'")
    except psycopg.Error as error:
        connection.close()
        raise translate(error, "the session can't be set up") from None
    for name in ("text", "name", "bpchar", "varchar", '"char"'):
        connection.adapters.register_loader(name, _TextLoader)
    return connection


def execute(connection: Connection, sql: str) -> None:
    """Run a script of SQL as it is, in one message: no parameters, nothing prepared."""
    connection.execute(sql.encode("utf-8", "surrogateescape"), prepare=False)


def apply_settings(connection: Connection, settings: Sequence[str]) -> None:
    """Run the dump's settings, statement by statement (a line each).

    One that this server doesn't know is left out: a dump may be of a newer one.
    """
    for line in (line for sql in settings for line in sql.splitlines() if line.strip()):
        try:
            execute(connection, line)
        except errors.UndefinedObject:
            if not line.lstrip().upper().startswith("SET "):
                raise


class Sessions:
    """Connections to one database. Threads may use it at once.

    `settings` are scripts that each session runs first; set them before the first `lease`.
    """

    def __init__(self, address: Address, database: str | None) -> None:
        self.settings: list[str] = []
        self._address = address
        self._database = database
        self._idle: list[Connection] = []
        self._leased: set[Connection] = set()
        self._changed = threading.Condition()
        self._stopped = False

    @contextmanager
    def lease(self) -> Iterator[Connection]:
        """A session that is this thread's own for a while. Raises `DatabaseError`."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _take(self) -> Connection:
        with self._changed:
            self._check()
            if self._idle:
                connection = self._idle.pop()
                self._leased.add(connection)
                return connection
        connection = open_session(self._address, self._database)
        try:
            apply_settings(connection, self.settings)
        except psycopg.Error as error:
            connection.close()
            raise translate(error, "the dump's settings can't be applied") from None
        with self._changed:
            if not self._stopped:
                self._leased.add(connection)
                return connection
        connection.close()
        raise _stopped()

    def _give_back(self, connection: Connection) -> None:
        with self._changed:
            self._leased.discard(connection)
            reusable = (
                not self._stopped
                and not connection.closed
                and connection.info.transaction_status == TransactionStatus.IDLE
            )
            if reusable:
                self._idle.append(connection)
            self._changed.notify_all()
        if not reusable:
            connection.close()

    def _check(self) -> None:
        if self._stopped:
            raise _stopped()

    def cancel(self) -> None:
        """Ask the server to end every statement that runs now. Never raises."""
        with self._changed:
            leased = list(self._leased)
        for connection in leased:
            with contextlib.suppress(Exception):
                connection.cancel_safe(timeout=_CANCEL_SECONDS)

    def close(self) -> None:
        """Close the sessions that nobody uses."""
        with self._changed:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def abort(self) -> None:
        """End all statements, then all sessions; none can be had any more. Never raises.

        A connection is closed by the thread that uses it, since libpq bears no other.
        """
        with self._changed:
            self._stopped = True
        self.close()
        self.cancel()
        until = time.monotonic() + _ABORT_SECONDS
        with self._changed:
            while self._leased and time.monotonic() < until:
                self._changed.wait(_WATCH_SECONDS)
                for connection in self._leased:
                    _hang_up(connection)


def _hang_up(connection: Connection) -> None:
    """Shut the socket down, which wakes whoever waits for it or writes to it."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _stopped() -> DatabaseError:
    return DatabaseError("the restore was stopped")
