"""`rclone serve s3`: a real gateway to a directory, over https or http.

It checks signatures and MD5s, and takes every condition of a write without heeding it. Its
certificate comes from a private authority, which is made for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.object_servers.certificates import make_certificates
from tests.support.object_servers.process import (
    listens,
    running,
    server_folder,
    started,
)
from tests.support.object_servers.reach import (
    ACCESS_KEY,
    SECRET_KEY,
    ObjectServer,
    S3Keys,
    s3_server,
)
from tests.support.ports import HOST, free_port

_PROGRAM = str(Path(sys.executable).parent / "rclone")


@contextmanager
def start_rclone(*, https: bool = True, folder: Path | None = None) -> Iterator[ObjectServer]:
    """Each folder in `folder`, by default one of its own, is a bucket."""
    with ExitStack() as stack:
        home = stack.enter_context(server_folder("rclone"))
        buckets = folder or home / "buckets"
        buckets.mkdir(exist_ok=True)
        tls: list[str] = []
        keys = S3Keys()
        if https:
            made = make_certificates(home)
            tls = ["--cert", str(made.certificate), "--key", str(made.key)]
            keys = S3Keys(ca_bundle=str(made.authority))

        def start() -> int:
            port = free_port()
            command = [
                _PROGRAM, "serve", "s3", "--config", "/dev/null",
                "--cache-dir", str(home / "cache"), "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}",
                "--addr", f"{HOST}:{port}", *tls, str(buckets),
            ]  # fmt: skip
            stack.enter_context(running(command, home, listens(port)))
            return port

        scheme = "https" if https else "http"
        yield s3_server(f"rclone over {scheme}", f"{scheme}://{HOST}:{started(start)}", keys)
