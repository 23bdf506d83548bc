"""Addresses of hosts, and the permutations that keep them distinct."""

from __future__ import annotations

import ipaddress
import itertools
import re
from socket import AF_INET6, inet_ntop, inet_pton
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.crypto.feistel import Numbers
from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind, Limits
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.networks import ip6_text
from replicate.transformers.networks.ip_text import in_usual_spelling, parse
from replicate.transformers.registry import build
from tests.support.distinct import outcomes
from tests.support.masking import KEYED, OTHER, RANDOM, apply, one

KEY = bytes(range(32))  # that of KEYED
UNIQUE = Target(Kind.TEXT, unique=True)

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface

V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).map(lambda found: inet_ntop(AF_INET6, found.packed))
MASKED = st.one_of(
    st.tuples(V4, st.integers(0, 32)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.tuples(V6, st.integers(0, 128)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
)
NETWORKS = MASKED.map(lambda text: network_of(ipaddress.ip_interface(text)))


def network_of(address: Address) -> str:
    first = address.network.network_address
    text = str(first) if first.version == 4 else inet_ntop(AF_INET6, first.packed)
    return f"{text}/{address.network.prefixlen}"


ADDRESSES = st.one_of(V4, V6, MASKED, NETWORKS).map(str.encode)


def read(value: bytes | None) -> Address:
    return ipaddress.ip_interface((value or b"").decode())


def is_network(address: Address) -> bool:
    return address.ip == address.network.network_address


# Permutations


@pytest.mark.parametrize("bits", [0, 1, 2, 3, 7, 8, 13])
def test_a_permutation_takes_every_number_once(bits: int) -> None:
    count = 1 << bits
    low = np.arange(count, dtype=np.uint64)
    high = np.zeros(count, np.uint64)
    images = []
    for context in (0, 1):
        tweak = Numbers(KEY).tweaks(np.full((count, 16), context, np.uint8))
        upper, lower = Numbers(KEY).permuted(high, low, np.full(count, bits), tweak)
        assert not upper.any()
        assert sorted(lower.tolist()) == list(range(count))
        images.append(lower.tolist())
    if bits >= 7:
        assert images[0] != images[1]
        assert images[0] != list(range(count))


@pytest.mark.parametrize("bits", [20, 63, 64, 65, 100, 127, 128])
def test_a_wide_permutation_stays_in_range_and_takes_nothing_twice(bits: int) -> None:
    numbers = [i * (2**bits // 5000) for i in range(5000)]
    high = np.array([number >> 64 for number in numbers], np.uint64)
    low = np.array([number & 2**64 - 1 for number in numbers], np.uint64)
    tweak = np.zeros(5000, np.uint64)
    upper, lower = Numbers(KEY).permuted(high, low, np.full(5000, bits), tweak)
    found = [a << 64 | b for a, b in zip(upper.tolist(), lower.tolist(), strict=True)]
    assert len(set(found)) == 5000
    assert 0.99 * 2**bits < max(found) < 2**bits
    # Every bit is set in about a half.
    for bit in range(bits):
        assert 2200 < sum(number >> bit & 1 for number in found) < 2800
    # One row alone, whatever its neighbours' width is, comes to the same.
    alone = Numbers(KEY).permuted(high[7:9], low[7:9], np.array([bits, 1]), np.zeros(2, np.uint64))
    assert (alone[0][0], alone[1][0]) == (upper[7], lower[7])


@given(
    st.lists(
        st.integers(0, 128).flatmap(
            lambda bits: st.tuples(
                st.just(bits), st.integers(0, 2**bits - 1), st.integers(0, 2**56 - 1)
            )
        ),
        min_size=1,
        max_size=40,
    )
)
@settings(deadline=None)
def test_a_round_adds_the_draw_of_the_other_half(cases: list[tuple[int, int, int]]) -> None:
    upper, lower = Numbers(KEY).permuted(
        np.array([number >> 64 for _, number, _ in cases], np.uint64),
        np.array([number & 2**64 - 1 for _, number, _ in cases], np.uint64),
        np.array([bits for bits, _, _ in cases]),
        np.array([tweak for _, _, tweak in cases], np.uint64),
    )
    for (bits, number, tweak), high, low in zip(cases, upper, lower, strict=True):
        size = (bits + 1) // 2
        halves = [number >> size, number % 2**size]
        for i in range(10):
            block = halves[1 - i % 2].to_bytes(8, "little") + tweak.to_bytes(7, "little")
            drawn = KEYED(Column.of([block + bytes([i])]))[0, :8].tobytes()
            wide = 2 ** (size if i % 2 else bits - size)
            halves[i % 2] ^= int.from_bytes(drawn, "little") % wide
        assert int(high) << 64 | int(low) == halves[0] << size | halves[1]


def test_what_does_not_fit_is_permuted_again() -> None:
    low = np.arange(0, 4096, 3, dtype=np.uint64)
    rows = len(low)
    zeros, bits = np.zeros(rows, np.uint64), np.full(rows, 12)

    def fits(_: Any, __: Any, number: Any) -> Any:
        return number % 3 == 0

    _, found = Numbers(KEY).permuted(zeros, low, bits, zeros, fits)
    assert sorted(found.tolist()) == low.tolist()
    assert found.tolist() != low.tolist()


def test_there_is_no_permutation_without_a_key() -> None:
    with pytest.raises(ValueError, match="key of 0 bytes"):
        Numbers(b"")


# The text of IPv6 addresses

GROUPS = st.sampled_from([0, 0, 0, 0, 1, 0xFFFF]) | st.integers(0, 0xFFFF)
NUMBERS = st.lists(GROUPS, min_size=8, max_size=8).map(
    lambda groups: sum(group << 16 * i for i, group in enumerate(groups))
)
GROUP_TEXTS = st.lists(
    st.sampled_from(["0", "1", "ab", "CD", "0fA", "1234", "", "00000", "g"])
    | st.sampled_from(["0", "1", "ab", "00", "0fA", "1234"]),
    max_size=9,
)
V4_TEXTS = st.one_of(
    V4, st.sampled_from(["1.2.3", "01.2.3.4", "1.2.3.256", "1.2.3.4.", "1.2.3.4/8"])
)


@st.composite
def addresses_of_sorts(draw: Any) -> bytes:
    """Texts that are IPv6 addresses, or might well be."""
    text: str
    front, behind = draw(GROUP_TEXTS), draw(GROUP_TEXTS)
    text = ":".join(front[: 8 - len(behind)] if draw(st.booleans()) else front)
    if draw(st.integers(0, 3)):
        text += "::" + ":".join(behind)
    if not draw(st.integers(0, 3)):
        text += draw(st.sampled_from([":", "", "::"])) + draw(V4_TEXTS)
    text += draw(st.sampled_from(["", "", "", "", ":", "%eth0", "\0", " ", "\xff"]))
    return text.encode()[:45]


MASK_TEXTS = st.integers(0, 140).map(str) | st.sampled_from(
    ["", "007", "0128", "1/2", "/", "x", "-1"]
)


def as_the_system_reads(value: bytes) -> tuple[int, int] | None:
    """The number of an IPv6 address, and its mask or -1."""
    text, slash, mask = value.partition(b"/")
    if slash and not (mask.isdigit() and len(mask) <= 3 and int(mask) <= 128):
        return None
    try:
        number = inet_pton(AF_INET6, text.decode("ascii"))
    except (OSError, ValueError):
        return None
    return int.from_bytes(number, "big"), int(mask) if slash else -1


@given(
    st.lists(
        st.tuples(
            st.one_of(
                addresses_of_sorts(),
                NUMBERS.map(lambda number: str(ipaddress.IPv6Address(number)).encode()),
                NUMBERS.map(lambda number: ipaddress.IPv6Address(number).exploded.encode()),
            ),
            st.none() | MASK_TEXTS,
        ),
        min_size=1,
        max_size=40,
    )
)
@settings(deadline=None)
def test_ipv6_addresses_are_read_as_the_system_reads_them(
    texts: list[tuple[bytes, str | None]],
) -> None:
    values = [text + (b"" if mask is None else f"/{mask}".encode()) for text, mask in texts]
    values = [value for value in values if len(value) <= ip6_text.LONGEST]
    column = Column.of(list(values))
    found = parse(column)
    usual = in_usual_spelling(column, found)
    for i, value in enumerate(values):
        expected = as_the_system_reads(value)
        assert bool(found.is_v6[i]) is (expected is not None)
        if expected is None:
            continue
        number, mask = expected
        assert int(found.high[i]) << 64 | int(found.low[i]) == number
        assert (int(found.mask[i]) if found.has_mask[i] else -1) == mask
        spelt = inet_ntop(AF_INET6, number.to_bytes(16, "big")) + (f"/{mask}" if mask >= 0 else "")
        assert bool(usual[i]) is (value == spelt.encode())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("::2:3:4:5:6:7:8", 0x0002_0003_0004_0005_0006_0007_0008),
        ("1:2:3:4:5:6:7::", 0x0001_0002_0003_0004_0005_0006_0007_0000),
        ("1:2:3::5:6:7:8", 0x0001_0002_0003_0000_0005_0006_0007_0008),
        ("::", 0),
        ("::1", 1),
        ("1::", 1 << 112),
        ("1:2:3:4:5:6:255.0.0.1", 0x0001_0002_0003_0004_0005_0006_FF00_0001),
        ("::2:3:4:5:6:255.0.0.1", 0x0002_0003_0004_0005_0006_FF00_0001),
        ("1:2:3:4:5::255.0.0.1", 0x0001_0002_0003_0004_0005_0000_FF00_0001),
        ("1:2:3:4:5:6::255.0.0.1", None),
        ("1:2:3:4:5:6:7:255.0.0.1", None),
        ("::1:2:3:4:5:6:7:8", None),
        ("1:2:3:4:5:6:7:8::", None),
        ("1:2:3:4:5:6:7:8:9", None),
        ("1:2:3:4:5:6:7", None),
        ("1::3::5", None),
        (":::", None),
        (":1:2:3:4:5:6:7:8", None),
        ("1:2:3:4:5:6:7:8:", None),
        (":1::", None),
        ("::1:", None),
        ("::12345", None),
        ("255.0.0.1::", None),
    ],
)
def test_gaps_of_ipv6_addresses(text: str, number: int | None) -> None:
    # Neighbours of another shape, so that rows don't lend each other anything.
    column = Column.of([b"::1", text.encode(), b"1:2:3:4:5:6:7:8", b"1.2.3.4"])
    found = parse(column)
    assert found.valid.tolist() == [True, number is not None, True, True]
    assert found.low[[0, 2]].tolist() == [1, 0x0005_0006_0007_0008]
    if number is not None:
        assert int(found.high[1]) << 64 | int(found.low[1]) == number


@given(st.lists(st.tuples(NUMBERS, st.integers(-1, 128)), min_size=1, max_size=40))
@settings(deadline=None)
def test_ipv6_addresses_are_written_as_the_system_writes_them(
    addresses: list[tuple[int, int]],
) -> None:
    text, length = ip6_text.written(
        np.array([number >> 64 for number, _ in addresses], np.uint64),
        np.array([number & 2**64 - 1 for number, _ in addresses], np.uint64),
        np.array([mask for _, mask in addresses]),
    )
    for row, size, (number, mask) in zip(text, length, addresses, strict=True):
        spelt = inet_ntop(AF_INET6, number.to_bytes(16, "big")) + (f"/{mask}" if mask >= 0 else "")
        assert row.tobytes() == spelt.encode().ljust(48, b"\0")
        assert size == len(spelt)


# IP addresses


@given(st.lists(ADDRESSES, min_size=1, max_size=10))
@settings(deadline=None)
def test_an_address_becomes_a_private_one_with_its_mask(values: list[bytes]) -> None:
    for kind in (Kind.TEXT, Kind.INET):
        for value, new in zip(values, apply("ip-address", list(values), kind), strict=True):
            old, found = read(value), read(new)
            assert found.version == old.version
            assert (b"/" in (new or b"")) is (b"/" in value)
            assert found.network.prefixlen == old.network.prefixlen
            private = {4: "10.0.0.0/8", 6: "fd00::/8"}[old.version]
            if found.network.prefixlen >= 8:
                assert found.network.subnet_of(ipaddress.ip_network(private))  # type: ignore[arg-type]  # of one version
            if b"/" in value and is_network(old):
                assert is_network(found)


@pytest.mark.parametrize(("bits", "bits_v6"), [(0, 0), (1, 10), (16, 48), (24, 64), (31, 127)])
@given(st.lists(st.one_of(V4, V6).map(str.encode), min_size=1, max_size=10))
@settings(deadline=None, max_examples=30)
def test_so_many_bits_of_an_address_stay(bits: int, bits_v6: int, values: list[bytes]) -> None:
    options: dict[str, Any] = {"keep_network": bits, "keep_network_v6": bits_v6}
    for target in (Target(Kind.TEXT), UNIQUE):
        outcome = apply("ip-address", list(values), target=target, **options)
        for value, new in zip(values, outcome, strict=True):
            old, found = read(value).ip, read(new).ip
            assert old.version == found.version
            size = old.max_prefixlen
            kept = bits if size == 32 else bits_v6
            assert int(old) >> (size - kept) == int(found) >> (size - kept)


def test_the_bits_that_do_not_stay_vary() -> None:
    values: list[bytes | None] = [b"192.0.2.%d" % (i % 256) for i in range(256)]
    choices: list[dict[str, Any]] = [{"keep_network": 8}, {}]
    for options in choices:
        outcome = [int(read(value).ip) for value in apply("ip-address", values, **options)]
        for bit in range(24):
            assert 80 < sum(number >> bit & 1 for number in outcome) < 176


@pytest.mark.parametrize(
    "value",
    [
        b"unknown",
        b"192.0.2",
        b"192.0.2.256",
        b"192.0.2.1.5",
        b"192.0.02.1",
        b"192.0.2.1/33",
        b"192.0.2.1/",
        b"192.0.2.1/08",
        b"192.0.2./8",
        b"1921.0.2.1",
        b"192.0.2.1 ",
        b"192.0.2.1\0",
        b"-1.0.0.0",
        b"2001:db8::g",
        b"2001:db8::1/129",
        b"fe80::1%eth0",
        b":",
        b"\xff\xfe",
        b"9" * 100,
        "\uff11.1.1.1".encode(),
    ],
)
def test_what_is_no_address_becomes_one_or_stops(value: bytes) -> None:
    assert re.fullmatch(rb"10(\.[0-9]{1,3}){3}", one("ip-address", value))
    with pytest.raises(TransformError, match="no IP address") as caught:
        apply("ip-address", [None, b"", b"192.0.2.1", value], target=UNIQUE)
    assert caught.value.row == 3
    assert "token" in (caught.value.hint or "")


@pytest.mark.parametrize("value", [b"2001:DB8::1", b"2001:db8:0::1", b"::1/064"])
def test_another_spelling_stops_where_values_stay_distinct(value: bytes) -> None:
    assert read(one("ip-address", value)).version == 6
    with pytest.raises(TransformError, match="usual spelling"):
        apply("ip-address", [value], target=UNIQUE)


@pytest.mark.parametrize(
    ("kept", "values"),
    [
        (0, [f"{a}.{b}.{c}.7" for a, b, c in itertools.product(range(64), repeat=3)]),
        (16, [f"192.0.{c}.{d}" for c in range(256) for d in range(256)]),
        (24, [f"192.0.2.{d}/{m}" for d in range(256) for m in range(24, 33)]),
        (31, ["192.0.2.6", "192.0.2.7"]),
        (4, [f"{16 * a}.0.0.0/{m}" for a in range(16) for m in range(4, 9)]),
        (2, [f"{a}.0.0.0/{m}" for a in range(256) for m in range(2, 33)]),
    ],
)
def test_distinct_addresses_stay_distinct(kept: int, values: list[str]) -> None:
    encoded = [value.encode() for value in dict.fromkeys(values)]
    assert outcomes("ip-address", encoded, target=UNIQUE, keep_network=kept) == len(encoded)
    prefix = int(ipaddress.IPv6Address("2001:db8::"))
    wide = [prefix + int(ipaddress.IPv4Interface(value).ip) for value in values[:5000]]
    encoded = [str(ipaddress.IPv6Address(number)).encode() for number in dict.fromkeys(wide)]
    found = outcomes("ip-address", encoded, target=UNIQUE, keep_network_v6=96 + kept)
    assert found == len(encoded)


@given(st.lists(ADDRESSES, min_size=1, max_size=60, unique=True))
@settings(deadline=None)
def test_networks_and_hosts_of_all_sorts_stay_distinct(values: list[bytes]) -> None:
    target = Target(Kind.INET, unique=True)
    outcome = apply("ip-address", list(values), Kind.INET, target=target)
    assert len(set(outcome)) == len(values)
    for value, new in zip(values, outcome, strict=True):
        assert is_network(read(new)) is is_network(read(value)) or b"/" not in value


@pytest.mark.parametrize(("most", "longest"), [(15, 15), (18, 18), (39, 39), (43, 43)])
@given(st.lists(ADDRESSES, min_size=1, max_size=10))
@settings(deadline=None, max_examples=30)
def test_an_address_fits_the_column(most: int, longest: int, values: list[bytes]) -> None:
    for new in apply("ip-address", list(values), target=Target(Kind.TEXT, Limits(max_chars=most))):
        assert read(new)
        assert len(new or b"") <= longest


def test_effects_and_refusals_of_ip_address() -> None:
    def made(target: Target, draw: Any) -> Uniqueness:
        return build("ip-address", {}, target=target, draw=draw).effects.uniqueness

    assert made(Target(Kind.TEXT), KEYED) is Uniqueness.MAY_COLLIDE
    assert made(UNIQUE, KEYED) is Uniqueness.PERMUTES
    with pytest.raises(UsageError, match="masking key"):
        made(UNIQUE, RANDOM)
    with pytest.raises(UsageError, match="more than the 14 characters"):
        made(Target(Kind.TEXT, Limits(max_chars=14)), KEYED)
    for options in ({"keep_network": 32}, {"keep_network_v6": 128}, {"keep_network": -1}):
        with pytest.raises(UsageError, match="option keep_network"):
            build("ip-address", options, target=UNIQUE, draw=KEYED)


# MAC addresses


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (b"00:1b:44:11:3a:b7", rb"h[26ae](:hh){5}"),
        (b"00-1B-44-11-3A-B7", rb"H[26AE](-HH){5}"),
        (b"001b.4411.3ab7", rb"h[26ae]hh(\.hhhh){2}"),
        (b"001B44113AB7", rb"H[26AE]HHHHHHHHHH"),
        (b"00:1b:44:11:3a:b7:00:01", rb"h[26ae](:hh){7}"),
        (b"001b44-113ab7", rb"h[26ae]hhhh-hhhhhh"),
        (b"00:11:22:33:44:55", rb"h[26ae](:hh){5}"),
        (b"unknown", rb"h[26ae](:hh){5}"),
        (b"00:1b:44:11:3a", rb"h[26ae](:hh){5}"),
        (b"00:1b:44:11:3a:b7 ", rb"h[26ae](:hh){5}"),
        (b"00:1b:44:11:3a:b7\0", rb"h[26ae](:hh){5}"),
        (b"\xff" * 12, rb"h[26ae](:hh){5}"),
        (b"0" * 1000, rb"h[26ae](:hh){5}"),
    ],
)
def test_a_mac_address_keeps_its_shape(value: bytes, form: bytes) -> None:
    form = form.replace(b"h", b"[0-9a-f]").replace(b"H", b"[0-9A-F]")
    outcome = apply("mac-address", [b"0:1", value, None, b"", b"00-1B-44-11-3A-B7"])
    assert re.fullmatch(form, outcome[1] or b"")
    assert outcome[2:4] == [None, b""]
    seen = {one("mac-address", value, draw=RANDOM) for _ in range(50)}
    assert len(seen) == 50


