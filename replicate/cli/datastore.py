"""`replicate datastore`: look at where dumps are kept."""

from __future__ import annotations

import click

from replicate.cli.commands import Command, Group, Session, pass_session, session_options
from replicate.cli.formats import elapsed
from replicate.errors import DatastoreError


@click.group(cls=Group, epilog="replicate datastore check")
def datastore() -> None:
    """Look at where dumps are kept."""


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
    report = check_store(session.config("datastore"))
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
