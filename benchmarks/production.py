"""A SQLite database that looks like production, of any size, the same in every run."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

COLUMNS = (
    "id integer primary key, first_name text, last_name text, email text, phone text, card text,"
    " street text, city text, zip text, country text, balance real, age integer,"
    " created_at text, bio text, prefs text, active integer"
)
SEED_ROWS = 100_000

CONFIG = """\
encryption_key: bench
masking_key: bench
source:
  connection_uri: sqlite:///{source}
  compression: {{level: 1}}
  transformers:
    - database: main
      table: users
      columns:
        - {{name: first_name, transformer_name: first-name}}
        - {{name: email, transformer_name: email}}
        - {{name: phone, transformer_name: phone-number}}
        - {{name: card, transformer_name: credit-card}}
"""
"""The beginning of a conf.yaml that dumps such a database, four of its columns masked."""

Row = tuple[object, ...]


def build(path: Path, size: int) -> None:
    """Write a database of about `size` bytes to `path`: a users table and its indexes."""
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma journal_mode=off")
    database.execute("pragma synchronous=off")
    database.execute(f"create table users({COLUMNS})")
    database.execute("begin")
    marks = ",".join("?" * 16)
    database.executemany(f"insert into users values({marks})", _rows(SEED_ROWS))
    pages = "select page_count * page_size from pragma_page_count, pragma_page_size"
    seeded = database.execute(pages).fetchone()[0]
    copies = max(1, round(size / seeded))
    for copy in range(1, copies):
        # Every copy has addresses of its own, so that nothing compresses better than in life.
        database.execute(
            "insert into users select id + ?1, first_name, last_name,"
            " first_name || '.' || (id * 7919 % 1000003) || ?1 || '@example.com', phone + ?1,"
            " card + ?1, street, city, zip, country, balance + ?1, age, created_at,"
            " substr(bio, ?1 % 40) || bio, prefs, active from users where id <= ?2",
            (copy * SEED_ROWS, SEED_ROWS),
        )
        if database.execute(pages).fetchone()[0] >= size:
            break
    database.execute("commit")
    database.close()


def _rows(count: int) -> Iterator[Row]:
    draw = random.Random(20260101)
    names = [_word(draw, 4, 9).title() for _ in range(3000)]
    words = [_word(draw, 2, 10) for _ in range(5000)]
    for i in range(count):
        first, last = draw.choice(names), draw.choice(names)
        yield (
            i + 1,
            first,
            last,
            f"{first}.{last}{i}@example.com".lower(),
            f"+49 {draw.randint(10**9, 10**10)}",
            str(draw.randint(10**15, 10**16 - 1)),
            f"{draw.choice(words)} street {draw.randint(1, 999)}",
            draw.choice(words),
            str(draw.randint(10_000, 99_999)),
            "Germany",
            round(draw.random() * 10_000, 2),
            draw.randint(18, 99),
            f"2024-05-{draw.randint(1, 28):02d} 12:{draw.randint(0, 59):02d}:00",
            " ".join(draw.choices(words, k=25)) if i % 10 else None,
            f'{{"theme":"dark","lang":"{draw.choice(words)}","n":{i}}}',
            i & 1,
        )


def _word(draw: random.Random, shortest: int, longest: int) -> str:
    return "".join(draw.choices("abcdefghijklmnopqrstuvw", k=draw.randint(shortest, longest)))
