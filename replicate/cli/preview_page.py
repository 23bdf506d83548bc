"""The preview as a web page: one file that asks nothing of any network, and runs its own script.

Whatever comes from the source is escaped. Should anything slip through, the page's policy lets no
script or style run but its own two, and nothing be fetched or sent.
"""

from __future__ import annotations

import base64
import hashlib
import stat
from collections.abc import Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path

from replicate.cli.formats import common_start, local_time, number, plural, size
from replicate.cli.rule_words import recipe_words
from replicate.jobs.masking import Recipe
from replicate.jobs.preview import Cell, Preview, PreviewColumn, PreviewTable, Value

_ENGINES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}

_TITLE = "<title>Masking preview - Replicate</title>"
_DOCTYPE = "<!doctype html>"
_HEAD = 4096  # bytes of a page that its title is within

_LONG = 240
"""Characters of a value that are shown at once; the rest unfolds."""

_AHEAD = 60
"""Characters shown in front of the first difference of two values, where that is far inside."""


def preview_page(preview: Preview, *, made_at: datetime) -> str:
    """The page as HTML, whole."""
    style, script = _resource("preview.css"), _resource("preview.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    body = "\n".join(
        [
            _header(preview, made_at),
            _bar(),
            '<main id="tables" class="width" tabindex="-1">',
            _navigation(preview.tables),
            *(_section(table, i) for i, table in enumerate(preview.tables)),
            '<p id="nothing" class="none" hidden>Nothing fits that filter.</p>',
            "</main>",
            _footer(preview),
        ]
    )
    return f"""{_DOCTYPE}
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
{_TITLE}
<style>{style}</style>
</head>
<body>
<a class="skip" href="#tables">Skip to the tables</a>
{body}
<script>{script}</script>
</body>
</html>
"""


def is_preview_page(path: Path) -> bool:
    """Whether the file at `path` is a page that `preview_page` has made. A link is not."""
    try:
        # What is no file, such as a pipe, could make an open wait.
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return head.startswith(_DOCTYPE.encode()) and _TITLE.encode() in head


def _resource(name: str) -> str:
    return files("replicate.cli").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _header(preview: Preview, made_at: datetime) -> str:
    cells = [cell for table in preview.tables for row in table.rows for cell in row]
    facts = (
        ("tables", number(len(preview.tables))),
        ("masked columns", number(sum(table.masked for table in preview.tables))),
        ("rows shown", number(sum(len(table.rows) for table in preview.tables))),
        ("values changed", number(sum(cell.changed for cell in cells))),
    )
    source = _ENGINES.get(preview.engine, preview.engine)
    moment = local_time(made_at)
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    return f"""<header><div class="width">
<p class="brand">Replicate</p>
<h1>Masking preview</h1>
<p class="lead">A few rows of each table of the {escape(source)} source, before masking and
after it, read at <time datetime="{escape(moment)}">{escape(moment.replace("T", " "))}</time>.</p>
<dl class="facts">{shown}</dl>
</div></header>
<div class="warning" role="note"><p class="width">
<strong>This page holds data of the source.</strong> Keep it where the database itself may be
kept, and delete it when it has served.</p></div>"""


def _bar() -> str:
    return """<div class="bar" id="bar" role="search" hidden><div class="width">
<label class="find">Filter <input type="search" id="filter" autocomplete="off" spellcheck="false"
placeholder="table or column" aria-describedby="count"></label>
<label><input type="checkbox" id="changed"> Only changed values</label>
<output id="count" aria-live="polite"></output>
</div></div>"""


def _navigation(tables: Sequence[PreviewTable]) -> str:
    if len(tables) < 2:
        return ""
    links = "".join(
        f'<li><a href="#table-{i}">{_text(table.qualified)}</a></li>'
        for i, table in enumerate(tables)
    )
    return f'<nav aria-label="Tables"><ul>{links}</ul></nav>'


