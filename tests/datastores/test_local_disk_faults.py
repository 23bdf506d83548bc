"""A store in a directory when the disk is full or broken, and when processes race or are killed."""

from __future__ import annotations

import ctypes.util
import errno
import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from replicate.datastores import posix_files
from replicate.datastores.base import Data, PutMode, Replace
from replicate.datastores.local_disk import LocalDisk
from replicate.errors import ConflictError, DatastoreError, NotFoundError

_REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> LocalDisk:
    return LocalDisk(str(tmp_path))


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.name != ".lock")


def _run(script: str, *arguments: str) -> str:
    """What `script` prints, run by itself so that it may fork and limit itself."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=_REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# The order of writes and syncs


class _Trace:
    """The calls that change the disk, in order, with the file or folder that each is about."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self._names: dict[int, str] = {}
        self._root = root
        self._patch = monkeypatch
        self._wrap_open()
        self._wrap_sync()
        for name in ("mkdir", "link", "replace", "unlink", "rmdir"):
            self._wrap(name)

    def _short(self, name: str) -> str:
        if name == str(self._root):
            return "root"
        return "temporary" if name.startswith(".tmp-") else name

    def _wrap_open(self) -> None:
        original = os.open

        def wrapped(path: str, flags: int, *rest: int, dir_fd: int | None = None) -> int:
            descriptor = original(path, flags, *rest, dir_fd=dir_fd)
            self._names[descriptor] = self._short(path)
            return descriptor

        self._patch.setattr(os, "open", wrapped)

    def _wrap_sync(self) -> None:
        original = posix_files._sync

        def wrapped(descriptor: int) -> None:
            self.calls.append(f"sync {self._names[descriptor]}")
            original(descriptor)

        self._patch.setattr(posix_files, "_sync", wrapped)

    def _wrap(self, name: str) -> None:
        original: Callable[..., None] = getattr(os, name)

        def wrapped(path: str, *rest: object, **options: object) -> None:
            self.calls.append(f"{name} {self._short(path)}")
            original(path, *rest, **options)

        self._patch.setattr(os, name, wrapped)

    def take(self) -> list[str]:
        calls, self.calls = self.calls, []
        return calls


