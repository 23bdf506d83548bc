"""What `replicate dump verify` found, for people and programs, and how the program then ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicate.cli.formats import number, plural, size
from replicate.errors import CorruptError, PartialError, ReplicateError, WrongKeyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicate.cli.console import Console
    from replicate.jobs.leak_search import Leak
    from replicate.jobs.verify import VerifyReport


def print_verified(console: Console, reports: Sequence[VerifyReport]) -> None:
    """A line a dump, and below them what is wrong with each."""
    if len(reports) == 1 and reports[0].locked is not None:
        return  # the error says it all
    if console.json:
        console.print_json(
            {
                "dumps": [
                    {
                        "name": report.name,
                        "ok": report.ok,
                        "chunks": report.chunks,
                        "rows": report.rows,
                        "plain_bytes": report.plain_bytes,
                        "stored_bytes": report.stored_bytes,
                        "problems": report.problems,
                        "unread": report.unread,
                        "locked": report.locked,
                        "unsearched": report.unsearched and report.unsearched.message,
                        "leaks": None
                        if report.leaks is None
                        else [
                            {
                                "column": leak.column,
                                "rows": leak.rows,
                                "of": list(leak.of),
                                "by_chance": leak.by_chance,
                            }
                            for leak in report.leaks
                        ],
                    }
                    for report in reports
                ]
            }
        )
        return
    if not reports:
        console.note("there are no dumps yet")
        return
    console.print_table(
        ("NAME", "CHUNKS", "ROWS", "SIZE", "RESULT"),
        [
            (
                report.name,
                number(report.chunks),
                number(report.rows),
                size(report.plain_bytes),
                _result(report),
            )
            for report in reports
        ],
        "<>>><",
    )
    for report in reports:
        for problem in [*report.problems, *report.unread, *filter(None, [report.locked])]:
            console.print(f"{report.name}: {problem}")
        for leak in report.leaks or ():
            rows = f"{plural(leak.rows, 'row')} of {leak.column}"
            verb = "may hold by chance" if leak.by_chance else "hold" + "s" * (leak.rows == 1)
            console.print(f"{report.name}: {rows} {verb} a value of {', '.join(leak.of)}")
        if report.leaks == []:
            console.print(f"{report.name}: no value of a masked column has survived")


def _result(report: VerifyReport) -> str:
    if report.problems:
        return plural(len(report.problems), "problem")
    if report.unread:
        return "not read everywhere"
    if _survivors(report):
        return "leaks"
    if report.unsearched is not None:
        return "ok, not searched"
    return "ok" if report.locked is None else "no key fits"


def refuse_unsound(reports: Sequence[VerifyReport]) -> None:
    """Raises the error that tells of the worst that was found."""
    damaged = [report for report in reports if report.problems]
    locked = [report for report in reports if report.locked is not None]
    if len(locked) == len(reports) == 1:
        raise WrongKeyError(locked[0].locked or "")
    if damaged:
        raise CorruptError(
            _of(damaged, reports, "damaged"),
            hint="make a new dump; what a damaged one still holds can't be trusted",
        )
    if locked:
        raise (WrongKeyError if len(locked) == len(reports) else PartialError)(
            _of(locked, reports, "not to be opened with the configured key"),
            hint="they were made with another encryption_key",
        )
    unread = [report for report in reports if report.unread]
    if unread:
        raise PartialError(
            _of(unread, reports, "not verified in every copy"),
            hint="run it again when all copies can be reached",
        )
    leaking = [report for report in reports if _survivors(report)]
    if leaking:
        raise ReplicateError(
            _of(leaking, reports, "holding values that were to be masked"),
            hint="give these columns a transformer, make a new dump, and delete this one",
        )
    unsearched = [report.unsearched for report in reports if report.unsearched is not None]
    if unsearched:
        raise unsearched[0]


def _survivors(report: VerifyReport) -> list[Leak]:
    """The leaks that are no chance."""
    return [leak for leak in report.leaks or () if not leak.by_chance]


def _of(some: Sequence[VerifyReport], reports: Sequence[VerifyReport], what: str) -> str:
    if len(reports) == 1:
        return f"{reports[0].name} is {what}"
    return f"{len(some)} of {len(reports)} dumps {'is' if len(some) == 1 else 'are'} {what}"
