"""What every command is made of: its session, the options all share, and the shape of its help."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import click

from replicate.cli.console import Console
from replicate.cli.exits import EXIT_CODES, HelpWanted, UnknownCommand

if TYPE_CHECKING:
    from replicate.config import Config

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


@dataclass(slots=True)
class Session:
    """One run of the program: where its configuration is, and how it speaks."""

    config_path: str = "conf.yaml"
    console: Console = field(default_factory=Console)

    def config(self, *sections: str) -> Config:
        """conf.yaml, of which only these sections have to be complete."""
        from replicate.config import load_config

        self.console.detail(f"configuration: {self.config_path}")
        config = load_config(self.config_path, sections=sections)
        for warning in config.warnings:
            self.console.warn(warning)
        return config


pass_session = click.make_pass_decorator(Session, ensure=True)


class _Help(click.Command):
    """A help page that ends with examples, which the `epilog` holds, and the exit codes."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Click's, but printed by the console, as everything is."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        room = formatter.width - formatter.indent_increment
        sections = (("Example", (self.epilog or "").splitlines()), ("Exit codes", _codes(room)))
        for title, lines in sections:
            with formatter.section(title):
                for line in lines:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Command(_Help):
    """A command; its `epilog` is an example that runs."""


class Group(_Help, click.Group):
    """A noun; its `epilog` is an example that runs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing and not self.invoke_without_command:
            raise HelpWanted(ctx.get_help(), ctx)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, but an unknown name is answered with the nearest one."""
        name = args[0]
        known = self.list_commands(ctx)
        if name not in known and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            raise UnknownCommand(name, get_close_matches(name, known), ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A group whose commands are each imported when called: its `--help` needs none of them.

    `lazy` maps a command's name to its ``module:attribute`` and its summary.
    """

    lazy: ClassVar[Mapping[str, tuple[str, str]]]

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.lazy.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        items = [
            CompletionItem(name, help=summary)
            for name, (_, summary) in self.lazy.items()
            if name.startswith(incomplete)
        ]
        # Past Group's own, which would import every noun for its summary.
        return items + click.Command.shell_complete(self, ctx, incomplete)


def session_options(*, reports: bool = False) -> Callable[[_Decorated], _Decorated]:
    """The global options, accepted after the command too; `reports` shows --json in its help."""

    def decorate(function: _Decorated) -> _Decorated:
        for option in reversed(
            (
                click.option(
                    "--json",
                    is_flag=True,
                    expose_value=False,
                    hidden=not reports,
                    callback=_switch("json"),
                    help="Report in JSON; errors too.",
                ),
                click.option("-c", "--config", expose_value=False, hidden=True, callback=_config),
                *(
                    click.option(
                        f"--{name}",
                        is_flag=True,
                        expose_value=False,
                        hidden=True,
                        callback=_switch(name),
                    )
                    for name in ("quiet", "verbose", "debug")
                ),
            )
        ):
            function = option(function)
        return function

    return decorate


def global_options(function: _Decorated) -> _Decorated:
    """The global options where they stand first, on the program itself."""
    for option in reversed(
        (
            click.option(
                "-c",
                "--config",
                metavar="FILE",
                envvar="REPLICATE_CONFIG",
                show_envvar=True,
                expose_value=False,
                callback=_config,
                help="The configuration.  [default: conf.yaml]",
            ),
            click.option(
                "--quiet",
                is_flag=True,
                expose_value=False,
                callback=_switch("quiet"),
                help="No progress and no notes; only data, warnings and errors.",
            ),
            click.option(
                "--verbose",
                is_flag=True,
                expose_value=False,
                callback=_switch("verbose"),
                help="Say more about what is going on.",
            ),
            click.option(
                "--debug",
                is_flag=True,
                expose_value=False,
                callback=_switch("debug"),
                help="Show the traceback of an error.",
            ),
            click.option(
                "--json",
                is_flag=True,
                expose_value=False,
                callback=_switch("json"),
                help="Report in JSON; errors too.",
            ),
        )
    ):
        function = option(function)
    return function


def _show_help(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.ensure_object(Session).console.page(ctx.get_help())
        ctx.exit()


def _switch(name: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        # Only ever on: a command's default must not undo what was said before the command.
        if value:
            setattr(ctx.ensure_object(Session).console, name, True)

    return callback


def _config(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value:
        ctx.ensure_object(Session).config_path = value


def _codes(columns: int) -> list[str]:
    """The exit codes in as few lines as fit, none broken in two."""
    lines: list[str] = []
    for code, meaning in EXIT_CODES:
        item = f"{code} {meaning}"
        if lines and len(lines[-1]) + 3 + len(item) <= columns:
            lines[-1] += f" · {item}"
        else:
            lines.append(item)
    return lines
