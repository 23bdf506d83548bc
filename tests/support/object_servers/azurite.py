"""Azurite: Microsoft's emulator of Azure Blob Storage, for which Node.js is needed.

`make test` installs it, as `azurite/package-lock.json` says.
"""

from __future__ import annotations

import base64
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from tests.support.object_servers.process import (
    ServerError,
    listens,
    running,
    server_folder,
    started,
)
from tests.support.object_servers.reach import ObjectServer, Section
from tests.support.ports import HOST, free_port

_FOLDER = Path(__file__).parent / "azurite"
_MAIN = _FOLDER / "node_modules/azurite/dist/src/blob/main.js"
_ACCOUNT = "testing"


@contextmanager
def start_azurite() -> Iterator[ObjectServer]:
    """Blobs are kept in memory."""
    node = shutil.which("node")
    if node is None:
        raise ServerError("the tests of Azure need Node.js, and there is no program `node`")
    if not _MAIN.exists():
        raise ServerError("Azurite is not installed; `make test` does it, or npm ci in its folder")
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    with ExitStack() as stack:
        home = stack.enter_context(server_folder("azurite"))

        def start() -> int:
            port = free_port()
            command = [
                node, str(_MAIN), "--blobHost", HOST, "--blobPort", str(port),
                "--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck",
            ]  # fmt: skip
            environment = {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{key}"}
            stack.enter_context(running(command, home, listens(port), environment=environment))
            return port

        url = f"http://{HOST}:{started(start)}/{_ACCOUNT}"
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={key};"
            f"BlobEndpoint={url};"
        )

        def section(container: str) -> Section:
            return {"azure": {"container": container, "connection_string": connection}}

        def make_container(container: str) -> None:
            with BlobServiceClient.from_connection_string(connection) as client:
                client.create_container(container)

        yield ObjectServer("Azurite", url, section, make_container)
