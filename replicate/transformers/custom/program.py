"""A program that answers lines with lines, and can't bring whoever asks to a standstill."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from replicate.rows.arrays import LIMIT

_PIECE = 1 << 16  # bytes
_BUFFERED = (
    "its answers may wait in a buffer: `sed -u`, `stdbuf -oL` and fflush() in awk send each line "
    "at once; or leave keep_running out"
)
_GOODBYE = 2.0  # seconds for a program whose input has ended, when it isn't needed any more


class ProgramError(Exception):
    """Why there are no answers, in words that hold nothing of what was asked.

    `answered` is how many lines had been answered by then. `hint` is what may be done.
    """

    def __init__(self, reason: str, answered: int, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answered = answered
        self.hint = hint


class Program:
    """Started when it is first asked something: anew for each call, unless `keep_running`.

    It leads a process group and a session of its own, so that what it starts ends with it: after an
    error or an interrupt, and when its own end has come, no process of the group is left. One
    thread at a time may use it.
    """

    def __init__(self, command: Sequence[str], *, timeout: float, keep_running: bool) -> None:
        """`command` begins with the path of the program."""
        self._command = list(command)
        self._timeout = timeout
        self._keep_running = keep_running
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, lines: bytes, count: int) -> bytes:
        """What it writes for these `count` lines; as many lines, if it keeps running, else all that
        it writes until it ends. Raises `ProgramError`.
        """
        try:
            process = self._process or self._started()
            out = self._exchange(process, lines, count)
            if not self._keep_running:
                self._see_it_end(process, out)
        except BaseException:
            self._kill()
            raise
        return out

    def close(self) -> None:
        """End the process, if there is one; may be called again."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(_GOODBYE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill()

    def _started(self) -> subprocess.Popen[bytes]:
        try:
            with _GROUPS.growing():
                process = subprocess.Popen(
                    self._command,
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                self._process = process
                _GROUPS.add(process.pid)
        except OSError as error:
            raise ProgramError(f"can't be started: {error.strerror}", 0) from None
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
        return process

    def _exchange(self, process: subprocess.Popen[bytes], lines: bytes, count: int) -> bytes:
        """Write and read at once, since either side may wait for the other."""
        if process.stdin is None or process.stdout is None:
            raise ProgramError("has no input or output", 0)
        out: list[bytes] = []
        answered = size = 0
        left = memoryview(lines)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if self._keep_running:
                self._check_silence(selector)
            selector.register(process.stdin, selectors.EVENT_WRITE)
            while not (self._keep_running and answered >= count and not left):
                ready = selector.select(self._timeout)
                if not ready:
                    raise ProgramError(
                        f"did nothing for {self._timeout:g} seconds",
                        answered,
                        _BUFFERED if self._keep_running else None,
                    )
                for key, _ in ready:
                    if key.fileobj is process.stdin:
                        left = _feed(process, left)
                        if not left:
                            selector.unregister(process.stdin)
                            if not self._keep_running:
                                process.stdin.close()
                        continue
                    part = os.read(process.stdout.fileno(), _PIECE)
                    if not part:
                        return self._ended(process, out, answered)
                    out.append(part)
                    answered += part.count(b"\n")
                    size += len(part)
                    if size > LIMIT:
                        raise ProgramError("answered with more than 2 GiB", answered)
                    if answered > count:
                        raise ProgramError(f"answered more than the {count:,} lines it got", count)
        if not out[-1].endswith(b"\n"):
            raise ProgramError("answered more than it was asked", count)
        return b"".join(out)

    def _check_silence(self, selector: selectors.BaseSelector) -> None:
        if selector.select(0):
            raise ProgramError("ended, or answered what it was not asked", 0)

    def _ended(self, process: subprocess.Popen[bytes], out: list[bytes], answered: int) -> bytes:
        """Its output has ended, which is as it should be unless it was to keep running."""
        if self._keep_running:
            status = self._status(process)
            raise ProgramError(f"ended before its time{_told(status)}", answered)
        return b"".join(out)

    def _see_it_end(self, process: subprocess.Popen[bytes], out: bytes) -> None:
        answered = out.count(b"\n")
        status = self._status(process)
        if status is None:
            raise ProgramError(
                f"closed its output and did not end for {self._timeout:g} seconds", answered
            )
        if status:
            raise ProgramError(f"ended{_told(status)}", answered)
        self._kill()

    def _status(self, process: subprocess.Popen[bytes]) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(self._timeout)
        return None

    def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        _kill_group(process.pid)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # that of another user, as by sudo
            process.wait(_GOODBYE)
        _GROUPS.discard(process.pid)
        self._process = None


class _Groups:
    """The process groups that are to end when a signal ends this process.

    None of those signals reaches them by itself, since they are in sessions of their own.
    """

    _SIGNALS = (signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._leaders: set[int] = set()
        self._before: dict[int, Any] = {}
        self._process = 0
        self._growing = False
        self._came: list[int] = []

    @contextlib.contextmanager
    def growing(self) -> Iterator[None]:
        """While a process is started: a signal waits until it is known which one to end."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are heard in that one alone
            return
        self._growing = True
        self._listen(*self._SIGNALS, signal.SIGINT)
        try:
            yield
        finally:
            self._growing = False
            self._restore(signal.SIGINT)
            self._fall_silent()
            came, self._came = self._came, []
            for number in came:
                os.kill(os.getpid(), number)

    def add(self, leader: int) -> None:
        if self._process != os.getpid():  # a fork has none of what its parent has
            self._leaders = set()
            self._process = os.getpid()
        self._leaders.add(leader)

    def discard(self, leader: int) -> None:
        self._leaders.discard(leader)
        self._fall_silent()

    def _listen(self, *numbers: int) -> None:
        for number in numbers:
            before = signal.getsignal(number)
            if before not in (signal.SIG_IGN, None, self._end):
                self._before[number] = before
                signal.signal(number, self._end)

    def _fall_silent(self) -> None:
        if not self._leaders and threading.current_thread() is threading.main_thread():
            for number in list(self._before):
                self._restore(number)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        if self._growing:
            self._came.append(number)
            return
        if self._process == os.getpid():
            for leader in self._leaders:
                _kill_group(leader)
        self._restore(number)
        os.kill(os.getpid(), number)

    def _restore(self, number: int) -> None:
        if signal.getsignal(number) == self._end:
            signal.signal(number, self._before.pop(number, signal.SIG_DFL))


_GROUPS = _Groups()


def _kill_group(leader: int) -> None:
    with contextlib.suppress(OSError):  # they have ended, or may not be killed
        os.killpg(leader, signal.SIGKILL)


def _feed(process: subprocess.Popen[bytes], left: memoryview) -> memoryview:
    """What is left after as much was written as the program takes; nothing, if it takes no more."""
    if process.stdin is None:
        return left[:0]
    try:
        return left[os.write(process.stdin.fileno(), left[:_PIECE]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:
        # It reads no more. What it has answered so far tells what is missing.
        return left[:0]


def _told(status: int | None) -> str:
    if status is None:
        return ""
    if status >= 0:
        return f" with the exit status {status}"
    try:
        return f" by the signal {signal.Signals(-status).name}"
    except ValueError:
        return f" by the signal {-status}"
