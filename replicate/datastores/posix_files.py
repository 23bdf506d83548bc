"""The file-system calls that a local datastore is made of, each made safe.

Folders are passed as open descriptors and names are looked up relative to them, so that nobody can
exchange a folder for a link between two calls. Failures are plain `OSError`s, but for a symbolic
link where a folder should be: that is a `CorruptError`. `refusal` turns an `OSError` into an error
of ours.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from replicate.errors import CorruptError, DatastoreError, ReplicateError

LOCK_NAME = ".lock"
LOCK_PATIENCE = 60.0  # seconds; it is held for the time of a rename
TEMPORARY_NAME = re.compile(r"\.tmp-\d+-[0-9a-f]{16}\Z")
NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP})
_MILLI = 1_000_000  # nanoseconds

_PIECE = 256 * 1024
"""Bytes written at a time, as cp does. Linux's ext4 takes memory for a longer write in such large
pieces that on a virtual machine the host has to find them first: eight times as slow, measured."""


class LockTimeoutError(TimeoutError):
    """The lock was not to be had for `LOCK_PATIENCE` seconds."""


def open_root(path: str) -> int:
    """The folder at `path`, links followed: where a datastore is kept is its owner's choice."""
    return os.open(path, _FOLDER)


def descend(root: int, folders: Sequence[str]) -> int:
    """The folder below `root` that `folders` lead to. Closes `root`."""
    return _walk(root, folders, make=False)


def make_folders(root: int, folders: Sequence[str]) -> int:
    """As `descend`, making what is missing, private to its owner. Closes `root`.

    Every folder on the way is synced, also one that was there: whoever made it may not have got
    that far yet, and an object is no more durable than the folders above it.
    """
    return _walk(root, folders, make=True)


def _walk(current: int, folders: Sequence[str], *, make: bool) -> int:
    for name in folders:
        try:
            below = _enter_or_make(current, name) if make else _enter(current, name)
        finally:
            os.close(current)
        current = below
    return current


def _enter_or_make(parent: int, name: str) -> int:
    try:
        below = _enter(parent, name)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
            if mode & 0o700 != 0o700:  # an umask that takes the owner's own permissions away
                os.chmod(name, 0o700, dir_fd=parent)
        below = _enter(parent, name)
    try:
        sync_folder(parent)
    except BaseException:
        os.close(below)
        raise
    return below


def _enter(parent: int, name: str) -> int:
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                raise CorruptError(
                    f"the datastore holds a symbolic link where the folder {name} should be"
                ) from error
        raise


def remove_if_empty(root: int, folders: Sequence[str]) -> None:
    """Remove the folder, and those above it, as long as they are empty; never `root`. Closes it.

    Best effort, and safe beside writers: a folder holding as much as a temporary file stays, and
    a writer whose folder vanished before it had one there makes it anew.
    """
    try:
        for depth in range(len(folders), 0, -1):
            with suppress(FileNotFoundError):
                parent = descend(os.dup(root), folders[: depth - 1])
                try:
                    os.rmdir(folders[depth - 1], dir_fd=parent)
                finally:
                    os.close(parent)
    except (OSError, ReplicateError):
        return
    finally:
        os.close(root)


def create_temporary(folder: int) -> tuple[str, int]:
    """A new file in `folder`, open for writing: its name and its descriptor.

    Nobody else may read it, not even between its creation and a later change of mode.
    """
    name = f".tmp-{os.getpid()}-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        _let_owner_in(descriptor)
    except BaseException:
        os.close(descriptor)
        os.unlink(name, dir_fd=folder)
        raise
    return name, descriptor


def _let_owner_in(descriptor: int) -> None:
    """Undo an umask that takes the owner's own permissions away."""
    if os.fstat(descriptor).st_mode & 0o600 != 0o600:
        os.fchmod(descriptor, 0o600)


def discard(folder: int, name: str) -> None:
    """Remove a temporary file that may be gone already.

    A leftover is better than an error that hides another, or one after success.
    """
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)


