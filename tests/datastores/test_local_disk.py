"""What a store in a directory does beyond the protocol: files, folders, links, modes, leftovers."""

from __future__ import annotations

import itertools
import os
import pickle
import secrets
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from replicate.datastores import posix_files
from replicate.datastores.base import ConditionalWrites, Data, HasLeftovers, Replace
from replicate.datastores.local_disk import LocalDisk
from replicate.errors import (
    ConflictError,
    CorruptError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    UsageError,
)

_NOBODY = os.geteuid() != 0


@pytest.fixture
def store(tmp_path: Path) -> LocalDisk:
    root = tmp_path / "dumps here"
    root.mkdir()
    return LocalDisk(str(root))


@pytest.fixture
def root(store: LocalDisk, tmp_path: Path) -> Path:  # noqa: ARG001  (made by the other)
    return tmp_path / "dumps here"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# The directory


def test_missing_directory_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="does not exist") as caught:
        LocalDisk(str(tmp_path / "not here"))
    assert caught.value.exit_code == 10
    assert caught.value.hint is not None
    command = caught.value.hint.partition(": ")[2]
    subprocess.run(["/bin/sh", "-c", command], check=True)
    assert _mode(tmp_path / "not here") == 0o700
    LocalDisk(str(tmp_path / "not here"))


def test_file_in_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatastoreError, match="is not a directory"):
        LocalDisk(str(tmp_path / "file"))


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_unusable_name_of_the_directory(name: str) -> None:
    with pytest.raises(UsageError):
        LocalDisk(name)


def test_unknown_home() -> None:
    with pytest.raises(NotFoundError, match="no home directory"):
        LocalDisk("~nobody-of-this-name/dumps")


def test_home_and_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dumps").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    at_home = LocalDisk("~/dumps")
    relative = LocalDisk("./dumps")
    at_home.put("a", b"x")
    monkeypatch.chdir("/")
    assert relative.get("a") == b"x"
    assert at_home.location == "local disk ~/dumps"
    assert relative.location == "local disk ./dumps"


def test_location_is_printable(tmp_path: Path) -> None:
    odd = tmp_path / "a\x1b[31mb"
    odd.mkdir()
    assert "\x1b" not in LocalDisk(str(odd)).location


def test_directory_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    LocalDisk(str(tmp_path / "link")).put("a/b", b"x")
    assert (tmp_path / "real" / "a" / "b").read_bytes() == b"x"


def test_directory_that_goes_away(store: LocalDisk, root: Path) -> None:
    root.rmdir()
    for call in (
        lambda: store.put("a/b", b""),
        lambda: store.get("a/b"),
        lambda: store.stat("a"),
        lambda: store.delete(["a"]),
        lambda: [*store.list("")],
        lambda: store.remove_leftovers(timedelta(0)),
    ):
        with pytest.raises(NotFoundError, match="the directory of the datastore"):
            call()


@pytest.mark.skipif(not _NOBODY, reason="root may do everything")
def test_directory_without_permissions(store: LocalDisk, root: Path) -> None:
    store.put("a", b"x")
    root.chmod(0o500)
    assert store.get("a") == b"x"
    assert [info.key for info in store.list("")] == ["a"]
    with pytest.raises(DatastoreError, match="no permission for writing b"):
        store.put("b", b"")
    root.chmod(0)
    with pytest.raises(DatastoreError, match="no permission for reading"):
        store.get("a")
    root.chmod(0o700)


def test_capabilities_and_protocols(store: LocalDisk) -> None:
    assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC
    assert isinstance(store, HasLeftovers)


def test_may_be_pickled(store: LocalDisk) -> None:
    store.put("a", b"x")
    assert pickle.loads(pickle.dumps(store)).get("a") == b"x"  # noqa: S301  (our own)


