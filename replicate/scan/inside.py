"""What stands inside of values: in free text, in JSON, in arrays."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from replicate.rows.column import Kind
from replicate.scan import identifiers
from replicate.scan.contents import SECRET, UUID

MOST_PATHS = 200
"""Paths inside the JSON of one column; what is behind them is not looked at."""

_MOST_DEPTH = 16
_MOST_DOCUMENTS = 400
_FEW = 4
_LONGEST = 64 * 1024  # characters of a value that are looked at

_EMAIL = re.compile(r"[\w.+\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.)+[A-Za-z]{2,24}")
_DIGITS = re.compile(r"(?<![\w.+\-])\+?\(?\d(?:[ ./()\-]{0,2}\d){7,18}(?![\w\-]|\.\d)", re.ASCII)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b", re.ASCII)
_INTERNATIONAL = re.compile(r"\+[1-9]\d{7,14}")
_GROUPED = re.compile(r"\(?\d{3}\)?[ .\-]\d{3}[.\-]\d{4}|0\d{2,4}[ /\-]\d{3,8}", re.ASCII)
_PLAIN_KEY = re.compile(r"[^\W\d][\w\-]{0,63}")


def found_in(text: str) -> set[str]:
    """The sorts of personal data that stand somewhere in `text`, as people call them."""
    text = text[:_LONGEST]
    found = set()
    if "@" in text and _EMAIL.search(text):
        found.add("e-mail addresses")
    for match in _DIGITS.finditer(text):
        if (sort := _sort_of(match[0].strip())) is not None:
            found.add(sort)
    if any(identifiers.is_iban(match[0]) for match in _IBAN.finditer(text)):
        found.add("IBANs")
    if SECRET.search(text):
        found.add("keys or tokens")
    return found


def _sort_of(digits: str) -> str | None:
    plain = re.sub(r"[^\d+]", "", digits)
    if identifiers.is_card(plain):
        return "card numbers"
    if identifiers.is_ssn(digits):
        return "social security numbers"
    if _INTERNATIONAL.fullmatch(plain) or _GROUPED.fullmatch(digits):
        return "phone numbers"
    return None


@dataclass(slots=True)
class Leaf:
    """What one path inside a column's JSON leads to. `kind` is that of the first value seen."""

    name: str
    table: str
    kind: Kind
    values: list[str] = field(default_factory=list)


def flatten(values: Sequence[str], table: str) -> dict[str, Leaf]:
    """The leaves of JSON documents by their paths, such as ``contacts[*].email``.

    All elements of an array share a path, and so do the members of an object whose keys are data
    rather than names (numbers, ids, addresses, others in every document): theirs is `*`. A value
    that is no JSON is passed over.
    """
    documents = []
    for value in values[:_MOST_DOCUMENTS]:
        if len(value) <= _LONGEST:
            try:
                documents.append(json.loads(value))
            except (ValueError, RecursionError):
                continue
    leaves: dict[str, Leaf] = {}
    nodes = [document for document in documents if isinstance(document, dict | list)]
    _gather(leaves, nodes, _Place("", "", table), 0)
    return leaves


@dataclass(frozen=True, slots=True)
class _Place:
    """A path, the key that names what is there, and the one above that."""

    path: str
    name: str
    above: str

    def member(self, key: str) -> _Place:
        path = f"{self.path}.{key}" if self.path else key
        return _Place(path, key, self.name or self.above)

    def element(self) -> _Place:
        return _Place(f"{self.path}[*]", self.name, self.above)


def _gather(leaves: dict[str, Leaf], nodes: Sequence[object], place: _Place, depth: int) -> None:
    """Add what is at and below `place`, where all documents together have `nodes`."""
    if depth > _MOST_DEPTH or len(leaves) >= MOST_PATHS:
        return
    scalars = [n for n in nodes if n is not None and not isinstance(n, dict | list)]
    if scalars:
        texts = (n if isinstance(n, str) else json.dumps(n) for n in scalars)
        leaf = Leaf(place.name, place.above, _kind(scalars[0]), [text for text in texts if text])
        leaves[place.path] = leaf
    elements = [child for n in nodes if isinstance(n, list) for child in n]
    if elements:
        _gather(leaves, elements, place.element(), depth + 1)
    members: dict[str, list[object]] = {}
    objects = [n for n in nodes if isinstance(n, dict)]
    for node in objects:
        for key, child in node.items():
            members.setdefault(key, []).append(child)
    for step, children in _named(members, len(objects)).items():
        _gather(leaves, children, place.member(step), depth + 1)


def _named(members: dict[str, list[object]], objects: int) -> dict[str, list[object]]:
    """Members by their names, and those whose keys are data as one."""
    seen = sum(map(len, members.values()))
    strange = objects > _FEW and len(members) > _FEW and seen < 1.5 * len(members)
    named: dict[str, list[object]] = {}
    for key, children in members.items():
        step = key if not strange and _is_name(key) else "*"
        named.setdefault(step, []).extend(children)
    return named


def _is_name(key: str) -> bool:
    return _PLAIN_KEY.fullmatch(key) is not None and not (
        UUID.fullmatch(key) or sum(c.isdigit() for c in key) > 4 or len(key) > 40
    )


def _kind(leaf: object) -> Kind:
    if isinstance(leaf, bool):
        return Kind.BOOLEAN
    if isinstance(leaf, int):
        return Kind.INTEGER
    return Kind.REAL if isinstance(leaf, float) else Kind.TEXT


def elements(value: str) -> list[str]:
    """The elements of an array as PostgreSQL writes it, of any depth; NULLs and "" left out."""
    found: list[str] = []
    current: list[str] = []
    quoted = was_quoted = False
    characters = iter(value[:_LONGEST])
    for character in characters:
        if character == "\\":
            current.append(next(characters, ""))
        elif character == '"':
            quoted = not quoted
            was_quoted = True
        elif quoted or character not in "{},":
            current.append(character)
        else:
            text = "".join(current)
            if text and (was_quoted or text.upper() != "NULL"):
                found.append(text)
            current, was_quoted = [], False
    return found
