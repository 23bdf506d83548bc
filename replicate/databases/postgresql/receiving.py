"""How the rows of a COPY come in: past libpq where it can be, and through it where it can't.

libpq hands over one row at a time, each in memory of its own. That takes up to four times as long
as to take the rows from the socket as they are, megabytes at a time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import sys
from collections import deque
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import psycopg
from psycopg.pq.abc import PGconn

from replicate.databases.postgresql.copy_messages import (
    COPY_DATA,
    HEADER,
    READY,
    leading_rows,
    message_size,
    not_a_line,
)

BUFFER = 2 * 1024 * 1024
"""Bytes taken at a time."""

_HEAP = 256 * 1024  # bytes
_PATIENCE = 5  # milliseconds for a heap to come together
_MOMENT = 1000  # milliseconds after which rows that came are no longer kept waiting for more
_WINDOW = 16 * 1024  # bytes in which rows are looked for where they may be few
_FEW = 64
_LONG = BUFFER // _FEW


class Receiver(Protocol):
    """Takes what the server answers to the one query that was sent."""

    def receive(self) -> None:
        """Let libpq have what has come; wait for it if that is nothing.

        Raises `psycopg.Error` where the connection is lost.
        """
        ...

    def texts(self) -> Iterator[tuple[bytes, int]]:
        """The rows of the COPY that libpq is in, and how many: some, or a long one alone.

        Raises `psycopg.Error` for what is not one line a row.
        """
        ...

    def expect(self, *, much: bool) -> None:
        """Be woken for a heap of bytes at a time rather than for every few, while there is more."""
        ...

    def close(self) -> None:
        """Leave the connection to libpq alone; after the last result, it can be used again."""
        ...


def receiver(pgconn: PGconn) -> Receiver:
    """The one for this connection, which has sent a query and read nothing of the answer.

    Raises `psycopg.Error`.
    """
    try:
        return PastLibpq(pgconn) if _is_plain(pgconn) else ThroughLibpq(pgconn)
    except OSError as error:  # too many open files
        raise psycopg.OperationalError(os.strerror(error.errno or errno.EIO)) from None


def _is_plain(pgconn: PGconn) -> bool:
    """Whether the messages can be read on the socket; where they are encrypted, libpq alone can.

    The answer itself tells of GSSAPI, of which libpq doesn't: a message begins with a letter, and
    a packet of GSSAPI with the first byte of a length that is no more than 16 KiB.
    """
    if pgconn.ssl_in_use:
        return False
    with _own_socket(pgconn.socket) as ours:
        _Arrivals(ours, None).wait()
        try:
            return ours.recv(1, socket.MSG_PEEK).isalpha()
        except OSError:
            return False  # libpq finds out, and tells


def _own_socket(descriptor: int) -> socket.socket:
    """The same socket under another number, to be closed for itself. It never waits, as before."""
    ours = socket.socket(fileno=os.dup(descriptor))
    ours.setblocking(False)
    return ours


class _Arrivals:
    """Waits for a socket: `patience` milliseconds, or as long as it takes (None)."""

    def __init__(self, of: socket.socket, patience: int | None) -> None:
        self._socket = of
        self._usual = self._patience = patience
        # poll, unlike select, takes any number of open files.
        self._poll = select.poll()
        self._poll.register(of, select.POLLIN)

    def wait(self) -> bool:
        """Whether anything came in time. A signal is handled meanwhile."""
        return bool(self._poll.poll(self._patience))

    def expect(self, *, much: bool) -> None:
        """The server writes 8 KiB at a time, and to wake up for each costs both sides more than to
        take it: a third less time for a table of 300 MB. What is less than a heap, as the last of
        a COPY is, arrives without waking anybody; so no wait may be longer than a moment then.
        """
        patience = _PATIENCE if much else self._usual
        if patience == self._patience:
            return
        self._patience = patience
        # Elsewhere it may withhold what is less than a heap (macOS); and nobody has to have it.
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _HEAP if much else 1)


class ThroughLibpq:
    """Asks libpq for every row, by hand: half the time that psycopg's own loop takes."""

    def __init__(self, pgconn: PGconn) -> None:
        self._pgconn = pgconn
        self._socket = _own_socket(pgconn.socket)
        self._arrivals = _Arrivals(self._socket, None)
        self._dry = False

    def receive(self) -> None:
        """Wait if this is the second call in vain.

        The first one is for what is left of a TLS record that was longer than what is read at
        once: it waits in the TLS library, and the socket knows nothing of it.
        """
        if self._dry:
            self._arrivals.wait()
        self._pgconn.consume_input()
        self._dry = not self._dry

    def texts(self) -> Iterator[tuple[bytes, int]]:
        """A few rows together, because they are joined while the processor still has them at hand,
        which halves the time that all of it takes; and so that the garbage collector has nothing
        to look through.
        """
        get = self._pgconn.get_copy_data
        few: list[memoryview] = []
        size = 1
        while size >= 0:
            for _ in range(_FEW):
                # Never waits: a wait inside of libpq would be deaf to Ctrl-C.
                size, data = get(1)
                if size <= 0 or size > _LONG:
                    break
                few.append(data)
            if few:
                yield _lines(b"".join(few), len(few))
                few.clear()
                self._dry = False
            if size > _LONG:
                yield _lines(bytes(data), 1)
                self._dry = False
            elif size == 0:
                self.receive()

    def expect(self, *, much: bool) -> None:
        """As promised."""
        self._arrivals.expect(much=much)

    def close(self) -> None:
        """As promised."""
        with self._socket:
            self.expect(much=False)


