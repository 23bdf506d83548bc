"""`replicate dump restore`: a dump into another database, or onto stdout as SQL."""

from __future__ import annotations

import click

from replicate.cli.commands import Command, Session, pass_session, session_options
from replicate.cli.dump import DumpName
from replicate.cli.formats import elapsed, local_time, plural, size
from replicate.cli.reports import header_json
from replicate.errors import UsageError


@click.command(
    cls=Command,
    epilog="""\
replicate dump restore remote -v latest --dry-run
replicate dump restore remote -v latest --wipe
replicate dump restore remote -v latest --output > dump.sql""",
)
@click.option(
    "-v",
    "--value",
    type=DumpName(),
    required=True,
    metavar="latest|NAME",
    help="The dump to restore.",
)
@click.option(
    "-o", "--output", is_flag=True, help="Write SQL to stdout instead; needs no destination."
)
@click.option(
    "--tables", multiple=True, metavar="A,B", help="Restore only these; may be given again."
)
@click.option(
    "--wipe", is_flag=True, help="Replace all that the destination holds, also with --tables."
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
    dry_run: bool,
) -> None:
    """Restore a dump into the destination of conf.yaml.

    A destination that is the dump's own source, that has a protected name, or that is not empty
    (without --wipe) is refused with 14. What it held stays usable until the restore is complete.
    With --output and --json, errors are JSON and stdout is still SQL.
    """
    if output and (wipe or dry_run):
        raise UsageError(
            f"--output writes to stdout alone, so {'--wipe' if wipe else '--dry-run'} has no "
            "meaning beside it"
        )
    chosen = _split(tables)
    if output:
        _write_script(session, value, chosen)
    elif dry_run:
        _print_plan(session, value, chosen, wipe=wipe)
    else:
        _restore(session, value, chosen, wipe=wipe)


@click.command(cls=Command, epilog="replicate dump restore remote -v latest")
@click.option("-v", "--value", hidden=True)
@click.option("-o", "--output", is_flag=True, hidden=True)
@click.option("-t", "--tag", hidden=True)
@click.option("-p", "--port", hidden=True)
@click.option("-r", "--remove", is_flag=True, hidden=True)
@click.option("-i", "--image", hidden=True)
@session_options()
def local(**_options: object) -> None:
    """Restore into a container of this machine: not supported by this version yet."""
    raise UsageError(
        "`dump restore local` is not supported by this version yet",
        hint="start the database yourself, name it as destination in conf.yaml, and use "
        "`replicate dump restore remote`",
    )


def _split(tables: tuple[str, ...]) -> list[str]:
    names = [name.strip() for given in tables for name in given.split(",")]
    if not all(names):
        raise UsageError("--tables takes names with commas between them", hint="--tables a,b")
    return names


def _restore(session: Session, value: str, tables: list[str], *, wipe: bool) -> None:
    from replicate.jobs.restore import restore_dump

    console = session.console
    config = session.config("datastore", "destination", "encryption_key")
    with console.progress() as progress:
        report = restore_dump(config, value, tables=tables, wipe=wipe, progress=progress)
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


def _print_plan(session: Session, value: str, tables: list[str], *, wipe: bool) -> None:
    from replicate.jobs.restore import plan_restore

    console = session.console
    config = session.config("datastore", "destination", "encryption_key")
    with console.progress() as progress:
        plan = plan_restore(config, value, tables=tables, wipe=wipe, progress=progress)
    if console.json:
        console.print_json(
            {
                "dump": header_json(plan.header),
                "target": plan.target,
                "engine": plan.engine,
                "holds": plan.holds,
                "wipes": plan.wipes,
                "tables": [{"name": table.qualified, "rows": table.rows} for table in plan.tables],
            }
        )
        return
    console.print(f"dump      {plan.header.name}, made {local_time(plan.header.created_at)}")
    console.print(f"target    {plan.target} ({plan.engine}), which holds {plan.holds}")
    if plan.wipes:
        console.print("wipe      all that the target holds goes, whichever tables are restored")
    for table in plan.tables:
        console.print(f"table     {table.qualified}: {plural(table.rows, 'row')}")
    console.note("nothing was changed")


def _write_script(session: Session, value: str, tables: list[str]) -> None:
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
