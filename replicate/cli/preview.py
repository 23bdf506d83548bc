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
from replicate.cli.formats import plural
from replicate.errors import ConflictError, ReplicateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import OverflowMethod
    from rich.table import Table
    from rich.text import Text

    from replicate.cli.console import Console
    from replicate.jobs.preview import Cell, Preview, PreviewTable, Value

_MOST_ROWS = 1000
_KEY_WIDTH, _NAME_WIDTH = 14, 20
_LISTED = 12


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
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a web page instead, which only you may read.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
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
    if html is not None and not force:
        _refuse_existing(html)
    from replicate.jobs.preview import preview_masking

    console = session.console
    config = session.config("source", "masking_key")
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


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise ConflictError(f"{path} exists already", hint="--force replaces it")


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
                screen.print(_grid(table, plain=plain))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _heading(table: PreviewTable) -> Text:
    from rich.text import Text

    text = Text(_visible(table.qualified), style="bold")
    words = [plural(len(table.rows), "row"), plural(table.masked, "masked column")]
    if table.hidden:
        words.append(f"{table.hidden} not shown")
    if table.note:
        words.append(table.note)
    text.append(f"  {', '.join(words)}", style="not bold")
    by = [f"{_visible(c.name)} ({c.transformer})" for c in table.columns if c.transformer]
    if by:
        text.append(f"\n{', '.join(by)}", style="not bold dim")
    return text


def _grid(table: PreviewTable, *, plain: bool) -> Table:
    from rich.box import ASCII, SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    overflow: OverflowMethod = "crop" if plain else "ellipsis"
    grid = Table(box=ASCII if plain else SIMPLE_HEAD, expand=True, pad_edge=False, padding=(0, 1))
    keyed = any(column.primary for column in table.columns)
    key = ", ".join(_visible(c.name) for c in table.columns if c.primary) if keyed else "row"
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
            grid.add_row(first, Text(_visible(name), style=style), before, Text(sign), after)
            first = Text("")
        grid.add_section()
    return grid


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
    text = _visible(value.text)
    if text in ("<null>", "<empty>"):
        text = f"\\{text}"
    if value.form == "blob":
        text = f"x'{text}'"
    elif value.form:
        text = f"{text} ({value.form})"
    return Text(text + ("..." if value.cut else ""), style=style)


def _visible(text: str) -> str:
    """`text` on one line, with escapes for all that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )
