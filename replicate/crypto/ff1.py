"""FF1 (NIST SP 800-38G) with AES-256 of many strings at once: keyed permutations of strings.

A string of symbols below a radix becomes another one of the same length, and no two become the
same. FF1 is a Feistel network of ten rounds. The strings are independent of each other, so those of
many lengths go through a round in one call of AES. All blocks that AES is given but the last are
the same in every round, as they hold the radix, the length and the tweak: they are computed once.

The standard asks for a domain of a million strings at least. Shorter strings are looked up in a
table of all of them, in an order that the key decides: a permutation without any structure at all.
Strings that are too long for arithmetic in 64 bits are computed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from replicate.crypto import keys
from replicate.crypto.prf import SLACK, Prf

SMALLEST = 1_000_000
"""Strings in the smallest domain that FF1 permutes; those of a smaller one are in a table."""

_KEY_LENGTH = 32
_BLOCK = 16
_ROUNDS = 10
_BATCH = 16384  # rows in lockstep: what a round goes through stays in the cache
_HALF_BITS = 56  # of a half that is reckoned with in 64 bits, a byte being left for what comes in
_MEMBER, _TWEAK = 1, 2  # what a message of the tables' function begins with

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]
_Way = Callable[[Bytes, Integers, int, Bytes, bool], Bytes]


def fits_lockstep(radix: int, length: int) -> bool:
    """Whether strings of this length are permuted all at once; longer ones go one by one."""
    return _domain(radix, length - length // 2) <= 1 << _HALF_BITS


class Permutation:
    """The permutations of strings under one key of 32 bytes: one for each tweak, radix and length.

    May be pickled, and used by several threads at once.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_LENGTH:
            raise ValueError(f"a key of {len(key)} bytes, where {_KEY_LENGTH} are needed")
        self._key = bytes(key)
        self._aes = algorithms.AES(self._key)
        self._prf = Prf(keys.derive(self._key, "permutations of small domains", b""))
        self._tables: dict[tuple[int, int], npt.NDArray[np.int32]] = {}

    def __reduce__(self) -> tuple[type[Permutation], tuple[bytes]]:
        return Permutation, (self._key,)

    def permute(self, symbols: Bytes, length: Integers, radix: int, tweak: Bytes) -> Bytes:
        """Other strings in place of these, one to one for each `radix`, length and tweak.

        Shapes: `symbols` uint8 (rows, width), of which the first ``length[i]`` of row i are its
        string, each below `radix`; `length` int64 (rows,), 0 to width; `tweak` uint8 (rows, any),
        or (1, any) for all rows. Returns new uint8 (rows, width), with zeros behind the strings.
        `radix` is 2 to 256. Raises ValueError for another shape, or a symbol that is too large.
        """
        return self._all(symbols, length, radix, tweak, backwards=False)

    def restore(self, symbols: Bytes, length: Integers, radix: int, tweak: Bytes) -> Bytes:
        """The strings that `permute` made these of; of the same shapes."""
        return self._all(symbols, length, radix, tweak, backwards=True)

    def _all(
        self, symbols: Bytes, length: Integers, radix: int, tweak: Bytes, *, backwards: bool
    ) -> Bytes:
        _check(symbols, length, radix, tweak)
        out = np.zeros_like(symbols)
        ways = self._ways(length, radix, tweak.shape[1])
        for sizes, way in ways:
            alone = len(ways) == 1 and bool(length.all())
            rows = np.arange(len(length)) if alone else np.flatnonzero(np.isin(length, sizes))
            for at in range(0, len(rows), _BATCH):
                part: Rows | slice = rows[at : at + _BATCH]
                if len(rows) == len(symbols):
                    part = slice(at, at + _BATCH)
                chosen = tweak if len(tweak) == 1 else tweak[part]
                strings = np.ascontiguousarray(symbols[part, : sizes[-1]])
                size = length[part] if len(sizes) > 1 else np.array(sizes, np.int64)
                out[part, : sizes[-1]] = way(strings, size, radix, chosen, backwards)
        return out

    def _ways(
        self, length: Integers, radix: int, tweak_length: int
    ) -> list[tuple[list[int], _Way]]:
        """The lengths that there are, but for 0, with the way that strings of them go together."""
        ways: dict[tuple[int, int], tuple[list[int], _Way]] = {}
        for size in np.flatnonzero(np.bincount(length)).tolist() if len(length) else []:
            width = _bytes_of_half(radix, size)
            if size and _domain(radix, size) < SMALLEST:
                ways[size, 0] = ([size], self._looked_up)
            elif size and not fits_lockstep(radix, size):
                ways[size, 0] = ([size], self._one_by_one)
            elif size:
                together = _step(width), -_blocks(tweak_length, width)
                ways.setdefault(together, ([], self._lockstep))[0].append(size)
        return list(ways.values())

    def _lockstep(
        self, strings: Bytes, size: Integers, radix: int, tweak: Bytes, backwards: bool
    ) -> Bytes:
        sizes, kind = np.unique(size, return_inverse=True)
        width = np.array([_bytes_of_half(radix, n) for n in sizes.tolist()], np.uint64)
        step = _step(int(width[0]))
        encrypt = self._encryptor()
        head = b"".join(_first_block(radix, n, tweak.shape[1]) for n in sizes.tolist())
        begun = encrypt(np.frombuffer(head, np.uint64).reshape(-1, 2))
        blocks = _blocks(tweak.shape[1], int(width[0]))
        fixed = _fixed_part(encrypt, begun[kind], tweak, blocks)
        cut = size // 2
        longest = int((size - cut).max())
        powers = np.array([_domain(radix, n) for n in range(longest + 1)], np.uint64)
        moduli = powers[cut], powers[size - cut]
        shift = np.uint64(8) * width[kind]

        # Both halves keep their places, and each round changes one of them by the other.
        spans = (np.zeros_like(cut), cut), (cut, size)
        halves = [_number(strings, *span, radix) for span in spans]
        block = np.empty((len(strings), 2), np.uint64)
        for i in _rounds(backwards=backwards):
            changed, other = i % 2, 1 - i % 2
            last = halves[other] | np.uint64(i) << shift
            block[:] = fixed
            block[:, 1] ^= last.astype(">u8").view(np.uint64)
            modulus = moduli[changed]
            drawn = _drawn(encrypt(block), modulus, step)
            if backwards:
                drawn = modulus - drawn
            drawn += halves[changed]
            drawn -= (drawn >= modulus) * modulus
            halves[changed] = drawn
        new = np.zeros_like(strings)
        for half, span in zip(halves, spans, strict=True):
            _spell(half, *span, radix, new)
        return new

    def _one_by_one(
        self, strings: Bytes, _size: Integers, radix: int, tweak: Bytes, backwards: bool
    ) -> Bytes:
        rows, size = strings.shape
        cut = size // 2
        moduli = _domain(radix, cut), _domain(radix, size - cut)
        width = _bytes_of_half(radix, size)
        length = 4 * -(-width // 4) + 4  # bytes that a round adds
        head = _first_block(radix, size, tweak.shape[1])
        new = np.empty_like(strings)
        for row in range(rows):
            string = strings[row].tolist()
            halves = [_integer(string[:cut], radix), _integer(string[cut:], radix)]
            before = head + tweak[row % len(tweak)].tobytes()
            before += bytes((-tweak.shape[1] - width - 1) % _BLOCK)
            for i in _rounds(backwards=backwards):
                changed = i % 2
                message = before + bytes([i]) + halves[1 - changed].to_bytes(width, "big")
                y = int.from_bytes(self._long_draw(message, length), "big")
                halves[changed] = (halves[changed] + (-y if backwards else y)) % moduli[changed]
            new[row, :cut] = _digits(halves[0], radix, cut)
            new[row, cut:] = _digits(halves[1], radix, size - cut)
        return new

    def _long_draw(self, message: bytes, length: int) -> bytes:
        """The CBC-MAC of a message of whole blocks, and what AES makes of it and a counter."""
        chain = Cipher(self._aes, modes.CBC(bytes(_BLOCK))).encryptor()
        mac = chain.update(message)[-_BLOCK:]
        number = int.from_bytes(mac, "big")
        counted = b"".join(
            (number ^ j).to_bytes(_BLOCK, "big") for j in range(1, -(-length // _BLOCK))
        )
        plain = Cipher(self._aes, modes.ECB()).encryptor()  # noqa: S305 - FF1's own
        return (mac + plain.update(counted))[:length]

    def _encryptor(self) -> Callable[[Words], Words]:
        """AES of each row of a C-contiguous uint64 (rows, 2), as a new one."""
        # A context of this call's own: update_into can't be called by two threads on one.
        update = Cipher(self._aes, modes.ECB()).encryptor().update_into  # noqa: S305 - FF1's own

        def encrypt(blocks: Words) -> Words:
            buffer = np.empty(len(blocks) * 2 + 2, np.uint64)  # as long as update_into asks, or so
            update(blocks.data.cast("B"), buffer.data.cast("B"))
            return buffer[:-2].reshape(-1, 2)

        return encrypt

    def _looked_up(
        self, strings: Bytes, each: Integers, radix: int, tweak: Bytes, backwards: bool
    ) -> Bytes:
        size = strings.shape[1]
        domain = _domain(radix, size)
        table = self._table(radix, size)
        # Each tweak has a permutation of its own: two looks, and a step of its own before each.
        message = np.empty((len(tweak), tweak.shape[1] + 4), np.uint8)
        message[:, :4] = (_TWEAK, radix - 1, size, 0)
        message[:, 4:] = tweak
        step = _macs(self._prf, message).view("<u4")[:, :2].astype(np.int64)
        step %= domain
        place = _number(strings, np.zeros_like(each), each, radix).view(np.int64)
        if backwards:
            back = np.argsort(table)
            for i in (1, 0):
                place = back[place] - step[:, i]
                place += (place < 0) * domain
        else:
            for i in (0, 1):
                place = place + step[:, i]
                place -= (place >= domain) * domain
                place = table.take(place).astype(np.int64)
        new = np.empty_like(strings)
        _spell(place.astype(np.uint64), np.zeros_like(each), each, radix, new)
        return new

    def _table(self, radix: int, size: int) -> npt.NDArray[np.int32]:
        """What each string of a small domain becomes, as numbers."""
        found = self._tables.get((radix, size))
        if found is None:
            domain = _domain(radix, size)
            message = np.empty((domain, 8), np.uint8)
            message[:, :4] = (_MEMBER, radix - 1, size, 0)
            message[:, 4:] = np.arange(domain, dtype="<u4").view(np.uint8).reshape(domain, 4)
            drawn = _macs(self._prf, message).view("<u8")[:, 0]
            found = np.empty(domain, np.int32)
            found[np.argsort(drawn, kind="stable")] = np.arange(domain, dtype=np.int32)
            self._tables[radix, size] = found
        return found


def _check(symbols: Bytes, length: Integers, radix: int, tweak: Bytes) -> None:
    if symbols.dtype != np.uint8 or symbols.ndim != 2:
        raise ValueError("strings are rows of a matrix of bytes")
    if length.dtype != np.int64 or length.shape != (len(symbols),):
        raise ValueError("lengths are one row of int64, one for each string")
    if tweak.dtype != np.uint8 or tweak.ndim != 2 or len(tweak) not in (1, len(symbols)):
        raise ValueError("tweaks are rows of a matrix of bytes, one for each string or one for all")
    if not 2 <= radix <= 256:
        raise ValueError(f"a radix of {radix} is out of bounds")
    if len(length) and not 0 <= length.min() <= length.max() <= symbols.shape[1]:
        raise ValueError("a string ends outside of its row")
    if symbols.size and symbols.max() >= radix:
        raise ValueError("a symbol is not below the radix")


def _domain(radix: int, size: int) -> int:
    """How many strings there are of so many symbols."""
    count: int = radix**size
    return count


def _rounds(*, backwards: bool) -> Iterator[int]:
    return iter(range(_ROUNDS - 1, -1, -1) if backwards else range(_ROUNDS))


def _bytes_of_half(radix: int, size: int) -> int:
    """Bytes that the longer half of a string takes as a number."""
    return ((_domain(radix, size - size // 2) - 1).bit_length() + 7) // 8


def _first_block(radix: int, size: int, tweak_length: int) -> bytes:
    return (
        b"\x01\x02\x01"
        + radix.to_bytes(3, "big")
        + bytes([_ROUNDS, size // 2 % 256])
        + size.to_bytes(4, "big")
        + tweak_length.to_bytes(4, "big")
    )


def _blocks(tweak_length: int, width: int) -> int:
    """How many blocks follow the first in each round."""
    return -(-(tweak_length + 1 + width) // _BLOCK)


def _step(width: int) -> int:
    """Bits by which the number that a round draws is reduced, behind its first 64.

    None for halves of up to 4 bytes, for which no more are drawn, and else 32 in all.
    """
    return 0 if width <= 4 else 16 if width <= 6 else 8


def _fixed_part(
    encrypt: Callable[[Words], Words], state: Words, tweak: Bytes, blocks: int
) -> Words:
    """What the last block is XORed with in every round, `state` being that after the first.

    Shapes: uint64 (rows, 2), or (1, 2) for all of them, and so is the result.
    """
    padded = np.zeros((len(tweak), blocks * _BLOCK), np.uint8)
    padded[:, : tweak.shape[1]] = tweak
    words = padded.view(np.uint64)
    for block in range(blocks):
        if block:
            state = encrypt(state)
        state = words[:, 2 * block : 2 * block + 2] ^ state
    return state


def _drawn(block: Words, modulus: Words, step: int) -> Words:
    """The number that begins a block, of 8 bytes or 12, by the modulus; see `_step`."""
    value = _modulo(block.view(">u8")[:, 0].astype(np.uint64), modulus)
    if not step:
        return value
    rest = block.view(">u4")[:, 2].astype(np.uint64)
    for shift in range(32 - step, -1, -step):
        value <<= np.uint64(step)
        value |= rest >> np.uint64(shift) & np.uint64((1 << step) - 1)
        value = _modulo(value, modulus)
    return value


def _modulo(value: Words, modulus: Words) -> Words:
    # NumPy divides by one number for all several times faster than it takes a remainder.
    quotient = value // modulus
    quotient *= modulus
    return value - quotient


def _number(strings: Bytes, first: Integers, end: Integers, radix: int) -> Words:
    """The symbols from `first` up to `end`, int64 (rows,) or (1,) for all rows, as a number."""
    value = np.zeros(len(strings), np.uint64)
    all_in = range(int(first.max()), int(end.min()))
    for place in range(int(first.min()), int(end.max())):
        more = value * np.uint64(radix)
        more += strings[:, place]
        if place not in all_in:
            more = np.where((first <= place) & (place < end), more, value)
        value = more
    return value


def _spell(value: Words, first: Integers, end: Integers, radix: int, out: Bytes) -> None:
    """Write numbers from `first` up to `end` into the rows of `out`, as for `_number`."""
    all_in = range(int(first.max()), int(end.min()))
    for place in range(int(end.max()) - 1, int(first.min()) - 1, -1):
        quotient = value // np.uint64(radix)
        digit = value - quotient * np.uint64(radix)
        if place in all_in:
            out[:, place] = digit
            value = quotient
        else:
            flags = (first <= place) & (place < end)
            np.copyto(out[:, place], digit.astype(np.uint8), where=flags)
            value = np.where(flags, quotient, value)


def _integer(string: list[int], radix: int) -> int:
    value = 0
    for symbol in string:
        value = value * radix + symbol
    return value


def _digits(value: int, radix: int, size: int) -> list[int]:
    out = [0] * size
    for place in range(size - 1, -1, -1):
        value, out[place] = divmod(value, radix)
    return out


def _macs(prf: Prf, messages: Bytes) -> Bytes:
    """The tables' function of each row: uint8 (rows, 16)."""
    rows, width = messages.shape
    data = np.zeros(rows * width + SLACK, np.uint8)
    data[: rows * width] = messages.reshape(-1)
    length = np.full(rows, width, np.int64)
    return prf.lanes(data, np.arange(rows, dtype=np.int64) * width, length)
