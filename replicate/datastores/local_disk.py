"""A datastore in a directory: one file an object, named by its key.

Every write goes to a hidden temporary file beside its target, is synced, and is then put in place
in one step: by a hard link, which fails where the name exists (`create`), or by a rename. A
compare-and-swap holds a lock, a hidden file in the directory, from the comparison to the rename;
so does whatever else replaces or removes a file. Hence a reader needs no lock, and a process
killed at any moment leaves an object whole, or absent, and at most a temporary file.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from replicate.datastores import leftovers
from replicate.datastores import posix_files as posix
from replicate.datastores.base import (
    Capabilities,
    ConditionalWrites,
    Data,
    ObjectInfo,
    PutMode,
    Replace,
    check_key,
    is_key,
    too_large,
)
from replicate.errors import (
    ConflictError,
    CorruptError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    UsageError,
)

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an object is to be: `name` in the open directory `folder`."""

    key: str
    folder: int
    name: str

    def status(self) -> os.stat_result | None:
        """Of what is there now, be it an object or not."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def check(self, mode: PutMode) -> None:
        """Raise unless `mode` lets an object be put here as things are."""
        found = self.status()
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise DatastoreError(f"{self.key} can't be stored: there are objects below it")
        if mode == "create" and found is not None:
            raise ConflictError(f"{self.key} exists already")
        if isinstance(mode, Replace):
            if found is None:
                raise ConflictError(f"{self.key} was deleted by somebody else")
            if _version(found) != mode.version:
                raise ConflictError(f"{self.key} was changed by somebody else")


class LocalDisk:
    """A `Datastore` in the directory `directory`, which has to exist.

    A leading `~` is the home directory; a relative path starts at the working directory. Files are
    made for their owner alone, whatever the umask. Symbolic links below the directory are never
    followed: in place of an object or of a folder they are a `CorruptError`.

    Conditional writes are atomic among the threads and processes of one machine. On a network
    file system `create` also is among machines; `Replace` is where the file system shares locks.

    A key and another that starts with it and a slash can't both exist, for one is a file and the
    other needs a folder: the second `put` is a `DatastoreError`. On a file system that ignores case
    two keys that differ in case alone are one.

    May be pickled, and used by several threads.
    """

    def __init__(self, directory: str) -> None:
        """Raise `NotFoundError` without the directory, `DatastoreError` if it can't be used."""
        if not directory or "\0" in directory:
            raise UsageError("the directory of the datastore has no usable name")
        self._shown = directory if directory.isprintable() else repr(directory)
        try:
            self._path = str(Path(directory).expanduser().absolute())
        except RuntimeError as error:
            raise NotFoundError(f"there is no home directory for {self._shown}") from error
        os.close(self._root())

    @property
    def location(self) -> str:
        return f"local disk {self._shown}"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(conditional_writes=ConditionalWrites.ATOMIC)

    def close(self) -> None:
        """Nothing is held open between calls."""

    # Writing

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        """See `Datastore.put`.

        Where the very last step fails, syncing the folder after a `create`, the object is taken
        away again. After `overwrite` and `Replace` it then is the new one, whole, but a power
        failure may bring back the old one.
        """
        *folders, name = check_key(key).split("/")
        with self._errors(f"writing {key}"):
            folder, temporary, descriptor = self._begin(key, folders)
            try:
                place = _Place(key, folder, name)
                try:
                    place.check(mode)  # spares the write; what counts is checked later
                    status = posix.write_durably(descriptor, _flat(data))
                finally:
                    os.close(descriptor)
                self._publish(place, temporary, mode, status)
            except BaseException:
                posix.discard(folder, temporary)
                self._prune(folders)
                raise
            finally:
                os.close(folder)
            return _info(key, status)

    def _begin(self, key: str, folders: Sequence[str]) -> tuple[int, str, int]:
        """The folder, and a temporary file in it, from which on nobody removes the folder."""
        for _ in range(_ATTEMPTS):
            try:
                folder = posix.make_folders(self._root(), folders)
            except FileNotFoundError:
                continue  # a folder was removed because its last object was deleted
            except NotADirectoryError as error:
                raise DatastoreError(
                    f"{key} can't be stored: an object stands where it needs a folder"
                ) from error
            try:
                return folder, *posix.create_temporary(folder)
            except FileNotFoundError:
                os.close(folder)
            except BaseException:
                os.close(folder)
                raise
        raise DatastoreError(
            f"the folder of {key} was removed again and again while it was written",
            transient=True,
        )

    def _publish(
        self, place: _Place, temporary: str, mode: PutMode, status: os.stat_result
    ) -> None:
        if mode == "create":
            self._create(place, temporary, status)
            posix.discard(place.folder, temporary)
            try:
                posix.sync_folder(place.folder)
            except OSError:
                self._withdraw(place, status)
                raise
        else:
            with self._lock():
                place.check(mode)
                _rename(place, temporary)
            posix.sync_folder(place.folder)

    def _create(self, place: _Place, temporary: str, status: os.stat_result) -> None:
        folder = place.folder
        try:
            os.link(
                temporary, place.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False
            )
        except FileExistsError:
            # A network file system may repeat a request whose answer was lost, and find its own.
            found = place.status()
            if found is None or _version(found) != _version(status):
                raise ConflictError(f"{place.key} exists already") from None
        except OSError as error:
            if error.errno not in posix.NO_HARD_LINKS:
                raise
            with self._lock():
                place.check("create")
                _rename(place, temporary)

    def _withdraw(self, place: _Place, status: os.stat_result) -> None:
        with suppress(OSError, ReplicateError), self._lock():
            place.check(Replace(_version(status)))
            os.unlink(place.name, dir_fd=place.folder)

    def delete(self, keys: Iterable[str]) -> None:
        """See `Datastore.delete`. Folders that this leaves empty go as well."""
        by_folder: dict[str, dict[str, None]] = {}
        for key in keys:
            path, _, name = check_key(key).rpartition("/")
            by_folder.setdefault(path, {})[name] = None
        for path, names in by_folder.items():
            with self._errors(f"deleting from {_folder_name(path)}"):
                try:
                    folder = posix.descend(self._root(), _segments(path))
                except OSError as error:
                    if posix.is_absence(error):
                        continue
                    raise
                try:
                    with self._lock():
                        for name in names:
                            posix.remove(folder, name)
                    posix.sync_folder(folder)
                finally:
                    os.close(folder)
                self._prune(_segments(path))

    def remove_leftovers(self, older_than: timedelta, *, dry_run: bool = False) -> int:
        """See `HasLeftovers.remove_leftovers`: temporary files of processes that were killed."""
        latest = (datetime.now(UTC) - older_than).timestamp()
        with self._errors("looking for leftovers"):
            return leftovers.sweep(self._root, latest, dry_run=dry_run)

    # Reading

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        """See `Datastore.get`. All of an object is read at once."""
        *folders, name = check_key(key).split("/")
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        with self._errors(f"reading {key}"):
            with self._folder(folders, key) as folder:
                self._check_object(os.stat(name, dir_fd=folder, follow_symlinks=False), key)
                descriptor = os.open(name, flags, dir_fd=folder)
            try:
                size = self._check_object(os.fstat(descriptor), key).st_size
                start, end = (0, size) if byte_range is None else byte_range
                if not 0 <= start <= end <= size:
                    raise DatastoreError(
                        f"bytes {start} to {end} were asked of {key}, which has {size}"
                    )
                if max_size is not None and end - start > max_size:
                    raise too_large(key, end - start, max_size)
                data = posix.read_exactly(descriptor, start, end - start)
            except MemoryError as error:
                raise DatastoreError(f"{key} is too large to be read at once") from error
            finally:
                os.close(descriptor)
        if len(data) != end - start:
            raise DatastoreError(f"{key} ended early, after {start + len(data)} of {size} bytes")
        return data

    def stat(self, key: str) -> ObjectInfo:
        *folders, name = check_key(key).split("/")
        with self._errors(f"reading {key}"), self._folder(folders, key) as folder:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            return _info(key, self._check_object(found, key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Datastore.list`. Folders are read one by one, each when its turn has come."""
        path, _, start = prefix.rpartition("/")
        if prefix.startswith("/") or (path and not is_key(path)):
            return  # no key starts like that
        yield from self._list(path, start)

    def _list(self, path: str, start: str) -> Iterator[ObjectInfo]:
        for name, info in self._entries(path, start):
            if info is None:
                yield from self._list(f"{path}/{name[:-1]}" if path else name[:-1], "")
            else:
                yield info

    def _entries(self, path: str, start: str) -> Sequence[tuple[str, ObjectInfo | None]]:
        """What is in the folder `path` and starts with `start`, in order of key.

        The name of a folder has a slash after it, as its keys have, and no info.
        """
        entries: dict[str, ObjectInfo | None] = {}
        base = f"{path}/" if path else ""
        with self._errors(f"listing {_folder_name(path)}"):
            try:
                folder = posix.descend(self._root(), _segments(path))
            except OSError as error:
                if posix.is_absence(error):
                    return []
                raise
            try:
                with os.scandir(folder) as found:
                    for entry in found:
                        name = entry.name
                        if not name.startswith(start) or not is_key(base + name):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            entries[f"{name}/"] = None
                        elif entry.is_file(follow_symlinks=False):
                            with suppress(FileNotFoundError):
                                status = entry.stat(follow_symlinks=False)
                                entries[name] = _info(base + name, status)
            finally:
                os.close(folder)
        return sorted(entries.items())

    # Ways in

    def _root(self) -> int:
        try:
            return posix.open_root(self._path)
        except FileNotFoundError as error:
            raise NotFoundError(
                f"the directory of the datastore {self._shown} does not exist",
                hint=f"create it with: mkdir -p -m 700 {shlex.quote(self._path)}",
            ) from error
        except NotADirectoryError as error:
            raise DatastoreError(f"the datastore {self._shown} is not a directory") from error
        except OSError as error:
            raise posix.refusal(error, doing="reading", where=self._shown) from error

    def _prune(self, folders: Sequence[str]) -> None:
        with suppress(ReplicateError):
            posix.remove_if_empty(self._root(), folders)

    def _lock(self) -> AbstractContextManager[None]:
        return posix.locked(self._root())

    @contextmanager
    def _folder(self, folders: Sequence[str], key: str) -> Iterator[int]:
        """The folder that `key` is in; what isn't there in it is a `NotFoundError` for `key`."""
        try:
            folder = posix.descend(self._root(), folders)
            try:
                yield folder
            finally:
                os.close(folder)
        except OSError as error:
            if posix.is_absence(error):
                raise self._missing(key) from error
            raise

    def _check_object(self, status: os.stat_result, key: str) -> os.stat_result:
        if stat.S_ISDIR(status.st_mode):
            raise self._missing(key)
        if not stat.S_ISREG(status.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "a special file"
            raise CorruptError(f"{key} in the datastore {self._shown} is {kind}, not an object")
        return status

    def _missing(self, key: str) -> NotFoundError:
        return NotFoundError(f"there is no {key} in the datastore {self._shown}")

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise posix.refusal(error, doing=doing, where=self._shown) from error


def _flat(data: Data) -> memoryview:
    view = memoryview(data)
    plain = view.format == "B" and view.ndim == 1 and view.contiguous
    return view if plain else memoryview(view.tobytes())


def _segments(path: str) -> Sequence[str]:
    return path.split("/") if path else ()


def _folder_name(path: str) -> str:
    return path or "the top folder"


def _rename(place: _Place, temporary: str) -> None:
    os.replace(temporary, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)


def _version(status: os.stat_result) -> str:
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    try:
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
    except (ValueError, OverflowError):
        modified = datetime.max.replace(tzinfo=UTC)  # never old enough to be cleaned up
    return ObjectInfo(key, status.st_size, modified, _version(status))
