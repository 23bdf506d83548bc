"""`replicate source`: look at the database that dumps are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from replicate.cli.commands import Command, Group, Session, pass_session, session_options
from replicate.cli.formats import plural, size, width
from replicate.cli.reports import table_json
from replicate.cli.source_scan import scan

if TYPE_CHECKING:
    from replicate.cli.console import Console
    from replicate.databases.base import ColumnInfo, Table


@click.group(cls=Group, epilog="replicate source schema")
def source() -> None:
    """Look at the database that dumps are made of."""


source.add_command(scan)


@source.command(cls=Command, epilog="replicate source schema --json")
@session_options(reports=True)
@pass_session
def schema(session: Session) -> None:
    """Print the source's tables and columns, as conf.yaml names them."""
    from replicate.jobs.inspect import source_schema

    console = session.console
    tables = source_schema(session.config("source")).tables
    if console.json:
        console.print_json({"tables": [table_json(table) for table in tables]})
        return
    if not tables:
        console.note("the source has no tables")
        return
    for schema in dict.fromkeys(table.schema for table in tables):
        console.print(schema)
        for table in tables:
            if table.schema == schema:
                _print_table(console, table)
    for table in tables:
        if not table.maskable:
            console.note(f"{table.qualified} can't be masked: {table.note}")


def _print_table(console: Console, table: Table) -> None:
    """A table and its columns, indented below its schema."""
    console.print(f"  {table.name}  {_extent(table)}".rstrip())
    columns = [column for column in table.columns if not column.hidden]
    names = max((width(column.name) for column in columns), default=0)
    types = max((width(column.type) for column in columns), default=0)
    for column in columns:
        name = column.name + " " * (names - width(column.name))
        kind = column.type + " " * (types - width(column.type))
        console.print(f"    {name}  {kind}  {_constraints(table, column)}".rstrip())


def _extent(table: Table) -> str:
    """How much the table holds, as estimated, and whose rows these are."""
    words = []
    if table.partitioned:
        words.append("partitioned")
    elif table.rows is not None:
        words.append(f"about {plural(table.rows, 'row')}")
        if table.bytes is not None:
            words.append(size(table.bytes))
    if table.inherits:
        schema, parent = table.inherits[0]
        words.append(f"of {parent}" if schema == table.schema else f"of {schema}.{parent}")
    return ", ".join(words)


def _constraints(table: Table, column: ColumnInfo) -> str:
    words = [] if column.nullable else ["not null"]
    return ", ".join([*words, *_keys(table, column)])


def _keys(table: Table, column: ColumnInfo) -> list[str]:
    """Which keys the column is a part of, in a few words each."""
    words = []
    if column.name in table.primary_key:
        words.append("primary")
    elif any(column.name in columns for columns in table.unique):
        words.append("unique")
    for key in table.foreign_keys:
        if column.name in key.columns:
            place = key.columns.index(column.name)
            # A reference without columns is to the other table's primary key.
            to = f".{key.ref_columns[place]}" if place < len(key.ref_columns) else ""
            schema = f"{key.ref_schema}." if key.ref_schema not in (None, table.schema) else ""
            words.append(f"-> {schema}{key.ref_table}{to}")
    if column.generated:
        words.append("generated")
    return words
