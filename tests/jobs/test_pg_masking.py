"""Masked rows on a real server: they fit the types and constraints that the rows before did."""

from __future__ import annotations

import json

import pytest

from replicate.errors import ConfigError
from tests.support.postgres_journey import SMALL, Pair

BANK = "lpad(i::text, 18, '0')"
CHECK = f"98 - mod(({BANK} || '131400')::numeric, 97)"

# A column of each sort, with what a database holds it to, and the transformer for it.
COLUMNS = [
    # name, type and constraints, a value in terms of i, transformer, its options
    ("first", "varchar(8) NOT NULL", "'Anna' || i % 7", "first-name", ""),
    ("last", "text", "'Müller'", "last-name", ""),
    ("name", "varchar(20)", "'Anna Müller'", "full-name", ""),
    ("mail", "varchar(40) UNIQUE NOT NULL", "'user' || i || '@mail.test'", "email", ""),
    ("login", "varchar(24) UNIQUE", "'user' || i", "username", ""),
    ("phone", "text UNIQUE CHECK (phone ~ '^[+][0-9 ]+$')", "'+49 30 ' || 1000000 + i",
     "phone-number", ""),
    ("digits", "bigint", "49301000000 + i", "phone-number", ""),
    ("card", "char(16)", "'4929123456789015'", "credit-card", ""),
    ("iban", "varchar(34) UNIQUE", f"'DE' || lpad(({CHECK})::text, 2, '0') || {BANK}", "iban", ""),
    ("key", "char(9) UNIQUE", "'AB-' || lpad(i::text, 6, '0')", "format-preserving", ""),
    ("number", "int UNIQUE", "100000 + i", "format-preserving", ""),
    ("small", "smallint CHECK (small BETWEEN 1 AND 9)", "1 + i % 9", "number-range",
     "{min: 1, max: 9}"),
    ("price", "numeric(7,2)", "i * 1.25", "number-noise", "{percent: 10}"),
    ("salary", "int", "i * 1000", "number-round", "{to: 500}"),
    ("rate", "float8", "i * 1e-5", "random", ""),
    ("born", "date", "date '1940-01-01' + i", "date-shift", "{by: id}"),
    ("seen", "timestamptz", "timestamptz '2024-02-29 12:00+02' + i * interval '1 hour'",
     "date-truncate", "{to: month}"),
    ("day", "date", "date '2000-01-01' + i", "random-date", ""),
    ("at", "time", "time '12:00'", "random-date", ""),
    ("active", "boolean", "i % 2 = 0", "boolean", "{probability: 0.2}"),
    ("mood", "mood", "'sad'", "choice", ""),
    ("moods", "mood[]", "ARRAY['sad', NULL, 'glad']::mood[]", "choice", ""),
    ("state", "text CHECK (state IN ('new', 'old'))", "'new'", "choice", ""),
    ("level", "varchar(3)", "'low'", "choice", "{values: [low, mid]}"),
    ("host", "inet", "'192.0.2.7/24'::inet", "ip-address", "{keep_network: 16}"),
    ("six", "inet", "'2001:db8::7'::inet", "ip-address", ""),
    ("mac", "macaddr", "'08:00:2b:01:02:03'::macaddr", "mac-address", ""),
    ("uid", "uuid UNIQUE", "md5(i::text)::uuid", "uuid", ""),
    ("token", "varchar(32) UNIQUE", "md5(i::text)", "token", ""),
    ("hash", "char(64) UNIQUE", "repeat(md5(i::text), 2)", "hash", ""),
    ("pass", "text", "'$2b$12$' || repeat('a', 53)", "password-hash", "{scheme: bcrypt}"),
    ("site", "varchar(60)", "'https://shop.test/user/' || i", "url", ""),
    ("agent", "text", "'Mozilla/5.0'", "user-agent", ""),
    ("company", "varchar(20)", "'Acme GmbH'", "company", ""),
    ("job", "varchar(30)", "'Baker'", "job", ""),
    ("street", "varchar(25)", "'Hauptstr. 1'", "street", ""),
    ("zip", "char(5)", "'10115'", "postcode", ""),
    ("city", "varchar(12)", "'Berlin'", "city", ""),
    ("country", "char(2)", "'DE'", "country", "{form: alpha2}"),
    ("address", "varchar(40)", "'Hauptstr. 1, 10115 Berlin'", "address", ""),
    ("mails", "varchar(40)[]", "ARRAY['a\"b' || i, '', 'x,y{}\\z']", "email", ""),
    ("names", "text[][]", "ARRAY[['Anna', 'Jo'], ['Ed', NULL]]", "first-name", ""),
    ("blob", "bytea", "decode(md5(i::text), 'hex')", "random", ""),
    ("gone", "text", "'secret'", "null", ""),
    ("same", "jsonb", "'{\"a\": 1}'", "fixed", "{value: '{}'}"),
]  # fmt: skip
ROWS = 3000


