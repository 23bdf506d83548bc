"""Keys whose columns compare otherwise than byte for byte, and keys that ask for more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing

import pytest

from replicate.databases.base import Table
from replicate.databases.postgresql.connection import Address
from replicate.databases.postgresql.expressions import asked, keeps_apart
from replicate.databases.postgresql.source import PostgreSQLSource
from replicate.errors import ConfigError
from replicate.rows.column import Column
from replicate.rows.comparing import Equality, folded
from tests.support.postgres import Server, ServerError
from tests.support.postgres_journey import Pair


def _rule(table: str, **columns: str) -> str:
    listed = ", ".join(f"{{name: {n}, transformer_name: {t}}}" for n, t in columns.items())
    return f"  transformers:\n    - {{database: public, table: {table}, columns: [{listed}]}}\n"


def _tables(server: Server, database: str) -> dict[str, Table]:
    source = PostgreSQLSource(Address(server.uri(database)), str(server.bin))
    with closing(source.open()) as snapshot:
        return {table.name: table for table in snapshot.schema().tables}


def _has(server: Server, database: str, script: str) -> None:
    """Run it; skip the test where the server was built without what it takes."""
    try:
        server.run(database, script)
    except ServerError as error:
        if not re.search("not available|not supported|unrecognized locale provider", str(error)):
            raise
        pytest.skip("the server was built without it")


CITEXT = """
    CREATE EXTENSION citext;
    CREATE DOMAIN address AS citext;
    CREATE TABLE people (email address PRIMARY KEY, other citext UNIQUE);
    CREATE TABLE visits (email citext REFERENCES people, boss address REFERENCES people);
    INSERT INTO people VALUES ('Ann@x.test', 'Änne'), ('bob@x.test', 'bob'), ('ÉVA@x.test', 'éva');
    INSERT INTO visits VALUES ('ann@x.test', 'ANN@X.test'), ('Bob@x.test', NULL),
        ('éva@x.test', 'Éva@x.test'), (NULL, 'bob@x.test');
"""
JOINED = """
    SELECT count(*), count(p.email), count(DISTINCT p.email), count(b.email)
    FROM visits v LEFT JOIN people p ON p.email = v.email LEFT JOIN people b ON b.email = v.boss
