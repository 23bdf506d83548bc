"""The command line. `main` is the console script; each noun is a module of its own."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the program with the arguments of this process, and end it with its exit code."""
    from replicate.cli.signals import Interrupts

    interrupts = Interrupts()
    code: int | None = None
    try:
        interrupts.catch()
        # Click alone takes longer to import than a hasty Ctrl-C to arrive.
        from replicate.cli.app import run

        code = run(sys.argv[1:], interrupts)
        interrupts.end(code)
    except KeyboardInterrupt:
        # All may have been done and said: then it ends as it would have.
        if code is None:
            sys.stderr.write("interrupted\n")
            code = 130
        interrupts.end(code)
