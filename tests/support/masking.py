"""Transformers applied to plain values, and values of every kind to apply them to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from replicate.rows.column import KEEP, NULL, Column, Kind
from replicate.transformers.base import Target, Transformer
from replicate.transformers.draw import keyed_draw, random_draw
from replicate.transformers.registry import all_transformers, build, find

KEYED = keyed_draw(bytes(range(32)))
OTHER = keyed_draw(bytes(32))
RANDOM = random_draw()
OPTIONS: dict[str, dict[str, Any]] = {
    cls.name: dict(cls.examples[0].options) for cls in all_transformers() if cls.examples[0].options
} | {"fixed": {"value": "1"}, "choice": {"values": list(range(1, 101))}}
OPTIONS |= {"shuffle": {"least": 1}}
"""Options to make those with that can't be made without, or are better shown with some."""


KEYLESS = {"transient", "null", "fixed", "keep-first-char", "redacted"}
KEYLESS |= {"custom-wasm", "custom-command"}
KEYLESS |= {"date-truncate", "number-round"}
KEYLESS |= {"partial-mask", "truncate", "regex-replace", "json-set"}
"""Those whose replacements no key decides."""


def target_of(name: str, kind: Kind = Kind.TEXT) -> Target:
    """A column of `kind`, beside the columns that the transformer's first example has."""
    row = find(name).examples[0].row
    return Target(kind, columns=dict.fromkeys(row, Kind.TEXT))


def column_for(made: Transformer, values: Sequence[bytes | None], kind: Kind) -> Column:
    """The values; where `made` reads other columns, these hold the same ones."""
    column = Column.of(values, kind)
    return replace(
        column,
        beside=dict.fromkeys(made.reads, Column.of(values)),
        masked=dict.fromkeys(made.reads_masked, Column.of(values)),
    )


def apply(
    name: str,
    values: Sequence[bytes | None],
    /,
    kind: Kind = Kind.TEXT,
    draw: Any = KEYED,
    *,
    built_for: Kind | None = None,
    target: Target | None = None,
    **options: Any,
) -> list[bytes | None]:
    """What becomes of `values`, which are of `kind`, in a column of `built_for` or `target`."""
    chosen = target or target_of(name, built_for or kind)
    made = build(name, options or OPTIONS.get(name, {}), target=chosen, draw=draw)
    answer = made.transform(column_for(made, values, kind))
    assert answer.index.dtype == "int32"
    assert answer.index.shape == (len(values),)
    assert answer.pool.null_count == 0
    pool = answer.pool.to_pylist()
    return [
        values[i] if index == KEEP else None if index == NULL else pool[index]
        for i, index in enumerate(answer.index.tolist())
    ]


def one(name: str, old: bytes, kind: Kind = Kind.TEXT, /, **options: Any) -> bytes:
    outcome = apply(name, [old], kind, **options)[0]
    assert outcome is not None
    return outcome


def value_and_key_decide(name: str, texts: Sequence[str | None], **options: Any) -> None:
    """Whatever the neighbours are, each value gets one replacement, and another by another key."""
    values = [None if text is None else text.encode() for text in texts]
    values += [b"x" * 1_000_000, b"y"]  # two, as one may become the same by chance
    outcome = apply(name, values, **options)
    assert outcome[::-1] == apply(name, values[::-1], **options)
    for value, new in zip(values, outcome, strict=True):
        assert (new == value) is (not value)
    assert outcome[-2:] != apply(name, values, draw=OTHER, **options)[-2:]
    assert outcome[-2:] != apply(name, values, draw=RANDOM, **options)[-2:]


# Values of each kind, some of which are nothing of the kind: a typeless database has such.

