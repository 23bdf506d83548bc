"""The demo's production database: a made-up shop, with the same rows in every run.

About 50,000 rows with what makes masking hard: personal data in many columns and twice in two
tables, foreign keys (one of them on e-mail addresses), NULLs, JSON, emoji, text over many lines.
Nobody in it exists; the card numbers are of a range that no bank issues.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

CUSTOMERS = 8_000
EMPLOYEES = 120
ORDERS = 20_000
PAYMENTS = 18_000
MESSAGES = 4_000

Row = tuple[Any, ...]

_SEED = 20_240_229
_NOW = datetime(2024, 2, 29, 12, 0)  # noqa: DTZ001 - a shop's local time, as shops store it

_TABLES = """
CREATE TABLE employees (
    id           INTEGER PRIMARY KEY,
    first_name   TEXT NOT NULL,
    last_name    TEXT NOT NULL,
    email        TEXT NOT NULL UNIQUE,
    department   TEXT NOT NULL,
    manager_id   INTEGER REFERENCES employees (id),
    salary_cents INTEGER NOT NULL,
    hired_on     DATE NOT NULL
);
CREATE TABLE customers (
    id          INTEGER PRIMARY KEY,
    first_name  TEXT NOT NULL,
    last_name   TEXT NOT NULL,
    email       TEXT NOT NULL UNIQUE,
    phone       TEXT,
    birth_date  DATE,
    street      TEXT NOT NULL,
    postcode    TEXT NOT NULL,
    city        TEXT NOT NULL,
    preferences TEXT NOT NULL CHECK (json_valid(preferences)),
    note        TEXT
);
CREATE TABLE orders (
    id             INTEGER PRIMARY KEY,
    customer_id    INTEGER NOT NULL REFERENCES customers (id),
    customer_email TEXT NOT NULL REFERENCES customers (email),
    status         TEXT NOT NULL CHECK (status IN ('open', 'paid', 'sent', 'returned')),
    total_cents    INTEGER NOT NULL,
    gift_message   TEXT,
    ordered_at     TIMESTAMP NOT NULL,
    changed_at     TIMESTAMP
);
CREATE TABLE payments (
    id           INTEGER PRIMARY KEY,
    order_id     INTEGER NOT NULL UNIQUE REFERENCES orders (id),
    card_holder  TEXT NOT NULL,
    card_number  TEXT NOT NULL,
    amount_cents INTEGER NOT NULL,
    paid_at      TIMESTAMP NOT NULL
);
CREATE TABLE support_messages (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    agent_id    INTEGER REFERENCES employees (id),
    question    TEXT NOT NULL,
    answer      TEXT,
    sent_at     TIMESTAMP NOT NULL
);
"""

_REST = """
CREATE INDEX customers_by_name ON customers (last_name, first_name);
CREATE INDEX orders_by_customer ON orders (customer_id, ordered_at);
CREATE INDEX orders_by_email ON orders (customer_email);
CREATE INDEX open_orders ON orders (ordered_at) WHERE status = 'open';
CREATE VIEW revenue_by_city AS
    SELECT city, count(*) AS orders, sum(total_cents) AS cents
    FROM orders JOIN customers ON customers.id = orders.customer_id
    GROUP BY city;
CREATE TRIGGER orders_changed AFTER UPDATE OF status ON orders BEGIN
    UPDATE orders SET changed_at = CURRENT_TIMESTAMP WHERE id = new.id;
