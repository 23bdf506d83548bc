"""What to say of a table's name on the command line that no table has."""

from __future__ import annotations

import difflib

from replicate.databases.base import Schema, Table
from replicate.errors import UsageError


def no_such_table(name: str, schema: Schema) -> UsageError:
    """For a name, or a pattern, that fits no table of the source; the hint has the nearest one."""
    known = [each for table in schema.tables for each in (table.qualified, table.name)]
    near = difflib.get_close_matches(name, known, n=1)
    return UsageError(
        f"the source has no table {name}",
        hint=f"did you mean {near[0]}?" if near else "`replicate source schema` lists them",
    )


def not_dumped(table: Table) -> UsageError:
    """For a table that is there, and of which a dump has no rows."""
    return UsageError(
        f"no rows of {table.qualified} are dumped",
        hint="see only_tables, skip and schema_only_tables in the configuration",
    )
