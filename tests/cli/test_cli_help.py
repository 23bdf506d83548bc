from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from replicate.cli.app import Program, cli
from replicate.cli.commands import LazyGroup, Session
from replicate.cli.dump import dump
from replicate.cli.exits import EXIT_CODES
from replicate.errors import ReplicateError
from replicate.version import __version__
from tests.support.cli_process import run

NOUNS = ["config", "datastore", "demo", "dump", "source", "transformer"]


def _walk(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _walk(child, (*path, name))


COMMANDS = dict(_walk(cli))
LEAVES = [path for path, command in COMMANDS.items() if not isinstance(command, click.Group)]


def test_the_commands_are_those_that_are_promised() -> None:
    assert sorted(" ".join(path) for path in LEAVES) == [
        "config check",
        "config lock",
        "config schema",
        "datastore check",
        "datastore sync",
        "demo",
        "dump create",
        "dump delete",
        "dump list",
        "dump preview",
        "dump prune",
        "dump restore local",
        "dump restore remote",
        "dump show",
        "dump verify",
        "source scan",
        "source schema",
        "transformer list",
        "transformer show",
        "transformer show-plan",
    ]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_help_page_has_a_summary_an_example_and_the_exit_codes(
    path: tuple[str, ...], flag: str
) -> None:
    result = CliRunner().invoke(cli, [*path, flag], prog_name="replicate")

    assert result.exit_code == 0
    page = result.stdout
    assert COMMANDS[path].get_short_help_str(200).endswith(".")
    assert "\nExample:\n  replicate " in page
    assert "\nExit codes:\n" in page
    for code, meaning in EXIT_CODES:
        assert f"{code} {meaning}" in page
    assert max(map(len, page.splitlines())) <= 80
    assert result.stderr == ""


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_example_is_a_command_line_that_parses(path: tuple[str, ...]) -> None:
    for line in (COMMANDS[path].epilog or "").splitlines():
        program, *words = shlex.split(line.partition(" > ")[0])
        assert program == "replicate"
        _parse(cli, words)


def _parse(command: click.Command, words: list[str]) -> None:
    """Parse as click would, down to the command that would be invoked."""
    context = command.make_context("replicate", list(words), obj=Session())
    if isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        _, child, rest = command.resolve_command(context, rest)
        assert child is not None
        _parse(child, rest)


def test_an_error_class_has_an_exit_code_that_is_listed() -> None:
    listed = {code for code, _ in EXIT_CODES}

    def codes(kind: type[ReplicateError]) -> Iterator[int]:
        yield kind.exit_code
        for child in kind.__subclasses__():
            yield from codes(child)

    assert set(codes(ReplicateError)) <= listed


@pytest.mark.parametrize("group", [cli, COMMANDS["dump", "restore"]])
def test_summaries_of_commands_imported_late_are_their_own(group: click.Command) -> None:
    assert isinstance(group, LazyGroup)
    for name in group.lazy:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        assert command.name == name
        if (group, name) != (COMMANDS["dump", "restore"], "remote"):
            continue
        assert command.get_short_help_str(200)


def test_the_nouns_are_in_the_program() -> None:
    assert sorted(Program.lazy) == NOUNS
    assert dump is COMMANDS[("dump",)]


def test_version() -> None:
    for flag in ("--version", "-V"):
        result = run(flag)
        assert (result.code, result.out, result.err) == (0, f"replicate {__version__}\n", "")


@pytest.mark.parametrize("args", [[], ["dump"], ["dump", "restore"]])
def test_a_group_without_a_command_shows_its_help_on_stderr(args: list[str]) -> None:
    result = run(*args)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("Usage: replicate")


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from replicate.cli.app import run; from replicate.cli.signals import "
        "Interrupts; run(['--help'], Interrupts()); "
        "heavy = {'rich', 'yaml', 'pydantic', 'numpy', 'pyarrow', 'cryptography', 'zstandard', "
        "'boto3', 'sqlite3', 'replicate.jobs', 'replicate.config', 'replicate.cli.dump'}; "
        "sys.exit(', '.join(sorted(heavy & sys.modules.keys())) or 0)"
    )
    # Measuring coverage in the process would import modules of its own.
    plain = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=plain
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_completion_script(shell: str) -> None:
    result = run(_REPLICATE_COMPLETE=f"{shell}_source")
    assert result.code == 0
    assert "_REPLICATE_COMPLETE" in result.out


def test_nouns_and_commands_are_completed() -> None:
    def completed(words: str, position: int) -> list[str]:
        result = run(
            _REPLICATE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(position)
        )
        return [line.partition(",")[2] for line in result.out.splitlines()]

    assert completed("replicate d", 1) == ["dump", "datastore", "demo"]
    assert completed("replicate dump ver", 2) == ["verify"]
    assert completed("replicate dump restore r", 3) == ["remote"]
    assert "--dry-run" in completed("replicate dump restore remote --d", 4)
