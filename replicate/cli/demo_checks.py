"""What the demo looks at after the restore: it shows what it finds, and fails where it is wrong."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from replicate.cli.formats import number
from replicate.errors import ReplicateError

if TYPE_CHECKING:
    from pathlib import Path

    from replicate.cli.console import Console
    from replicate.cli.demo_config import Place

_CHOSEN = """
SELECT min(customers.id)
FROM customers
    JOIN orders ON orders.customer_id = customers.id AND gift_message NOT NULL
    JOIN payments ON payments.order_id = orders.id
    JOIN support_messages ON support_messages.customer_id = customers.id
WHERE phone NOT NULL AND birth_date NOT NULL AND note NOT NULL AND customers.id > ?
"""

_PERSON = """
SELECT first_name || ' ' || last_name AS name, customers.email, phone, birth_date AS born, street,
    postcode, city, preferences, note, gift_message AS gift, card_number AS card,
    question AS asked, answer AS answered
FROM customers
    JOIN orders ON orders.customer_email = customers.email
    JOIN payments ON payments.order_id = orders.id
    JOIN support_messages ON support_messages.customer_id = customers.id
WHERE customers.id = ? AND gift_message NOT NULL
ORDER BY orders.id, support_messages.id LIMIT 1
"""

_COUNTS = (
    ("customers", "SELECT count(*) FROM customers"),
    ("employees", "SELECT count(*) FROM employees"),
    ("orders", "SELECT count(*) FROM orders"),
    ("payments", "SELECT count(*) FROM payments"),
    ("support messages", "SELECT count(*) FROM support_messages"),
    (
        "orders that find their customer by id",
        "SELECT count(*) FROM orders JOIN customers ON customers.id = customer_id",
    ),
    (
        "orders that find their customer by e-mail",
        "SELECT count(*) FROM orders JOIN customers ON customers.email = customer_email",
    ),
    ("different e-mail addresses", "SELECT count(DISTINCT email) FROM customers"),
    ("customers without a phone", "SELECT count(*) FROM customers WHERE phone IS NULL"),
    ("cents from the best city (a view)", "SELECT max(cents) FROM revenue_by_city"),
    (
        "tables, indexes, views, triggers",
        "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'",
    ),
    ("broken foreign keys", "SELECT count(*) FROM pragma_foreign_key_check"),
)

_DOMAIN = re.compile(rb"@[a-z]+\.example")
_CARD = re.compile(rb"(?=(\d{16}))")  # a look ahead, so that overlapping ones are seen too


def compare_people(console: Console, place: Place) -> None:
    """Two customers, side by side: their rows in four tables, joined by e-mail address."""
    chosen = 0
    for _ in range(2):
        ((chosen,),) = _query(place.production, _CHOSEN, chosen)
        old, new = (
            next(iter(_query(path, _PERSON, chosen)), None)
            for path in (place.production, place.development)
        )
        if old is None or new is None:
            raise ReplicateError(f"customer {chosen} is not in both databases")
        console.print()
        console.print_table(
            (f"CUSTOMER {chosen}", "PRODUCTION", "DEVELOPMENT"),
            [(name, _shown(old[name]), _shown(new[name])) for name in old.keys()],  # noqa: SIM118 - a row iterates over its values
            "<<<",
        )
        if any(old[name] == new[name] for name in ("email", "phone", "card", "asked")):
            raise ReplicateError("a customer of production can be recognised in development")


def compare_structure(console: Console, place: Place) -> None:
    """Rows, joins, views and foreign keys: the same on both sides."""
    rows = []
    for label, query in _COUNTS:
        before, after = (_query(p, query)[0][0] for p in (place.production, place.development))
        rows.append((label, number(before), number(after)))
        if before != after:
            raise ReplicateError(f"{label}: {before} in production, {after} in development")
    console.print_table(("", "PRODUCTION", "DEVELOPMENT"), rows, "<>>")


def search_originals(console: Console, place: Place) -> None:
    """Look for production's e-mail addresses and card numbers in every byte of what was made."""
    emails = _column(
        place.production, "SELECT email FROM customers UNION SELECT email FROM employees"
    )
    cards = _column(place.production, "SELECT card_number FROM payments")
    stored = [path for path in sorted(place.datastore.rglob("*")) if path.is_file()]
    rows, leaked = [], False
    for label, paths in (
        (str(place.production), [place.production]),
        (f"{place.datastore} ({len(stored)} files)", stored),
        (str(place.script), [place.script]),
        (str(place.development), [place.development]),
    ):
        found_emails, found_cards = set[bytes](), set[bytes]()
        for path in paths:
            data = path.read_bytes()
            found_emails |= _emails_in(data, emails)
            found_cards |= cards.intersection(_CARD.findall(data))
        rows.append((label, number(len(found_emails)), number(len(found_cards))))
        leaked |= place.production not in paths and bool(found_emails or found_cards)
    console.print(
        f"Of production's {number(len(emails))} e-mail addresses and "
        f"{number(len(cards))} card numbers, there are"
    )
    console.print_table(("IN", "ADDRESSES", "CARDS"), rows, "<>>")
    if leaked:
        raise ReplicateError("values of production were found where none may be")


def _query(path: Path, query: str, *values: int) -> list[Any]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        return database.execute(query, values).fetchall()


def _column(path: Path, query: str) -> set[bytes]:
    return {row[0].encode() for row in _query(path, query)}


def _emails_in(data: bytes, emails: Iterable[bytes]) -> set[bytes]:
    """Those of `emails` that stand in `data`, whatever stands before them."""
    wanted = set(emails)
    lengths = {len(email) for email in wanted}
    found = set()
    for match in _DOMAIN.finditer(data):
        for length in lengths:
            candidate = data[max(match.end() - length, 0) : match.end()]
            if candidate in wanted:
                found.add(candidate)
    return found


def _shown(value: object) -> str:
    """A value as a cell: its first line, and not too much of it."""
    text = "NULL" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
