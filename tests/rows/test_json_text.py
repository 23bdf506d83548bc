"""Paths in JSON documents, and where the scanner finds what they lead to."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows import json_sweep
from replicate.rows.column import Column
from replicate.rows.json_paths import Path, Wild, parse_path, unescape
from replicate.rows.json_sweep import sweepable
from replicate.rows.json_text import DEEPEST, Found, Scanner
from replicate.rows.splice import Texts

PATHS = {
    "a": (b"a",),
    "$": (),
    "$.a": (b"a",),
    "$ref": (b"$ref",),
    "a.b": (b"a", b"b"),
    "a[0]": (b"a", 0),
    "a[12].b": (b"a", 12, b"b"),
    "profile.contacts[*].email": (b"profile", b"contacts", Wild.ELEMENT, b"email"),
    "contacts.$[].email": (b"contacts", Wild.ELEMENT, b"email"),
    "contacts.$[0].email": (b"contacts", 0, b"email"),
    "[0].a": (0, b"a"),
    "$[*]": (Wild.ELEMENT,),
    "a[0][1]": (b"a", 0, 1),
    '["key with.dot"].x': (b"key with.dot", b"x"),
    "a['b']": (b"a", b"b"),
    'a."b c".d': (b"a", b"b c", b"d"),
    'a["q\\"q"]': (b"a", b'q"q'),
    'a["b\\\\"]': (b"a", b"b\\"),
    "*.b": (Wild.KEY, b"b"),
    "a.*": (b"a", Wild.KEY),
    "**.email": (Wild.DEEP, b"email"),
    "first name.x": (b"first name", b"x"),
    "user-name": (b"user-name",),
    "größe": ("größe".encode(),),
    " a ": (b"a",),
}


@pytest.mark.parametrize("text", PATHS)
def test_a_path_is_read(text: str) -> None:
    path = parse_path(text)
    assert path.steps == PATHS[text]
    assert str(path) == text.strip()


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "a.", ".a", "a..b", "a[", "a[b]", "a[-1]", "a]", 'a["b]', "a.$.b", "a.b*"]  # noqa: RUF005 - two lines
    + ["a[0]b", "***", "a\nb", '"a"b', "a[1.5]", "$$[", "\udc80"],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_path(text)


# What a reading of whole documents takes: the paths that end deepest win, then the most specific.


def ends(path: Path, place: tuple[str | int, ...]) -> bool:
    """Whether the path leads exactly there."""

    def match(steps: tuple[Any, ...], rest: tuple[str | int, ...]) -> bool:
        if not steps:
            return not rest
        if steps[0] is Wild.DEEP:
            return match(steps[1:], rest) or (bool(rest) and match(steps, rest[1:]))
        if not rest:
            return False
        if steps[0] is Wild.KEY:
            fits = isinstance(rest[0], str)
        elif steps[0] is Wild.ELEMENT:
            fits = isinstance(rest[0], int)
        elif isinstance(steps[0], bytes):
            fits = isinstance(rest[0], str) and rest[0].encode("utf-8", "surrogatepass") == steps[0]
        else:
            fits = steps[0] == rest[0] and isinstance(rest[0], int)
        return fits and match(steps[1:], rest[1:])

    return match(path.steps, place)


def taker(paths: list[Path], place: tuple[str | int, ...]) -> int | None:
    for depth in range(len(place), -1, -1):
        found = [i for i, path in enumerate(paths) if ends(path, place[:depth])]
        if found:
            return max(found, key=lambda i: (paths[i].rank, -i))
    return None


class Pairs(list[tuple[str, Any]]):
    """An object with all of its members, even those of equal keys."""


def expected(paths: list[Path], text: bytes) -> list[list[tuple[str, str]]]:
    out: list[list[tuple[str, str]]] = [[] for _ in paths]

    def visit(value: Any, place: tuple[str | int, ...]) -> None:
        if isinstance(value, Pairs):
            for key, below in value:
                visit(below, (*place, key))
        elif isinstance(value, list):
            for i, below in enumerate(value):
                visit(below, (*place, i))
        elif value is not None and (rule := taker(paths, place)) is not None:
            sort = {str: "string", bool: "boolean"}.get(type(value), "number")
            shown = value.text if isinstance(value, Number) else str(value)
            out[rule].append((sort, shown))

    visit(
        json.loads(
            text, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, strict=True
        ),
        (),
    )
    return [sorted(each) for each in out]


class Number:
    def __init__(self, text: str) -> None:
        self.text = text


def scan(paths: list[Path], texts: list[bytes]) -> list[Found]:
    return Scanner(paths).scan(Texts.of(Column.of(texts)))


def scanned(paths: list[Path], texts: list[bytes]) -> list[list[tuple[int, str, str]]]:
    whole = b"".join(texts)
    out = []
    for found in scan(paths, texts):
        each: list[tuple[int, str, str]] = []
        for sort in ("string", "number", "boolean"):
            leaves = getattr(found, sort + "s")
            for i, (row, begin, end) in enumerate(
                zip(*(a.tolist() for a in (leaves.row, leaves.begin, leaves.end)), strict=True)
            ):
                raw = whole[begin:end]
                assert (b"\\" in raw) == (i in leaves.escaped.tolist())
                shown = unescape(raw).decode("utf-8", "surrogatepass")
                if sort == "boolean":
                    shown = shown.capitalize()
                each.append((row, sort, shown))
        out.append(each)
    return out


KEYS = st.sampled_from(["a", "b", "c", "email", "key with.dot", 'q"', "ä", "\\", "a\n", ""])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["", "\ud83d", "\U0001f600", "\x00", '"', "\\", "/", "true"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=4) | st.lists(st.tuples(KEYS, below), max_size=4).map(Pairs)
    ),
    max_leaves=14,
)
STEPS = st.one_of(
    st.sampled_from(["a", "b", "c", "email", '["key with.dot"]', "*", "**", '["q\\""]', "ä"]),
    st.sampled_from(["[0]", "[1]", "[*]", '["a\n"]', '[""]', '["\\\\"]']),
)
PATH_TEXTS = st.lists(STEPS, max_size=4).map(
    lambda steps: parse_path("$" + "".join(s if s[0] == "[" else "." + s for s in steps))
)
SOME_PATHS = st.lists(PATH_TEXTS, min_size=1, max_size=4, unique=True)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A value written with spaces and escapes here and there."""

    def space() -> str:
        return draw(st.sampled_from(["", "", "", " ", "\n", "\t\r "]))

    def string(value: str) -> str:
        return json.dumps(value, ensure_ascii=draw(st.booleans()) or not value.isprintable())

    def write(value: Any) -> str:
        if isinstance(value, Pairs):
            parts = [
                f"{space()}{string(key)}{space()}:{space()}{write(below)}{space()}"
                for key, below in value
            ]
            return "{" + (",".join(parts) or space()) + "}"
        if isinstance(value, list):
            return "[" + (",".join(f"{space()}{write(v)}{space()}" for v in value) or space()) + "]"
        return string(value) if isinstance(value, str) else json.dumps(value)

    return f"{space()}{write(draw(VALUES))}{space()}".encode()


