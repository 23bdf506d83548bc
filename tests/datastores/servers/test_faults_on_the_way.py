"""What goes wrong between us and the store: done right all the same, or an error; nothing lost."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from replicate.config import DatastoreConfig
from replicate.datastores.base import Datastore, Replace
from replicate.datastores.registry import open_datastore
from replicate.dumps.objects import get_checked
from replicate.errors import ConflictError, CorruptError, DatastoreError, ReplicateError
from tests.support.fault_proxy import (
    FaultProxy,
    WireFault,
    cut_answer,
    cut_request,
    hang,
    lost_answer,
    refuse,
    slow,
    wrong_bytes,
)
from tests.support.object_servers.project import project_on
from tests.support.object_servers.reach import ObjectServer, Section, changed

OLD = b"what was there before\n" * 3000
NEW = b"what is put\n" * 5000

Make = Callable[..., WireFault]

FAULTS: dict[str, Make] = {
    "request cut before its body": cut_request,
    "request cut in its body": lambda *which, **how: cut_request(*which, at=20_000, **how),
    "answer cut before its body": cut_answer,
    "answer cut in its body": lambda *which, **how: cut_answer(*which, at=100, **how),
    "503 with Retry-After": lambda *which, **how: refuse(503, *which, retry_after=1, **how),
    "500": lambda *which, **how: refuse(500, *which, **how),
    "slow": lambda *which, **how: slow(0.4, *which, **how),
    "lost answer": lost_answer,
    "hang": hang,
}
"""Those that a second try gets over."""


class Wire:
    """The datastore `aws` on moto, by the proxy, and `behind` the same with nothing in between."""

    def __init__(
        self, proxy: FaultProxy, section: Section, store: Datastore, behind: Datastore
    ) -> None:
        self.proxy = proxy
        self.section = section
        self.store = store
        self.behind = behind

    def state(self) -> dict[str, bytes]:
        return {info.key: self.behind.get(info.key) for info in self.behind.list("")}


def _open(section: Section) -> Datastore:
    return open_datastore(DatastoreConfig.model_validate(section))


@pytest.fixture(scope="module")
def _wire(moto_server: ObjectServer) -> Iterator[Wire]:
    direct = moto_server.section(f"faults-{os.getpid()}")
    with FaultProxy(moto_server.url) as proxy:
        section = changed(direct, endpoint={"custom": proxy.url}, timeout=2, max_attempts=3)
        with closing(_open(direct)) as behind, closing(_open(section)) as store:
            # What the server can do is found out once.
            assert store.capabilities == behind.capabilities
            yield Wire(proxy, section, store, behind)


@pytest.fixture
def wire(_wire: Wire) -> Wire:
    """Holds `old` and `other`, both `OLD`, and has no fault yet."""
    _wire.proxy.script()
    _wire.behind.delete([info.key for info in _wire.behind.list("")])
    for key in _BEFORE:
        _wire.behind.put(key, OLD)
    return _wire


# Each operation: what to do, the requests that it is made of, and the state afterwards.


def _put(store: Datastore) -> None:
    assert store.put("old", NEW).size == len(NEW)


def _create(store: Datastore) -> None:
    info = store.put("new", NEW, mode="create")
    assert info.version == store.stat("new").version


def _get(store: Datastore) -> None:
    assert store.get("old") == OLD


def _get_range(store: Datastore) -> None:
    assert store.get("old", byte_range=(1000, 3000)) == OLD[1000:3000]


def _stat(store: Datastore) -> None:
    assert store.stat("old").size == len(OLD)


def _list(store: Datastore) -> None:
    assert [info.key for info in store.list("o")] == ["old", "other"]


def _delete(store: Datastore) -> None:
    store.delete(["old", "other"])


def _delete_one(store: Datastore) -> None:
    store.delete(["old"])


_BEFORE = {"old": OLD, "other": OLD}
OPERATIONS: dict[str, tuple[Callable[[Datastore], None], str, str, dict[str, bytes]]] = {
    "put": (_put, "PUT", "*/old", {"old": NEW, "other": OLD}),
    "create-only put": (_create, "PUT", "*/new", {"new": NEW, **_BEFORE}),
    "get": (_get, "GET", "*/old", _BEFORE),
    "get of a range": (_get_range, "GET", "*/old", _BEFORE),
    "stat": (_stat, "HEAD", "*/old", _BEFORE),
    "list": (_list, "GET", "*list-type=2*", _BEFORE),
    "delete": (_delete, "POST", "*delete*", {}),
    "delete of one": (_delete_one, "DELETE", "*/old", {"other": OLD}),
}

_ENOUGH = {
    "hang": ("put", "create-only put", "get", "delete"),
    "slow": ("put", "get", "list"),
    "503 with Retry-After": ("put", "get", "list", "delete"),
}
"""What takes seconds each time is not shown in every operation."""

_PAIRS = [(f, o) for f in FAULTS for o in OPERATIONS if o in _ENOUGH.get(f, OPERATIONS)]


@pytest.mark.parametrize(("fault", "operation"), _PAIRS)
def test_one_fault_is_got_over(fault: str, operation: str, wire: Wire) -> None:
    work, method, target, after = OPERATIONS[operation]
    wire.proxy.script(FAULTS[fault](method, target))
    work(wire.store)
    wire.proxy.assert_all_used()
    assert wire.state() == after


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", ["request cut in its body", "500", "lost answer"])
def test_fault_that_stays(fault: str, operation: str, wire: Wire) -> None:
    """An error that a retry may mend, after as many tries as the settings allow."""
    work, method, target, after = OPERATIONS[operation]
    wire.proxy.script(FAULTS[fault](method, target, times=99))
    with pytest.raises(ReplicateError, match="tried 3 times") as caught:
        work(wire.store)
    assert caught.value.transient
    struck = [each for each in wire.proxy.exchanges if each.fault is not None]
    assert len(struck) == 3
    # The answer alone was lost: it is done.
    assert wire.state() == (after if fault == "lost answer" else _BEFORE)


def test_no_more_than_one_write_is_taken_for_ones_own(wire: Wire) -> None:
    """A create whose answer was lost is ours; one that met another's object is not."""
    wire.proxy.script(lost_answer("PUT", "*/old"))
    with pytest.raises(ConflictError):
        wire.store.put("old", NEW, mode="create")
    wire.proxy.assert_all_used()
    assert wire.state() == _BEFORE


