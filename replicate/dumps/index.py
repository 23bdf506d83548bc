"""The index: a cache of manifest headers, so that a listing need not read every manifest.

    {"format":"replicate-index","version":1,"columns":{"name":[…],"object":[…],…},"sha256":"…"}

One array a field and one element a dump. An entry counts only for the very object that it was
read from: `object` is the version that the store gave the manifest. No correctness rests on any of
it; what the index lacks or has wrong is taken from the manifests.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from replicate.crypto import checksummed
from replicate.datastores.base import Datastore, PutMode, Replace
from replicate.dumps.documents import VERSION, read_document
from replicate.dumps.fields import BASE64, MAX_NUMBER, WORD, Fields, UnsupportedFormatError
from replicate.dumps.layout import INDEX_KEY, KEY_ID, RUN_ID
from replicate.dumps.names import is_dump_name
from replicate.dumps.objects import is_atomic
from replicate.dumps.records import Encryption, Header, Totals
from replicate.errors import (
    ConflictError,
    CorruptError,
    NotFoundError,
    ReplicateError,
    TooLargeError,
)

MAX_INDEX = 64 * 1024 * 1024
"""Bytes that an index may have; a store with more dumps than fit goes without."""

FORMAT = "replicate-index"
WHAT = f"the index ({INDEX_KEY})"

_ATTEMPTS = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A header, and the version of the object that it was read from."""

    version: str
    header: Header


