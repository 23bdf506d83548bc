"""Nothing is heard of what a user's code prints, since it may print values."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, cast


class Quiet:
    """While it holds, what this thread writes to `sys.stdout` and `sys.stderr` goes nowhere.

    So does what threads write that the code has started; all others, such as one that shows how far
    the work is, are heard as ever. File descriptors are not touched: other threads use them. It may
    hold several times at once, in several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._within: dict[threading.Thread, int] = {}
        self._others: frozenset[threading.Thread] = frozenset()
        self._started: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._streams: tuple[Any, Any] = (None, None)
        self._nowhere: TextIO | None = None

    def __enter__(self) -> None:
        thread = threading.current_thread()
        with self._lock:
            if not self._within:
                self._streams = (sys.stdout, sys.stderr)
                self._others = frozenset(threading.enumerate())
                nowhere = self._opened()
                sys.stdout = cast(TextIO, _Stream(self, sys.stdout, nowhere))
                sys.stderr = cast(TextIO, _Stream(self, sys.stderr, nowhere))
            self._within[thread] = self._within.get(thread, 0) + 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        thread = threading.current_thread()
        with self._lock:
            # This first: whatever interrupts the rest, this thread is heard again.
            self._within[thread] -= 1
            if self._within[thread]:
                return
            del self._within[thread]
            self._started.update(set(threading.enumerate()) - self._others)
            if not self._within:
                sys.stdout, sys.stderr = self._streams

    def silences(self, thread: threading.Thread) -> bool:
        return (
            thread in self._within
            or thread in self._started
            or (bool(self._within) and thread not in self._others)
        )

    def _opened(self) -> TextIO:
        # Kept, as the code may keep it; and a file with a number, as it may be handed on.
        if self._nowhere is None or self._nowhere.closed:
            self._nowhere = Path(os.devnull).open(  # noqa: SIM115 - see above
                "w", encoding="utf-8", errors="replace"
            )
            atexit.register(self._nowhere.close)
        return self._nowhere


class _Stream:
    """What `sys.stdout` is meanwhile: one thing to the threads that are silenced, and another to
    those that are not.
    """

    def __init__(self, quiet: Quiet, stream: TextIO | None, nowhere: TextIO) -> None:
        self._quiet = quiet
        self._stream = stream
        self._nowhere = nowhere

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a stream has
        silent = self._quiet.silences(threading.current_thread())
        return getattr(self._nowhere if silent else self._stream, name)


QUIET = Quiet()
"""The one of this process, as there is one `sys.stdout`."""
