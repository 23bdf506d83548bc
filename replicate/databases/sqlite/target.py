"""The file that a restore replaces: looked at, built beside, and swapped in one step.

The new database grows in a file of its own in the target's directory. Only when it is whole and on
the disk does it take the target's name, while the old file is locked against every other process.
So whatever fails or is killed before that leaves the old file as it was.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from replicate.databases.sqlite.connection import HEADER, connect, errors_of
from replicate.databases.sqlite.identity import SIDE_FILES, identity
from replicate.errors import ConflictError, DatabaseError, GuardError

_LOCK_SECONDS = 2.0
_SHOWN_TABLES = 3


class Contents:
    """What a target holds: the names of its tables and views, or None where there is no file."""

    def __init__(self, names: list[str] | None, *, views: bool = False) -> None:
        self._names = names
        self._views = views

    @property
    def empty(self) -> bool:
        return not self._names

    def __str__(self) -> str:
        if self._names is None:
            return "nothing"
        if not self._names:
            return "no tables"
        shown = ", ".join(self._names[:_SHOWN_TABLES])
        more = ", …" if len(self._names) > _SHOWN_TABLES else ""
        count = len(self._names)
        what = "tables and views" if self._views else "table" if count == 1 else "tables"
        return f"{count} {what}: {shown}{more}"


def contents(path: Path) -> Contents:
    """Look into the target.

    Raises `GuardError` where it is a file that is no database: such a file is never replaced.
    """
    try:
        if path.is_dir():
            raise GuardError(f"{path} is a directory, not a database")
        if not path.parent.is_dir():
            raise DatabaseError(f"there is no directory {path.parent}")
        if not path.exists():
            return Contents(None)
        if not path.is_file():
            raise GuardError(f"{path} is not an ordinary file")
        # SQLite would take a file of a few bytes for an empty database, and it may be any.
        if 0 < path.stat().st_size < HEADER:
            raise _no_database(path)
    except OSError as error:
        raise DatabaseError(f"{path} can't be looked at: {error.strerror}") from error
    try:
        with closing(connect(path, "ro")) as connection:
            return _contents(connection)
    except sqlite3.OperationalError as error:
        if not error.sqlite_errorname.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            with errors_of(path):
                raise
    except sqlite3.DatabaseError as error:
        raise _no_database(path) from error
    # A program that was killed has left a journal beside it, which only a writer can play back.
    with errors_of(path), closing(connect(path, "rw")) as connection:
        return _contents(connection)


def _no_database(path: Path) -> GuardError:
    return GuardError(
        f"{path} is not an SQLite database, or it is encrypted or damaged",
        hint="a restore replaces nothing but a database; choose another destination",
    )


def _contents(connection: sqlite3.Connection) -> Contents:
    rows = connection.execute(
        "SELECT name, type = 'view' FROM sqlite_schema WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name"
    ).fetchall()
    return Contents([name for name, _ in rows], views=any(view for _, view in rows))


class Workspace:
    """The new file, from its creation in the target's directory to its taking of the name."""

    def __init__(self, target: Path) -> None:
        """Create it. Raises `DatabaseError` where the directory doesn't allow that."""
        self._target = target
        self._before = identity(target)
        if not target.parent.is_dir():
            raise DatabaseError(f"there is no directory {target.parent}")
        _remove_stale(target)
        number = f"{os.getpid()}-{secrets.token_hex(6)}"
        self.path = target.parent / f".{target.name}.replicate-{number}.tmp"
        try:
            self._file = os.open(
                self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise DatabaseError(
                f"no file can be created in {target.parent}: {error.strerror}"
            ) from error
        # As long as this is held the file is not stale, whatever process number its name tells.
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def replace_target(self, *, wipe: bool) -> None:
        """Put the file, which no connection has open any more, in the target's place, durably.

        Raises `ConflictError` where another process uses the target or has changed it since, and
        `GuardError` where it is no longer empty and `wipe` is off.
        """
        try:
            self._dress()
            os.fsync(self._file)
            with self._target_locked(wipe=wipe):
                for end in SIDE_FILES:
                    # The new file would otherwise be changed by a log that was never its own.
                    _side_file(self._target, end).unlink(missing_ok=True)
                self.path.replace(self._target)
                self._sync_directory()
        except OSError as error:
            raise DatabaseError(f"{self._target} can't be replaced: {error.strerror}") from error
        os.close(self._file)
        self._file = -1

    def remove(self) -> None:
        """Take away what was begun; does nothing once the file has taken the target's place."""
        if self._file < 0:
            return
        _remove(self.path)
        os.close(self._file)
        self._file = -1

    def _dress(self) -> None:
        """Give the file the mode and the owner that the target has, or a new file would get."""
        try:
            old = self._target.stat()
        except FileNotFoundError:
            mask = os.umask(0o077)  # which can only be asked by setting it
            os.umask(mask)
            os.fchmod(self._file, 0o666 & ~mask)
            return
        with contextlib.suppress(PermissionError):
            os.fchown(self._file, old.st_uid, old.st_gid)
        os.fchmod(self._file, old.st_mode & 0o777)

    @contextmanager
    def _target_locked(self, *, wipe: bool) -> Iterator[None]:
        """Hold the target so that no other process can have it open in a transaction."""
        if identity(self._target) != self._before:
            raise ConflictError(
                f"{self._target} was replaced by another process in the meantime",
                hint="nothing was changed; look at it, and restore again",
            )
        if self._before is None:
            yield
            return
        with ExitStack() as stack:
            try:
                connection = connect(self._target, "rw", timeout=_LOCK_SECONDS)
                stack.enter_context(closing(connection))
                stack.push(self._lock(connection))
                held = _contents(connection)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                    raise self._in_use() from None
                with errors_of(self._target):
                    raise
            if not wipe and not held.empty:
                raise GuardError(
                    f"{self._target} is not empty any more: it holds {held}",
                    hint="nothing was changed; --wipe replaces it",
                )
            yield

    def _lock(self, connection: sqlite3.Connection) -> Callable[..., None]:
        """Lock the target; returns what undoes the preparations where the swap fails."""
        [mode] = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            # Takes the log into the file and then needs the file for itself alone, which tells
            # whether anybody else has it open.
            [left] = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            if left == "wal":
                raise self._in_use()
        connection.execute("BEGIN EXCLUSIVE")

        def undo(kind: object, *_: object) -> None:
            if kind is not None and mode == "wal":
                connection.execute("ROLLBACK")
                connection.execute("PRAGMA journal_mode = WAL")

        return undo

    def _in_use(self) -> ConflictError:
        return ConflictError(
            f"{self._target} is in use by another process",
            hint="end the programs that have it open; nothing was changed",
        )

    def _sync_directory(self) -> None:
        directory = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        except OSError as error:
            # Some file systems can't, and do without.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(directory)


def _side_file(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _remove(path: Path) -> None:
    for file in (path, *(_side_file(path, end) for end in SIDE_FILES)):
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def _remove_stale(target: Path) -> None:
    """Remove the beginnings of restores that were killed."""
    ours = re.compile(re.escape(f".{target.name}.replicate-") + r"(\d+)-[0-9a-f]{12}\.tmp")
    try:
        names = [path.name for path in target.parent.iterdir()]
    except OSError as error:
        raise DatabaseError(f"{target.parent} can't be looked at: {error.strerror}") from error
    for name in names:
        match = ours.fullmatch(name)
        path = target.parent / name
        if match and not _is_running(int(match[1])) and _is_free(path):
            _remove(path)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _is_free(path: Path) -> bool:
    """Whether no process holds the file: one in another container may have any number."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True