END;
"""


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = _words("""
Ada Adam Aiko Alan Alma Amir Anna Anton Bao Beatriz Ben Carla Carlos Chloé Clara Daniel Dmitri Elif
Ella Emil Emma Eva Farid Fatima Finn Frida Gabriel Grace Hana Hugo Ida Ines Ivan Jan Jonas Julia
Kai Karim Lars Laura Léa Leo Li Lina Lucía Luis Maja Marco Maria Mateo Maya Mei Mia Milan Mina Nadia
Nina Noah Nora Olga Omar Oscar Paula Pavel Pedro Priya Rana Rosa Ruth Sami Sara Selma Simon Sofia
Søren Tara Theo Tom Uma Vera Victor Wei Yara Yusuf Zoë Zofia
""")
_LAST = _words("""
Abe Adler Almeida Andersen Bach Bakker Banerjee Becker Bianchi Blom Brandt Castro Chen Cohen Costa
Dahl Diallo Dubois Eder Evans Farkas Fischer Fontaine Fuchs García Gruber Gupta Haas Hansen Hofer
Horvat Ito Ivanova Jansen Jensen Kaya Keller Kim Kowalski Kruse Laine Larsen Lehmann Lopez Maier
Marin Mendes Meyer Moreau Mori Müller Nguyen Nilsson Novak Nowak O'Brien Okafor Olsen Park Peeters
Petrov Popescu Quinn Ramos Reyes Ricci Rossi Saito Santos Schmidt Schulz Silva Singh Sørensen Tanaka
Torres Varga Virtanen Vogel Walsh Weber Wolff Wong Yildiz Zhang Zimmermann
""")
_MAIL = ("mail", "post", "inbox", "letters", "box")
_STREETS = _words("""
Acorn Alder Bridge Canal Castle Cherry Church Elm Forest Garden Harbour Hill King Lake Lime Linden
Market Meadow Mill Museum North Oak Orchard Park Pine Queen River Rose School Station Tower Willow
""")
_KINDS = ("Street", "Lane", "Road", "Avenue")
_CITIES = _words("""
Aarhus Bergen Bologna Bordeaux Bratislava Cork Gdańsk Ghent Graz Łódź Lyon Malmö Porto Riga Sevilla
Split Tampere Tartu Utrecht Zürich
""")
_DEPARTMENTS = ("Sales", "Support", "Warehouse", "Finance", "Engineering")
_STATES = ("open", "paid", "sent", "sent", "sent", "returned")
_WISHES = ("Happy birthday", "Get well soon", "Merry Christmas", "Congratulations", "Thank you")
_EMOJI = ("🎂", "🎁", "💐", "🎉", "❤️", "👩‍👧", "")
_NOTES = ("pays late", "asked for a discount", "moved house twice", "prefers the phone")
_QUESTIONS = (
    "Hello,\n\nmy parcel never came. Please call me at {phone}.\n\n{name}",
    "Where is my invoice? Send it to {email}, please 🙏",
    "I moved!\nThe new address is:\n\t{street}\n\t{city}\n\nThanks\n{name}",
    "My card was charged twice\\!! Was that {name} or you? 😡",
)
_ANSWERS = (
    "Good day,\n\nwe are looking into it and will be back within two days.\n\nYour shop 🛍️",
    "It is on its way 🚚",
    "Sorry about that.\n\n- refunded\n- with a voucher on top\n\nYour shop 🛍️",
)


def write_production(path: Path) -> None:
    """Make the database `path`, which must not exist; takes a second or two."""
    random = Random(_SEED)  # noqa: S311 - made-up people need no secrets
    customers = list(_customers(random))
    orders = list(_orders(random, customers))
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(_TABLES)
        for table, rows in (
            ("employees", _employees(random)),
            ("customers", customers),
            ("orders", orders),
            ("payments", _payments(random, customers, orders)),
            ("support_messages", _messages(random, customers)),
        ):
            _insert(database, table, list(rows))
        database.commit()
        database.executescript(_REST)
        database.execute("ANALYZE")
        database.commit()


def _insert(database: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    places = ", ".join("?" * len(rows[0]))
    database.executemany(
        f"INSERT INTO {table} VALUES ({places})",  # noqa: S608 - the names stand above
        rows,
    )


def _employees(random: Random) -> Iterator[Row]:
    for number in range(1, EMPLOYEES + 1):
        first, last = random.choice(_FIRST), random.choice(_LAST)
        yield (
            number,
            first,
            last,
            f"{_ascii(first)}.{_ascii(last)}{number}@shop.example",
            random.choice(_DEPARTMENTS),
            None if number <= 4 else random.randint(1, min(number - 1, 20)),
            random.randint(28_000, 120_000) * 100,
            _day(random, 4_000),
        )


def _customers(random: Random) -> Iterator[Row]:
    for number in range(1, CUSTOMERS + 1):
        first, last = random.choice(_FIRST), random.choice(_LAST)
        yield (
            number,
            first,
            last,
            f"{_ascii(first)}.{_ascii(last)}{number}@{random.choice(_MAIL)}.example",
            f"+00 {random.randint(200, 999)} {random.randrange(10**7):07d}"
            if random.random() < 0.9
            else None,
            _day(random, 25_000, before=6_600) if random.random() < 0.8 else None,
            f"{random.randint(1, 240)} {random.choice(_STREETS)} {random.choice(_KINDS)}",
            f"{random.randrange(10**5):05d}",
            random.choice(_CITIES),
            json.dumps(
                {
                    "newsletter": random.random() < 0.4,
                    "theme": random.choice(("light", "dark", "🌈")),
                    "sizes": random.sample(("S", "M", "L", "XL"), 2),
                },
                ensure_ascii=False,
            ),
            random.choice(_NOTES) if random.random() < 0.15 else None,
        )


def _orders(random: Random, customers: list[Row]) -> Iterator[Row]:
    for number in range(1, ORDERS + 1):
        customer = random.choice(customers)
        gift = None
        if random.random() < 0.2:
            gift = f"{random.choice(_WISHES)}, {random.choice(_FIRST)}! {random.choice(_EMOJI)}"
        yield (
            number,
            customer[0],
            customer[3],
            random.choice(_STATES),
            random.randint(500, 50_000),
            gift,
            _moment(random),
            None,
        )


def _payments(random: Random, customers: list[Row], orders: list[Row]) -> Iterator[Row]:
    for number, order in enumerate(sorted(random.sample(orders, PAYMENTS)), start=1):
        customer = customers[order[1] - 1]
        holder = f"{customer[1]} {customer[2]}".upper()
        yield (number, order[0], holder, _card(random), order[4], _moment(random))


def _messages(random: Random, customers: list[Row]) -> Iterator[Row]:
    for number in range(1, MESSAGES + 1):
        customer = random.choice(customers)
        question = random.choice(_QUESTIONS).format(
            name=f"{customer[1]} {customer[2]}",
            email=customer[3],
            phone=customer[4] or "home",
            street=customer[6],
            city=customer[8],
        )
        agent = random.randint(1, EMPLOYEES) if random.random() < 0.9 else None
        answer = random.choice(_ANSWERS) if agent else None
        yield (number, customer[0], agent, question, answer, _moment(random))


def _card(random: Random) -> str:
    """Sixteen digits with the check digit that forms ask for; no issuer's numbers begin with 0."""
    digits = [0, *(random.randrange(10) for _ in range(14))]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[::2]]
    check = -(sum(doubled) + sum(digits[1::2])) % 10
    return "".join(map(str, [*digits, check]))


def _day(random: Random, days: int, before: int = 0) -> str:
    day: date = _NOW.date() - timedelta(days=random.randint(before, days))
    return day.isoformat()


def _moment(random: Random) -> str:
    moment = _NOW - timedelta(seconds=random.randrange(2 * 365 * 86_400))
    return moment.isoformat(sep=" ")


_ASCII = str.maketrans("éíøëü", "eioeu", "'")


def _ascii(name: str) -> str:
    return name.lower().translate(_ASCII)
