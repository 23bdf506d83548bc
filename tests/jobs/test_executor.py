"""Worker processes: forked early where that is safe, started anew otherwise, and always ended."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing

import psutil

from replicate.jobs.executor import Processes
from tests.support.waiting import until

# A forked process has the command line of the one that it was forked from.
_ALONE = """
import time
import psutil
from replicate.jobs.executor import Processes
me = psutil.Process()
def started_anew():
    # One that is just becoming another program has none for a moment.
    while not all(commands := [p.cmdline() for p in me.children()]):
        time.sleep(0.01)
    return [c for c in commands if c != me.cmdline() and "tracker" not in c[-1]]
processes = Processes.forked(3)
family = me.children()
print(processes.count, len(family), started_anew())
processes.start(1)
print(processes.count, [p.is_running() for p in family])
processes.start(2)
print(processes.count, len(started_anew()))
processes.close()
print(processes.count, started_anew(), [p.is_running() for p in family])
"""


def test_processes_are_forked_where_nothing_else_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ALONE], capture_output=True, text=True, check=True, timeout=60
    )
    if sys.platform == "linux":
        assert done.stdout.splitlines() == [
            "3 3 []",
            "1 [True, False, False]",
            "2 1",
            "0 [] [False, False, False]",
        ]
    else:
        assert done.stdout.splitlines() == ["0 0 []", "1 []", "2 2", "0 [] []"]


def _started_anew() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]


def test_nothing_is_forked_beside_another_thread() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        with closing(Processes.forked(2)) as processes:
            assert processes.count == 0
            processes.start(1)
            assert processes.count == 1
            until(lambda: _started_anew() != [])
            workers = _started_anew()
        assert not any(worker.is_running() for worker in workers)
    finally:
        over.set()
        thread.join()
