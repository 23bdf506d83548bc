"""A preview: a few rows of each table, as they are in the source and as a dump would hold them.

It takes the way that a dump takes (the same snapshot, selection, plan and maskers) and stores
nothing. What it returns holds values of the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from replicate.config import Config
from replicate.config.lock import lock_path
from replicate.crypto import selftest
from replicate.databases.base import ColumnInfo, RowBlock, Schema, Slice, Table
from replicate.databases.registry import open_source
from replicate.errors import GuardError
from replicate.jobs.masking import ColumnMask, MaskingPlan, Recipe, build_masker, plan_masking
from replicate.jobs.opening import masking_root, needed
from replicate.jobs.sampling import Places
from replicate.jobs.selection import select_tables
from replicate.jobs.table_names import no_such_table, not_dumped
from replicate.rows.column import Kind
from replicate.rows.grammar import BACKSLASH, NULL_FIELD, TAGS, unescape_value

LONGEST = 1 << 16
"""Bytes of a value that a preview keeps; the rest of a longer one is left out."""

_PLACES = 3
_ENOUGH = 8 << 20  # bytes of one place, however few rows these are

_FORMS: Final = dict(zip(TAGS, ("integer", "real", "text", "blob"), strict=True))
_HEXADECIMAL = re.compile(rb"\\x((?:[0-9a-f]{2})*)")


@dataclass(frozen=True, slots=True)
class Value:
    """A value that isn't NULL, as text; bytes that are no UTF-8 stand as ``\\xff`` in it.

    `form` is ``blob`` where `text` is hexadecimal digits. It is ``integer``, ``real`` or ``text``
    where the database keeps the value as something else than its column says, otherwise empty.
    `size` is the bytes of the whole value, and `cut` tells that `text` is only its beginning.
    """

    text: str
    form: str
    size: int
    cut: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One value before and after; None is NULL."""

    before: Value | None
    after: Value | None
    changed: bool


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """A column that is shown. `transformer` is None where nothing is said of it.

    `rules` has the path of each rule, empty for one about the whole column, and what it does.
    """

    name: str
    type: str
    transformer: str | None
    primary: bool
    rules: tuple[tuple[str, Recipe], ...] = ()


