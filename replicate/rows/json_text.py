"""JSON documents read as text: where the scalars lie that some paths lead to.

A document is never turned into objects. Regular expressions walk it, one match from one place of
interest to the next, and check on the way that it is JSON (RFC 8259): what lies between is skipped
at the speed of the expression. Nothing recurses. Where documents and paths are plain, they are not
walked at all, but read together (`replicate.rows.json_sweep`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from replicate.errors import TransformError
from replicate.rows.json_paths import Matcher, Node, Path, automaton
from replicate.rows.json_sweep import NOTHING, Swept, sweep, sweepable
from replicate.rows.splice import Texts

Integers = npt.NDArray[np.int64]

DEEPEST = 10_000
"""How many objects and arrays may lie within each other."""

_SPACE = rb"[ \t\n\r]*+"
_PLAIN = rb'[^"\\\x00-\x1f]*+'
_STRING = rb'"%b(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})%b)*+"' % (_PLAIN, _PLAIN)
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_SCALAR = rb"(?:%b|%b|true|false|null)" % (_STRING, _NUMBER)

# The groups of a match. The last one that took part tells what was found.
_CLOSE, _KEY, _TEXT, _ESCAPED, _NUM, _BOOL, _NULL, _OPEN = range(1, 9)
_VALUE = rb'(?:"(%b)"|"(%b)"|(%b)|(true|false)|(null)|([{\[]))' % (
    _PLAIN,
    _STRING[1:-1],
    _NUMBER,
)
_MEMBER = rb'"(%b)"%b:%b%b' % (_STRING[1:-1], _SPACE, _SPACE, _VALUE)


def _skipped(depth: int) -> bytes:
    """Any value that has up to `depth` objects and arrays within each other."""
    value = _SCALAR
    for _ in range(depth):
        member = rb"%b%b:%b%b%b" % (_STRING, _SPACE, _SPACE, value, _SPACE)
        value = rb"(?:%b|\{%b(?:%b(?:,%b%b)*+)?+\}|\[%b(?:%b%b(?:,%b%b%b)*+)?+\])" % (
            _SCALAR,
            _SPACE,
            member,
            _SPACE,
            member,
            _SPACE,
            value,
            _SPACE,
            _SPACE,
            value,
            _SPACE,
        )
    return value


# Deeper ones are walked through one container at a time.
_IDLE_VALUE = _skipped(2)


@dataclass(frozen=True, slots=True)
class Leaves:
    """The scalars of one sort that one path takes: from `begin` to `end` in the text, in any order.

    `row` is the document of each. Strings lie between their quotes; `escaped` are those that hold
    escapes, as places in the other arrays. All are int64.
    """

    row: Integers
    begin: Integers
    end: Integers
    escaped: Integers


@dataclass(frozen=True, slots=True)
class Found:
    """What one path takes. Nulls are not among it."""

    strings: Leaves
    numbers: Leaves
    booleans: Leaves


@dataclass(slots=True)
class _Walked:
    """Leaves as they are found one by one."""

    row: list[int] = field(default_factory=list)
    begin: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    escaped: list[int] = field(default_factory=list)

    def beside(self, swept: Swept) -> Leaves:
        """Together with those found all at once."""
        parts = (self.row, swept.row), (self.begin, swept.begin), (self.end, swept.end)
        row, begin, end = (np.concatenate((np.array(one, np.int64), other)) for one, other in parts)
        return Leaves(row, begin, end, np.array(self.escaped, np.int64))


class Scanner:
    """Finds what `paths` take; see `json_paths.automaton` for which does where several could."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._root = automaton(paths)
        self._sweepable = sweepable(paths)

    def scan(self, texts: Texts) -> list[Found]:
        """For each path what it takes in the documents, which are UTF-8.

        Empty documents are passed over. Raises `TransformError` with the row of one that is not
        JSON, or that has more than `DEEPEST` containers within each other.
        """
        if self._sweepable:
            swept, left = sweep(texts.data, texts.bounds, self._paths)
        else:
            swept, left = [NOTHING] * len(self._paths), np.flatnonzero(np.diff(texts.bounds))
        return [
            Found(
                strings.beside(of.where(of.first == _QUOTE)),
                numbers.beside(of.where((of.first != _QUOTE) & (of.first < _LETTER))),
                booleans.beside(of.where(of.first >= _LETTER)),
            )
            for (strings, _, numbers, booleans), of in zip(
                self._walk(texts, left), swept, strict=True
            )
        ]

    def _walk(self, texts: Texts, rows: Integers) -> list[list[_Walked]]:
        """What is in those documents, by path and by the group of a match, from _TEXT on."""
        leaves = []
        for _ in self._paths:
            strings = _Walked()
            leaves.append([strings, strings, _Walked(), _Walked()])
        begins, ends = texts.bounds[rows].tolist(), texts.bounds[rows + 1].tolist()
        for row, begin, end in zip(rows.tolist(), begins, ends, strict=True):
            pos = _walk(texts.raw, (begin, end), self._root, row, leaves)
            if pos != end and (tail := _TAIL(texts.raw, pos, end)) is not None:
                pos = tail.end()
            if pos != end:
                raise _malformed(row)
        return leaves