def test_everything_is_synced_in_order(
    store: LocalDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = _Trace(tmp_path, monkeypatch)

    store.put("a/b/one", b"x", mode="create")
    assert trace.take() == [
        "mkdir a",
        "sync root",
        "mkdir b",
        "sync a",
        "sync temporary",
        "link temporary",
        "unlink temporary",
        "sync b",
    ]

    version = store.put("a/b/one", b"y").version
    replaced = ["sync root", "sync a", "sync temporary", "replace temporary", "sync b"]
    assert trace.take() == replaced

    store.put("a/b/one", b"z", mode=Replace(version))
    assert trace.take() == replaced

    store.delete(["a/b/one"])
    assert trace.take() == ["unlink one", "sync b", "rmdir b", "rmdir a"]

    store.put("top", b"x")
    assert trace.take() == ["sync temporary", "replace temporary", "sync root"]


def test_many_deletes_sync_a_folder_once(
    store: LocalDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"a/{number}" for number in range(5)] + [f"b/{number}" for number in range(5)]
    for key in keys:
        store.put(key, b"")
    trace = _Trace(tmp_path, monkeypatch)
    store.delete(keys)
    calls = trace.take()
    assert [call for call in calls if call.startswith("sync")] == ["sync a", "sync b"]
    assert calls.index("sync a") > max(calls.index(f"unlink {number}") for number in range(5))


# The disk says no


def _fail_sync(monkeypatch: pytest.MonkeyPatch, which: int, code: int = errno.EIO) -> list[int]:
    """Let the sync number `which` (from 0) fail, and every later one; returns a list of all."""
    original = posix_files._sync
    calls: list[int] = []

    def sync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > which:
            raise OSError(code, os.strerror(code))
        original(descriptor)

    monkeypatch.setattr(posix_files, "_sync", sync)
    return calls


@pytest.mark.parametrize("mode", ["create", "overwrite"])
def test_failed_sync_of_the_file(
    store: LocalDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: PutMode
) -> None:
    calls = _fail_sync(monkeypatch, 0)
    with pytest.raises(DatastoreError, match="writing object failed") as caught:
        store.put("object", b"x", mode=mode)
    assert not caught.value.transient
    assert len(calls) == 1, "what a sync lost is not there any more when a second one succeeds"
    assert not _files(tmp_path)


def test_failed_sync_of_the_file_keeps_the_old_one(
    store: LocalDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = store.put("object", b"old")
    _fail_sync(monkeypatch, 0)
    for mode in ("overwrite", Replace(info.version)):
        with pytest.raises(DatastoreError):
            store.put("object", b"new", mode=mode)
    assert store.get("object") == b"old"
    assert store.stat("object") == info
    assert _files(tmp_path) == ["object"]


def test_failed_sync_of_the_folder_takes_a_creation_back(
    store: LocalDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail_sync(monkeypatch, 2)  # after those of the top folder and of the file
    with pytest.raises(DatastoreError):
        store.put("a/object", b"x", mode="create")
    assert not _files(tmp_path)
    monkeypatch.undo()
    store.put("a/object", b"x", mode="create")


def test_failed_sync_of_the_folder_leaves_an_overwritten_object_whole(
    store: LocalDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("object", b"old")
    _fail_sync(monkeypatch, 1)
    with pytest.raises(DatastoreError):
        store.put("object", b"new")
    assert store.get("object") == b"new"


def test_file_system_that_cannot_sync_folders(
    store: LocalDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.fsync

    def sync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no")
        original(descriptor)

    monkeypatch.setattr(posix_files, "_sync", sync)
    store.put("a/object", b"x", mode="create")
    assert store.get("a/object") == b"x"


@pytest.mark.parametrize(
    "failure",
    [
        (errno.ENOSPC, "no space left on the datastore"),
        (errno.EDQUOT, "the disk quota is used up on the datastore"),
        (errno.EFBIG, "a file larger than allowed on the datastore"),
        (errno.EROFS, "is on a read-only file system"),
        (errno.EACCES, "no permission for writing a/object in the datastore"),
        (errno.EIO, "writing a/object failed in the datastore .*: Input/output error"),
    ],
)
@pytest.mark.parametrize("mode", ["create", "overwrite"])
def test_failed_write(
    store: LocalDisk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: tuple[int, str],
    mode: PutMode,
) -> None:
    code, sentence = failure
    store.put("earlier", b"x")
    original = os.write
    written: list[int] = []

    def write(descriptor: int, data: Data) -> int:
        if sum(written) >= 10:
            raise OSError(code, os.strerror(code))
        written.append(original(descriptor, data[:4]))
        return written[-1]

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(DatastoreError, match=sentence) as caught:
        store.put("a/object", bytes(100), mode=mode)
    assert not caught.value.transient
    assert sum(written) == 12
    assert _files(tmp_path) == ["earlier"]
    monkeypatch.undo()
    store.put("a/object", bytes(100), mode=mode)
    assert store.get("a/object") == bytes(100)


def test_short_writes_and_reads_are_gone_on_with(
    store: LocalDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(1000)
    write, read = os.write, os.pread
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    monkeypatch.setattr(os, "pread", lambda fd, count, start: read(fd, min(count, 9), start))
    store.put("object", data)
    assert store.get("object") == data
    assert store.get("object", byte_range=(10, 500)) == data[10:500]


def test_file_that_ends_early(store: LocalDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("object", bytes(1000))
    read = os.pread
    monkeypatch.setattr(
        os, "pread", lambda fd, count, start: read(fd, min(count, max(0, 300 - start)), start)
    )
    with pytest.raises(DatastoreError, match="ended early, after 300 of 1000 bytes"):
        store.get("object")


def test_absurdly_large_file_is_refused(store: LocalDisk, tmp_path: Path) -> None:
    with (tmp_path / "object").open("wb") as file:
        try:
            file.truncate(8 << 40)
        except OSError:
            pytest.skip("the file system has no sparse files of that size")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 40, before[1]))
    try:
        with pytest.raises(DatastoreError, match="too large"):
            store.get("object")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert store.get("object", byte_range=(4 << 40, (4 << 40) + 3)) == bytes(3)


_LIMITED = """
import resource, sys
from replicate.datastores.local_disk import LocalDisk
from replicate.errors import DatastoreError
store = LocalDisk(sys.argv[1])
store.put("dumps/before", bytes(50_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
for mode in ("create", "overwrite"):
    try:
        store.put("dumps/after", bytes(200_000), mode=mode)
    except DatastoreError as error:
        print(error)
store.put("dumps/small", bytes(1000))
"""


def test_limit_on_the_size_of_files(store: LocalDisk, tmp_path: Path) -> None:
    printed = _run(_LIMITED, str(tmp_path)).splitlines()
    assert len(printed) == 2
    assert all("larger than allowed" in line for line in printed)
    assert [info.key for info in store.list("")] == ["dumps/before", "dumps/small"]
    assert _files(tmp_path) == ["dumps", "dumps/before", "dumps/small"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB, where that may be had."""
    library = ctypes.util.find_library("c")
    if sys.platform != "linux" or os.geteuid() != 0 or library is None:
        pytest.skip("needs root, to mount a file system")
    libc = ctypes.CDLL(library, use_errno=True)
    path = tmp_path / "tiny"
    path.mkdir()
    if libc.mount(b"tmpfs", bytes(path), b"tmpfs", 0, b"size=1m") != 0:
        pytest.skip("may not mount a file system")
    try:
        yield path
    finally:
        libc.umount2(bytes(path), 2)


def test_full_disk(tiny_disk: Path) -> None:
    store = LocalDisk(str(tiny_disk))
    store.put("chunks/1", bytes(600_000))
    for mode in ("create", "overwrite"):
        with pytest.raises(DatastoreError, match="no space left") as caught:
            store.put("chunks/2", bytes(600_000), mode=mode)
        assert not caught.value.transient
    with pytest.raises(DatastoreError, match="no space left"):
        store.put("chunks/1", bytes(600_001))
    assert store.get("chunks/1") == bytes(600_000)
    assert _files(tiny_disk) == ["chunks", "chunks/1"]
    store.delete(["chunks/1"])
    store.put("chunks/2", bytes(600_000), mode="create")


# A file system without hard links


@pytest.mark.parametrize("code", sorted(posix_files.NO_HARD_LINKS))
def test_create_without_hard_links(
    store: LocalDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)
    store.put("a/object", b"x", mode="create")
    with pytest.raises(ConflictError):
        store.put("a/object", b"y", mode="create")
    # A rival that got in after the first look is met under the lock.
    monkeypatch.setattr("replicate.datastores.local_disk._Place.check", _blind_once())
    with pytest.raises(ConflictError):
        store.put("a/object", b"y", mode="create")
    assert store.get("a/object") == b"x"
    assert _files(tmp_path) == ["a", "a/object"]


def _blind_once() -> Callable[..., None]:
    from replicate.datastores.local_disk import _Place  # noqa: PLC0415  (before it is patched)

    check = _Place.check
    seen: list[PutMode] = []

    def blind(place: _Place, mode: PutMode) -> None:
        seen.append(mode)
        if len(seen) > 1:
            check(place, mode)

    return blind


def test_link_whose_answer_was_lost(store: LocalDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    link: Callable[..., None] = os.link

    def twice(*arguments: object, **options: object) -> None:
        link(*arguments, **options)
        link(*arguments, **options)

    monkeypatch.setattr(os, "link", twice)
    store.put("object", b"x", mode="create")
    assert store.get("object") == b"x"


# Several processes

_FORK = """
import json, os, sys
from contextlib import suppress
from replicate.datastores.base import Replace
from replicate.datastores.local_disk import LocalDisk
from replicate.errors import ConflictError

def race(workers, work):
    '''Exit codes of processes that start at once.'''
    start, go = os.pipe()
    children = []
    for worker in range(workers):
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(start, 1)
            try:
                os._exit(work(worker))
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(99)
        children.append(child)
    os.close(go)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    os.close(start)
    return codes

store = LocalDisk(sys.argv[1])
"""

_CREATE = (
    _FORK
    + """
def create(key, worker):
    try:
        store.put(key, b"%d" % worker * 5000, mode="create")
    except ConflictError:
        return 11
    return 0

print(json.dumps([race(12, lambda worker: create(f"keys/{n}", worker)) for n in range(10)]))
"""
)

_COUNT = (
    _FORK
    + """
def count(worker):
    for _ in range(25):
        while True:
            version = store.stat("counter").version
            value = int(store.get("counter"))
            with suppress(ConflictError):
                store.put("counter", b"%d" % (value + 1), mode=Replace(version))
                break
    return 0

store.put("counter", b"0")
print(json.dumps(race(4, count)))
"""
)


def test_one_of_twelve_processes_creates(store: LocalDisk, tmp_path: Path) -> None:
    rounds: list[list[int]] = json.loads(_run(_CREATE, str(tmp_path)))
    assert len(rounds) == 10
    for number, codes in enumerate(rounds):
        assert sorted(codes) == [0] + [11] * 11
        assert store.get(f"keys/{number}") == b"%d" % codes.index(0) * 5000
    assert len(_files(tmp_path)) == 11


def test_four_processes_count_to_a_hundred(store: LocalDisk, tmp_path: Path) -> None:
    assert json.loads(_run(_COUNT, str(tmp_path))) == [0] * 4
    assert store.get("counter") == b"100"


_KILL = (
    _FORK
    + """
import hashlib, random, signal, time

def whole(data):
    return hashlib.sha256(data[32:]).digest() == data[:32]

def write_for_ever(seed, done):
    chance = random.Random(seed)
    while True:
        body = chance.randbytes(chance.choice((0, 10, 5_000, 300_000)))
        key = chance.choice(("a/1", "a/2", "b/c/3", "4"))
        mode = chance.choice(("overwrite", "create", "replace", "delete"))
        with suppress(ConflictError):
            if mode == "delete":
                store.delete([key])
            elif mode == "replace":
                found = next(iter(store.list(key)), None)
                if found:
                    store.put(key, hashlib.sha256(body).digest() + body,
                              mode=Replace(found.version))
            else:
                store.put(key, hashlib.sha256(body).digest() + body, mode=mode)
        os.write(done, b".")

chance = random.Random(7)
seen = torn = leftovers = 0
for round in range(30):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        write_for_ever(round, writer)
    os.close(writer)
    for _ in range(3):  # finished, however slow the disk is
        os.read(reader, 1)
    time.sleep(chance.uniform(0.001, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    for info in store.list(""):
        data = store.get(info.key)
        seen += 1
        torn += not whole(data) or len(data) != info.size
    leftovers += sum(name.startswith(".tmp-") for _, _, names in os.walk(sys.argv[1])
                     for name in names)
print(json.dumps([seen, torn, leftovers]))
"""
)


def test_killed_at_any_moment_every_object_is_whole(store: LocalDisk, tmp_path: Path) -> None:
    seen, torn, leftovers = json.loads(_run(_KILL, str(tmp_path)))
    assert seen > 30
    assert torn == 0
    assert leftovers > 0, "no kill came in the middle of a write: this proves nothing"
    assert store.remove_leftovers(timedelta(0)) > 0
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {info.key for info in store.list("")} | {".lock"}
    store.delete([info.key for info in store.list("")])
    with pytest.raises(NotFoundError):
        store.get("a/1")
    assert not _files(tmp_path)
