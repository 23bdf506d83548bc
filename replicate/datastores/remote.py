"""What the stores behind a network have in common, whoever makes them.

Names below a prefix, addresses that may be spoken to in the clear, failures of the network, the
order of a listing, and finding out whether conditional writes can be relied on.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from replicate.datastores.base import (
    ConditionalWrites,
    Finding,
    ObjectInfo,
    PutMode,
    Replace,
    check_key,
    is_key,
    too_large,
)
from replicate.errors import (
    ConflictError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    UsageError,
)

PROBE_KEY = "probe/conditional-writes"
"""Written and deleted where a service has to be tried out: one fixed key, lest remains add up."""

_ROUNDS = 3
_MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Folder:
    """Where keys are in a bucket: below `prefix`, which has no slash at its ends, or at the top."""

    prefix: str

    def name(self, key: str) -> str:
        """The object's name for a key; `UsageError` if it is none."""
        return self.start(check_key(key))

    def start(self, prefix: str) -> str:
        """What the names of all keys that start with `prefix` start with."""
        return f"{self.prefix}/{prefix}" if self.prefix else prefix

    def key(self, name: str) -> str | None:
        """The key of an object's name, or None where it is none of ours."""
        start = self.start("")
        key = name[len(start) :]
        return key if name.startswith(start) and is_key(key) else None


def is_loopback(host: str | None) -> bool:
    """Whether what is said to `host` stays on this machine."""
    if host is None:
        return False
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(address: str, *, source: str) -> str:
    """`address`, if it can be used: https, or http on this machine. Else `UsageError`.

    `source` says where it is from, such as a variable of the environment. The address itself is not
    shown but for its host, since it may hold a secret.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise UsageError(f"{source} has no usable address", hint="give one such as https://host")
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(
            f"{source} would send dumps to {shown(host)} in the clear",
            hint="use https; plain http is for this machine alone",
        )
    return address


def shown(text: object) -> str:
    """What somebody else's service said, as one short line of printable text."""
    line = " ".join(str(text).split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]}…"


def check_range(key: str, byte_range: tuple[int, int] | None, max_size: int | None) -> None:
    """Raise for a range that no object has, or that is larger than allowed."""
    if byte_range is None:
        return
    start, end = byte_range
    if not 0 <= start <= end:
        raise DatastoreError(f"bytes {start} to {end} were asked of {key}")
    if max_size is not None and end - start > max_size:
        raise too_large(key, end - start, max_size)


def past_the_end(key: str, byte_range: tuple[int, int], size: int | None = None) -> DatastoreError:
    """For a range that reaches past the end of an object, of `size` bytes if that is known."""
    has = "which has fewer" if size is None else f"which has {size}"
    return DatastoreError(f"bytes {byte_range[0]} to {byte_range[1]} were asked of {key}, {has}")


def in_order(listing: Iterable[ObjectInfo], where: str) -> Iterator[ObjectInfo]:
    """`listing`, as long as its keys ascend; a service that orders otherwise is an error."""
    last = ""
    for info in listing:
        if info.key <= last:
            raise DatastoreError(
                f"{where} lists {info.key} after {last}, which is not the order of their names",
                hint="accounts with a hierarchical namespace do so; use one without",
            )
        last = info.key
        yield info


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and whatever it wraps: libraries pass causes on in several ways."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        named = [getattr(one, name, None) for name in ("reason", "inner_exception")]
        waiting += [*one.args, *named, one.__cause__, one.__context__]


def unreachable(error: BaseException, *, doing: str, service: str) -> DatastoreError:
    """A request that got no answer: transient, but for a certificate that is not trusted."""
    found = [*causes(error)]
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in found):
        return DatastoreError(
            f"{doing} failed: the certificate of {service} is not trusted",
            hint="where a proxy or a private authority signs it, set REQUESTS_CA_BUNDLE to a PEM "
            "file of its certificates",
        )
    kinds: list[tuple[type[BaseException], str]] = [
        (socket.gaierror, f"the name of {service} can't be resolved"),
        (ConnectionRefusedError, f"{service} refuses connections"),
        (ssl.SSLError, f"no TLS connection to {service} could be made"),
        (TimeoutError, f"{service} did not answer in time"),
    ]
    for kind, sentence in kinds:
        if any(isinstance(one, kind) for one in found):
            return DatastoreError(f"{doing} failed: {sentence}", transient=True)
    if any("Timeout" in type(one).__name__ for one in found):
        return DatastoreError(f"{doing} failed: {service} did not answer in time", transient=True)
    return DatastoreError(f"{doing} failed: the connection to {service} broke", transient=True)


