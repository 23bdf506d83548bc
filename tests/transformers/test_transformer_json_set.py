"""Parts of JSON documents that are set and removed."""

from __future__ import annotations

import datetime as dt
import json
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows import json_outlines
from replicate.rows.column import Kind, Limits
from replicate.transformers.base import Target
from replicate.transformers.texts.json_set import JsonSet
from tests.support.masking import TEXTS, apply, one

DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from("abcdé") | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def edit(document: str, **options: Any) -> str:
    return one("json-set", document.encode(), Kind.JSON, **options).decode()


@pytest.mark.parametrize(
    ("document", "options", "expected"),
    [
        ('{"a": 1, "b": 2}', {"set": {"a": "x"}}, '{"a":"x","b":2}'),
        ('{"a": 1, "b": 2}', {"remove": ["a"]}, '{"b":2}'),
        ('{"a": {"b": [1, {"c": 2}]}}', {"set": {"a.b[1].c": None}}, '{"a":{"b":[1,{"c":null}]}}'),
        ('{"a": {"b": [1, {"c": 2}]}}', {"remove": ["a.b[0]"]}, '{"a":{"b":[{"c":2}]}}'),
        ("[1, 2, 3, 4]", {"remove": ["[0]", "[1]"]}, "[3,4]"),
        ("[1, 2, 3, 4]", {"remove": ["[*]"]}, "[]"),
        ('{"a": 1, "b": {"a": 2}}', {"remove": ["*"]}, "{}"),
        ('{"a": 1, "b": {"a": [{"a": 2, "c": 3}]}}', {"remove": ["**.a"]}, '{"b":{}}'),
        (
            '{"a": 1, "b": [{"a": 2, "c": {"a": {"a": 3}}}]}',
            {"set": {"**.a": 0}},
            '{"a":0,"b":[{"a":0,"c":{"a":0}}]}',
        ),
        ('{"o": [{"n": 1}, {}, 5, null]}', {"set": {"o[*].n": 0}}, '{"o":[{"n":0},{},5,null]}'),
        ('{"a": {"x": 1}}', {"set": {"a.*": {"k": [1.5, True]}}}, '{"a":{"x":{"k":[1.5,true]}}}'),
        # What is not there.
        ("{}", {"set": {"a.b.c": 1}}, '{"a":{"b":{"c":1}}}'),
        ('{"a": [{}]}', {"set": {"a[0].b": 1}}, '{"a":[{"b":1}]}'),
        ('{"a": [{}]}', {"set": {"a[1].b": 1}}, '{"a":[{}]}'),
        ('{"a": [{}]}', {"set": {"a[1]": 1}}, '{"a":[{}]}'),
        ("{}", {"set": {"a[0]": 1}}, "{}"),
        ('{"a": null}', {"set": {"a.b": 1}}, '{"a":null}'),
        ('{"a": "text"}', {"set": {"a.b": 1}}, '{"a":"text"}'),
        ('{"a": [1]}', {"set": {"a.b": 1}}, '{"a":[1]}'),
        ("{}", {"set": {"a.*": 1}, "remove": ["b.c", "[3]"]}, "{}"),
        ("5", {"set": {"a": 1}}, "5"),
        ("null", {"remove": ["a"]}, "null"),
        # First what is removed, then what is set, in order.
        ('{"p": {"ssn": 1}}', {"remove": ["p"], "set": {"p.name": "x"}}, '{"p":{"name":"x"}}'),
        ("{}", {"set": {"a": {}, "a.b": 1, "a.c": 2}}, '{"a":{"b":1,"c":2}}'),
        # Keys of every sort.
        ('{"a.b": 1, "é": 2, "": 3}', {"set": {'["a.b"]': 0, "é": 0, '[""]': 0}}, None),
        ('{"\\u0061": 1}', {"remove": ["a"]}, "{}"),
        # Of keys that come twice, both are gone.
        ('{"s": 1, "s": 2, "b": 3}', {"remove": ["s"]}, '{"b":3}'),
        ('{"p": {"s": 1}, "p": {}}', {"remove": ["p.s"]}, '{"p":{}}'),
    ],
)
def test_what_becomes_of_a_document(
    document: str, options: dict[str, Any], expected: str | None
) -> None:
    assert edit(document, **options) == (expected or '{"a.b":0,"é":0,"":0}')
    # Others in the block change nothing.
    both = apply("json-set", [b"{}", None, b"", document.encode()], Kind.JSON, **options)
    assert both[1:] == [None, b"", (expected or '{"a.b":0,"é":0,"":0}').encode()]
    assert both == apply("json-set", [b"{}", None, b"", document.encode()], Kind.JSON, **options)