TEXTS = st.one_of(
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=40),
    st.sampled_from([b"\x80" * 20, b"\xff\xfe", b"a" * 15, b"a" * 16, b"a" * 17, b"a" * 33, b" "]),
    st.from_regex(rb"[+]?[0-9 ()./x-]{1,34}", fullmatch=True),
    st.from_regex(rb"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{0,7}", fullmatch=True),
)
INTEGERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-99_999, 99_999), st.integers(0, 9)
).map(lambda number: b"%d" % number)
REALS = st.one_of(
    st.floats(allow_nan=False).map(lambda number: repr(number).encode()),
    st.sampled_from([b"inf", b"-inf", b"0.0", b"-0.0", b"1.7976931348623157e+308", b"5e-324"]),
)
NUMERICS = st.one_of(
    INTEGERS,
    REALS,
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: str(d).encode()),
    st.sampled_from([b"NaN", b"1" * 50, b"-0." + b"0" * 40 + b"7", b"0" * 60, b"abc", b"1\0"]),
)
DATES = st.one_of(
    st.dates().map(lambda d: d.isoformat().encode()),
    st.datetimes().map(lambda d: d.isoformat(" ").encode()),
    st.datetimes().map(lambda d: d.isoformat("T", "milliseconds").encode() + b"Z"),
    st.datetimes().map(lambda d: d.isoformat("T", "seconds").encode() + b"+05:30"),
    st.datetimes().map(lambda d: d.isoformat(" ", "minutes").encode() + b"-08"),
    st.times().map(lambda t: t.isoformat().encode()),
    st.integers(-(2**62), 2**62).map(lambda number: b"%d" % number),
    st.floats(0, 1e12).map(lambda number: b"%.3f" % number),
)
AMOUNTS = st.one_of(
    INTEGERS,
    st.decimals(-(10**15), 10**15, places=3).map(lambda d: str(d).encode()),
    st.sampled_from([b"0", b"-0.00", b"007", b".5", b"NaN", b"-inf", b"2.5e-07", b"1.5E+12"]),
)
BY_KIND = {
    Kind.TEXT: TEXTS,
    Kind.ANY: st.one_of(TEXTS, NUMERICS),
    Kind.INTEGER: st.one_of(INTEGERS, TEXTS),
    Kind.REAL: st.one_of(REALS, TEXTS),
    Kind.NUMERIC: NUMERICS,
    Kind.BOOLEAN: st.one_of(st.sampled_from([b"0", b"1", b"true", b"F", b"No"]), TEXTS),
    Kind.UUID: st.one_of(st.uuids().map(lambda u: str(u).encode()), TEXTS),
    Kind.BINARY: st.binary(max_size=60),
    Kind.DATE: DATES,
    Kind.TIME: DATES,
    Kind.TIMESTAMP: DATES,
    Kind.JSON: TEXTS,
    Kind.ENUM: TEXTS,
    Kind.ARRAY: TEXTS,
    Kind.INET: TEXTS,
    Kind.MACADDR: TEXTS,
    Kind.OTHER: TEXTS,
}
VALUES: dict[str, st.SearchStrategy[bytes]] = {"random-date": DATES}
VALUES["format-preserving"] = INTEGERS
VALUES |= {
    "date-shift": DATES.filter(lambda value: value[2:3] != b":"),
    "date-noise": DATES,
    "date-truncate": DATES,
    "number-noise": AMOUNTS,
    "number-round": AMOUNTS,
    "boolean": st.sampled_from([b"0", b"1", b"true", b"F", b"No"]),
}
VALUES |= dict.fromkeys(
    ["custom-python", "custom-wasm", "custom-command"],
    st.text(st.characters(codec="utf-8"), max_size=40).map(str.encode),
)
# In the escape of a line break the example's program would find a letter of its own.
VALUES["custom-command"] = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\r\t\\"), max_size=40
).map(str.encode)
VALUES["regex-replace"] = st.text(st.characters(codec="utf-8"), max_size=40).map(
    lambda text: f"{text}12345".encode()
)
VALUES["json-set"] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
).map(lambda value: json.dumps(value).replace("Infinity", "0").encode())
"""What those take that refuse some values."""
SAMPLES: dict[str, list[bytes]] = {
    "number-noise": [b"%d" % (10_000 + i) for i in range(28)],
}
"""28 values for those that refuse dates."""
