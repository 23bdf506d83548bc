"""gcp-storage-emulator: Google Cloud Storage's own protocol; it ignores every precondition."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.object_servers.process import (
    listens,
    running,
    server_folder,
    started,
)
from tests.support.object_servers.reach import ObjectServer, Section
from tests.support.ports import HOST, free_port

_PROGRAM = str(Path(sys.executable).parent / "gcp-storage-emulator")


@contextmanager
def start_gcs_emulator() -> Iterator[ObjectServer]:
    """Objects are kept in memory. The program finds the emulator by its environment."""
    with ExitStack() as stack:
        home = stack.enter_context(server_folder("gcs"))

        def start() -> int:
            port = free_port()
            command = [_PROGRAM, "start", "-H", HOST, "--port", str(port), "--in-memory"]
            stack.enter_context(running(command, home, listens(port)))
            return port

        url = f"http://{HOST}:{started(start)}"

        def section(bucket: str) -> Section:
            return {"gcs": {"bucket": bucket, "project": "testing"}}

        def make_bucket(bucket: str) -> None:
            request = urllib.request.Request(  # noqa: S310  (an address of this machine)
                f"{url}/storage/v1/b?project=testing",
                json.dumps({"name": bucket}).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=60):  # noqa: S310  (likewise)
                pass

        environment = {"STORAGE_EMULATOR_HOST": url}
        yield ObjectServer("the GCS emulator", url, section, make_bucket, environment)
