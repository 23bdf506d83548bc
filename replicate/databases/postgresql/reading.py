"""Rows as the server sends them for COPY … TO STDOUT: gathered into blocks, never looked into.

libpq is driven by hand here, which takes less than half of the time that psycopg's own loop does.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
from collections.abc import Iterator

import numpy as np
import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from replicate.databases.base import RowBlock
from replicate.databases.postgresql.connection import Connection, translate
from replicate.errors import DatabaseError

BLOCK = 2 * 1024 * 1024
"""Bytes of text that a block has at most, unless it is a single row. More gains nothing."""

_HEAP = 256 * 1024
_PATIENCE = 5
_NEWLINE = 0x0A
_FEW = 64
_LONG = BLOCK // _FEW
_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.COPY_OUT)
_TAG = re.compile(rb"COPY ([0-9]+)")


def copy_out(connection: Connection, script: bytes, doing: str) -> Iterator[RowBlock]:
    """The rows of the one COPY … TO STDOUT in `script`, which may hold other statements too.

    Ends only when every statement has succeeded, with as many rows as the server says. Where it
    doesn't end so, by an error or because the caller stops, the connection is closed: nothing can
    take what is left of one table for another. Raises `DatabaseError`, which begins with `doing`.
    """
    stream = _Stream(connection)
    whole = False
    try:
        stream.send(script)
        last = None
        for block in stream.blocks():
            if last is not None:
                yield last
            last = block
        stream.finish(doing)
        whole = True
        if last is not None:
            yield last
    except psycopg.Error as error:
        raise translate(error, doing) from None
    finally:
        if not whole:
            connection.close()


class _Stream:
    """One script being run, from its sending to its last result."""

    def __init__(self, connection: Connection) -> None:
        self._pgconn = connection.pgconn
        self._encoding = connection.info.encoding
        self._rows = 0
        self._told = -1
        self._dry = False
        self._patience: int | None = None
        # poll, unlike select, takes any number of open files.
        self._poll = select.poll()
        self._poll.register(self._pgconn.socket, select.POLLIN)

    def send(self, script: bytes) -> None:
        """Run the script up to the rows of its COPY."""
        self._pgconn.send_query(script)
        poll = select.poll()
        poll.register(self._pgconn.socket, select.POLLIN | select.POLLOUT)
        while self._pgconn.flush():
            poll.poll()
            self._pgconn.consume_input()
        while (result := self._result()) is not None:
            if result.status == ExecStatus.COPY_OUT:
                return
        raise psycopg.DataError("the server sent no rows")

    def blocks(self) -> Iterator[RowBlock]:
        """Whole rows, until the server says that there are no more."""
        parts: list[bytes] = []
        total = 0
        for text in self._texts():
            if total + len(text) > BLOCK and parts and parts[-1][-1] == _NEWLINE:
                self._wait_for_heaps(True)
                yield self._block(parts)
                parts, total = [], 0
            parts.append(text)
            total += len(text)
        if parts:
            yield self._block(parts)

    def _texts(self) -> Iterator[bytes]:
        """What comes, a few messages at a time, or one long one; all of them rows as a rule.

        Few, because they are joined while the processor still has them at hand, which halves the
        time that all of it takes; and so that the garbage collector has nothing to look through.
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
                yield b"".join(few)
                few.clear()
                self._dry = False
            if size > _LONG:
                yield bytes(data)
                self._dry = False
            elif size == 0:
                self._receive()

    def _wait_for_heaps(self, much: bool) -> None:
        """Be woken for a heap of bytes at a time rather than for every few, where there is more.

        The server writes 8 KiB at a time, and to wake up for each costs both sides more than to
        take it: a third less time for a table of 300 MB. What is less than a heap, as the last of
        a COPY is, arrives without waking anybody; so no wait may be longer than a moment.
        """
        if much == (self._patience is not None):
            return
        self._patience = _PATIENCE if much else None
        # Not all systems can do it, and none has to.
        with (
            contextlib.suppress(OSError),
            socket.socket(fileno=os.dup(self._pgconn.socket)) as ours,
        ):
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _HEAP if much else 1)

    def finish(self, doing: str) -> None:
        """Take the results of the COPY and of what follows it. Raises unless all is well.

        A query that follows answers whether what was read is what was meant.
        """
        self._wait_for_heaps(False)
        while (result := self._result()) is not None:
            tag = _TAG.fullmatch(result.command_status or b"")
            if tag is not None:
                self._told = int(tag[1])
            elif result.status == ExecStatus.TUPLES_OK and result.get_value(0, 0) == b"f":
                raise DatabaseError(
                    f"{doing}: its schema was renamed meanwhile",
                    hint="try again when nobody renames schemas",
                )
        if self._told != self._rows:
            raise DatabaseError(
                f"{doing}: {self._rows} rows came, and the server says that it sent {self._told}"
            )

    def _block(self, parts: list[bytes]) -> RowBlock:
        text = b"".join(parts)
        if text[-1] != _NEWLINE:
            raise psycopg.DataError("the last row that came is not whole")
        rows = int(np.count_nonzero(np.frombuffer(text, np.uint8) == _NEWLINE))
        self._rows += rows
        return RowBlock(text, rows)

    def _result(self) -> PGresult | None:
        """The next result; raises if it is an error."""
        while self._pgconn.is_busy():
            self._receive()
        result = self._pgconn.get_result()
        if result is not None and result.status not in _GOOD:
            raise error_from_result(result, self._encoding)
        return result

    def _receive(self) -> None:
        """Take what the server has sent; wait for it if this is the second call in vain.

        The first one is for what is left of a TLS record that was longer than what is read at
        once: it waits in the TLS library, and the socket knows nothing of it.
        """
        if self._dry:
            self._poll.poll(self._patience)
        self._pgconn.consume_input()
        self._dry = not self._dry
