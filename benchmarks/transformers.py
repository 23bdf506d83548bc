"""Every transformer by itself: million values a second on one core, keyed and at random.

Values come as from a block of rows, 18,000 a call. Beside some stands the same rule as a plain
Python loop, keyed with BLAKE2b, the fastest keyed hash of the standard library.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import random
import statistics
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

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
_CALLS_OUT = ("custom-python", "custom-wasm", "custom-command")
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


def _document(rng: random.Random) -> str:
    return json.dumps(
        {
            "id": rng.randrange(10**6),
            "name": _name(rng),
            "ssn": f"078-05-{rng.randrange(10**4):04}",
            "contact": {"email": f"user{rng.randrange(10**5)}@mail.test", "active": True},
            "score": round(rng.random() * 1000, 2),
            "tags": ["new", rng.choice(["a", "b"])],
        }
    )


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
    "json-set": _document,
    "password-hash": lambda rng: f"$2b$12${_hexadecimal(rng, 53)}",
    "regex-replace": lambda rng: f"INV-2024-{rng.randrange(10**5):05}",
    "format-preserving": lambda rng: f"KD-{rng.randrange(10**7):07}",
}


def _ip6(rng: random.Random) -> str:
    return str(ipaddress.IPv6Address(rng.getrandbits(128)))


@dataclass(frozen=True, slots=True)
class _Case:
    """A transformer on a column of its own kind: values, and whether they have to stay distinct."""

    label: str
    transformer: str
    value: Value
    kind: Kind = Kind.TEXT
    unique: bool = False


_HARDER = (
    _Case("ip-address, IPv6", "ip-address", _ip6),
    _Case("  and unique", "ip-address", _ip6, unique=True),
    _Case("mac-address, unique", "mac-address", _VALUES["mac-address"], unique=True),
    _Case("format-preserving, integer", "format-preserving",
          lambda rng: str(rng.randrange(10**6)), Kind.INTEGER),
    _Case("  mixed text", "format-preserving",
          lambda rng: f"{rng.choice(LAST_NAMES).lower()}{rng.randrange(1000)}@mail.test"),
    _Case("  and unique", "format-preserving",
          lambda rng: f"KD-{rng.randrange(10**7):07}", unique=True),
    _Case("email, unique", "email", _VALUES["email"], unique=True),
    _Case("token, unique", "token", _VALUES["email"], unique=True),
)  # fmt: skip
"""What asks more of a transformer than a usual column does."""


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


def _harder(case: _Case, draw: Draw) -> tuple[Transformer, Column]:
    rng = random.Random(1)
    values = [case.value(rng).encode() for _ in range(ROWS)]
    target = Target(case.kind, unique=case.unique)
    made = build(case.transformer, {}, target=target, draw=draw)
    return made, Column.of(values, case.kind)


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
    print(f"  {'M values/s on one core':<26} {'keyed':>8} {'random':>8} {'loop':>8}  aim")
    for cls in all_transformers():
        if cls.name not in _CALLS_OUT:
            aim = 4.0 if cls.name in _USUAL else 1.0
            _line(cls.name, partial(_made, cls), aim, _LOOPS.get(cls.name))
    for case in _HARDER:
        _line(case.label, partial(_harder, case), 1.0)


def _line(
    label: str,
    make: Callable[[Draw], tuple[Transformer, Column]],
    aim: float,
    loop: Callable[[bytes], bytes] | None = None,
) -> None:
    """Measure one column and print what was found."""
    speeds = []
    for draw in (keyed_draw(_KEY), random_draw()):
        made, column = make(draw)
        speeds.append(_speed(partial(made.transform, column)))
        made.close()
    peer = ""
    if loop is not None:
        plain = [value or b"" for value in column.values()]
        peer = f"{_speed(lambda: [loop(value) for value in plain]):8.2f}"
    met = "met" if speeds[0] >= aim else "MISSED"
    print(f"  {label:<26} {speeds[0]:8.2f} {speeds[1]:8.2f} {peer:>8}  {aim:g}: {met}", flush=True)
