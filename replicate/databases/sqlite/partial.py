"""A part of a dump restored: which statements of the schema sections are left out.

A table that wasn't chosen is left out, and with it whatever needs it: its indexes and triggers,
triggers of other tables and views that name it, and a virtual table whose rows it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from replicate.databases.base import LoadTable
from replicate.databases.sqlite.schema import SHADOWS
from replicate.databases.sqlite.sql import Statement, describe, tokens

_SHADOW_ENDS = {end for ends in SHADOWS.values() for end in ends}


class LeftOut:
    """What a restore leaves out; it learns that from the sections as they come by."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def filter(
        self, statements: Sequence[Statement], only: Iterable[LoadTable] | None
    ) -> list[Statement]:
        """The statements to run, in their order; all of them where `only` is None."""
        if only is None:
            return list(statements)
        chosen = {table.name.lower() for table in only}
        self._names |= {
            s.name.lower()
            for s in statements
            if s.verb == "CREATE TABLE" and s.name.lower() not in chosen
        }
        # Virtual tables and views may be left out, and then what names them; in any order.
        before = -1
        while len(self._names) > before:
            before = len(self._names)
            self._names |= {name for s in statements for name in self._falls(s)}
        return [s for s in statements if not self._is_left_out(s)]

    def _falls(self, statement: Statement) -> Iterable[str]:
        """The name of the view or virtual table that this makes, if that can't be."""
        if statement.verb == "CREATE VIEW" and self._is_named_in(statement):
            yield statement.name.lower()
        if _enters_virtual(statement):
            name = statement.table.lower()
            shadows = {f"{name}_{end}" for end in _SHADOW_ENDS}
            declaration = [t.name for t in tokens(statement.sql) if t.kind == "string"][-1]
            if self._names & shadows or self._is_named_in(describe(declaration)):
                yield name

    def _is_named_in(self, statement: Statement) -> bool:
        return not self._names.isdisjoint(statement.mentions)

    def _is_left_out(self, statement: Statement) -> bool:
        if statement.verb in ("CREATE TABLE", "CREATE VIEW"):
            return statement.name.lower() in self._names
        if statement.verb == "CREATE TRIGGER":
            return self._is_named_in(statement)
        return statement.table.lower() in self._names


def _enters_virtual(statement: Statement) -> bool:
    return statement.verb == "INSERT INTO" and statement.name.lower() == "sqlite_schema"
