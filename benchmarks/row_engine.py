"""The row engine against a plain Python loop: four masked columns of a table of users.

Both mask first name, e-mail address, telephone and card number by the same rules, keyed by the
value (the loop with BLAKE2b, the fastest keyed hash of the standard library), in one process, in
turns. What counts is the ratio.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import statistics
import time
from collections.abc import Callable

from replicate.rows.column import Kind
from replicate.rows.engine import Mask, Masker
from replicate.rows.grammar import unescape_value
from replicate.rows.memory import single_threaded_arrow, tune_allocator
from replicate.transformers.base import Target
from replicate.transformers.draw import keyed_draw
from replicate.transformers.registry import build
from replicate.transformers.vocabularies.lists import FIRST_NAMES, LAST_NAMES, SHORT_NAMES

_BLOCK = 4 << 20  # bytes, about what a source hands over at a time
_COLUMNS = 16
MASKED = {1: "first-name", 3: "email", 4: "phone-number", 5: "credit-card"}
_KEY = bytes(range(32))
_NAMES = [name.encode() for name in FIRST_NAMES]
_SHORT_NAMES = [name.encode() for name in SHORT_NAMES]
_WORDS = (
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "consetetur",
    "sadipscing",
    "elitr",
    "sed",
    "diam",
    "nonumy",
    "eirmod",
)


def users(size: int, seed: int) -> list[bytes]:
    """Blocks of rows of a table of users, `size` bytes in all: 16 columns, some 455 bytes a row."""
    rng = random.Random(seed)
    blocks: list[bytes] = []
    rows: list[str] = []
    number = length = total = 0
    while total < size:
        number += 1
        row = _user(number, rng)
        rows.append(row)
        length += len(row)
        total += len(row)
        if length >= _BLOCK or total >= size:
            blocks.append("".join(rows).encode())
            rows, length = [], 0
    return blocks


def _user(number: int, rng: random.Random) -> str:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    fields = [
        str(number),
        first,
        last,
        f"{first}.{last}{number}@mail.test".lower(),
        f"+1-202-{rng.randrange(1000):03}-{rng.randrange(10_000):04}",
        f"{rng.randrange(10**15, 10**16)}",
        f"{rng.randrange(1, 1000)} {rng.choice(LAST_NAMES)} Street",
        rng.choice(LAST_NAMES) + "ville",
        f"{rng.randrange(100_000):05}",
        rng.choice(("DE", "FR", "US", "GB", "ES")),
        f"20{rng.randrange(25):02}-0{rng.randrange(1, 10)}-1{rng.randrange(10)} 12:30:00",
        rng.choice(("t", "f")),
        f"{rng.random() * 1000:.2f}",
        rng.choice(("\\N", "gold", "silver")),
        " ".join(rng.choices(_WORDS, k=41)),
        f'{{"visits": {rng.randrange(1000)}, "source": "{rng.choice(_WORDS)}"}}',
    ]
    return "\t".join(fields) + "\n"


def engine() -> Callable[[bytes], bytes]:
    """The engine with the four masks, as a function of a block."""
    draw = keyed_draw(_KEY)
    return Masker(
        _COLUMNS,
        [
            Mask(index, Kind.TEXT, build(name, {}, target=Target(Kind.TEXT), draw=draw), name)
            for index, name in MASKED.items()
        ],
    ).mask


def plain_loop(text: bytes) -> bytes:
    """Masking by the same rules in the obvious way: split lines and fields, replace, join again."""
    out = []
    for line in text.split(b"\n")[:-1]:
        fields = line.split(b"\t")
        if len(fields) != _COLUMNS:
            raise ValueError("a row has another number of fields")
        for index, mask in _LOOP.items():
            value = fields[index]
            if value and value != b"\\N":
                fields[index] = mask(unescape_value(value) if b"\\" in value else value)
        out.append(b"\t".join(fields))
    out.append(b"")
    return b"\n".join(out)


def _drawn(value: bytes) -> bytes:
    return hashlib.blake2b(value, key=_KEY, digest_size=16).digest()


def _first_name(value: bytes) -> bytes:
    return _NAMES[int.from_bytes(_drawn(value)[:4], "little") % len(_NAMES)]


def _email(value: bytes) -> bytes:
    drawn = _drawn(value)
    local = base64.b32encode(drawn[1:11])[:15].lower()
    return b"%s.%s@example.com" % (_SHORT_NAMES[drawn[0]], local)


_PHONE = re.compile(rb"[0-9 ()*+,./#xX-]*[0-9][0-9 ()*+,./#xX-]*")
_COUNTRY = re.compile(
    rb"\+([17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[0-9]{3})(?=(.*[0-9]){4})"
)


def _phone(value: bytes) -> bytes:
    if not _PHONE.fullmatch(value):
        return _digits(_drawn(value), b"+1-555-", b"000-0000")
    country = _COUNTRY.match(value)
    kept = country.end() if country else 0
    return _digits(_drawn(value), value[:kept], value[kept:])


def _digits(drawn: bytes, kept: bytes, value: bytes) -> bytes:
    """`kept`, and `value` with other digits."""
    out = bytearray(value)
    for place, byte in enumerate(value):
        if 48 <= byte < 58:
            out[place] = 48 + drawn[place % 16] % 10
    return kept + out


_CARD = re.compile(rb"[0-9]([ -]*[0-9]){11,18}")


def _card(value: bytes) -> bytes:
    if not _CARD.fullmatch(value):
        value = b"0" * 16
    out = bytearray(_digits(_drawn(value), b"", value))
    places = [place for place, byte in enumerate(out) if 48 <= byte < 58]
    for place, digit in zip(places, b"400000", strict=False):
        out[place] = digit
    total = 0
    for number, place in enumerate(reversed(places[:-1])):
        digit = out[place] - 48
        if number % 2 == 0:
            digit = digit * 2 - 9 * (digit > 4)
        total += digit
    out[places[-1]] = 48 + -total % 10
    return bytes(out)


_LOOP = {1: _first_name, 3: _email, 4: _phone, 5: _card}


def measure(megabytes: int = 64, seed: int = 1, rounds: int = 5) -> dict[str, float]:
    """Medians in MB (10**6 bytes) of text a second, and how many times faster the engine is.

    Both see the same blocks, `megabytes` in all for the engine; the loop gets one block a round.
    """
    tune_allocator()
    single_threaded_arrow()
    blocks = users(megabytes * 10**6, seed)
    mask = engine()
    mask(blocks[0])
    fast, slow = [], []
    for turn in range(rounds):
        fast.append(_speed(mask, blocks))
        slow.append(_speed(plain_loop, [blocks[turn % len(blocks)]]))
    rows = sum(block.count(b"\n") for block in blocks)
    return {
        "megabytes": round(sum(map(len, blocks)) / 10**6, 1),
        "rows": rows,
        "bytes_per_row": round(sum(map(len, blocks)) / rows),
        "engine_mb_per_s": round(statistics.median(fast), 1),
        "loop_mb_per_s": round(statistics.median(slow), 1),
        "ratio": round(statistics.median(f / s for f, s in zip(fast, slow, strict=True)), 1),
    }


def _speed(mask: Callable[[bytes], bytes], blocks: list[bytes]) -> float:
    start = time.perf_counter()
    for block in blocks:
        mask(block)
    return sum(map(len, blocks)) / (time.perf_counter() - start) / 10**6


def main() -> None:
    for name, figure in measure().items():
        print(f"{name:18} {figure:>10}")


if __name__ == "__main__":
    main()
