"""Which tables go into a dump: all of the source's, less what the config leaves out."""

from __future__ import annotations

from replicate.config import Config
from replicate.databases.base import Schema, Table
from replicate.jobs.masking import find_table
from replicate.jobs.opening import needed


def select_tables(config: Config, schema: Schema) -> tuple[Table, ...]:
    """The tables that `only_tables` and `skip` leave, in the schema's order.

    A name that the source doesn't have is a `ConfigError`: a misspelt `skip` would otherwise let
    out the very table that was meant to stay.
    """
    source = needed(config.source, "source")
    named = {
        which: {
            (table.schema, table.name)
            for i, rule in enumerate(rules)
            for table in [
                find_table(config, schema, rule.database, rule.table, f"source.{which}[{i}]")
            ]
        }
        for which, rules in (
            ("skip", source.skip),
            ("only_tables", source.only_tables),
        )
    }
    only, skip = named["only_tables"], named["skip"]
    return tuple(
        table
        for table in schema.tables
        if (not only or (table.schema, table.name) in only)
        and (table.schema, table.name) not in skip
    )
