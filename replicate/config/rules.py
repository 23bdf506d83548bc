"""What has to hold between keys of conf.yaml, checked on the data with every line at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from replicate.config.positions import Positions, join
from replicate.errors import ConfigError

_Table = tuple[str, str]


def check_rules(data: Mapping[str, Any], positions: Positions) -> list[ConfigError]:
    """The contradictions in `data`. Parts of the wrong type are passed over: others report them."""
    source = data.get("source")
    if not isinstance(source, dict):
        return []
    return [
        *_tables_both_skipped_and_wanted(source, positions),
        *_tables_with_two_rules(source, positions),
    ]


def _tables_both_skipped_and_wanted(
    source: Mapping[str, Any], positions: Positions
) -> Iterator[ConfigError]:
    skipped: dict[_Table, str] = {}
    for key, table, _ in _tables(source, "skip"):
        skipped.setdefault(table, key)
    for key, table, _ in _tables(source, "only_tables"):
        if table in skipped:
            lines = sorted((positions.line(skipped[table]) or 0, positions.line(key) or 0))
            yield positions.error(
                key,
                f"the table {'.'.join(table)} is both in `skip` and in `only_tables`, "
                f"on lines {lines[0]} and {lines[1]}",
                "leave it in one of them",
            )


def _tables_with_two_rules(
    source: Mapping[str, Any], positions: Positions
) -> Iterator[ConfigError]:
    seen: dict[_Table, str] = {}
    for key, table, rule in _tables(source, "transformers"):
        if table in seen:
            lines = f"lines {positions.line(seen[table])} and {positions.line(key)}"
            yield positions.error(
                key,
                f"the table {'.'.join(table)} is listed twice, on {lines}",
                "put all of its columns under one entry",
            )
        seen.setdefault(table, key)
        columns: dict[str, str] = {}
        for index, column in enumerate(_list(rule.get("columns"))):
            name = column.get("name") if isinstance(column, dict) else None
            if not isinstance(name, str):
                continue
            column_key = join(join(key, "columns"), index)
            if name in columns:
                lines = f"lines {positions.line(columns[name])} and {positions.line(column_key)}"
                yield positions.error(
                    column_key,
                    f"the column {name} is listed twice, on {lines}",
                    "a column has one transformer",
                )
            columns.setdefault(name, column_key)


def _tables(source: Mapping[str, Any], key: str) -> Iterator[tuple[str, _Table, dict[str, Any]]]:
    """Each well-formed entry of a list of tables: its key, the table, and the entry itself."""
    for index, entry in enumerate(_list(source.get(key))):
        if isinstance(entry, dict):
            database, table = entry.get("database"), entry.get("table")
            if isinstance(database, str) and isinstance(table, str):
                yield join(f"source.{key}", index), (database, table), entry


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
