"""Delete dumps, and the chunks that killed runs left behind."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from replicate.config import Config
from replicate.datastores.base import Datastore, HasLeftovers, KeepsVersions, ObjectInfo
from replicate.dumps import retention
from replicate.dumps.manifest import Header
from replicate.errors import CorruptError, ReplicateError
from replicate.jobs.opening import Library, open_library
from replicate.jobs.progress import Progress


@dataclass(frozen=True, slots=True)
class Removal:
    """A dump that was deleted; `header` is None where its manifest was damaged."""

    name: str
    header: Header | None


def delete_dumps(
    config: Config,
    *,
    name: str | None = None,
    older_than: timedelta | None = None,
    keep_last: int | None = None,
    dry_run: bool,
    progress: Progress,
) -> list[Removal]:
    """Delete one dump by name, or those that a rule selects; what was deleted.

    Exactly one of `name`, `older_than` and `keep_last` is given. With `dry_run` nothing is.
    """
    with open_library(config, warn=progress.warn) as library:
        if name is not None:
            return _delete_one(library, name, dry_run=dry_run, progress=progress)
        if older_than is not None:
            headers = library.catalog.headers()
            doomed = retention.older_than(headers, older_than, datetime.now(UTC))
        elif keep_last is not None:
            doomed = retention.keep_last(library.catalog.headers(), keep_last)
        else:
            raise ValueError("nothing says which dumps to delete")
        if not dry_run:
            _delete(library, [header.name for header in doomed], progress)
        return [Removal(header.name, header) for header in doomed]


def _delete_one(library: Library, name: str, *, dry_run: bool, progress: Progress) -> list[Removal]:
    removal = Removal(name, None)
    try:
        header = library.catalog.resolve(name)
        removal = Removal(header.name, header)
    except CorruptError as error:
        # A damaged dump can be deleted too, by the name it is listed under.
        progress.warn(error.message)
    if not dry_run:
        _delete(library, [removal.name], progress)
    return [removal]


def _delete(library: Library, names: list[str], progress: Progress) -> None:
    for deleted in library.catalog.delete_many(names):
        if deleted.kept:
            progress.warn(f"the chunks of {deleted.name} stay in the store: {deleted.kept}")
    if names:
        _tell_remains(library.store, progress)


def _tell_remains(store: Datastore, progress: Progress) -> None:
    """Say what the store keeps of what was deleted, if it can be asked."""
    with suppress(ReplicateError):
        if isinstance(store, KeepsVersions) and (remains := store.remains()):
            progress.note(remains)


def prune_orphans(
    config: Config, *, grace: timedelta, dry_run: bool, progress: Progress
) -> list[ObjectInfo]:
    """Remove chunks that no manifest names and that are older than `grace`; what they were.

    `grace` has to be longer than the longest dump takes: a running one's chunks have no manifest.
    """
    with open_library(config, warn=progress.warn) as library:
        orphans = library.catalog.orphans(grace)
        if orphans and not dry_run:
            library.store.delete([info.key for info in orphans])
            _tell_remains(library.store, progress)
        if isinstance(library.store, HasLeftovers):
            library.store.remove_leftovers(grace, dry_run=dry_run)
        return orphans
