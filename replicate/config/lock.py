"""The lock beside conf.yaml: the columns that its author has decided about, with their types.

    # The columns that conf.yaml was written for. `replicate config lock` writes this file.
    version: 1
    columns:
      public:
        customers:
          email: text

It is made to be committed: sorted, a line a column, so that a review shows what a migration added.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from replicate.errors import ConfigError

VERSION = 1
MAX_SIZE = 256 * 1024 * 1024
"""Bytes that a lock may have; of a database of 100,000 tables it has some 100 MB."""

# Where libyaml is, the lock of a big database is read in no time.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_HEADER = "# The columns that {name} was written for. `replicate config lock` writes this file.\n"


@dataclass(frozen=True, slots=True)
class KnownColumns:
    """The type of each known column, by schema, table and column."""

    types: Mapping[tuple[str, str, str], str]

    def __contains__(self, column: tuple[str, str, str, str]) -> bool:
        """Whether (schema, table, column, type) is known: a changed type makes it another one."""
        return self.types.get(column[:3]) == column[3]


def lock_path(config_path: str | Path) -> Path:
    """Where the lock of that conf.yaml is: beside it, as conf.lock."""
    return Path(config_path).with_suffix(".lock")


def read_lock(path: Path) -> KnownColumns | None:
    """The columns that the lock at `path` lists, or None if there is no such file.

    Raises `ConfigError` if it can't be read, or isn't a lock.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", file=str(path)) from error
    if len(data) > MAX_SIZE:
        raise ConfigError("is larger than any lock", file=str(path))
    try:
        # Every scalar is text: a column may be called yes, and a type be none.
        document = yaml.load(data, Loader=_LOADER)  # noqa: S506 - makes text alone
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        raise ConfigError("is not valid YAML", file=str(path), line=line, hint=_AGAIN) from error
    try:
        return _parse(document)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise ConfigError("is not a lock of columns", file=str(path), hint=_AGAIN) from error


_AGAIN = "look at what changed, then write it anew with `replicate config lock`"


def _parse(document: dict[str, Any]) -> KnownColumns:
    if document["version"] != str(VERSION):
        raise ValueError("another version")
    types: dict[tuple[str, str, str], str] = {}
    for schema, tables in (document.get("columns") or {}).items():
        for table, columns in tables.items():
            for column, declared in columns.items():
                if not all(isinstance(each, str) for each in (schema, table, column, declared)):
                    raise TypeError("not text")
                types[schema, table, column] = declared
    return KnownColumns(types)


def write_lock(path: Path, columns: Iterable[tuple[str, str, str, str]], *, of: str) -> None:
    """Write the lock of the conf.yaml named `of`: (schema, table, column, type) of each column.

    The file is complete or as it was before. Raises `ConfigError` if it can't be written.
    """
    nested: dict[str, dict[str, dict[str, str]]] = {}
    for schema, table, column, declared in columns:
        nested.setdefault(schema, {}).setdefault(table, {})[column] = declared
    text = _HEADER.format(name=of) + yaml.safe_dump(
        {"version": VERSION, "columns": nested},
        allow_unicode=True,
        sort_keys=False,
        width=1 << 20,
    )
    try:
        _replace(path, text)
    except OSError as error:
        raise ConfigError(f"can't be written: {error.strerror}", file=str(path)) from error


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