# Files


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_modes_do_not_depend_on_the_umask(store: LocalDisk, root: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store.put("a/b/made", b"x", mode="create")
        store.put("a/b/written", b"x")
    finally:
        os.umask(before)
    assert {_mode(root / "a" / "b" / name) for name in ("made", "written")} == {0o600}
    assert {_mode(root / "a"), _mode(root / "a" / "b")} == {0o700}
    assert _mode(root / ".lock") & 0o677 == 0o600


@pytest.mark.parametrize(
    "data",
    [
        memoryview(b"abcdef")[::2],
        memoryview(b"abcdefgh").cast("I"),
        memoryview(b"abcdef").cast("B", (2, 3)),
        memoryview(b""),
        bytearray(),
    ],
)
def test_views_of_any_shape(store: LocalDisk, data: Data) -> None:
    assert store.put("a", data).size == len(bytes(data))
    assert store.get("a") == bytes(data)


def test_empty_range(store: LocalDisk) -> None:
    store.put("a", b"0123")
    assert store.get("a", byte_range=(4, 4)) == b""
    for byte_range in ((-1, 2), (3, 2), (5, 5)):
        with pytest.raises(DatastoreError, match="were asked of a, which has 4"):
            store.get("a", byte_range=byte_range)


def test_versions_differ_even_when_everything_goes_fast(
    store: LocalDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posix_files, "_sync", lambda _: None)
    steps = itertools.count(999_999, -1)  # as different as random ones nearly always are
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(steps))
    versions = [store.put("a", b"%03d" % number).version for number in range(300)]
    assert len(set(versions)) == 300


