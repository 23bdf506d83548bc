"""Trying a datastore out: does this one, as it is configured, keep what `Datastore` promises?

Everything happens below a random prefix of its own and is removed at the end, whatever happened.
"""

from __future__ import annotations

import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from replicate.datastores.base import (
    ConditionalWrites,
    Data,
    Datastore,
    Examinable,
    ObjectInfo,
    PutMode,
    is_key,
)
from replicate.datastores.conformance import CASES, Case, NonconformityError
from replicate.datastores.passing import Passing
from replicate.errors import ReplicateError, UsageError
from replicate.threads import while_it_gets_on

Status = Literal["passed", "failed", "skipped"]

_STATUS: dict[bool | None, Status] = {True: "passed", False: "failed", None: "skipped"}
_SKEW = timedelta(minutes=5)
_SAMPLE = 1 << 20
_REPEATS = 3
_BATCH = 100  # deleted at once
_BY_NAME = {case.name: case for case in CASES}


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One thing tried: `consequence` says what follows for the user from how it ended."""

    name: str
    status: Status
    detail: str
    seconds: float
    consequence: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """`operations` is the median time in seconds of each operation, on an object of 1 MiB."""

    location: str
    rows: tuple[CheckRow, ...]
    operations: dict[str, float]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; what was skipped is no failure."""
        return all(row.status != "failed" for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "location": self.location,
            "ok": self.ok,
            "rows": [asdict(row) for row in self.rows],
            "operations": dict(self.operations),
        }


@dataclass(frozen=True, slots=True)
class _Topic:
    """A row made of cases of the conformance suite, and what each outcome means."""

    name: str
    cases: tuple[str, ...]
    good: str
    bad: str


_TOPICS = (
    _Topic(
        "write",
        ("round trip", "overwrite", "race for one key"),
        "objects are stored whole",
        "nothing can be dumped here: objects may be lost or torn",
    ),
    _Topic(
        "read",
        ("missing keys",),
        "an object that is missing is told from one that can't be read",
        "a failure to read may be taken for an object that is missing",
    ),
    _Topic(
        "ranges",
        ("ranges", "range past the end", "no more than allowed"),
        "parts of objects can be read",
        "parts of objects can't be relied on",
    ),
    _Topic(
        "list",
        ("order of a listing", "prefix of a listing", "more than a page of objects"),
        "`dump list` sees every dump",
        "`dump list` may miss dumps, and `dump prune --orphans` objects",
    ),
    _Topic(
        "delete",
        ("delete",),
        "dumps can be deleted",
        "`dump delete` may leave objects behind",
    ),
    _Topic(
        "names",
        ("odd names", "invalid names"),
        "every name that is allowed works, and no other",
        "objects may end up under other names than their own",
    ),
    _Topic(
        "large objects",
        ("large object",),
        "large objects are stored whole",
        "keep `chunk_size` small",
    ),
    _Topic(
        "create-only",
        ("create-only", "create-only in a race"),
        "of two runs that take one name at once, one wins and the other is told",
        "of two runs that take one name at once, the later one's dump stands: give each its own",
    ),
    _Topic(
        "compare-and-swap",
        ("compare-and-swap", "compare-and-swap in a race"),
        "runs that end at once can't lose each other's entry in the index",
        "an entry of the index may get lost: `dump list` then mends it from the manifests",
    ),
)


def check_datastore(
    store: Datastore,
    *,
    thorough: bool = False,
    on_row: Callable[[CheckRow], None] | None = None,
) -> CheckReport:
    """Try `store` and report; the only errors raised are those of `on_row`, and interrupts.

    `thorough` adds what takes long on a store far away: more than a page of objects, and an object
    of 32 MiB. `on_row` is called with each row as it is known.
    """
    prefix = f"check/{secrets.token_hex(8)}/"
    check = _Check(_Recorder(store), store, prefix, on_row or _ignore)
    try:
        check.run(thorough=thorough)
    except Exception:
        check.clean_up(check.clear)
        raise
    except BaseException:
        check.clean_up(check.clear_while_answered)
        raise
    check.clean_up(check.clear)
    return CheckReport(store.location, tuple(check.rows), check.operations)


