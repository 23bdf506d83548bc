"""Exit codes, and how an exception becomes one: translated once, here, for every command."""

from __future__ import annotations

from dataclasses import dataclass

import click

from replicate.errors import ConfigError, ReplicateError

DONE = 0
ERROR = 1
INTERRUPTED = 130
OUTPUT_CLOSED = 141

EXIT_CODES: tuple[tuple[int, str], ...] = (
    (DONE, "done"),
    (ERROR, "error"),
    (2, "usage or configuration"),
    (3, "partly done"),
    (10, "no such dump or datastore"),
    (11, "conflict"),
    (12, "wrong key"),
    (13, "corrupt"),
    (14, "refused by a guard"),
    (INTERRUPTED, "interrupted"),
    (OUTPUT_CLOSED, "stdout closed early"),
)
"""What every help page lists. 141 is what a shell reports for a program that SIGPIPE ended."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is shown: `details` are further members of its JSON form."""

    exit_code: int
    message: str
    hint: str | None = None
    details: tuple[tuple[str, str | int], ...] = ()

    def as_json(self) -> dict[str, object]:
        """``{"error": {code, message, hint, …}}``."""
        return {
            "error": {
                "code": self.exit_code,
                "message": self.message,
                "hint": self.hint,
                **dict(self.details),
            }
        }


class HelpWanted(click.UsageError):
    """A group was called without a command: its help is the answer, on stderr."""


class UnknownCommand(click.UsageError):
    """There is no such command; `possibilities` are those that the user may have meant."""

    def __init__(self, name: str, possibilities: list[str], ctx: click.Context) -> None:
        super().__init__(f"no such command {name!r}", ctx)
        self.possibilities = possibilities


def failure(error: BaseException, *, debug: bool = False) -> Failure:
    """What to tell the user about `error`.

    An exception that is none of ours is told by its type alone: its message may hold a value of
    the database.
    """
    if isinstance(error, ReplicateError):
        return Failure(error.exit_code, error.message, error.hint, _details(error))
    if isinstance(error, click.ClickException):
        return _usage(error)
    hint = None if debug else "run it again with --debug to see where it happened"
    return Failure(ERROR, f"unexpected: {type(error).__name__}", hint)


def _details(error: ReplicateError) -> tuple[tuple[str, str | int], ...]:
    if not isinstance(error, ConfigError):
        return ()
    members = (("file", error.file), ("line", error.line), ("key", error.key))
    # ConfigError puts these in front of its message; a program wants them by themselves.
    return tuple((name, value) for name, value in members if value is not None)


def _usage(error: click.ClickException) -> Failure:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    hint = f"see `{context.command_path} --help`" if context is not None else None
    possibilities = getattr(error, "possibilities", None)
    if possibilities:
        message = error.message
        hint = f"did you mean {' or '.join(sorted(possibilities))}?"
    return Failure(error.exit_code, _in_our_voice(message), hint)


def _in_our_voice(message: str) -> str:
    """Click writes sentences; ours begin small and end without a full stop."""
    message = message.strip().removesuffix(".")
    return message[:1].lower() + message[1:]
