"""`replicate dump`: make dumps, look at them, check them, and delete them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import click

from replicate.cli.commands import (
    Command,
    Group,
    LazyGroup,
    Session,
    pass_session,
    session_options,
)
from replicate.cli.formats import Duration, elapsed, local_time, number, plural, size
from replicate.cli.preview import preview
from replicate.cli.reports import body_json, header_json
from replicate.cli.verified import print_verified, refuse_unsound
from replicate.errors import (
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicate.dumps.manifest import Body, DumpedTable, Header

    # Generic in newer versions of click alone.
    _Text = click.ParamType[str]
else:
    _Text = click.ParamType


class DumpName(_Text):
    """A dump's name; a shell completes it where the dumps are on this machine."""

    name = "name"

    def shell_complete(
        self, ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[Any]:
        """Names that begin so; none where that would take a network, a key or an error."""
        from click.shell_completion import CompletionItem

        try:
            from replicate.config import load_config
            from replicate.jobs.listing import list_dumps

            path = ctx.ensure_object(Session).config_path
            config = load_config(path, sections=["datastore"])
            if config.datastore is None or config.datastore.local_disk is None:
                return []
            names = [header.name for header in list_dumps(config, warn=lambda _: None)]
        except Exception:  # noqa: BLE001 - a key press is no occasion to talk of errors
            return []
        return [CompletionItem(name) for name in ["latest", *names] if name.startswith(incomplete)]


@click.group(
    cls=Group,
    epilog="""\
replicate dump create
replicate dump list
replicate dump restore remote -v latest""",
)
def dump() -> None:
    """Create, list, check, restore and delete dumps."""


dump.add_command(preview)


@dump.command(cls=Command, epilog="replicate dump create --name before-migration")
@click.option(
    "-n", "--name", metavar="NAME", help="The dump's name.  [default: the time, and a suffix]"
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Worker processes.  [default: what conf.yaml says, or one a core]",
)
@click.option("--new-key", is_flag=True, help="Begin a new key slot for the encryption key.")
@click.option("-s", "--source-type", hidden=True)
@click.option("-i", "--input", "stdin", is_flag=True, hidden=True)
@click.option("-f", "--file", hidden=True)
@session_options(reports=True)
@pass_session
def create(
    session: Session,
    *,
    name: str | None,
    jobs: int | None,
    new_key: bool,
    source_type: str | None,
    stdin: bool,
    file: str | None,
) -> None:
    """Mask the source and keep it as a new dump.

    The name of the dump is printed when it is complete. Until then there is no dump, whatever
    happens.
    """
    if source_type is not None or stdin or file is not None:
        raise UsageError(
            "making a dump from a file or from stdin (-s, -i, -f) is not supported by this "
            "version yet",
            hint="a dump is made of the database that source.connection_uri names",
        )
    from replicate.jobs.create import create_dump

    config = session.config("source", "datastore", "encryption_key", "masking_key")
    began = time.monotonic()
    with session.console.progress() as progress:
        manifest = create_dump(config, name=name, jobs=jobs, new_key=new_key, progress=progress)
        totals = manifest.header.totals
        progress.done(
            f"{plural(totals.rows, 'row')} of {plural(totals.tables, 'table')}, "
            f"{size(totals.plain_bytes)} stored as {size(totals.stored_bytes)} "
            f"in {elapsed(time.monotonic() - began)}"
        )
    if session.console.json:
        session.console.print_json(header_json(manifest.header))
    else:
        session.console.print(manifest.header.name)


@dump.command("list", cls=Command, epilog="replicate dump list --json")
@session_options(reports=True)
@pass_session
def list_(session: Session) -> None:
    """List all dumps, the newest first."""
    from replicate.jobs.listing import list_dumps

    console = session.console
    headers = list_dumps(session.config("datastore"), warn=console.warn)
    if console.json:
        console.print_json({"dumps": [header_json(header) for header in headers]})
    elif headers:
        _print_headers(session, headers)
    else:
        console.note("there are no dumps yet")


@dump.command(cls=Command, epilog="replicate dump show latest")
@click.argument("name", type=DumpName(), metavar="NAME|latest")
@session_options(reports=True)
@pass_session
def show(session: Session, *, name: str) -> None:
    """Show what is in a dump: its tables, and how each was masked.

    Without the encryption key only what stands in the clear is shown.
    """
    from replicate.jobs.listing import show_dump

    console = session.console
    config = session.config("datastore", "encryption_key")
    header, body = show_dump(config, name, warn=console.warn)
    if console.json:
        console.print_json({**header_json(header), "body": body and body_json(body)})
        return
    _print_header(session, header, body)
    if body is None:
        console.note("the tables can't be shown: the dump is encrypted, and there is no key")
        return
    console.print()
    console.print_table(
        ("TABLE", "ROWS", "MASKED"),
        [
            (f"{table.schema}.{table.name}", number(table.rows), _masked(table) or "-")
            for table in body.tables
        ],
        "<><",
    )


@dump.command(cls=Command, epilog="replicate dump verify latest")
@click.argument("names", type=DumpName(), metavar="[NAME|latest]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Verify every dump.")
@click.option("--leaks", is_flag=True, help="Look for values that were to be masked, too.")
@session_options(reports=True)
@pass_session
def verify(session: Session, *, names: tuple[str, ...], every: bool, leaks: bool) -> None:
    """Read every byte of a dump back and check it.

    Ends with 13 where anything is missing, changed or out of place. With --leaks, ends with 1 where
    a value of a masked column has survived in another one: that takes a dump which was made with
    leak_filter in its source section, and the same masking_key.
    """
    if bool(names) == every:
        raise UsageError(
            "give either the names of dumps or --all", hint="`replicate dump verify latest`"
        )
    from replicate.jobs.verify import verify_dumps

    config = session.config("datastore", "encryption_key", *(["masking_key"] if leaks else []))
    with session.console.progress() as progress:
        reports = verify_dumps(config, None if every else names, leaks=leaks, progress=progress)
    print_verified(session.console, reports)
    refuse_unsound(reports)


@dump.command(cls=Command, epilog="replicate dump delete --older-than 14d --dry-run")
@click.argument("name", type=DumpName(), required=False)
@click.option("--older-than", type=Duration(), metavar="14d", help="All that are older.")
@click.option("--keep-last", type=click.IntRange(1), metavar="N", help="All but the last N.")
@click.option("--dry-run", is_flag=True, help="Only tell which ones.")
@session_options(reports=True)
@pass_session
def delete(
    session: Session,
    *,
    name: str | None,
    older_than: timedelta | None,
    keep_last: int | None,
    dry_run: bool,
) -> None:
    """Delete one dump, or those that a rule selects; print their names."""
    if sum(choice is not None for choice in (name, older_than, keep_last)) != 1:
        raise UsageError("give exactly one of NAME, --older-than and --keep-last")
    from replicate.jobs.cleanup import delete_dumps

    console = session.console
    config = session.config("datastore")
    with console.progress() as progress:
        removals = delete_dumps(
            config,
            name=name,
            older_than=older_than,
            keep_last=keep_last,
            dry_run=dry_run,
            progress=progress,
        )
    if console.json:
        deleted = [
            header_json(removal.header) if removal.header else {"name": removal.name}
            for removal in removals
        ]
        console.print_json({"dry_run": dry_run, "deleted": deleted})
        return
    for removal in removals:
        console.print(removal.name)
    stored = size(sum(r.header.totals.stored_bytes for r in removals if r.header))
    done = "would be deleted" if dry_run else "deleted"
    console.note(f"{plural(len(removals), 'dump')} {done}, {stored}")


@dump.command(cls=Command, epilog="replicate dump prune --orphans --dry-run")
@click.option("--orphans", is_flag=True, help="Chunks of runs that never became a dump.")
@click.option(
    "--grace",
    type=Duration(),
    default="24h",
    show_default=True,
    metavar="24h",
    help="Spare what is younger: a running dump's chunks are orphans too, until it is complete.",
)
@click.option("--dry-run", is_flag=True, help="Only tell which ones.")
@session_options(reports=True)
@pass_session
def prune(session: Session, *, orphans: bool, grace: timedelta, dry_run: bool) -> None:
    """Remove what killed runs left behind; print the objects' keys."""
    if not orphans:
        raise UsageError("say what to prune", hint="`replicate dump prune --orphans`")
    from replicate.jobs.cleanup import prune_orphans

    console = session.console
    config = session.config("datastore")
    with console.progress() as progress:
        found = prune_orphans(config, grace=grace, dry_run=dry_run, progress=progress)
    if console.json:
        removed = [{"key": info.key, "stored_bytes": info.size} for info in found]
        console.print_json({"dry_run": dry_run, "removed": removed})
        return
    for info in found:
        console.print(info.key)
    done = "would be removed" if dry_run else "removed"
    freed = size(sum(info.size for info in found))
    console.note(f"{plural(len(found), 'object')} {done}, {freed}")


class _Restore(LazyGroup):
    lazy: ClassVar = {
        "remote": ("replicate.cli.restore:remote", "Restore into the configured destination."),
        "local": (
            "replicate.cli.restore_local:local",
            "Restore into a new container of this machine.",
        ),
    }


@dump.group(
    cls=_Restore,
    epilog="""\
replicate dump restore remote -v latest
replicate dump restore local -v latest""",
)
def restore() -> None:
    """Restore a dump into another database, or as an SQL script."""


def _print_headers(session: Session, headers: Sequence[Header]) -> None:
    session.console.print_table(
        ("NAME", "CREATED", "ENGINE", "TABLES", "ROWS", "SIZE", "STORED", "ENCRYPTED"),
        [
            (
                header.name,
                local_time(header.created_at),
                header.engine,
                number(header.totals.tables),
                number(header.totals.rows),
                size(header.totals.plain_bytes),
                size(header.totals.stored_bytes),
                "yes" if header.encryption else "no",
            )
            for header in headers
        ],
        "<<<>>>><",
    )


def _print_header(session: Session, header: Header, body: Body | None) -> None:
    totals = header.totals
    lines = [
        ("name", header.name),
        ("created", local_time(header.created_at)),
        ("tool", f"replicate {header.tool_version}"),
        ("source", body.source.server_version if body else header.engine),
        ("holds", f"{plural(totals.rows, 'row')} of {plural(totals.tables, 'table')}"),
        ("size", f"{size(totals.plain_bytes)}, stored as {size(totals.stored_bytes)}"),
        ("chunks", number(totals.chunks)),
        ("compressed", header.compression),
        ("encrypted", f"yes ({header.encryption.scheme})" if header.encryption else "no"),
    ]
    if body is not None and "masking" in body.options:
        lines.append(("masking", str(body.options["masking"])))
    for label, value in lines:
        session.console.print(f"{label:<10}  {value}")


def _masked(table: DumpedTable) -> str:
    """The columns whose values were replaced, and by what."""
    changed = ((name, how) for name, how in table.masked.items() if how != "transient")
    return ", ".join(f"{name} ({how})" for name, how in changed)
