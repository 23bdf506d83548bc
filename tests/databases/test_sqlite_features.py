"""What a SQLite database may have, each copied by itself and compared to the bit."""

from __future__ import annotations

import math
import random
import sqlite3
import struct
from pathlib import Path

import pytest

from replicate.errors import DatabaseError
from tests.support.sqlite_copy import assert_same, copy, dump_text, make, open_db

FEATURES = {
    "integers": """
        CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, b BIGINT);
        INSERT INTO t VALUES(-9223372036854775808, 9223372036854775807, -9223372036854775808),
            (-1, 0, -0), (9223372036854775807, 4611686018427387905, 9007199254740993);
    """,
    "classes other than the column's": """
        CREATE TABLE t(i INTEGER, r REAL, x TEXT, n NUMERIC, b BLOB, a, d DATETIME);
        INSERT INTO t VALUES('abc', 'abc', x'00ff', 'abc', 'abc', 'abc', '2024-01-02 03:04:05.678');
        INSERT INTO t VALUES(x'', x'31', x'31', x'31', 1, 1, 1704164645);
        INSERT INTO t VALUES(1.5, 1, 1.5, 1e300, 1.0, 1.0, 1704164645.25);
        INSERT INTO t VALUES(NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        INSERT INTO t VALUES('inf', '-inf', 'inf', 'inf', 9e999, -9e999, 9e999);
        INSERT INTO t VALUES('', '', '', '', '', '', '');
        INSERT INTO t VALUES('12x', '1e', '12', '0x10', '12', 12, '12:30');
        INSERT INTO t VALUES('nan', 'infinity', '\\N', '1_0', '\\N', '\\I5', '\\B00');
        INSERT INTO t VALUES(9223372036854775808, -9223372036854775809, '1e5', 1e18, x'5c4e', -0.0,
            '.');
    """,
    "WITHOUT ROWID": """
        CREATE TABLE t(a TEXT COLLATE NOCASE, b INT, c, PRIMARY KEY(b DESC, a)) WITHOUT ROWID;
        CREATE INDEX t_c ON t(c);
        INSERT INTO t VALUES('x', 1, x'00'), ('y', 1, 2.5), ('x', 2, NULL), ('Z', -5, 'text');
    """,
    "STRICT": """
        CREATE TABLE t(i INTEGER, r REAL, x TEXT, b BLOB, a ANY, k INT PRIMARY KEY) STRICT;
        INSERT INTO t VALUES(1, 1.0, '1', x'31', '01', 1),
            (NULL, 2, '', x'', 1.0, 2),
            (3, 1e300, 'inf', x'00', x'00', 3), (4, 9e999, '5', NULL, -0.0, 4),
            (5, 6, '7', x'08', 9, 5);
        CREATE TABLE w(a ANY, b ANY, PRIMARY KEY(a, b)) STRICT, WITHOUT ROWID;
        INSERT INTO w VALUES('1', 1), (1, '1'), (x'31', 1.5);
    """,
    "AUTOINCREMENT": """
        CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v);
        INSERT INTO t(v) VALUES(1), (2), (3);
        DELETE FROM t WHERE id = 3;
        CREATE TABLE empty(id INTEGER PRIMARY KEY AUTOINCREMENT);
        INSERT INTO empty VALUES(77); DELETE FROM empty;
    """,
    "a counter that outlived its table": """
        CREATE TABLE gone(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO gone VALUES(5);
        CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO t VALUES(1, 2);
        DROP TABLE gone;
    """,
    "generated columns": """
        CREATE TABLE t(a INT, v INT AS (a * 2) VIRTUAL, s TEXT AS ('s' || a) STORED, z);
        CREATE INDEX t_v ON t(v);
        INSERT INTO t(a, z) VALUES(1, 'x'), (2, NULL);
    """,
    "partial and expression indexes": """
        CREATE TABLE t(a TEXT, b INT);
        CREATE UNIQUE INDEX t_lower ON t(lower(a)) WHERE b > 0;
        CREATE INDEX t_ab ON t(a COLLATE NOCASE DESC, b + 1);
        INSERT INTO t VALUES('A', 1), ('b', 1), ('B', 0);
    """,
    "views and triggers": """
        CREATE TABLE t(a); CREATE TABLE log(what);
        CREATE VIEW v(x) AS SELECT a FROM t -- a comment at the end
        ;
        CREATE VIEW broken AS SELECT * FROM nowhere;
        CREATE TRIGGER t_ai AFTER INSERT ON t BEGIN
            INSERT INTO log VALUES('a; semicolon'); SELECT CASE WHEN 1 THEN 2 END;
        END;
        CREATE TRIGGER v_ii INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES(new.x); END;
        INSERT INTO v VALUES(1);
    """,
    "odd SQL text": """
        CREATE TABLE "a "";-- table"("col;1" TEXT DEFAULT 'it''s; -- no comment', [c 2] /* ; */ INT,
            `ünï` CHECK(`ünï` <> ';'), "" , 🎉, "select" -- the last; column
        );
        INSERT INTO "a "";-- table" VALUES(';', 1, 'x', 2, 3, 4);
        CREATE TABLE temp(a, temp); INSERT INTO temp VALUES(1, 2);
        CREATE TABLE 'string named'('x'); INSERT INTO 'string named' VALUES('y');
        CREATE TABLE copied AS SELECT 1 AS a, 'x' AS b, 2.5 AS c;
    """,
    "rowids without a column": """
        CREATE TABLE t(a); INSERT INTO t(rowid, a) VALUES(-5, 'x'), (10, 'y'), (1000000000000, 'z');
        CREATE TABLE s(rowid TEXT, a); INSERT INTO s(_rowid_, rowid, a) VALUES(7, 'r', 1);
        CREATE TABLE u(rowid, oid, _rowid_); INSERT INTO u VALUES(1, 2, 3), (4, 5, 6);
        CREATE TABLE d(id INTEGER PRIMARY KEY DESC, a);
        INSERT INTO d(rowid, id) VALUES(9, 3), (4, 8);
        CREATE TABLE i(id INT PRIMARY KEY, a); INSERT INTO i(rowid, id) VALUES(90, 3), (4, NULL);
    """,
    "settings": """
        PRAGMA page_size = 8192; PRAGMA auto_vacuum = 2;
        CREATE TABLE t(a); INSERT INTO t VALUES(1);
        PRAGMA user_version = -7; PRAGMA application_id = 1196444487;
    """,
    "the journal mode": "PRAGMA journal_mode = wal; CREATE TABLE t(a); INSERT INTO t VALUES(1);",
    "statistics": """
        CREATE TABLE t(a, b); CREATE INDEX t_a ON t(a);
        WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
            INSERT INTO t SELECT i % 7, i FROM n;
        ANALYZE;
    """,
    "rows that break a CHECK or a foreign key": """
        CREATE TABLE p(id INTEGER PRIMARY KEY);
        CREATE TABLE t(a CHECK(a > 0), p REFERENCES p(id));
        PRAGMA ignore_check_constraints = ON;
        INSERT INTO t VALUES(-1, 99);
    """,
    "constraints with a conflict clause": """
        CREATE TABLE t(a UNIQUE ON CONFLICT IGNORE, b NOT NULL ON CONFLICT REPLACE DEFAULT 5);
        INSERT INTO t VALUES(1, 2), (NULL, 3), (NULL, 4);
    """,
    "columns added later": """
        CREATE TABLE t(a); INSERT INTO t VALUES(1), (2);
        ALTER TABLE t ADD COLUMN b INT DEFAULT 7; ALTER TABLE t ADD COLUMN c TEXT DEFAULT '1';
        ALTER TABLE t DROP COLUMN a; ALTER TABLE t RENAME COLUMN b TO "b b";
    """,
    "R*Tree": """
        CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, y1, +note TEXT);
        CREATE VIRTUAL TABLE ri USING rtree_i32(id, x0, x1);
        WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
            INSERT INTO r SELECT i, i, i + 0.5, -i, i, 'note ' || i FROM n;
        INSERT INTO ri VALUES(1, 2, 3);
    """,
    "FTS5": """
        CREATE VIRTUAL TABLE f USING fts5(title, body, tokenize = 'porter unicode61');
        INSERT INTO f VALUES('One', 'the quick brown foxes'), ('Two', 'jumped; over');
        DELETE FROM f WHERE rowid = 1; INSERT INTO f VALUES('Three', 'lazy dogs');
        INSERT INTO f(f, rank) VALUES('rank', 'bm25(10.0, 5.0)');
        CREATE TABLE docs(id INTEGER PRIMARY KEY, text);
        INSERT INTO docs VALUES(1, 'alpha beta'), (2, 'gamma');
        CREATE VIRTUAL TABLE e USING fts5(text, content = 'docs', content_rowid = 'id');
        INSERT INTO e(e) VALUES('rebuild');
        CREATE TRIGGER docs_ai AFTER INSERT ON docs BEGIN
            INSERT INTO e(rowid, text) VALUES(new.id, new.text); END;
        CREATE VIRTUAL TABLE none USING fts5(a, content = '');
        INSERT INTO none(rowid, a) VALUES(1, 'contentless');
        CREATE VIRTUAL TABLE vocabulary USING fts5vocab(f, row);
    """,
    "FTS4 and FTS3": """
        CREATE VIRTUAL TABLE f4 USING fts4(a, b); INSERT INTO f4 VALUES('one two', 'three');
        CREATE VIRTUAL TABLE f3 USING fts3(a); INSERT INTO f3 VALUES('four');
        CREATE TABLE docs(x TEXT); INSERT INTO docs VALUES('alpha');
        CREATE VIRTUAL TABLE e USING fts4(content="docs", x); INSERT INTO e(e) VALUES('rebuild');
        CREATE VIRTUAL TABLE aux USING fts4aux(f4);
    """,
    "no rows": "CREATE TABLE t(a); CREATE TABLE w(a PRIMARY KEY) WITHOUT ROWID;",
    "one column": """
        CREATE TABLE t(a TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES(''), ('x');
        CREATE TABLE i(id INTEGER PRIMARY KEY); INSERT INTO i VALUES(1), (2);
    """,
    "nothing": "",
}


