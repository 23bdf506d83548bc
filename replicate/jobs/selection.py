"""Which tables go into a dump: all of the source's, less what the config leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from replicate.config import Config, TableName
from replicate.databases.base import Schema, Table
from replicate.jobs.masking import find_table
from replicate.jobs.opening import needed


def select_tables(config: Config, schema: Schema) -> tuple[Table, ...]:
    """The tables that `only_tables` and `skip` leave, in the schema's order.

    A table that is a part of another one, as those of a full-text index are, goes where that one
    goes. A name that the source doesn't have is a `ConfigError`: a misspelt `skip` would otherwise
    let out the very table that was meant to stay.
    """
    source = needed(config.source, "source")
    only = _named(config, schema, source.only_tables, "source.only_tables")
    skip = _named(config, schema, source.skip, "source.skip")

    def chosen(table: Table) -> bool:
        whole = (table.schema, table.part_of or table.name)
        return (not only or whole in only) and whole not in skip

    return tuple(table for table in schema.tables if chosen(table))


def _named(
    config: Config, schema: Schema, rules: Sequence[TableName], where: str
) -> set[tuple[str, str]]:
    names = set()
    for i, rule in enumerate(rules):
        table = find_table(config, schema, rule.database, rule.table, f"{where}[{i}]")
        if table.part_of:
            raise config.error(
                f"{where}[{i}].table",
                f"{table.qualified} is a part of {table.part_of}, and goes where that one goes",
                hint=f"name {table.part_of} instead",
            )
        names.add((table.schema, table.name))
    return names
