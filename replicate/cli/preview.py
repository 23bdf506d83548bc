"""`replicate dump preview`: what masking makes of a few rows, before there is a dump."""

from __future__ import annotations

import contextlib
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from replicate.cli.commands import Command, Session, pass_session, session_options
from replicate.cli.formats import common_start, escaped, plural, width
from replicate.cli.rule_words import recipe_words, rule_words
from replicate.errors import ConflictError, GuardError, ReplicateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import OverflowMethod
    from rich.table import Table
    from rich.text import Text

    from replicate.cli.console import Console
    from replicate.config import Config
    from replicate.jobs.preview import Cell, Preview, PreviewTable, Value

_MOST_ROWS = 1000
_KEY_WIDTH, _NAME_WIDTH = 14, 20
_BESIDE = 12  # columns of the sign, and of what stands between columns
_AHEAD, _SEEN = 6, 8  # characters in front of a difference, and of the difference itself
_LISTED = 12


def _file_name(ctx: click.Context, param: click.Parameter, value: str | None) -> Path | None:
    if value is None:
        return None
    if not value.strip() or value == "-":
        message = "a page is written to a file: give its name"
        raise click.BadParameter(message, ctx=ctx, param=param)
    return Path(value)


@click.command(
    cls=Command,
    epilog="""\
replicate dump preview --table customers --rows 3
replicate dump preview --html preview.html""",
)
@click.option(
    "--table", "tables", multiple=True, metavar="T", help="Only this table; may be given again."
)
@click.option(
    "--rows",
    type=click.IntRange(1, _MOST_ROWS),
    default=5,
    show_default=True,
    metavar="N",
    help="Rows of each table.",
)
@click.option("--all-columns", is_flag=True, help="Also the columns that are not masked.")
@click.option(
    "--html",
    callback=_file_name,
    metavar="FILE",
    help="Write a web page instead, which only you may read.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it is a preview's.")
@session_options(reports=True)
@pass_session
def preview(
    session: Session,
    *,
    tables: tuple[str, ...],
    rows: int,
    all_columns: bool,
    html: Path | None,
    force: bool,
) -> None:
    """Show rows of the source before masking and after it.

    Nothing is stored, and no datastore is needed. What is shown holds real values.
    """
    if force and html is None:
        raise UsageError("--force has no meaning without --html")
    from replicate.jobs.preview import preview_masking

    console = session.console
    config = session.config("source", "masking_key")
    if html is not None:
        _refuse(config, html, replace=force)
    found = preview_masking(config, names=tables, rows=rows, all_columns=all_columns)
    if html is not None:
        from replicate.cli.preview_page import preview_page

        page = preview_page(found, made_at=datetime.now(UTC))
        # A name may hold what no encoding can write.
        _write_private(html, page.encode("utf-8", "backslashreplace"), replace=force)
        _print_written(console, found, html)
    elif console.json:
        console.print_json(_json(found))
    elif found.tables:
        console.page(_rendered(found))
    if found.tables:
        where = f"{html} holds" if html is not None else "what was printed holds"
        console.warn(f"{where} data of the source; keep it as you would keep the database")
    _remark(console, found, named=bool(tables))


def _remark(console: Console, found: Preview, *, named: bool) -> None:
    if not found.keyed:
        console.note(
            "there is no masking_key: replacements come from a random key, and a dump has others"
        )
    if not found.tables:
        console.note("no column is masked: a dump would hold every value as it is")
    elif found.unmasked and not named:
        names = ", ".join(found.unmasked[:_LISTED])
        more = len(found.unmasked) - _LISTED
        console.note(
            f"{plural(len(found.unmasked), 'table')} dumped with no masked column: {names}"
            + (f" and {more} more" if more > 0 else "")
        )


# The page


