"""The transformer that sets and removes parts of JSON documents: json-set."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from replicate.errors import TransformError, UsageError
from replicate.rows.arrays import strings
from replicate.rows.column import KEEP, Column, Kind, Replacement
from replicate.rows.json_outlines import SCALAR, Outlined, outlined
from replicate.rows.json_paths import Step, Wild, parse_path
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.rule import TEXTUAL, Rule
from replicate.transformers.texts.json_layouts import Layout, written
from replicate.transformers.wrapping.fitting import check_length

_KINDS = TEXTUAL | {Kind.JSON}
_CONTAINERS = (dict, list)
_MANY = 3  # documents; for fewer of one outline a layout takes longer than it saves

Steps = tuple[Step, ...]
Rows = npt.NDArray[np.int64]


class JsonSetOptions(base.Options):
    """What becomes of which places of a document."""

    set: dict[str, Any] = Field(
        default_factory=dict, description="the new values, each under the path that leads there"
    )
    remove: tuple[str, ...] = Field(default=(), description="paths of what is taken out")

    @field_validator("set")
    @classmethod
    def _is_json(cls, values: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(values, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError("a value can't be written as JSON") from error
        return values

    @model_validator(mode="after")
    def _does_something(self) -> JsonSetOptions:
        if not self.set and not self.remove:
            raise ValueError("it needs a path to set or to remove")
        return self


class JsonSet(Rule):
    """Parts of a JSON document are taken out, or get values that `set` gives.

    Paths are written ``profile.phones[0].number``; ``*`` is any key, ``[*]`` any element, and
    ``**`` any number of steps, so that ``**.ssn`` is every key of that name. What `remove` names
    goes first, all at once; then `set` gives its values, in their order. A key that is missing is
    added, with the objects that lead there, if no step of its path is a wildcard; arrays get no new
    elements, and what stands where a path would need an object or array stays as it is.

    **All else of a document is kept, and so disclosed.** The document is written anew: numbers stay
    as they were written, while spaces between its parts go, strings have no more escapes than they
    need, and of a key that comes twice in one object the last stays. A value that is not JSON is
    refused, and one that becomes too long for its column.

    To mask what a document holds with other transformers, give them paths of their own instead.
    Documents of a block of rows that have the same keys in the same order are edited all at once,
    about a million a second; those that are like no others, and those full of escapes, some 50,000
    a second.
    """

    name = "json-set"
    summary = "Sets and removes parts of JSON documents"
    examples = (
        Example(
            '{"name": "Jane Roe", "ssn": "078-05-1120", "score": 1.50}',
            {"set": {"name": "somebody"}, "remove": ["ssn"]},
            Kind.JSON,
        ),
        Example(
            '{"orders": [{"id": 1, "note": "ring twice"}, {"id": 2}]}',
            {"set": {"orders[*].note": None}},
            Kind.JSON,
        ),
    )
    kinds = _KINDS
    refuses = "what is not valid JSON"
    Options: ClassVar[type[base.Options]] = JsonSetOptions

    def __init__(self, options: JsonSetOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._removed = [_steps(path) for path in options.remove]
        self._given = [(_steps(path), _plain(value)) for path, value in options.set.items()]

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, _KINDS)

    def transform(self, column: Column) -> Replacement:
        index = np.full(len(column), KEEP, np.int32)
        together, pool = self._together(column)
        index[together] = np.arange(len(together))
        rows = np.flatnonzero((column.length > 0) & (index == KEEP))
        if rows.size:
            index[rows] = np.arange(len(pool), len(pool) + len(rows))
            pool = pa.concat_arrays([pool, self._one_by_one(column, rows)])
        replacement = Replacement(pool, index)
        if self.target.limits.max_chars is not None:
            check_length(replacement, self.target.limits.max_chars)
        return replacement

    def _together(self, column: Column) -> tuple[Rows, pa.BinaryArray]:
        """What becomes of the documents whose outlines others have, too, and their rows."""
        documents = outlined(column)
        if documents is None:
            return np.zeros(0, np.int64), strings([])
        many = np.bincount(documents.outline, minlength=len(documents.outlines)) >= _MANY
        layouts = {}
        for outline in np.flatnonzero(many).tolist():
            layout = self._layout(documents.outlines[outline].as_py())
            if layout is None:
                many[outline] = False
            else:
                layouts[outline] = layout
        chosen = many[documents.outline]
        changed = _unescaped(documents, chosen)
        which = np.flatnonzero(chosen)
        return documents.row[which], written(documents, which, layouts, changed)

    def _layout(self, outline: bytes) -> Layout | None:
        """What becomes of documents of one outline, or None if it isn't JSON, or is too deep."""
        start, *others = outline.split(SCALAR)
        # Spaces keep two that stand side by side, as they never do in JSON, from becoming one.
        numbered = b"".join(b" %d %b" % each for each in enumerate(others))
        try:
            document = _read_scalars((start + numbered).decode())
            self._edit(document)
            parts = list(_written(document))
        except (ValueError, RecursionError):
            return None
        layout: list[bytes | int] = []
        behind = 0
        for at, part in enumerate(parts):
            if isinstance(part, _Scalar):
                layout += "".join(parts[behind:at]).encode(), int(part)
                behind = at + 1
        return [*layout, "".join(parts[behind:]).encode()]

    def _one_by_one(self, column: Column, rows: Rows) -> pa.BinaryArray:
        made = []
        for row, value in zip(rows.tolist(), column.take(rows).values(), strict=True):
            try:
                made.append(self._edited((value or b"").decode()))
            except (ValueError, RecursionError):
                # Not chained: the exception's text could hold a value.
                raise TransformError(
                    "a value is not valid JSON, or has too many objects and arrays within each "
                    "other",
                    row=row,
                ) from None
        return strings(made)

    def _edited(self, text: str) -> bytes:
        plain = _UNUSUAL.search(text) is None
        document = _read(text, plain=plain)
        self._edit(document)
        if plain:
            try:
                return _write_plain(document).encode()
            except UnicodeEncodeError:
                pass  # half of a surrogate pair, which only an escape can stand for
        return "".join(_written(document)).encode()

    def _edit(self, document: Any) -> None:  # noqa: ANN401 - any JSON there is
        _remove(document, self._removed)
        for steps, value in self._given:
            _put(document, steps, value)


