"""Every transformer by itself: million values a second on one core, keyed and at random.

Values come as from a block of rows, 18,000 a call. Beside some stands the same rule as a plain
Python loop, keyed with BLAKE2b, the fastest keyed hash of the standard library.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import statistics
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks import row_engine
from replicate.rows.column import Column, Kind
from replicate.rows.memory import single_threaded_arrow, tune_allocator
from replicate.transformers.base import Draw, Target, Transformer
from replicate.transformers.draw import keyed_draw, random_draw
from replicate.transformers.registry import all_transformers, build
from replicate.transformers.rule import Rule
from replicate.transformers.vocabularies.lists import FIRST_NAMES, LAST_NAMES

ROWS = 18_000
"""Values a call: rows of a block of 2 MiB to 4 MiB."""

_KEY = bytes(range(32))
_CALLS_OUT = ("custom-python", "custom-wasm", "custom-command", "json-set")
_USUAL = {
    "first-name", "last-name", "email", "phone-number", "credit-card", "redacted", "token",
    "random-date", "date-shift", "date-truncate", "number-noise", "number-range", "random",
}  # fmt: skip

Value = Callable[[random.Random], str]


def _name(rng: random.Random) -> str:
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"


def _card(rng: random.Random) -> str:
    digits = [4, *(rng.randrange(10) for _ in range(14))]
    doubled = sum(d * 2 - 9 * (d > 4) for d in digits[::2]) + sum(digits[1::2])
    return "".join(map(str, [*digits, -doubled % 10]))


def _iban(rng: random.Random) -> str:
    bank = f"{rng.randrange(10**18):018}"
    return f"DE{98 - int(bank + '131400') % 97:02}{bank}"


def _date(rng: random.Random) -> str:
    return f"{rng.randrange(1940, 2025)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"


def _hexadecimal(rng: random.Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


_VALUES: Mapping[str, Value] = {
    "email": lambda rng: f"{_name(rng).replace(' ', '.').lower()}{rng.randrange(10**5)}@mail.test",
    "phone-number": lambda rng: f"+49 30 {rng.randrange(10**8):08}",
    "credit-card": _card,
    "iban": _iban,
    "ip-address": lambda rng: ".".join(str(rng.randrange(256)) for _ in range(4)),
    "mac-address": lambda rng: ":".join(_hexadecimal(rng, 2) for _ in range(6)),
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "url": lambda rng: f"https://shop.test/{_hexadecimal(rng, 6)}?user={rng.randrange(10**6)}",
    "domain-name": lambda rng: f"{rng.choice(LAST_NAMES).lower()}.test",
    "postcode": lambda rng: f"{rng.randrange(10**5):05}",
    "boolean": lambda rng: rng.choice("tf"),
    "json-set": lambda rng: f'{{"name": "{_name(rng)}", "age": {rng.randrange(100)}}}',
    "password-hash": lambda rng: f"$2b$12${_hexadecimal(rng, 53)}",
    "regex-replace": lambda rng: f"INV-2024-{rng.randrange(10**5):05}",
    "format-preserving": lambda rng: f"KD-{rng.randrange(10**7):07}",
}
_NUMBER: Value = lambda rng: f"{rng.random() * 10_000:.2f}"  # noqa: E731 - a value as the others


def _values(cls: type[Rule], seed: int = 1) -> Column:
    rng = random.Random(seed)
    value = _VALUES.get(cls.name, _name)
    if cls.name.startswith("number"):
        value = _NUMBER
    elif "date" in cls.name:
        value = _date
    return Column.of([value(rng).encode() for _ in range(ROWS)], _kind(cls))


def _kind(cls: type[Rule]) -> Kind:
    for kind, wanted in ((Kind.NUMERIC, "number"), (Kind.DATE, "date"), (Kind.BOOLEAN, "boolean")):
        if cls.name.startswith(wanted) and kind in cls.kinds:
            return kind
    return next(k for k in (Kind.TEXT, Kind.JSON, Kind.NUMERIC, *cls.kinds) if k in cls.kinds)


def _made(cls: type[Rule], draw: Draw) -> tuple[Transformer, Column]:
    example = cls.examples[0]
    target = Target(_kind(cls), columns=dict.fromkeys(example.row, Kind.TEXT))
    made = build(cls.name, example.options, target=target, draw=draw)
    others = Column.of([_name(random.Random(i)).encode() for i in range(ROWS)])
    column = replace(
        _values(cls),
        beside=dict.fromkeys(made.reads, others),
        masked=dict.fromkeys(made.reads_masked, others),
    )
    return made, column


def _speed(call: Callable[[], object], seconds: float = 0.25) -> float:
    """Millions of values a second, the median of three tries; the first call is not measured."""
    call()
    found = []
    for _ in range(3):
        calls, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < seconds or not calls:
            call()
            calls += 1
        found.append(calls * ROWS / spent / 10**6)
    return statistics.median(found)


def _redacted(value: bytes) -> bytes:
    return value[:3] + b"*" * 10


def _token(value: bytes) -> bytes:
    return hashlib.blake2b(value, key=_KEY, digest_size=16).hexdigest().encode()


def _hash(value: bytes) -> bytes:
    return hmac.digest(_KEY, value, "sha256").hex().encode()


def _noise(value: bytes) -> bytes:
    drawn = int.from_bytes(hashlib.blake2b(value, key=_KEY, digest_size=8).digest(), "little")
    return b"%.2f" % (float(value) * (0.9 + drawn / 2**64 / 5))


_LOOPS: Mapping[str, Callable[[bytes], bytes]] = {
    "first-name": row_engine._first_name,  # noqa: SLF001 - the same loop is measured there
    "email": row_engine._email,  # noqa: SLF001
    "phone-number": row_engine._phone,  # noqa: SLF001
    "credit-card": row_engine._card,  # noqa: SLF001
    "redacted": _redacted,
    "token": _token,
    "hash": _hash,
    "number-noise": _noise,
}


def measure() -> None:
    """Print the table."""
    tune_allocator()
    single_threaded_arrow()
    print(f"  {'M values/s on one core':<24} {'keyed':>8} {'random':>8} {'loop':>8}  aim")
    for cls in all_transformers():
        if cls.name in _CALLS_OUT:
            continue
        speeds = []
        for draw in (keyed_draw(_KEY), random_draw()):
            made, column = _made(cls, draw)
            speeds.append(_speed(lambda: made.transform(column)))  # noqa: B023 - called at once
            made.close()
        peer = ""
        if cls.name in _LOOPS:
            plain = [value or b"" for value in column.values()]
            loop = _LOOPS[cls.name]
            peer = f"{_speed(lambda: [loop(value) for value in plain]):8.2f}"  # noqa: B023
        aim = 4.0 if cls.name in _USUAL else 1.0
        met = "met" if speeds[0] >= aim else "MISSED"
        print(
            f"  {cls.name:<24} {speeds[0]:8.2f} {speeds[1]:8.2f} {peer:>8}  {aim:g}: {met}",
            flush=True,
        )
