"""The program: its nouns, its global options, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import ClassVar

import click

from replicate.cli import exits
from replicate.cli.commands import LazyGroup, Session, global_options, pass_session
from replicate.cli.console import Console, OutputClosed
from replicate.cli.signals import Interrupts
from replicate.version import __version__

PROGRAM = "replicate"
COMPLETE_VARIABLE = "_REPLICATE_COMPLETE"


class Program(LazyGroup):
    """The group of all nouns."""

    lazy: ClassVar = {
        "dump": ("replicate.cli.dump:dump", "Create, list, check, restore and delete dumps."),
        "source": ("replicate.cli.source:source", "Look at the database that dumps are made of."),
        "transformer": (
            "replicate.cli.transformer:transformer",
            "What columns can be masked with.",
        ),
        "datastore": (
            "replicate.cli.datastore:datastore",
            "Look at where dumps are kept, and bring copies up to date.",
        ),
        "config": ("replicate.cli.config:config", "Check conf.yaml, and help an editor check it."),
        "demo": ("replicate.cli.demo:demo", "Try it all on a made-up shop's database."),
    }


EXAMPLE = """\
replicate demo
replicate -c conf.yaml dump create
replicate -c conf.yaml dump restore remote -v latest"""


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.ensure_object(Session).console.print(f"{PROGRAM} {__version__}")
        ctx.exit()


@click.group(
    cls=Program,
    name=PROGRAM,
    epilog=EXAMPLE,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@global_options
@click.option(
    "-n",
    "--no-telemetry",
    is_flag=True,
    help="Accepted for Replibyte's sake: there is no telemetry.",
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@pass_session
def cli(session: Session, *, no_telemetry: bool) -> None:
    """Seed development databases with production data that is safe to use.

    Rows are read from the source, masked, compressed and encrypted, kept as a dump in a
    datastore, and restored into another database.
    """
    if no_telemetry:
        session.console.note("note: there is no telemetry to switch off")


def run(args: Sequence[str], interrupts: Interrupts) -> int:
    """Run the program with `args`; its exit code. Lets no exception out but a second interrupt."""
    _prepare_streams()
    console = Console()
    # Errors of the command line itself come before the options are known.
    console.json, console.debug = "--json" in args, "--debug" in args
    try:
        code = _invoke(list(args), Session(console=console))
        console.flush()
    except BaseException as error:  # noqa: BLE001 - the end of the line: each has its exit code
        code = _ended(error, console, interrupts)
    return code


def _invoke(args: list[str], session: Session) -> int:
    instruction = os.environ.get(COMPLETE_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(cli, {"obj": session}, PROGRAM, COMPLETE_VARIABLE, instruction)
    try:
        with cli.make_context(PROGRAM, args, obj=session) as ctx:
            cli.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    return exits.DONE


def _ended(error: BaseException, console: Console, interrupts: Interrupts) -> int:
    """Tell the user about what ended the program; the exit code that says it to a script."""
    if interrupts.came or isinstance(error, KeyboardInterrupt):
        # Whatever came out of the work after the signal is only its echo.
        console.interrupted()
        return exits.INTERRUPTED
    if console.output_closed or isinstance(error, OutputClosed):
        return exits.OUTPUT_CLOSED
    if isinstance(error, exits.HelpWanted):
        console.help(error.message)
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else exits.ERROR
    if console.debug:
        console.traceback(error)
    failure = exits.failure(error, debug=console.debug)
    console.error(failure)
    return failure.exit_code


def _prepare_streams() -> None:
    """Make sure that printing can't fail, nor write into a file that took a stream's place."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # The next file to be opened would be stdout, say, and might be a database.
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
