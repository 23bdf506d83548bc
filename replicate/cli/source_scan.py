"""`replicate source scan`: which columns look personal, and which of them are not masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from replicate.cli.commands import Command, Session, pass_session, session_options
from replicate.cli.formats import plural
from replicate.errors import PartialError, ReplicateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicate.cli.console import Console
    from replicate.jobs.scanning import ColumnReport, ScanReport
    from replicate.scan.findings import Level

_LEVELS = ("low", "medium", "high")
_LISTED = 5


@click.command(cls=Command, epilog="replicate source scan --check")
@click.option(
    "--level",
    type=click.Choice(_LEVELS),
    default="medium",
    show_default=True,
    help="How sure a finding has to be.",
)
@click.option(
    "--table",
    "tables",
    metavar="NAME",
    multiple=True,
    help="Only these tables; * and ? match anything. May be given again.",
)
@click.option(
    "--rows",
    type=click.IntRange(0, 100_000),
    metavar="N",
    default=1000,
    show_default=True,
    help="Rows of each table that are looked at.",
)
@click.option("--write", is_flag=True, help="Put the suggested transformers into conf.yaml.")
@click.option(
    "--check", is_flag=True, help="End with 1 if a column looks personal and has no transformer."
)
@session_options(reports=True)
@pass_session
def scan(
    session: Session, *, level: str, tables: tuple[str, ...], rows: int, write: bool, check: bool
) -> None:
    """Tell which columns look personal, and how they could be masked.

    Names, types, comments and a few rows of each table are looked at. No value is shown. --write
    ends with 3 if a column looks personal and no transformer could be written for it.
    """
    from replicate.jobs.scanning import scan_source, write_suggestions
    from replicate.scan.findings import Level

    console = session.console
    least = Level[level.upper()]
    config = session.config("source")
    report = scan_source(config, rows=rows, only=tables, detail=console.detail)
    for name, reason in report.unread:
        console.warn(f"{name} was judged by its names alone: {reason}")
    _print(console, report, least)
    if write:
        try:
            written = write_suggestions(config, report, least)
        except ReplicateError:
            if not console.json:
                _print_total(console, report, least, written=False)
                _print_section(console, report, least)
            raise
        columns = sum(len(rule.columns) for rule in written)
        console.note(
            f"added {plural(columns, 'column')} of {plural(len(written), 'table')} to {config.path}"
            if written
            else "there is nothing to add"
        )
    if not console.json:
        _print_total(console, report, least, written=write)
    if write:
        for each in report.unsettled(least):
            console.warn(f"{each.label} got no transformer: {each.note}; {each.hint}")
    if check:
        _refuse(report, least, written=write)
    elif write and (left := report.unsettled(least)):
        raise PartialError(
            f"no transformer could be written for {_names(left)}",
            hint="the reasons are above; what is left has to be decided by hand in conf.yaml",
        )


def _print(console: Console, report: ScanReport, level: Level) -> None:
    found = report.from_level(level)
    if console.json:
        console.print_json(
            {
                "tables": report.tables,
                "columns": report.columns,
                "rows": report.rows,
                "level": level.label,
                "findings": [_json(each) for each in found],
                "unread": [{"table": name, "reason": why} for name, why in report.unread],
            }
        )
        return
    if found:
        console.print_table(
            ("COLUMN", "LOOKS LIKE", "SURE", "WHY", "TRANSFORMER"),
            [
                (
                    each.label,
                    each.finding.looks_like,
                    f"{each.finding.sure:.2f} {each.finding.level.label}",
                    "; ".join(each.finding.why),
                    _transformer(each),
                )
                for each in found
            ],
            "<<<<<",
        )


def _print_total(console: Console, report: ScanReport, level: Level, *, written: bool) -> None:
    """`written`: what was suggested is in conf.yaml now."""
    found = report.from_level(level)
    missing = len(_missing(report, level, written=written))
    console.note(
        f"{len(found):,} of {plural(report.columns, 'column')} in {plural(report.tables, 'table')} "
        f"look personal, {missing:,} of them {'still ' if written else ''}without a transformer"
    )
    less = len(report.found) - len(found)
    if less:
        console.note(f"{less:,} more may be, at a lower --level")


def _transformer(each: ColumnReport) -> str:
    """What the column has, else what it could have, else why it can have none."""
    if each.transformer:
        return each.transformer
    return f"none; suggested: {each.suggested}" if each.suggested else f"none; {each.note}"


def _json(each: ColumnReport) -> dict[str, Any]:
    finding = each.finding
    return {
        "schema": each.table.schema,
        "table": each.table.name,
        "column": each.column.name,
        "path": finding.path or None,
        "looks_like": finding.category.value,
        "detail": finding.detail or None,
        "sure": finding.sure,
        "level": finding.level.label,
        "why": list(finding.why),
        "transformer": each.transformer or None,
        "suggested": each.suggested or None,
        "note": each.note or None,
        "hint": each.hint or None,
    }


def _print_section(console: Console, report: ScanReport, level: Level) -> None:
    """What could not be written, to be copied by hand."""
    from replicate.config.insertion import section

    console.print()
    for line in section(report.rules(level)).splitlines():
        console.print(line)


def _missing(report: ScanReport, level: Level, *, written: bool) -> list[ColumnReport]:
    return report.unsettled(level) if written else report.undecided(level)


def _names(columns: Sequence[ColumnReport]) -> str:
    more = f" and {len(columns) - _LISTED:,} more" if len(columns) > _LISTED else ""
    return ", ".join(each.label for each in columns[:_LISTED]) + more


def _refuse(report: ScanReport, level: Level, *, written: bool) -> None:
    missing = _missing(report, level, written=written)
    if not missing:
        return
    raise ReplicateError(
        f"{plural(len(missing), 'column')} look personal and have no transformer: {_names(missing)}"
        if len(missing) > 1
        else f"a column looks personal and has no transformer: {_names(missing)}",
        hint="give each a transformer; `transient` says that a column stays as it is",
    )