@pytest.mark.parametrize("script", FEATURES.values(), ids=FEATURES.keys())
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_feature(tmp_path: Path, script: str, encoding: str) -> None:
    source = make(tmp_path / "source.db", f"PRAGMA encoding = '{encoding}'; {script}")
    copy(source, tmp_path / "target.db")
    if script:
        assert_same(source, tmp_path / "target.db")
    else:
        with open_db(tmp_path / "target.db") as db:
            assert db.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


def test_a_zero_byte_file_is_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / "source.db").touch()
    assert copy(tmp_path / "source.db", tmp_path / "target.db") == {}


def test_full_text_search_finds_what_it_found(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", FEATURES["FTS5"])
    copy(source, tmp_path / "target.db")
    with open_db(tmp_path / "target.db") as db:
        assert db.execute("SELECT title FROM f WHERE f MATCH 'dog'").fetchall() == [("Three",)]
        assert db.execute("SELECT rowid FROM e WHERE e MATCH 'gamma'").fetchall() == [(2,)]
        assert db.execute("SELECT rowid FROM none WHERE none MATCH 'contentless'").fetchall()
        db.execute("INSERT INTO docs VALUES(3, 'delta')")
        assert db.execute("SELECT rowid FROM e WHERE e MATCH 'delta'").fetchall() == [(3,)]
        db.execute("INSERT INTO f VALUES('Four', 'written after')")
        db.execute("INSERT INTO f(f) VALUES('integrity-check')")


def test_a_counter_goes_on(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", FEATURES["AUTOINCREMENT"])
    copy(source, tmp_path / "target.db")
    with open_db(tmp_path / "target.db") as db:
        db.execute("INSERT INTO t(v) VALUES(9)")
        db.execute("INSERT INTO empty DEFAULT VALUES")
        assert db.execute("SELECT max(id) FROM t").fetchone() == (4,)
        assert db.execute("SELECT id FROM empty").fetchall() == [(78,)]


def test_triggers_do_not_fire(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", FEATURES["views and triggers"])
    copy(source, tmp_path / "target.db")
    with open_db(tmp_path / "target.db") as db:
        assert db.execute("SELECT count(*) FROM log").fetchone() == (1,)


def test_statistics_without_samples(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", FEATURES["statistics"])
    with open_db(source) as db:  # as a SQLite built with samples would have left them
        db.execute("PRAGMA writable_schema = ON")
        db.execute("CREATE TABLE sample(tbl, idx, neq, nlt, ndlt, sample)")
        db.execute("INSERT INTO sample VALUES('t', 't_a', '1', '1', '1', 'secret')")
        db.execute(
            "UPDATE sqlite_schema SET name = 'sqlite_stat4', tbl_name = 'sqlite_stat4', "
            "sql = 'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)' WHERE name = 'sample'"
        )
    loaded = copy(source, tmp_path / "target.db")
    assert list(loaded) == ["t"]
    assert b"secret" in source.read_bytes()
    assert b"secret" not in (tmp_path / "target.db").read_bytes()


def test_reals_to_the_last_bit(tmp_path: Path) -> None:
    draw = random.Random(1)
    reals = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(20_000)]
    reals = [real for real in reals if not math.isnan(real)]  # NaN is stored as NULL
    reals += [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, -0.0, 1e22, 1e23]
    reals += [float(draw.randint(-(2**60), 2**60)) for _ in range(1000)]
    reals += [draw.randint(0, 10**9) / 100 for _ in range(1000)]
    source = make(tmp_path / "source.db", "CREATE TABLE t(r REAL, n NUMERIC, i INT, a)")
    with open_db(source) as db:
        db.execute("BEGIN")
        db.executemany("INSERT INTO t VALUES(?1, ?1, ?1, ?1)", ((real,) for real in reals))
        db.execute("COMMIT")
    copy(source, tmp_path / "target.db")
    assert_same(source, tmp_path / "target.db")


BYTES = {
    "every byte": bytes(range(256)),
    "NUL": b"a\0b\0",
    "escapes": b"\\\t\n\r\\N\\.\\x41\\\\",
    "invalid": b"\xff\xfe\xc3\x28\xed\xa0\x80\xf8",
    "latin-1": "Jürgen Größe".encode("latin-1"),
    "null marker": b"\\N",
    "tag": b"\\I5",
    "cut short": "é".encode()[:1],
    "long": b"\xe2\x82\xac\\" * 50_000,
}


@pytest.mark.parametrize("value", BYTES.values(), ids=BYTES.keys())
@pytest.mark.parametrize("other", ["'plain'", "x'00'", "NULL", "5"])
def test_text_with_any_bytes(tmp_path: Path, value: bytes, other: str) -> None:
    source = make(tmp_path / "source.db", "CREATE TABLE t(x TEXT, n NUMERIC, a, b BLOB)")
    with open_db(source) as db:
        text = "CAST(? AS TEXT)"
        db.execute(f"INSERT INTO t VALUES({text}, {text}, {text}, ?)", (value,) * 4)
        db.execute(f"INSERT INTO t VALUES({other}, {other}, {other}, {other})")
        db.execute(f"INSERT INTO t VALUES({other}, {text}, {other}, {text})", (value,) * 2)
    copy(source, tmp_path / "target.db")
    assert_same(source, tmp_path / "target.db")


def test_values_of_megabytes(tmp_path: Path) -> None:
    source = make(tmp_path / "source.db", "CREATE TABLE t(x TEXT, b BLOB)")
    with open_db(source) as db:
        for text in ("plain" * 300_000, "\\\t" * 700_000, "ü\n" * 400_000):
            db.execute("INSERT INTO t VALUES(?, ?)", (text, random.Random(1).randbytes(3_000_000)))
            db.execute("INSERT INTO t VALUES('', NULL)")
    copy(source, tmp_path / "target.db")
    assert_same(source, tmp_path / "target.db")


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_utf16_text_with_any_code_unit(tmp_path: Path, encoding: str) -> None:
    codec = encoding.lower().replace("utf-16", "utf-16-")
    texts = ["\ufeffx", "\ufffe", "\uffff", "\ud800", "a\udc00b", "\0a\0", "😀", "", "\t\\N\n\r"]
    texts += ["\udfff\ud800", "\ud83d\ude00", "plain", "ünï", "\U0001ffff"]
    source = make(
        tmp_path / "source.db", f"PRAGMA encoding = '{encoding}'; CREATE TABLE t(x TEXT, n INT, a)"
    )
    with open_db(source) as db:
        for text in texts:
            raw = f"CAST(X'{text.encode(codec, 'surrogatepass').hex()}' AS TEXT)"
            db.execute(f"INSERT INTO t VALUES({raw}, {raw}, {raw})")
        db.execute("INSERT INTO t VALUES(x'00d8', x'00d8', x'00d8'), (NULL, 1, 2.5)")
    copy(source, tmp_path / "target.db")
    assert_same(source, tmp_path / "target.db")


def test_many_columns(tmp_path: Path) -> None:
    names = ", ".join(f"c{i} {('INT', 'TEXT', 'REAL', '')[i % 4]}" for i in range(300))
    source = make(tmp_path / "source.db", f"CREATE TABLE t({names})")
    with open_db(source) as db:
        rows = [
            [(i * j, f"{i}\t{j}", i / (j + 1), b"%d" % i)[j % 4] for j in range(300)]
            for i in range(400)
        ]
        db.execute("BEGIN")
        db.executemany(f"INSERT INTO t VALUES({','.join('?' * 300)})", rows)
        db.execute("COMMIT")
    copy(source, tmp_path / "target.db")
    assert_same(source, tmp_path / "target.db")


def test_a_check_of_an_application_function(tmp_path: Path) -> None:
    source = tmp_path / "source.db"
    with open_db(source) as db:
        db.create_function("regexp", 2, lambda pattern, value: pattern in value, deterministic=True)
        db.execute("CREATE TABLE t(mail TEXT CHECK(mail REGEXP '@'))")
        db.execute("INSERT INTO t VALUES('a@b')")
    copy(source, tmp_path / "target.db")
    with open_db(tmp_path / "target.db") as db:
        assert db.execute("SELECT mail FROM t").fetchall() == [("a@b",)]


def test_a_generated_column_of_an_application_function_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source.db"
    with open_db(source) as db:
        db.create_function("mine", 1, lambda value: value, deterministic=True)
        db.execute("CREATE TABLE t(a, g AS (mine(a)) STORED)")
        db.execute("INSERT INTO t(a) VALUES(1)")
    with pytest.raises(DatabaseError, match="a function of the application"):
        copy(source, tmp_path / "target.db")
    assert not (tmp_path / "target.db").exists()


EDITED = {
    "plain": "CREATE TABLE t(a INT, b TEXT, c REAL, d NUMERIC DEFAULT 5)",
    "odd": """CREATE TABLE "t"([a] INT CHECK(typeof(a) <> 'x, y'), -- a comment, here
        'b' VARCHAR(10, 5) NOT NULL ON CONFLICT IGNORE, c "double precision" COLLATE nocase,
        d DECIMAL (10, 5) UNIQUE, CONSTRAINT "x" UNIQUE(b, c), CHECK(a <> b))""",
    "rowid": "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a INT, b TEXT, c REAL, d FLOAT)",
    "rowid apart": "CREATE TABLE t(a INT, b TEXT, id INTEGER, c REAL, d INT8, PRIMARY KEY(id))",
    "without": "CREATE TABLE t(a INT, b TEXT, c REAL, d INT, PRIMARY KEY(b, c, d)) WITHOUT ROWID",
}


@pytest.mark.parametrize("sql", EDITED.values(), ids=EDITED.keys())
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_classes_from_before_a_schema_was_edited(tmp_path: Path, sql: str, encoding: str) -> None:
    """Values that the columns' types would convert, and that nothing but an edit leaves there."""
    types = ("INT", "TEXT", "VARCHAR(10, 5)", "REAL", '"double precision"', "DECIMAL (10, 5)")
    loose = sql
    for name in sorted((*types, "NUMERIC", "FLOAT", "INT8"), key=len, reverse=True):
        loose = loose.replace(f" {name} ", " ").replace(f" {name},", ",").replace(f" {name})", ")")
    source = make(tmp_path / "source.db", f"PRAGMA encoding = '{encoding}'; {loose}")
    rows: list[tuple[object, ...]] = [("12", 5, 7, " 1.5 "), (5.0, 6, 8, 1e300), ("x", 1.5, 2, "9")]
    rows += [(12, "12", 0.5, 6), (b"", "\ufffe", b"", 1), (-(2**63), "", 1.5, "a\r\nb")]
    with open_db(source) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.executemany("INSERT INTO t(a, b, c, d) VALUES(?, ?, ?, ?)", rows)
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 't'", (sql,))
    copy(source, tmp_path / "target.db")
    assert_same(source, tmp_path / "target.db")
    with open_db(tmp_path / "target.db") as db:
        query = "SELECT count(*) FROM t WHERE typeof(b) = 'integer'"
        assert db.execute(query).fetchone() == (2,)


def test_a_class_that_a_strict_type_converts_is_refused(tmp_path: Path) -> None:
    source = make(
        tmp_path / "source.db", "CREATE TABLE t(a ANY) STRICT; INSERT INTO t VALUES('12')"
    )
    with open_db(source) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a INT) STRICT'")
    assert dump_text(source, "t") == b"1\t\\T12\n"
    with pytest.raises(DatabaseError, match="storage class") as caught:
        copy(source, tmp_path / "target.db")
    assert caught.value.hint
    assert not (tmp_path / "target.db").exists()


@pytest.mark.parametrize(
    ("column", "index", "message"),
    [
        ("a COLLATE mine", "", ""),
        (
            "a COLLATE mine",
            "CREATE INDEX t_a ON t(a)",
            "CREATE INDEX t_a failed: no such collation",
        ),
        ("a UNIQUE COLLATE mine", "", "main.t can't be loaded: "),
        ("a PRIMARY KEY COLLATE mine) WITHOUT ROWID --", "", "can't be (loaded|read): "),
    ],
)
def test_a_collation_of_the_application(
    tmp_path: Path, column: str, index: str, message: str
) -> None:
    source = tmp_path / "source.db"
    with open_db(source) as db:
        db.create_collation("mine", lambda a, b: (a < b) - (a > b))
        db.execute(f"CREATE TABLE t({column}\n)".replace("--\n)", ""))
        db.execute("INSERT INTO t(a) VALUES('x'), ('z'), ('y')")
        db.execute(index or "SELECT 1")
    if not message:
        copy(source, tmp_path / "target.db")
        with open_db(tmp_path / "target.db") as db:
            assert db.execute("SELECT a FROM t").fetchall() == [("x",), ("z",), ("y",)]
    else:
        with pytest.raises(DatabaseError, match=message):
            copy(source, tmp_path / "target.db")
        assert not (tmp_path / "target.db").exists()


def test_a_virtual_table_of_an_absent_module(tmp_path: Path) -> None:
    declaration = "CREATE VIRTUAL TABLE v USING absent(a, 'b;')"
    source = make(tmp_path / "source.db", "CREATE TABLE v_data(a); INSERT INTO v_data VALUES(1)")
    with sqlite3.connect(source) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("INSERT INTO sqlite_schema VALUES('table', 'v', 'v', 0, ?)", (declaration,))
    db.close()
    assert copy(source, tmp_path / "target.db") == {"v_data": 1}
    with open_db(tmp_path / "target.db") as db:
        assert db.execute("SELECT sql FROM sqlite_schema WHERE name = 'v'").fetchone() == (
            declaration,
        )
