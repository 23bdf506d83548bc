"""The database that the benchmark measures on is what its figures are said to be of."""

from __future__ import annotations

import pytest

from benchmarks import postgresql_data
from benchmarks.postgresql_data import TABLES, Table
from tests.support.postgres import Server

SHAPES = {"users": (16, 455), "wide": (60, 514), "longt": (4, 8300)}


@pytest.mark.parametrize("table", TABLES[:3], ids=lambda table: table.name)
def test_the_big_tables_have_the_columns_and_the_bytes_a_row_of_the_design(table: Table) -> None:
    text = b"".join(postgresql_data.rows(table, 4_000_000))
    rows = text.splitlines()
    columns, bytes_per_row = SHAPES[table.name]
    assert table.bytes_per_row == bytes_per_row
    assert {row.count(b"\t") + 1 for row in rows} == {columns}
    assert len(text) / len(rows) == pytest.approx(bytes_per_row, rel=0.03)
    assert text == b"".join(postgresql_data.rows(table, 4_000_000))


def test_a_small_one_has_all_its_rows_and_references(any_server: Server, any_database: str) -> None:
    postgresql_data.fill(any_server, any_database, 1_000_000)
    for table in TABLES:
        copied = any_server.run(any_database, f"COPY {table.name} TO STDOUT").splitlines()
        made = b"".join(postgresql_data.rows(table, 1_000_000)).decode().splitlines()
        assert len(copied) == len(made) == table.count(1_000_000)
        if table.name != "wide":  # which has numbers that the server writes in a shorter way
            assert sorted(copied) == sorted(made)
    found = any_server.run(
        any_database, "SELECT contype, count(*) FROM pg_constraint WHERE contype IN ('p', 'f')"
        " AND connamespace = 'public'::regnamespace GROUP BY 1 ORDER BY 1",
    )  # fmt: skip
    assert found.split() == ["f|4", "p|7"]