def test_the_vendor_s_digits_stay() -> None:
    values: list[bytes | None] = [b"00:1B:44:11:3A:%02X" % i for i in range(256)]
    values += [b"001b.4411.3a%02x" % i for i in range(256)]
    outcome = apply("mac-address", values, keep_vendor=True)
    assert all((value or b"").startswith(b"00:1B:44:") for value in outcome[:256])
    assert all((value or b"").startswith(b"001b.44") for value in outcome[256:])
    assert len({(value or b"")[-5:] for value in outcome[:256]}) > 250


@pytest.mark.parametrize("form", [b"00:1b:44:%02x:%02x:%02x", b"001B44%02X%02X%02X"])
def test_distinct_mac_addresses_stay_distinct(form: bytes) -> None:
    values = [form % (i >> 16, i >> 8 & 255, i & 255) for i in range(1_000_000)]
    assert outcomes("mac-address", values, target=UNIQUE, keep_vendor=True) == len(values)


def test_mac_addresses_of_a_column_of_them_stay_distinct() -> None:
    target = Target(Kind.MACADDR, unique=True)
    values = [b"00:1b:44:%02x:%02x:07" % (i >> 8, i & 255) for i in range(65_536)]
    values += [value + b":00:01" for value in values]
    assert outcomes("mac-address", values, target=target, keep_vendor=True) == len(values)


