"""`replicate config`: check conf.yaml, and help an editor check it."""

from __future__ import annotations

import click

from replicate.cli.commands import Command, Group, Session, pass_session, session_options
from replicate.cli.exits import failure
from replicate.cli.formats import plural


@click.group(cls=Group, epilog="replicate config check")
def config() -> None:
    """Check conf.yaml, and help an editor check it."""


@config.command(cls=Command, epilog="replicate -c conf.yaml config check")
@session_options(reports=True)
@pass_session
@click.pass_context
def check(ctx: click.Context, session: Session) -> None:
    """Find every fault of conf.yaml without reading a row.

    The file by itself, the transformers and their options, and, where the source can be opened,
    its tables and columns. Each fault is an error of its own; the exit code is the first one's.
    """
    from replicate.jobs.inspect import check as find_faults

    console = session.console
    errors = find_faults(session.config_path, warn=console.warn)
    faults = [failure(error) for error in errors]
    if console.json:
        problems = [fault.as_json()["error"] for fault in faults]
        console.print_json({"ok": not faults, "problems": problems})
    else:
        for error, fault in zip(errors, faults, strict=True):
            if console.debug:
                console.traceback(error)
            console.error(fault)
        if not faults:
            console.print(f"{session.config_path} is sound")
    if faults:
        ctx.exit(faults[0].exit_code)


@config.command(cls=Command, epilog="replicate config lock")
@session_options(reports=True)
@pass_session
def lock(session: Session) -> None:
    """Write down which columns the source has, so that new ones are noticed.

    They go to a file beside conf.yaml, conf.lock, to be committed with it. With on_new_column in
    its source section, a dump then stops for columns that appeared since, or masks them.
    """
    from replicate.jobs.inspect import lock_columns

    console = session.console
    change = lock_columns(session.config("source"), warn=console.warn)
    if console.json:
        console.print_json(
            {
                "lock": str(change.path),
                "columns": change.columns,
                "added": change.added,
                "removed": change.removed,
            }
        )
        return
    for sign, names in (("+", change.added or []), ("-", change.removed or [])):
        for name in names:
            console.print(f"{sign} {name}")
    console.print(f"{change.path} lists {plural(change.columns, 'column')}")


@config.command(cls=Command, epilog="replicate config schema > conf.schema.json")
@session_options()
@pass_session
def schema(session: Session) -> None:
    """Print the JSON Schema of conf.yaml, for editors.

    Refer to it in the first line of conf.yaml: # yaml-language-server: $schema=conf.schema.json
    """
    from replicate.config.json_schema import config_schema

    session.console.print_json(config_schema())
