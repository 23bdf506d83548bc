"""`replicate transformer`: what columns can be masked with."""

from __future__ import annotations

import click

from replicate.cli.commands import Command, Group, Session, pass_session, session_options


@click.group(cls=Group, epilog="replicate transformer list")
def transformer() -> None:
    """What columns can be masked with."""


@transformer.command("list", cls=Command, epilog="replicate transformer list")
@session_options(reports=True)
@pass_session
def list_(session: Session) -> None:
    """List all transformers, with their options; needs no conf.yaml."""
    from replicate.transformers.registry import all_transformers

    console = session.console
    known = sorted(all_transformers(), key=lambda each: each.name)
    if console.json:
        console.print_json(
            {
                "transformers": [
                    {
                        "name": each.name,
                        "summary": each.summary,
                        "options": each.Options.model_json_schema(),
                    }
                    for each in known
                ]
            }
        )
        return
    console.print_table(
        ("NAME", "SUMMARY", "OPTIONS"),
        [(each.name, each.summary, ", ".join(each.Options.model_fields) or "-") for each in known],
        "<<<",
    )
