"""Tables on a terminal: no line is wider than that, and anywhere else nothing is cut."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicate.cli.formats import width
from replicate.cli.tables import cut, table_lines
from tests.support.cli_process import Workplace
from tests.support.terminal import on_terminal

CELLS = st.text(st.sampled_from("ab c漢é…"), max_size=60)


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=4)
    ),
    st.integers(10, 130),
)
def test_no_line_is_wider_than_its_room(rows: list[list[str]], room: int) -> None:
    headers = [f"H{i}" for i in range(len(rows[0]))]
    lines, _ = table_lines(headers, rows, "<" * len(headers), room)
    assert max(map(width, lines), default=0) <= room
    # What a row begins with is all there, however the rest is cut.
    told = "".join("".join(lines).split())
    assert all("".join(row[0].split()) in told for row in rows)


def test_only_long_cells_are_cut() -> None:
    rows = [["public.users.email", "x" * 60, "7"], ["public.users.name", "y", "1234567"]]
    lines, header = table_lines(("COLUMN", "WHY", "N"), rows, "<<>", 60)
    assert header == 1
    assert lines == [
        "COLUMN              WHY                                    N",
        f"public.users.email  {'x' * 30}…        7",
        "public.users.name   y                                1234567",
    ]
    assert table_lines(("COLUMN", "WHY", "N"), rows, "<<>")[0][1].count("x") == 60


def test_where_nothing_would_be_left_rows_are_blocks() -> None:
    rows = [["public.users.email", "the name says email, twice", "e-mail address", ""]]
    lines, header = table_lines(("COLUMN", "WHY", "LOOKS LIKE", "NOTE"), rows, "<<<<", 24)
    assert header == 0
    assert lines == [
        "public.users.email",
        "  why: the name says",
        "    email, twice",
        "  looks like: e-mail",
        "    address",
    ]


def test_a_cut_text_ends_in_an_ellipsis() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 5) == "abcd…"
    assert cut("漢字漢字", 5) == "漢字…"
    assert cut("漢字漢字", 4) == "漢…"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    with closing(sqlite3.connect(place.source)) as database:
        name = "the_private_email_address_of_the_person_who_has_ordered"
        database.execute(f"CREATE TABLE orders (id INTEGER PRIMARY KEY, {name} TEXT)")
        rows = [(i, f"someone{i}@mail.example") for i in range(50)]
        database.executemany("INSERT INTO orders VALUES (?, ?)", rows)
        database.commit()
    return place


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("source", "scan", "--level", "low"), "e-mail address"),
        (("transformer", "show-plan", "--unmasked"), "main.people.email"),
        (("transformer", "list"), "first-name"),
    ],
)
def test_a_terminal_s_width_is_kept_to(
    place: Workplace, columns: int, command: tuple[str, ...], told: str
) -> None:
    lines = on_terminal(columns, "-c", str(place.config), *command, cwd=place.directory)
    assert any(told in line for line in lines)
    assert max(map(width, lines)) <= columns
    piped = place.run(*command, COLUMNS=str(columns)).succeeded().out
    assert "…" not in piped
    assert max(map(width, piped.splitlines())) > 60
