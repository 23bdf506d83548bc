"""PostgreSQL's own pg_dump: which one to run, and running it without showing a secret.

pg_dump reads servers of its own major version and of older ones, and refuses newer ones. Several
are often installed side by side, so each is asked what it is.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from replicate.databases.postgresql.connection import Address
from replicate.errors import DatabaseError

_NAME = "pg_dump"
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/opt/libpq/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
"""Where packages put it: Debian, PGDG's RPMs, Homebrew on either kind of Mac, Postgres.app."""

_WRAPPER = "pg_wrapper"
"""Debian's stand-in, which runs one program or another by the cluster that it is told of."""

_VERSION = re.compile(r"^pg_dump \([^)]*\) (\d+)(?:\.(\d+))?")
_ASK_SECONDS = 20
_END_SECONDS = 5

_HINTS = (
    ("permission denied", "the role needs the right to it: grant it, or use source.skip"),
    ("lock timeout", "somebody changes a table's definition at the moment; try again later"),
    ("out of shared memory", "raise max_locks_per_transaction on the server"),
)


@dataclass(frozen=True, slots=True)
class Program:
    """A pg_dump and its version, as (major, minor)."""

    path: Path
    version: tuple[int, int]

    @property
    def major(self) -> int:
        return self.version[0]


def find_pg_dump(server_version: int, bin_path: str | None) -> Program:
    """The newest pg_dump that can read a server of that version (libpq's number, as 150004).

    `bin_path` is the folder that it is in, or the program itself, and no other place is searched
    then. Raises `DatabaseError` where none is found, or none is new enough.
    """
    needed = server_version // 10000
    if bin_path is not None:
        place = Path(bin_path).expanduser()
        place = place / _NAME if place.is_dir() else place
        program = _ask(place)
        if program is None:
            raise DatabaseError(
                f"pg_bin_path has no pg_dump that runs: {bin_path}",
                hint="pg_bin_path is the folder with PostgreSQL's programs, such as "
                f"/usr/lib/postgresql/{needed}/bin",
            )
        found = [program]
    else:
        found = [program for path in _candidates() if (program := _ask(path)) is not None]
    fit = [program for program in found if program.major >= needed]
    if fit:
        return max(fit, key=lambda program: program.version)
    have = ", ".join(sorted({f"{p.version[0]}.{p.version[1]} ({p.path})" for p in found}))
    raise DatabaseError(
        f"the server is PostgreSQL {needed}, which needs pg_dump {needed} or newer; "
        + (f"found: {have}" if have else "none was found"),
        hint=f"install PostgreSQL's client programs, version {needed} or newer, or name their "
        "folder as pg_bin_path",
    )


def _candidates() -> Iterator[Path]:
    """The programs of that name, each once, wherever links lead to it from."""
    folders = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    # A relative folder would be looked up in whatever place the user happens to be.
    folders = [folder for folder in folders if folder.is_absolute()]
    for pattern in _PLACES:
        folders += sorted(Path("/").glob(pattern[1:]))
    seen = set()
    for folder in folders:
        path = folder / _NAME
        with contextlib.suppress(OSError):
            real = path.resolve(strict=True)
            if real.name != _WRAPPER and real not in seen:
                seen.add(real)
                yield path


def _ask(path: Path) -> Program | None:
    """The program there, or None where it is none or doesn't say which."""
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_ASK_SECONDS,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.match(done.stdout.decode("utf-8", "replace"))
    if done.returncode != 0 or match is None:
        return None
    return Program(path, (int(match[1]), int(match[2] or 0)))


def run_pg_dump(address: Address, program: Program, arguments: Sequence[str]) -> bytes:
    """What pg_dump writes, connected to that database. `arguments` must hold no secret.

    Raises `DatabaseError`, with pg_dump's own message, unless it ended well. Whatever ends the
    wait ends pg_dump as well.
    """
    with address.for_programs() as handed:
        command = [str(program.path), "--no-password", f"--dbname={handed.database}", *arguments]
        try:
            child = subprocess.Popen(
                # Names of objects may be no text in this machine's character set.
                [part.encode("utf-8", "surrogateescape") for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=handed.environment,
                pass_fds=handed.descriptors,
            )
        except OSError as error:
            raise DatabaseError(f"pg_dump can't be run: {error.strerror}") from None
        with child:
            try:
                output, messages = child.communicate()
            except BaseException:
                _end(child)
                raise
    if child.returncode != 0:
        said, hint = _explain(child.returncode, messages.decode("utf-8", "replace"))
        raise DatabaseError(f"pg_dump failed: {address.conceal(said)}", hint=hint)
    return output


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _explain(status: int, messages: str) -> tuple[str, str | None]:
    """The last thing that it called an error, and what to do about it."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(-status).name}", None
        return f"it was ended by signal {-status}", None
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    # What follows an error is detail: the query, which may be as long as the list of all tables.
    errors = [line for line in lines if re.match(r"pg_dump: (error|fatal): ", line)]
    said = (errors or lines or [f"it ended with status {status} and no message"])[-1]
    said = re.sub(r"^pg_dump: (?:(?:error|fatal): )?", "", said)
    return said, next((hint for sign, hint in _HINTS if sign in said), None)
