"""Which rule of the config meets which column: names, patterns, regular expressions and paths.

Of the rules that fit a column the most specific one decides: first by how they name the table (by
its own name, by that of a table whose rows include it, by a pattern), then by how they name the
column (by its name, by a pattern, by a regular expression). Of two patterns the one with more
characters that are no wildcards is the more specific; where that is equal as well and the rules
differ, the config has to decide.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from replicate.config import ColumnRule, Config, TableRule
from replicate.databases.base import ColumnInfo, Schema, Table
from replicate.jobs.masking.plan import UNTOUCHED, Reason, Recipe
from replicate.jobs.opening import needed
from replicate.jobs.selection import TableKey, find_table, is_pattern, matches, tables_that_fit

_EXPRESSION = re.compile(r"/(.+)/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that decides over a column, or over what is at `path` of its documents."""

    recipe: Recipe
    reason: Reason
    path: str = ""


Hits = Mapping[str, Sequence[Hit]]
"""By column: one hit without a path, or any number of hits with one."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One column rule: its key in the config, and what it says."""

    key: str
    rule: ColumnRule

    @property
    def recipe(self) -> Recipe:
        rule = self.rule
        return Recipe(
            rule.transformer_name,
            dict(rule.transformer_options or {}),
            rule.consistent,
            rule.link or "",
            rule.when or "",
        )


@dataclass(frozen=True, slots=True)
class _Fit:
    """How an entry fits a column: `rank` ascends from the most specific, `text` is for readers."""

    rank: tuple[int, ...]
    entry: _Entry
    text: str
    path: str = ""


