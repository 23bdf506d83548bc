"""Which columns of the source look personal, and what they could be masked with.

A few rows of each table are read; nothing of what was read leaves this module but findings, which
hold no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from replicate.config import Config
from replicate.config.insertion import NewRules
from replicate.databases.base import ColumnInfo, Schema, Table
from replicate.databases.registry import open_source
from replicate.errors import ConfigError, DatabaseError
from replicate.jobs.masking import ColumnMask, MaskingPlan, plan_masking
from replicate.jobs.masking.plan import UNTOUCHED
from replicate.jobs.opening import needed
from replicate.jobs.sampling import Places, Sample, Sampler
from replicate.jobs.scanning.relations import Keys, Lineage
from replicate.jobs.scanning.report import ColumnReport, ScanReport
from replicate.jobs.scanning.rule_writing import write_rules
from replicate.jobs.scanning.suggestions import Suggestions
from replicate.jobs.selection import ColumnKey, TableKey, matches, select_tables
from replicate.jobs.table_names import no_such_table, not_dumped
from replicate.rows.column import Kind
from replicate.scan.findings import ColumnFacts, Level
from replicate.scan.judging import judge

ROWS = 1000
"""Rows of a table that are looked at, unless more or fewer are asked for."""

_TRIED = 300
_LONG = 4096

_NUMBERS = frozenset((Kind.INTEGER, Kind.NUMERIC, Kind.REAL, Kind.BOOLEAN))
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[tf]|true|false", re.ASCII)


def scan_source(
    config: Config,
    *,
    rows: int = ROWS,
    only: Sequence[str] = (),
    detail: Callable[[str], None] = lambda _: None,
) -> ScanReport:
    """Look at the tables of the configured source that a dump would take the rows of.

    `only` are patterns of their names, with the schema or without. Raises `UsageError` for one that
    fits none, and `ConfigError` for rules that don't fit the schema.
    """
    source = open_source(needed(config.source, "source"))
    with closing(source.open()) as snapshot, closing(Places(source, snapshot)) as places:
        schema = snapshot.schema()
        selected = select_tables(config, schema).tables
        lineage = Lineage(selected, _chosen(schema, selected, only))
        config = _without_policy(config)
        plan = plan_masking(config, schema, selected)
        scan = _Scan(plan, lineage, Keys(selected))
        for table in lineage.heads:
            detail(f"looking at {table.qualified}")
            scan.look_at(table, Sampler(places), rows)
    return scan.report(Suggestions(config, schema, selected, scan.keys))


def write_suggestions(config: Config, report: ScanReport, level: Level) -> list[NewRules]:
    """Put the suggestions into the file that the config came from; what was put there.

    Raises `ConfigError` where they can't be put in, and the file stays as it is.
    """
    rules = report.rules(level)
    if not rules:
        return rules
    if config.path is None:
        raise ConfigError("the configuration is in no file")
    with closing(open_source(needed(config.source, "source")).open()) as snapshot:
        schema = snapshot.schema()

    def prove(written: Config) -> None:
        plan_masking(_without_policy(written), schema, select_tables(written, schema).tables)

    write_rules(config.path, rules, prove)
    return rules


def _chosen(schema: Schema, tables: Sequence[Table], only: Sequence[str]) -> set[TableKey]:
    chosen: set[TableKey] = set()
    for pattern in only:
        fits = [table for table in tables if _fits(table, pattern)]
        if not fits:
            left_out = next((table for table in schema.tables if _fits(table, pattern)), None)
            raise no_such_table(pattern, schema) if left_out is None else not_dumped(left_out)
        chosen.update((table.schema, table.name) for table in fits)
    return chosen if only else {(table.schema, table.name) for table in tables}


def _fits(table: Table, pattern: str) -> bool:
    return any(matches(name, pattern) for name in (table.qualified, table.name))


def _without_policy(config: Config) -> Config:
    """What is new since the config was written is looked at, too, rather than refused."""
    source = needed(config.source, "source")
    if source.on_new_column != "fail":
        return config
    return config.model_copy(update={"source": source.model_copy(update={"on_new_column": None})})


class _Scan:
    """One scan under way."""

    def __init__(self, plan: MaskingPlan, lineage: Lineage, keys: Keys) -> None:
        self.keys = keys
        self._plan = plan
        self._lineage = lineage
        self._found: list[ColumnReport] = []
        self._tried: dict[ColumnKey, list[bytes]] = {}
        self._unread: list[tuple[str, str]] = []
        self._columns = self._rows = 0

    def look_at(self, table: Table, sampler: Sampler, rows: int) -> None:
        members = self._lineage.members(table)
        sample = self._sample(members, sampler, rows)
        seen: set[str] = set()
        for member in sorted(members, key=lambda each: each is not table):
            for column in member.columns:
                if column.hidden or column.generated or column.name in seen:
                    continue
                seen.add(column.name)
                self._columns += 1
                for finding in judge(_facts(member, column, sample)):
                    report = ColumnReport(member, column, finding)
                    self._found.append(report)
                    self._tried.setdefault(report.key, _few(sample.values.get(column.name, [])))
        self._rows += sample.rows

    def _sample(self, members: Sequence[Table], sampler: Sampler, rows: int) -> Sample:
        with_rows = [table for table in members if not table.partitioned]
        # A few of many partitions tell what is in all.
        step = max(1, len(with_rows) // 4)
        looked_at = with_rows[::step][:4]
        sample = Sample()
        for table in looked_at:
            try:
                sample.add(sampler.sample(table, -(-rows // len(looked_at))))
            except DatabaseError as error:
                self._unread.append((table.qualified, error.message))
        return sample

    def report(self, suggestions: Suggestions) -> ScanReport:
        raised = self._with_parents()
        whole = {each.key: each for each in raised if not each.finding.path}
        found = [self._decide(each, whole) for each in raised]
        filled = iter(suggestions.fill([each for each in found if _is_open(each)], self._tried))
        found = [next(filled) if _is_open(each) else each for each in found]
        order = {(table.schema, table.name): i for i, table in enumerate(self._lineage.heads)}
        found.sort(key=lambda each: order.get(each.key[:2], len(order)))
        return ScanReport(
            len(self._lineage.heads),
            self._columns,
            self._rows,
            tuple(found),
            tuple(self._unread),
        )

    def _with_parents(self) -> list[ColumnReport]:
        """What was found, and columns that one of those refers to: they hold the same values.

        So a column is at least as surely personal as any that refers to it.
        """
        found = {(*each.key, each.finding.path): each for each in self._found}
        waiting = list(found.values())
        while waiting:
            child = waiting.pop()
            parent = self.keys.parent(child.key)
            if parent is None or child.finding.path:
                continue
            own = found.get((*parent, ""))
            if own is not None and own.finding.sure >= child.finding.sure:
                continue
            table = self.keys.table(parent)
            column = next((c for c in table.columns if c.name == parent[2]), None)
            if column is None:
                continue
            why: tuple[str, ...] = (f"{child.label} refers to it and looks like one",)
            if own is not None and own.finding.looks_like == child.finding.looks_like:
                why = (*own.finding.why, *why)
            finding = replace(child.finding, why=why)
            found[*parent, ""] = ColumnReport(table, column, finding)
            waiting.append(found[*parent, ""])
        return list(found.values())

    def _decide(
        self, report: ColumnReport, whole: Mapping[ColumnKey, ColumnReport]
    ) -> ColumnReport:
        """`whole` are the columns that were found, without paths in them."""
        now = self._transformer_of(report)
        if now:
            return replace(report, transformer=now)
        column = report.column
        if column.fixed:
            note = f"can't be masked: {column.fixed}"
            return replace(report, note=note, hint="say `transient` if it may stay as it is")
        above = [] if report.finding.path else self._above(report, whole)
        if not above:
            return report
        kept = next(filter(None, map(self._transformer_of, above)), "") == UNTOUCHED
        key = above[0].key
        note = f"{'left as it is' if kept else 'masked'} with {'.'.join(key)}, which it refers to"
        return replace(report, note=note, follows=key)

    def _above(
        self, report: ColumnReport, whole: Mapping[ColumnKey, ColumnReport]
    ) -> list[ColumnReport]:
        """What the column refers to, what that refers to, and so on.

        Empty where that leads back to the column: none of a ring would get a transformer.
        """
        found: dict[ColumnKey, ColumnReport] = {}
        key = self.keys.parent(report.key)
        while key is not None and key in whole and key not in found:
            found[key] = whole[key]
            key = self.keys.parent(key)
        return [] if report.key in found else list(found.values())

    def _transformer_of(self, report: ColumnReport) -> str:
        """What the config has for it; of a table with partitions, what all of them have."""
        own = _named(self._plan, report.table, report)
        if own:
            return own
        members = self._lineage.members(report.table)
        below = [
            _named(self._plan, table, report)
            for table in members
            if table is not report.table and not table.partitioned
        ]
        if report.table.partitioned and below and all(below):
            return ", ".join(dict.fromkeys(below))
        return ""


def _is_open(report: ColumnReport) -> bool:
    return not report.transformer and not report.note


def _named(plan: MaskingPlan, table: Table, report: ColumnReport) -> str:
    for mask in plan.of(table).columns:
        if mask.column == report.column.name:
            return _of_mask(mask, report.finding.path)
    return ""


def _of_mask(mask: ColumnMask, path: str) -> str:
    if mask.recipe is not None:
        return mask.transformer
    if not path:
        return mask.transformer
    return next((p.recipe.transformer for p in mask.paths if _covers(p.path, path)), "")


def _covers(rule: str, path: str) -> bool:
    """Whether a rule's path leads to all that `path` does, or to what holds it."""
    pattern = ""
    for step in re.findall(r"\*\*|\[\*?\]|\*|[^*\[]+|\[", rule.removeprefix("$").removeprefix(".")):
        pattern += {"**": ".*", "[]": r"\[\*\]", "[*]": r"\[\*\]", "*": r"[^.\[]+"}.get(
            step, re.escape(step)
        )
    return re.fullmatch(rf"{pattern}(?:[.\[].*)?", path) is not None


def _few(values: Sequence[str]) -> list[bytes]:
    """Some values to try a transformer on; what is long takes no other way than what is short."""
    some = [value for value in values if len(value) < _LONG]
    return [value.encode() for value in some[:: max(1, len(some) // _TRIED)][:_TRIED]]


def _facts(table: Table, column: ColumnInfo, sample: Sample) -> ColumnFacts:
    values = tuple(sample.values.get(column.name, ()))
    kind = column.kind
    listed = kind is Kind.ARRAY or column.type.endswith("[]")
    if kind in _NUMBERS and values:
        # A type is a promise that SQLite does not keep.
        odd = sum(_NUMBER.fullmatch(value) is None for value in values)
        kind = Kind.TEXT if odd * 5 > len(values) else kind
    return ColumnFacts(table.name, column.name, column.type, kind, column.comment, values, listed)