def _refuse(config: Config, path: Path, *, replace: bool) -> None:
    """Before a row is read: whatever the page must not take the place of."""
    from replicate.cli.preview_page import is_preview_page
    from replicate.jobs.preview import refuse_own_files

    refuse_own_files(config, path)
    if not replace:
        _refuse_existing(path)
    elif os.path.lexists(path) and not path.is_symlink() and not is_preview_page(path):
        raise GuardError(
            f"{path} is no page that a preview has written, so --force doesn't replace it",
            hint="give another name, or move that file away yourself",
        )


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        from replicate.cli.preview_page import is_preview_page

        replaceable = path.is_symlink() or is_preview_page(path)
        raise ConflictError(
            f"{path} exists already",
            hint="--force replaces it" if replaceable else "give another name",
        )


def _write_private(path: Path, data: bytes, *, replace: bool) -> None:
    """A new file that nobody else may read, from its first byte on."""
    target = path.with_name(f".{path.name}.{secrets.token_hex(4)}") if replace else path
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        _refuse_existing(path)
        raise
    except OSError as error:
        raise ReplicateError(f"{path} can't be written: {error.strerror}") from error
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a path can't be opened as private
            file.write(data)
        if replace:
            target.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            target.unlink()
        if isinstance(error, OSError):
            raise ReplicateError(f"{path} can't be written: {error.strerror}") from error
        raise


def _print_written(console: Console, found: Preview, path: Path) -> None:
    rows = sum(len(table.rows) for table in found.tables)
    if console.json:
        console.print_json({"html": str(path), "tables": len(found.tables), "rows": rows})
        return
    console.print(str(path))
    console.note(f"{plural(rows, 'row')} of {plural(len(found.tables), 'table')}")


# JSON


def _json(found: Preview) -> dict[str, Any]:
    return {
        "engine": found.engine,
        "masking": "keyed" if found.keyed else "random key of this preview",
        "tables": [
            {
                "schema": table.schema,
                "name": table.name,
                "masked_columns": table.masked,
                "hidden_columns": table.hidden,
                "note": table.note or None,
                "columns": [
                    {
                        "name": column.name,
                        "type": column.type,
                        "transformer": column.transformer,
                        "primary_key": column.primary,
                        "rules": [
                            {
                                "path": path or None,
                                "transformer_name": recipe.transformer,
                                "link": recipe.link or None,
                                "when": recipe.when or None,
                                "consistent": recipe.consistent,
                            }
                            for path, recipe in column.rules
                        ],
                    }
                    for column in table.columns
                ],
                "rows": [
                    {
                        column.name: _cell_json(cell)
                        for column, cell in zip(table.columns, row, strict=True)
                    }
                    for row in table.rows
                ],
            }
            for table in found.tables
        ],
        "unmasked_tables": list(found.unmasked),
    }


def _cell_json(cell: Cell) -> dict[str, Any]:
    """`before` and `after` as text, hexadecimal digits where the form is `blob`, or null."""
    written: dict[str, Any] = {}
    for side, value in (("before", cell.before), ("after", cell.after)):
        written[side] = None if value is None else value.text
        if value is not None and value.form:
            written[f"{side}_form"] = value.form
        if value is not None and value.cut:
            written[f"{side}_bytes"] = value.size
    return {**written, "changed": cell.changed}


# The terminal


def _rendered(found: Preview) -> str:
    """A table of text for each table: as wide as the terminal, and no line any wider."""
    from rich.console import Console as Screen

    # Links, emoji codes and markup of values mean nothing; only what is made here has a style.
    screen = Screen(markup=False, emoji=False, highlight=False)
    plain = screen.options.ascii_only
    with screen.capture() as captured:
        for i, table in enumerate(found.tables):
            if i:
                screen.print()
            screen.print(_heading(table))
            if table.rows:
                screen.print(_grid(table, room=screen.width, plain=plain))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _heading(table: PreviewTable) -> Text:
    from rich.text import Text

    text = Text(escaped(table.qualified), style="bold")
    words = [plural(len(table.rows), "row")]
    if table.masked:
        words.append(plural(table.masked, "masked column"))
    if table.hidden:
        words.append(f"{table.hidden} not shown")
    if table.note:
        words.append(table.note)
    text.append(f"  {', '.join(words)}", style="not bold")
    by = [
        f"{rule_words(column.name, path)} ({recipe_words(recipe)})"
        for column in table.columns
        for path, recipe in column.rules
    ]
    if by:
        text.append(f"\n{', '.join(by)}", style="not bold dim")
    return text


