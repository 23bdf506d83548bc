"""Chunks that no dump names: what killed runs and interrupted deletions leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from replicate.datastores.base import Datastore, ObjectInfo
from replicate.dumps.layout import CHUNKS, MANIFESTS, dump_of, run_of
from replicate.dumps.manifest import (
    MAX_MANIFEST,
    run_id_of,
)
from replicate.dumps.objects import get_checked
from replicate.errors import CorruptError, NotFoundError
from replicate.threads import Threads

_READERS = 8


def find_orphans(
    store: Datastore,
    grace: timedelta,
    *,
    now: datetime,
    listed_runs: Callable[[], Iterable[str]],
) -> list[ObjectInfo]:
    """See `Catalog.orphans`. `listed_runs` are the runs that the reconciled index knows of.

    They save reading manifests, and are trusted only in the safe direction: that a run is named.
    That one is not named is proved by every manifest.
    """
    # Before the manifests: a dump completed in between is then seen to be one.
    runs: dict[str, list[ObjectInfo]] = {}
    for info in store.list(CHUNKS):
        run = run_of(info.key)
        if run is not None:
            runs.setdefault(run, []).append(info)
    limit = now - grace
    old = {run for run, chunks in runs.items() if max(info.modified for info in chunks) <= limit}
    if old:
        old.difference_update(listed_runs())
    if old:
        old.difference_update(_named_runs(store))
    return [info for run, chunks in runs.items() if run in old for info in chunks]


def _named_runs(store: Datastore) -> set[str]:
    manifests = [
        (name, info) for info in store.list(MANIFESTS) if (name := dump_of(info.key)) is not None
    ]
    with Threads(max_workers=_READERS) as threads:
        runs = threads.map(lambda pair: _named_run(store, *pair), manifests)
        return {run for run in runs if run is not None}


def _named_run(store: Datastore, name: str, info: ObjectInfo) -> str | None:
    try:
        return get_checked(
            store, info.key, lambda data: run_id_of(data, name), max_size=MAX_MANIFEST
        )
    except NotFoundError:
        return None  # deleted since it was listed
    except CorruptError as error:
        raise CorruptError(
            f"{error.message}; so it is not known which chunks are its own, and none was pruned",
            hint=f"put the manifest back from a copy, or run `replicate dump delete {name}`",
        ) from error
