"""JSON documents and what they are taken apart into."""

from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.rows import json_outlines
from replicate.rows.column import Column, Kind
from replicate.rows.json_outlines import SCALAR, Outlined, outlined

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
DOCUMENTS = st.lists(VALUES, max_size=3) | st.dictionaries(st.text(max_size=3), VALUES)
NUMBERS = ["0", "-0", "10", "-1.50", "0.05", "1e5", "1E-05", "-0.0e+0", "1" * 500, "0." + "3" * 99]
NO_SCALARS = [
    *["01", "-01", "00", "1.", ".5", "-.5", "-", "--1", "1-2", "1.2.3", "1..2", "1.2.", "1e", "e1"],
    *["1e5.5", "+1", "0x1", "NaN", "Infinity", "tru", "truee", "true1", "1true", "truetrue", "nul"],
    *["nulll", "falsey", "fals", "falseE", "True", "é", "\x7f", "1 2", "true false", '"a""b"'],
    *[
        '"a"1',
        '1"a"',
        'null"a"',
        '"a" "b"',
        "'a'",
        "\\",
        '\\"a"',
        '"\n"',
        '"\x01"',
        "\x01",
        "a\x01",
    ],
    *["1" * 99 + ".1.1", "0." + "1" * 50 + ".1", "\x0b1", "1\x00", '"\x00"', "\x01\x01", "-true"],
]


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_outlines, "_FEWEST", 1)


def put_together(found: Outlined) -> list[bytes]:
    """The documents again."""
    documents = []
    for outline, first in zip(found.outline.tolist(), found.first.tolist(), strict=True):
        start, *others = found.outlines[outline].as_py().split(SCALAR)
        for i, part in enumerate(others, first):
            start += found.data[found.begin[i] : found.end[i]].tobytes() + part
        documents.append(start)
    return documents


def column(*texts: str | bytes | None) -> Column:
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    return Column.of(raw, Kind.JSON)


@settings(max_examples=100, deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=8), st.booleans(), st.sampled_from([None, 0, 2]))
def test_documents_fall_apart_and_can_be_put_together(
    documents: list[object], ascii_only: bool, indent: int | None
) -> None:
    texts = [json.dumps(each, ensure_ascii=ascii_only, indent=indent) for each in documents]
    found = outlined(column(None, *texts, "", "5", " {}"))
    assert found is not None
    assert found.row.tolist() == list(range(1, len(texts) + 1))
    assert put_together(found) == [text.encode() for text in texts]
    escaped = set(found.escaped.tolist())
    for i, (begin, end) in enumerate(zip(found.begin.tolist(), found.end.tolist(), strict=True)):
        text = found.data[begin:end].tobytes()
        assert not isinstance(json.loads(text), (dict, list))
        assert (b"\\" in text) == (i in escaped)
    assert all(is_json(numbered(found, outline)) for outline in range(len(found.outlines)))


def test_documents_of_the_same_keys_share_an_outline() -> None:
    rng = random.Random(1)
    scalars = ["1", "-2.5", "true", "false", "null", '""', '"x"', '"a \\" {[,:]} \\\\"', '"é😀"']
    texts = [
        f'{{"a": {rng.choice(scalars)}, "b\\"": [{rng.choice(scalars)},{rng.choice(scalars)}]}}'
        for _ in range(500)
    ]
    found = outlined(column(*texts))
    assert found is not None
    assert found.outlines.to_pylist() == [b'{"a": \x01, "b\\"": [\x01,\x01]}']
    assert put_together(found) == [text.encode() for text in texts]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_of_every_form_are_scalars(number: str) -> None:
    found = outlined(column("[1]", f"[{number}]", f'{{"a":{number},"b" : {number}}}', "[-2]"))
    assert found is not None
    assert found.outlines.to_pylist() == [b"[\x01]", b'{"a":\x01,"b" : \x01}']


@pytest.mark.parametrize("text", NO_SCALARS)
def test_what_is_no_scalar_is_never_taken_for_one(text: str) -> None:
    for document in (f"[{text}]", f'{{"a": {text}}}', f'{{"a":[1,{text} ,"x"],"b":2.5}}'):
        found = outlined(column('["x"]', document, "[1.5]"))
        # Either nothing is taken apart at all, or the outline is no JSON.
        if found is not None:
            [outline] = found.outline[found.row == 1].tolist()
            assert not is_json(numbered(found, outline))


def numbered(found: Outlined, outline: int) -> bytes:
    """The outline with a number in the place of each scalar."""
    return re.sub(SCALAR, b" 0 ", found.outlines[outline].as_py() or b"")


def is_json(text: bytes) -> bool:
    try:
        json.loads(text.decode(), parse_constant=lambda _: 1 // 0)
    except (ValueError, ZeroDivisionError):
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(
    st.lists(DOCUMENTS.map(json.dumps), min_size=1, max_size=4),
    st.integers(0, 200),
    st.text('"\\{}[],: \n\t\x01\x7f019.-+eEtrufalsn\u00e9', max_size=3),
    st.integers(0, 2),
)
def test_what_is_damaged_is_never_sound(
    texts: list[str], place: int, damage: str, gone: int
) -> None:
    at = place % len(texts[0])
    texts[0] = texts[0][:at] + damage + texts[0][at + gone :]
    found = outlined(column(*texts))
    if found is None:
        assert not all(map(is_json, map(str.encode, texts)))
        return
    together = put_together(found)
    assert together == [texts[row].encode() for row in found.row.tolist()]
    escapes = [found.data[found.begin[i] : found.end[i]].tobytes() for i in found.escaped.tolist()]
    sound = all(map(is_json, escapes))
    for outline, text in zip(found.outline.tolist(), together, strict=True):
        if sound:
            assert is_json(numbered(found, outline)) == is_json(text)


@pytest.mark.parametrize("value", [b'["\xff"]', b'["a\xc3"]', b'["\xed\xa0\x80"]', b'{"\xc3": 1}'])
def test_what_is_no_unicode_is_left(value: bytes) -> None:
    assert outlined(column("[1]", value, "[2]")) is None


def test_long_keys_are_left() -> None:
    for length in (1, 63, 64, 65, 1_000, 100_000):
        document = json.dumps({"a": 1, "k" * length: {"b": "c" * length}})
        found = outlined(column("[1]", document))
        if length <= 1_000:
            assert found is not None
            assert put_together(found) == [b"[1]", document.encode()]
        else:
            assert found is None


def test_few_documents_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_outlines, "_FEWEST", 3)
    assert outlined(column("[1]", "5", "[2]")) is None
    assert outlined(column("[1]", "5", "[2]", "[3]")) is not None
    assert outlined(column()) is None


def test_what_would_take_too_much_memory_is_left() -> None:
    for dense in ("[" + "1," * 60_000 + "1]", '["' + "\\n" * 120_000 + '"]'):
        assert outlined(column(dense, dense, dense)) is None
    assert outlined(column(*['["some text", 12345]'] * 60_000)) is not None
