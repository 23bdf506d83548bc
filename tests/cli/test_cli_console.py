from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from replicate.cli.console import Console
from replicate.cli.exits import Failure, failure
from replicate.cli.progress import INTERVAL, LineReporter
from replicate.errors import ConfigError, CorruptError, NotFoundError
from tests.support.cli_process import PROGRAM, environment
from tests.support.terminal import written


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Console()


def test_a_table_is_aligned_and_never_cut(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.print_table(("NAME", "ROWS"), [("a", "1"), ("日本" * 60, "1,000")], "<>")

    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "NAME" + " " * 236 + "   ROWS",
        "a" + " " * 239 + "      1",
        "日本" * 60 + "  1,000",
    ]


def test_a_table_without_rows_has_its_header(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.print_table(("NAME", "ROWS"), [], "<>")
    assert capsys.readouterr().out == "NAME  ROWS\n"


def test_names_from_elsewhere_can_not_command_the_terminal(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.print_table(("TABLE",), [("\x1b]0;owned\x07",)], "<")
    console.error(Failure(1, "no table \x1b[2J\r\n x", "hint\x07"))

    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "\x07" not in shown.out + shown.err
    assert shown.err.count("\n") == 2


def test_json_is_plain_ascii(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.print_json({"name": "Łódź \ud800"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"name": "Łódź \ud800"}


def test_voices(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.note("note")
    console.detail("detail")
    console.warn("careful")
    console.verbose = True
    console.detail("detail")
    console.quiet = True
    console.note("note")
    console.detail("detail")
    console.warn("careful")
    console.error(Failure(1, "it failed", None))

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "note",
        "warning: careful",
        "detail",
        "warning: careful",
        "error: it failed",
    ]


def test_errors_as_json(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.json = True
    console.error(
        failure(ConfigError("no such table", file="conf.yaml", line=3, key="source.skip"))
    )

    assert json.loads(capsys.readouterr().err) == {
        "error": {
            "code": 2,
            "message": "conf.yaml:3: source.skip: no such table",
            "hint": None,
            "file": "conf.yaml",
            "line": 3,
            "key": "source.skip",
        }
    }


def test_errors_of_ours_keep_their_code_and_others_tell_only_their_type() -> None:
    assert failure(NotFoundError("no dump x", hint="look")) == Failure(10, "no dump x", "look")
    assert failure(CorruptError("bad")).exit_code == 13

    told = failure(ValueError("Ada Lovelace, ada@shop.example"))
    assert told.exit_code == 1
    assert told.message == "unexpected: ValueError"
    assert told.hint is not None
    assert "--debug" in told.hint
    assert failure(ValueError("x"), debug=True).hint is None


def test_stderr_comes_after_the_stdout_that_was_before_it(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(both, write_through=False))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(both, write_through=False))
    console.print("data")
    console.note("note")
    assert both.getvalue() == b"data\nnote\n"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_a_line_a_stage_and_one_at_intervals(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    console.verbose = True
    with LineReporter(console, clock) as progress:
        progress.stage("Dumping rows", 100 * 2**20)
        for _ in range(25):
            clock.now += INTERVAL / 10
            progress.advance(1000, 2**20)
        progress.stage("Building indexes", None)
        clock.now += INTERVAL
        progress.advance(0, 0)
        progress.done("all is well")

    assert capsys.readouterr().err.splitlines() == [
        "Dumping rows",
        "Dumping rows: 10,000 rows, 10.0 MiB of about 100 MiB, 1.0 MiB/s",
        "Dumping rows: 20,000 rows, 20.0 MiB of about 100 MiB, 1.0 MiB/s",
        "Dumping rows: 25,000 rows, 25.0 MiB in 25 s",
        "Building indexes",
        "Building indexes: 0 rows, 0 B, 0 B/s",
        "Building indexes: 0 rows, 0 B in 10 s",
        "all is well",
    ]


def test_quiet_has_no_progress(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.quiet = True
    with console.progress() as progress:
        progress.stage("Dumping rows", 10)
        progress.advance(1, 10)
        progress.note("something")
        progress.warn("look here")
        progress.done("all is well")
    assert capsys.readouterr().err == "warning: look here\n"


def _on_terminal(script: str, **changes: str) -> str:
    """What a terminal gets from `script`."""
    told = environment(**{"TERM": "xterm", "COLUMNS": "100", **changes})
    return written([sys.executable, "-c", script], env=told, errors=True)


BAR = """
import time
from rich.progress import Progress
from replicate.cli.console import Console
from replicate.cli.progress import BarReporter

drawn = 0
def counted(bar, draw=Progress.get_renderable):
    global drawn
    drawn += 1
    return draw(bar)
Progress.get_renderable = counted

console = Console()
with console.progress() as progress:
    progress.stage("Dumping [red]rows[/red]", 100)
    progress.advance(2000, 40)
    progress.note("a note [bold]")
    progress.advance(2000, 90)
    # The next drawing shows it, and is on the terminal when the one after it begins.
    enough, deadline = drawn + 2, time.monotonic() + 60
    while isinstance(progress, BarReporter) and drawn < enough and time.monotonic() < deadline:
        time.sleep(0.01)
    progress.stage("Building indexes", None)
    progress.done("all is well")
"""


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    shown = _on_terminal(BAR)

    assert "━" in shown
    assert "Dumping [red]rows[/red]" in shown
    assert "a note [bold]\r\n" in shown
    assert "4,000 rows" in shown
    # The last thing done to the bar's line is to erase it.
    assert shown.replace("\x1b[?25h", "").rstrip().endswith(("all is well", "\x1b[2K"))


def test_a_dumb_terminal_gets_lines() -> None:
    shown = _on_terminal(BAR, TERM="dumb")
    assert shown.splitlines() == [
        "Dumping [red]rows[/red]",
        "a note [bold]",
        "Building indexes",
        "all is well",
    ]


def test_a_header_is_bold_on_a_terminal_unless_colour_is_unwanted() -> None:
    script = "from replicate.cli.console import Console; Console().print_table(['N'], [['a']], '<')"
    assert "\x1b[1mN" in _on_terminal(script)
    assert "\x1b" not in _on_terminal(script, NO_COLOR="1")


def _redirected(redirection: str, *args: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run the program from a shell that redirects something."""
    command = ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *PROGRAM, *args]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, **how
    )


@pytest.mark.parametrize("args", [["config", "schema"], ["--help"], ["dump", "create", "--help"]])
def test_a_reader_that_went_away_is_met_with_silence(args: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, *args],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("args", [["config", "schema"], ["--help"]])
def test_a_stdout_that_can_not_be_written_is_an_error(args: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, *args],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: stdout could not be written: No space left on device"
    ]


def test_a_closed_stdout_is_an_error_when_there_is_something_to_print() -> None:
    done = _redirected(">&-", "config", "schema")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["error: stdout is closed, and there is something to print"]


def test_a_stderr_that_is_closed_or_full_changes_nothing(tmp_path: Path) -> None:
    for target in ("2>&-", *(["2>/dev/full"] if Path("/dev/full").exists() else [])):
        done = _redirected(target, "dump", "list", cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_output_that_the_locale_can_not_write_is_escaped() -> None:
    done = subprocess.run(
        [*PROGRAM, "dump", "lïst"],
        env=environment(PYTHONIOENCODING="ascii"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "l\\xefst" in done.stderr
