"""`replicate source`: look at the database that dumps are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from replicate.cli.commands import Command, Group, Session, pass_session, session_options
from replicate.cli.reports import table_json

if TYPE_CHECKING:
    from replicate.databases.base import ColumnInfo, Table


@click.group(cls=Group, epilog="replicate source schema")
def source() -> None:
    """Look at the database that dumps are made of."""


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
    console.print_table(
        ("DATABASE", "TABLE", "COLUMN", "TYPE", "NULL", "KEY"),
        [
            (
                table.schema,
                table.name,
                column.name,
                column.type or "-",
                "yes" if column.nullable else "no",
                _keys(table, column) or "-",
            )
            for table in tables
            for column in table.columns
        ],
        "<<<<<<",
    )
    for table in tables:
        if not table.maskable:
            console.note(f"{table.qualified} can't be masked: {table.note}")


def _keys(table: Table, column: ColumnInfo) -> str:
    """What constrains the column, in a few words."""
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
            words.append(f"-> {key.ref_table}{to}")
    if column.generated:
        words.append("generated")
    return ", ".join(words)
