"""Threads that may wait for an answer that never comes: a program that was interrupted ends.

Nothing can stop a thread in the middle of a request. So an interrupted program waits only a moment
for its threads, and then ends without them (`replicate.cli.signals`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

GRACE = 1.0
"""Seconds in which the threads of a pool may still come to an end after an interrupt."""

SILENCE = 2.0
"""Seconds without a sign of life after which work is left behind."""

ResultT = TypeVar("ResultT")


class Threads(ThreadPoolExecutor):
    """A pool that as a context waits for its threads, but not for long after an interrupt.

    After an error what has not begun is cancelled. An interrupt is what is no `Exception`; so is
    the end of a generator, whose threads nobody needs any more.
    """

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None or issubclass(kind, Exception):
            self.shutdown(wait=True, cancel_futures=kind is not None)
        else:
            self.leave()

    def leave(self) -> None:
        """Cancel what has not begun, and wait for the rest for `GRACE` seconds at most."""
        self.shutdown(wait=False, cancel_futures=True)
        joining = threading.Thread(target=self.shutdown, daemon=True)
        joining.start()
        joining.join(GRACE)


def while_it_gets_on(work: Callable[[Callable[[], None]], ResultT]) -> ResultT:
    """What `work` returns or raises; `TimeoutError` where it gives no sign of life for `SILENCE`.

    A sign of life is a call of the function that `work` gets. It runs in a thread, in which it is
    left behind then.
    """
    outcome: Future[ResultT] = Future()
    sign = threading.Event()

    def run() -> None:
        try:
            outcome.set_result(work(sign.set))
        except BaseException as error:  # noqa: BLE001 - raised to the caller
            outcome.set_exception(error)
        finally:
            sign.set()

    threading.Thread(target=run, daemon=True).start()
    while sign.wait(SILENCE):
        sign.clear()  # before the look, lest the last sign is missed
        if outcome.done():
            return outcome.result()
    raise TimeoutError
