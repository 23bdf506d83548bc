"""What every transformer guarantees, whatever its values are."""

from __future__ import annotations

import contextlib
import re
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Kind
from replicate.rows.engine import Mask, Masker
from replicate.rows.grammar import escape_value, unescape_value
from replicate.transformers.draw import keyed_draw
from replicate.transformers.registry import all_transformers, build, find
from tests.support.masking import (
    BY_KIND,
    KEYED,
    KEYLESS,
    OPTIONS,
    OTHER,
    RANDOM,
    SAMPLES,
    TEXTS,
    VALUES,
    apply,
    one,
    target_of,
)

MADE = [
    (cls.name, kind)
    for cls in all_transformers()
    for kind in sorted(cls.kinds, key=lambda kind: kind.value)
    if cls.name not in ("fixed", "choice") or kind in (Kind.TEXT, Kind.INTEGER)
    # What the code of an example makes is text.
    if not cls.name.startswith("custom-") or kind in (Kind.TEXT, Kind.ANY)
]


def values_for(name: str, kind: Kind) -> st.SearchStrategy[list[bytes | None]]:
    strategy = VALUES.get(name, BY_KIND[kind])
    return st.lists(st.one_of(strategy, st.none(), st.just(b"")), min_size=1, max_size=12)


@pytest.mark.parametrize(("name", "kind"), MADE, ids=lambda x: x if isinstance(x, str) else x.value)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_all_transformers_guarantee(name: str, kind: Kind, data: st.DataObject) -> None:
    values = data.draw(values_for(name, kind))
    outcome = apply(name, values, kind)
    assert apply(name, values, kind) == outcome
    if find(name).by_block:
        assert sorted(value for value in outcome if value) == sorted(filter(None, values))
    else:
        # Whatever the neighbours are, and in whatever order.
        for value, expected in zip(values, outcome, strict=True):
            assert apply(name, [value], kind) == [expected]
        assert apply(name, values[::-1], kind) == outcome[::-1]
    apply(name, values, kind, RANDOM)
    for value, new in zip(values, outcome, strict=True):
        if name == "null" or value is None:
            assert new is None
        elif value == b"":
            assert new == (b"1" if name == "fixed" else b"")
        else:
            assert new, "no value disappears"
            fits(new, value, kind, name)


def fits(new: bytes, value: bytes, kind: Kind, name: str) -> None:
    """The outcome is what a column of `kind` takes, if the value was."""
    if name in ("transient", "fixed") or find(name).by_block:
        return
    if kind is Kind.INTEGER and re.fullmatch(rb"-?[0-9]{1,19}", value):
        assert re.fullmatch(rb"-?[0-9]{1,19}", new)
        assert -(2**63) <= int(new) < 2**63
    if kind is Kind.REAL and re.fullmatch(rb"-?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?", value):
        assert abs(float(new)) < float("inf") or abs(float(value)) == float("inf")
    if kind is Kind.UUID:
        assert uuid.UUID(new.decode()).version == 4
    if kind is Kind.BINARY:
        assert len(new) == len(value)
    if kind in (Kind.TEXT, Kind.ANY) and name not in ("random-date", "keep-first-char", "redacted"):
        new.decode()  # whatever the value was


@pytest.mark.parametrize("name", [cls.name for cls in all_transformers()])
@pytest.mark.parametrize("other", list(Kind))
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_values_of_any_kind_are_masked(name: str, other: Kind, data: st.DataObject) -> None:
    # What stands behind a tag comes with the tag's kind, whatever the transformer was made for.
    values = data.draw(st.lists(BY_KIND[other].filter(bool), min_size=1, max_size=8))
    for built_for in (Kind.TEXT, Kind.ANY):
        try:
            apply(name, values, other, built_for=built_for)
        except TransformError:
            assert find(name).refuses


@pytest.mark.parametrize("name", ["email", "first-name", "last-name", "random", "phone-number"])
def test_nothing_passes_through(name: str) -> None:
    values: list[bytes | None] = [b"unknown", b"\xff\xfe\x80 12", "Zoë Müller".encode(), b"0176 1"]
    values += [b"+4915112345678", b"ext. 42", b"\x80\x80\x80\x80", b"Secret\tvalue", b"a" * 100]
    for value, new in zip(values, apply(name, values), strict=True):
        assert new != value


@pytest.mark.parametrize(
    "name", sorted({cls.name for cls in all_transformers()} - KEYLESS - {"boolean"})
)
def test_keys_and_chance(name: str) -> None:
    sample = SAMPLES.get(name, [b"2020-01-%02d" % (1 + i) for i in range(28)])
    values: list[bytes | None] = [sample[i % 28] for i in range(50)]
    if find(name).by_block:
        values = [b"%d" % i for i in range(50)]  # of equal values some would stay in place
    keyed = apply(name, values)
    assert keyed == apply(name, values, draw=keyed_draw(bytes(range(32))))
    differ = [
        sum(a != b for a, b in zip(keyed, apply(name, values, draw=draw), strict=True))
        for draw in (OTHER, RANDOM, RANDOM)
    ]
    assert min(differ) > 40
    assert apply(name, values, draw=RANDOM) != apply(name, values, draw=RANDOM)
    assert keyed[0] == keyed[28] or find(name).by_block  # equal values


