"""Rows past libpq and through it: the same rows, and the same errors, whatever a server says."""

from __future__ import annotations

import errno
import gc
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.pq.abc import PGconn

from replicate.databases.base import RowBlock, Slice
from replicate.databases.postgresql import receiving
from replicate.databases.postgresql.connection import Address, Connection
from replicate.databases.postgresql.copy_messages import READY, Bytes, leading_rows
from replicate.databases.postgresql.reading import BLOCK, copy_out
from replicate.databases.postgresql.receiving import PastLibpq, ThroughLibpq
from replicate.databases.postgresql.source import PostgreSQLSource
from replicate.errors import DatabaseError
from tests.support.postgres import Server
from tests.support.postgres_messages import message
from tests.support.waiting import until

Way = type[PastLibpq] | type[ThroughLibpq]
WAYS: tuple[Way, ...] = (PastLibpq, ThroughLibpq)


BEGIN = message(b"H", b"\0\0\1\0\0")
READY_AGAIN = READY + b"I"
NOTICE = message(b"N", b"SNOTICE\0VNOTICE\0C00000\0Mlook\0\0")
STATUS = message(b"S", b"application_name\0x\ny\0")
ERROR = message(b"E", b"SERROR\0VERROR\0C53100\0Mno space\0\0")
FATAL = message(b"E", b"SFATAL\0VFATAL\0C57P01\0Mended by somebody\0\0")


def end(rows: int) -> bytes:
    return message(b"c") + message(b"C", b"COPY %d\0" % rows) + READY_AGAIN


@contextmanager
def answered(server: Server, pieces: Iterable[bytes]) -> Iterator[Connection]:
    """A connection whose other end takes a query, answers with `pieces` one by one, and hangs up.

    It is a real one at first, so that libpq knows that it is connected.
    """
    with closing(Address(server.uri("postgres")).connect()) as connection:
        theirs, ours = socket.socketpair()
        with ours:
            theirs.setblocking(False)
            with theirs:
                os.dup2(theirs.fileno(), connection.pgconn.socket, inheritable=False)

            def answer() -> None:
                ours.recv(1 << 16)
                try:
                    for piece in pieces:
                        ours.sendall(piece)
                except OSError:
                    return  # nobody listens any more
                ours.shutdown(socket.SHUT_WR)

            thread = threading.Thread(target=answer)
            thread.start()
            try:
                yield connection
            finally:
                connection.close()
                thread.join()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Way:
    chosen: Way = request.param
    monkeypatch.setattr(receiving, "_is_plain", lambda _: chosen is PastLibpq)
    return chosen


def outcome(
    server: Server, pieces: Iterable[bytes], way: Way | None = None
) -> list[RowBlock] | str:
    """The blocks that were read, or the error's message."""
    with pytest.MonkeyPatch.context() as patch, answered(server, pieces) as connection:
        if way is not None:
            patch.setattr(receiving, "_is_plain", lambda _: way is PastLibpq)
        try:
            return list(copy_out(connection, b"COPY", "it can't be read"))
        except DatabaseError as error:
            assert connection.closed
            return error.message


ROWS = st.lists(
    st.one_of(st.integers(0, 20), st.sampled_from([0x0A - 5, 0x10A - 5, 0xA0A - 5, 40_000])),
    max_size=30,
).map(lambda sizes: [message(b"d", b"x" * size + b"\n") for size in sizes])
BETWEEN = st.sampled_from([b"", b"", b"", NOTICE, STATUS, NOTICE + STATUS])
MALFORMED = message(b"N", b"SNOTICE\0Mno end")
LAST = [ERROR + READY_AGAIN, FATAL, message(b"y", b"unknown"), message(b"d", b"late\n"), MALFORMED]


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    rows = draw(ROWS)
    said = b"".join(row + draw(BETWEEN) for row in rows)
    last = draw(st.sampled_from([end(len(rows)), end(len(rows)), end(9), *LAST]))
    return draw(BETWEEN) + BEGIN + draw(BETWEEN) + said + last + draw(BETWEEN)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), answer=answers(), whole=st.booleans())