def test_time_is_put_back_by_a_random_part_of_a_millisecond(
    store: LocalDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So two files differ although the file system gave them one inode and one time."""
    original = os.utime
    steps = []

    def utime(descriptor: int, *, ns: tuple[int, int]) -> None:
        steps.append(os.fstat(descriptor).st_mtime_ns - ns[1])
        original(descriptor, ns=ns)

    monkeypatch.setattr(os, "utime", utime)
    for _ in range(20):
        store.put("a", b"x")
    assert len(set(steps)) > 15
    assert 0 <= min(steps) <= max(steps) < 1_000_000


def test_time_is_now_and_never_ahead(store: LocalDisk) -> None:
    before = datetime.now(UTC)
    modified = store.put("a", b"x").modified
    assert before - timedelta(seconds=1) < modified <= datetime.now(UTC)


def test_time_out_of_range_is_no_failure(store: LocalDisk, root: Path) -> None:
    store.put("a", b"x")
    try:
        os.utime(root / "a", (1e12, 1e12))
    except OSError:
        pytest.skip("the file system keeps no such time")
    assert store.stat("a").modified > datetime.now(UTC)
    assert [info.key for info in store.list("")] == ["a"]


def test_key_below_an_object_and_above_one(store: LocalDisk) -> None:
    store.put("a", b"x")
    with pytest.raises(DatastoreError, match="an object stands where it needs a folder"):
        store.put("a/b", b"x")
    for missing in ("a/b", "a/b/c"):
        with pytest.raises(NotFoundError):
            store.get(missing)
        with pytest.raises(NotFoundError):
            store.stat(missing)
    store.delete(["a/b"])
    assert not [*store.list("a/")]
    store.put("c/d", b"x")
    for mode in ("overwrite", "create"):
        with pytest.raises(DatastoreError, match="there are objects below it"):
            store.put("c", b"x", mode=mode)
    with pytest.raises(NotFoundError):
        store.stat("c")
    store.delete(["c"])
    assert [info.key for info in store.list("")] == ["a", "c/d"]


def test_name_too_long_for_the_file_system(store: LocalDisk, root: Path) -> None:
    long = "n" * 300
    with pytest.raises(DatastoreError, match="File name too long"):
        store.put(f"{long}/x", b"")
    with pytest.raises(DatastoreError, match="File name too long"):
        store.put(f"x/{long}", b"")
    for key in (long, f"{long}/x"):
        with pytest.raises(NotFoundError):
            store.get(key)
        store.delete([key])
        assert not [*store.list(key)]
    assert {path.name for path in root.iterdir()} <= {".lock"}


def test_refused_put_leaves_no_trace(store: LocalDisk, root: Path) -> None:
    with pytest.raises(ConflictError, match="was deleted"):
        store.put("deep/er/a", b"x", mode=Replace("0"))
    assert not [*root.iterdir()]
    store.put("deep/er/a", b"x")
    with pytest.raises(ConflictError, match="was changed"):
        store.put("deep/er/a", b"y", mode=Replace("0"))
    with pytest.raises(ConflictError, match="exists already"):
        store.put("deep/er/a", b"y", mode="create")
    assert sorted(path.name for path in root.rglob("*")) == [".lock", "a", "deep", "er"]


def test_invalid_key_reaches_nothing(store: LocalDisk, root: Path) -> None:
    outside = root.parent / "outside"
    outside.write_bytes(b"secret")
    for key in ("../outside", str(outside), "a/../../outside"):
        with pytest.raises(UsageError):
            store.get(key)
        with pytest.raises(UsageError):
            store.delete([key])
        assert not [*store.list(key)]
    assert outside.read_bytes() == b"secret"


# What is no object


def test_link_in_place_of_an_object(store: LocalDisk, root: Path) -> None:
    outside = root.parent / "outside"
    outside.write_bytes(b"secret")
    (root / "a").symlink_to(outside)
    for call in (store.get, store.stat):
        with pytest.raises(CorruptError, match="symbolic link"):
            call("a")
    assert not [*store.list("")]
    with pytest.raises(ConflictError):
        store.put("a", b"x", mode="create")
    store.put("a", b"mine")
    assert outside.read_bytes() == b"secret"
    assert not (root / "a").is_symlink()
    assert store.get("a") == b"mine"


def test_link_is_deleted_not_what_it_leads_to(store: LocalDisk, root: Path) -> None:
    outside = root.parent / "outside"
    outside.write_bytes(b"secret")
    (root / "a").symlink_to(outside)
    store.delete(["a"])
    assert outside.exists()
    assert not (root / "a").is_symlink()


def test_link_in_place_of_a_folder(store: LocalDisk, root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"secret")
    (root / "chunks").symlink_to(outside)
    for call in (
        lambda: store.get("chunks/a"),
        lambda: store.stat("chunks/a"),
        lambda: store.put("chunks/b", b"x"),
        lambda: store.delete(["chunks/a"]),
        lambda: [*store.list("chunks/")],
    ):
        with pytest.raises(CorruptError, match="symbolic link"):
            call()
    assert not [*store.list("")]
    assert [path.name for path in outside.iterdir()] == ["a"]


def test_pipe_in_place_of_an_object_does_not_hang(store: LocalDisk, root: Path) -> None:
    os.mkfifo(root / "a")
    with pytest.raises(CorruptError, match="special file"):
        store.get("a")
    assert not [*store.list("")]


def test_listing_passes_over_what_is_not_ours(store: LocalDisk, root: Path) -> None:
    store.put("dumps/a", b"x")
    (root / ".hidden").mkdir()
    (root / ".hidden" / "a").touch()
    (root / "a folder").mkdir()
    (root / "a folder" / "a").touch()
    (root / "dumps" / ".DS_Store").touch()
    (root / "dumps" / "ä").touch()
    (root / "dumps" / "a b").touch()
    (root / "dumps" / "empty").mkdir()
    with (root / "dumps").joinpath(os.fsdecode(b"\xff")).open("w"):
        pass
    assert [info.key for info in store.list("")] == ["dumps/a"]
    assert [info.key for info in store.list("dumps/a")] == ["dumps/a"]


def test_listing_ten_thousand(store: LocalDisk, root: Path) -> None:
    (root / "dumps").mkdir()
    for number in range(10_000):
        (root / "dumps" / f"{number:05}.json").touch()
    keys = [info.key for info in store.list("dumps/")]
    assert keys == [f"dumps/{number:05}.json" for number in range(10_000)]


def test_listing_is_lazy_and_holds_nothing_open(store: LocalDisk) -> None:
    for key in ("a/1", "b/1", "c/1"):
        store.put(key, b"")
    listing = store.list("")
    assert next(listing).key == "a/1"
    store.delete(["b/1"])
    store.put("c/2", b"")
    assert [info.key for info in listing] == ["c/1", "c/2"]


def test_listing_while_others_write(store: LocalDisk) -> None:
    stay = [f"stay/{number}" for number in range(20)]
    for key in stay:
        store.put(key, b"x")
    stop = threading.Event()

    def churn(worker: int) -> None:
        while not stop.is_set():
            for number in range(10):
                store.put(f"go/{worker}/{number}", b"x")
            store.delete([f"go/{worker}/{number}" for number in range(10)])

    with ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(churn, worker) for worker in range(2)]
        try:
            for _ in range(150):
                keys = [info.key for info in store.list("")]
                assert keys == sorted(keys)
                assert {key for key in keys if key.startswith("stay/")} == set(stay)
        finally:
            stop.set()
        for worker in workers:
            worker.result()


# Folders


def test_put_survives_the_removal_of_its_folder(store: LocalDisk) -> None:
    """Each delete empties the folder that the other threads are about to write to."""

    def work(worker: int) -> None:
        for done in range(200):
            key = f"deep/er/{worker}"
            store.put(key, b"%d" % worker, mode="create" if done % 2 else "overwrite")
            assert store.get(key) == b"%d" % worker
            store.delete([key])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert not [*store.list("")]


def test_folder_removed_for_ever_is_an_error(
    store: LocalDisk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = posix_files.create_temporary

    def removed(folder: int) -> tuple[str, int]:
        (root / "a").rmdir()
        return original(folder)

    monkeypatch.setattr(posix_files, "create_temporary", removed)
    with pytest.raises(DatastoreError, match="again and again") as caught:
        store.put("a/b", b"x")
    assert caught.value.transient


# The lock


def test_lock_held_by_another_process(
    store: LocalDisk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = store.put("a", b"x").version
    script = (
        "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.flock(f, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(root / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        monkeypatch.setattr(posix_files, "LOCK_PATIENCE", 0.05)
        for call in (
            lambda: store.put("a", b"y"),
            lambda: store.put("a", b"y", mode=Replace(version)),
            lambda: store.delete(["a"]),
        ):
            with pytest.raises(DatastoreError, match="held the lock") as caught:
                call()
            assert caught.value.transient
        assert store.get("a") == b"x"
        store.put("b", b"needs no lock", mode="create")
        monkeypatch.setattr(posix_files, "LOCK_PATIENCE", 30.0)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(store.put, "a", b"y")
            time.sleep(0.05)
            assert not waiting.done()
            holder.stdin.close()
            waiting.result()
    assert store.get("a") == b"y"
    assert not [path for path in root.iterdir() if path.name.startswith(".tmp")]


def test_lock_that_is_a_link_is_refused(store: LocalDisk, root: Path) -> None:
    (root / ".lock").symlink_to(root.parent / "elsewhere")
    with pytest.raises(DatastoreError):
        store.put("a", b"x")
    assert not (root.parent / "elsewhere").exists()


# Leftovers


def test_leftovers_by_age(store: LocalDisk, root: Path) -> None:
    store.put("a/object", b"x")
    old = [".tmp-12-0123456789abcdef", "a/.tmp-3-00000000deadbeef", "gone/b/.tmp-1-" + "1" * 16]
    other = [
        ".tmp-x-0123456789abcdef",
        ".tmp-12-0123456789abcdef.txt",
        ".hidden/.tmp-1-" + "1" * 16,
    ]
    young = ["a/.tmp-4-00000000deadbeef"]
    for name in (*old, *other, *young):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for name in (*old, *other, "a/object"):
        os.utime(root / name, (0, time.time() - 90_000))
    assert store.remove_leftovers(timedelta(days=1), dry_run=True) == 3
    assert all((root / name).exists() for name in old)
    (root / "empty" / "too").mkdir(parents=True)
    assert store.remove_leftovers(timedelta(days=1), dry_run=True) == 3
    assert (root / "empty" / "too").exists()
    assert store.remove_leftovers(timedelta(days=1)) == 3
    assert not (root / "empty").exists()
    assert not any((root / name).exists() for name in old)
    assert all((root / name).exists() for name in (*other, *young))
    assert not (root / "gone").exists()
    assert store.get("a/object") == b"x"
    assert store.remove_leftovers(timedelta(0)) == 1
    assert store.remove_leftovers(timedelta(0)) == 0


def test_leftover_links_lead_nowhere(store: LocalDisk, root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / (".tmp-1-" + "1" * 16)).touch()
    (root / "link").symlink_to(outside)
    assert store.remove_leftovers(timedelta(0)) == 0
    assert [*outside.iterdir()]


def test_put_whose_temporary_was_swept_away(
    store: LocalDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = posix_files.write_durably

    def swept(descriptor: int, data: memoryview) -> os.stat_result:
        status = original(descriptor, data)
        assert store.remove_leftovers(timedelta(0)) == 1
        return status

    monkeypatch.setattr(posix_files, "write_durably", swept)
    for mode in ("create", "overwrite"):
        with pytest.raises(ReplicateError, match="writing a/b failed"):
            store.put("a/b", b"x", mode=mode)
    assert not [*store.list("")]