def remove(folder: int, name: str) -> None:
    """Remove the file `name`. One that isn't there is no error, nor is a folder, which stays."""
    try:
        os.unlink(name, dir_fd=folder)
    except OSError as error:
        if is_absence(error):
            return
        if error.errno in (errno.EISDIR, errno.EPERM):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                return
        raise


def is_absence(error: OSError) -> bool:
    """Whether `error` says that there is no such file: also for a name too long to be one."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def write_durably(descriptor: int, data: memoryview) -> os.stat_result:
    """Write all of `data` and sync it; the status of the file as it then is, for good.

    File systems count time in steps of milliseconds and hand out the inode of a file just removed
    again, so two files written one after the other can look the same. The time of last change
    therefore is put back by a random part of a millisecond.
    """
    written = 0
    while written < len(data):
        written += os.write(descriptor, data[written : written + _PIECE])
    changed = os.fstat(descriptor).st_mtime_ns
    os.utime(descriptor, ns=(changed, changed - secrets.randbelow(_MILLI)))
    _sync(descriptor)
    return os.fstat(descriptor)


def read_exactly(descriptor: int, start: int, count: int) -> bytes:
    """`count` bytes from `start`, or fewer where the file ends before."""
    data = os.pread(descriptor, count, start)
    if len(data) == count or not data:
        return data
    pieces = [data]
    done = len(data)
    while done < count and (data := os.pread(descriptor, count - done, start + done)):
        pieces.append(data)
        done += len(data)
    return b"".join(pieces)


def sync_folder(folder: int) -> None:
    """Make the names in `folder` durable, where the file system has a way to ask for it."""
    try:
        _sync(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        # There fsync leaves the data in the drive's cache; not every file system knows the other.
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


@contextmanager
def locked(root: int) -> Iterator[None]:
    """Hold the lock of the datastore at `root`, among threads and processes of this machine.

    Closes `root`. A `LockTimeoutError` where another holds it too long; the system frees the lock
    of a process that dies.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        lock = os.open(LOCK_NAME, flags, 0o600, dir_fd=root)
    finally:
        os.close(root)
    try:
        _let_owner_in(lock)
        _acquire(lock, time.monotonic() + LOCK_PATIENCE)
        try:
            yield
        finally:
            # Not left to `close`: a process forked meanwhile has a share in the descriptor.
            fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def _acquire(lock: int, deadline: float) -> None:
    pause = 0.0005
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LockTimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
            time.sleep(pause * (0.5 + random.random()))  # noqa: S311  (no secret: spreads waiters)
            pause = min(pause * 1.5, 0.02)
        else:
            return


def refusal(error: OSError, *, doing: str, where: str) -> ReplicateError:
    """What to tell the user about `error`, met when `doing` in the datastore at `where`."""
    code = error.errno
    hint = None
    transient = False
    if isinstance(error, LockTimeoutError):
        message = f"another process has held the lock of the datastore {where} for too long"
        hint = f"end the process that has the file {LOCK_NAME} there open"
        transient = True
    elif code == errno.ENOSPC:
        message = f"no space left on the datastore {where}"
        hint = "free some space there and run the command again"
    elif code == errno.EDQUOT:
        message = f"the disk quota is used up on the datastore {where}"
        hint = "free some space there, or have the quota raised, and run the command again"
    elif code == errno.EFBIG:
        message = f"{doing} would make a file larger than allowed on the datastore {where}"
        hint = "see `ulimit -f` and the limits of the file system"
    elif code == errno.EROFS:
        message = f"the datastore {where} is on a read-only file system"
    elif code in (errno.EACCES, errno.EPERM):
        message = f"no permission for {doing} in the datastore {where}"
        hint = "check the owner and the permissions of the directory and of what is in it"
    else:
        message = f"{doing} failed in the datastore {where}: {os.strerror(code or errno.EIO)}"
        transient = code in (errno.ESTALE, errno.ETIMEDOUT, errno.EBUSY, errno.EAGAIN)
    return DatastoreError(message, hint=hint, transient=transient)
