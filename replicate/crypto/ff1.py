"""FF1 (NIST SP 800-38G) with AES-256 of many strings at once: keyed permutations of strings.

A string of symbols below a radix becomes another one of the same length, and no two become the
same. FF1 is a Feistel network of ten rounds. The strings are independent of each other, so those of
many lengths go through a round in one call of AES. All blocks that AES is given but the last are
the same in every round, as they hold the radix, the length and the tweak: they are computed once.

The standard asks for a domain of a million strings at least. Shorter strings are looked up in a
table of all of them; see `small_domains`. Those that are too long for arithmetic in 64 bits are
computed one by one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from replicate.crypto import keys
from replicate.crypto.numerals import EIGHT, Starts, modulo, part_of
from replicate.crypto.small_domains import SmallDomains
from replicate.crypto.strings import Halved, Halves, Tweaks

SMALLEST = 1_000_000
"""Strings in the smallest domain that FF1 permutes; those of a smaller one are in a table."""

_KEY_LENGTH = 32
_BLOCK = 16
_ROUNDS = 10
_BATCH = 32768  # rows in lockstep: bounds the memory, and what a round goes through
_HALF_BITS = 56  # of a half that is reckoned with in 64 bits, a byte being left for what comes in
_TABLE, _LOCKSTEP, _ALONE = 0, 1, 2  # ways that strings go
_NARROWEST = 2 * EIGHT  # bytes of a row in which strings can be spelled

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]
_Way = tuple[int, int, int]


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
        self._small = SmallDomains(keys.derive(self._key, "permutations of small domains", b""))

    def __reduce__(self) -> tuple[type[Permutation], tuple[bytes]]:
        return Permutation, (self._key,)

    def permute(
        self,
        symbols: Bytes,
        length: Integers,
        radix: int,
        tweak: Bytes,
        *,
        which: Integers | None = None,
    ) -> Bytes:
        """Other strings in place of these, one to one for each `radix`, length and tweak.

        Shapes: `symbols` uint8 (rows, width), of which the first ``length[i]`` of row i are its
        string, each below `radix`; `length` int64 (rows,), 0 to width; `tweak` uint8 (rows, any),
        or (1, any) for all rows, or (tweaks, any) where `which`, int64 (rows,), tells which of them
        each row has. Returns new uint8 (rows, width), with zeros behind the strings. `radix` is 2
        to 256. Raises ValueError for another shape, or a symbol that is too large.
        """
        tweaks = Tweaks(tweak, which, len(symbols))
        return self._of_matrix(symbols, length, radix, tweaks, backwards=False)

    def restore(self, symbols: Bytes, length: Integers, radix: int, tweak: Bytes) -> Bytes:
        """The strings that `permute` made these of; of the same shapes."""
        tweaks = Tweaks(tweak, None, len(symbols))
        return self._of_matrix(symbols, length, radix, tweaks, backwards=True)

    def permute_spans(
        self, data: Bytes, start: Integers, length: Integers, radix: int, tweak: Bytes
    ) -> Bytes:
        """What `permute` gives for the strings ``data[start[i] : start[i] + length[i]]``.

        Shapes: `data` uint8 (bytes,), contiguous, all below `radix`, with `EIGHT` bytes behind the
        last string; `start` and `length` int64 (rows,). The width of the result is that of the
        longest string, or 16 if that is less.
        """
        _check(data, length, len(start), radix)
        if len(start) and not 0 <= start.min() <= (start + length).max() <= data.size - EIGHT:
            raise ValueError("a string lies outside of its buffer")
        width = max(int(length.max(initial=0)), _NARROWEST)
        tweaks = Tweaks(tweak, None, len(start))
        return self._all(data, start, length, radix, tweaks, width=width, backwards=False)

    def _of_matrix(
        self, symbols: Bytes, length: Integers, radix: int, tweaks: Tweaks, *, backwards: bool
    ) -> Bytes:
        if symbols.ndim != 2:
            raise ValueError("strings are rows of a matrix of bytes")
        rows, width = symbols.shape
        _check(symbols, length, rows, radix)
        if rows and length.max() > width:
            raise ValueError("a string ends outside of its row")
        if not symbols.size:
            return np.zeros_like(symbols)
        data = np.zeros(symbols.size + EIGHT, np.uint8)
        data[: symbols.size] = symbols.reshape(-1)
        start = slice(0, rows * width, width)
        wide = max(width, _NARROWEST)
        out = self._all(data, start, length, radix, tweaks, width=wide, backwards=backwards)
        return out if wide == width else np.ascontiguousarray(out[:, :width])

    def _all(
        self,
        data: Bytes,
        start: Starts,
        length: Integers,
        radix: int,
        tweaks: Tweaks,
        *,
        width: int,
        backwards: bool,
    ) -> Bytes:
        rows = len(length)
        out = np.zeros((rows, width), np.uint8)
        batches = -(-rows // _BATCH)
        for batch in range(batches):
            first, end = batch * rows // batches, (batch + 1) * rows // batches
            part = slice(first, end)
            begin = part_of(start, first, end)
            strings = Halved(data, begin, length[part], radix, fits_lockstep)
            self._batch(strings, tweaks.of(part), out[part], backwards=backwards)
        return out

    def _batch(self, strings: Halved, tweaks: Tweaks, out: Bytes, *, backwards: bool) -> None:
        """Permute the strings, of which there are some, and put them into the rows of `out`."""
        ways, sort = _ways(strings.sizes, strings.radix, tweaks.length)
        whole = len(ways) == 1 and 0 not in strings.sizes
        one = len(strings.sizes) == 1
        steps = {_TABLE: self._small.permute, _LOCKSTEP: self._lockstep}
        halves = strings.halves()
        for number, way in enumerate(ways, 1):
            if way[0] not in steps:
                continue
            rows = slice(None) if whole else np.flatnonzero(sort.take(strings.length) == number)
            size = strings.length[:1] if one else strings.length[rows]
            old = halves[0][rows], halves[1][rows]
            new = steps[way[0]](old, size, strings.radix, tweaks.of(rows), backwards)
            halves[0][rows], halves[1][rows] = new
        strings.spell(halves, out)
        if (_ALONE, 0, 0) in ways:
            alone = sort == 1 + ways.index((_ALONE, 0, 0))
            self._one_by_one(strings, np.flatnonzero(alone[strings.length]), tweaks, out, backwards)

    def _lockstep(
        self, halves: Halves, size: Integers, radix: int, tweaks: Tweaks, backwards: bool
    ) -> Halves:
        """The halves of other strings; of sizes that go together, int64 (rows,) or (1,)."""
        low, high = int(size.min()), int(size.max())
        sizes = range(low, high + 1)
        widths = [_bytes_of_half(radix, n) for n in sizes]
        step = _step(widths[0])
        encrypt = _Encryptor(self._aes)
        head = b"".join(_first_block(radix, n, tweaks.length) for n in sizes)
        begun = encrypt(np.frombuffer(head, np.uint64).reshape(-1, 2)).copy()
        tweak, size_of, which = tweaks.with_sizes(size)
        state = begun.view("V16").ravel().take(size_of - low).view(np.uint64).reshape(-1, 2)
        fixed = _fixed_part(encrypt, state, tweak, _blocks(tweaks.length, widths[0]))
        if which is not None:
            fixed = fixed.view("V16").ravel().take(which).view(np.uint64).reshape(-1, 2)
        powers = np.array([_domain(radix, n) for n in range(high - high // 2 + 1)], np.uint64)
        cut = size // 2
        moduli = powers.take(cut), powers.take(size - cut)
        # A round's number stands before the half that goes into it.
        unit = np.array([1 << 8 * width for width in widths], np.uint64)
        unit = unit[:1] if unit[0] == unit[-1] else unit.take(size - low)

        # Both halves keep their places, and each round changes one of them by the other.
        now = [*halves]
        block = np.empty((len(now[0]), 2), np.uint64)
        block[:, 0] = fixed[:, 0]
        end, last = block.view(">u8")[:, 1], fixed.view(">u8")[:, 1].astype(np.uint64)
        for i in _rounds(backwards=backwards):
            changed, other = i % 2, 1 - i % 2
            np.bitwise_xor(now[other] ^ last, unit * np.uint64(i), out=end)
            modulus = moduli[changed]
            drawn = _drawn(encrypt(block), modulus, step)
            if backwards:
                drawn = modulus - drawn
            drawn += now[changed]
            # What is below the modulus would become larger.
            now[changed] = np.minimum(drawn, drawn - modulus)
        return now[0], now[1]

    def _one_by_one(
        self, strings: Halved, rows: Rows, tweaks: Tweaks, out: Bytes, backwards: bool
    ) -> None:
        radix = strings.radix
        for row in rows.tolist():
            string = strings.one(row)
            size = len(string)
            cut = size // 2
            moduli = _domain(radix, cut), _domain(radix, size - cut)
            width = _bytes_of_half(radix, size)
            length = 4 * -(-width // 4) + 4  # bytes that a round adds
            halves = [_integer(string[:cut], radix), _integer(string[cut:], radix)]
            before = _first_block(radix, size, tweaks.length) + tweaks.one(row)
            before += bytes((-tweaks.length - width - 1) % _BLOCK)
            for i in _rounds(backwards=backwards):
                changed = i % 2
                message = before + bytes([i]) + halves[1 - changed].to_bytes(width, "big")
                y = int.from_bytes(self._long_draw(message, length), "big")
                halves[changed] = (halves[changed] + (-y if backwards else y)) % moduli[changed]
            out[row, :cut] = _digits(halves[0], radix, cut)
            out[row, cut:size] = _digits(halves[1], radix, size - cut)

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


class _Encryptor:
    """AES of blocks under one key, for one thread."""

    def __init__(self, aes: algorithms.AES) -> None:
        self._update = Cipher(aes, modes.ECB()).encryptor().update_into  # noqa: S305 - FF1's own
        self._buffer = np.empty(0, np.uint64)

    def __call__(self, blocks: Words) -> Words:
        """AES of each row of a C-contiguous uint64 (rows, 2), as one that the next call reuses."""
        size = len(blocks) * 2 + 2  # as long as update_into asks, or so
        if len(self._buffer) != size:
            self._buffer = np.empty(size, np.uint64)
        self._update(blocks.data.cast("B"), self._buffer.data.cast("B"))
        return self._buffer[:-2].reshape(-1, 2)


def _check(symbols: Bytes, length: Integers, rows: int, radix: int) -> None:
    if symbols.dtype != np.uint8:
        raise ValueError("symbols are bytes")
    if length.dtype != np.int64 or length.shape != (rows,):
        raise ValueError("lengths are one row of int64, one for each string")
    if not 2 <= radix <= 256:
        raise ValueError(f"a radix of {radix} is out of bounds")
    if rows and length.min() < 0:
        raise ValueError("a string has less than no symbols")
    if symbols.size and symbols.max() >= radix:
        raise ValueError("a symbol is not below the radix")


def _ways(sizes: list[int], radix: int, tweak_length: int) -> tuple[list[_Way], Bytes]:
    """How strings of these sizes are permuted, and which way each size goes, from 1 on; 0: none."""
    ways: list[_Way] = []
    sort = np.zeros(sizes[-1] + 1, np.uint8)
    for size in sizes:
        width = _bytes_of_half(radix, size)
        way = _LOCKSTEP, _step(width), _blocks(tweak_length, width)
        if _domain(radix, size) < SMALLEST:
            way = _TABLE, 0, 0
        elif not fits_lockstep(radix, size):
            way = _ALONE, 0, 0
        if size and way not in ways:
            ways.append(way)
        sort[size] = 1 + ways.index(way) if size else 0
    return ways, sort


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


def _fixed_part(encrypt: _Encryptor, state: Words, tweak: Bytes, blocks: int) -> Words:
    """What the last block is XORed with in every round, `state` being that after the first.

    Shapes: uint64 (rows, 2), or (1, 2) for all of them, and so is the result.
    """
    matrix = np.zeros((len(tweak), blocks * _BLOCK), np.uint8)
    matrix[:, : tweak.shape[1]] = tweak
    padded = matrix.view("V16")
    for block in range(blocks):
        if block:
            state = encrypt(state)
        state = np.ascontiguousarray(padded[:, block]).view(np.uint64).reshape(-1, 2) ^ state
    return state


def _drawn(block: Words, modulus: Words, step: int) -> Words:
    """The number that begins a block, of 8 bytes or 12, by the modulus; see `_step`."""
    value = modulo(block.view(">u8")[:, 0].astype(np.uint64), modulus)
    if not step:
        return value
    rest = block.view(">u4")[:, 2].astype(np.uint64)
    for shift in range(32 - step, -1, -step):
        value <<= np.uint64(step)
        value |= rest >> np.uint64(shift) & np.uint64((1 << step) - 1)
        value = modulo(value, modulus)
    return value


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
