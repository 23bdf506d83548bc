"""A PostgreSQL database that looks like production, of any size, the same in every run.

Half of its bytes are users with what is to be masked, a quarter a table of sixty short columns, a
fifth long texts, the rest small tables that refer to one another.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from replicate.transformers.vocabularies.lists import FIRST_NAMES, LAST_NAMES
from tests.support.postgres import Server

VERSION = 1  # to be raised with every change of what is generated
COUNTRIES = ("DE", "FR", "US", "GB", "ES", "IT", "PL", "SE")
DOMAIN = "mail.test"  # no masked address has it

_PRODUCTS = 2000
_BATCH = 2 << 20  # bytes of rows handed over at a time
_POOL = 16 << 20  # far more than a compressor looks back, so that slices of it are new to it
_COLUMNS = {"number": 12, "large": 4, "real": 8, "price": 5, "moment": 5, "flag": 11, "word": 12}

Draw = np.random.Generator
Row = tuple[object, ...]


@dataclass(frozen=True)
class Table:
    """`columns` is what stands in its CREATE TABLE, `rows` the text of the rows first to last."""

    name: str
    columns: str
    bytes_per_row: int
    rows: Callable[[Draw, range, Mapping[str, int]], Iterator[str]]
    share: float = 0
    fixed: int = 0

    def count(self, size: int) -> int:
        return self.fixed or max(1, round(size * self.share / self.bytes_per_row))


def rows(table: Table, size: int) -> Iterator[bytes]:
    """The table's part of a database of `size` bytes: blocks of whole rows of COPY text."""
    counts = {other.name: other.count(size) for other in TABLES}
    draw = np.random.default_rng([20260101, [t.name for t in TABLES].index(table.name)])
    step = max(1, _BATCH // table.bytes_per_row)
    for first in range(1, counts[table.name] + 1, step):
        ids = range(first, min(first + step, counts[table.name] + 1))
        yield "".join(table.rows(draw, ids, counts)).encode()


def fill(server: Server, database: str, size: int) -> None:
    """Make all tables in an empty database, with about `size` bytes of COPY text, and indexes."""
    with server.connect(database) as connection:
        for table in TABLES:
            connection.execute(f"CREATE TABLE {table.name} ({table.columns})")
    _text_pool()  # made once, before the threads ask for it
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(functools.partial(_load, server, database, size), TABLES))
        list(threads.map(functools.partial(_execute, server, database), _INDEXES))
    for statement in (*_REFERENCES, "VACUUM (ANALYZE, FREEZE)", "CHECKPOINT"):
        _execute(server, database, statement)


def _load(server: Server, database: str, size: int, table: Table) -> None:
    with (
        server.connect(database) as connection,
        connection.cursor().copy(f"COPY {table.name} FROM STDIN") as copy,
    ):
        for block in rows(table, size):
            copy.write(block)


def _execute(server: Server, database: str, statement: str) -> None:
    with server.connect(database) as connection:
        connection.execute(statement)


def _users(draw: Draw, ids: range, _: Mapping[str, int]) -> Iterator[str]:
    n = len(ids)
    firsts, lasts = _picked(draw, FIRST_NAMES, n), _picked(draw, LAST_NAMES, n)
    columns = zip(
        ids, firsts, lasts, _picked(draw, LAST_NAMES, n), _picked(draw, LAST_NAMES, n),
        _integers(draw, n, 1000), _integers(draw, n, 10_000), _integers(draw, n, 10**5, 10**4),
        _integers(draw, n, 10**16, 10**15), _picked(draw, COUNTRIES, n), _moments(draw, n),
        _picked(draw, ("t", "f"), n), _integers(draw, n, 100_000),
        _picked(draw, ("\\N", "gold", "silver"), n), _texts(draw, n, 210, 316),
        _picked(draw, _vocabulary(), n), strict=True,
    )  # fmt: skip
    for (
        key, first, last, street, city, three, four, place, card, country, moment, active, cents,
        plan, text, source,
    ) in columns:  # fmt: skip
        yield (
            f"{key}\t{first}\t{last}\t{first.lower()}.{last.lower()}{key}@{DOMAIN}"
            f"\t+1-202-{three:03}-{four:04}\t{card}\t{four % 997} {street} Street\t{city}ville"
            f"\t{place:05}\t{country}\t{moment}\t{active}\t{cents / 100:.2f}\t{plan}\t{text}"
            f'\t{{"visits": {three}, "source": "{source}"}}\n'
        )