"""


@pytest.mark.parametrize("transformer", ["email", "token"])
def test_a_key_of_citext_holds_for_all_spellings(pair: Pair, transformer: str) -> None:
    _has(pair.server, pair.source, CITEXT)
    pair.create(source=_rule("people", email=transformer, other="token"))
    pair.restore()
    assert pair.query(pair.target, JOINED) == pair.query(pair.source, JOINED) == [(4, 3, 3, 3)]
    assert pair.query(pair.target, "SELECT count(*) FROM visits WHERE email LIKE '%@x.test'") == [
        (0,)
    ]
    keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"
    assert pair.query(pair.target, keys) == [(2,)]


def test_columns_of_citext_join_with_those_of_a_key(pair: Pair) -> None:
    script = CITEXT + "CREATE TABLE seen (email citext, mails citext[]);"
    seen = _rule("seen", email="email", mails="email").removeprefix("  transformers:\n")
    _has(pair.server, pair.source, script)
    pair.server.run(
        pair.source, "INSERT INTO seen SELECT upper(email), ARRAY[lower(email)] FROM people"
    )
    pair.create(source=_rule("people", email="email") + seen)
    pair.restore()
    joined = """
        SELECT count(*), count(DISTINCT s.email)
        FROM people p JOIN seen s ON s.email = p.email AND p.email = ANY (s.mails)
    """
    assert pair.query(pair.target, joined) == pair.query(pair.source, joined) == [(3, 3)]
    assert pair.query(pair.target, "SELECT count(*) FROM seen WHERE email LIKE '%x.test'") == [(0,)]


SPELLINGS = ("Ann", "aNN", "ÄRGER", "ärger", "ÄRger", "straße", "STRASSE", "ЖУК", "жук", "ÆØÅ",
    "æøå", "日本", "x\u0301", "ǅ", "ǆ", "\u212a", "k", "ﬁ", "FI", "A ", "a", "",
    "νικος", "ΝΙΚΟΣ", "νικοσ", "Σ", "\u03c3", "ς", "İ", "i", "i\u0307", "I\u0307")  # fmt: skip


@pytest.mark.parametrize(
    ("locale", "equality"),
    [
        ("LOCALE 'C.UTF-8'", Equality.CASE),
        ("LOCALE 'C'", Equality.ASCII_CASE),
        ("LOCALE 'C' ENCODING 'LATIN1'", Equality.UNKNOWN),
        ("LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en'", Equality.CASE_IN_CONTEXT),
        ("LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'tr'", Equality.UNKNOWN),
    ],
)
def test_what_citext_takes_for_equal(server: Server, locale: str, equality: Equality) -> None:
    name = "of_citext"
    encoding = "" if "ENCODING" in locale else "ENCODING 'UTF8'"
    _has(server, "postgres", f"CREATE DATABASE {name} TEMPLATE template0 {encoding} {locale}")
    try:
        _has(server, name, "CREATE EXTENSION citext; CREATE TABLE t (c citext, d citext[], e text)")
        columns = _tables(server, name)["t"].columns
        assert [c.equality for c in columns] == [equality, equality, Equality.BYTES]
        if equality is Equality.UNKNOWN:
            return
        with server.connect(name) as connection:
            equal = [
                connection.execute("SELECT %s::citext = %s::citext", [one, other]).fetchall()[0][0]
                for one, other in _pairs(SPELLINGS)
            ]
        spelt = folded(Column.of([each.encode() for each in SPELLINGS]), equality).values()
        assert [one == other for one, other in _pairs(spelt)] == equal
    finally:
        server.drop_database(name)


GREEK = """
    CREATE EXTENSION citext;
    CREATE TABLE p (c citext PRIMARY KEY, free citext UNIQUE);
    CREATE TABLE t (c citext REFERENCES p);
    INSERT INTO p VALUES ('νικος', 'νικος'), ('i' || chr(775), 'i' || chr(775));
    INSERT INTO p SELECT 'ΝΙΚΟΣ', 'ΝΙΚΟΣ' WHERE 'ΝΙΚΟΣ'::citext <> 'νικος';
    INSERT INTO p VALUES ('ix', 'ix'), ('Ann', 'Ann');
    INSERT INTO t SELECT upper(c) FROM p WHERE upper(c)::citext = c;
