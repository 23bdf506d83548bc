"""Transformers inside JSON documents and arrays."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.arrays import strings
from replicate.rows.column import KEEP, NULL, Column, Kind, Replacement
from replicate.rows.json_paths import parse_path
from replicate.transformers.base import Draw, Effects, Target, Transformer, Uniqueness
from replicate.transformers.registry import build
from replicate.transformers.wrapping.inside_arrays import InsideArray
from replicate.transformers.wrapping.inside_json import Inner, InsideJson, for_leaves
from tests.support.masking import KEYED, OTHER, RANDOM, apply

Fate = bytes | int | None
"""A new value, or KEEP or NULL; None refuses the value."""


class Shown:
    """Does with each value what a function says, which gets it with its kind and its `beside`."""

    reads = frozenset({"near"})
    reads_masked = frozenset({"made"})

    def __init__(
        self,
        fate: Callable[[bytes, Kind, list[bytes | None]], Fate],
        effects: Effects | None = None,
    ) -> None:
        self._fate = fate
        self._effects = effects or Effects(Uniqueness.MAY_COLLIDE)
        self.closed = 0

    @property
    def effects(self) -> Effects:
        return self._effects

    def transform(self, column: Column) -> Replacement:
        values = column.values()
        other = {**column.beside, **column.masked}
        beside = [each.values() for each in other.values()]
        fates: list[bytes | int] = []
        for row, value in enumerate(values):
            assert value is not None
            fate = self._fate(value, column.kind, [each[row] for each in beside])
            if fate is None:
                raise TransformError("refused", row=row)
            fates.append(fate)
        pool = [fate for fate in fates if isinstance(fate, bytes)]
        numbers = iter(range(len(pool)))
        index = [next(numbers) if isinstance(fate, bytes) else fate for fate in fates]
        return Replacement(strings(pool), np.array(index, np.int32))

    def close(self) -> None:
        self.closed += 1


def applied(
    made: Transformer,
    values: Sequence[bytes | None],
    kind: Kind = Kind.JSON,
    beside: dict[str, Column] | None = None,
    masked: dict[str, Column] | None = None,
) -> list[bytes | None]:
    plain = Column.of(values, kind)
    column = Column(
        plain.data, plain.start, plain.length, plain.null, kind, beside or {}, masked or {}
    )
    answer = made.transform(column)
    assert answer.index.dtype == np.int32
    assert answer.index.shape == (len(values),)
    pool = answer.pool.to_pylist()
    return [
        values[i] if index == KEEP else None if index == NULL else pool[index]
        for i, index in enumerate(answer.index.tolist())
    ]


def to(value: Fate) -> Shown:
    return Shown(lambda *_: value)


def inside(*rules: tuple[str, Inner]) -> InsideJson:
    return InsideJson([(parse_path(path), inner) for path, inner in rules])


def builtin(name: str, draw: Draw = KEYED, **options: Any) -> Inner:
    return for_leaves(lambda kind: build(name, options, target=Target(kind), draw=draw))


def masked(text: bytes, *rules: tuple[str, Inner]) -> bytes:
    (outcome,) = applied(inside(*rules), [text])
    assert outcome is not None
    return outcome


def test_a_scalar_is_masked_and_the_rest_stays() -> None:
    text = b' { "a" : [1.50, 1E5,-0, "x"],\n"b":{"email":"jane@mail.test","c":null} } '
    outcome = masked(text, ("b.email", builtin("email")))
    new = apply("email", [b"jane@mail.test"])[0]
    assert new is not None
    assert outcome == text.replace(b"jane@mail.test", new)


CASES = [
    (b'{"a":"x"}', b"new", b'{"a":"new"}'),
    (b'{"a":"x"}', b'"\\\n\x00\x1f/', b'{"a":"\\"\\\\\\n\\u0000\\u001f/"}'),
    (b'{"a":"x"}', "Zoë \U0001f600".encode(), '{"a":"Zoë \U0001f600"}'.encode()),
    (b'{"a":"x"}', b"\xed\xa0\xbd", b'{"a":"\\ud83d"}'),
    (b'{"a":"x"}', b"\xff", '{"a":"\ufffd"}'.encode()),
    (b'{"a":"x"}', b"", b'{"a":""}'),
    (b'{"a":"x"}', b"12", b'{"a":"12"}'),
    (b'{"a":"x"}', NULL, b'{"a":null}'),
    (b'{"a":"x"}', KEEP, b'{"a":"x"}'),
    (b'{"a":1}', b"12", b'{"a":12}'),
    (b'{"a":1}', b"-1.50e+7", b'{"a":-1.50e+7}'),
    (b'{"a":1}', b"true", b'{"a":true}'),
    (b'{"a":1}', b"007", b'{"a":"007"}'),
    (b'{"a":1}', b"NaN", b'{"a":"NaN"}'),
    (b'{"a":1}', b"1\n", b'{"a":"1\\n"}'),
    (b'{"a":1}', b"", b'{"a":""}'),
    (b'{"a":1}', b'x"y', b'{"a":"x\\"y"}'),
    (b'{"a":1}', b"null", b'{"a":"null"}'),
    (b'{"a":1}', NULL, b'{"a":null}'),
    (b'{"a":true}', b"false", b'{"a":false}'),
    (b'{"a":true}', b"no", b'{"a":"no"}'),
    (b'{"a":true}', NULL, b'{"a":null}'),
    (b'{"a":null}', b"new", b'{"a":null}'),
    (b'{"a":{"b":"x","c":[1,null]}}', b"7", b'{"a":{"b":"7","c":[7,null]}}'),
    (b'{"a":1,"a":"x","\\u0061":2}', b"7", b'{"a":7,"a":"7","\\u0061":7}'),
    (b'{"b":1}', b"7", b'{"b":1}'),
    (b"[1]", b"7", b"[1]"),
    (b"null", b"7", b"null"),
]


@pytest.mark.parametrize(("text", "fate", "outcome"), CASES)
def test_results_are_written_as_json(text: bytes, fate: Fate, outcome: bytes) -> None:
    assert masked(text, ("a", to(fate))) == outcome


@pytest.mark.parametrize(
    ("text", "outcome"), [(b" 12 ", b" 7 "), (b'"x"', b'"7"'), (b'[1,"a"]', b'[7,"7"]')]
)
def test_the_root_is_a_path(text: bytes, outcome: bytes) -> None:
    assert masked(text, ("$", to(b"7"))) == outcome


def test_halves_of_a_character_are_none_together() -> None:
    made = inside(("[*]", Shown(lambda value, *_: b"\xc3" if value == b"x" else b"\xa9")))
    assert applied(made, [b'["x","y"]']) == ['["\ufffd","\ufffd"]'.encode()]


def test_the_most_specific_path_wins() -> None:
    rules = [("**.b", b"deep"), ("a", b"whole"), ("a.b", b"exact"), ("*.c", b"any"), ("a.c", b"c")]
    made = inside(*((path, to(new)) for path, new in rules))
    text = b'{"a":{"b":"x","c":"x","d":"x"},"z":{"b":"x","c":"x","d":"x"},"b":["x"]}'
    (outcome,) = applied(made, [text])
    assert json.loads(outcome or b"") == {
        "a": {"b": "exact", "c": "c", "d": "whole"},
        "z": {"b": "deep", "c": "any", "d": "x"},
        "b": ["deep"],
    }


def test_a_path_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="given twice"):
        inside(("a.b", to(b"1")), ("$.a.b", to(b"2")))


def test_values_come_unescaped_with_their_kind() -> None:
    seen: list[tuple[bytes, Kind]] = []

    def look(value: bytes, kind: Kind, _: object) -> Fate:
        seen.append((value, kind))
        return KEEP

    text = rb'["a\u00e9\ud83d\ude00\n\/\"", "", 1.50, true, null, "\ud800"]'
    assert masked(text, ("[*]", Shown(look))) == text
    assert sorted(seen, key=lambda pair: pair[1].value) == [
        (b"true", Kind.BOOLEAN),
        (b"1.50", Kind.NUMERIC),
        ('aé\U0001f600\n/"'.encode(), Kind.TEXT),
        (b"", Kind.TEXT),
        (b"\xed\xa0\x80", Kind.TEXT),
    ]


def test_null_and_empty_documents_stay_and_errors_tell_their_row() -> None:
    values = [None, b"", b'{"a":"x"}', None, b'{"a":"bad"}']
    made = inside(("a", Shown(lambda value, *_: None if value == b"bad" else b"new")))
    assert applied(made, values[:4]) == [None, b"", b'{"a":"new"}', None]
    with pytest.raises(TransformError) as caught:
        applied(made, values)
    assert caught.value.row == 4


@pytest.mark.parametrize("bad", [b'{"a":', b"x", b'{"a":NaN}', b'"\xff"', b'{"b":"\xc3"}', b" "])
def test_what_is_not_json_is_never_passed_through(bad: bytes) -> None:
    with pytest.raises(TransformError, match="not valid JSON") as caught:
        applied(inside(("a", to(b"new"))), [b'{"a":1}', None, bad, b"1"])
    assert caught.value.row == 2


def test_each_leaf_sees_what_is_beside_its_document() -> None:
    seen: list[tuple[bytes, list[bytes | None]]] = []

    def look(value: bytes, _: Kind, beside: list[bytes | None]) -> Fate:
        seen.append((value, beside))
        return KEEP

    made = inside(("**.a", Shown(look)))
    assert made.reads == {"near"}
    assert made.reads_masked == {"made"}
    near, ready = Column.of([b"n0", b"n1", b"n2"]), Column.of([b"m0", None, b"m2"])
    texts = [b'[{"a":"x"},{"a":1}]', b'{"a":"y","b":{"a":"z"}}', b"{}"]
    applied(made, texts, beside={"near": near}, masked={"made": ready})
    assert sorted(seen) == [
        (b"1", [b"n0", b"m0"]),
        (b"x", [b"n0", b"m0"]),
        (b"y", [b"n1", None]),
        (b"z", [b"n1", None]),
    ]


def test_kinds_may_have_transformers_of_their_own() -> None:
    by_kind = {Kind.TEXT: to(b"text"), Kind.NUMERIC: to(b"1")}
    assert masked(b'["x",5]', ("[*]", by_kind)) == b'["text",1]'
    with pytest.raises(TransformError, match=r"a boolean at \[\*\]") as caught:
        applied(inside(("[*]", by_kind)), [b"[1]", b"[1,true]"])
    assert caught.value.row == 1


def test_a_transformer_is_made_for_the_leaves_that_it_fits() -> None:
    def only(*fitting: Kind) -> Callable[[Kind], Transformer]:
        def make(kind: Kind) -> Transformer:
            if kind not in fitting:
                raise UsageError(f"no {kind.value}")
            return to(kind.value.encode())

        return make

    assert isinstance(for_leaves(only(Kind.ANY, Kind.TEXT)), Shown)
    numbers = for_leaves(only(Kind.NUMERIC, Kind.INTEGER))
    assert isinstance(numbers, dict)
    assert list(numbers) == [Kind.NUMERIC]
    with pytest.raises(UsageError, match="no any"):
        for_leaves(only(Kind.DATE))


def test_what_a_document_transformer_says_and_closes() -> None:
    one, other = to(b"1"), to(b"2")
    made = inside(("a", one), ("b", {Kind.TEXT: other, Kind.NUMERIC: other}))
    assert made.effects.uniqueness is Uniqueness.MAY_COLLIDE
    assert made.effects.produces is not None
    assert Kind.JSON in made.effects.produces
    assert not made.effects.makes_null
    made.close()
    assert (one.closed, other.closed) == (1, 1)


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
    ),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "email", "ü", "x y"]), below, max_size=4)
    ),
    max_leaves=12,
)


def as_reference(value: Any, take: bool, mask: Callable[[Any], Any]) -> Any:
    """The document with all below a key `email`, or in the second element of a list, masked."""
    if isinstance(value, dict):
        return {k: as_reference(v, take or k == "email", mask) for k, v in value.items()}
    if isinstance(value, list):
        return [as_reference(v, take or i == 1, mask) for i, v in enumerate(value)]
    return mask(value) if take else value


@settings(max_examples=150, deadline=None)
@given(st.lists(st.none() | JSON_VALUES, min_size=1, max_size=5), st.booleans(), st.booleans())
def test_documents_are_masked_as_if_they_were_objects(
    documents: list[Any], ascii_only: bool, dense: bool
) -> None:
    separators = (",", ":") if dense else (" ,\n", " : ")
    texts = [
        json.dumps(each, ensure_ascii=ascii_only, separators=separators).encode()
        for each in documents
    ]
    made = inside(("**.email", builtin("random")), ("**[1]", builtin("random")))
    outcome = applied(made, list(texts))
    again = applied(made, texts[::-1])
    assert again == outcome[::-1]
    assert applied(inside(("nothing", builtin("random"))), list(texts)) == texts

    def mask(value: Any) -> Any:
        if value is None:
            return None
        kind = Kind.TEXT if isinstance(value, str) else Kind.NUMERIC
        kind = Kind.BOOLEAN if isinstance(value, bool) else kind
        text = value if isinstance(value, str) else json.dumps(value)
        new = apply("random", [text.encode()], kind, built_for=Kind.ANY)[0]
        assert new is not None
        return new.decode() if kind is Kind.TEXT else json.loads(new)

    for document, text in zip(documents, outcome, strict=True):
        assert text is not None
        expected = as_reference(document, False, mask)
        assert json.loads(text) == expected
        assert type(json.loads(text)) is type(expected)


def test_documents_are_deterministic_under_a_key() -> None:
    texts: list[bytes | None] = [b'{"a":"value %d"}' % i for i in range(50)]
    one, same, other, chance = (
        applied(inside(("a", builtin("random", draw))), texts)
        for draw in (KEYED, KEYED, OTHER, RANDOM)
    )
    assert one == same
    assert not set(one) & set(other)
    assert not set(one) & set(chance)


def test_long_values_and_many() -> None:
    long = "é\\".encode() * 350_000
    text = json.dumps({"a": long.decode(), "b": [1] * 100_000}).encode()
    seen: list[bytes] = []

    def cut(value: bytes, *_: object) -> Fate:
        seen.append(value)
        return value[:1_000_000]

    made = inside(("a", Shown(cut)))
    (outcome,) = applied(made, [text])
    assert seen == [long]
    assert json.loads(outcome or b"")["a"] == long[:1_000_000].decode("utf-8", "replace")
    texts: list[bytes | None] = [b'{"id":%d,"e":"%d"}' % (i, i) for i in range(100_000)]
    outcome_of_all = applied(inside(("e", builtin("email"))), texts)
    assert len(set(outcome_of_all)) == len(texts)
    assert (outcome_of_all[77] or b"").startswith(b'{"id":77,"e":"')


# Arrays.


def in_array(fate: Fate, text: bytes) -> bytes:
    (outcome,) = applied(InsideArray(to(fate), Kind.TEXT), [text], Kind.ARRAY)
    assert outcome is not None
    return outcome


@pytest.mark.parametrize(
    ("text", "fate", "outcome"),
    [
        (b"{a,b}", b"x", b"{x,x}"),
        (b"{a,NULL}", b"x y", b'{"x y",NULL}'),
        (b'{"a b","c"}', b"x", b"{x,x}"),
        (b"[0:1]={a,b}", b'"', b'[0:1]={"\\"","\\""}'),
        (b"{{a},{b}}", b"{}", b'{{"{}"},{"{}"}}'),
        (b"{a}", b"null", b'{"null"}'),
        (b"{a}", b"", b'{""}'),
        (b"{a}", b"\\", b'{"\\\\"}'),
        (b"{a}", NULL, b"{NULL}"),
        (b'{"a"}', KEEP, b'{"a"}'),
        (b"{}", b"x", b"{}"),
        (b"{NULL}", b"x", b"{NULL}"),
    ],
)
def test_elements_are_masked(text: bytes, fate: Fate, outcome: bytes) -> None:
    assert in_array(fate, text) == outcome


@given(
    st.lists(
        st.none()
        | st.lists(
            st.none() | st.sampled_from([b"a", b"b c", b'"', b"", b"7", b"NULL"]), max_size=4
        ),
        min_size=1,
        max_size=6,
    )
)
def test_every_element_is_masked_by_itself(arrays: list[list[bytes | None] | None]) -> None:
    def write(array: list[bytes | None]) -> bytes:
        return b"{%b}" % b",".join(
            b"NULL" if v is None else b'"%b"' % v.replace(b'"', b'\\"') for v in array
        )

    def fate(value: bytes, kind: Kind, _: object) -> Fate:
        assert kind is Kind.TEXT
        return fates.get(value, b"n")

    fates: dict[bytes, Fate] = {b"a": b"A", b"b c": NULL, b"7": KEEP, b'"': b"' \\", b"": b"e"}
    written = {b"a": b"A", b"b c": b"NULL", b"7": b'"7"', b'"': b'"\' \\\\"', b"": b"e"}
    outcome = applied(
        InsideArray(Shown(fate), Kind.TEXT),
        [None if each is None else write(each) for each in arrays],
        Kind.ARRAY,
    )
    assert outcome == [
        None
        if each is None
        else b"{%b}" % b",".join(b"NULL" if v is None else written.get(v, b"n") for v in each)
        for each in arrays
    ]


def test_arrays_keep_what_their_elements_keep() -> None:
    for uniqueness in Uniqueness:
        for makes_null in (False, True):
            inner = Shown(lambda *_: KEEP, Effects(uniqueness, None, makes_null))
            effects = InsideArray(inner, Kind.TEXT).effects
            injective = uniqueness in (Uniqueness.PRESERVES, Uniqueness.PERMUTES)
            expected = uniqueness if injective and not makes_null else Uniqueness.MAY_COLLIDE
            assert effects == Effects(expected)


def test_arrays_of_what_the_transformer_does_not_make_are_refused() -> None:
    inner = Shown(lambda *_: KEEP, Effects(Uniqueness.PRESERVES, frozenset({Kind.TEXT})))
    assert InsideArray(inner, Kind.TEXT).reads == {"near"}
    for kind in (Kind.INTEGER, Kind.BINARY):
        with pytest.raises(UsageError):
            InsideArray(inner, kind)


def test_errors_in_arrays_tell_the_row() -> None:
    made = InsideArray(Shown(lambda value, *_: None if value == b"bad" else value), Kind.TEXT)
    for bad in (b"{x,bad}", b'{"bad"}', b"{x", b"bad"):
        with pytest.raises(TransformError) as caught:
            applied(made, [b"{a,b,c}", None, bad, b"{d}"], Kind.ARRAY)
        assert caught.value.row == 2


def test_a_million_elements_stay_distinct() -> None:
    inner = build("email", {}, target=Target(Kind.TEXT), draw=KEYED)
    values: list[bytes | None] = [
        b"{%b}" % b",".join(b"%d" % i for i in range(first, first + 100))
        for first in range(0, 1_000_000, 100)
    ]
    made = InsideArray(inner, Kind.TEXT)
    assert made.effects.uniqueness is Uniqueness.PRESERVES
    outcome = applied(made, values, Kind.ARRAY)
    assert len({e for each in outcome for e in (each or b"")[1:-1].split(b",")}) == 1_000_000