def _wide(draw: Draw, ids: range, _: Mapping[str, int]) -> Iterator[str]:
    n = len(ids)
    made: dict[str, Callable[[], Sequence[object]]] = {
        "number": lambda: _integers(draw, n, 10**6),
        "large": lambda: _integers(draw, n, 10**12),
        "real": lambda: [thousandths / 1000 for thousandths in _integers(draw, n, 10**7)],
        "price": lambda: [f"{cents / 100:.2f}" for cents in _integers(draw, n, 10**8)],
        "moment": lambda: _moments(draw, n),
        "flag": lambda: _picked(draw, ("t", "f"), n),
        "word": lambda: _picked(draw, ("\\N", *_vocabulary()[:2000]), n),
    }
    values = [made[kind]() for kind, times in _COLUMNS.items() for _ in range(times)]
    people = zip(_picked(draw, FIRST_NAMES, n), _integers(draw, n, 10**9), strict=True)
    contacts = [f"{name.lower()}{i}@{DOMAIN}\t+49 30 {i:09}" for name, i in people]
    line = "\t".join(["%s"] * (len(values) + 2)) + "\n"
    for row in zip(ids, contacts, *values, strict=True):
        yield line % row


def _longt(draw: Draw, ids: range, _: Mapping[str, int]) -> Iterator[str]:
    n = len(ids)
    # Paragraphs, as texts have them: each row holds some escaped line feeds.
    paragraphs = iter(_texts(draw, 14 * n, 400, 772))
    for key, name, title in zip(
        ids, _picked(draw, LAST_NAMES, n), _texts(draw, n, 30, 60), strict=True
    ):
        body = "\\n".join(itertools.islice(paragraphs, 14))
        yield f"{key}\t{name.lower()}{key}@{DOMAIN}\t{title}\t{body}\n"


def _countries(_: Draw, ids: range, __: Mapping[str, int]) -> Iterator[str]:
    return (f"{COUNTRIES[i - 1]}\tcountry {i}\n" for i in ids)


def _products(draw: Draw, ids: range, _: Mapping[str, int]) -> Iterator[str]:
    for i, cents in zip(ids, _integers(draw, len(ids), 10**5), strict=True):
        yield f"{i}\tproduct {i}\t{cents / 100:.2f}\n"


def _orders(draw: Draw, ids: range, counts: Mapping[str, int]) -> Iterator[str]:
    n = len(ids)
    buyers = _integers(draw, n, counts["users"] + 1, 1)
    sold, notes = _integers(draw, n, _PRODUCTS + 1, 1), _texts(draw, n, 10, 40)
    for row in zip(ids, buyers, sold, _moments(draw, n), notes, strict=True):
        yield "%s\t%s\t%s\t%s\t%s\n" % row  # noqa: UP031 - the row is the tuple


def _payments(draw: Draw, ids: range, counts: Mapping[str, int]) -> Iterator[str]:
    n = len(ids)
    paid, cents = _integers(draw, n, counts["orders"] + 1, 1), _integers(draw, n, 10**6)
    for key, order, amount, moment in zip(ids, paid, cents, _moments(draw, n), strict=True):
        yield f"{key}\t{order}\t{amount / 100:.2f}\t{moment}\n"


def _integers(draw: Draw, n: int, below: int, least: int = 0) -> list[int]:
    found: list[int] = draw.integers(least, below, n).tolist()
    return found


def _picked(draw: Draw, choices: Sequence[str], n: int) -> list[str]:
    return [choices[i] for i in _integers(draw, n, len(choices))]