@settings(max_examples=400, deadline=None)
@given(st.lists(documents(), min_size=1, max_size=4), SOME_PATHS)
def test_what_paths_take_is_what_reading_the_document_finds(
    texts: list[bytes], paths: list[Path]
) -> None:
    found = scanned(paths, texts)
    for row, text in enumerate(texts):
        here = [sorted((s, v) for r, s, v in each if r == row) for each in found]
        assert here == expected(paths, text), text


def is_json(text: bytes) -> bool:
    def refuse(_: str) -> None:
        raise ValueError

    try:
        json.loads(text.decode(), parse_constant=refuse)
    except ValueError:
        return False
    return True


def accepts(paths: list[Path], text: bytes) -> bool:
    try:
        scan(paths, [b"[1]", text])
    except TransformError as error:
        if error.row == 1:
            return False
        raise
    return True


MALFORMED = rb"""
{"a":1,}|[1,]|[,1]|{,}|{"a"}|{"a":}|{"a" 1}|{a:1}|{'a':1}|[1 2]|[1]]|[[1]|{"a":[1}|{"a":1]|"a|1 2
"a" "b"|01|-|+1|.5|1.|1e|1e+|0x1|NaN|Infinity|-Infinity|nul|True|tru|"\x"|"\u12"|"\u123g"|[|{|}|]|,
:|"\"|{"a":1,,"b":2}|{"a":1 "b":2}|{1:2}|{null:1}|/**/1|[1]//|{"a"::1}|{"a":{"b":{"c":1,}}}|[[[1,]]]
{"b":1]|{"a":{"b":[1}}|{"x":{"y":{"z":{"w":tru}}}}|[1,2,3,x]|{"b":"c}|{"b":1,"a"|{"b":1,"a":
{"b":1,"a":1|-01
"""
EVERYWHERE = [[parse_path(p)] for p in ("$", "a", "a.b", "[0]", "[*].a", "**.a", "zzz", "*.b")]