@pytest.mark.parametrize(
    "name",
    [c.name for c in all_transformers() if not (c.by_block or c.name.startswith("custom-"))],
)
def test_a_value_alone_becomes_what_it_does_among_others(name: str) -> None:
    cls = find(name)
    options = OPTIONS.get(name, {})
    switched = [
        {key: not field.default}
        for key, field in cls.Options.model_fields.items()
        if isinstance(field.default, bool)
    ]
    values = [*SAMPLES.get(name, [b"2020-01-31"])[:5], b"n/a", b"x", b"7", "Zoë Müller".encode()]
    for more in [{}, *switched]:
        alone = {}
        for value in values:
            with contextlib.suppress(TransformError, UsageError):
                [alone[value]] = apply(name, [value], **options | more)
        if alone:
            among = apply(name, list(alone), **options | more)
            assert among == list(alone.values())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(TEXTS, st.none()), min_size=1, max_size=10))
def test_the_engine_writes_what_a_transformer_answers(values: list[bytes | None]) -> None:
    fields = [b"\\N" if value is None else escape_value(value) for value in values]
    text = b"".join(b"%d\t%s\tend\n" % (i, field) for i, field in enumerate(fields))
    for cls in all_transformers():
        made = build(cls.name, OPTIONS.get(cls.name, {}), target=target_of(cls.name), draw=KEYED)
        if cls.refuses or made.reads or made.reads_masked:
            continue
        out = Masker(3, [Mask(1, Kind.TEXT, made, "t.c")]).mask(text)
        rows = [line.split(b"\t") for line in out.split(b"\n")[:-1]]
        assert [row[0] for row in rows] == [b"%d" % i for i in range(len(values))]
        found = [None if row[1] == b"\\N" else unescape_value(row[1]) for row in rows]
        assert found == apply(cls.name, values)


# The replacements under one key stay the same from version to version: what different versions
# have masked must still join.
KNOWN = [
    ("random", b"Jane Roe 42", Kind.TEXT, b"pb0Yg4X4RON"),
    (
        "random",
        b"a value of more than sixteen bytes",
        Kind.TEXT,
        b"LqmXcBCGJ8OFLQ24SyRIAr4nUf8bLIWynm",
    ),
    ("random", b"-1234567", Kind.INTEGER, b"-3498366"),
    ("random", b"3.14159", Kind.REAL, b"1.81099"),
    ("random", b"true", Kind.BOOLEAN, b"true"),
    ("random", b"x", Kind.UUID, b"4c223fc0-b3f6-411a-a0fc-d41cb98ee6e3"),
    ("random-date", b"1984-02-29 07:45:00.123", Kind.TEXT, b"1973-01-28 22:33:21.480"),
    ("random-date", b"1700000000", Kind.INTEGER, b"922446549"),
    ("date-shift", b"1984-02-29 07:45:00.123", Kind.TEXT, b"1983-10-08 07:45:00.123"),
    ("date-noise", b"1984-02-29 07:45:00", Kind.TEXT, b"1984-03-23 15:37:22"),
    ("number-noise", b"52300.00", Kind.TEXT, b"54857.43"),
    ("number-noise", b"1111111111111111111111111", Kind.TEXT, b"1176185156857087587136247"),
    ("number-range", b"52300", Kind.INTEGER, b"20142"),
    ("boolean", b"no", Kind.TEXT, b"no"),
    ("choice", b"gold", Kind.TEXT, b"19"),
    ("first-name", b"Jane", Kind.TEXT, b"Corinna"),
    ("last-name", b"Roe", Kind.TEXT, b"Weber"),
    ("email", b"jane.roe@mail.test", Kind.TEXT, b"kent.kkxukrekja67vj5@example.com"),
    ("username", b"jroe1984", Kind.TEXT, b"mira.5w6prrlhz6higio"),
    ("token", b"sk_live_4eC39HqLyjWD", Kind.TEXT, b"99ce8666706da41ee4ba236dfe50f4fd"),
    (
        "hash",
        b"Jane",
        Kind.TEXT,
        b"dc15cf8d1742e5579956a5c704aad1874e4b24492703e5941850a974e7f325c0",
    ),
    (
        "uuid",
        b"{6F1D2C3A-9B47-4E0F-8A51-C2D3E4F5A6B7}",
        Kind.TEXT,
        b"{4C108425-CFD2-4F1A-A00B-2B1901182E35}",
    ),
    ("ip-address", b"192.0.2.7/24", Kind.INET, b"10.65.216.85/24"),
    ("ip-address", b"2001:db8::7", Kind.INET, b"fd68:789a:d94b:7882:d91:c2d0:f73:da8c"),
    ("mac-address", b"00:1B:44:11:3A:B7", Kind.TEXT, b"DA:6D:FF:B0:06:CE"),
    (
        "url",
        b"https://shop.acme.test/users/jane?tab=orders#top",
        Kind.TEXT,
        b"https://example.net/pcb30/7ia6?tab=j520xu#cd6",
    ),
    ("url", b"unknown", Kind.TEXT, b"https://example.net/wivncza37xw3fhdi"),
    ("domain-name", b"acme.test", Kind.TEXT, b"2f4zut4hongmnhd.example.com"),
    ("phone-number", b"+1-202-418-1440", Kind.TEXT, b"+1-537-775-6638"),
    ("phone-number", b"unknown", Kind.TEXT, b"+1-555-697-9562"),
    ("phone-number", b"2024181440", Kind.INTEGER, b"1899584119"),
    ("credit-card", b"4929 1234 5678 9015", Kind.TEXT, b"4000 0010 5102 9924"),
    ("credit-card", b"none", Kind.TEXT, b"4000000350964591"),
]


@pytest.mark.parametrize(("name", "value", "kind", "expected"), KNOWN)
def test_replacements_are_those_of_every_version(
    name: str, value: bytes, kind: Kind, expected: bytes
) -> None:
    assert one(name, value, kind) == expected