def _unescaped(documents: Outlined, chosen: npt.NDArray[np.bool_]) -> dict[int, bytes]:
    """The strings with escapes, anew, of the documents that are `chosen`; those are no longer in
    which one is no escape."""
    holder = np.searchsorted(documents.first, documents.escaped, side="right") - 1
    wanted = chosen[holder]
    escaped, holder = documents.escaped[wanted], holder[wanted]
    begin, end = documents.begin[escaped].tolist(), documents.end[escaped].tolist()
    raw, changed = documents.data.tobytes() if begin else b"", {}
    for document, scalar, *span in zip(holder.tolist(), escaped.tolist(), begin, end, strict=True):
        try:
            changed[scalar] = _rewritten(raw[slice(*span)])
        except ValueError:
            chosen[document] = False
    return changed


def _steps(text: str) -> Steps:
    steps = parse_path(text).steps
    if not steps:
        raise UsageError(
            "json-set can't set or remove the whole document", hint="use fixed or null for that"
        )
    if steps[-1] is Wild.DEEP:
        raise UsageError(
            f"the path {text} of json-set ends in a wildcard of any depth",
            hint="let a key, an index, * or [*] follow",
        )
    return steps


# Editing. All places are found first and changed then: indexes are those of the document as it was.


def _remove(document: Any, paths: Sequence[Steps]) -> None:  # noqa: ANN401 - any JSON there is
    places: dict[int, tuple[Any, set[Any]]] = {}
    for steps in paths:
        for holder, at in _places(document, steps):
            places.setdefault(id(holder), (holder, set()))[1].add(at)
    for holder, gone in places.values():
        for at in sorted(gone, reverse=True):  # from the end, so that indexes stay right
            del holder[at]