def retry_after(headers: object) -> float | None:
    """The seconds of a `Retry-After` header; None where there is none, or it names a date."""
    get = getattr(headers, "get", None)
    value = str(get("Retry-After") or "") if get else ""
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else None


class Conditional(Protocol):
    """What `Conditions` needs of a store: writes that pass a condition on to the service."""

    def stat(self, key: str) -> ObjectInfo: ...

    def put_conditionally(self, key: str, data: bytes, mode: PutMode) -> ObjectInfo: ...

    def delete(self, keys: Iterable[str]) -> None: ...


class Conditions:
    """Whether a service decides conditional writes: tried out once, when it has to be known.

    Some services accept a condition and ignore it, so only their makers' own are `trusted`.
    """

    def __init__(self, *, trusted: bool) -> None:
        self._lock = threading.Lock()
        self._known = ConditionalWrites.ATOMIC if trusted else None

    def of(self, store: Conditional, never: str) -> ConditionalWrites:
        """Raise what the first write raises if it is transient, or the bucket isn't there.

        `never` is a version that no object ever has.
        """
        with self._lock:
            if self._known is None:
                self._known = self._probe(store, never)
            return self._known

    def _probe(self, store: Conditional, never: str) -> ConditionalWrites:
        try:
            holds = any(self._holds(store, never) for _ in range(_ROUNDS))
        except _IgnoredError:
            holds = False
        except DatastoreError as error:
            if error.transient:
                raise
            holds = False
        with suppress(ReplicateError):  # a probe left behind is overwritten by the next one
            store.delete([PROBE_KEY])
        return ConditionalWrites.ATOMIC if holds else ConditionalWrites.NONE

    def _holds(self, store: Conditional, never: str) -> bool:
        """Whether every condition is honoured; False also where another probe got in between."""
        info = store.put_conditionally(PROBE_KEY, b"1", "overwrite")
        if not _refused(store, Replace(never)):
            raise _IgnoredError  # whatever others do at the same time, this can't succeed
        if not _refused(store, "create"):
            return False
        return not _refused(store, Replace(info.version))


class _IgnoredError(Exception):
    """A condition that can't hold was accepted."""


def _refused(store: Conditional, mode: PutMode) -> bool:
    try:
        store.put_conditionally(PROBE_KEY, b"2", mode)
    except ConflictError:
        return True
    return False


def check_first(store: Conditional, key: str, mode: PutMode) -> None:
    """Raise unless `mode` lets `key` be put as things are: for want of conditional writes."""
    if mode == "overwrite":
        return
    try:
        found = store.stat(key)
    except NotFoundError:
        found = None
    if mode == "create":
        if found is not None:
            raise exists(key)
    elif found is None or found.version != mode.version:
        raise changed(key)


def exists(key: str) -> ConflictError:
    return ConflictError(f"{key} exists already")


def changed(key: str) -> ConflictError:
    return ConflictError(f"{key} was changed or deleted by somebody else")


def checksums(refusal: ReplicateError | None) -> Finding:
    """What came of an upload with a checksum that is not that of its bytes."""
    if refusal is None:
        return Finding(
            "checksums",
            False,
            "an upload whose checksum is wrong was accepted",
            "damage on the way is found only when a dump is verified or restored",
        )
    if "checksum" not in refusal.message:
        return Finding("checksums", None, refusal.message, "not tried", refusal.hint)
    return Finding(
        "checksums",
        True,
        "an upload whose checksum is wrong is refused",
        "damage on the way is found at once, and repaired",
    )
