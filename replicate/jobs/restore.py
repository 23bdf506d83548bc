"""Restore a dump: manifest → guards → pre-data → rows → post-data → the counts compared.

Nothing of the target changes before all guards have agreed. What was there stays usable until the
restored database takes its place, where the destination can do that. The first error stops it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from replicate.config import Config, DestinationConfig
from replicate.databases.base import Destination
from replicate.databases.registry import open_destination, open_script
from replicate.dumps.manifest import DumpedTable, Header, Manifest
from replicate.errors import UsageError
from replicate.jobs import guards
from replicate.jobs.contents import Contents, open_contents
from replicate.jobs.executor import cores
from replicate.jobs.loading import load_rows
from replicate.jobs.opening import needed, open_library
from replicate.jobs.progress import Progress


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """What a command line adds to the config's `destination`; None and False leave it as it is.

    `tables` restores only those, by name or by schema.name. `jobs` is the number of connections.
    """

    tables: Sequence[str] = ()
    wipe: bool = False
    swap: bool = False
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What a restore would do. `holds` says what the target holds now, in a few words.

    `drops` says what of that a wipe removes; empty where nothing is wiped.
    """

    header: Header
    target: str
    engine: str
    holds: str
    drops: str
    tables: list[DumpedTable]


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore did. `bytes` counts the text of rows and schema, before compression."""

    name: str
    target: str
    tables: int
    rows: int
    bytes: int
    seconds: float


def plan_restore(
    config: Config, value: str, options: RestoreOptions, *, progress: Progress
) -> RestorePlan:
    """Check everything that a restore checks, and tell what it would do; changes nothing."""
    settings = _settings(config, options)
    with open_library(config, warn=progress.warn) as library:
        dump = open_contents(config, library, value, options.tables)
        destination = open_destination(settings)
        _guard(settings, dump.manifest, destination)
        drops = ""
        if not destination.is_empty():
            sections = (dump.section("pre-data"), dump.section("post-data"))
            drops = destination.would_drop(*sections, only=dump.only)
        return RestorePlan(
            dump.manifest.header,
            destination.name,
            destination.engine,
            destination.describe_contents(),
            drops,
            [dump.manifest.body.tables[index] for index in sorted(dump.chosen)],
        )


def restore_dump(
    config: Config, value: str, options: RestoreOptions, *, progress: Progress
) -> RestoreReport:
    """Restore the dump named `value` (or ``latest``) into the configured destination.

    Raises `GuardError` where the target is the dump's own source, protected, or not empty and not
    to be wiped.
    """
    settings = _settings(config, options)
    with open_library(config, warn=progress.warn) as library:
        dump = open_contents(config, library, value, options.tables)
        destination = open_destination(settings)
        _guard(settings, dump.manifest, destination)
        return _restore(
            dump,
            destination,
            wipe=settings.wipe_database,
            jobs=settings.jobs or cores(),
            progress=progress,
        )


def restore_script(
    config: Config, value: str, *, tables: Sequence[str], out: BinaryIO, progress: Progress
) -> RestoreReport:
    """Write the dump as an SQL script that the database's own client runs."""
    with open_library(config, warn=progress.warn) as library:
        dump = open_contents(config, library, value, tables)
        script = open_script(dump.manifest.header.engine, out)
        return _restore(dump, script, wipe=False, jobs=1, progress=progress)


def _settings(config: Config, options: RestoreOptions) -> DestinationConfig:
    settings = needed(config.destination, "destination")
    return settings.model_copy(
        update={
            "wipe_database": options.wipe or settings.wipe_database,
            "swap": options.swap or settings.swap,
            "jobs": options.jobs or settings.jobs,
        }
    )


def _guard(settings: DestinationConfig, manifest: Manifest, destination: Destination) -> None:
    if destination.engine != manifest.header.engine:
        raise UsageError(
            f"the dump is of {manifest.header.engine}, and the destination is {destination.engine}"
        )
    guards.refuse_source(destination, manifest.body.source.fingerprint)
    guards.refuse_protected(settings, destination)
    if not settings.wipe_database:
        guards.refuse_contents(destination)


def _restore(
    dump: Contents, destination: Destination, *, wipe: bool, jobs: int, progress: Progress
) -> RestoreReport:
    started = time.monotonic()
    # The sections are small, and both are opened before the target is touched at all.
    pre_data, post_data = dump.section("pre-data"), dump.section("post-data")
    try:
        if wipe and (drops := destination.would_drop(pre_data, post_data, only=dump.only)):
            progress.note(drops)
        lanes = destination.begin(wipe=wipe, jobs=jobs)
        progress.stage("Restoring rows", dump.data_bytes)
        destination.run(pre_data, only=dump.only)
        rows = load_rows(dump, destination, lanes, progress)
        progress.stage("Building indexes", None)
        destination.run(post_data, only=dump.only)
        destination.finish()
    except BaseException:
        destination.abort()
        raise
    return RestoreReport(
        name=dump.manifest.header.name,
        target=destination.name,
        tables=len(dump.chosen),
        rows=rows,
        bytes=dump.data_bytes,
        seconds=time.monotonic() - started,
    )