def _put(document: Any, steps: Steps, value: Any) -> None:  # noqa: ANN401 - any JSON there is
    if not any(isinstance(step, Wild) for step in steps):
        _make_way(document, steps)
    for holder, at in list(_places(document, steps)):
        # A copy, since what a later path leads to may lie in it.
        holder[at] = copy.deepcopy(value)


def _make_way(document: Any, steps: Steps) -> None:  # noqa: ANN401 - any JSON there is
    """Add the key that `steps` end in, and the objects on the way, where they are missing."""
    holder = document
    for place, step in enumerate(steps):
        if isinstance(step, bytes) and isinstance(holder, dict):
            if step.decode() not in holder:
                if all(isinstance(each, bytes) for each in steps[place:]):
                    for each in steps[place:]:
                        assert isinstance(each, bytes)  # noqa: S101 - for mypy
                        holder = holder.setdefault(each.decode(), {})
                return
            holder = holder[step.decode()]
        elif isinstance(step, int) and isinstance(holder, list) and step < len(holder):
            holder = holder[step]
        else:
            return


def _places(holder: Any, steps: Steps) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - likewise
    """The objects and arrays that `steps` lead to, each with the key or index in it."""
    step, rest = steps[0], steps[1:]
    if step is Wild.DEEP:
        yield from _places(holder, rest)
        for _, inner in _items(holder):
            if isinstance(inner, _CONTAINERS):
                yield from _places(inner, steps)
        return
    for at in _matching(holder, step):
        if not rest:
            yield holder, at
        elif isinstance(holder[at], _CONTAINERS):
            yield from _places(holder[at], rest)


def _matching(holder: Any, step: Step) -> list[Any]:  # noqa: ANN401 - likewise
    if isinstance(holder, dict):
        if step is Wild.KEY:
            return list(holder)
        return [key] if isinstance(step, bytes) and (key := step.decode()) in holder else []
    if isinstance(holder, list):
        if step is Wild.ELEMENT:
            return list(range(len(holder)))
        return [step] if isinstance(step, int) and step < len(holder) else []
    return []


def _items(holder: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - likewise
    if isinstance(holder, dict):
        return list(holder.items())
    return list(enumerate(holder)) if isinstance(holder, list) else []


# Reading and writing


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


class _Scalar(_Number):
    """Which one of a document's scalars belongs there."""

    __slots__ = ()


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and Infinity, which Python takes and JSON doesn't have


# Numbers that don't come out of Python as they went in, and what merely looks like them.
_UNUSUAL = re.compile(r"[0-9][.eE]|-0|[0-9]{4000}")

_decoder = json.JSONDecoder(parse_constant=_refuse)
_read_plain = _decoder.decode
_read_numbers = json.JSONDecoder(
    parse_constant=_refuse, parse_int=_Number, parse_float=_Number
).decode
_read_scalars = json.JSONDecoder(parse_constant=_refuse, parse_int=_Scalar).decode
_write_plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _read(text: str, *, plain: bool) -> Any:  # noqa: ANN401 - any JSON there is
    return _read_plain(text) if plain else _read_numbers(text)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON there is
    """An option's value with its numbers as they are written."""
    return _read_plain(_write_plain(value))


def _written(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON there is
    if isinstance(value, _Number):
        yield value
    elif isinstance(value, str):
        yield _quoted(value)
    elif isinstance(value, dict):
        sign = "{"
        for key, inner in value.items():
            yield sign
            yield _quoted(key)
            yield ":"
            yield from _written(inner)
            sign = ","
        yield "}" if value else "{}"
    elif isinstance(value, list):
        sign = "["
        for inner in value:
            yield sign
            yield from _written(inner)
            sign = ","
        yield "]" if value else "[]"
    else:
        yield _write_plain(value)


def _rewritten(string: bytes) -> bytes:
    """A string of JSON with no more escapes than it needs."""
    text, _ = _decoder.raw_decode(string.decode())
    return _quoted(text).encode()


def _quoted(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return encode_basestring_ascii(text)
    return encode_basestring(text)
