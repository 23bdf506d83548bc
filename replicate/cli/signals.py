"""Ctrl-C and its relatives, turned into one `KeyboardInterrupt` and an orderly end."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_SAME_KEYSTROKE = 0.5
"""Seconds within which another signal is the same one again, passed on by make, npm or a shell."""

_AGAIN = 0.01
"""Seconds until an interrupt that came at a bad moment is tried again."""

_PATIENCE = 5.0
"""Seconds for which there may be nothing but bad moments."""

_INTERRUPTED = 130


class Interrupts:
    """The first signal raises `KeyboardInterrupt`, so that what was begun is taken back; a second
    one, half a second later or more, ends the program at once.

    No interrupt is raised in the middle of an import, which it might leave half done, or lost
    where Python has nobody to raise it to, as in a destructor: it is raised a little later.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._first: float | None = None
        self._unraisable_before = sys.unraisablehook

    @property
    def came(self) -> bool:
        """Whether a signal came: an error that is raised after it is its consequence."""
        return self._first is not None

    def catch(self) -> None:
        """From now on. A signal that was ignored at the start, as under nohup, stays ignored."""
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)
        sys.unraisablehook = self._unraisable

    def release(self, code: int) -> None:
        """The work is over: a signal now ends the program at once, with the exit code it has."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = self._unraisable_before
        ours = [number for number in _SIGNALS if signal.getsignal(number) == self._handle]
        for number in ours:
            signal.signal(number, lambda *_: os._exit(code))
        # Python's last moments run no handlers, and would let a signal change the exit code.
        atexit.register(_ignore, ours)

    def end(self, code: int) -> NoReturn:
        """End the program with this exit code; after an interrupt, without waiting for threads.

        They may be stuck in a request, and Python's own end would wait for those of pools.
        """
        self.release(code)
        threading = sys.modules.get("threading")
        if self.came and threading is not None and threading.active_count() > 1:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):  # nobody reads it, or it is closed
                    stream.flush()
            _kill_children()
            os._exit(code)
        sys.exit(code)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            # A forked child inherited this handler; it has nothing to take back or to say.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        now = time.monotonic()
        if self._first is None:
            self._first = now
            self._raise(frame)
        elif now - self._first >= _SAME_KEYSTROKE:
            _kill_children()
            os._exit(_INTERRUPTED)

    def _raise(self, frame: FrameType | None) -> None:
        if not _is_importing(frame) or time.monotonic() - (self._first or 0) > _PATIENCE:
            raise KeyboardInterrupt
        self._raise_later()

    def _raise_later(self) -> None:
        signal.signal(signal.SIGALRM, lambda _, frame: self._raise(frame))
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)

    def _unraisable(self, unraisable: UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            self._raise_later()
        else:
            self._unraisable_before(unraisable)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _ignore(numbers: list[signal.Signals]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def _kill_children() -> None:
    """Worker processes, which would otherwise outlive a program that ends without ceremony."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        for child in multiprocessing.active_children():
            child.kill()