"""


def test_letters_of_which_a_lower_case_is_its_own(pair: Pair) -> None:
    _has(pair.server, pair.source, GREEK)
    pair.create(source=_rule("p", c="token", free="token"))
    pair.restore()
    joined = "SELECT count(*), count(DISTINCT p.c) FROM t JOIN p USING (c)"
    assert pair.query(pair.target, joined) == pair.query(pair.source, joined)


PADDED = [
    # the columns' types, what the one that is referred to has, and what the other
    ("bpchar", "bpchar", "'a ', 'b'", "'a', 'b  '"),
    ("d40", "d35", "'a', 'b'", "'a', 'b'"),
    ("d40", "bpchar", "'a', 'b'", "'a', 'b '"),
    ("char(35)", "char(35)", "'a', 'b'", "'a', 'b '"),
    ("bpchar[]", "bpchar[]", "'{\"a \",b}', '{c}'", "'{a,\"b \"}', '{\"c \"}'"),
]


@pytest.mark.parametrize(("parent", "child", "keys", "refer"), PADDED)
def test_spaces_that_pad_are_nothing_to_a_key(
    any_pair: Pair, parent: str, child: str, keys: str, refer: str
) -> None:
    any_pair.server.run(
        any_pair.source,
        f"""
        CREATE DOMAIN d35 AS char(35);
        CREATE DOMAIN d40 AS char(40);
        CREATE TABLE p (k {parent} PRIMARY KEY);
        CREATE TABLE t (k {child} REFERENCES p);
        INSERT INTO p SELECT unnest(ARRAY[{keys}])::{parent};
        INSERT INTO t SELECT unnest(ARRAY[{refer}])::{child};
        """,
    )
    any_pair.create(source=_rule("p", k="token"))
    any_pair.restore()
    assert any_pair.query(any_pair.target, "SELECT count(*) FROM t JOIN p USING (k)") == [(2,)]
    masked = "SELECT min(length(rtrim(k::text))) > 3 FROM p"
    assert any_pair.query(any_pair.target, masked) == [(True,)]


def test_a_key_that_pads_to_one_length_is_permuted(any_pair: Pair) -> None:
    script = "CREATE TABLE t (c char(6) PRIMARY KEY);"
    script += "INSERT INTO t SELECT 'C' || i FROM generate_series(100, 999) i;"
    any_pair.server.run(any_pair.source, script)
    any_pair.create(source=_rule("t", c="format-preserving"))
    any_pair.restore()
    assert any_pair.query(any_pair.target, "SELECT count(DISTINCT c) FROM t") == [(900,)]


def _pairs(values: Sequence[object]) -> list[tuple[object, object]]:
    return [(one, other) for one in values for other in values]


LOOSE = (
    "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
)
FULL = """p (c text, d text, UNIQUE (c, d));
    CREATE TABLE t (c text, d text, FOREIGN KEY (c, d) REFERENCES p (c, d) MATCH FULL)"""
REFUSED = [
    # tables, of which t has what is masked, the transformer, and what the refusal says
    ("t (c text); CREATE UNIQUE INDEX ON t (left(c, 3))", "token", "may be the same for"),
    ("t (c text); CREATE UNIQUE INDEX ON t (split_part(c, '@', 2))", "token", "be the same for"),
    ("t (c text); CREATE UNIQUE INDEX ON t ((c::varchar(3)))", "token", "may be the same for"),
    ("t (c text); CREATE UNIQUE INDEX ON t ((c LIKE 'a%'))", "token", "may be the same for"),
    ("t (c text, g text GENERATED ALWAYS AS (left(c, 3)) STORED UNIQUE)", "token",
     "may be the same for"),
    ("t (c text, d text); CREATE UNIQUE INDEX ON t (d) WHERE c = 'a'", "token",
     "fulfil a condition"),
    ("t (c text, d text); CREATE UNIQUE INDEX ON t (d) WHERE c IS NULL", "'null'",
     "fulfil a condition"),
    ("t (c text, d text); CREATE UNIQUE INDEX ON t (d) WHERE NOT (c IS NOT NULL)", "token",
     "fulfil a condition"),
    (FULL, "'null'", "MATCH FULL"),
    ("p (c numeric(9, 2) UNIQUE); CREATE TABLE t (c numeric(9, 4) REFERENCES p (c))",
     "random", "digits behind the point"),
]  # fmt: skip

REFUSED_OF_LOOSE = [
    ("t (c text COLLATE loose PRIMARY KEY, r text COLLATE loose REFERENCES t)", "token",
     "rules that are not known"),
    ("t (c bpchar PRIMARY KEY)", "format-preserving", "differ in case"),
    ("t (c bpchar PRIMARY KEY); CREATE TABLE u (c char(40) REFERENCES t)", "token",
     "padded with spaces"),
    ("t (c text COLLATE loose UNIQUE)", "format-preserving", "differ in case"),
    ("t (c text); CREATE UNIQUE INDEX ON t (c COLLATE loose)", "format-preserving", "differ in"),
    ("t (c citext UNIQUE)", "format-preserving", "differ in case"),
    ("t (c citext); CREATE UNIQUE INDEX ON t (md5(c::text))", "token", "may be the same for"),
]  # fmt: skip


@pytest.mark.parametrize(("tables", "transformer", "message"), REFUSED)
def test_what_could_not_be_restored_is_refused(
    any_pair: Pair, tables: str, transformer: str, message: str
) -> None:
    any_pair.server.run(any_pair.source, f"CREATE TABLE {tables};")
    _refused(any_pair, _rule("p" if transformer == "random" else "t", c=transformer), message)


@pytest.mark.parametrize(("tables", "transformer", "message"), REFUSED_OF_LOOSE)
def test_what_compares_otherwise_is_refused(
    pair: Pair, tables: str, transformer: str, message: str
) -> None:
    before = LOOSE if "loose" in tables else "CREATE EXTENSION citext;"
    _has(pair.server, pair.source, f"{before} CREATE TABLE {tables};")
    _refused(pair, _rule("t", c=transformer), message)


def _refused(pair: Pair, rules: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        pair.create(source=rules)
    assert caught.value.line is not None
    assert caught.value.hint
    assert pair.stored() == []


def test_what_can_be_restored_is(pair: Pair) -> None:
    pair.server.run(
        pair.source,
        """
        CREATE TABLE p (c text, d text, UNIQUE (c, d));
        CREATE TABLE t (c text, d text, e text, f text, b boolean,
            FOREIGN KEY (c, d) REFERENCES p (c, d) MATCH FULL);
        CREATE UNIQUE INDEX ON t (lower(e), coalesce(f, 'none'::text), btrim(e));
        CREATE UNIQUE INDEX ON t ((e || '-' || upper(f)));
        CREATE UNIQUE INDEX ON t (f) WHERE e IS NOT NULL AND b;
        CREATE UNIQUE INDEX ON t (f) WHERE e <> '' OR (e IS NULL AND b);
        CREATE UNIQUE INDEX ON t (md5(e) COLLATE "C");
        CREATE UNIQUE INDEX ON t (trim(both from f)) WHERE b;
        INSERT INTO p VALUES ('a', 'b');
        INSERT INTO t SELECT 'a', 'b', 'E' || i, 'F' || i, i % 2 = 1 FROM generate_series(1, 300) i;
        """,
    )
    pair.create(source=_rule("t", c="'null'", d="'null'", e="token", f="token"))
    pair.restore()
    query = "SELECT count(c), count(d), count(DISTINCT e), count(DISTINCT f) FROM t"
    assert pair.query(pair.target, query) == [(0, 0, 300, 300)]


def test_a_key_that_compares_by_a_collation_takes_what_shares_nothing(pair: Pair) -> None:
    script = f"{LOOSE} CREATE TABLE t (c text COLLATE loose UNIQUE);"
    script += "INSERT INTO t SELECT 'C' || i FROM generate_series(1, 300) i;"
    _has(pair.server, pair.source, script)
    pair.create(source=_rule("t", c="email"))
    pair.restore()
    assert pair.query(pair.target, "SELECT count(DISTINCT c) FROM t") == [(300,)]


CERTAIN = ("r = 0.1", "r <> 0.1", "r > 0.1", "r <> '9.99'", "d <> 9.99", "r <> 0.5", "r >= d")

REALS = ("0.1", "0.5", "9.99", "1e10", "16777216", "-3.25", "0.30000001", "1e-5", "0", "123456.79")
CONDITIONS = [
    "r = 0.1", "r <> 0.1", "r > 0.1", "r <= 0.1", "r <> 9.99", "r <> '9.99'", "r = '0.1000000001'",
    "r <> 0.5", "r in (0.1, 0.5)", "r not in (9.99, 0)", "r <> d", "r = d", "r >= d", "d <> 0.1",
    "r <> 16777217", "r <> '16777217'", "r between 0.1 and 9.99", "r <> s", "r < i", "r = n",
    "r <> n", "d <> 9.99",
]  # fmt: skip


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_value_stays_only_where_numbers_of_32_bits_make_it(
    plain_pair: Pair, condition: str
) -> None:
    values = ", ".join(
        f"('secret', {r}, {r}, {other}, 10, {r}::numeric)" for r in REALS for other in (r, "0.1")
    )
    plain_pair.server.run(
        plain_pair.source,
        f"""
        CREATE TABLE t (id serial, v text, r real, d float8, s real, i int, n numeric);
        INSERT INTO t (v, r, d, s, i, n) VALUES {values};
        """,
    )
    rule = f'{{name: v, transformer_name: token, when: "{condition}"}}'
    rules = f"  transformers:\n    - {{database: public, table: t, columns: [{rule}]}}\n"
    plain_pair.create(source=rules)
    plain_pair.restore()
    false = f"SELECT id FROM t WHERE NOT ({condition})"
    stays = "SELECT id FROM t WHERE v = 'secret'"
    kept = set(plain_pair.query(plain_pair.target, stays))
    assert kept <= set(plain_pair.query(plain_pair.source, false))
    if condition in CERTAIN:
        assert kept == set(plain_pair.query(plain_pair.source, false))


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("lower(email)", True),
        ("lower((email)::text)", True),
        ("(a || '-'::text) || b", True),
        ("COALESCE(email, ''::character varying)", True),
        ("COALESCE(n, (0)::bigint), COALESCE(n, '-1'::integer)", True),
        ("TRIM(BOTH FROM email)", True),
        ('md5((email)::text) COLLATE "C"', True),
        ('upper("E (x)")', True),
        ("btrim(email, ' '::text)", True),
        ("TRIM(BOTH ' '::text FROM email)", True),
        ("ltrim(lower((email)::text)), a", True),
        ("ltrim(email, '0123456789abcdef-'::text)", False),
        ("TRIM(BOTH 'abc'::text FROM email)", False),
        ("btrim(email, other)", False),
        ("TRIM(LEADING other FROM email)", False),
        ("rtrim(\"a, b\", 'x'::text)", False),
        ('"left"(email, 3)', False),
        ("(email)::character varying(3)", False),
        ("date_trunc('day'::text, at)", False),
        ("public.lower(email)", False),
        ("CASE WHEN a THEN b ELSE NULL::text END", False),
        ("(data ->> 'mail'::text)", False),
        ("(n % 10)", False),
        ("NULLIF(email, ''::text)", False),
        ("f(t.*)", False),
        ("(email IS NULL)", False),
        ("(at AT TIME ZONE 'UTC'::text)", False),
    ],
)
def test_expressions_that_keep_values_apart(expression: str, answer: bool) -> None:
    assert keeps_apart(expression) is answer


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ("(other = 'c'::text)", ""),
        ("(c IS NOT NULL)", ""),
        ("((c IS NOT NULL) AND other)", ""),
        ("(c IS NULL)", "null"),
        ("((other IS NULL) AND (c IS NULL))", "null"),
        ("(c <> ''::text)", "null"),
        ("((c)::text <> ''::text)", "null"),
        ("(c = 'x'::text)", "value"),
        ("((c IS NOT NULL) AND (length(c) > 3))", "value"),
        ("(NOT (c IS NOT NULL))", "value"),
        ("((c IS NOT NULL) = other)", "value"),
        ("(other = (c IS NOT NULL))", "value"),
        ("(NOT c)", "value"),
        ("c", "value"),
        ("CASE WHEN (c IS NOT NULL) THEN other ELSE true END", "value"),
        ("(((c IS NOT NULL))::integer = 0)", "value"),
        ("((((c IS NOT NULL))::integer + ((d IS NOT NULL))::integer) = 1)", "value"),
        ("f((c IS NOT NULL))", "value"),
        ("((c IS NOT NULL) IS NOT TRUE)", "value"),
        ("(c <> ''::bpchar)", "value"),
        ("((other = ' AND ('::text) OR (b AND (c IS NULL)))", "null"),
    ],
)
def test_what_conditions_ask(condition: str, answer: str) -> None:
    assert asked(condition, "c") == answer
    assert asked(condition.replace("c ", '"C x" '), "nothing") == ""


FIXED = "  transformers:\n    - {database: public, table: t, columns: [{name: k, "
FIXED += "transformer_name: fixed, transformer_options: {value: '1'}}]}\n"
NEVER = [
    # tables, rules, and what the refusal says
    ("t (a text UNIQUE, k int); CREATE UNIQUE INDEX ON t (lower(a)) WHERE k = 1", FIXED, "fulfil"),
    ("t (a text UNIQUE, k int); CREATE UNIQUE INDEX ON t (left(a, 1)) WHERE k = 1", FIXED,
     "fulfil"),
    ("t (a text, k int, EXCLUDE (a WITH =)); CREATE UNIQUE INDEX ON t (a) WHERE k = 1", FIXED,
     "fulfil"),
    ("t (a text UNIQUE, k int, g text GENERATED ALWAYS AS (a) STORED); "  # noqa: ISC004 - one item
     "CREATE UNIQUE INDEX ON t (g) WHERE k = 1", FIXED, "fulfil"),
    ("t (a text); CREATE UNIQUE INDEX ON t (ltrim(a, '0123456789abcdef-'))",
     _rule("t", a="uuid"), "may be the same for"),
    ("t (a text); CREATE UNIQUE INDEX ON t (TRIM(BOTH 'abcdef' FROM a))",
     _rule("t", a="uuid"), "may be the same for"),
    ("t (a text, b text); CREATE UNIQUE INDEX ON t (b) WHERE (a IS NOT NULL)::int = 0",
     _rule("t", a="'null'"), "fulfil"),
]  # fmt: skip
NEVER_OF_CITEXT = [
    ("t (c citext); CREATE UNIQUE INDEX ON t (c text_pattern_ops)", "may be the same for"),
    ("t (a text, c citext); CREATE UNIQUE INDEX ON t ((lower(a) || c::text))", "be the same for"),
    ('t (c citext); CREATE UNIQUE INDEX ON t (lower(c::text COLLATE "C"))', "be the same for"),
    ('t (c citext COLLATE "C"); CREATE UNIQUE INDEX ON t (lower(c::text))', "be the same for"),
    ("t (c citext); CREATE UNIQUE INDEX ON t (c, md5(c::text))", "may be the same for"),
]  # fmt: skip


@pytest.mark.parametrize(("tables", "rules", "message"), NEVER)
def test_what_a_key_might_not_take_is_refused(
    pair: Pair, tables: str, rules: str, message: str
) -> None:
    pair.server.run(pair.source, f"CREATE TABLE {tables};")
    _refused(pair, rules, message)


def test_a_key_that_takes_nulls_does_not_stand_in_for_one_that_does_not(pair: Pair) -> None:
    script = "CREATE TABLE t (a text UNIQUE, k int);"
    script += "CREATE UNIQUE INDEX ON t (a) NULLS NOT DISTINCT WHERE k = 1;"
    try:
        pair.server.run(pair.source, script)
    except ServerError:
        pytest.skip("the server has no such keys")
    with pytest.raises(ConfigError, match="fulfil a condition"):
        pair.create(source=FIXED)


@pytest.mark.parametrize(("tables", "message"), NEVER_OF_CITEXT)
def test_what_a_key_on_citext_might_not_take_is_refused(
    pair: Pair, tables: str, message: str
) -> None:
    _has(pair.server, pair.source, f"CREATE EXTENSION citext; CREATE TABLE {tables};")
    _refused(pair, _rule("t", c="token"), message)


def test_lower_case_of_citext_is_as_unique_as_itself(pair: Pair) -> None:
    script = """
        CREATE EXTENSION citext;
        CREATE TABLE t (c citext, d text);
        CREATE UNIQUE INDEX ON t (c citext_ops);
        CREATE UNIQUE INDEX ON t (lower(c::text), d);
        INSERT INTO t VALUES ('Ann'), ('bob');
    """
    _has(pair.server, pair.source, script)
    pair.create(source=_rule("t", c="token"))
    pair.restore()
    assert pair.query(pair.target, "SELECT count(DISTINCT c) FROM t") == [(2,)]


def test_a_key_of_all_rows_stands_in_for_one_of_some(pair: Pair) -> None:
    script = """
        CREATE TABLE t (a text UNIQUE, b text, k int);
        CREATE UNIQUE INDEX ON t (a, b) WHERE k = 1;
        INSERT INTO t VALUES ('x', 'y', 0), ('z', 'y', 1);
    """
    pair.server.run(pair.source, script)
    pair.create(source=FIXED)
    pair.restore()
    assert pair.query(pair.target, "SELECT DISTINCT k FROM t") == [(1,)]