@dataclass(frozen=True, slots=True)
class Index:
    """The index as it was found.

    `version` is its own in the store, None where there is none. `damage` says what is wrong with
    one that can't be used; it is then empty. One that is `foreign` was written by a later version
    of the program, and is left alone.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    version: str | None = None
    damage: str | None = None
    foreign: bool = False


def load(store: Datastore) -> Index:
    """The store's index. A damaged one is no error; a store that can't be read is."""
    try:
        # Asked for before the bytes: if it changes in between, the old version makes a later
        # compare-and-swap fail, which is what should happen.
        version = store.stat(INDEX_KEY).version
        data = store.get(INDEX_KEY, max_size=MAX_INDEX)
    except NotFoundError:
        return Index()
    except TooLargeError as error:
        return Index(version=version, damage=f"{WHAT} can't be one: {error.message}")
    except CorruptError as error:
        return Index(damage=error.message, foreign=True)
    try:
        return Index(decode(data), version)
    except UnsupportedFormatError:
        return Index(version=version, foreign=True)
    except CorruptError as error:
        return Index(version=version, damage=error.message)


def save(store: Datastore, found: Index, entries: Mapping[str, Entry]) -> None:
    """Put `entries` in the place of the index `found`.

    Raises `ConflictError` where the store compares and somebody else was faster.
    """
    if found.foreign:
        return
    data = encode(entries)
    if len(data) > MAX_INDEX:
        return
    mode: PutMode = "overwrite"
    if is_atomic(store):
        mode = "create" if found.version is None else Replace(found.version)
    store.put(INDEX_KEY, data, mode=mode)


def update(store: Datastore, change: Callable[[dict[str, Entry]], None]) -> None:
    """Change the index in place, as well as it goes: it is a cache, and failing is no error.

    A damaged one is left for `Catalog.headers` to report and to rebuild.
    """
    for attempt in range(_ATTEMPTS):
        try:
            found = load(store)
            if found.damage is not None or found.foreign:
                return
            entries = dict(found.entries)
            change(entries)
            if entries != found.entries:
                save(store, found, entries)
            return
        except ConflictError:
            pause(attempt)
        except ReplicateError:
            return


def pause(attempt: int) -> None:
    """Wait a moment before trying once more, each time longer, no two writers alike."""
    time.sleep(random.uniform(0.2, 1) * min(0.01 * 2**attempt, 0.5))  # noqa: S311 - no secret


def encode(entries: Mapping[str, Entry]) -> bytes:
    """The index as it is stored, in order of name."""
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    appends = [column.append for column in columns.values()]
    for name, entry in sorted(entries.items()):
        for append, value in zip(appends, _row(name, entry), strict=True):
            append(value)
    return checksummed.encode({"format": FORMAT, "version": VERSION, "columns": columns})


def _row(name: str, entry: Entry) -> tuple[Any, ...]:
    header = entry.header
    encryption = header.encryption
    totals = header.totals
    return (
        name,
        entry.version,
        header.run_id,
        (header.created_at - _EPOCH) // _MILLISECOND,
        header.tool_version,
        header.engine,
        header.compression,
        *(
            (None, None, None)
            if encryption is None
            else (encryption.scheme, encryption.key_id, encryption.wrapped_key)
        ),
        totals.tables,
        totals.rows,
        totals.chunks,
        totals.plain_bytes,
        totals.stored_bytes,
    )


def decode(data: bytes) -> dict[str, Entry]:
    """The entries of a stored index, by name. Raises `CorruptError`, `UnsupportedFormatError`."""
    columns = Fields(WHAT, read_document(data, WHAT, FORMAT, MAX_INDEX)).mapping("columns")
    # Checked a column at a time, not a field at a time: with 10,000 dumps that is what counts.
    for name, is_valid in _COLUMNS.items():
        column = columns.get(name)
        if type(column) is not list or len(column) != len(columns["name"]) or not is_valid(column):
            raise _malformed(name)
    try:
        rows = zip(*(columns[name] for name in _COLUMNS), strict=True)
        entries = {row[0]: _entry(row) for row in rows}
    except (OverflowError, ValueError):
        raise _malformed("created_ms") from None
    if len(entries) != len(columns["name"]):
        raise _malformed("name")
    return entries


def _entry(row: tuple[Any, ...]) -> Entry:
    """The entry that `_row` made a row of."""
    name, version, run_id, created_ms, tool_version, engine, compression, *rest = row
    if rest[:3].count(None) not in (0, 3):
        raise _malformed("scheme")
    encryption = None if rest[0] is None else Encryption(*rest[:3])
    return Entry(
        version,
        Header(
            name=name,
            run_id=run_id,
            created_at=_EPOCH + created_ms * _MILLISECOND,
            tool_version=tool_version,
            engine=engine,
            compression=compression,
            encryption=encryption,
            totals=Totals(*rest[3:]),
        ),
    )


def _texts(is_valid: Callable[[str], object]) -> Callable[[list[Any]], bool]:
    return lambda column: set(map(type, column)) <= {str} and all(map(is_valid, column))


def _optional(is_valid: Callable[[str], object]) -> Callable[[list[Any]], bool]:
    check = _texts(is_valid)
    return lambda column: check([value for value in column if value is not None])


def _numbers(column: list[Any]) -> bool:
    return (
        set(map(type, column)) <= {int}
        and min(column, default=0) >= 0
        and max(column, default=0) <= MAX_NUMBER
    )


_COLUMNS: dict[str, Callable[[list[Any]], bool]] = {
    "name": _texts(is_dump_name),
    "object": _texts(lambda version: len(version) <= 1024),
    "run_id": _texts(RUN_ID.match),
    "created_ms": _numbers,
    "tool_version": _texts(WORD.match),
    "engine": _texts(WORD.match),
    "compression": _texts(re.compile(r"(?:zstd|none)\Z").match),
    "scheme": _optional(WORD.match),
    "key_id": _optional(KEY_ID.match),
    "wrapped_key": _optional(BASE64.match),
    "tables": _numbers,
    "rows": _numbers,
    "chunks": _numbers,
    "plain_bytes": _numbers,
    "stored_bytes": _numbers,
}
"""The columns in order, each with what holds of all its values."""


def _malformed(name: str) -> CorruptError:
    return CorruptError(f"{WHAT} is damaged: columns.{name} is not what it should be")