def _walk(
    text: bytes, span: tuple[int, int], root: Node, row: int, leaves: Sequence[Sequence[_Walked]]
) -> int:
    """Put what the value that begins the span has into `leaves`; returns where it ends."""
    pos, end = span
    stack: list[tuple[Node, bool, int, Matcher]] = []
    node = child = root
    in_object, index, following = False, 0, _ROOT
    match = _ROOT(text, pos, end)
    while match is not None:
        what = match.lastindex
        assert what is not None  # noqa: S101 - for mypy: every match ends in a group
        if what == _OPEN:
            if len(stack) == DEEPEST:
                raise TransformError(
                    f"a JSON document has more than {DEEPEST} objects and arrays within each other",
                    row=row,
                )
            stack.append((node, in_object, index, following))
            at = match.end()
            node, in_object, index = child, text[at - 1] == _BRACE, 0
            first, following = _members(node) if in_object else _elements(node)
            match = first(text, at, end)
        else:
            if what == _CLOSE:
                node, in_object, index, following = stack.pop()
            elif child.rule is not None and what != _NULL:
                leaf = leaves[child.rule][what - _TEXT]
                if what == _ESCAPED:
                    leaf.escaped.append(len(leaf.row))
                begin, until = match.span(what)
                leaf.row.append(row)
                leaf.begin.append(begin)
                leaf.end.append(until)
            if not stack:
                return match.end()
            match = following(text, match.end(), end)
        if match is None or match.lastindex == _CLOSE:
            continue
        if in_object:
            child = node.key(match[_KEY])
        else:
            child = node.indexes.get(index, node.other_index)
            index += 1
    raise _malformed(row)


def _malformed(row: int) -> TransformError:
    return TransformError(
        "a value is not valid JSON",
        hint="paths mask what lies in JSON documents; mask the column as a whole instead",
        row=row,
    )


_BRACE, _QUOTE, _LETTER = ord("{"), ord('"'), ord("A")
_ROOT: Matcher = re.compile(rb"%b()()%b" % (_SPACE, _VALUE)).match
_TAIL: Matcher = re.compile(_SPACE).match


def _members(node: Node) -> tuple[Matcher, Matcher]:
    """What reads the next member that matters of an object at `node`, or its end: right behind the
    opening brace, and behind a member."""
    if node.members is None:
        idle = _idle_value(node.other_key)
        if idle is not None:
            # A key that holds escapes could be any, so it is never skipped.
            named = b"|".join(sorted(re.escape(key) for key in node.keys))
            key = rb'"%b%b"' % (rb'(?!(?:%b)")' % named if node.keys else b"", _PLAIN)
            idle = rb"%b%b:%b%b%b" % (key, _SPACE, _SPACE, idle, _SPACE)
        node.members = _matchers(idle, _MEMBER, rb"\}", rb'(?=")')
    return node.members


def _elements(node: Node) -> tuple[Matcher, Matcher]:
    """The same for the elements of an array. They are counted only where an index is named, and
    none is skipped then."""
    if node.elements is None:
        idle = None if node.indexes else _idle_value(node.other_index)
        if idle is not None:
            idle = rb"%b%b" % (idle, _SPACE)
        node.elements = _matchers(idle, rb"()" + _VALUE, rb"\]", rb"(?!\])")
    return node.elements


def _idle_value(node: Node) -> bytes | None:
    """The values at `node` that may be skipped, if there are any."""
    if node.idle:
        return _IDLE_VALUE
    return _SCALAR if node.rule is None else None


def _matchers(
    idle: bytes | None, item: bytes, close: bytes, more: bytes
) -> tuple[Matcher, Matcher]:
    """For a container of items that ends in `close`; `more` looks ahead at what may follow a comma.

    Items that `idle` matches are skipped, with the commas between them.
    """
    if idle is None:
        first = rb"%b(?:(%b)|%b)" % (_SPACE, close, item)
        following = rb"%b(?:(%b)|,%b%b)" % (_SPACE, close, _SPACE, item)
    else:
        rest = rb"(?:,%b%b)*+(?:,%b%b|(?=%b))" % (_SPACE, idle, _SPACE, more, close)
        first = rb"%b(?:%b%b)?+(?:(%b)|%b)" % (_SPACE, idle, rest, close, item)
        following = rb"%b%b(?:(%b)|%b)" % (_SPACE, rest, close, item)
    return re.compile(first).match, re.compile(following).match
