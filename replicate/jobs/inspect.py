"""Looks that a user takes before a journey: the source's schema, the config, the datastore."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from replicate.config import Config, DestinationConfig, SourceConfig, check_config, load_config
from replicate.config.lock import lock_path, read_lock, write_lock
from replicate.databases.base import Schema, Table
from replicate.databases.registry import open_destination, open_source
from replicate.datastores.check import CheckReport, check_datastore
from replicate.datastores.registry import open_datastore
from replicate.errors import ConfigError, ReplicateError
from replicate.jobs import guards
from replicate.jobs.leaks import refuse_keyless_filter
from replicate.jobs.masking import MaskingPlan, plan_masking
from replicate.jobs.masking.drift import lockable_columns
from replicate.jobs.opening import needed
from replicate.jobs.selection import select_tables


def source_schema(config: Config) -> Schema:
    """The tables of the configured source."""
    source = open_source(needed(config.source, "source"))
    with closing(source.open()) as snapshot:
        return snapshot.schema()


def planned_masking(config: Config) -> tuple[list[Table], MaskingPlan]:
    """The tables whose rows a dump would hold, and what would be masked in them."""
    schema = source_schema(config)
    tables = select_tables(config, schema).tables
    return [table for table in tables if not table.partitioned], plan_masking(
        config, schema, tables
    )


def lock_columns(config: Config, *, warn: Callable[[str], None]) -> LockChange:
    """Write the lock of the columns that the source has now; what that changed.

    A lock that can't be read counts for none, and `warn` hears of it.
    """
    columns = sorted(lockable_columns(source_schema(config)))
    name = config.path or "conf.yaml"
    path = lock_path(name)
    try:
        known = read_lock(path)
    except ConfigError as error:
        # To write it anew is what the error's own hint says.
        warn(f"{error.message}: it is written anew, and what it listed is not compared")
        known = None
    write_lock(path, columns, of=Path(name).name)
    if known is None:
        return LockChange(path, len(columns), None, None)
    now = {column[:3]: column[3] for column in columns}
    return LockChange(
        path,
        len(columns),
        [".".join(column[:3]) for column in columns if column not in known],
        [".".join(column) for column in sorted(known.types) if column not in now],
    )


@dataclass(frozen=True, slots=True)
class LockChange:
    """A lock that was written: how many columns it lists, and which ones are new or gone.

    A column of another type counts as new. Both lists are None where there was no lock before.
    """

    path: Path
    columns: int
    added: list[str] | None
    removed: list[str] | None


def check(path: str | Path, *, warn: Callable[[str], None]) -> list[ReplicateError]:
    """Every fault of a config that can be found without reading a row.

    First the file by itself; where that is sound, each section against what it names: the rules
    against the source's schema, the datastore, the destination's URI.
    """
    found: list[ReplicateError] = list(check_config(path))
    if found:
        return found
    sections = set(load_config(path, sections=()).sections)
    config = load_config(path, sections=sections)
    for warning in config.warnings:
        warn(warning)
    source = config.source
    if source is not None:
        found += _faults(config, "source.connection_uri", lambda: _check_rules(config))
        found += _faults(config, "source.leak_filter", lambda: refuse_keyless_filter(config))
    if (datastore := config.datastore) is not None:
        key = f"datastore.{datastore.kind}"
        found += _faults(config, key, lambda: open_datastore(datastore).close())
    if (destination := config.destination) is not None:
        key = "destination.connection_uri"
        found += _faults(config, key, lambda: _check_destination(destination, source))
    return found


def check_store(config: Config, *, warn: Callable[[str], None]) -> CheckReport:
    """Run the datastore's conformance checks against the configured one; leaves nothing behind.

    Puts more than a thousand objects, and a large one, which takes its time.
    """
    with closing(open_datastore(needed(config.datastore, "datastore"), warn=warn)) as store:
        return check_datastore(store, thorough=True)


def _check_rules(config: Config) -> None:
    source = open_source(needed(config.source, "source"))
    with closing(source.open()) as snapshot:
        schema = snapshot.schema()
        selection = select_tables(config, schema)
        plan = plan_masking(config, schema, selection.tables)
        selection = replace(selection, masked=plan.masked_columns())
        # As a dump begins: whether the schema can be written, and the tables be read.
        snapshot.dumped_tables(selection)
        snapshot.pre_data(selection)


def _check_destination(settings: DestinationConfig, source: SourceConfig | None) -> None:
    destination = open_destination(settings)
    if source is not None:
        guards.refuse_source(destination, open_source(source).fingerprint())
    guards.refuse_protected(settings, destination)
    destination.is_empty()  # looks whether it is a database, or a place where one can be made


def _faults(config: Config, key: str, step: Callable[[], object]) -> list[ReplicateError]:
    """What `step` raises, with the place in the file that it is about."""
    try:
        step()
    except ConfigError as error:
        return [error]
    except ReplicateError as error:
        return [config.error(key, error.message, hint=error.hint)]
    return []
