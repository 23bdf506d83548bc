"""`replicate demo`: both journeys on a made-up shop, with the commands that a user would type."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import click

from replicate.cli.commands import Command, Session, pass_session, session_options
from replicate.cli.demo_config import Place, demo_config
from replicate.errors import ConflictError, ReplicateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replicate.cli.console import Console

MARKER = ".replicate-demo"
"""A file that says: this directory was made by the demo, which may make it anew."""

_DATABASES = ("prod.db", "dev.db")
_SIDE_FILES = ("-journal", "-wal", "-shm")


@click.command(cls=Command, epilog="replicate demo --directory ./demo")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    metavar="DIR",
    help="Where to make it; a new or empty directory, or the one of an earlier demo.",
)
@session_options()
@pass_session
def demo(session: Session, *, directory: Path) -> None:
    """Try it all on a made-up shop's database.

    Makes a SQLite database of 50,000 rows and a conf.yaml, then runs the commands that a user
    would type, and looks at what came out. Needs no server and no network.
    """
    from replicate.cli.demo_checks import compare_people, compare_structure, search_originals
    from replicate.cli.demo_data import write_production

    console, place = session.console, Place(directory)
    shell = _Shell(console, place)

    _prepare(place, console)
    _heading(console, f"A production database and a configuration, in {directory}")
    write_production(place.production)
    place.config.write_text(demo_config(place), encoding="utf-8")
    place.config.chmod(0o600)
    console.print(f"{place.production}: a shop with customers, orders, payments and messages")
    console.print(f"{place.config}: what to mask, and how; it is worth reading")
    shell.run("config", "check")

    _heading(console, "Mask it, compress it, encrypt it, and keep it as a dump")
    shell.run("dump", "create")
    shell.run("dump", "list")
    shell.run("dump", "show", "latest")
    shell.run("dump", "verify", "latest")

    _heading(console, "Restore it into a development database")
    shell.run("dump", "restore", "remote", "-v", "latest")

    _heading(console, "The same people in both, and nobody to recognise")
    compare_people(console, place)

    _heading(console, "What belonged together still does")
    compare_structure(console, place)

    _heading(console, "Nothing of production is left: the dump as plain SQL, and a search")
    shell.run("dump", "restore", "remote", "-v", "latest", "--output", into=place.script)
    search_originals(console, place)

    _heading(console, "What to try next")
    if shutil.which("replicate") is None:
        activate = Path(sys.executable).with_name("activate")
        console.print(f"source {shlex.quote(str(activate))}   # once, so that replicate is found")
    for line in (
        f"sqlite3 {shlex.quote(str(place.development))}",
        shell.shown("dump", "restore", "remote", "-v", "latest") + "   # refused: it is not empty",
        shell.shown("dump", "restore", "remote", "-v", "latest", "--wipe", "--dry-run"),
        shell.shown("dump", "delete", "latest", "--dry-run"),
        shell.shown("config", "check") + f"   # after a change of {place.config}",
    ):
        console.print(line)


def _prepare(place: Place, console: Console) -> None:
    """An empty place for the demo: of an earlier one, what it made goes, and nothing else."""
    directory = place.directory
    with _refusing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        marked = (directory / MARKER).is_file()
        if not marked and any(directory.iterdir()):
            raise ConflictError(
                f"{directory} is not empty, and no demo made it",
                hint="name a directory that is new with --directory",
            )
        (directory / MARKER).write_text("Made by `replicate demo`, which may make it anew.\n")
        for name in _DATABASES:
            for suffix in ("", *_SIDE_FILES):
                (directory / f"{name}{suffix}").unlink(missing_ok=True)
        place.script.unlink(missing_ok=True)
        _keep_changed_config(place, console)
        if place.datastore.is_symlink():
            raise ConflictError(f"{place.datastore} is a link, and the demo made a directory")
        place.datastore.mkdir(mode=0o700, exist_ok=True)
    _empty_datastore(place.datastore)


def _keep_changed_config(place: Place, console: Console) -> None:
    """A conf.yaml that the user has played with is put aside, not lost."""

    if not place.config.exists():
        return
    if place.config.read_bytes() != demo_config(place).encode():
        aside = place.config.with_suffix(".yaml.old")
        place.config.replace(aside)
        console.note(f"the {place.config.name} that was there is now {aside}")


def _empty_datastore(directory: Path) -> None:
    """Remove the dumps of earlier demos, by the names that only Replicate gives."""
    from replicate.datastores.local_disk import LocalDisk
    from replicate.dumps import layout

    store = LocalDisk(str(directory))
    store.delete(
        [
            info.key
            for info in store.list("")
            if info.key == layout.INDEX_KEY
            or layout.dump_of(info.key)
            or layout.run_of(info.key)
            or layout.slot_of(info.key)
        ]
    )
    store.remove_leftovers(timedelta(0))


@contextlib.contextmanager
def _refusing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ReplicateError(f"the demo can't be made in {directory}: {reason}") from error


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(f"--- {text}")


class _Shell:
    """Runs replicate's commands as a user would: each in a process of its own, and shown."""

    def __init__(self, console: Console, place: Place) -> None:
        self._console = console
        self._config = str(place.config)

    def shown(self, *args: str) -> str:
        """The command as a user would type it."""
        return shlex.join(["replicate", "-c", self._config, *args])

    def run(self, *args: str, into: Path | None = None) -> None:
        """Run a command, its output into a file where one is named; it has to succeed."""
        redirected = f" > {shlex.quote(str(into))}" if into else ""
        self._console.print()
        self._console.print(f"$ {self.shown(*args)}{redirected}")
        self._console.flush()
        with contextlib.ExitStack() as stack:
            stdout = stack.enter_context(into.open("wb")) if into else None
            code = _call([*_program(), "-c", self._config, *args], stdout)
        if code != 0:
            self._console.note(f"the demo ends here: that command ended with exit code {code}")
            # The command has told what was wrong with it.
            raise click.exceptions.Exit(code if code > 0 else 128 - code)


def _program() -> list[str]:
    """This program, whether installed or run from its source, and whatever the directory holds."""
    root = str(Path(__file__).parents[2])
    start = f"import sys; sys.path.append({root!r}); from replicate.cli import main; main()"
    return [sys.executable, "-P", "-c", start]


def _call(command: list[str], stdout: IO[bytes] | None) -> int:
    with subprocess.Popen(command, stdout=stdout) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> NoReturn:
    """After Ctrl-C, which a terminal sends to both: wait for the command to clean up."""
    process.terminate()
    try:
        code = process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        raise KeyboardInterrupt from None
    if code == 130:
        # It has said so itself.
        raise click.exceptions.Exit(code)
    raise KeyboardInterrupt