def test_mac_addresses_in_either_case_stay_distinct() -> None:
    some = [b"00:11:22:%02x:%02x:0a" % (i >> 8, i & 255) for i in range(20_000)]
    some += [b"00:11:22:%02d:%02d:33" % (i // 100, i % 100) for i in range(10_000)]
    values = list(dict.fromkeys(some + [value.upper() for value in some]))
    assert outcomes("mac-address", values, target=UNIQUE, keep_vendor=True) == len(values)


@pytest.mark.parametrize("value", [b"unknown", b"00:1b:44:11:3A:B7", b"00:1b:44"])
def test_what_is_no_mac_address_stops_where_values_stay_distinct(value: bytes) -> None:
    with pytest.raises(TransformError, match="no MAC address") as caught:
        apply("mac-address", [b"", b"001b44113ab7", value], target=UNIQUE, keep_vendor=True)
    assert caught.value.row == 2


@pytest.mark.parametrize(("most", "length"), [(17, 17), (16, 12), (12, 12)])
def test_a_made_up_mac_address_fits_the_column(most: int, length: int) -> None:
    (value,) = apply("mac-address", [b"n/a"], target=Target(Kind.TEXT, Limits(max_chars=most)))
    assert len(value or b"") == length


@pytest.mark.parametrize(
    ("target", "draw", "match"),
    [
        (UNIQUE, KEYED, "48 bits"),
        (Target(Kind.MACADDR, unique=True), KEYED, "48 bits"),
        (Target(Kind.TEXT, Limits(max_chars=11)), KEYED, "more than the 11 characters"),
    ],
)
def test_mac_addresses_that_can_not_be(target: Target, draw: Any, match: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        build("mac-address", {}, target=target, draw=draw)
    assert caught.value.hint


def test_a_permutation_needs_a_key() -> None:
    with pytest.raises(UsageError, match="masking key"):
        build("mac-address", {"keep_vendor": True}, target=UNIQUE, draw=RANDOM)
    made = build("mac-address", {"keep_vendor": True}, target=UNIQUE, draw=KEYED)
    assert made.effects.uniqueness is Uniqueness.PERMUTES


# Both


@pytest.mark.parametrize(
    ("name", "target", "options", "values"),
    [
        ("ip-address", UNIQUE, {}, [b"192.0.2.1", b"2001:db8::1", b"192.0.2.0/24"]),
        ("ip-address", Target(Kind.TEXT), {"keep_network": 8}, [b"192.0.2.1", b"x" * 1_000_000]),
        ("mac-address", UNIQUE, {"keep_vendor": True}, [b"001b44113ab7", b"00-1B-44-11-3A-B7"]),
        ("mac-address", Target(Kind.TEXT), {}, [b"001b44113ab7", b"0" * 1_000_000, b"0"]),
    ],
)
def test_the_value_and_the_key_decide(
    name: str, target: Target, options: dict[str, Any], values: list[bytes | None]
) -> None:
    values = [*values, None, b""]
    outcome = apply(name, values, target=target, **options)
    for value, new in zip(values, outcome, strict=True):
        assert apply(name, [value], target=target, **options) == [new]
        assert (new == value) is (not value)
    other = apply(name, values, target=target, draw=OTHER, **options)
    assert all(a != b for a, b in zip(outcome[:-2], other[:-2], strict=True))


# The replacements under one key stay the same from version to version.
KNOWN: list[tuple[str, Target, dict[str, Any], dict[bytes, bytes]]] = [
    (
        "ip-address",
        Target(Kind.TEXT),
        {},
        {
            b"192.0.2.7": b"10.178.23.152",
            b"192.0.2.7/24": b"10.65.216.85/24",
            b"192.0.2.0/24": b"10.243.51.0/24",
            b"2001:db8::7": b"fd68:789a:d94b:7882:d91:c2d0:f73:da8c",
            b"2001:DB8:0::7/048": b"fd68:21ba:9fb9:467:d54e:1eda:c2da:9db9/48",
            b"2001:db8::/32": b"fd0a:8cda::/32",
            b"::ffff:192.0.2.7": b"fdab:a3e7:afe5:25b0:fffa:a937:6672:9d72",
            b"n/a": b"10.189.226.172",
        },
    ),
    (
        "ip-address",
        Target(Kind.TEXT),
        {"keep_network_v6": 112},
        {
            b"2001:db8::7": b"2001:db8::da8c",
            b"::ffff:192.0.2.7": b"::ffff:192.0.157.114",
            b"::7": b"::30d0",
        },
    ),
    (
        "ip-address",
        UNIQUE,
        {},
        {
            b"192.0.2.7/24": b"22.55.111.166/24",
            b"192.0.2.0/24": b"70.100.216.0/24",
            b"2001:db8::7/64": b"37ae:daf9:1b0d:dc9d:1379:8851:3836:d5fa/64",
            b"2001:db8::/32": b"9ace:9836::/32",
            b"::ffff:192.0.2.7": b"95dd:a533:584b:8040:225c:35ea:ce6a:9951",
        },
    ),
    (
        "ip-address",
        UNIQUE,
        {"keep_network": 16, "keep_network_v6": 48},
        {
            b"192.0.2.7": b"192.0.176.114",
            b"192.0.0.0/8": b"192.0.0.0/8",
            b"2001:db8::7": b"2001:db8:0:6f93:167f:4618:30e5:37af",
        },
    ),
    (
        "mac-address",
        Target(Kind.TEXT),
        {},
        {
            b"00:1B:44:11:3A:B7": b"DA:6D:FF:B0:06:CE",
            b"001b.4411.3ab7.0001": b"9234.727f.c3d2.6ab2",
            b"n/a": b"a6:48:9a:ca:3d:2e",
        },
    ),
    (
        "mac-address",
        UNIQUE,
        {"keep_vendor": True},
        {
            b"00:1B:44:11:3A:B7": b"00:1B:44:1E:97:7D",
            b"00-11-22-33-44-55": b"00-11-22-81-28-84",
            b"001b.4411.3ab7.0001": b"001b.4466.3b41.8d81",
        },
    ),
    (
        "mac-address",
        Target(Kind.MACADDR, unique=True),
        {"keep_vendor": True},
        {b"00:11:22:33:44:55": b"00:11:22:96:b6:7d"},
    ),
]


@pytest.mark.parametrize(("name", "target", "options", "known"), KNOWN)
def test_the_replacements_under_a_key_are_those_of_every_version(
    name: str, target: Target, options: dict[str, Any], known: dict[bytes, bytes]
) -> None:
    outcome = apply(name, list(known), target.kind, target=target, **options)
    assert outcome == list(known.values())