@pytest.mark.parametrize(
    "number",
    [
        *["1.50", "1e5", "1E+05", "-0", "-0.0", "0.1000", "1.7976931348623157e+400", "5e-999"],
        *["-12", "0", "1" * 5000, "123456789012345678901234567890"],
    ],
)
def test_numbers_stay_as_they_are_written(number: str) -> None:
    document = f'{{"a": [{number}, "{number}"], "b": {number}, "c": 1}}'
    assert edit(document, remove=["c"]) == f'{{"a":[{number},"{number}"],"b":{number}}}'


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]))
def test_all_else_stays(document: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    edited = json.loads(edit(text, remove=["a"]), parse_float=Decimal)
    expected = json.loads(text, parse_float=Decimal)
    if isinstance(expected, dict):
        expected.pop("a", None)
    assert edited == expected
    assert edit(edit(text, remove=["zz"]), remove=["zz"]) == edit(text, remove=["zz"])
    if isinstance(document, dict):
        given_too = json.loads(edit(text, set={"a": ["x"]}), parse_float=Decimal)
        assert given_too == {**json.loads(text, parse_float=Decimal), "a": ["x"]}


@pytest.mark.parametrize("number", ["1", "1.0"])
def test_halves_of_surrogate_pairs_stay_escaped(number: str) -> None:
    document = f'{{"a": "\\ud800 é \\" \\u0000", "b\\udc00": {number}, "c": 1}}'
    new = edit(document, remove=["c"])
    assert json.loads(new) == {"a": '\ud800 é " \0', "b\udc00": json.loads(number)}


@pytest.mark.parametrize(
    "value",
    [
        *[b"{", b"{'a': 1}", b"text", b"NaN", b'{"a": Infinity}', b"01", b"[1,]", b"\xff", b"1."],
        *[b'"\xff"', b"\xef\xbb\xbf{}", b'"\n"', b"1 2", b" ", b"-", b"\0", b"[" * 200_000],
        b"[" * 100_000 + b"1.5" + b"]" * 100_000,
    ],
    ids=range(18),
)
def test_what_is_not_json_is_refused(value: bytes) -> None:
    for remove in (["a"], ["**.a"]):
        with pytest.raises(TransformError, match="not valid JSON") as caught:
            apply("json-set", [b'{"a": 1}', None, value], Kind.JSON, remove=remove)
        assert caught.value.row == 2
        assert caught.value.__cause__ is None


@settings(max_examples=100, deadline=None)
@given(TEXTS.filter(bool), st.sampled_from([Kind.TEXT, Kind.ANY, Kind.INTEGER, Kind.BINARY]))
def test_any_value_is_written_anew_or_refused(value: bytes, kind: Kind) -> None:
    try:
        expected = json.loads(value.decode(), parse_constant=lambda _: 1 // 0, parse_float=str)
    except (ValueError, ZeroDivisionError):
        with pytest.raises(TransformError):
            apply("json-set", [value], kind, built_for=Kind.TEXT, remove=["a"])
    else:
        [new] = apply("json-set", [value], kind, built_for=Kind.TEXT, remove=["zzzz"])
        assert json.loads(new or b"", parse_float=str) == expected


# Documents of a block that have their keys in common are edited together: others one by one.

SCALARS = [
    *["null", "true", "false", "0", "-0", "12", "-1.50", "1e-07", "1E+05", '""', '"x y"', '"é😀"'],
    *['"\\u00e9\\/\\n"', '"\\ud800"', '"\\ud83d\\ude00"', '"a\\"b"', '"\\\\"', '"}, {[:"'],
]
KEYS = ["a", "b", "c", "a b", "é", "", '\\"', "\\u0061", "\\ud800", "d.e"]
OUTLINES = st.recursive(
    st.just("%s"),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=4).map(
            lambda members: "{ " + ",".join(f'"{key}": {part}' for key, part in members) + "}"
        )
    ),
    max_leaves=8,
)
EDITS = st.sampled_from(
    [
        *[{"remove": [path]} for path in ("a", "**.b", "[*]", "a[0]", "*.a", "a.b", "**[1]", "é")],
        *[{"set": {path: "ü"}} for path in ("a", "b.c", "**.a", "*", "[0]", "a.*", '["a b"]')],
        {"remove": ["a.b", "c"], "set": {"a.b": {"k": [1.5, None]}, "a.b.k": "\\", "x.y": 1e30}},
    ]
)


