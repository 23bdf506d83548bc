"""`replicate dump restore local`: a dump into a new database, in a container of this machine."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from replicate.cli.commands import Command, Session, pass_session, session_options
from replicate.cli.formats import elapsed, plural, size
from replicate.cli.restore import table_names, tables_option, value_option, write_script
from replicate.errors import ReplicateError, UsageError

if TYPE_CHECKING:
    from replicate.cli.console import Console
    from replicate.config import Config
    from replicate.jobs.containers import Container
    from replicate.jobs.restore import RestoreReport

DEFAULT_PORT = 5432
DEFAULT_WAIT = 60


@click.command(
    cls=Command,
    epilog="""\
replicate dump restore local -v latest
replicate dump restore local -v latest --port 0 --json
replicate dump restore local -v latest -i postgresql -t 16 -p 5433 --remove
replicate dump restore local -v latest --output > dump.sql""",
)
@value_option
@click.option(
    "-i",
    "--image",
    metavar="KIND",
    help="The kind of database: postgresql.  [default: the dump's]",
)
@click.option(
    "-t",
    "--tag",
    metavar="TAG",
    help="The image's version.  [default: the source's, such as 16]",
)
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help=f"The port of this machine; 0 takes a free one.  [default: {DEFAULT_PORT}]",
)
@click.option(
    "-r", "--remove", is_flag=True, help="Wait for Ctrl-C, and remove the container then."
)
@click.option(
    "-o", "--output", is_flag=True, help="Write SQL to stdout instead; needs no container."
)
@tables_option
@click.option(
    "--wait",
    type=click.IntRange(1, 3600),
    metavar="SECONDS",
    help=f"How long the database may take to start.  [default: {DEFAULT_WAIT}]",
)
@session_options(reports=True)
@pass_session
def local(
    session: Session,
    *,
    value: str,
    image: str | None,
    tag: str | None,
    port: int | None,
    remove: bool,
    output: bool,
    tables: tuple[str, ...],
    wait: int | None,
) -> None:
    """Restore a dump into a new container of this machine.

    Needs docker, and no destination in conf.yaml. When the dump is restored, the database's URI
    is printed, password included, and the container is left running. Only this machine reaches
    it. Where anything fails or is interrupted before, the container is removed.

    With --remove the command goes on until Ctrl-C or SIGTERM, removes the container and ends
    with 0.
    """
    names = table_names(tables)
    if output:
        _refuse_beside_output(image=image, tag=tag, port=port, remove=remove, wait=wait)
        write_script(session, value, names)
        return
    from replicate.jobs.containers import Container, choose_image, engine_of, find_docker

    engine = None if image is None else engine_of(image)
    config = session.config("datastore", "encryption_key")
    name, chosen = choose_image(
        config, value, names, engine=engine, tag=tag, warn=session.console.warn
    )
    container = Container(find_docker(), chosen, DEFAULT_PORT if port is None else port)
    try:
        report = _fill(
            session.console, config, container, dump=name, tables=names, wait=wait or DEFAULT_WAIT
        )
        _hand_over(session.console, container, report, remove=remove)
    except BaseException:
        # What went wrong first is what the user has to know; the rest is a warning.
        with contextlib.suppress(ReplicateError):
            _remove(session.console, container)
        raise
    if remove:
        _remove(session.console, container)


def _refuse_beside_output(**given: object) -> None:
    for option, value in given.items():
        if value is not None and value is not False:
            raise UsageError(
                f"--output writes to stdout alone, so --{option} has no meaning beside it"
            )


def _fill(
    console: Console,
    config: Config,
    container: Container,
    *,
    dump: str,
    tables: list[str],
    wait: int,
) -> RestoreReport:
    """Start the container, and restore the dump into it."""
    from replicate.jobs.restore import RestoreOptions, restore_dump

    with console.progress() as progress:
        container.start(progress)
        container.wait_until_ready(wait, progress)
        config = config.model_copy(update={"destination": container.destination()})
        try:
            report = restore_dump(config, dump, RestoreOptions(tables), progress=progress)
        except ReplicateError as error:
            if "--wipe" in (error.hint or ""):
                # Of what a half restored database is good for; this one is about to be removed.
                error.hint = None
            raise
        progress.done(
            f"{plural(report.rows, 'row')} of {plural(report.tables, 'table')} of {report.name}, "
            f"{size(report.bytes)}, restored into container {container.name} "
            f"({container.image}) in {elapsed(report.seconds)}"
        )
    return report


def _hand_over(
    console: Console, container: Container, report: RestoreReport, *, remove: bool
) -> None:
    """Tell how to reach the database; with `remove`, return at the first interrupt after that."""
    console.note(
        "Ctrl-C stops and removes it" if remove else f"to stop and remove it: {container.removal}"
    )
    try:
        if console.json:
            console.print_json(
                {
                    "name": report.name,
                    "uri": container.uri,
                    "container": container.name,
                    "id": container.id,
                    "image": str(container.image),
                    "port": container.port,
                    "tables": report.tables,
                    "rows": report.rows,
                    "plain_bytes": report.bytes,
                    "seconds": round(report.seconds, 3),
                }
            )
        else:
            console.print(container.uri)
        # A container whose password reached nobody is removed, too.
        console.flush()
        if remove:
            container.follow()
    except KeyboardInterrupt:
        if not remove:
            raise
        console.note(f"removing container {container.name}")


def _remove(console: Console, container: Container) -> None:
    """Remove it. Where that fails a warning says how to, which an interrupt can't swallow."""
    try:
        container.remove()
    except ReplicateError as error:
        console.warn(f"{error.message}; to do it yourself: {container.removal}")
        raise
