"""A program that answers lines with lines, and can't bring whoever asks to a standstill."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Sequence

from replicate.rows.arrays import LIMIT

_PIECE = 1 << 16  # bytes
_GOODBYE = 2.0  # seconds for a program whose input has ended, when it isn't needed any more


class ProgramError(Exception):
    """Why there are no answers, in words that hold nothing of what was asked.

    `answered` is how many lines had been answered by then.
    """

    def __init__(self, reason: str, answered: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answered = answered


class Program:
    """Started when it is first asked something: anew for each call, unless `keep_running`.

    After an error, an interrupt among them, no process is left. One thread at a time may use it.
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
            process = subprocess.Popen(
                self._command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise ProgramError(f"can't be started: {error.strerror}", 0) from None
        self._process = process
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
                    raise ProgramError(f"did nothing for {self._timeout:g} seconds", answered)
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
        self._forget()

    def _status(self, process: subprocess.Popen[bytes]) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(self._timeout)
        return None

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def _forget(self) -> None:
        process, self._process = self._process, None
        for stream in (process.stdin, process.stdout) if process is not None else ():
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


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
