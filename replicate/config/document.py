"""Reads a YAML file into plain values, and remembers the line of every key.

The YAML that is understood is the part that can't surprise: mappings, lists and scalars of one
document. Aliases and tags are refused, keys are text and stand once. Only what JSON would call a
number is a number; a leading zero, a plus sign or an underscore make text, exactly as written.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from replicate.config.positions import Positions, join
from replicate.errors import ConfigError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32

Value: TypeAlias = dict[str, Any] | list[Any] | str | int | float | bool | None
"""What a document is made of."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_STR_TAGS = (None, "!", "tag:yaml.org,2002:str")
_MAPPING_TAGS = (None, "!")

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,30})\Z")
_DECIMAL = re.compile(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]+([eE][-+]?[0-9]{1,2})?|[eE][-+]?[0-9]{1,2})\Z"
)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_SWITCHES = {
    spelling: value
    for words, value in ((("true", "yes", "on"), True), (("false", "no", "off"), False))
    for word in words
    for spelling in (word, word.capitalize(), word.upper())
}

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_ALWAYS_TEXT = (".transformer_name", ".on_new_column")
"""End the keys whose value is never anything else: `null` is the name of a transformer there."""

_COLON_HINT = "look for a colon that is missing above, the indentation, or a value to be quoted"

_SYNTAX = (
    # (in the parser's complaint, ours, where to look)
    ("scanning a quoted scalar", "a quotation mark is not closed", None),
    ("unknown escape", "an unknown escape follows a backslash", "use single quotes"),
    ("cannot start any token", "a value begins with a character that YAML reserves", "quote it"),
    ("not allowed", "a colon stands where none can be", _COLON_HINT),
    ("expected ':'", "a key has no colon", None),
    ("expected ',' or", "a bracket or a brace is not closed", None),
    ("node content", "a value is missing, or a bracket or a brace is not closed", None),
    ("expected key", "the indentation doesn't fit the lines above", None),
    ("block end", "the indentation doesn't fit the lines above", None),
    ("'-' indicator", "the indentation doesn't fit the list above", None),
    ("tag", "a tag is not supported", "leave out the word that begins with `!`"),
)
_TAG, _TAG_HINT = "tags (`!name`) are not supported", "leave it out"
_TAB = ("a tab is used for indentation", "use spaces")


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a configuration file.

    `broken` holds the keys whose value could not be understood; it may be None instead. `problems`
    says why, with whatever else is wrong with the document, in file order. `exposed`: other users
    of the machine may read the file.
    """

    data: dict[str, Any]
    positions: Positions
    broken: frozenset[str]
    problems: tuple[ConfigError, ...]
    exposed: bool


def read_document(path: str | Path) -> Document:
    """Read and parse the file. Raises `ConfigError` where no mapping can be had from it."""
    file = str(path)
    text, exposed = _read(file)
    return parse_document(text, file, exposed=exposed)


def parse_document(text: str, file: str, *, exposed: bool = False) -> Document:
    """Parse the text of a file; `file` is only for messages."""
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        line = text.count("\n", 0, forbidden.start()) + 1
        raise ConfigError("holds a control character", file=file, line=line)
    builder = _Builder(file)
    try:
        data = builder.build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file) from None
    except yaml.YAMLError:
        raise ConfigError("is not valid YAML", file=file) from None
    if not builder.problems:
        if data is None:
            raise ConfigError(
                "the file is empty",
                file=file,
                hint="it needs at least a `datastore`, and a `source` or a `destination`",
            )
        if not isinstance(data, dict):
            kind = "a list" if isinstance(data, list) else "a single value"
            raise ConfigError(
                f"expected a mapping of source, datastore and destination, found {kind}", file=file
            )
    return Document(
        data if isinstance(data, dict) else {},
        Positions(file, builder.lines),
        frozenset(builder.broken),
        tuple(builder.problems),
        exposed,
    )


def resolve_scalar(text: str) -> Value:
    """What an unquoted scalar means."""
    if text in _NULLS:
        return None
    if text in _SWITCHES:
        return _SWITCHES[text]
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text):
        return float(text)
    return text


def _read(file: str) -> tuple[str, bool]:
    try:
        with Path(file).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
            status = os.fstat(stream.fileno())
    except FileNotFoundError:
        raise ConfigError(
            "there is no such file",
            file=file,
            hint=f"looked for {Path(file).absolute()}; name another one with --config or "
            "REPLICATE_CONFIG",
        ) from None
    except IsADirectoryError:
        raise ConfigError("is a directory, not a file", file=file) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a valid path"
        raise ConfigError(f"can't be read: {reason.lower()}", file=file) from None
    if len(content) > MAX_BYTES:
        raise ConfigError("is larger than 1 MiB", file=file, hint="is it the right file?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text", file=file, line=line) from None
    others = stat.S_ISREG(status.st_mode) and bool(status.st_mode & (stat.S_IRGRP | stat.S_IROTH))
    return text, others


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> ConfigError:
    complaint = f"{error.context or ''}: {error.problem or ''}"
    mark = error.problem_mark or error.context_mark
    if "quoted scalar" in complaint and "end of stream" in complaint:
        mark = error.context_mark or mark
    lines = text.splitlines() or [""]
    index = min(mark.line, len(lines) - 1) if mark else 0
    message, hint = "the YAML can't be understood here", "look at indentation, quotes and brackets"
    if "start any token" in complaint and mark and lines[index][mark.column :].startswith("\t"):
        message, hint = _TAB
    else:
        for fragment, ours, advice in _SYNTAX:
            if fragment in complaint:
                message, hint = ours, advice or "look at this line and the one above"
                break
        if "flow" in complaint and "${" in lines[index]:
            hint = "between brackets or braces, a value with ${NAME} has to be in quotes"
    return ConfigError(message, file=file, line=index + 1 if mark else None, hint=hint)


class _Builder:
    """Turns the parser's events into values."""

    def __init__(self, file: str) -> None:
        self.lines: dict[str, int] = {}
        self.broken: set[str] = set()
        self.problems: list[ConfigError] = []
        self._file = file
        self._events: Iterator[yaml.Event] = iter(())

    def build(self, events: Iterable[yaml.Event]) -> Value:
        self._events = iter(events)
        value: Value = None
        documents = 0
        for event in self._events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            documents += 1
            if documents == 2:
                self._problem("", "holds more than one document", event, "remove the line `---`")
                break
            value = self._value(next(self._events), "", 0)
        return value

    def _value(self, event: yaml.Event, key: str, depth: int) -> Value:
        if isinstance(event, yaml.AliasEvent):
            return self._refuse(key, "aliases (`*name`) are not supported", event, "repeat it here")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, key)
        if isinstance(event, yaml.CollectionStartEvent) and event.tag not in _MAPPING_TAGS:
            self._refuse(key, _TAG, event, _TAG_HINT)
        if depth == MAX_DEPTH:
            raise self._too_deep(event, key)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(key, depth)
        return self._mapping(key, depth)

    def _scalar(self, event: yaml.ScalarEvent, key: str) -> Value:
        if event.tag not in _STR_TAGS:
            return self._refuse(key, _TAG, event, _TAG_HINT)
        text: str = event.value
        plain = event.tag is None and not event.style
        if key.endswith(_ALWAYS_TEXT):
            return text or None
        return resolve_scalar(text) if plain else text

    def _list(self, key: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            item = join(key, len(items))
            self.lines[item] = _line(event)
            items.append(self._value(event, item, depth + 1))
        return items

    def _mapping(self, key: str, depth: int) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name = self._key(event, key)
            value_event = next(self._events)
            if name is None:
                self._skip(value_event)
                continue
            entry = join(key, name)
            line = _line(event)
            if name in entries:
                first = self.lines[entry]
                self._problem(entry, f"given twice, on lines {first} and {line}", event)
                self._skip(value_event)
                continue
            self.lines.setdefault(entry, line)
            entries[name] = self._value(value_event, entry, depth + 1)
        return entries

    def _key(self, event: yaml.Event, parent: str) -> str | None:
        if isinstance(event, yaml.ScalarEvent) and event.tag in _STR_TAGS:
            name: str = event.value
            return name
        if isinstance(event, yaml.ScalarEvent):
            self._problem(parent, _TAG, event, _TAG_HINT)
        else:
            self._problem(parent, "a key has to be a plain word", event)
            self._skip(event)
        return None

    def _skip(self, event: yaml.Event) -> None:
        """Pass over the rest of the value that `event` begins."""
        depth = 0
        while True:
            if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
                depth += 1
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                depth -= 1
            if depth == 0:
                return
            if depth > MAX_DEPTH:
                raise self._too_deep(event, None)
            event = next(self._events)

    def _too_deep(self, event: yaml.Event, key: str | None) -> ConfigError:
        # Raised at once, not noted: the parser takes ever longer for what is deeper.
        message = f"is nested deeper than {MAX_DEPTH} levels"
        return ConfigError(message, file=self._file, line=_line(event), key=key)

    def _refuse(self, key: str, message: str, event: yaml.Event, hint: str | None = None) -> Value:
        self._problem(key, message, event, hint)
        self.broken.add(key)
        return None

    def _problem(self, key: str, message: str, event: yaml.Event, hint: str | None = None) -> None:
        line = _line(event)
        self.problems.append(
            ConfigError(message, file=self._file, line=line, key=key or None, hint=hint)
        )


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
