"""Paths that name places in a JSON document, and the automaton that follows several at once.

A path is written ``profile.contacts[*].email``: keys with dots between them, elements in brackets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from replicate.errors import UsageError


class Wild(Enum):
    """A step of a path that many places match: `DEEP` matches any number of steps, or none."""

    KEY = "*"
    ELEMENT = "[*]"
    DEEP = "**"


Step = bytes | int | Wild
"""A key, in UTF-8; the index of an element, from 0; or a wildcard."""


@dataclass(frozen=True, slots=True)
class Path:
    """The steps from the root of a document; none at all is the root. `text` is as it was given."""

    steps: tuple[Step, ...]
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def rank(self) -> tuple[int, int, int, tuple[bool, ...]]:
        """The greater, the more specific; of two that are alike but for places, the one whose
        wildcards come later."""
        wild = [isinstance(step, Wild) for step in self.steps]
        deep = self.steps.count(Wild.DEEP)
        return (len(wild) - sum(wild), -deep, sum(wild) - deep, tuple(not each for each in wild))


_BARE = r"[^.\[\]\"'*\s]+(?:[ ]+[^.\[\]\"'*\s]+)*"
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_STEP = re.compile(
    rf"(?P<element>\.?\$?\[\s*(?:(?P<index>[0-9]{{1,9}})|\*?)\s*\])"
    rf"|\.?\[\s*(?P<bracket>{_QUOTED})\s*\]"
    rf"|\.(?:(?P<wild>\*\*?)|(?P<quoted>{_QUOTED})|(?P<bare>{_BARE}))(?=[.\[]|\Z)",
    re.DOTALL,
)
_FORMS = 'write a.b, a[0].b, a[*].b, *.b, **.b or a["any key"]; $ is the document itself'


def parse_path(text: str) -> Path:
    """The path that `text` writes. Raises `UsageError` if it writes none.

    Keys stand bare, or quoted as in ``["key with.dot"]``; ``*`` is any key, ``[*]``, ``[]`` and
    ``$[]`` any element, ``[0]`` and ``$[0]`` the first, ``**`` any number of steps of both sorts. A
    leading ``$`` is the root and may be left out.
    """
    rest = text.strip()
    if rest[:1] == "$" and (len(rest) == 1 or rest[1] in ".["):
        rest = rest[1:]
    elif rest:
        rest = "." + rest
    else:
        raise UsageError("a JSON path is empty", hint=_FORMS)
    steps: list[Step] = []
    at = 0
    while at < len(rest):
        found = _STEP.match(rest, at)
        if found is None:
            raise UsageError(f"{text!r} is no JSON path", hint=_FORMS)
        steps.append(_step(found, text))
        at = found.end()
    return Path(tuple(steps), text.strip())


def _step(found: re.Match[str], text: str) -> Step:
    if found["element"]:
        return int(found["index"]) if found["index"] else Wild.ELEMENT
    if found["wild"]:
        return Wild(found["wild"])
    quoted = found["bracket"] or found["quoted"]
    if quoted:
        key = re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL)
    else:
        key = found["bare"]
        if key == "$":
            raise UsageError(
                f"{text!r} is no JSON path: $ stands before an index, or for the root",
                hint='a key of this name is written ["$"]',
            )
    try:
        return key.encode()
    except UnicodeEncodeError:
        raise UsageError("a JSON path holds half of a surrogate pair") from None


class Node:
    """A place in a document, told apart as far as the paths ask for.

    `rule` is which path takes a scalar here, or None. `keys` and `indexes` are the places below
    that some path names, `other_key` and `other_index` all others. `idle`: no path takes anything
    here or below.
    """

    __slots__ = (
        "elements",
        "idle",
        "indexes",
        "keys",
        "members",
        "other_index",
        "other_key",
        "rule",
    )
    rule: int | None
    keys: dict[bytes, Node]
    indexes: dict[int, Node]
    other_key: Node
    other_index: Node
    idle: bool
    # What reads the members and elements of a container here: the scanner's, made when needed.
    members: tuple[Matcher, Matcher] | None
    elements: tuple[Matcher, Matcher] | None

    def key(self, raw: bytes) -> Node:
        """The place under a key as a document writes it, between its quotes."""
        found = self.keys.get(raw)
        if found is None and self.keys and b"\\" in raw:
            found = self.keys.get(unescape(raw))
        return found or self.other_key


Matcher = Callable[[bytes, int, int], "re.Match[bytes] | None"]


def unescape(raw: bytes) -> bytes:
    """The text of a valid JSON string, without its quotes; halves of surrogate pairs stay such."""
    value: str = json.loads(b'"%b"' % raw)
    return value.encode("utf-8", "surrogatepass")


_Waiting = frozenset[tuple[int, int]]  # the paths that may still match, and how far each has got


def automaton(paths: Sequence[Path]) -> Node:
    """The root. `Node.rule` counts `paths` from 0.

    A path that leads to an object or an array takes every scalar in it. Where several take one
    scalar, the one that ends deepest does, then the one of the higher rank, then the first.
    """
    return _Builder(paths).root


class _Builder:
    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._nodes: dict[tuple[_Waiting, int | None], Node] = {}
        self._todo: list[tuple[_Waiting, int | None]] = []
        self.root = self._node([(i, 0) for i in range(len(paths))], None)
        while self._todo:
            self._fill(*self._todo.pop())

    def _node(self, places: Sequence[tuple[int, int]], inherited: int | None) -> Node:
        waiting = frozenset(place for start in places for place in self._closure(*start))
        ended = [i for i, at in waiting if at == len(self._paths[i].steps)]
        # `max` keeps the first of equals.
        rule = max(sorted(ended), key=lambda i: self._paths[i].rank) if ended else inherited
        key = (frozenset((i, at) for i, at in waiting if at < len(self._paths[i].steps)), rule)
        if key not in self._nodes:
            node = Node()
            node.rule, node.idle = rule, rule is None and not key[0]
            node.keys, node.indexes = {}, {}
            node.members = node.elements = None
            self._nodes[key] = node
            self._todo.append(key)
        return self._nodes[key]

    def _closure(self, path: int, at: int) -> Iterator[tuple[int, int]]:
        """The place, and those behind the deep wildcards that begin there."""
        yield path, at
        steps = self._paths[path].steps
        while at < len(steps) and steps[at] is Wild.DEEP:
            at += 1
            yield path, at

    def _fill(self, waiting: _Waiting, rule: int | None) -> None:
        node = self._nodes[waiting, rule]
        steps = {self._paths[i].steps[at] for i, at in waiting}
        node.other_key = self._below(waiting, rule, Wild.KEY)
        node.other_index = self._below(waiting, rule, Wild.ELEMENT)
        for step in steps:
            if isinstance(step, bytes):
                node.keys[step] = self._below(waiting, rule, step, Wild.KEY)
            elif isinstance(step, int):
                node.indexes[step] = self._below(waiting, rule, step, Wild.ELEMENT)

    def _below(self, waiting: _Waiting, rule: int | None, *fitting: Step) -> Node:
        """The node behind a step that `fitting` match."""
        places = []
        for i, at in waiting:
            step = self._paths[i].steps[at]
            if step is Wild.DEEP:
                places.append((i, at))
            elif step in fitting:
                places.append((i, at + 1))
        return self._node(places, rule)