def edited(documents: list[bytes], fewest: int, target: Target, **options: Any) -> Any:
    """What becomes of them if so many are edited together, or the row and text of the error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_outlines, "_FEWEST", fewest)
        try:
            return apply("json-set", documents, target=target, **options)
        except TransformError as error:
            return error.row, error.message


@settings(max_examples=150, deadline=None)
@given(
    st.lists(OUTLINES, min_size=1, max_size=3), st.randoms(use_true_random=False), EDITS,
    st.sampled_from([None, None, "01", "tru", '"\\x"', '"\n"', "1 2", "NaN"]),
    st.sampled_from([None, 40]),
)  # fmt: skip
def test_together_documents_become_what_each_becomes_alone(
    outlines: list[str], rng: random.Random, options: dict[str, Any], damage: str | None,
    longest: int | None,
) -> None:  # fmt: skip
    texts = [rng.choice(outlines) for _ in range(30)]
    texts = [text % tuple(rng.choices(SCALARS, k=text.count("%s"))) for text in texts]
    if damage is not None:
        texts[20] = texts[20].replace("null", damage)
    documents = [text.encode() for text in texts]
    target = Target(Kind.JSON, Limits(max_chars=longest))
    alone = edited(documents, 10**9, target, **options)
    assert edited(documents, 1, target, **options) == alone


def test_documents_of_the_same_keys_are_not_edited_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    documents = [
        json.dumps({"id": i, "a": {"b": f"x{i}é", "c": i / 4}, "d": [None, i % 2 == 0, -i]})
        for i in range(100)
    ]
    monkeypatch.delattr(JsonSet, "_edited")
    new = apply("json-set", [text.encode() for text in documents], remove=["a.b", "d[1]"])
    assert [json.loads(text or b"") for text in new] == [
        {"id": i, "a": {"c": i / 4}, "d": [None, -i]} for i in range(100)
    ]


def test_a_deep_document_is_edited() -> None:
    document = '{"a": ' * 100 + "1.5" + "}" * 100
    assert edit(document, remove=["**.b"]) == document.replace(" ", "")
    assert edit(document, remove=["a." * 99 + "a"]) == '{"a":' * 99 + "{}" + "}" * 99


def test_a_document_of_a_megabyte() -> None:
    document = {"list": [{"ssn": i, "x": "é" * 10} for i in range(30_000)]}
    text = json.dumps(document, ensure_ascii=False)
    assert len(text) > 1_000_000
    new = json.loads(edit(text, remove=["list[*].ssn"]))
    assert new == {"list": [{"x": "é" * 10}] * 30_000}


def test_what_gets_too_long_is_refused() -> None:
    target = Target(Kind.TEXT, Limits(max_chars=12))
    options: dict[str, Any] = {"set": {"a": "äöü"}}
    assert one("json-set", b'{"a": "xyz"}', target=target, **options) == '{"a":"äöü"}'.encode()
    with pytest.raises(TransformError, match="more than the 12 characters") as caught:
        apply("json-set", [b"{}", b'{"b": 1}'], target=target, **options)
    assert caught.value.row == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "a path to set or to remove"),
        ({"set": {"a[": 1}}, "no JSON path"),
        ({"set": {"": 1}}, "is empty"),
        ({"remove": ["$"]}, "the whole document"),
        ({"set": {"$": 1}}, "the whole document"),
        ({"remove": ["a.**"]}, "wildcard of any depth"),
        ({"set": {"a": dt.date(2024, 1, 1)}}, "can't be written as JSON"),
        ({"set": {"a": float("nan")}}, "can't be written as JSON"),
        ({"set": {"a": "\ud800"}}, "can't be written as JSON"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        # An option at all keeps those of the example from being taken.
        apply("json-set", [b"{}"], **(options or {"remove": []}))
    assert message in caught.value.message
