"""How a journey is shown while it goes on: `replicate.jobs.progress.Progress` for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from replicate.cli.formats import elapsed, number, size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

INTERVAL = 10.0
"""Seconds between two lines about the same stage in a log."""


class Voice(Protocol):
    """What a reporter needs of the console."""

    quiet: bool

    def note(self, message: str) -> None: ...

    def detail(self, message: str) -> None: ...

    def warn(self, message: str) -> None: ...


class Reporter:
    """What both reporters share: the count of a stage, and what is said between stages."""

    def __init__(self, voice: Voice, clock: Callable[[], float] = time.monotonic) -> None:
        self._voice = voice
        self._clock = clock
        self._label = ""
        self._total: int | None = None
        self._rows = 0
        self._bytes = 0
        self._began = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_stage()

    def stage(self, label: str, total_bytes: int | None) -> None:
        """A new stage begins, and the one before is over."""
        self._end_stage()
        self._label, self._total = label, total_bytes
        self._rows = self._bytes = 0
        self._began = self._clock()
        self._show_stage()

    def advance(self, rows: int, plain_bytes: int) -> None:
        """So much more of the stage is done."""
        self._rows += rows
        self._bytes += plain_bytes
        self._show_advance()

    def note(self, message: str) -> None:
        """Something worth knowing."""
        self._voice.note(message)

    def warn(self, message: str) -> None:
        """Something that the user should look into."""
        self._voice.warn(message)

    def done(self, message: str) -> None:
        """The journey ended well."""
        self._end_stage()
        self._voice.note(message)

    def say(self, text: str) -> bool:
        """Print `text` where a bar is in the way of stderr; False where none is."""
        del text
        return False

    def _show_stage(self) -> None:
        pass

    def _show_advance(self) -> None:
        pass

    def _end_stage(self) -> None:
        if self._label:
            seconds = self._clock() - self._began
            self._voice.detail(f"{self._label}: {self._counted()} in {elapsed(seconds)}")
        self._label = ""

    def _counted(self) -> str:
        return f"{number(self._rows)} rows, {size(self._bytes)}"


class LineReporter(Reporter):
    """For a log: a line when a stage begins, and one every `INTERVAL` seconds of it."""

    def _show_stage(self) -> None:
        self._last = self._clock()
        self._voice.note(self._label)

    def _show_advance(self) -> None:
        now = self._clock()
        if not self._label or now - self._last < INTERVAL:
            return
        self._last = now
        line = f"{self._label}: {self._counted()}"
        if self._total and self._bytes <= self._total:
            line += f" of about {size(self._total)}"
        seconds = max(now - self._began, 0.001)
        self._voice.note(f"{line}, {size(int(self._bytes / seconds))}/s")


class BarReporter(Reporter):
    """For a terminal: one bar for the stage, gone when it is over."""

    _task: TaskID | None = None
    _bar: Progress | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TransferSpeedColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TextColumn("{task.fields[rows]} rows", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            bar, self._bar = self._bar, None
            if bar is not None:
                bar.stop()

    def say(self, text: str) -> bool:
        """Above the bar, while there is one."""
        if self._bar is None:
            return False
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        return True

    def _show_stage(self) -> None:
        if self._bar is not None:
            self._bar.start()  # not before there is something to show: it starts a thread
            self._task = self._bar.add_task(self._label, total=self._total, rows="0")

    def _show_advance(self) -> None:
        if self._bar is not None and self._task is not None:
            # The total is an estimate, and may prove too small.
            total = None if self._total is None else max(self._total, self._bytes)
            self._bar.update(
                self._task, completed=self._bytes, total=total, rows=number(self._rows)
            )

    def _end_stage(self) -> None:
        super()._end_stage()
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