class Targeting:
    """The transformer rules of a config, matched with a schema.

    Raises `ConfigError`, with the line of the rule, for a table or column that isn't there: a rule
    that is misspelt would otherwise let out the very values that it was to mask.
    """

    def __init__(self, config: Config, schema: Schema) -> None:
        self._config = config
        self._rules: list[tuple[str, TableRule]] = [
            (f"source.transformers[{i}]", rule)
            for i, rule in enumerate(needed(config.source, "source").transformers)
        ]
        self._by_pattern: list[bool] = []
        self._about: defaultdict[TableKey, list[int]] = defaultdict(list)
        for number, (where, rule) in enumerate(self._rules):
            tables = self._tables(schema, where, rule)
            for table in tables:
                self._about[table.schema, table.name].append(number)
            self._by_pattern.append(schema.find(rule.database, rule.table) is None)
            for j, column in enumerate(rule.columns):
                self._check(f"{where}.columns[{j}]", column, tables)

    def _tables(self, schema: Schema, where: str, rule: TableRule) -> list[Table]:
        if schema.find(rule.database, rule.table) is None and is_pattern(rule):
            found = tables_that_fit(self._config, schema, rule, where)
            if not any(table.maskable for table in found):
                message = f"{found[0].qualified} can't be masked: {found[0].note}"
                raise self._config.error(f"{where}.table", message)
            return [table for table in found if table.maskable]
        table = find_table(self._config, schema, rule.database, rule.table, where)
        if not table.maskable:
            message = f"{table.qualified} can't be masked: {table.note}"
            raise self._config.error(f"{where}.table", message)
        return [table]

    def _check(self, key: str, rule: ColumnRule, tables: Sequence[Table]) -> None:
        """Refuse a rule that fits no column of its tables."""
        expression = _EXPRESSION.fullmatch(rule.name)
        if expression is not None:
            try:
                re.compile(expression[1])
            except re.error as error:
                message = f"{rule.name} is no regular expression: {error}"
                raise self._config.error(f"{key}.name", message) from error
        if any(_how(rule.name, table) for table in tables):
            return
        if len(tables) > 1:
            raise self._config.error(
                f"{key}.name", f"none of {len(tables)} tables has a column that fits {rule.name}"
            )
        [table] = tables
        visible = [column.name for column in table.columns if not column.hidden]
        near = difflib.get_close_matches(rule.name, visible, n=1)
        raise self._config.error(
            f"{key}.name",
            f"the table {table.qualified} has no column {rule.name}",
            hint=f"did you mean {near[0]}?" if near else f"it has: {', '.join(visible[:12])}",
        )

    def hits(self, table: Table) -> dict[str, list[Hit]]:
        """What the rules say of the columns of `table`. Columns that none is about are missing."""
        fits: dict[str, list[_Fit]] = {column.name: [] for column in table.columns}
        generated = {column.name for column in table.columns if column.generated}
        for number, distance in self._rules_about(table):
            where, rule = self._rules[number]
            by_pattern = self._by_pattern[number]
            literal = _literal(rule.database) + _literal(rule.table)
            rank = (int(by_pattern), -literal if by_pattern else 0, distance)
            for j, each in enumerate(rule.columns):
                entry = _Entry(f"{where}.columns[{j}]", each)
                for how in _how(each.name, table):
                    if how.loose and how.column in generated:
                        continue
                    text = f"{how.text} of {rule.database}.{rule.table}"
                    fits[how.column].append(_Fit((*rank, *how.rank), entry, text, how.path))
        return {
            column.name: self._decide(table, column, fits[column.name])
            for column in table.columns
            if fits[column.name]
        }

    def _rules_about(self, table: Table) -> list[tuple[int, int]]:
        """The numbers of the rules that name it, or a table whose rows include its own, in their
        order, each with how far above it the nearest of these is."""
        nearest: dict[int, int] = {}
        for distance, key in enumerate([(table.schema, table.name), *table.inherits]):
            for number in self._about.get(key, ()):
                nearest.setdefault(number, distance)
        return sorted(nearest.items())

    def _decide(self, table: Table, column: ColumnInfo, fits: list[_Fit]) -> list[Hit]:
        """The most specific of `fits`; of paths, that for each path."""
        best: dict[str, _Fit] = {}
        for fit in sorted(fits, key=lambda fit: fit.rank):
            other = best.setdefault(fit.path, fit)
            if other.rank == fit.rank and other.entry.recipe != fit.entry.recipe:
                raise self._ambiguous(table, column, other, fit)
        whole = best.pop("", None)
        if whole is not None and best:
            first = min(best.values(), key=lambda fit: fit.rank)
            # What masks all of a column and what masks a part of it can't both be meant.
            if whole.entry.recipe.transformer != UNTOUCHED:
                raise self._both(table, column, whole, first)
            # An exception from rules that are less specific, and the rest of a document otherwise.
            best = {path: fit for path, fit in best.items() if fit.rank <= whole.rank}
            whole = None if best else whole
        chosen = [whole] if whole is not None else list(best.values())
        return [Hit(fit.entry.recipe, Reason(fit.text, fit.entry.key), fit.path) for fit in chosen]

    def _ambiguous(self, table: Table, column: ColumnInfo, one: _Fit, other: _Fit) -> Exception:
        return self._config.error(
            other.entry.key,
            f"two rules fit {table.qualified}.{column.name} equally well, this one and "
            f"{one.entry.key}",
            hint="name the column itself in one of them",
        )

    def _both(self, table: Table, column: ColumnInfo, whole: _Fit, part: _Fit) -> Exception:
        return self._config.error(
            part.entry.key,
            f"{table.qualified}.{column.name} has a rule as a whole, {whole.entry.key}, and this "
            "one for a path inside of it",
            hint="leave one of them out; a path that leads to an object masks all that is in it",
        )


@dataclass(frozen=True, slots=True)
class _How:
    """How a rule's name means a column; `loose` where it fits by a pattern."""

    column: str
    rank: tuple[int, int]
    text: str
    path: str = ""
    loose: bool = False


def _how(name: str, table: Table) -> list[_How]:
    """The columns that a rule's name means. A column of exactly that name goes before all else."""
    names = [column.name for column in table.columns if not column.hidden]
    if name in names:
        return [_How(name, (0, 0), f"the column {name}")]
    if (expression := _EXPRESSION.fullmatch(name)) is not None:
        pattern = re.compile(expression[1])
        return [
            _How(each, (2, 0), f"the columns {name}", loose=True)
            for each in names
            if pattern.search(each)
        ]
    # The longest name goes first, as names may hold dots.
    for each in sorted(names, key=len, reverse=True):
        if name.startswith(each) and name[len(each)] in ".[":
            return [_How(each, (0, 0), f"the path {name}", name[len(each) :].removeprefix("."))]
    if "*" in name or "?" in name:
        return [
            _How(each, (1, -_literal(name)), f"the columns {name}", loose=True)
            for each in names
            if matches(each, name)
        ]
    return []


def _literal(pattern: str) -> int:
    return len(pattern) - pattern.count("*") - pattern.count("?")
