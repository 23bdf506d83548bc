"""The one place that prints: data on stdout, everything else on stderr.

A reader of stdout that goes away, as `head` does, is no error and makes no noise: `OutputClosed`
ends the program with 141, which is what a shell reports of a program that SIGPIPE ended. Any
other failure to write stdout is an error. Nothing that goes wrong on stderr ever stops the work.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, NoReturn, TextIO, cast

import click

from replicate.cli.exits import Failure
from replicate.cli.formats import printable
from replicate.cli.tables import table_lines
from replicate.errors import ReplicateError

if TYPE_CHECKING:
    from replicate.cli.progress import Reporter


class OutputClosed(BaseException):
    """Whoever read stdout has stopped. Not an `Exception`, so that nobody takes it for one."""


class Console:
    """What the user sees, in one of its voices.

    `quiet`: only data, warnings and errors. `verbose`: also how long each stage took. `debug`:
    also tracebacks. `json`: data and errors are JSON.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.verbose = False
        self.debug = False
        self.json = False
        self.output_closed = False
        self._reporter: Reporter | None = None

    # stdout

    def print(self, text: str = "") -> None:
        """A line of data."""
        with self.writing_output():
            _require(sys.stdout).write(printable(text) + "\n")

    def page(self, text: str) -> None:
        """A help page that was asked for."""
        with self.writing_output():
            _require(sys.stdout).write(text + "\n")

    def print_json(self, value: object) -> None:
        """A JSON document, indented, with a newline at its end; ASCII alone, fit for any pipe."""
        with self.writing_output():
            _require(sys.stdout).write(json.dumps(value, indent=2) + "\n")

    def print_table(
        self, headers: Sequence[str], rows: Sequence[Sequence[str]], align: str
    ) -> None:
        """Columns set apart by two spaces; `align` holds a < or > for each.

        The header is bold on a terminal. It stands even where there are no rows. On a terminal no
        line is wider than that; anywhere else nothing is cut.
        """
        cells = [[printable(cell) for cell in row] for row in rows]
        lines, header = table_lines(headers, cells, align, self.room)
        if header and self._bold():
            lines[0] = click.style(lines[0], bold=True)
        with self.writing_output():
            _require(sys.stdout).write("\n".join(lines) + "\n")

    @property
    def room(self) -> int | None:
        """The columns of the terminal that stdout is, or None where it is none."""
        if sys.stdout is None or not sys.stdout.isatty():
            return None
        return shutil.get_terminal_size().columns

    def binary_output(self) -> BinaryIO:
        """Stdout for bytes, such as a script of SQL; flushed when the program ends."""
        return cast(BinaryIO, _Output(self, _require(sys.stdout).buffer))

    def flush(self) -> None:
        """What was printed so far reaches its reader now."""
        with self.writing_output():
            if sys.stdout is not None:
                sys.stdout.flush()

    # stderr

    def note(self, message: str) -> None:
        """Something worth knowing; not with --quiet."""
        if not self.quiet:
            self._say(printable(message))

    def detail(self, message: str) -> None:
        """Something for those who asked with --verbose."""
        if self.verbose and not self.quiet:
            self._say(printable(message))

    def warn(self, message: str) -> None:
        """Something that needs looking into; also with --quiet."""
        self._say(f"warning: {printable(message)}")

    def error(self, failure: Failure) -> None:
        """``error: …`` and ``hint: …``, or one line of JSON with --json."""
        if self.json:
            self._say(json.dumps(failure.as_json()))
            return
        self._say(f"error: {printable(failure.message)}")
        if failure.hint:
            self._say(f"hint: {printable(failure.hint)}")

    def interrupted(self) -> None:
        """The last word after Ctrl-C: one line."""
        self._say("interrupted")

    def help(self, text: str) -> None:
        """A help page that was not asked for."""
        self._say(text)

    def traceback(self, error: BaseException) -> None:
        """For --debug alone."""
        self._say("".join(traceback.format_exception(error)).rstrip())

    @contextlib.contextmanager
    def progress(self) -> Iterator[Reporter]:
        """A listener for one journey: a bar on a terminal, plain lines in a log.

        It is gone from the terminal when the block ends, however it ends.
        """
        from replicate.cli.progress import BarReporter, LineReporter

        on_terminal = _is_terminal(sys.stderr) and not self.quiet
        with BarReporter(self) if on_terminal else LineReporter(self) as reporter:
            self._reporter = reporter
            try:
                yield reporter
            finally:
                self._reporter = None

    def _say(self, text: str) -> None:
        """Lines on stderr, after everything that was printed before on stdout."""
        if not self.output_closed:
            with contextlib.suppress(OutputClosed, ReplicateError):
                self.flush()
        if self._reporter is not None and self._reporter.say(text):
            return
        with contextlib.suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.write(text + "\n")
                sys.stderr.flush()

    def _bold(self) -> bool:
        return not os.environ.get("NO_COLOR") and _is_terminal(sys.stdout)

    @contextlib.contextmanager
    def writing_output(self) -> Iterator[None]:
        """Around every write to stdout: failures leave as `OutputClosed` or `ReplicateError`."""
        try:
            yield
        except BrokenPipeError:
            self._close_output()
        except OSError as error:
            _give_up_output()
            raise ReplicateError(f"stdout could not be written: {error.strerror}") from error

    def _close_output(self) -> NoReturn:
        self.output_closed = True
        _give_up_output()
        raise OutputClosed


class _Output:
    """Stdout for bytes, as far as a writer needs it; it fails as `Console.print` does."""

    def __init__(self, console: Console, stream: BinaryIO) -> None:
        self._console = console
        self._stream = stream

    def write(self, data: bytes | bytearray | memoryview) -> int:
        with self._console.writing_output():
            return self._stream.write(data)

    def flush(self) -> None:
        with self._console.writing_output():
            self._stream.flush()


def _require(stream: TextIO | None) -> TextIO:
    if stream is None:
        raise ReplicateError("stdout is closed, and there is something to print")
    return stream


def _give_up_output() -> None:
    """Point stdout at nothing, so that what is buffered does not fail again when Python ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