@pytest.mark.parametrize("text", re.split(rb"[|\n]", MALFORMED.strip()), ids=repr)
@pytest.mark.parametrize("paths", EVERYWHERE, ids=lambda paths: str(paths[0]))
def test_what_is_not_json_is_refused(text: bytes, paths: list[Path]) -> None:
    assert not is_json(text)
    assert not accepts(paths, text)


@settings(max_examples=400, deadline=None)
@given(documents(), st.data(), st.sampled_from(EVERYWHERE))
def test_exactly_json_is_accepted(text: bytes, data: st.DataObject, paths: list[Path]) -> None:
    assert accepts(paths, text)
    # A byte put in, taken away or exchanged.
    at = data.draw(st.integers(0, len(text)))
    new = data.draw(st.sampled_from([b"", *(bytes([c]) for c in b'"\\,:{}[] \n0-.eEtn/u\x00\x1f')]))
    changed = text[:at] + new + text[at + data.draw(st.sampled_from([0, 1])) :]
    try:
        changed.decode()
    except UnicodeDecodeError:
        return
    if changed:
        assert accepts(paths, changed) == is_json(changed), changed


@contextlib.contextmanager
def swept() -> Iterator[None]:
    """Documents are read all at once however few they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_sweep, "_SMALLEST", 0)
        yield


KEY_PATHS = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "email"]), min_size=1, max_size=3).map(
        lambda keys: parse_path(".".join(keys))
    )
    | st.sampled_from([parse_path("**.email"), parse_path("**.a")]),
    min_size=1,
    max_size=3,
    unique=True,
)


@settings(max_examples=500, deadline=None)
@given(st.lists(documents(), min_size=1, max_size=5), KEY_PATHS)
def test_all_at_once_finds_what_walking_finds(texts: list[bytes], paths: list[Path]) -> None:
    walked = scanned(paths, texts)
    with swept():
        assert [sorted(each) for each in scanned(paths, texts)] == [sorted(e) for e in walked]


@settings(max_examples=300, deadline=None)
@given(documents(), st.data())
def test_all_at_once_accepts_exactly_json(text: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    new = data.draw(st.sampled_from([b"", *(bytes([c]) for c in b'"\\,:{}[] \n0-.eEtn/u\x00\x1f')]))
    changed = text[:at] + new + text[at + data.draw(st.sampled_from([0, 1])) :]
    try:
        changed.decode()
    except UnicodeDecodeError:
        return
    if changed:
        with swept():
            assert accepts([parse_path("a.b")], changed) == is_json(changed), changed


PLAIN = [
    b'{"a":{"b":1}}',
    b'[{"b":1}]',
    b'{"a":{"b":{"b":1}},"c":[{"b":2}]}',
    b'{"a":[{"b":1}]}',
    b'{"a":{"c":{"b":1}},"b":{"b":2}}',
    b'{"c":{"b":1}, "a" : { "b" :\n"x:y,\\u007b" , "b":true,"b":null}}',
    b'{"c":{"b":{"b":1}},"a":[{"b":[{"b":2}]}]}',
    b'[{"a":{"b":1}}]',
    b'{"a":{"b":{"c":"x","d":[1,true]}}}',
    b'{"a":{"b":' + b" " * 30 + b"12345678901234567890123456789012345678901234567890}}",
    b'{"a":{"b":-1.5e+3}}',
    b'{"aa":{"b":1},"a":{"bb":1,"xb":2,"":3}}',
    b'{"a":"\\"b\\":{"}',
    b'{"a":{"b":"' + "Zoë".encode() + b'"}}',
    b'{"a":{"b":""}}',
    b'{"":{"b":7}}',
    b"{}",
    b'"a"',
    b"1",
    b"",
]


@pytest.mark.parametrize("text", ["a.b", "a", "b.b", "a.b.c", "c.b.b", '"".b', "c", "**.b"])
def test_plain_documents_side_by_side(text: str) -> None:
    paths = [parse_path(text)]
    assert sweepable(paths)
    for texts in (PLAIN, PLAIN[::-1], *([each] for each in PLAIN)):
        walked = scanned(paths, texts)
        with swept():
            assert sorted(scanned(paths, texts)[0]) == sorted(walked[0])


@pytest.mark.parametrize(
    "texts",
    [
        ["$"],
        ["a", "a.b"],
        ["*.a"],
        ["a[0]"],
        ["**.a.b"],
        ["**.a", "b.a"],
        ["a.**"],
        ["**.a", "**.a"],
        ["a.b.c.d"],
        ['["q\\""]'],
        ["a\u0001"],
    ],
)
def test_other_paths_are_walked(texts: list[str]) -> None:
    assert not sweepable([parse_path(text) for text in texts])


def test_control_characters_stand_in_no_string() -> None:
    for paths in EVERYWHERE:
        for code in range(0x20):
            assert not accepts(paths, b'{"a":"x%cy"}' % code)
            assert not accepts(paths, b'{"x%cy":1}' % code)
        assert accepts(paths, b'{"a":"\x7f"}')


@pytest.mark.parametrize("paths", EVERYWHERE, ids=lambda paths: str(paths[0]))
def test_nesting_is_deep_and_limited(paths: list[Path]) -> None:
    deep = DEEPEST - 1
    assert accepts(paths, b"[" * deep + b"]" * deep)
    assert accepts(paths, b'{"a":' * deep + b"1" + b"}" * deep)
    assert not accepts(paths, b"[" * deep + b"]" * (deep - 1))
    assert not accepts(paths, b"[" * (2 * DEEPEST) + b"]" * (2 * DEEPEST))


def test_all_members_of_a_repeated_key_are_taken() -> None:
    found = scanned([parse_path("a")], [b'{"a":"x","b":1,"a":"y","\\u0061":"z"}'])
    assert found == [[(0, "string", "x"), (0, "string", "y"), (0, "string", "z")]]


def test_empty_documents_are_passed_over() -> None:
    found = scanned([parse_path("$")], [b"", b"1", b"", b'"x"', b""])
    assert found == [[(3, "string", "x"), (1, "number", "1")]]


def test_a_big_document_is_read() -> None:
    member = b'"k%d": {"email": "%s", "list": [1, [2, [3, [4]]]]}'
    text = b"{%s}" % b",".join(member % (i, b"x" * 100) for i in range(20_000))
    (found,) = scanned([parse_path("*.email")], [text])
    assert found == [(0, "string", "x" * 100)] * 20_000