def test_lost_answer_to_a_replace(wire: Wire) -> None:
    wire.proxy.script(lost_answer("PUT", "*/old"))
    version = wire.behind.stat("old").version
    info = wire.store.put("old", NEW, mode=Replace(version))
    wire.proxy.assert_all_used()
    assert wire.behind.get("old") == NEW
    assert info.version == wire.behind.stat("old").version


@pytest.mark.parametrize("operation", ["list", "delete"])
def test_answer_that_makes_no_sense(operation: str, wire: Wire) -> None:
    """The first byte is wrong, so that it is no XML any more."""
    work, method, target, after = OPERATIONS[operation]
    wire.proxy.script(wrong_bytes(method, target))
    work(wire.store)
    wire.proxy.assert_all_used()
    assert wire.state() == after


def _sound(data: bytes) -> bytes:
    if hashlib.sha256(data).digest() != hashlib.sha256(OLD).digest():
        raise CorruptError("old is not what was stored")
    return data


def test_wrong_bytes_are_fetched_again(wire: Wire) -> None:
    wire.proxy.script(wrong_bytes("GET", "*/old", at=5))
    assert get_checked(wire.store, "old", _sound, max_size=len(OLD)) == OLD
    wire.proxy.assert_all_used()


def test_wrong_bytes_each_time_are_an_error(wire: Wire) -> None:
    wire.proxy.script(wrong_bytes("GET", "*/old", at=5, times=99))
    with pytest.raises((CorruptError, DatastoreError)):
        get_checked(wire.store, "old", _sound, max_size=len(OLD))


def test_fault_while_the_server_is_judged(wire: Wire) -> None:
    """What is found out of a server is not decided by a failure on the way."""
    wire.proxy.script(
        refuse(500, "PUT", times=1), lost_answer("PUT", skip=1), cut_answer("PUT", skip=2)
    )
    with closing(_open(wire.section)) as store:
        assert store.capabilities == wire.behind.capabilities
    wire.proxy.assert_all_used()


@pytest.mark.parametrize("fault", [*FAULTS, "wrong bytes"])
def test_journey(fault: str, moto_server: ObjectServer, tmp_path: Path) -> None:
    """A chunk, the manifest and the index meet it on their way in, and on their way back."""
    make = FAULTS.get(fault, wrong_bytes)
    some = 1 if fault in {"hang", "503 with Retry-After"} else None  # each takes seconds
    bucket = f"journey-{os.getpid()}-{[*FAULTS, 'wrong bytes'].index(fault)}"
    moto_server.make_bucket(bucket)
    with FaultProxy(moto_server.url) as proxy:
        direct = moto_server.section(bucket)
        section = changed(direct, endpoint={"custom": proxy.url}, timeout=2)
        project = project_on(section, tmp_path, encrypted=False)
        ways_in = [("PUT", "*/chunks/*1.*"), ("PUT", "*/dumps/*"), ("PUT", "*/index.json")]
        proxy.script(*(make(*way) for way in ways_in[:some]))
        name = project.succeed("dump", "create", "--jobs", "1").strip()
        proxy.assert_all_used()

        ways_back = [("GET", "*/chunks/*2.*"), ("GET", "*/dumps/*")]
        proxy.script(*(make(*way) for way in ways_back[:some]))
        project.succeed("dump", "verify", name)
        proxy.assert_all_used()