def _moments(draw: Draw, n: int) -> list[str]:
    seconds = draw.integers(1_600_000_000, 1_760_000_000, n).astype("datetime64[s]")
    return [str(moment).replace("T", " ") for moment in np.datetime_as_string(seconds)]


def _texts(draw: Draw, n: int, shortest: int, longest: int) -> list[str]:
    pool = _text_pool()
    starts = _integers(draw, n, _POOL - longest)
    lengths = _integers(draw, n, longest + 1, shortest)
    return [pool[i : i + k] for i, k in zip(starts, lengths, strict=True)]


@functools.cache
def _vocabulary() -> list[str]:
    draw = np.random.default_rng(7)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    weights = np.linspace(12, 1, len(letters))
    drawn = "".join(draw.choice(letters, 200_000, p=weights / weights.sum()))
    ends = np.cumsum(draw.integers(2, 12, 20_000)).tolist()
    return [drawn[i:k] for i, k in itertools.pairwise(ends)]


@functools.cache
def _text_pool() -> str:
    """Words, some more frequent than others: zstd's level 1 makes long texts 2.4 times smaller."""
    words = _vocabulary()
    weights = 1 / (np.arange(len(words)) + 40)
    draw = np.random.default_rng(11)
    indexes = draw.choice(len(words), _POOL // 5, p=weights / weights.sum()).tolist()
    return " ".join([words[i] for i in indexes])[:_POOL]


_TYPES = {
    "number": "integer", "large": "bigint", "real": "double precision", "price": "numeric(10,2)",
    "moment": "timestamp", "flag": "boolean", "word": "text",
}  # fmt: skip

_WIDE_COLUMNS = ", ".join(
    f"{kind}{i} {_TYPES[kind]}" for kind, times in _COLUMNS.items() for i in range(times)
)

TABLES = (
    Table(
        "users",
        "id bigint PRIMARY KEY, first_name text NOT NULL, last_name text, email text NOT NULL,"
        " phone text, card text, street text, city text, zip text, country text,"
        " created_at timestamp, active boolean, balance numeric(12,2), plan text, bio text,"
        " prefs json",
        455,
        _users,
        share=0.50,
    ),
    Table(
        "wide",
        f"id bigint PRIMARY KEY, email text, phone text, {_WIDE_COLUMNS}",
        514,
        _wide,
        share=0.25,
    ),
    Table(
        "longt",
        "id bigint PRIMARY KEY, email text, title text, body text",
        8300,
        _longt,
        share=0.20,
    ),
    Table("countries", "code text PRIMARY KEY, name text", 14, _countries, fixed=len(COUNTRIES)),
    Table(
        "products",
        "id integer PRIMARY KEY, name text, price numeric(10,2)",
        24,
        _products,
        fixed=_PRODUCTS,
    ),
    Table(
        "orders",
        "id bigint PRIMARY KEY, user_id bigint NOT NULL, product_id integer NOT NULL,"
        " ordered_at timestamp, note text",
        66,
        _orders,
        share=0.03,
    ),
    Table(
        "payments",
        "id bigint PRIMARY KEY, order_id bigint NOT NULL, amount numeric(12,2), paid_at timestamp",
        44,
        _payments,
        share=0.02,
    ),
)

_INDEXES = (
    "CREATE UNIQUE INDEX users_by_email ON users (email)",
    "CREATE INDEX users_by_name ON users (last_name, first_name)",
    "CREATE INDEX users_by_moment ON users (created_at)",
    "CREATE INDEX wide_by_number ON wide (number0, number1)",
    "CREATE INDEX wide_by_moment ON wide (moment0)",
    "CREATE INDEX longt_by_email ON longt (email)",
    "CREATE INDEX orders_by_user ON orders (user_id)",
    "CREATE INDEX payments_by_order ON payments (order_id)",
)

_REFERENCES = (
    "ALTER TABLE users ADD FOREIGN KEY (country) REFERENCES countries",
    "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users",
    "ALTER TABLE orders ADD FOREIGN KEY (product_id) REFERENCES products",
    "ALTER TABLE payments ADD FOREIGN KEY (order_id) REFERENCES orders",
)
