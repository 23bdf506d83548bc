"""Puts transformer rules into the text of a conf.yaml, and leaves all the rest as it is.

What is there is found by the parser's marks, and text is put between its lines: comments, blank
lines, quotes and line ends stay byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from replicate.config.document import resolve_scalar
from replicate.errors import ConfigError

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?:\[\*\][A-Za-z0-9_./-]*)*")
_FLOW_HINT = "put it into lines that begin with `- `, or copy the section by hand"


@dataclass(frozen=True, slots=True)
class NewRules:
    """Columns of one table with the transformers that they are to get, in order."""

    database: str
    table: str
    columns: tuple[tuple[str, str], ...]


def section(rules: Sequence[NewRules], indent: int = 2) -> str:
    """A ready ``transformers:`` section, as it stands below ``source:``; ends with a newline."""
    pad = " " * indent
    return f"{pad}transformers:\n" + "".join(_entry(rule, indent + 2) for rule in rules)


def insert_rules(text: str, rules: Sequence[NewRules], *, file: str | None = None) -> str:
    """`text`, a document that could be loaded, with the rules in its ``source`` section.

    A table that has an entry gets its columns behind those that it lists. Raises `ConfigError`
    where the text writes what would have to grow between brackets or braces.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    source = _member(yaml.compose(text, Loader=yaml.SafeLoader), "source")
    if not isinstance(source, yaml.MappingNode):
        raise ConfigError("no `source` section", file=file)
    _refuse_flow(source, "source", file)
    insertions = _insertions(source, rules, lines, file)
    for line, added, removed in sorted(insertions, key=lambda one: one[0], reverse=True):
        if removed is not None:
            lines[line - 1] = removed
        if line == len(lines) and not lines[-1].endswith(("\n", "\r")):
            lines[-1] += newline
        lines.insert(line, added.replace("\n", newline))
    return "".join(lines)


_Insertion = tuple[int, str, str | None]
"""Before which line (from 0) which text goes, and what the line above becomes, if that changes."""


def _insertions(
    source: yaml.MappingNode, rules: Sequence[NewRules], lines: Sequence[str], file: str | None
) -> list[_Insertion]:
    listed = _member(source, "transformers")
    if listed is None:
        indent = source.start_mark.column
        return [(_end(source, lines), section(rules, indent), None)]
    if _is_empty(listed):
        return [_fill(source, listed, rules, lines)]
    if not isinstance(listed, yaml.SequenceNode):
        raise ConfigError("source.transformers is no list", file=file)
    _refuse_flow(listed, "source.transformers", file)
    found: list[_Insertion] = []
    new = []
    for rule in rules:
        entry = next((e for e in listed.value if _is_for(e, rule)), None)
        if entry is None:
            new.append(rule)
            continue
        columns = _member(entry, "columns")
        _refuse_flow(entry, "source.transformers", file)
        if not isinstance(columns, yaml.SequenceNode) or columns.flow_style:
            raise _flow("the columns of an entry of source.transformers", columns or entry, file)
        text = "".join(_columns(rule, columns.start_mark.column))
        found.append((_end(columns, lines), text, None))
    if new:
        text = "".join(_entry(rule, listed.start_mark.column) for rule in new)
        # Behind columns that the last entry gets at the same place.
        found.insert(0, (_end(listed, lines), text, None))
    return found


def _fill(
    source: yaml.MappingNode, value: yaml.Node, rules: Sequence[NewRules], lines: Sequence[str]
) -> _Insertion:
    """A key without a list, or with an empty one, gets its first entries."""
    key = next(key for key, child in source.value if child is value)
    entries = "".join(_entry(rule, key.start_mark.column + 2) for rule in rules)
    end = value.end_mark
    if value.start_mark.index == end.index:
        return key.end_mark.line + 1, entries, None
    line = lines[end.line]
    kept = line[: value.start_mark.column].rstrip() if value.start_mark.line == end.line else ""
    return end.line + 1, entries, kept + line[end.column :]


def _end(node: yaml.Node, lines: Sequence[str]) -> int:
    """The line behind the last one that `node` has a part in."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        key, value = last if isinstance(node, yaml.MappingNode) else (None, last)
        # The mark of a value that is left out is that of whatever comes next.
        if key is not None and value.start_mark.index == value.end_mark.index:
            return int(key.end_mark.line) + 1
        return _end(value, lines)
    mark = node.end_mark
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        # Such a text takes the lines up to the next thing, its blank ones included.
        return min(len(lines), mark.line + (mark.column > 0 and mark.line + 1 >= len(lines)))
    return int(mark.line) + 1


def _is_for(entry: yaml.Node, rule: NewRules) -> bool:
    names = [_member(entry, key) for key in ("database", "table")]
    said = [name.value if isinstance(name, yaml.ScalarNode) else None for name in names]
    return said == [rule.database, rule.table]


def _is_empty(node: yaml.Node) -> bool:
    if isinstance(node, yaml.SequenceNode):
        return bool(node.flow_style) and not node.value
    return (
        isinstance(node, yaml.ScalarNode)
        and node.style is None
        and resolve_scalar(node.value) is None
    )


def _member(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _refuse_flow(node: yaml.Node, what: str, file: str | None) -> None:
    if getattr(node, "flow_style", False):
        raise _flow(what, node, file)


def _flow(what: str, node: yaml.Node, file: str | None) -> ConfigError:
    return ConfigError(
        f"{what} is written between brackets or braces, where no lines can be put",
        file=file,
        line=node.start_mark.line + 1,
        hint=_FLOW_HINT,
    )


def _entry(rule: NewRules, indent: int) -> str:
    pad = " " * indent
    head = f"{pad}- database: {_scalar(rule.database)}\n{pad}  table: {_scalar(rule.table)}\n"
    return head + f"{pad}  columns:\n" + "".join(_columns(rule, indent + 4))


def _columns(rule: NewRules, indent: int) -> Iterator[str]:
    pad = " " * indent
    for column, transformer in rule.columns:
        yield f"{pad}- name: {_scalar(column)}\n{pad}  transformer_name: {_scalar(transformer)}\n"


def _scalar(text: str) -> str:
    """`text` as it may stand in YAML: bare where it means itself there, else quoted."""
    if _PLAIN.fullmatch(text) and resolve_scalar(text) == text:
        return text
    # What JSON writes is read alike by YAML, but for these two, which end lines.
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", lambda m: f"\\u{ord(m[0]):04x}", quoted)
