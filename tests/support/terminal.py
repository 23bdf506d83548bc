"""Runs the program on a terminal of a given width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

from tests.support.cli_process import PROGRAM, environment


def on_terminal(columns: int, *args: str, cwd: Path) -> list[str]:
    """The lines that a terminal of so many columns gets on stdout, without their colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    plain = {name: value for name, value in environment().items() if name != "COLUMNS"}
    with subprocess.Popen(
        [*PROGRAM, *args],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        env=plain | {"TERM": "xterm"},
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
    return re.sub(r"\x1b\[[0-9;]*m", "", b"".join(chunks).decode()).splitlines()
