"""A datastore that fails on purpose, as a script says.

    store = FaultyStore(
        LocalDisk(path),
        before("put", DatastoreError("reset", transient=True), key="chunks/*", times=3),
        after("put", DatastoreError("answer lost", transient=True), key="dumps/*"),
        flip("get", key="chunks/*", bit=17),
        short("get", skip=2),
    )
    ...
    store.assert_all_used()

A fault says which operation it belongs to, the keys it strikes (a pattern as in a shell; `*` also
stands for slashes), how many matching calls it lets pass first (`skip`) and how many it strikes
after that (`times`). Of several that fit a call, the first in the script that isn't used up
strikes; a call that it lets pass is not offered to the others. `list` matches its prefix, `delete`
any one of its keys.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from replicate.datastores.base import Data, Datastore, ObjectInfo, PutMode
from replicate.datastores.passing import Passing

Operation = Literal["put", "get", "stat", "list", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One entry of the script; make it by one of the functions below."""

    operation: Operation
    kind: Literal["before", "after", "short", "flip", "delay"]
    key: str = "*"
    skip: int = 0
    times: int = 1
    error: BaseException | None = None
    amount: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind} {self.operation} {self.key}"


def before(
    operation: Operation, error: BaseException, *, key: str = "*", skip: int = 0, times: int = 1
) -> Fault:
    """Raise `error` and do nothing. Anything raised goes, a `KeyboardInterrupt` for one."""
    return Fault(operation=operation, kind="before", key=key, skip=skip, times=times, error=error)


def after(
    operation: Operation, error: BaseException, *, key: str = "*", skip: int = 0, times: int = 1
) -> Fault:
    """Do it, then raise `error`: the answer was lost. A `list` fails after its last object."""
    return Fault(operation=operation, kind="after", key=key, skip=skip, times=times, error=error)


def short(
    operation: Literal["put", "get", "list"],
    *,
    key: str = "*",
    lost: int = 1,
    skip: int = 0,
    times: int = 1,
) -> Fault:
    """Lose the last `lost` bytes of what is put or got, or the last `lost` objects listed."""
    return Fault(operation=operation, kind="short", key=key, skip=skip, times=times, amount=lost)


def flip(
    operation: Literal["put", "get"],
    *,
    key: str = "*",
    bit: int = 0,
    skip: int = 0,
    times: int = 1,
) -> Fault:
    """Turn bit `bit` over, counted from the start and around again, in what is put or got."""
    return Fault(operation=operation, kind="flip", key=key, skip=skip, times=times, amount=bit)


def delay(
    operation: Operation, seconds: float, *, key: str = "*", skip: int = 0, times: int = 1
) -> Fault:
    """Take `seconds` longer, and then work."""
    return Fault(operation=operation, kind="delay", key=key, skip=skip, times=times, amount=seconds)


class FaultyStore(Passing):
    """A `Datastore` around `inner` that follows a script; may be used by several threads.

    `calls` has every call so far, as operation and key (of a `list`, the prefix; of a `delete`, one
    entry for each key), also those that failed.
    """

    def __init__(self, inner: Datastore, *script: Fault) -> None:
        super().__init__(inner)
        self.calls: list[tuple[Operation, str]] = []
        self._script = [_Entry(fault) for fault in script]
        self._lock = threading.Lock()

    def add(self, *script: Fault) -> None:
        """Go on with these after what is left of the script."""
        with self._lock:
            self._script += [_Entry(fault) for fault in script]

    def assert_all_used(self) -> None:
        """Fail unless every fault has struck as often as it should have."""
        unused = [
            f"{entry.fault} struck {entry.struck} of {entry.fault.times} times"
            for entry in self._script
            if entry.struck != entry.fault.times
        ]
        assert not unused, "; ".join(unused)

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        fault = self._call("put", key)
        _raise_before(fault)
        info = self.inner.put(key, _damaged(fault, bytes(data)) if fault else data, mode=mode)
        _raise_after(fault)
        return info

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        fault = self._call("get", key)
        _raise_before(fault)
        data = self.inner.get(key, byte_range=byte_range, max_size=max_size)
        _raise_after(fault)
        return _damaged(fault, data) if fault else data

    def stat(self, key: str) -> ObjectInfo:
        fault = self._call("stat", key)
        _raise_before(fault)
        info = self.inner.stat(key)
        _raise_after(fault)
        return info

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """The call counts, and a fault strikes, once the first object is asked for."""
        fault = self._call("list", prefix)
        _raise_before(fault)
        if fault and fault.kind == "short":
            found = [*self.inner.list(prefix)]
            yield from found[: max(0, len(found) - int(fault.amount))]
        else:
            yield from self.inner.list(prefix)
        _raise_after(fault)

    def delete(self, keys: Iterable[str]) -> None:
        keys = [*keys]
        fault = self._call("delete", *keys)
        _raise_before(fault)
        self.inner.delete(keys)
        _raise_after(fault)

    def _call(self, operation: Operation, *keys: str) -> Fault | None:
        with self._lock:
            self.calls += [(operation, key) for key in keys]
            for entry in self._script:
                if entry.matches(operation, keys):
                    entry.seen += 1
                    if entry.seen <= entry.fault.skip:
                        return None
                    entry.struck += 1
                    return entry.fault
            return None


@dataclass(slots=True)
class _Entry:
    fault: Fault
    seen: int = 0
    struck: int = 0

    def matches(self, operation: Operation, keys: Iterable[str]) -> bool:
        return (
            self.fault.operation == operation
            and self.struck < self.fault.times
            and any(fnmatchcase(key, self.fault.key) for key in keys)
        )


def _raise_before(fault: Fault | None) -> None:
    if fault is None:
        return
    if fault.kind == "delay":
        time.sleep(fault.amount)
    elif fault.kind == "before" and fault.error is not None:
        raise fault.error


def _raise_after(fault: Fault | None) -> None:
    if fault is not None and fault.kind == "after" and fault.error is not None:
        raise fault.error


def _damaged(fault: Fault, data: bytes) -> bytes:
    if fault.kind == "short":
        return data[: max(0, len(data) - int(fault.amount))]
    if fault.kind == "flip" and data:
        place, bit = divmod(int(fault.amount) % (len(data) * 8), 8)
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        return bytes(changed)
    return data
