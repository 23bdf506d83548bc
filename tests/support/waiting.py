"""Waits for what other threads and processes do."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable


def until(
    true: Callable[[], bool], process: subprocess.Popen[str] | None = None, *, seconds: float = 60
) -> None:
    """Wait for it, at most as long as the process runs."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        if process is not None and process.poll() is not None:
            raise AssertionError(f"it was over before: {process.communicate()}")
        time.sleep(0.005)
