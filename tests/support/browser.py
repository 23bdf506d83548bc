"""A real browser without a window: Chromium, spoken to over a pipe in its own DevTools protocol.

`make test` installs it, as `chromium/package-lock.json` says. Another Chromium is used where
`REPLICATE_TEST_BROWSER` names one, as it has to where that package has no binary.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

PATIENCE = 60.0
"""Seconds within which the browser has to answer; a busy machine may take long."""

_PACKED = Path(__file__).parent / "chromium/node_modules/@sparticuz/chromium/bin"
_UNPACKED = _PACKED.parents[2] / ".unpacked"
_UNPACK = (
    "const {createReadStream: open} = require('fs');"
    "open(process.argv[1]).pipe(require('zlib').createBrotliDecompress()).pipe(process.stdout)"
)
_LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    "os.execv(sys.argv[3], sys.argv[3:])"
)
"""The browser reads orders from descriptor 3, and answers on 4."""

_SWITCHES = (
    "--headless=shell",
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--remote-debugging-pipe",
)


class BrowserError(Exception):
    """There is no browser, or it doesn't do what it is told."""


@contextmanager
def browser() -> Iterator[Page]:
    """A browser with one empty page, which ends with the block."""
    program = _program()
    orders_in, orders = _pipe()
    answers, answers_out = _pipe()
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        ends = [str(orders_in), str(answers_out)]
        command = [sys.executable, "-c", _LAUNCH, *ends, str(program), *_SWITCHES]
        process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}"],
            pass_fds=(orders_in, answers_out),
            env={**os.environ, "LD_LIBRARY_PATH": str(program.parent / "lib")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(orders_in)
        os.close(answers_out)
        try:
            yield Page(_Pipe(orders, answers))
        finally:
            process.kill()
            process.wait()
            os.close(orders)
            os.close(answers)


def _pipe() -> tuple[int, int]:
    """Both ends of a pipe, neither of which is a descriptor that the browser gives a meaning."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


def _program() -> Path:
    chosen = os.environ.get("REPLICATE_TEST_BROWSER")
    if chosen:
        return Path(chosen)
    if not (_PACKED / "chromium.br").exists():
        raise BrowserError(
            "the browser is not installed; `make test` does it, or npm ci in its folder"
        )
    if not _UNPACKED.exists():
        _unpack()
    return _UNPACKED / "chromium"


def _unpack() -> None:
    """Once for all tests, of which several may get here at the same time."""
    node = shutil.which("node")
    if node is None:
        raise BrowserError("to unpack the browser takes Node.js, and there is no program `node`")
    folder = Path(tempfile.mkdtemp(dir=_PACKED.parents[2], prefix=".unpacking-"))
    for name in ("chromium", "al2023.tar", "fonts.tar"):
        with (folder / name).open("wb") as file:
            packed = str(_PACKED / f"{name}.br")
            subprocess.run([node, "-e", _UNPACK, packed], stdout=file, check=True)
    (folder / "chromium").chmod(0o755)
    for name in ("al2023.tar", "fonts.tar"):
        with tarfile.open(folder / name) as archive:
            archive.extractall(folder, filter="data")
        (folder / name).unlink()
    with suppress(OSError):
        folder.rename(_UNPACKED)
    shutil.rmtree(folder, ignore_errors=True)  # somebody else was faster


class _Pipe:
    """Messages of JSON, each ended by a zero byte."""

    def __init__(self, orders: int, answers: int) -> None:
        self._orders = orders
        self._answers = answers
        self._read = b""

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._orders, data) :]

    def receive(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._answers], [], [], max(0, until - time.monotonic()))
            more = os.read(self._answers, 1 << 16) if ready else b""
            if not more:
                raise BrowserError("the browser does not answer" if not ready else "it has ended")
            self._read += more
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


class Page:
    """One page, and what happened on it: its `requests`, and its `complaints`.

    Complaints are errors of scripts, what a script wrote to the console, and what a policy barred.
    """

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe
        self._number = 0
        self._session: str | None = None
        self._loaded = False
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._pipe.send(message)
        until = time.monotonic() + PATIENCE
        while True:
            answer = self._pipe.receive(until)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._hear(answer)

    def _hear(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(params["args"]))
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])

    def open(self, path: Path) -> Self:
        """Load a file, to the end of its scripts."""
        self._loaded = False
        answer = self.call("Page.navigate", url=path.as_uri())
        if "errorText" in answer:
            raise BrowserError(f"{path.name} can't be opened: {answer['errorText']}")
        until = time.monotonic() + PATIENCE
        while not self._loaded:
            self._hear(self._pipe.receive(until))
        return self

    def evaluate(self, expression: str) -> Any:
        """What a script gives, as plain values."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def resize(self, width: int, height: int = 900, *, scale: float = 1) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def prefer(self, scheme: str) -> None:
        """``dark`` or ``light``."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def press(self, key: str) -> None:
        """A key, such as ``/``, ``Tab`` or ``Escape``."""
        codes = {"Tab": 9, "Escape": 27, "Enter": 13, " ": 32}
        text = {"text": key} if len(key) == 1 else {}
        code = {"windowsVirtualKeyCode": codes[key]} if key in codes else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, **code)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def picture(self) -> bytes:
        """What is seen of the page, as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
