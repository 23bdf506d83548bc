"""Elements found in PostgreSQL's arrays, and written into them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError
from replicate.rows.array_text import elements_of, unescaped, written
from replicate.rows.arrays import strings
from replicate.rows.column import Column, Kind
from replicate.rows.splice import Texts
from tests.support.postgres import Server


def found(*texts: bytes) -> list[list[bytes]]:
    """The elements of each array that are not NULL."""
    laid = Texts.of(Column.of(texts, Kind.ARRAY))
    elements = elements_of(laid)
    column = Column(*unescaped(laid, elements), np.zeros(len(elements.row), np.bool_))
    out: list[list[bytes]] = [[] for _ in texts]
    for row, value in zip(elements.row.tolist(), column.values(), strict=True):
        assert value is not None
        out[row].append(value)
    return out


ARRAYS = {
    b"{}": [],
    b"{a}": [b"a"],
    b"{a,b}": [b"a", b"b"],
    b"{NULL}": [],
    b"{null,Null,x}": [b"x"],
    b'{"NULL"}': [b"NULL"],
    b"{NULLS,NUL}": [b"NULLS", b"NUL"],
    b'{""}': [b""],
    b'{"a \\"b\\" c",d}': [b'a "b" c', b"d"],
    b'{"a\\\\b"}': [b"a\\b"],
    b"{a\\,b}": [b"a,b"],
    b"{NU\\LL}": [b"NULL"],
    b"{{a,b},{c,NULL}}": [b"a", b"b", b"c"],
    b"{{{1},{2}}}": [b"1", b"2"],
    b"[0:1]={a,b}": [b"a", b"b"],
    b"[-2:-1][3:3]={{a},{b}}": [b"a", b"b"],
    b'{"{}",","}': [b"{}", b","],
    '{"Zoë","日本"}'.encode(): ["Zoë".encode(), "日本".encode()],
    b'{"\n","\t"}': [b"\n", b"\t"],
    b"": [],
}


@pytest.mark.parametrize("text", ARRAYS)
def test_the_elements_of_an_array_are_found(text: bytes) -> None:
    assert found(text) == [ARRAYS[text]]


def test_arrays_of_all_sorts_lie_in_one_column() -> None:
    assert found(*ARRAYS) == list(ARRAYS.values())


@pytest.mark.parametrize(
    "text",
    rb"""a { } {a a} {a,} {,a} {,} {a,,b} {{a} {a}} {"a} {"a"b} {a"b"} {a}b {a}{b} {{a},} {{a}b}
    [0:1] [0:1]=a {\ [x]={a} {{} {{a},{b} {"a\"} ={a} {a}; NULL {a{b}} {{},{}}""".split(),
)
def test_what_is_no_array_is_refused(text: bytes) -> None:
    with pytest.raises(TransformError) as caught:
        found(b"{a}", b"", text, b"{b}")
    assert caught.value.row == 2


VALUES = st.one_of(
    st.text(max_size=6).map(str.encode),
    st.sampled_from([b"NULL", b"null", b"nuLL", b"", b" ", b"\\", b'"', b"{", b"}", b",", b"\x0b"]),
)
NESTED = st.recursive(
    st.lists(st.none() | VALUES, min_size=1, max_size=4),
    lambda below: st.lists(below, min_size=1, max_size=3),
    max_leaves=8,
)


def write(value: Any) -> bytes:
    """As the server writes it, but in quotes wherever that is possible."""
    if isinstance(value, list):
        return b"{" + b",".join(write(each) for each in value) + b"}"
    if value is None:
        return b"NULL"
    return b'"' + bytes(value).replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def flat(value: Any) -> list[bytes]:
    if isinstance(value, list):
        return [each for below in value for each in flat(below)]
    return [] if value is None else [value]


@settings(deadline=None)
@given(st.lists(NESTED, min_size=1, max_size=5))
def test_what_was_written_is_found(arrays: list[Any]) -> None:
    assert found(*map(write, arrays)) == [flat(array) for array in arrays]


@settings(deadline=None)
@given(st.lists(VALUES, max_size=6))
def test_what_is_written_bare_or_in_quotes_is_read_back(values: list[bytes]) -> None:
    new = [each.as_py() or b"" for each in written(strings(values))]
    assert found(b"{%b}" % b",".join(new)) == [values]


def test_a_long_array_is_read() -> None:
    values = [b"%d" % i for i in range(200_000)]
    assert found(b"{%b}" % b",".join(values)) == [values]
    assert found(write(values)) == [values]
    assert found(b'{"%b"}' % (b"x\\\\" * 500_000)) == [[b"x\\" * 500_000]]


def test_the_server_agrees(any_server: Server, any_database: str) -> None:
    values = [b"NULL", b"", b"a b", b"a,b", b'a"b', b"a\\b", b"{", b"}", b"plain", b"\n", b"\x0b"]
    values += ["Zoë".encode(), "\u00a0".encode(), b"'", b";", b"[", b"=", b"nulls", b"a\tb", b"\f"]
    plain = [value.decode() for value in values]
    bounds = f"[-1:{len(values) - 2}]="
    with any_server.connect(any_database) as connection:

        def ask(sql: str, *given: object) -> str:
            row = connection.execute(sql.encode(), given).fetchone()
            assert row is not None
            return str(row[0])

        # What the server writes is found, and what is written is what the server writes.
        text = ask("select %s::text[]::text", plain)
        assert found(text.encode()) == [values]
        ours = b"{%b}" % b",".join(each.as_py() or b"" for each in written(strings(values)))
        assert ours == text.encode()
        assert ask("select (%s::text[] = %s)::text", ours.decode(), plain) == "true"
        nested = ask("select array[%s::text[], %s::text[]]::text", plain, plain[::-1])
        assert found(nested.encode()) == [values + values[::-1]]
        shifted = ask("select %s::text[]::text", bounds + text)
        assert shifted == bounds + text
        assert found(shifted.encode()) == [values]
