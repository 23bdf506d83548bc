"""What goes into a dump: all tables of the source, less what the config leaves out."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Sequence

from replicate.config import Config, TablePattern
from replicate.databases.base import Schema, Selection, Table
from replicate.errors import ConfigError
from replicate.jobs.opening import needed

TableKey = tuple[str, str]
"""A table's schema and name."""

ColumnKey = tuple[str, str, str]
"""Schema, table and column."""


def select_tables(config: Config, schema: Schema) -> Selection:
    """What `only_tables`, `skip` and `schema_only_tables` leave, in the schema's order.

    What is said of a table holds for its partitions and for the tables that inherit from it, and
    for those that are a part of it, as a full-text index's are. The parents of a table that
    `only_tables` chooses come along without their rows. A name or pattern that fits no table of
    the source is a `ConfigError`: a misspelt `skip` would otherwise let out the very table that
    was meant to stay.
    """
    source = needed(config.source, "source")
    only = _named(config, schema, source.only_tables, "source.only_tables")
    skip = _named(config, schema, source.skip, "source.skip")
    bare = _named(config, schema, source.schema_only_tables, "source.schema_only_tables")

    def said_of(table: Table, names: set[TableKey]) -> bool:
        whole = (table.schema, table.part_of or table.name)
        return whole in names or not names.isdisjoint(table.inherits)

    chosen = [
        table
        for table in schema.tables
        if (not only or said_of(table, only)) and not said_of(table, skip)
    ]
    with_rows = tuple(table for table in chosen if not said_of(table, bare))
    emptied = [table for table in schema.tables if said_of(table, bare)]
    # What refers to a partitioned table may refer to a partition that is left empty.
    without = bare.union(*(table.inherits for table in emptied))
    _refuse_rows_without_parents(config, with_rows, without)
    kept = {(table.schema, table.name) for table in chosen}
    for table in chosen:
        kept.update(table.inherits)
    return Selection(
        with_rows,
        frozenset(
            (table.schema, table.name)
            for table in schema.tables
            if (table.schema, table.name) not in kept
        ),
    )


def _refuse_rows_without_parents(
    config: Config, with_rows: Sequence[Table], bare: set[TableKey]
) -> None:
    """Rows that refer to rows which aren't dumped would be refused by their foreign key."""
    for table in with_rows:
        for key in table.foreign_keys:
            if (key.ref_schema or table.schema, key.ref_table) in bare:
                raise config.error(
                    "source.schema_only_tables",
                    f"{table.qualified} refers to {key.ref_table}, which is to be dumped without "
                    "its rows",
                    hint=f"name {table.qualified} there too, or leave one of them out with skip",
                )


def find_table(config: Config, schema: Schema, database: str, name: str, where: str) -> Table:
    """The table that a rule names, or a `ConfigError` that suggests the nearest one."""
    table = schema.find(database, name)
    if table is None:
        raise _no_such_table(config, schema, database, name, where)
    return table


def _named(
    config: Config, schema: Schema, rules: Sequence[TablePattern], where: str
) -> set[TableKey]:
    """The tables that the rules name. A table of exactly that name goes before a pattern."""
    names: set[TableKey] = set()
    for i, rule in enumerate(rules):
        found = tables_that_fit(config, schema, rule, f"{where}[{i}]")
        names.update((t.schema, t.name) for t in found)
    return names


def tables_that_fit(config: Config, schema: Schema, rule: TablePattern, where: str) -> list[Table]:
    """The tables that a rule means, which is at `where`; a `ConfigError` if there are none.

    A table of exactly that name goes before a pattern.
    """
    table = schema.find(rule.database, rule.table)
    if table is not None and table.part_of:
        raise config.error(
            f"{where}.table",
            f"{table.qualified} is a part of {table.part_of}, and goes where that one goes",
            hint=f"name {table.part_of} instead",
        )
    found = [table] if table is not None else list(filter(_pattern(rule), schema.tables))
    if not found:
        raise _no_such_table(config, schema, rule.database, rule.table, where)
    return found


def is_pattern(rule: TablePattern) -> bool:
    return not {"*", "?"}.isdisjoint(rule.database + rule.table)


def matches(name: str, pattern: str) -> bool:
    """Whether `name` fits: * stands for anything and ? for one character, and nothing else does."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _pattern(rule: TablePattern) -> Callable[[Table], bool]:
    def fits(table: Table) -> bool:
        return (
            not table.part_of
            and matches(table.schema, rule.database)
            and matches(table.name, rule.table)
        )

    return fits


def _no_such_table(
    config: Config, schema: Schema, database: str, name: str, where: str
) -> ConfigError:
    if {"*", "?"} & set(database + name):
        message = f"the source has no table that fits {database}.{name}"
    else:
        message = f"the source has no table {database}.{name}"
    names = {t.qualified for t in schema.tables}
    near = difflib.get_close_matches(f"{database}.{name}", names, n=1)
    return config.error(
        f"{where}.table",
        message,
        hint=f"did you mean {near[0]}?" if near else "`replicate source schema` lists them",
    )