def test_both_ways_lead_to_the_same(
    server: Server, data: st.DataObject, answer: bytes, *, whole: bool
) -> None:
    if not whole:
        answer = answer[: data.draw(st.integers(0, len(answer)))]
    places = data.draw(st.lists(st.integers(0, len(answer)), max_size=8).map(sorted))
    pieces = [answer[a:b] for a, b in zip([0, *places], [*places, len(answer)], strict=True)]
    past, through = (outcome(server, pieces, way) for way in WAYS)
    if MALFORMED in answer:  # what libpq calls it depends on what else it has read
        assert isinstance(past, str)
        assert isinstance(through, str)
    elif isinstance(past, str) or isinstance(through, str):
        assert past == through
    else:
        assert b"".join(b.text for b in past) == b"".join(b.text for b in through)
        assert sum(b.rows for b in past) == sum(b.rows for b in through)


@pytest.mark.usefixtures("way")
class TestBothWays:
    def test_rows_of_all_sizes_byte_by_byte(self, server: Server) -> None:
        rows = [b"\n", b"a\tb\n", b"x" * (0x0A - 5) + b"\n"]
        said = BEGIN + b"".join(message(b"d", row) for row in rows) + NOTICE + end(3)
        blocks = outcome(server, [said[i : i + 1] for i in range(len(said))])
        assert blocks == [RowBlock(b"".join(rows), 3)]

    def test_blocks_are_bounded_and_a_long_row_is_alone(self, server: Server) -> None:
        rows = [b"a" * 999 + b"\n"] * 5000 + [b"b" * (3 * BLOCK) + b"\n"] + [b"c\n"] * 3
        said = BEGIN + b"".join(message(b"d", row) for row in rows) + end(len(rows))
        blocks = outcome(server, [said])
        assert not isinstance(blocks, str)
        assert b"".join(block.text for block in blocks) == b"".join(rows)
        assert all(len(block.text) <= BLOCK or block.rows == 1 for block in blocks)
        assert len(blocks) <= 6

    @pytest.mark.parametrize("body", [b"1", b"1\n2\n", b"x" * 3 * BLOCK])
    def test_a_row_that_is_not_a_line(self, server: Server, body: bytes) -> None:
        rows = [b"0\n", body, b"9\n"]
        said = BEGIN + b"".join(message(b"d", row) for row in rows) + end(3)
        assert outcome(server, [said]) == "it can't be read: a row that came is not a line"

    @pytest.mark.parametrize("told", [0, 2])
    def test_a_row_too_few_or_too_many(self, server: Server, told: int) -> None:
        said = outcome(server, [BEGIN + message(b"d", b"1\n") + end(told)])
        assert said == f"it can't be read: 1 rows came, and the server says that it sent {told}"

    def test_an_error_after_rows(self, server: Server) -> None:
        rows = message(b"d", b"1\n") * 9
        assert outcome(server, [BEGIN + rows + ERROR + READY_AGAIN]) == "it can't be read: no space"

    def test_a_session_that_is_ended(self, server: Server) -> None:
        rows = message(b"d", b"1\n") * 9
        assert outcome(server, [BEGIN + rows + FATAL]) == "it can't be read: ended by somebody"

    @pytest.mark.parametrize(
        "cut",
        [
            lambda said: b"",  # noqa: ARG005
            lambda said: said[: len(BEGIN)],
            lambda said: said[:40],
            lambda said: said[: -len(end(9))],
            lambda said: said[: -len(READY_AGAIN)],
            lambda said: said[:-1],
        ],
    )
    def test_a_connection_that_ends(self, server: Server, cut: Callable[[bytes], bytes]) -> None:
        said = cut(BEGIN + message(b"d", b"1\n") * 9 + end(9))
        assert outcome(server, [said]) == (
            "it can't be read: server closed the connection unexpectedly"
        )

    def test_no_rows_at_all(self, server: Server) -> None:
        said = [message(b"C", b"SET\0") + READY_AGAIN]
        assert outcome(server, said) == "it can't be read: the server sent no rows"

    def test_notices_without_end(self, server: Server) -> None:
        """More of them than fit between the two: none waits for the other."""
        said = BEGIN + (NOTICE * 99 + message(b"d", b"1\n")) * 300 + end(300)
        assert outcome(server, [said]) == [RowBlock(b"1\n" * 300, 300)]

    @pytest.mark.parametrize("rest", [b"", end(1)])
    def test_a_message_that_libpq_does_not_understand(self, server: Server, rest: bytes) -> None:
        """libpq waits for more then; nobody waits for ever."""
        said = outcome(server, [BEGIN + message(b"d", b"1\n") + MALFORMED + rest])
        assert isinstance(said, str)
        assert said.startswith("it can't be read: ")

    def test_a_long_error(self, server: Server) -> None:
        long = message(b"E", b"SERROR\0VERROR\0C53100\0M" + b"long " * 10**6 + b"\0\0")
        said = outcome(server, [BEGIN + message(b"d", b"1\n") + long + READY_AGAIN])
        assert isinstance(said, str)
        assert said.startswith("it can't be read: long long")


