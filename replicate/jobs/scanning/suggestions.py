"""Which transformers are suggested: such as the masking plan takes, each alone and all together.

A transformer that fits its column may be refused beside others: columns of one transformer share
replacements, so that one that has to stay distinct asks that of the rest, and the config may say
something of a column that a key refers from. What is refused so gets its next candidate, or none,
with the reason; the rest stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from replicate.config import ColumnRule, Config, SourceConfig, TableRule
from replicate.databases.base import Schema, Table
from replicate.errors import ConfigError, TransformError
from replicate.jobs.masking import MaskingPlan, plan_masking
from replicate.jobs.opening import needed
from replicate.jobs.scanning.relations import Keys
from replicate.jobs.scanning.report import ColumnReport
from replicate.jobs.selection import ColumnKey, TableKey
from replicate.rows.column import Column, Kind
from replicate.scan.findings import Level
from replicate.scan.suggesting import candidates
from replicate.transformers import registry

Samples = Mapping[ColumnKey, Sequence[bytes]]
"""A few values of each column, to try transformers on."""

_BY_HAND = "give it a transformer yourself, or `transient` if it may stay as it is"


@dataclass(frozen=True, slots=True)
class _Refusal:
    reason: str
    hint: str


@dataclass(slots=True)
class _Wish:
    """A column without a transformer: the one that it would get, and those to be tried after."""

    report: ColumnReport
    others: Iterator[str]
    name: str = ""
    refusal: _Refusal | None = None

    def refused(self, refusal: _Refusal) -> None:
        """Keeps the first reason, which is about the transformer that suits best."""
        self.refusal = self.refusal or refusal


class Suggestions:
    """Finds what to suggest for the columns of one source."""

    def __init__(
        self, config: Config, schema: Schema, selected: Sequence[Table], keys: Keys
    ) -> None:
        """`config` is one whose own rules hold for the schema."""
        self._config = config
        self._source = needed(config.source, "source")
        self._bare = self._source.model_copy(update={"transformers": [], "on_new_column": None})
        self._schema = schema
        self._selected = selected
        self._keys = keys
        self._known = frozenset(registry.names())

    def fill(self, found: Sequence[ColumnReport], samples: Samples) -> list[ColumnReport]:
        """The reports, with a suggestion or a reason why there is none; all are undecided ones.

        The rules of any `Level`, and those of the levels above it, can be written together.
        """
        wishes = [_Wish(report, iter(self._candidates(report))) for report in found]
        for wish in wishes:
            self._next(wish, samples)
        taken: list[_Wish] = []
        for level in sorted(Level, key=lambda each: each.value, reverse=True):
            # What a key holds has the least choice, so it comes first.
            batch = [w for w in wishes if w.name and w.report.finding.level is level]
            batch.sort(key=lambda wish: not _in_key(wish.report))
            self._take(batch, taken, samples)
        return [_settled(wish) for wish in wishes]

    def _candidates(self, report: ColumnReport) -> list[str]:
        column, table = report.column, report.table
        path = report.finding.path
        return candidates(
            report.finding.category,
            # A path leads to text or to a number; what is there now may change.
            Kind.TEXT if path else column.element or column.kind,
            unique=not path and (column.name,) in table.unique,
            nullable=column.nullable and not path and column.name not in table.primary_key,
            known=self._known,
        )

    def _next(self, wish: _Wish, samples: Samples) -> None:
        """Give it the next candidate that fits the column, and those that refer to it."""
        for name in wish.others:
            wish.name = name
            refusal = self._alone(wish, samples)
            if refusal is None:
                return
            wish.refused(refusal)
        wish.name = ""

    def _take(self, batch: list[_Wish], taken: list[_Wish], samples: Samples) -> None:
        """Add all of the batch to `taken` that holds beside what is there."""
        if not batch:
            return
        refusal = self._together([*taken, *batch], samples)
        if refusal is None:
            taken += batch
        elif len(batch) > 1:
            middle = len(batch) // 2
            self._take(batch[:middle], taken, samples)
            self._take(batch[middle:], taken, samples)
        else:
            [wish] = batch
            wish.refused(refusal)
            self._next(wish, samples)
            self._take([wish] if wish.name else [], taken, samples)

    def _alone(self, wish: _Wish, samples: Samples) -> _Refusal | None:
        # What the column has to do with: to plan for all tables each time would take long.
        around = self._keys.around(wish.report.table)
        return self._tried(self._bare, [wish], Schema(tuple(around)), around, samples)

    def _together(self, wishes: Sequence[_Wish], samples: Samples) -> _Refusal | None:
        """Why they don't hold beside each other and the rules that there are."""
        return self._tried(self._source, wishes, self._schema, self._selected, samples)

    def _tried(
        self,
        source: SourceConfig,
        wishes: Sequence[_Wish],
        schema: Schema,
        tables: Sequence[Table],
        samples: Samples,
    ) -> _Refusal | None:
        rules = [*source.transformers, *_rules(wishes)]
        trial = source.model_copy(update={"transformers": rules})
        config = self._config.model_copy(update={"source": trial})
        try:
            plan = plan_masking(config, schema, tables)
            for wish in wishes:
                _mask_samples(plan, wish.report, samples)
        except ConfigError as error:
            return _Refusal(_without_place(error), error.hint or "")
        except TransformError as error:
            return _Refusal(error.message, error.hint or "")
        return None


def _rules(wishes: Sequence[_Wish]) -> list[TableRule]:
    """An entry for each table."""
    columns: dict[TableKey, list[ColumnRule]] = {}
    for wish in wishes:
        rule = ColumnRule(name=wish.report.rule_name, transformer_name=wish.name)
        columns.setdefault(wish.report.key[:2], []).append(rule)
    return [
        TableRule(database=schema, table=table, columns=rules)
        for (schema, table), rules in columns.items()
    ]


def _mask_samples(plan: MaskingPlan, report: ColumnReport, samples: Samples) -> None:
    """Raises `TransformError` where the plan's mask doesn't take the values that were sampled."""
    [mask] = [m for m in plan.of(report.table).columns if m.column == report.column.name]
    values = samples.get(report.key)
    if values:
        with mask.trial() as made:
            made.transform(Column.of(list(values), report.column.kind))


def _in_key(report: ColumnReport) -> bool:
    return any(report.column.name in key for key in report.table.unique)


def _settled(wish: _Wish) -> ColumnReport:
    if wish.name:
        return replace(wish.report, suggested=wish.name)
    if wish.refusal is not None:
        reason, hint = wish.refusal.reason, wish.refusal.hint
        return replace(wish.report, note=reason, hint=hint or _BY_HAND)
    return replace(wish.report, note="no transformer fits it", hint=_BY_HAND)


def _without_place(error: ConfigError) -> str:
    """The message without the place in the file, where the rule that was tried is not."""
    return error.message if error.key is None else error.message.split(f"{error.key}: ", 1)[-1]
