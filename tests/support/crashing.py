"""Run the command line, and die by SIGKILL right before the n-th step that touches the disk.

    python -m tests.support.crashing 7 -c conf.yaml dump create

A step is a call that makes something durable or visible: fsync, link, rename, unlink, rmdir. What
lies between two steps changes nothing that another process can see, so counting n up from 1 until
the command lives is a kill at every point that matters.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

STEPS = ("fsync", "link", "rename", "replace", "rmdir", "unlink")


def _arm(fatal: int) -> None:
    counter = itertools.count(1)

    def counting(step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(counter) == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*args, **kwargs)

        return call

    for name in STEPS:
        setattr(os, name, counting(getattr(os, name)))


if __name__ == "__main__":
    from replicate.cli import main

    _arm(int(sys.argv[1]))
    sys.argv = ["replicate", *sys.argv[2:]]
    main()
