"""What a scan of the source answers: findings with what there is and could be done about them."""

from __future__ import annotations

from dataclasses import dataclass

from replicate.config.insertion import NewRules
from replicate.databases.base import ColumnInfo, Table
from replicate.jobs.selection import ColumnKey, TableKey
from replicate.scan.findings import Finding, Level


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """A column, or a path in its JSON, that looks personal.

    `transformer` is the one that the config has for it, `suggested` one that it could have. Both
    are empty where there is none; `note` then says why, and `hint` what to do by hand.
    """

    table: Table
    column: ColumnInfo
    finding: Finding
    transformer: str = ""
    suggested: str = ""
    note: str = ""
    hint: str = ""
    follows: ColumnKey | None = None

    @property
    def rule_name(self) -> str:
        """What a rule of the config calls it."""
        path = self.finding.path
        return f"{self.column.name}{'' if path[:1] in ('', '[') else '.'}{path}"

    @property
    def label(self) -> str:
        return f"{self.table.qualified}.{self.rule_name}"

    @property
    def key(self) -> ColumnKey:
        return (self.table.schema, self.table.name, self.column.name)


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What was looked at, and what was found, by table and by how sure it is.

    `unread` names tables whose rows could not be read, with the reason: their columns are judged
    by their names alone.
    """

    tables: int
    columns: int
    rows: int
    found: tuple[ColumnReport, ...]
    unread: tuple[tuple[str, str], ...] = ()

    def from_level(self, level: Level) -> list[ColumnReport]:
        return [each for each in self.found if each.finding.sure >= level.value]

    def undecided(self, level: Level) -> list[ColumnReport]:
        """What has no transformer, and won't get one from the column that it refers to.

        That one has to be among those from this level on: it has a transformer, or is undecided.
        """
        found = self.from_level(level)
        listed = {each.key for each in found if not each.finding.path}
        return [each for each in found if not each.transformer and each.follows not in listed]

    def unsettled(self, level: Level) -> list[ColumnReport]:
        """What of that nothing is suggested for: somebody has to decide by hand."""
        return [each for each in self.undecided(level) if not each.suggested]

    def rules(self, level: Level) -> list[NewRules]:
        """The rules that would give the undecided columns what is suggested for them."""
        wanted: dict[TableKey, list[tuple[str, str]]] = {}
        for each in self.undecided(level):
            if each.suggested:
                columns = wanted.setdefault((each.table.schema, each.table.name), [])
                columns.append((each.rule_name, each.suggested))
        return [NewRules(*key, tuple(columns)) for key, columns in wanted.items()]
