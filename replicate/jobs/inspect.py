"""Looks that a user takes before a journey: the source's schema, the config, the datastore."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from replicate.config import Config, check_config, load_config
from replicate.databases.base import Schema
from replicate.databases.registry import open_destination, open_source
from replicate.datastores.check import CheckReport, check_datastore
from replicate.datastores.registry import open_datastore
from replicate.errors import ReplicateError
from replicate.jobs.masking import plan_masking
from replicate.jobs.opening import needed
from replicate.jobs.selection import select_tables


def source_schema(config: Config) -> Schema:
    """The tables of the configured source."""
    source = open_source(needed(config.source, "source").connection_uri.reveal())
    with closing(source.open()) as snapshot:
        return snapshot.schema()


def check(path: str | Path) -> list[ReplicateError]:
    """Every fault of a config that can be found without reading a row.

    First the file by itself; where that is sound, each section against what it names: the rules
    against the source's schema, the datastore, the destination's URI.
    """
    found: list[ReplicateError] = list(check_config(path))
    if found:
        return found
    sections = set(load_config(path, sections=()).sections)
    config = load_config(path, sections=sections)
    if config.source is not None:
        _collect(found, lambda: _check_rules(config))
    if config.datastore is not None:
        model = config.datastore
        _collect(found, lambda: open_datastore(model).close())
    if config.destination is not None:
        uri = config.destination.connection_uri
        _collect(found, lambda: open_destination(uri.reveal()))
    return found


def check_store(config: Config) -> CheckReport:
    """Run the datastore's conformance checks against the configured one; leaves nothing behind."""
    with closing(open_datastore(needed(config.datastore, "datastore"))) as store:
        return check_datastore(store)


def _check_rules(config: Config) -> None:
    schema = source_schema(config)
    plan_masking(config, schema, select_tables(config, schema))


def _collect(found: list[ReplicateError], step: Callable[[], object]) -> None:
    try:
        step()
    except ReplicateError as error:
        found.append(error)
