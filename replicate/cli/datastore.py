"""`replicate datastore`: look at where dumps are kept, and bring copies of them up to date."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from replicate.cli.commands import Command, Group, Session, pass_session, session_options
from replicate.cli.formats import elapsed, plural, size
from replicate.errors import DatastoreError, PartialError

if TYPE_CHECKING:
    from replicate.jobs.sync import Copied, SyncReport


@click.group(
    cls=Group,
    epilog="""\
replicate datastore check
replicate datastore sync --dry-run""",
)
def datastore() -> None:
    """Look at where dumps are kept, and bring copies up to date."""


@datastore.command(cls=Command, epilog="replicate datastore check")
@session_options(reports=True)
@pass_session
def check(session: Session) -> None:
    """Try out whether the datastore keeps what dumps rely on.

    Objects of its own are written, read and removed again; dumps are not touched. Each line tells
    what follows from how its check ended.
    """
    from replicate.jobs.inspect import check_store

    console = session.console
    report = check_store(session.config("datastore"), warn=console.warn)
    if console.json:
        console.print_json(report.as_dict())
    else:
        console.print(report.location)
        console.print_table(
            ("CHECK", "STATUS", "TIME", "WHAT FOLLOWS"),
            [
                (row.name, row.status, elapsed(row.seconds), row.consequence or "-")
                for row in report.rows
            ],
            "<<><",
        )
        if report.operations:
            times = (f"{name} {elapsed(took)}" for name, took in report.operations.items())
            console.print(f"with an object of 1 MiB: {', '.join(times)}")
        for row in report.rows:
            if row.status != "passed":
                hint = f" ({row.hint})" if row.hint else ""
                console.print(f"{row.name}: {row.detail}{hint}")
            else:
                console.detail(f"{row.name}: {row.detail}")
    if not report.ok:
        raise DatastoreError(
            "the datastore does not keep what dumps rely on",
            hint="the checks that failed tell what can go wrong",
        )


@datastore.command(cls=Command, epilog="replicate datastore sync --from old.yaml --dry-run")
@click.option(
    "--from",
    "old",
    metavar="FILE",
    help="Copy the dumps of another datastore: that of this configuration.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be copied, and copy nothing.")
@session_options(reports=True)
@pass_session
def sync(session: Session, *, old: str | None, dry_run: bool) -> None:
    """Copy the dumps that a datastore lacks.

    Every copy of a datastore with `mirrors` gets what any other has. With --from the configured
    datastore gets the dumps of another one, which is only read. What is there already is not copied
    again, and no dump is overwritten: where the name is taken by another one, the dump is skipped,
    and the command ends with 3.
    """
    from replicate.jobs.sync import sync_datastore

    console = session.console
    config = session.config("datastore", "encryption_key")
    source = None
    if old is not None:
        source = Session(old, console).config("datastore", "encryption_key")

    def tell(copied: Copied) -> None:
        if not console.json:
            console.print(f"{copied.name}  {copied.location}")
            console.flush()

    with console.progress() as progress:
        report = sync_datastore(
            config, old=source, dry_run=dry_run, progress=progress, on_copied=tell
        )
        progress.done(_counted(report, dry_run=dry_run))
    if console.json:
        console.print_json(
            {
                "dry_run": dry_run,
                "copied": [asdict(each) for each in report.copied],
                "skipped": [asdict(each) for each in report.skipped],
                "current": report.current,
            }
        )
    for each in report.skipped:
        if each.name is None:
            console.warn(f"{each.location} was not brought up to date: {each.reason}")
        else:
            console.warn(f"dump {each.name} was skipped ({each.location}): {each.reason}")
    if report.skipped:
        raise PartialError(
            "not everything that is missing could be copied",
            hint="the warnings tell why; a name that is taken is free once its dump is deleted",
        )


def _counted(report: SyncReport, *, dry_run: bool) -> str:
    chunks = sum(each.chunks for each in report.copied)
    stored = sum(each.stored_bytes for each in report.copied)
    return (
        f"{plural(len(report.copied), 'dump')} {'would be copied' if dry_run else 'copied'}, "
        f"{plural(chunks, 'chunk')}, {size(stored)}; {report.current:,} there already"
    )