def _section(table: PreviewTable, place: int) -> str:
    extent = f"{plural(len(table.rows), 'row')}, {plural(table.masked, 'masked column')}"
    if table.hidden:
        extent += f", {plural(table.hidden, 'other column')} not shown"
    if table.note:
        extent += f": {table.note}" if table.rows else ""
    rows = "".join(_record(table, row, i) for i, row in enumerate(table.rows))
    nothing = "" if rows else f'<p class="none">{escape(table.note)}</p>'
    return f"""<section id="table-{place}" data-name="{_text(table.qualified, attribute=True)}">
<table>
<caption><h2><span class="schema">{_text(table.schema)}.</span>{_text(table.name)}</h2>
<span class="extent">{escape(extent)}</span></caption>
<thead><tr><th scope="col">Column</th><th scope="col">Before</th><th scope="col">After</th></tr>
</thead>
{rows}</table>{nothing}
</section>"""


def _record(table: PreviewTable, row: Sequence[Cell], place: int) -> str:
    keys = [
        f'{_text(column.name)} <span class="key">{_value(cell.before)}</span>'
        for column, cell in zip(table.columns, row, strict=True)
        if column.primary
    ]
    title = ", ".join(keys) or f"Row {place + 1}"
    lines = "".join(
        _line(column, cell)
        for column, cell in zip(table.columns, row, strict=True)
        if not column.primary or cell.changed or column.transformer
    )
    head = f'<tr class="record"><th scope="rowgroup" colspan="3">{title}</th></tr>'
    return f"<tbody>{head}\n{lines}</tbody>\n"


def _line(column: PreviewColumn, cell: Cell) -> str:
    by = "".join(f'<span class="by">{_rule(*rule)}</span>' for rule in column.rules)
    begin = _begin(cell)
    state, sign, said = ("changed", "→", "changed") if cell.changed else ("same", "=", "unchanged")
    return (
        f'<tr class="{state}" data-column="{_text(column.name, attribute=True)}">'
        f'<th scope="row"><span class="name">{_text(column.name)}</span>{by}</th>'
        f'<td class="before">{_value(cell.before, begin)}</td>'
        f'<td class="after"><span class="sign" aria-hidden="true">{sign}</span>'
        f'<span class="unseen">{said}: </span>{_value(cell.after, begin)}</td></tr>\n'
    )


def _rule(path: str, recipe: Recipe) -> str:
    # The column's name stands above it.
    return _text(f"{path}: {recipe_words(recipe)}" if path else recipe_words(recipe))


def _begin(cell: Cell) -> int:
    """From where on a folded value is shown: from its beginning, unless both sides have that."""
    if not cell.changed or cell.before is None or cell.after is None:
        return 0
    same = common_start(cell.before.text, cell.after.text)
    return max(0, same - _AHEAD) if same > _LONG - _AHEAD else 0


def _value(value: Value | None, begin: int = 0) -> str:
    if value is None:
        return '<em class="nothing">NULL</em>'
    if not value.size:
        return '<em class="nothing">empty</em>'
    form = f'<span class="form">{value.form}</span>' if value.form else ""
    if len(value.text) <= _LONG and not value.cut:
        return _text(value.text) + form
    end = "…" if value.cut or len(value.text) > begin + _LONG else ""
    short = ("…" if begin else "") + _text(value.text[begin : begin + _LONG]) + end
    rest = f" and more, {size(value.size)} in all" if value.cut else ""
    return (
        f'<details><summary><span class="short">{short}</span> '
        f'<span class="form">{size(value.size)}</span></summary>{_text(value.text)}'
        f'<span class="form">{rest}</span></details>{form}'
    )


def _text(text: str, *, attribute: bool = False) -> str:
    """`text` with nothing in it that a browser would obey, and what can't be seen made visible."""
    if text.isprintable():
        return escape(text)
    return "".join(
        escape(char) if char.isprintable() else _escaped(char, attribute=attribute) for char in text
    )


def _escaped(char: str, *, attribute: bool) -> str:
    written = char.encode("unicode_escape", "surrogatepass").decode("ascii")
    return written if attribute else f'<span class="escape">{written}</span>'


def _footer(preview: Preview) -> str:
    lines = [
        "<kbd>/</kbd> goes to the filter, <kbd>Esc</kbd> clears it.",
        "Replacements are those that a dump gets with the same masking key."
        if preview.keyed
        else "There is no masking key: the replacements of a dump will be other ones.",
    ]
    if preview.unmasked:
        names = ", ".join(map(_text, preview.unmasked))
        lines.append(f"Dumped as they are, with no masked column: {names}.")
    return f'<footer class="width">{"".join(f"<p>{line}</p>" for line in lines)}</footer>'