def _lines(text: bytes, rows: int) -> tuple[bytes, int]:
    if text.count(b"\n") != rows or not text.endswith(b"\n"):
        raise not_a_line()
    return text, rows


class PastLibpq:
    """Stands between the server and libpq, and keeps the rows to itself.

    libpq's descriptor leads to this object for that time; whatever else the server says goes there
    unchanged. So all that is not a row is understood, and told, by libpq.
    """

    def __init__(self, pgconn: PGconn) -> None:
        self._pgconn = pgconn
        with contextlib.ExitStack() as undo:
            self._server = undo.enter_context(_own_socket(pgconn.socket))
            self._libpq, theirs = map(undo.enter_context, socket.socketpair())
            self._libpq.setblocking(False)
            theirs.setblocking(False)
            os.dup2(theirs.fileno(), pgconn.socket, inheritable=False)
            undo.pop_all()
        theirs.close()
        self._arrivals = _Arrivals(self._server, _MOMENT)
        self._buffer = np.empty(BUFFER, np.uint8)
        self._held = 0
        self._wanted = HEADER
        self._window = _WINDOW
        self._texts: deque[tuple[bytes, int]] = deque()
        self._over = False

    def receive(self) -> None:
        """Take until the buffer is full, the answer is over, or nothing more comes.

        Behind the last message libpq finds an end, lest one that it did not understand makes it
        ask for more for ever.
        """
        if not self._over:
            self._over = self._fill()
            self._hand_out()
            if self._over:
                with contextlib.suppress(OSError):  # libpq may have hung up before
                    self._libpq.shutdown(socket.SHUT_WR)
        self._pgconn.consume_input()

    def texts(self) -> Iterator[tuple[bytes, int]]:
        """As they are found."""
        size = 0
        while not size:
            while self._texts:
                yield self._texts.popleft()
            size, _ = self._pgconn.get_copy_data(1)
            if not size:
                self.receive()

    def expect(self, *, much: bool) -> None:
        """As promised."""
        self._arrivals.expect(much=much)

    def close(self) -> None:
        """Let libpq's descriptor lead to the server again."""
        with self._server, self._libpq:
            self.expect(much=False)
            # Where libpq has given the connection up, it has no descriptor any more.
            with contextlib.suppress(psycopg.OperationalError):
                os.dup2(self._server.fileno(), self._pgconn.socket, inheritable=False)

    def _fill(self) -> bool:
        """Whether the connection has come to its end."""
        view = self._buffer.data
        while self._held < len(view):
            try:
                count = self._server.recv_into(view[self._held :])
            except BlockingIOError:
                if self._arrivals.wait() or self._held < self._wanted:
                    continue
                return False
            except OSError:
                count = 0  # libpq's words for an end are those for a loss
            if not count:
                return True
            self._held += count
            # No row holds a zero byte, so that this is the end; what else may follow it is found
            # when nothing more comes for a moment.
            if view[: self._held][-len(READY) - 1 : -1] == READY:
                break
        return False

    def _hand_out(self) -> None:
        """Take apart what is held: rows to be asked for, all else to libpq."""
        done = 0
        self._wanted = HEADER
        while self._held - done >= HEADER:
            rest = self._buffer[done : self._held]
            size = message_size(rest)
            if size > len(rest):
                self._wanted = size
                break
            if rest[0] != COPY_DATA:
                self._forward(rest[:size].data)
                self._window = _WINDOW
            elif size > BUFFER:
                self._texts.append(_lines(rest[HEADER:size].tobytes(), 1))
            else:
                text, rows, size = leading_rows(rest[: max(self._window, size)])
                self._texts.append((text, rows))
                self._window = min(2 * self._window, BUFFER)
            done += size
        self._keep(done)

    def _forward(self, message: memoryview) -> None:
        self._over |= message[: len(READY)] == READY
        while message:
            try:
                message = message[self._libpq.send(message) :]
            except BlockingIOError:
                self._pgconn.consume_input()
            except OSError:
                return  # libpq has hung up, and tells when it is asked

    def _keep(self, done: int) -> None:
        """Move what is left to the front, with room for all of the message that it begins."""
        rest = self._buffer[done : self._held]
        room = max(BUFFER, self._wanted)
        if room != self._buffer.size:
            self._buffer = np.empty(room, np.uint8)
        self._buffer[: rest.size] = rest  # NumPy minds that they may overlap
        self._held = rest.size
