"""moto: a mock of S3, whose conditional writes `moto_in_turn` makes atomic.

It checks no signature.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.object_servers.process import (
    listens,
    running,
    server_folder,
    started,
)
from tests.support.object_servers.reach import ObjectServer, s3_server
from tests.support.ports import HOST, free_port

_PROGRAM = str(Path(__file__).with_name("moto_in_turn.py"))


@contextmanager
def start_moto() -> Iterator[ObjectServer]:
    with ExitStack() as stack:
        home = stack.enter_context(server_folder("moto"))

        def start() -> int:
            port = free_port()
            # With -P this folder, which has a moto.py itself, isn't searched for modules.
            command = [sys.executable, "-P", _PROGRAM, "-H", HOST, "-p", str(port)]
            stack.enter_context(running(command, home, listens(port)))
            return port

        yield s3_server("moto", f"http://{HOST}:{started(start)}")