@dataclass
class _Check:
    store: _Recorder
    inner: Datastore
    prefix: str
    on_row: Callable[[CheckRow], None]
    rows: list[CheckRow] = field(default_factory=list)
    operations: dict[str, float] = field(default_factory=dict)

    def run(self, *, thorough: bool) -> None:
        if not self._row("reachable", self._reach, "the store answers", "nothing works"):
            return
        self._examine()
        for topic in _TOPICS:
            cases = [_BY_NAME[name] for name in topic.cases]
            cases = [case for case in cases if thorough or not case.heavy]
            if not cases:
                continue
            if cases[0].conditional and not _is_atomic(self.store):
                detail = "the store decides no conditional writes"
                self._add(CheckRow(topic.name, "skipped", detail, 0.0, topic.bad))
                continue
            passed = self._row(topic.name, lambda: self._run(cases), topic.good, topic.bad)  # noqa: B023  (called at once)
            if topic.name == "write" and not passed:
                return
        self._row(
            "clock",
            self._clock,
            "`dump prune --orphans` can tell the age of objects",
            "give `dump prune --orphans` a grace period longer than the difference",
        )
        self._row("speed", self._speed, "for comparison", "for comparison")

    def clean_up(self, clear: Callable[[], str]) -> None:
        if not self.store.put_keys:
            return
        self._row(
            "clean-up",
            clear,
            "nothing is left of this check",
            f"remove what is left below {self.prefix} by hand",
        )

    def _row(self, name: str, work: Callable[[], str], good: str, bad: str) -> bool:
        started = time.perf_counter()
        status: Status = "failed"
        hint = None
        try:
            detail = work()
            status = "passed"
        except NonconformityError as error:
            detail = str(error)
        except ReplicateError as error:
            detail, hint = error.message, error.hint
        except Exception as error:  # noqa: BLE001  (a store that lets a vendor's error out fails)
            detail = f"the store raised a {type(error).__name__}, which is no error of ours"
        seconds = time.perf_counter() - started
        passed = status == "passed"
        self._add(CheckRow(name, status, detail, seconds, good if passed else bad, hint))
        return passed

    def _add(self, row: CheckRow) -> None:
        self.rows.append(row)
        self.on_row(row)

    def _reach(self) -> str:
        found = next(iter(self.store.list(self.prefix)), None)
        if found is not None:
            raise NonconformityError("a prefix made up for this check is not empty")
        return self.store.location

    def _examine(self) -> None:
        """What the store says of itself, if it says anything."""
        if not isinstance(self.inner, Examinable):
            return
        started = time.perf_counter()
        try:
            for finding in self.inner.examine(self.prefix):
                seconds, started = time.perf_counter() - started, time.perf_counter()
                self._add(
                    CheckRow(
                        finding.name,
                        _STATUS[finding.ok],
                        finding.detail,
                        seconds,
                        finding.consequence,
                        finding.hint,
                    )
                )
        except ReplicateError as error:
            seconds = time.perf_counter() - started
            follows = "what else the store could tell is not known"
            self._add(CheckRow("properties", "failed", error.message, seconds, follows, error.hint))

    def _run(self, cases: Iterable[Case]) -> str:
        names = []
        for case in cases:
            try:
                case.run(self.store, f"{self.prefix}{case.name.replace(' ', '-')}/")
            except NonconformityError as error:
                raise NonconformityError(f"{case.name}: {error}") from error
            names.append(case.name)
        return ", ".join(names)

    def _clock(self) -> str:
        key = f"{self.prefix}clock"
        before = datetime.now(UTC)
        self.store.put(key, b"tick")
        after = datetime.now(UTC)
        modified = self.store.stat(key).modified
        skew = modified - min(max(modified, before), after)
        seconds = abs(skew).total_seconds()
        if abs(skew) > _SKEW:
            way = "ahead of" if skew > timedelta(0) else "behind"
            raise NonconformityError(f"the store's clock is {seconds:.0f} s {way} this machine's")
        return f"within {seconds:.1f} s of this machine's"

    def _speed(self) -> str:
        key = f"{self.prefix}speed"
        data = secrets.token_bytes(_SAMPLE)
        operations: dict[str, Callable[[], object]] = {
            "put": lambda: self.store.put(key, data),
            "get": lambda: self.store.get(key),
            "stat": lambda: self.store.stat(key),
            "list": lambda: [*self.store.list(key)],
            "delete": lambda: self.store.delete([key]),
        }
        samples: dict[str, list[float]] = {name: [] for name in operations}
        for _ in range(_REPEATS):
            for name, operation in operations.items():
                started = time.perf_counter()
                operation()
                samples[name].append(time.perf_counter() - started)
        self.operations = {name: statistics.median(taken) for name, taken in samples.items()}
        times = (f"{name} {seconds * 1000:.1f} ms" for name, seconds in self.operations.items())
        return f"{', '.join(times)} for 1 MiB"

    def clear_while_answered(self) -> str:
        """As `clear`, for a program that is to end: only while the store answers."""
        try:
            return while_it_gets_on(self.clear)
        except TimeoutError:
            raise NonconformityError("the store does not answer") from None

    def clear(self, answered: Callable[[], None] | None = None) -> str:
        """Remove everything that this check has put; a few at a time, and `answered` after each."""
        at_once = _BATCH if answered else sys.maxsize
        answered = answered or _pass
        listed: set[str] = set()
        try:
            for info in self.store.list(self.prefix):
                listed.add(info.key)
                answered()
        finally:
            # Also what a listing misses, and then, one by one, what should have been refused.
            keys = listed | self.store.put_keys
            good = sorted(filter(is_key, keys))
            for start in range(0, len(good), at_once):
                self.store.delete(good[start : start + at_once])
                answered()
            for key in sorted(key for key in keys if not is_key(key)):
                self.store.delete([key])
                answered()
        left = len([*self.store.list(self.prefix)])
        if left:
            raise NonconformityError(f"{left} objects could not be removed")
        return f"{len(listed)} objects removed"


class _Recorder(Passing):
    """Notes the keys that may have been written."""

    def __init__(self, inner: Datastore) -> None:
        super().__init__(inner)
        self.put_keys: set[str] = set()

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        self.put_keys.add(key)
        try:
            return super().put(key, data, mode=mode)
        except UsageError:
            self.put_keys.discard(key)
            raise


def _is_atomic(store: Datastore) -> bool:
    return store.capabilities.conditional_writes is ConditionalWrites.ATOMIC


def _pass() -> None:
    """Used where nobody waits for a sign."""


def _ignore(_: CheckRow) -> None:
    """Used where nobody watches."""
