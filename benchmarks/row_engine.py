"""The row engine against a plain Python loop: four masked columns of a table of users.

Both mask first name, e-mail address, telephone and card number with replacements that are keyed by
the value, in one process and on one core, in turns. What counts is the ratio.
"""

from __future__ import annotations

import hashlib
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from replicate.rows.column import Kind
from replicate.rows.engine import Mask, Masker
from replicate.rows.grammar import unescape_value
from replicate.rows.memory import single_threaded_arrow, tune_allocator
from replicate.transformers.draw import keyed_draw
from replicate.transformers.registry import build
from replicate.transformers.vocabularies import FIRST_NAMES, LAST_NAMES

_BLOCK = 4 << 20  # bytes, about what a source hands over at a time
_COLUMNS = 16
_MASKED = {1: "first-name", 3: "email", 4: "phone-number", 5: "credit-card"}
_KEY = bytes(range(32))
_NAMES = [name.encode() for name in FIRST_NAMES]
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


def _engine() -> Callable[[bytes], bytes]:
    draw = keyed_draw(_KEY)
    return Masker(
        _COLUMNS,
        [
            Mask(index, Kind.TEXT, build(name, {}, kind=Kind.TEXT, draw=draw), name)
            for index, name in _MASKED.items()
        ],
    ).mask


def plain_loop(text: bytes) -> bytes:
    """The same masking in the obvious way: split lines and fields, replace, join again."""
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
    return _drawn(value).hex().encode() + b"@example.com"


def _digits(value: bytes) -> bytes:
    drawn = iter(_drawn(value))
    return bytes(48 + next(drawn) % 10 if 48 <= byte < 58 else byte for byte in value)


def _card(value: bytes) -> bytes:
    digits = b"400000" + _digits(value)[6:-1]
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = digit - 48
        if place % 2 == 0:
            number = number * 2 - 9 * (number > 4)
        total += number
    return digits + b"%d" % (-total % 10)


_LOOP = {1: _first_name, 3: _email, 4: _digits, 5: _card}


def measure(megabytes: int = 64, seed: int = 1, rounds: int = 5) -> dict[str, Any]:
    """Medians in MB (10**6 bytes) of text a second, and how many times faster the engine is.

    Both see the same blocks, `megabytes` in all for the engine; the loop gets one block a round.
    """
    tune_allocator()
    single_threaded_arrow()
    blocks = users(megabytes * 10**6, seed)
    engine = _engine()
    engine(blocks[0])
    fast, slow = [], []
    for turn in range(rounds):
        fast.append(_speed(engine, blocks))
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
