"""`replicate dump restore remote`: a dump into another database, or onto stdout as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from replicate.cli.commands import Command, Session, pass_session, session_options
from replicate.cli.dump import DumpName
from replicate.cli.formats import elapsed, local_time, plural, size
from replicate.cli.reports import header_json
from replicate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicate.jobs.restore import RestoreOptions

value_option = click.option(
    "-v",
    "--value",
    type=DumpName(),
    required=True,
    metavar="latest|NAME",
    help="The dump to restore.",
)

tables_option = click.option(
    "--tables", multiple=True, metavar="A,B", help="Restore only these; may be given again."
)


@click.command(
    cls=Command,
    epilog="""\
replicate dump restore remote -v latest --dry-run
replicate dump restore remote -v latest --wipe
replicate dump restore remote -v latest --output > dump.sql""",
)
@value_option
@click.option(
    "-o", "--output", is_flag=True, help="Write SQL to stdout instead; needs no destination."
)
@tables_option
@click.option(
    "--wipe",
    is_flag=True,
    help="Remove what is in the way: the tables that the dump makes, or all of a SQLite file.",
)
@click.option(
    "--swap",
    is_flag=True,
    help="Restore beside the destination, and take its place when complete.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Connections.  [default: what conf.yaml says, or one a core]",
)
@click.option("--dry-run", is_flag=True, help="Check everything, print the plan, change nothing.")
@session_options(reports=True)
@pass_session
def remote(
    session: Session,
    *,
    value: str,
    output: bool,
    tables: tuple[str, ...],
    wipe: bool,
    swap: bool,
    jobs: int | None,
    dry_run: bool,
) -> None:
    """Restore a dump into the destination of conf.yaml.

    A destination that is the dump's own source, that has a protected name, or that is not empty
    (without --wipe) is refused with 14. With --swap, and always with SQLite, what it held stays
    usable until the restore is complete.
    With --output and --json, errors are JSON and stdout is still SQL.
    """
    for flag, given in (("--wipe", wipe), ("--swap", swap), ("--dry-run", dry_run)):
        if output and given:
            raise UsageError(f"--output writes to stdout alone, so {flag} has no meaning beside it")
    from replicate.jobs.restore import RestoreOptions

    options = RestoreOptions(table_names(tables), wipe=wipe, swap=swap, jobs=jobs)
    if output:
        write_script(session, value, options.tables)
    elif dry_run:
        _print_plan(session, value, options)
    else:
        _restore(session, value, options)


def table_names(tables: tuple[str, ...]) -> list[str]:
    """The names that --tables was given. Raises `UsageError` where one of them is empty."""
    names = [name.strip() for given in tables for name in given.split(",")]
    if not all(names):
        raise UsageError("--tables takes names with commas between them", hint="--tables a,b")
    return names


def _restore(session: Session, value: str, options: RestoreOptions) -> None:
    from replicate.jobs.restore import restore_dump

    console = session.console
    config = session.config("datastore", "destination", "encryption_key")
    with console.progress() as progress:
        report = restore_dump(config, value, options, progress=progress)
        progress.done(
            f"{plural(report.rows, 'row')} of {plural(report.tables, 'table')} of {report.name}, "
            f"{size(report.bytes)}, restored into {report.target} in {elapsed(report.seconds)}"
        )
    if console.json:
        console.print_json(
            {
                "name": report.name,
                "target": report.target,
                "tables": report.tables,
                "rows": report.rows,
                "plain_bytes": report.bytes,
                "seconds": round(report.seconds, 3),
            }
        )


def _print_plan(session: Session, value: str, options: RestoreOptions) -> None:
    from replicate.jobs.restore import plan_restore

    console = session.console
    config = session.config("datastore", "destination", "encryption_key")
    with console.progress() as progress:
        plan = plan_restore(config, value, options, progress=progress)
    if console.json:
        console.print_json(
            {
                "dump": header_json(plan.header),
                "target": plan.target,
                "engine": plan.engine,
                "holds": plan.holds,
                "drops": plan.drops,
                "tables": [{"name": table.qualified, "rows": table.rows} for table in plan.tables],
            }
        )
        return
    console.print(f"dump      {plan.header.name}, made {local_time(plan.header.created_at)}")
    console.print(f"target    {plan.target} ({plan.engine}), which holds {plan.holds}")
    if plan.drops:
        console.print(f"wipe      {plan.drops}")
    for table in plan.tables:
        console.print(f"table     {table.qualified}: {plural(table.rows, 'row')}")
    console.note("nothing was changed")


def write_script(session: Session, value: str, tables: Sequence[str]) -> None:
    """The dump onto stdout, as SQL."""
    from replicate.jobs.restore import restore_script

    console = session.console
    config = session.config("datastore", "encryption_key")
    with console.progress() as progress:
        report = restore_script(
            config, value, tables=tables, out=console.binary_output(), progress=progress
        )
        progress.done(
            f"{plural(report.rows, 'row')} of {plural(report.tables, 'table')} of {report.name} "
            f"written in {elapsed(report.seconds)}"
        )