@dataclass(frozen=True, slots=True)
class PreviewTable:
    """The rows of one table, each with a cell for each of `columns`.

    `hidden` counts the columns that are not shown, `masked` those whose values change. `note` says
    what is particular, or is empty.
    """

    schema: str
    name: str
    columns: tuple[PreviewColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    masked: int
    hidden: int
    note: str = ""

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Preview:
    """`keyed`: replacements are those that dumps get, as there is a masking key.

    `unmasked` names the dumped tables that no rule changes.
    """

    engine: str
    keyed: bool
    tables: tuple[PreviewTable, ...]
    unmasked: tuple[str, ...]


def preview_masking(
    config: Config, *, names: Sequence[str] = (), rows: int = 5, all_columns: bool = False
) -> Preview:
    """Up to `rows` rows of each masked table, or of those that `names` lists, masked or not.

    A name is ``table`` or ``schema.table``; that of a partitioned table stands for its partitions.
    Shown are the primary key and what is masked, or all columns. Raises as a dump would where the
    rules don't fit the source or a value can't be masked, and `UsageError` for a name that isn't
    dumped.
    """
    selftest.check()
    source = open_source(needed(config.source, "source"))
    root = masking_root(config)
    with closing(source.open()) as snapshot, closing(Places(source, snapshot)) as places:
        schema = snapshot.schema()
        selection = select_tables(config, schema)
        plan = plan_masking(config, schema, selection.tables)
        selection = replace(selection, masked=plan.masked_columns())
        dumped = snapshot.dumped_tables(selection)
        masked = [t for t in dumped if (t.schema, t.name) in selection.masked and not t.partitioned]
        chosen = _named(names, schema, dumped) if names else masked
        return Preview(
            source.engine,
            config.masking_key is not None,
            tuple(
                _preview(places, plan, table, root, rows, all_columns=all_columns)
                for table in chosen
            ),
            tuple(t.qualified for t in dumped if t not in masked and not t.partitioned),
        )


def refuse_own_files(config: Config, path: Path) -> None:
    """Raises `GuardError` where a file at `path` would take the place of one that a dump is made
    of: the database, what SQLite keeps beside it, conf.yaml and its lock. Nothing is opened.
    """
    hint = "give the page a name of its own"
    if open_source(needed(config.source, "source")).is_kept_in(path):
        raise GuardError(f"{path} belongs to the database that is previewed", hint=hint)
    if config.path is None:
        return
    for own in (Path(config.path), lock_path(config.path)):
        if path.resolve() == own.resolve() or _same_file(path, own):
            raise GuardError(f"{path} is the configuration's {own.name}", hint=hint)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False  # one of them isn't there


def _named(names: Sequence[str], schema: Schema, dumped: Sequence[Table]) -> list[Table]:
    """The tables that are meant, in the schema's order."""
    meant: set[tuple[str, str]] = set()
    for name in names:
        found = [table for table in schema.tables if name in (table.name, table.qualified)]
        if not found:
            raise no_such_table(name, schema)
        whole = {(table.schema, table.name) for table in found}
        parts = [
            (table.schema, table.name)
            for table in dumped
            if not table.partitioned
            and ((table.schema, table.name) in whole or not whole.isdisjoint(table.inherits))
        ]
        if not parts:
            raise not_dumped(found[0])
        meant.update(parts)
    return [table for table in dumped if (table.schema, table.name) in meant]


def _preview(
    places: Places,
    plan: MaskingPlan,
    table: Table,
    root: bytes,
    rows: int,
    *,
    all_columns: bool,
) -> PreviewTable:
    masks = plan.of(table)
    by = {mask.column: mask for mask in masks.columns}
    changing = {mask.column for mask in masks.columns if mask.changes}
    visible = [(i, info) for i, info in enumerate(table.stored_columns) if not info.hidden]
    shown = [
        (i, info)
        for i, info in visible
        if all_columns or not changing or info.name in changing or info.name in table.primary_key
    ]
    cells: list[tuple[Cell, ...]] = []
    blocks = _blocks(places, table, rows)
    with closing(build_masker(masks, root)) as masker:
        for block, count in zip(blocks, _shares([b.rows for b in blocks], rows), strict=True):
            # The whole block, as in a dump: a transformer may look at all that it is given.
            masked = masker.mask(block.text)
            for before, after in zip(
                _fields(block.text, count), _fields(masked, count), strict=True
            ):
                cells.append(tuple(_cell(before[i], after[i], info.kind) for i, info in shown))
    return PreviewTable(
        table.schema,
        table.name,
        tuple(_column(info, table, by) for _, info in shown),
        tuple(cells),
        len(changing),
        len(visible) - len(shown),
        _note(changing, cells),
    )


def _blocks(places: Places, table: Table, wanted: int) -> list[RowBlock]:
    """Whole rows of one or more places, `wanted` or more in all if the table has as many."""
    found: list[RowBlock] = []
    for piece in places.pieces(table):
        block = _beginning(places, piece, wanted)
        if block.rows:
            found.append(block)
        if len(found) >= _PLACES and sum(block.rows for block in found) >= wanted:
            break
    return found


def _beginning(places: Places, piece: Slice, wanted: int) -> RowBlock:
    kept: list[bytes] = []
    rows = size = 0
    with closing(places.blocks(piece)) as blocks:
        for block in blocks:
            kept.append(block.text)
            rows += block.rows
            size += len(block.text)
            if rows >= wanted or size >= _ENOUGH:
                break
    return RowBlock(b"".join(kept), rows)


def _column(info: ColumnInfo, table: Table, by: Mapping[str, ColumnMask]) -> PreviewColumn:
    primary, mask = info.name in table.primary_key, by.get(info.name)
    if mask is None:
        return PreviewColumn(info.name, info.type, None, primary)
    rules = [] if mask.recipe is None else [("", mask.recipe)]
    rules += [(each.path, each.recipe) for each in mask.paths]
    return PreviewColumn(info.name, info.type, mask.transformer, primary, tuple(rules))


def _note(changing: set[str], cells: Sequence[object]) -> str:
    words = [] if changing else ["no column of it is masked"]
    if not cells:
        words.append("it has no rows")
    return "; ".join(words)


def _shares(available: Sequence[int], wanted: int) -> list[int]:
    """How many rows to show of each place: about as many of each, `wanted` in all."""
    shares = [0] * len(available)
    while wanted > 0 and shares != list(available):
        for i, most in enumerate(available):
            if shares[i] < most and wanted > 0:
                shares[i] += 1
                wanted -= 1
    return shares


def _fields(text: bytes, rows: int) -> Iterator[list[bytes]]:
    """The first `rows` rows, each as its fields."""
    start = 0
    for _ in range(rows):
        end = text.index(b"\n", start)
        yield text[start:end].split(b"\t")
        start = end + 1


def _cell(before: bytes, after: bytes, kind: Kind) -> Cell:
    return Cell(_value(before, kind), _value(after, kind), before != after)


def _value(field: bytes, kind: Kind) -> Value | None:
    if field == NULL_FIELD:
        return None
    form, rest = "", field
    if len(field) > 1 and field[0] == BACKSLASH and field[1] in _FORMS:
        form, rest = _FORMS[field[1]], field[2:]
    value = unescape_value(rest)
    if kind is Kind.BINARY and not form:
        found = _HEXADECIMAL.fullmatch(value)  # as PostgreSQL writes a bytea
        if found is not None:
            form, value = "blob", found[1]
    size = len(value) // 2 if form == "blob" else len(value)
    cut = len(value) > LONGEST
    if cut:
        value = _whole_characters(value[:LONGEST])
    return Value(value.decode("utf-8", "backslashreplace"), form, size, cut)


def _whole_characters(value: bytes) -> bytes:
    """`value` without the beginning of a character at its end."""
    for back in range(1, 4):
        if value[-back] >= 0xC0:
            return value[:-back]
        if value[-back] < 0x80:
            break
    return value