def _grid(table: PreviewTable, *, room: int, plain: bool) -> Table:
    from rich.box import ASCII, SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    overflow: OverflowMethod = "crop" if plain else "ellipsis"
    grid = Table(box=ASCII if plain else SIMPLE_HEAD, expand=True, pad_edge=False, padding=(0, 1))
    side = max(1, (room - _KEY_WIDTH - _NAME_WIDTH - _BESIDE) // 2)
    keyed = any(column.primary for column in table.columns)
    key = ", ".join(escaped(c.name) for c in table.columns if c.primary) if keyed else "row"
    for title, most in ((key, _KEY_WIDTH), ("column", _NAME_WIDTH)):
        grid.add_column(Text(title), no_wrap=True, overflow=overflow, max_width=most)
    grid.add_column("before", no_wrap=True, overflow=overflow, ratio=1)
    grid.add_column("", no_wrap=True, width=2)
    grid.add_column("after", no_wrap=True, overflow=overflow, ratio=1)
    for i, row in enumerate(table.rows):
        label = ", ".join(
            _shown(cell.before).plain
            for column, cell in zip(table.columns, row, strict=True)
            if column.primary
        )
        first = Text(label if keyed else str(i + 1), style="bold")
        for name, cell in _lines(table, row):
            sign = ("->" if plain else "→") if cell.changed else "="
            style = "" if cell.changed else "dim"
            before = _shown(cell.before, "red" if cell.changed else "dim")
            after = _shown(cell.after, "bold green" if cell.changed else "dim")
            if cell.changed:
                before, after = _windows(before, after, side, "..." if plain else "…")
            grid.add_row(first, Text(escaped(name), style=style), before, Text(sign), after)
            first = Text("")
        grid.add_section()
    return grid


def _windows(before: Text, after: Text, room: int, left_out: str) -> tuple[Text, Text]:
    """Both sides from near their first difference on, where they begin with the same and no
    difference would be seen in `room` columns."""
    same = common_start(before.plain, after.plain)
    if width(before.plain[:same]) + _SEEN < room or same == len(before) == len(after):
        return before, after
    begin = max(0, same - _AHEAD)
    if not begin:
        return before, after
    from rich.text import Text

    return (
        Text(left_out + before.plain[begin:], style=before.style),
        Text(left_out + after.plain[begin:], style=after.style),
    )


def _lines(table: PreviewTable, row: Sequence[Cell]) -> Iterator[tuple[str, Cell]]:
    """What is shown of a row: an unchanged key stands in front of it already."""
    shown = [
        (column.name, cell)
        for column, cell in zip(table.columns, row, strict=True)
        if not column.primary or cell.changed or column.transformer
    ]
    yield from shown or [(c.name, cell) for c, cell in zip(table.columns, row, strict=True)]


def _shown(value: Value | None, style: str = "") -> Text:
    """A value on one line; NULL and empty in brackets, which no value has that way."""
    from rich.text import Text

    if value is None or not value.size:
        return Text("<null>" if value is None else "<empty>", style=f"{style} italic".strip())
    text = escaped(value.text)
    if text in ("<null>", "<empty>"):
        text = f"\\{text}"
    if value.form == "blob":
        text = f"x'{text}'"
    elif value.form:
        text = f"{text} ({value.form})"
    return Text(text + ("..." if value.cut else ""), style=style)