def _script() -> str:
    columns = ", ".join(f"{name} {declared}" for name, declared, *_ in COLUMNS)
    values = ", ".join(value for _, _, value, *_ in COLUMNS)
    return f"""
        CREATE TYPE mood AS ENUM ('sad', 'glad', 'it''s');
        CREATE TABLE people(id int PRIMARY KEY, {columns}, doc jsonb, raw json);
        INSERT INTO people SELECT i, {values},
            jsonb_build_object('name', 'Anna', 'contacts', jsonb_build_array(
                jsonb_build_object('email', 'user' || i || '@mail.test', 'n', 1.50),
                jsonb_build_object('email', null))),
            ('{{"a":  1.50, "pin":' || i || ', "pin" : "x\\"y"}}')::json
            FROM generate_series(1, {ROWS}) i;
        INSERT INTO people(id, first, mail) VALUES (0, '', '');
    """


def _rules() -> str:
    lines = ["  transformers:", "    - database: public", "      table: people", "      columns:"]
    for name, _, _, transformer, options in COLUMNS:
        more = f", transformer_options: {options}" if options else ""
        lines.append(f"        - {{name: {name}, transformer_name: {transformer}{more}}}")
    lines += [
        '        - {name: "doc.contacts[*].email", transformer_name: email}',
        "        - {name: doc.name, transformer_name: first-name}",
        "        - {name: raw.pin, transformer_name: random}",
    ]
    return "\n".join(lines) + "\n"


def test_every_sort_of_column_is_masked_and_restored(pair: Pair) -> None:
    pair.server.run(pair.source, _script())
    pair.create(source=SMALL + _rules())
    pair.restore()
    old = {row[0]: row[1:] for row in pair.query(pair.source, "SELECT * FROM people")}
    new = {row[0]: row[1:] for row in pair.query(pair.target, "SELECT * FROM people")}
    assert old.keys() == new.keys()
    # NULL stays NULL, and the empty string empty.
    assert new.pop(0) == old.pop(0)
    for place, (name, *_, transformer, _) in enumerate(COLUMNS):
        before, after = ([row[place] for row in side.values()] for side in (old, new))
        if transformer == "null":
            assert set(after) == {None}
            continue
        assert None not in after, name
        changed = sum(a != b for a, b in zip(before, after, strict=True))
        few = transformer in ("boolean", "choice", "number-range", "number-round")
        assert changed >= (0 if few else 0.8 * ROWS), name
        if "UNIQUE" in COLUMNS[place][1]:
            assert len(set(after)) == ROWS, name


def test_inside_of_documents_only_what_a_path_names_changes(any_pair: Pair) -> None:
    any_pair.server.run(any_pair.source, _script())
    any_pair.create(source=_rules())
    any_pair.restore()
    query = "SELECT mail, doc::text, raw::text FROM people WHERE id > 0 ORDER BY id"
    found = zip(
        any_pair.query(any_pair.source, query), any_pair.query(any_pair.target, query), strict=True
    )
    for (_, old_doc, old_raw), (mail, doc, raw) in found:
        before, after = json.loads(str(old_doc)), json.loads(str(doc))
        assert after["contacts"][0].pop("email") == mail  # the same replacement as in the column
        before["contacts"][0].pop("email")
        assert after.pop("name") != before.pop("name")
        assert after == before
        assert str(raw).startswith('{"a":  1.50, "pin":')
        assert str(raw).partition('"pin"')[2] != str(old_raw).partition('"pin"')[2]


@pytest.mark.parametrize(
    ("column", "transformer", "message"),
    [
        ("first", "email", "more than the 8 characters|too short|characters"),
        ("mood", "first-name", "doesn't fit a column of enum values"),
        ("state", "first-name", "takes nothing but new, old"),
        ("mood", "fixed, transformer_options: {value: angry}", "one of sad, glad, it's"),
        ("uid", "token", "doesn't fit a column of uuid values"),
        ("mail", "first-name", "unique key on"),
        ("number", "number-noise, transformer_options: {percent: 5}", "unique key on"),
        ("born", "phone-number", "doesn't fit a column of date values"),
        ("moods", "choice, transformer_options: {values: [angry]}", "angry|labels|one of"),
        ("doc", "email", "doesn't fit a column of json values"),
        ("doc.x[", "email", "path"),
        ("last", "email, when: 'nothing = 1'", "nothing"),
    ],
)
def test_what_a_column_can_not_take_is_refused_before_a_row_is_read(
    any_pair: Pair, column: str, transformer: str, message: str
) -> None:
    any_pair.server.run(any_pair.source, _script())
    place = "  transformers:\n    - {database: public, table: people, columns:"
    rule = f"[{{name: '{column}', transformer_name: {transformer}}}]}}\n"
    with pytest.raises(ConfigError, match=message) as caught:
        any_pair.create(source=f"{place} {rule}")
    assert caught.value.line is not None
    assert any_pair.stored() == []
