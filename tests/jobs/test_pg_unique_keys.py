"""A million people with an e-mail address each that no other has, and keys that point at them."""

from __future__ import annotations

import pytest

from tests.support.postgres_journey import Pair

PEOPLE = """
CREATE TABLE people(
    email varchar(60) PRIMARY KEY, phone text UNIQUE NOT NULL, boss varchar(60),
    code varchar(12) UNIQUE
);
INSERT INTO people SELECT 'user' || i || '@mail.test', '+49 30 ' || lpad(i::text, 8, $$0$$),
    CASE WHEN i % 3 = 0 THEN 'user' || i / 3 || '@mail.test' END,
    upper(substr(md5(i::text), 1, 3)) || '-' || lpad(i::text, 7, '0')
    FROM generate_series(1, {people}) i;
ALTER TABLE people ADD FOREIGN KEY (boss) REFERENCES people (email);
CREATE TABLE orders(
    id int PRIMARY KEY, email varchar(60) REFERENCES people (email), phone text, code varchar(12)
);
INSERT INTO orders SELECT i, 'user' || 1 + i % 1000 || '@mail.test',
    '+49 30 ' || lpad((1 + i % 1000)::text, 8, $$0$$), 'none'
    FROM generate_series(1, 50000) i;
ALTER TABLE orders ADD FOREIGN KEY (phone) REFERENCES people (phone);
ANALYZE;
"""

RULES = """  jobs: 2
  transformers:
    - database: public
      table: people
      columns:
        - {name: email, transformer_name: email}
        - {name: phone, transformer_name: phone-number}
        - {name: code, transformer_name: format-preserving}
"""

JOINS = [
    "SELECT count(*), count(DISTINCT p.email) FROM orders o JOIN people p USING (email)",
    "SELECT count(*), count(DISTINCT p.phone) FROM orders o JOIN people p USING (phone)",
    "SELECT count(*), count(DISTINCT b.email) FROM people p JOIN people b ON p.boss = b.email",
    "SELECT count(DISTINCT email), count(DISTINCT phone), count(DISTINCT code) FROM people",
    "SELECT count(*), count(boss) FROM people",
    "SELECT n, count(*) FROM (SELECT count(*) n FROM orders GROUP BY email) x GROUP BY n",
]
CONSTRAINTS = """
    SELECT conrelid::regclass::text, contype, pg_get_constraintdef(oid), convalidated
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2, 3
"""
LEFT = "SELECT count(*) FROM people WHERE email LIKE 'user%@mail.test'"


@pytest.mark.parametrize("people", [1_000_000])
def test_constraints_hold_and_joins_find_as_many(any_pair: Pair, people: int) -> None:
    any_pair.server.run(any_pair.source, PEOPLE.format(people=people))
    manifest = any_pair.create(source=RULES)
    assert {table.name: dict(table.masked) for table in manifest.body.tables} == {
        "people": {
            "email": "email",
            "phone": "phone-number",
            "boss": "email",
            "code": "format-preserving",
        },
        "orders": {"email": "email", "phone": "phone-number"},
    }
    any_pair.restore()
    source, target = any_pair.source, any_pair.target
    assert any_pair.query(target, CONSTRAINTS) == any_pair.query(source, CONSTRAINTS)
    assert len(any_pair.query(target, CONSTRAINTS)) >= 7
    for query in JOINS:
        assert sorted(any_pair.query(target, query)) == sorted(any_pair.query(source, query))
    assert any_pair.query(target, LEFT) == [(0,)]
    same = "SELECT count(*) FROM people WHERE phone ~ '^\\+49 \\d\\d \\d{8}$'"
    assert any_pair.query(target, same) == [(people,)]
