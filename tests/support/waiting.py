"""Waits for what other threads and processes do."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Protocol


class _Running(Protocol):
    @property
    def process(self) -> subprocess.Popen[str]: ...


def until(true: Callable[[], bool], running: _Running | None = None, seconds: float = 60) -> None:
    """Wait for it, at most as long as the program runs."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        if running is not None and running.process.poll() is not None:
            raise AssertionError(f"it was over before: {running.process.communicate()}")
        time.sleep(0.005)
