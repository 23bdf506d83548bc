"""Run a command and measure it: wall time, CPU time and peak memory of its whole process tree."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Measured:
    """`seconds` is wall time; `peak` the greatest sum of resident bytes seen at one moment.

    `cpu` is the seconds of all cores, user and system, of the processes that had ended by then.
    """

    seconds: float
    peak: int
    cpu: float


def run(
    command: Sequence[str] | str,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    every: float = 0.02,
) -> Measured:
    """Run `command` (a string goes through bash, with pipefail); if it fails, say why, and end.

    `environment` is added to this process's. Memory is looked at `every` so many seconds,
    which costs some 2 ms of a core each time.
    """
    argv = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else command
    before = _cpu_of_children()
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        watch = _Watch(process.pid, every)
        watch.start()
        code = process.wait()
        seconds = time.perf_counter() - started
        watch.stop()
        if code:
            said.seek(0)
            sys.stderr.write(said.read().decode(errors="replace"))
            raise SystemExit(f"benchmark command failed with {code}: {command}")
    return Measured(seconds, watch.peak, _cpu_of_children() - before)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Watch(threading.Thread):
    """Adds up the resident memory of a process and all its children, now and then."""

    def __init__(self, pid: int, every: float) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self._every = every
        self._end = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._end.wait(self._every):
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
