"""Where workers run: in this process, or in processes of their own.

An executor maps tasks to chunk records, in the order of the tasks, with a bounded number of tasks
in flight, whatever the number of tasks. No process inherits an open database or a lock, and all
end with the coordinator, even where that is killed.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from replicate.dumps.manifest import ChunkRecord
from replicate.errors import ReplicateError
from replicate.jobs.worker import Numbers, Task, Worker, WorkerSetup

if TYPE_CHECKING:
    from multiprocessing.context import ForkContext, SpawnContext
    from multiprocessing.process import BaseProcess


_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)

_DYING = 1.0
"""Seconds after which a process that was asked to end is killed, as one that is stopped."""


class Executor(Protocol):
    """Runs tasks. `close` stops what is running, and may be called at any time, and again."""

    def map(self, tasks: Iterable[Task]) -> Iterator[list[ChunkRecord]]:
        """The records of each task; processes begin with the first ones at once."""
        ...

    def close(self) -> None: ...


class Inline:
    """One worker, in this process: for small databases, and where one core is all there is."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def map(self, tasks: Iterable[Task]) -> Iterator[list[ChunkRecord]]:
        return map(self._worker.run, tasks)

    def close(self) -> None:
        self._worker.close()


class Processes:
    """A worker a process; `begin` gives them their work.

    To fork a process takes no time, and to start Python anew takes most of a second; but a fork
    has to come before anything is open that two processes can't share. So `forked` processes are
    made at the very beginning, as many as there may be, and `start` keeps those that are needed.

    A thread stands for each process: it hands over a task, waits for the answer and takes the
    next, so that a process is idle only while there is nothing to do.
    """

    def __init__(self) -> None:
        self._workers: list[tuple[BaseProcess, Connection[Any, Any]]] = []
        self._idle: queue.SimpleQueue[Connection[Any, Any]] = queue.SimpleQueue()
        self._threads: ThreadPoolExecutor | None = None

    @classmethod
    def forked(cls, count: int) -> Processes:
        """`count` processes, made now: what is imported is there, and nothing may be open yet.

        None where a fork is not safe: beside other threads, which may hold locks, and on systems
        other than Linux, whose libraries may not bear it.
        """
        processes = cls()
        if sys.platform == "linux" and threading.active_count() == 1:
            gc.freeze()  # in the new ones the collector would touch, and so copy, what is shared
            try:
                processes._add(count, multiprocessing.get_context("fork"))
            finally:
                gc.unfreeze()
        return processes

    @property
    def count(self) -> int:
        return len(self._workers)

    def start(self, count: int) -> None:
        """Have `count` processes: those that were forked, and new ones."""
        self._end(self._workers[count:])
        del self._workers[count:]
        if self.count < count:
            resource_tracker.ensure_running()  # which unblocks signals as it starts
            self._add(count - self.count, multiprocessing.get_context("spawn"))

    def _add(self, count: int, context: ForkContext | SpawnContext) -> None:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            with _interrupts_held():
                process.start()
            theirs.close()
            self._workers.append((process, ours))

    def begin(self, setup: WorkerSetup, first_number: int) -> None:
        """Wait until every worker has joined the source's moment; raises what kept one from it."""
        self._threads = ThreadPoolExecutor(max_workers=self.count)
        for index, (_, connection) in enumerate(self._workers):
            # Each process counts in steps of its own, so that no number is given twice.
            try:
                connection.send((setup, first_number + index, self.count))
            except OSError as error:
                raise _worker_died() from error
        for _, connection in self._workers:
            _receive(connection)
            self._idle.put(connection)

    def map(self, tasks: Iterable[Task]) -> Iterator[list[ChunkRecord]]:
        if self._threads is None:
            raise ValueError("processes get their tasks after `begin`")
        waiting = iter(tasks)
        threads = self._threads

        def submit(task: Task) -> Future[list[ChunkRecord]]:
            return threads.submit(self._call, task)

        # One task waits beside those that run: enough to keep every process busy.
        running = deque(map(submit, itertools.islice(waiting, self.count + 1)))
        return _results(running, map(submit, waiting))

    def close(self) -> None:
        self._end(self._workers)
        self._workers.clear()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)

    def _end(self, workers: Sequence[tuple[BaseProcess, Connection[Any, Any]]]) -> None:
        for process, _ in workers:
            process.terminate()
        deadline = time.monotonic() + _DYING
        for process, connection in workers:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
            connection.close()

    def _call(self, task: Task) -> list[ChunkRecord]:
        connection = self._idle.get()
        try:
            connection.send(task)
            return _receive(connection)
        except OSError as error:
            raise _worker_died() from error
        finally:
            self._idle.put(connection)


def _results(
    running: deque[Future[list[ChunkRecord]]], more: Iterator[Future[list[ChunkRecord]]]
) -> Iterator[list[ChunkRecord]]:
    """What the calls answer, in order; for each that is done, one more is made."""
    while running:
        yield running.popleft().result()
        running.extend(itertools.islice(more, 1))


def _receive(connection: Connection[Any, Any]) -> list[ChunkRecord]:
    try:
        answer = connection.recv()
    except (EOFError, OSError) as error:
        raise _worker_died() from error
    if isinstance(answer, BaseException):
        raise answer
    records: list[ChunkRecord] = answer
    return records


def _worker_died() -> ReplicateError:
    return ReplicateError(
        "a worker process ended before its work was done",
        hint="it may have been killed for want of memory; try a smaller --jobs",
    )


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Start a process, and be interrupted afterwards rather than in the middle of it.

    Blocked signals stay blocked in the new process, which would otherwise hear Ctrl-C before it
    can say that it ignores it.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    came: list[tuple[int, FrameType | None]] = []
    main = threading.current_thread() is threading.main_thread()
    # Another thread may take the signal, and Python then calls the handler here all the same.
    handlers = (
        {number: signal.signal(number, lambda *call: came.append(call)) for number in _INTERRUPTS}
        if main
        else {}
    )
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for call in came[:1]:
            handler = handlers[signal.Signals(call[0])]
            if callable(handler):
                handler(*call)


def _serve(connection: Connection[Any, Any]) -> None:
    """The life of a worker process."""
    # Ctrl-C reaches the whole group; the coordinator decides, and ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        try:
            setup, first_number, step = connection.recv()
            worker = Worker.join(setup, itertools.count(first_number, step))
        except Exception as error:  # noqa: BLE001 - handed to the coordinator, which raises it
            connection.send(_portable(error))
            return
        connection.send([])
        while True:
            task = connection.recv()
            try:
                connection.send(worker.run(task))
            except Exception as error:  # noqa: BLE001 - likewise
                connection.send(_portable(error))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error as it can cross a pipe: our own as they are, any other by its type's name alone.

    A foreign message may hold a value of the database.
    """
    if isinstance(error, ReplicateError):
        return error
    return ReplicateError(f"a worker failed unexpectedly ({type(error).__name__})")


def inline_numbers(first: int) -> Numbers:
    """Chunk numbers for a run with one worker."""
    return itertools.count(first)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
