"""Rows as the server sends them for COPY … TO STDOUT: gathered into blocks, never looked into."""

from __future__ import annotations

import re
import select
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from replicate.databases.base import RowBlock
from replicate.databases.postgresql.connection import Connection, translate
from replicate.databases.postgresql.receiving import BUFFER, Receiver, receiver
from replicate.errors import DatabaseError

BLOCK = BUFFER
"""Bytes of text that a block has at most, unless it is a single row. More gains nothing."""

_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.COPY_OUT)
_TAG = re.compile(rb"COPY ([0-9]+)")


def copy_out(connection: Connection, script: bytes, doing: str) -> Iterator[RowBlock]:
    """The rows of the one COPY … TO STDOUT in `script`, which may hold other statements too.

    Ends only when every statement has succeeded, with as many rows as the server says. Where it
    doesn't end so, by an error or because the caller stops, the connection is closed: nothing can
    take what is left of one table for another. Raises `DatabaseError`, which begins with `doing`.
    """
    try:
        with _sent(connection, script) as answer:
            stream = _Stream(connection, answer)
            stream.begin()
            last = None
            for block in stream.blocks():
                if last is not None:
                    yield last
                last = block
            stream.finish(doing)
        if last is not None:
            yield last
    except psycopg.Error as error:
        raise translate(error, doing) from None


@contextmanager
def _sent(connection: Connection, script: bytes) -> Iterator[Receiver]:
    """What takes the answer to the script. The connection is closed unless it is taken whole."""
    whole = False
    try:
        pgconn = connection.pgconn
        pgconn.send_query(script)
        poll = select.poll()
        poll.register(pgconn.socket, select.POLLIN | select.POLLOUT)
        while pgconn.flush():
            poll.poll()
            pgconn.consume_input()
        with closing(receiver(pgconn)) as answer:
            yield answer
        whole = True
    finally:
        if not whole:
            connection.close()


class _Stream:
    """The answer to one script, from its first result to its last."""

    def __init__(self, connection: Connection, answer: Receiver) -> None:
        self._pgconn = connection.pgconn
        self._encoding = connection.info.encoding
        self._answer = answer
        self._rows = 0
        self._told = -1

    def begin(self) -> None:
        """Take the results up to the rows of the COPY."""
        while (result := self._result()) is not None:
            if result.status == ExecStatus.COPY_OUT:
                return
        raise psycopg.DataError("the server sent no rows")

    def blocks(self) -> Iterator[RowBlock]:
        """Whole rows, until the server says that there are no more."""
        parts: list[bytes] = []
        size = rows = 0
        for text, count in self._answer.texts():
            if size + len(text) > BLOCK and parts:
                self._answer.expect(much=True)
                yield self._block(parts, rows)
                parts, size, rows = [], 0, 0
            parts.append(text)
            size += len(text)
            rows += count
        if parts:
            yield self._block(parts, rows)

    def finish(self, doing: str) -> None:
        """Take the results of the COPY and of what follows it. Raises unless all is well.

        A query that follows answers whether what was read is what was meant.
        """
        self._answer.expect(much=False)
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

    def _block(self, parts: list[bytes], rows: int) -> RowBlock:
        self._rows += rows
        return RowBlock(b"".join(parts), rows)

    def _result(self) -> PGresult | None:
        """The next result; raises if it is an error."""
        while self._pgconn.is_busy():
            self._answer.receive()
        result = self._pgconn.get_result()
        if result is not None and result.status not in _GOOD:
            raise error_from_result(result, self._encoding)
        return result
