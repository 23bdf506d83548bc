"""Runs the program on a terminal of a given width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.cli_process import PROGRAM, environment


def on_terminal(columns: int, *args: str, cwd: Path) -> list[str]:
    """The lines that a terminal of so many columns gets on stdout, without their colours."""
    plain = {name: value for name, value in environment().items() if name != "COLUMNS"}
    plain["TERM"] = "xterm"
    text = written([*PROGRAM, *args], columns=columns, cwd=cwd, env=plain)
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


def written(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    columns: int | None = None,
    cwd: Path | None = None,
    errors: bool = False,
) -> str:
    """What a terminal gets from a command that succeeds: its stdout, with `errors` its stderr too.

    The terminal has so many `columns`, if that is said.
    """
    ours, theirs = pty.openpty()
    if columns is not None:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(
        command,
        stdout=theirs,
        stderr=theirs if errors else subprocess.DEVNULL,
        cwd=cwd,
        env=env,
    ) as process:
        os.close(theirs)
        chunks = []
        try:
            while data := os.read(ours, 65536):
                chunks.append(data)
        except OSError:
            pass  # how Linux tells that the other side of a terminal is closed
        assert process.wait() == 0
    os.close(ours)
    return b"".join(chunks).decode()
