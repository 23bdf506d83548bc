"""Addresses of hosts in a network: of the Internet Protocol, and of hardware."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from replicate.crypto.feistel import Halves, Numbers, Rows
from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind, Replacement
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.lots import Bytes, hexadecimal
from replicate.transformers.columnar.pools import Assembly, fixed_width, padded
from replicate.transformers.columnar.windows import (
    any_in_row,
    count_in_row,
    is_digit,
    window,
)
from replicate.transformers.networks.ip_text import (
    V4_BITS,
    V6_BITS,
    Addresses,
    in_usual_spelling,
    parse,
    put,
    top,
)
from replicate.transformers.rule import TEXTUAL, Rule

_Flags = npt.NDArray[np.bool_]
_Words = npt.NDArray[np.uint64]
_Integers = npt.NDArray[np.int64]

_NO_PERMUTATION = "values have to stay distinct here, which needs a masking key (consistent: true)"


class IpAddressOptions(base.Options):
    """How many bits of an address stay: the network that it is in."""

    keep_network: int | None = Field(
        default=None, ge=0, lt=V4_BITS, description="bits of an IPv4 address that are kept"
    )
    keep_network_v6: int | None = Field(
        default=None, ge=0, lt=V6_BITS, description="bits of an IPv6 address that are kept"
    )


class IpAddress(Rule):
    """An IPv4 address becomes one of 10.0.0.0/8, an IPv6 address one of fd00::/8.

    These are private ranges, so that the address is nobody's in the internet. With `keep_network`
    (`keep_network_v6`) the first so many bits of the address stay, and the rest is random: 16
    keeps 192.0 of 192.0.2.7. It tells the network that somebody is in.

    A mask such as /24 stays. A network (no bit is set behind its mask) stays one; with
    `keep_network`, one whose mask is no longer than what is kept stays as it is. A value that is no
    address becomes one of 10.0.0.0/8; so does an IPv6 address where the column has no room for one,
    and a mask is left out where there is none for it. A column of fewer than 15 characters is
    refused.

    Values may collide. Where they have to stay distinct, the bits behind those that are kept (none,
    if the option isn't given) are permuted by the masking key. Then any address may come out, those
    of others as well, and a value that is no address, or not in its usual spelling, is an error.
    """

    name = "ip-address"
    summary = "Replaces an IP address or network by a private one, or by one of the same network"
    examples = (
        Example("192.0.2.7"),
        Example("2001:db8::7"),
        Example("192.0.2.7/24", {"keep_network": 16}, kind=Kind.INET),
    )
    kinds = TEXTUAL | {Kind.INET}
    Options: ClassVar[type[base.Options]] = IpAddressOptions

    def __init__(self, options: IpAddressOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._keep = (options.keep_network, options.keep_network_v6)
        most = target.limits.max_chars
        if most is not None and most < _V4_CHARS:
            raise UsageError(
                f"an IP address has more than the {most} characters that the column takes",
                hint="use random, fixed or null",
            )
        self._most = _V6_CHARS + _V6_MASK_CHARS if most is None else most
        if target.unique and draw.key is None:
            raise UsageError(f"ip-address: {_NO_PERMUTATION}", hint="use token, or mask by the key")

    @property
    def effects(self) -> Effects:
        unique = self.target.unique
        return Effects(
            Uniqueness.PERMUTES if unique else Uniqueness.MAY_COLLIDE, TEXTUAL | {Kind.INET}
        )

    def transform(self, column: Column) -> Replacement:
        old = parse(column)
        room = np.where(
            old.is_v6,
            self._most >= _V6_CHARS + _V6_MASK_CHARS * old.has_mask,
            (self._most >= _V4_CHARS + _V4_MASK_CHARS) | ~old.has_mask,
        )
        result = Assembly(column)
        if self.target.unique:
            self._check(column, old, room)
            put(result, self._permuted(old))
        else:
            put(result, self._drawn(old, room, self.draw(column)))
        return result.replacement()

    def _check(self, column: Column, old: Addresses, room: _Flags) -> None:
        fits = old.valid & room
        if self.kind is not Kind.INET:  # which a database has spelt
            fits &= in_usual_spelling(column, old)
        if not fits[column.length > 0].all():
            raise TransformError(
                "a value is no IP address in its usual spelling, or has no room for another one",
                hint="where values have to stay distinct, token replaces whatever there is",
                row=int(np.flatnonzero(~fits & (column.length > 0))[0]),
            )

    def _drawn(self, old: Addresses, room: _Flags, seeds: Bytes) -> Addresses:
        is_v6 = old.is_v6 & room
        known = old.valid & (room | ~old.is_v6)  # else it becomes an IPv4 address of no network
        has_mask = old.has_mask & room
        kept_v4, kept_v6 = self._keep
        keeps = np.where(is_v6, kept_v6 is not None, kept_v4 is not None) & known
        bits = np.where(is_v6, kept_v6 or 0, kept_v4 or 0)
        bits[~keeps] = _PRIVATE_BITS
        high, low = top(bits)
        private = np.where(is_v6, np.uint64(0xFD << 56), np.uint64(10 << 56))
        chance = seeds.view("<u8")
        new = replace(
            old,
            is_v6=is_v6,
            high=np.where(keeps, old.high, private) & high | chance[:, 1] & ~high,
            low=np.where(keeps, old.low, np.uint64(0)) & low | chance[:, 0] & ~low,
            mask=np.where(has_mask, old.mask, np.where(is_v6, V6_BITS, V4_BITS)),
            has_mask=has_mask,
        )
        whole = np.where(is_v6, V6_BITS, V4_BITS)
        return new.cut(np.where(old.is_network & has_mask, new.mask, whole))

    def _permuted(self, old: Addresses) -> Addresses:
        kept_v4, kept_v6 = self._keep
        kept = np.where(old.is_v6, kept_v6 or 0, kept_v4 or 0)
        end = np.where(old.is_v6, V6_BITS, V4_BITS)
        network = old.is_network
        end[network] = old.mask[network]
        bits = np.maximum(end - kept, 0)
        context = np.zeros((len(bits), 4), np.uint64)
        stays_high, stays_low = top(np.minimum(kept, end))
        context[:, 0], context[:, 1] = old.high & stays_high, old.low & stays_low
        context[:, 2], context[:, 3] = old.is_v6, bits
        permutations = Numbers(self.draw.key or b"")  # never none: see __init__
        tweak = permutations.tweaks(context.view(np.uint8))
        before, behind = V6_BITS - bits, top(old.mask)

        def whole(rows: Rows | slice, high: _Words, low: _Words) -> Halves:
            """The addresses whose permuted bits these are."""
            new_high, new_low = _right(_left((high, low), before[rows]), kept[rows])
            return new_high | context[rows, 0], new_low | context[rows, 1]

        # Only a host may come of a host, or it might meet the replacement of a network: one that
        # comes out as a network is permuted again.
        hosts = old.has_mask & ~network

        def fits(rows: Rows | slice, high: _Words, low: _Words) -> _Flags:
            new_high, new_low = whole(rows, high, low)
            unset = new_high & ~behind[0][rows] | new_low & ~behind[1][rows]
            found: _Flags = (unset != 0) | ~hosts[rows]
            return found

        number = _right(_left((old.high, old.low), kept), before)
        number = permutations.permuted(*number, bits, tweak, fits if hosts.any() else None)
        high, low = whole(slice(None), *number)
        return replace(old, high=high, low=low)


_PRIVATE_BITS = 8
_V4_CHARS, _V4_MASK_CHARS = 15, 3
_V6_CHARS, _V6_MASK_CHARS = 39, 4


def _left(number: Halves, by: _Integers) -> Halves:
    """Shifted by 0 to 128 bits to the left."""
    if not by.any():
        return number
    high, low = number
    far = by >= 64
    high, low = np.where(far, low, high), np.where(far, np.uint64(0), low)
    by = by - 64 * far
    over = _shift(low, by - 64)
    return _shift(high, by) | over, _shift(low, by)


def _right(number: Halves, by: _Integers) -> Halves:
    if not by.any():
        return number
    high, low = number
    far = by >= 64
    high, low = np.where(far, np.uint64(0), high), np.where(far, high, low)
    by = by - 64 * far
    return _shift(high, -by), _shift(low, -by) | _shift(high, 64 - by)


def _shift(words: _Words, by: _Integers) -> _Words:
    """Shifted to the left, or to the right where `by` is less than 0; 64 and more clear it."""
    distance = np.abs(by)
    near = (distance & 63).astype(np.uint64)
    shifted: _Words = np.where(by < 0, words >> near, words << near)
    shifted[distance >= 64] = 0
    return shifted


class MacAddressOptions(base.Options):
    """Whether the vendor's part of an address stays."""

    keep_vendor: bool = Field(
        default=False, description="keep the first three bytes, which tell who made the device"
    )


class MacAddress(Rule):
    """The hexadecimal digits of a MAC address (12 or 16) are replaced, and its shape stays.

    Colons, dashes and dots stay where they are, and so do capitals. The result has the bits of a
    locally administered unicast address, which no device has by birth. With `keep_vendor` the
    first six digits stay as they are, and the rest is random. A value that is no MAC address
    becomes one of six bytes with colons, or without if the column has no room for 17 characters.

    Values may collide. Where they have to stay distinct, `keep_vendor` is needed: the bits behind
    the vendor's are then permuted by the masking key, and a value that is no MAC address, or that
    mixes capitals and small letters, is an error.
    """

    name = "mac-address"
    summary = "Replaces the digits of a MAC address and keeps its shape"
    examples = (
        Example("00:1B:44:11:3A:B7"),
        Example("00:1B:44:11:3A:B7", {"keep_vendor": True}),
    )
    kinds = TEXTUAL | {Kind.MACADDR}
    Options: ClassVar[type[base.Options]] = MacAddressOptions

    def __init__(self, options: MacAddressOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._keep_vendor = options.keep_vendor
        most = target.limits.max_chars
        self._colons = most is None or most >= len(_FORM)
        if most is not None and most < _SHORT:
            raise UsageError(
                f"a MAC address has more than the {most} characters that the column takes",
                hint="use random, fixed or null",
            )
        if target.unique and not options.keep_vendor:
            raise UsageError(
                "mac-address can't keep values distinct that have 48 bits, with the 46 that it has",
                hint="give it keep_vendor: true, or use token",
            )
        if target.unique and draw.key is None:
            raise UsageError(
                f"mac-address: {_NO_PERMUTATION}", hint="use token, or mask by the key"
            )

    @property
    def effects(self) -> Effects:
        unique = self.target.unique
        return Effects(
            Uniqueness.PERMUTES if unique else Uniqueness.MAY_COLLIDE, TEXTUAL | {Kind.MACADDR}
        )

    def transform(self, column: Column) -> Replacement:
        text = window(column)
        capital, small = text - np.uint8(ord("A")) < 6, text - np.uint8(ord("a")) < 6
        digit = is_digit(text) | capital | small
        separator = (text == ord(":")) | (text == ord("-")) | (text == ord("."))
        count = count_in_row(digit)
        fits = (count == _SHORT) | (count == _LONG)
        fits &= column.length == count + count_in_row(separator)
        capitals = any_in_row(capital) & fits
        # From here on other values have no digits.
        digit &= fits[:, None]
        count *= fits
        at, of = np.flatnonzero(digit), np.flatnonzero(count.astype(np.uint8)[:, None] > _PLACES)
        old = np.zeros((len(text), _LONG), np.uint8)
        old.reshape(-1)[of] = text.take(at)
        if self.target.unique:
            self._check(column, fits & ~(capitals & any_in_row(small)))
            drawn = self._permuted(old, count)
        else:
            drawn = hexadecimal(_local(self.draw(column)))
        new = drawn[:, :_LONG].copy()  # written to, unlike what is drawn
        new -= ((new >= ord("a")) & capitals[:, None]) * _CASE
        if self._keep_vendor:
            new[:, :_VENDOR] = old[:, :_VENDOR]
        text.reshape(-1)[at] = new.take(of)
        others = np.flatnonzero(~fits & (column.length > 0))
        text[others] = 0
        result = Assembly(column)
        result.put(None, *padded(text, np.where(fits, column.length, 0)))
        if others.size:
            result.put(others, *fixed_width(self._made_up(drawn[others])))
        return result.replacement()

    def _check(self, column: Column, fits: _Flags) -> None:
        unfit = ~fits & (column.length > 0)
        if unfit.any():
            raise TransformError(
                "a value is no MAC address of 12 or 16 digits, all written in one case",
                hint="where values have to stay distinct, token replaces whatever there is",
                row=int(np.flatnonzero(unfit)[0]),
            )

    def _permuted(self, digits: Bytes, count: _Integers) -> Bytes:
        """The digits of each address, those behind the vendor's permuted: uint8 (rows, 32)."""
        values = (digits & np.uint8(15)) + (digits >= ord("A")) * np.uint8(9)
        pairs = values[:, 0::2] << 4 | values[:, 1::2]  # (rows, 8)
        number = pairs.view(">u8")[:, 0].astype(np.uint64)
        bits = 4 * (np.clip(count, _SHORT, _LONG) - _VENDOR)
        unused = (4 * (_LONG - np.clip(count, _SHORT, _LONG))).astype(np.uint64)
        vendor = number >> np.uint64(40) << np.uint64(40)
        context = np.stack((vendor, bits.astype(np.uint64)), axis=1).view(np.uint8)
        permutations = Numbers(self.draw.key or b"")  # never none: see __init__
        tweak = permutations.tweaks(context)
        lettered = _has_letter(number)

        any_fits = count == 0  # of nothing

        def fits(rows: Rows | slice, _: _Words, rest: _Words) -> _Flags:
            has_letter = _has_letter(vendor[rows] | rest << unused[rows])
            found: _Flags = (has_letter == lettered[rows]) | any_fits[rows]
            return found

        # What has a letter keeps one, and what has none gets none: its case is that of the value,
        # and two that differ in nothing else must not meet.
        rest = (number ^ vendor) >> unused
        alike = None if self.kind is Kind.MACADDR else fits
        _, rest = permutations.permuted(np.zeros_like(rest), rest, bits, tweak, alike)
        out = np.zeros((len(digits), 16), np.uint8)
        out[:, :8] = (vendor | rest << unused).astype(">u8")[:, None].view(np.uint8)
        return hexadecimal(out)

    def _made_up(self, drawn: Bytes) -> Bytes:
        digits = np.ascontiguousarray(drawn[:, :_SHORT])
        if not self._colons:
            return digits
        text = np.empty((len(digits), len(_FORM)), np.uint8)
        text[:] = np.frombuffer(_FORM, np.uint8)
        text[:, _FORM_DIGITS] = digits
        return text


_SHORT, _LONG = 12, 16  # digits
_VENDOR = 6  # digits of the vendor's part
_FORM = b"00:00:00:00:00:00"
_FORM_DIGITS = np.array([i for i in range(len(_FORM)) if i % 3 != 2])
_PLACES = np.arange(_LONG, dtype=np.uint8)
_CASE = np.uint8(0x20)


def _has_letter(number: _Words) -> _Flags:
    """Whether any hexadecimal digit of each number is A to F."""
    # A digit is one where its bit of 8 is set, and that of 4 or 2.
    high = number & np.uint64(0x8888888888888888)
    found: _Flags = (high & (number << np.uint64(1) | number << np.uint64(2))) != 0
    return found


def _local(seeds: Bytes) -> Bytes:
    """The draws with the bits of a locally administered unicast address."""
    local = seeds.copy()
    local[:, 0] = local[:, 0] & 0xFC | 0x02
    return local
