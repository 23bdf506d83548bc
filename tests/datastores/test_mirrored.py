"""Several stores as one: what each must hold, which may lag, and who is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from replicate.datastores.base import (
    Capabilities,
    ConditionalWrites,
    Data,
    Datastore,
    Finding,
    HasCopies,
    HasLeftovers,
    ObjectInfo,
    PutMode,
    Replace,
)
from replicate.datastores.conformance import CASES, Case
from replicate.datastores.local_disk import LocalDisk
from replicate.datastores.mirrored import Copy, Mirrored
from replicate.datastores.retrying import Retrying
from replicate.dumps.objects import get_checked, put_once
from replicate.errors import (
    ConflictError,
    CorruptError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    TooLargeError,
    UsageError,
)
from tests.support.faulty_store import Fault, FaultyStore, after, before, flip
from tests.support.memory_store import MemoryStore

DOWN = DatastoreError("connection refused", transient=True)


class Named(MemoryStore):
    def __init__(
        self, name: str, conditional_writes: ConditionalWrites = ConditionalWrites.ATOMIC
    ) -> None:
        super().__init__(conditional_writes)
        self.location = name
        self._writes = 1000 * ord(name[0])  # no two stores give the same versions

    def bodies(self) -> dict[str, bytes]:
        return {key: body for key, (body, _) in self.objects.items()}


class Mirrors:
    """Mirrors over stores in memory, `a` and `b` required and `c` optional, each with a script."""

    def __init__(self, **scripts: tuple[Fault, ...]) -> None:
        self.inner = {name: Named(name) for name in "abc"}
        self.faulty = {
            name: FaultyStore(store, *scripts.get(name, ())) for name, store in self.inner.items()
        }
        self.warnings: list[str] = []
        self.store = Mirrored(
            [Copy(store, required=name != "c") for name, store in self.faulty.items()],
            warn=self.warnings.append,
        )

    def bodies(self) -> list[dict[str, bytes]]:
        return [store.bodies() for store in self.inner.values()]

    def operations(self, name: str) -> list[str]:
        return [operation for operation, _ in self.faulty[name].calls]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_two_directories_conform(case: Case, tmp_path: Path) -> None:
    warnings: list[str] = []
    copies = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        copies.append(LocalDisk(str(tmp_path / name)))
    store = Mirrored([Copy(copies[0]), Copy(copies[1])], warn=warnings.append)
    case.run(store, "check/case/")
    held = [{info.key: copy.get(info.key) for info in copy.list("")} for copy in copies]
    if "race" not in case.name:
        assert held[0] == held[1]
    assert held[0].keys() == held[1].keys()
    store.delete([info.key for info in store.list("")])
    assert [[*copy.list("")] for copy in copies] == [[], []]
    assert warnings == []
    store.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_optional_copy_that_is_down_changes_nothing(case: Case) -> None:
    warnings: list[str] = []
    store = Mirrored([Copy(Dead(), required=False), Copy(MemoryStore())], warn=warnings.append)
    case.run(store, "check/case/")
    assert len(warnings) == len(set(warnings)) <= 3


class Dead(MemoryStore):
    """Nobody answers."""

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:  # noqa: ARG002
        raise DOWN

    def get(
        self,
        key: str,  # noqa: ARG002
        *,
        byte_range: tuple[int, int] | None = None,  # noqa: ARG002
        max_size: int | None = None,  # noqa: ARG002
    ) -> bytes:
        raise DOWN

    def stat(self, key: str) -> ObjectInfo:  # noqa: ARG002
        raise DOWN

    def list(self, prefix: str) -> Iterator[ObjectInfo]:  # noqa: ARG002
        raise DOWN

    def delete(self, keys: object) -> None:  # noqa: ARG002
        raise DOWN


def test_required_copies_come_first_and_one_has_to_be() -> None:
    a, b, c = (Named(name) for name in "abc")
    store: Datastore = Mirrored([Copy(a, required=False), Copy(b), Copy(c)])
    assert isinstance(store, HasCopies)
    assert store.copies == [b, c, a]
    assert store.location == "mirrors: b, c, a"
    assert store.put("k", b"x") == b.stat("k")
    for copies in ([], [Copy(a, required=False)]):
        with pytest.raises(UsageError, match="required"):
            Mirrored(copies)


def test_capabilities_are_those_of_the_copy_that_decides() -> None:
    careless = Named("a", ConditionalWrites.NONE)
    none = Capabilities(ConditionalWrites.NONE)
    assert Mirrored([Copy(careless), Copy(Named("b"))]).capabilities == none
    assert Mirrored([Copy(careless, required=False), Copy(Named("b"))]).capabilities != none


# Writing


@pytest.mark.parametrize("mode", ["overwrite", "create"])
def test_everything_goes_everywhere(mode: PutMode) -> None:
    mirrors = Mirrors()
    info = mirrors.store.put("k", bytearray(b"x"), mode=mode)
    assert mirrors.bodies() == [{"k": b"x"}] * 3
    assert info == mirrors.inner["a"].stat("k")
    assert mirrors.warnings == []


def test_an_overwrite_goes_to_all_at_the_same_time() -> None:
    barrier = threading.Barrier(3)

    class Meeting(MemoryStore):
        def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
            barrier.wait(60)
            return super().put(key, data, mode=mode)

    Mirrored([Copy(Meeting()) for _ in range(3)]).put("k", b"x")


def test_a_replace_is_decided_by_the_first() -> None:
    mirrors = Mirrors()
    version = mirrors.store.put("k", b"1").version
    info = mirrors.store.put("k", b"2", mode=Replace(version))
    assert mirrors.bodies() == [{"k": b"2"}] * 3
    with pytest.raises(ConflictError, match=r"^a: "):
        mirrors.store.put("k", b"3", mode=Replace(version))
    assert mirrors.bodies() == [{"k": b"2"}] * 3
    assert mirrors.store.stat("k") == info


def test_what_only_another_copy_has_can_be_replaced() -> None:
    mirrors = Mirrors()
    mirrors.inner["b"].put("k", b"old")
    version = mirrors.store.stat("k").version
    with pytest.raises(ConflictError):
        mirrors.store.put("k", b"new", mode=Replace("another"))
    mirrors.store.put("k", b"new", mode=Replace(version))
    assert mirrors.bodies() == [{"k": b"new"}] * 3


@pytest.mark.parametrize("name", "ab")
@pytest.mark.parametrize("mode", ["overwrite", "create", "replace"])
def test_a_required_copy_that_fails_is_an_error_that_names_it(name: str, mode: str) -> None:
    mirrors = Mirrors(**{name: (before("put", DOWN, skip=1),)})
    version = mirrors.store.put("k", b"0").version
    if mode == "create":
        mirrors.store.delete(["k"])
    how: dict[str, PutMode] = {"replace": Replace(version), "create": "create"}
    with pytest.raises(DatastoreError) as caught:
        mirrors.store.put("k", b"1", mode=how.get(mode, "overwrite"))
    assert caught.value.message == f"{name}: connection refused"
    assert DOWN.message == "connection refused"
    if mode == "create":
        assert mirrors.bodies() == [{}] * 3
    mirrors.faulty[name].assert_all_used()


@pytest.mark.parametrize("mode", ["overwrite", "create"])
def test_an_optional_copy_that_fails_is_warned_of_and_put_to_no_more(mode: PutMode) -> None:
    mirrors = Mirrors(c=(before("put", DOWN),))
    for key in ("k", "l"):
        mirrors.store.put(key, b"x", mode=mode)
    assert mirrors.bodies() == [{"k": b"x", "l": b"x"}] * 2 + [{}]
    assert mirrors.operations("c") == ["put"]
    (warning,) = mirrors.warnings
    assert warning.startswith("c: connection refused; ")
    assert "datastore sync" in warning


def test_a_create_finds_the_same_bytes_in_another_copy() -> None:
    mirrors = Mirrors(c=(before("put", DatastoreError("full")),))
    mirrors.inner["b"].put("k", b"x")
    mirrors.store.put("k", memoryview(b"x"), mode="create")
    assert mirrors.bodies() == [{"k": b"x"}, {"k": b"x"}, {}]


@pytest.mark.parametrize("name", "abc")
@pytest.mark.parametrize("theirs", [b"y", b"", b"longer"])
def test_a_create_is_refused_where_any_copy_has_other_bytes(name: str, theirs: bytes) -> None:
    mirrors = Mirrors()
    mirrors.inner[name].put("k", theirs)
    with pytest.raises(ConflictError, match=f"^{name}: "):
        mirrors.store.put("k", b"x", mode="create")
    kept: list[dict[str, bytes]] = [{"k": theirs} if each == name else {} for each in "abc"]
    assert mirrors.bodies() == kept
    with pytest.raises(ConflictError):
        put_once(mirrors.store, "k", b"x")
    assert mirrors.bodies() == kept
    assert mirrors.warnings == []


def test_what_was_there_before_is_not_taken_back() -> None:
    mirrors = Mirrors()
    mirrors.inner["b"].put("k", b"x")
    mirrors.inner["c"].put("k", b"y")
    with pytest.raises(ConflictError):
        mirrors.store.put("k", b"x", mode="create")
    assert mirrors.bodies() == [{}, {"k": b"x"}, {"k": b"y"}]


def test_a_copy_without_conditions_is_looked_at_first() -> None:
    careless = Named("b", ConditionalWrites.NONE)
    first = Named("a")
    store = Mirrored([Copy(first), Copy(careless)])
    careless.put("k", b"y")
    careless.put("l", b"x")
    with pytest.raises(ConflictError):
        store.put("k", b"x", mode="create")
    store.put("l", b"x", mode="create")
    store.put("m", b"x", mode="create")
    assert careless.bodies() == {"k": b"y", "l": b"x", "m": b"x"}
    assert first.bodies() == {"l": b"x", "m": b"x"}


def test_no_conflict_is_claimed_while_a_copy_may_have_the_object() -> None:
    """For whoever hears of one may delete the chunks that the object names."""
    mirrors = Mirrors(b=(after("put", DOWN),))
    mirrors.inner["c"].put("k", b"y")
    with pytest.raises(DatastoreError, match=r"^b: connection refused$"):
        mirrors.store.put("k", b"x", mode="create")
    assert mirrors.bodies() == [{}, {"k": b"x"}, {"k": b"y"}]


def test_no_conflict_is_claimed_while_the_object_could_not_be_taken_back() -> None:
    mirrors = Mirrors(a=(before("delete", DOWN),))
    mirrors.inner["b"].put("k", b"y")
    with pytest.raises(DatastoreError, match="could not be taken back elsewhere: a: connection"):
        mirrors.store.put("k", b"x", mode="create")
    assert mirrors.bodies() == [{"k": b"x"}, {"k": b"y"}, {}]


def test_of_many_creates_at_once_one_is_everywhere() -> None:
    mirrors = Mirrors()
    barrier = threading.Barrier(6)

    def create(number: int) -> int | None:
        barrier.wait(60)
        try:
            mirrors.store.put("k", b"%d" % number, mode="create")
        except ConflictError:
            return None
        return number

    with ThreadPoolExecutor(6) as threads:
        (winner,) = [made for made in threads.map(create, range(6)) if made is not None]
    assert mirrors.bodies() == [{"k": b"%d" % winner}] * 3


def test_an_invalid_key_is_nobody_s_failure() -> None:
    mirrors = Mirrors()
    uses: list[Callable[[Datastore], object]] = [
        lambda store: store.put("../k", b""),
        lambda store: store.get("../k"),
        lambda store: store.stat("../k"),
        lambda store: store.delete(["../k"]),
    ]
    for use in uses:
        with pytest.raises(UsageError):
            use(mirrors.store)
    assert (mirrors.warnings, mirrors.operations("c")) == ([], [])


def test_an_error_that_is_none_of_ours_is_not_swallowed() -> None:
    mirrors = Mirrors(c=(before("put", ZeroDivisionError()),))
    with pytest.raises(ZeroDivisionError):
        mirrors.store.put("k", b"x")


def test_an_interrupt_does_not_wait_for_the_tries_of_others() -> None:
    called = threading.Event()

    class Interrupting(MemoryStore):
        def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:  # noqa: ARG002
            assert called.wait(60)
            raise KeyboardInterrupt

    class Busy(MemoryStore):
        def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:  # noqa: ARG002
            called.set()
            raise DatastoreError("busy", transient=True, retry_after=3_000)

    store = Mirrored([Copy(Interrupting()), Copy(Retrying(Busy(), attempts=2, total=3_000))])
    with ThreadPoolExecutor(1) as threads:
        put = threads.submit(store.put, "k", b"x")
        assert called.wait(60)
        store.interrupt()
        with pytest.raises(KeyboardInterrupt):
            put.result(60)


# Reading


def test_the_first_copy_that_has_it_is_read() -> None:
    mirrors = Mirrors()
    for name, key in (("a", "k"), ("b", "k"), ("b", "l"), ("c", "l"), ("c", "m")):
        mirrors.inner[name].put(key, name.encode())
    assert [mirrors.store.get(key) for key in "klm"] == [b"a", b"b", b"c"]
    assert [mirrors.store.stat(key) for key in "klm"] == [
        mirrors.inner[name].stat(key) for name, key in ("ak", "bl", "cm")
    ]
    assert mirrors.store.get("k", byte_range=(0, 1), max_size=1) == b"a"
    with pytest.raises(NotFoundError, match="no n in mirrors: a, b, c"):
        mirrors.store.get("n")
    assert mirrors.warnings == []


def test_a_copy_that_can_not_be_asked_is_passed_over_with_one_warning() -> None:
    mirrors = Mirrors(a=(before("get", DOWN, times=2), before("stat", DOWN)))
    mirrors.inner["b"].put("k", b"x")
    assert [mirrors.store.get("k"), mirrors.store.get("k")] == [b"x", b"x"]
    assert mirrors.store.stat("k") == mirrors.inner["b"].stat("k")
    assert mirrors.warnings == ["a: connection refused; another copy is read instead"]
    mirrors.faulty["a"].assert_all_used()


def test_a_required_copy_that_can_not_be_asked_may_have_what_no_other_has() -> None:
    mirrors = Mirrors(b=(before("get", DOWN), before("stat", DOWN)))
    for read in (mirrors.store.get, mirrors.store.stat):
        with pytest.raises(DatastoreError, match=r"^b: connection refused$"):
            read("k")


def test_an_optional_copy_decides_nothing_while_it_is_away() -> None:
    mirrors = Mirrors(c=(before("stat", DOWN, times=9),))
    for _ in range(2):
        with pytest.raises(NotFoundError):
            mirrors.store.stat("k")
    assert mirrors.warnings == [
        "c: connection refused; what only it holds is not seen, and nothing is deleted there"
    ]
    assert mirrors.operations("c") == ["stat"]
    mirrors.store.put("k", b"x")
    assert mirrors.bodies() == [{"k": b"x"}] * 3


def test_an_object_of_the_wrong_size_is_passed_over() -> None:
    mirrors = Mirrors()
    mirrors.inner["a"].put("k", b"too long")
    with pytest.raises(TooLargeError):
        mirrors.store.get("k", max_size=3)
    mirrors.inner["b"].put("k", b"fit")
    assert mirrors.store.get("k", max_size=3) == b"fit"


def test_a_listing_is_the_union_in_order_as_the_first_tells_it() -> None:
    mirrors = Mirrors()
    held = {"a": ["k/1", "k/3", "l"], "b": ["k/1", "k/2", "k/3"], "c": ["k/0", "k/3", "k/9"]}
    for name, keys in held.items():
        for key in keys:
            mirrors.inner[name].put(key, name.encode())
    listed = [*mirrors.store.list("k/")]
    assert [info.key for info in listed] == ["k/0", "k/1", "k/2", "k/3", "k/9"]
    assert listed == [
        mirrors.inner[name].stat(info.key) for name, info in zip("cabac", listed, strict=True)
    ]
    assert [*mirrors.store.list("z")] == []


@pytest.mark.parametrize("fault", [before, after])
@pytest.mark.parametrize("name", "ab")
def test_a_required_copy_that_can_not_be_listed_keeps_everything_from_being_deleted(
    name: str, fault: Callable[..., Fault]
) -> None:
    mirrors = Mirrors(**{name: (fault("list", DOWN),)})
    mirrors.store.put("k", b"x")
    mirrors.store.put("l", b"x")
    mirrors.store.delete(["l"])
    assert [info.key for info in mirrors.store.list("")] == ["k"]
    assert mirrors.warnings == [f"{name}: connection refused; another copy is read instead"]
    assert [info.key for info in mirrors.store.list("")] == ["k"]
    with pytest.raises(DatastoreError, match=f"nothing is deleted .* {name}: connection refused"):
        mirrors.store.delete(["k"])
    assert mirrors.bodies() == [{"k": b"x"}] * 3


def test_without_a_required_copy_a_listing_is_an_error() -> None:
    mirrors = Mirrors(a=(before("list", DOWN),), b=(after("list", DatastoreError("cut")),))
    mirrors.store.put("k", b"x")
    with pytest.raises(DatastoreError, match=r"^a: connection refused$"):
        list(mirrors.store.list(""))
    assert mirrors.warnings == []


@pytest.mark.parametrize("fault", [before, after])
def test_an_optional_copy_that_can_not_be_listed_is_left_out(fault: Callable[..., Fault]) -> None:
    mirrors = Mirrors(c=(fault("list", DOWN),))
    mirrors.store.put("k", b"x")
    for _ in range(2):
        assert [info.key for info in mirrors.store.list("")] == ["k"]
    assert mirrors.warnings == [
        "c: connection refused; what only it holds is not seen, and nothing is deleted there"
    ]
    assert mirrors.operations("c").count("list") == 1


# Deleting


def test_nothing_is_deleted_in_an_optional_copy_whose_manifests_were_out_of_sight() -> None:
    first, second = MemoryStore(), MemoryStore()
    for key in ("dumps/one.json", "chunks/a/1"):
        second.put(key, b"x")
    away = DatastoreError("away for a moment", transient=True)
    faulty = FaultyStore(second, before("list", away, key="dumps/*"))
    store = Mirrored([Copy(first), Copy(faulty, required=False)])
    assert [*store.list("dumps/")] == []
    orphans = [info.key for info in store.list("chunks/")]
    store.delete(orphans)
    assert [info.key for info in second.list("")] == ["chunks/a/1", "dumps/one.json"]


def test_a_delete_is_everywhere() -> None:
    mirrors = Mirrors()
    for key in "klm":
        mirrors.store.put(key, b"x")
    mirrors.inner["a"].delete(["k"])
    mirrors.store.delete(iter(["k", "l", "never"]))
    assert mirrors.bodies() == [{"m": b"x"}] * 3


def test_a_delete_that_a_required_copy_refuses_is_an_error_and_done_elsewhere() -> None:
    mirrors = Mirrors(a=(before("delete", DOWN),))
    mirrors.store.put("k", b"x")
    with pytest.raises(DatastoreError, match=r"^a: connection refused$"):
        mirrors.store.delete(["k"])
    assert mirrors.bodies() == [{"k": b"x"}, {}, {}]


def test_an_optional_copy_that_kept_a_manifest_keeps_its_chunks() -> None:
    mirrors = Mirrors(c=(before("delete", DOWN),))
    for key in ("manifest", "chunk"):
        mirrors.store.put(key, b"x")
    for key in ("manifest", "chunk"):
        mirrors.store.delete([key])
    assert mirrors.bodies() == [{}, {}, {"manifest": b"x", "chunk": b"x"}]
    assert mirrors.warnings == ["c: connection refused; what is deleted elsewhere stays there"]


# Settling


def test_settle_finds_what_a_copy_lacks() -> None:
    mirrors = Mirrors()
    mirrors.store.put("run/1", b"x")
    mirrors.store.put("run/2", b"xy")
    mirrors.store.settle("run/", {"run/1": 1, "run/2": 2})
    assert mirrors.warnings == []
    for size in (1, 3):
        with pytest.raises(ConflictError, match=r"^a: 1 of 2 objects .* run/2"):
            mirrors.store.settle("run/", {"run/1": 1, "run/2": size})
    mirrors.inner["b"].delete(["run/1"])
    with pytest.raises(ConflictError, match=r"^b: .* run/1") as caught:
        mirrors.store.settle("run/", {"run/1": 1, "run/2": 2})
    assert "datastore sync" in (caught.value.hint or "")


@pytest.mark.parametrize("script", [(), (before("list", DOWN),)])
def test_an_optional_copy_that_lags_gets_no_manifest(script: tuple[Fault, ...]) -> None:
    mirrors = Mirrors(c=script)
    mirrors.store.put("run/1", b"x")
    mirrors.inner["c"].delete(["run/1"])
    mirrors.store.settle("run/", {"run/1": 1})
    mirrors.store.put("dumps/one", b"m", mode="create")
    assert "dumps/one" not in mirrors.inner["c"].bodies()
    assert len(mirrors.warnings) == 1
    mirrors.store.settle("run/", {"run/1": 1})
    assert len(mirrors.warnings) == 1


def test_settle_asks_every_required_copy() -> None:
    mirrors = Mirrors(b=(before("list", DOWN),))
    with pytest.raises(DatastoreError, match=r"^b: "):
        mirrors.store.settle("run/", {})


# What else its copies can do


class Able(Named):
    closed = False

    def remains(self) -> str | None:
        return "old versions stay" if self.location == "a" else None

    def examine(self, prefix: str) -> Iterator[Finding]:
        yield Finding("prefix", True, prefix, "none")

    def remove_leftovers(self, older_than: timedelta, *, dry_run: bool = False) -> int:
        if self.location == "c":
            raise DOWN
        return older_than.days if dry_run else 0

    def close(self) -> None:
        self.closed = True
        if self.location == "a":
            raise DOWN


def test_what_the_copies_can_do_is_put_together() -> None:
    copies = [Able("a"), Able("b"), Able("c"), Named("d")]
    warnings: list[str] = []
    store = Mirrored([Copy(each, each.location != "c") for each in copies], warn=warnings.append)
    assert store.remains() == "a: old versions stay"
    assert [finding.detail for finding in store.examine("x/")] == ["a: x/", "b: x/", "c: x/"]
    assert isinstance(store, HasLeftovers)
    assert store.remove_leftovers(timedelta(3), dry_run=True) == 6
    assert len(warnings) == 1
    with pytest.raises(ReplicateError):
        store.close()
    assert [each.closed for each in copies if isinstance(each, Able)] == [True] * 3
    assert Mirrored([Copy(Named("a"))]).remains() is None


def test_a_copy_with_altered_bytes_is_left_to_whoever_knows_the_right_ones() -> None:
    mirrors = Mirrors(a=(flip("get", times=2),))
    mirrors.store.put("k", b"x")

    def check(data: bytes) -> bytes:
        if data != b"x":
            raise CorruptError("altered")
        return data

    assert get_checked(mirrors.store, "k", check, max_size=1) == b"x"
    mirrors.faulty["a"].assert_all_used()
