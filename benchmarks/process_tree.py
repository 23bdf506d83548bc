"""Run a command and measure it: wall time, CPU time and peak memory of its whole process tree."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Measured:
    """`seconds` is wall time; `peak` the greatest sum of resident bytes seen at one moment."""

    seconds: float
    peak: int


def run(command: Sequence[str] | str, cwd: Path, **environment: str) -> Measured:
    """Run `command` (a string goes through bash, with pipefail) and fail if it fails."""
    argv = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else command
    started = time.perf_counter()
    process = subprocess.Popen(
        argv, cwd=cwd, env=os.environ | environment, stdout=subprocess.DEVNULL
    )
    watch = _Watch(process.pid)
    watch.start()
    code = process.wait()
    seconds = time.perf_counter() - started
    watch.stop()
    if code:
        raise SystemExit(f"benchmark command failed with {code}: {command}")
    return Measured(seconds, watch.peak)


class _Watch(threading.Thread):
    """Adds up the resident memory of a process and all its children, fifty times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self._end = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._end.wait(0.02):
            total = 0
            try:
                family = [self._root, *self._root.children(recursive=True)]
            except psutil.Error:
                continue
            for member in family:
                try:
                    total += member.memory_info().rss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)

    def stop(self) -> None:
        self._end.set()
        self.join()