def test_a_notice_for_every_row(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row is looked for near where it is, and not in all that has come."""
    seen = []

    def watched(buffer: Bytes) -> tuple[bytes, int, int]:
        seen.append(buffer.size)
        return leading_rows(buffer)

    monkeypatch.setattr(receiving, "leading_rows", watched)
    said = BEGIN + (NOTICE + message(b"d", b"1\n")) * 2000 + end(2000)
    assert outcome(server, [said]) == [RowBlock(b"1\n" * 2000, 2000)]
    assert len(seen) == 2000
    assert max(seen) <= 16 * 1024


def test_what_is_not_the_protocol(server: Server) -> None:
    said = outcome(server, [BEGIN + b"HTTP/1.1 400 Bad Request\r\n\r\n"], PastLibpq)
    assert said == "it can't be read: what came from the server is not PostgreSQL's protocol"


@pytest.mark.parametrize(("module", "call"), [(os, "dup"), (socket, "socketpair")])
def test_too_many_open_files(
    server: Server, monkeypatch: pytest.MonkeyPatch, module: ModuleType, call: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EMFILE, "any words")

    begun = pytest.MonkeyPatch()
    plain = receiving._is_plain

    def is_plain(pgconn: PGconn) -> bool:
        answer = plain(pgconn)
        begun.setattr(module, call, full)
        return answer

    monkeypatch.setattr(receiving, "_is_plain", is_plain)
    try:
        said = outcome(server, [BEGIN + end(0)])
    finally:
        begun.undo()
    assert said == "it can't be read: Too many open files"


def test_rows_that_dribble(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a moment what has come is handed out, and the rest is waited for."""
    monkeypatch.setattr(receiving, "_MOMENT", 1)
    said = BEGIN + message(b"d", b"1\n") * 3 + end(3)

    def slowly() -> Iterator[bytes]:
        for at in range(0, len(said), 7):
            time.sleep(0.01)
            yield said[at : at + 7]

    assert outcome(server, slowly()) == [RowBlock(b"1\n" * 3, 3)]


def test_a_reader_that_is_closed_ends_its_session(server: Server, database: str) -> None:
    server.run(database, "CREATE TABLE t AS SELECT repeat('x', 999) FROM generate_series(1, 9999)")
    sessions = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'"
    with closing(PostgreSQLSource(Address(server.uri(database)), str(server.bin)).open()) as it:
        reader = it.read(Slice(it.schema().tables[0]))
        next(reader)
        reader.close()
        until(lambda: server.run("postgres", sessions) == "0\n")


def test_encrypted_answers_are_left_to_libpq(server: Server) -> None:
    """A packet of GSSAPI's begins with its length; libpq, which expects none here, refuses it."""
    taken = []
    with pytest.MonkeyPatch.context() as patch:
        for way in WAYS:

            def noted(pgconn: object, way: Way = way) -> object:
                taken.append(way)
                return way(pgconn)  # type: ignore[arg-type]

            patch.setattr(receiving, way.__name__, noted)
        assert isinstance(outcome(server, [b"\0\0\0\x20" + bytes(32)]), str)
        assert outcome(server, [BEGIN + end(0)]) == []
    assert taken == [ThroughLibpq, PastLibpq]


def open_files() -> int:
    """How many this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


def test_a_connection_serves_again_and_again(
    server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq gets its descriptor back, the same one, and no other stays open.

    The end of an answer is found without waiting for more.
    """
    monkeypatch.setattr(receiving, "_MOMENT", 600_000)
    gc.collect()
    script = b"SELECT 1; COPY (SELECT g FROM generate_series(1, 3) g) TO STDOUT; SELECT true"
    with closing(Address(server.uri(database)).connect()) as connection:
        descriptor, files = connection.pgconn.socket, open_files()
        for _ in range(3):
            assert list(copy_out(connection, script, "no")) == [RowBlock(b"1\n2\n3\n", 3)]
            assert connection.execute("SELECT 'between'").fetchone() == ("between",)
        assert (connection.pgconn.socket, open_files()) == (descriptor, files)
        assert not os.get_inheritable(descriptor)
