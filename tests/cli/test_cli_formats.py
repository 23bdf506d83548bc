from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicate.cli import formats


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (102_350, "100 KiB"),
        (1_048_575, "1.0 MiB"),
        (12_900_000, "12.3 MiB"),
        (155 * 2**30, "155 GiB"),
        (3 * 2**50, "3.0 PiB"),
        (5000 * 2**50, "5000 PiB"),
    ],
)
def test_size(count: int | None, text: str) -> None:
    assert formats.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "40 ms"), (9.9, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 00 s"), (7500, "2 h 05 min")],
)
def test_elapsed(seconds: float, text: str) -> None:
    assert formats.elapsed(seconds) == text


def test_times() -> None:
    moment = datetime(2026, 11, 21, 13, 45, 1, 999, tzinfo=timezone(timedelta(hours=2)))
    assert formats.utc_time(moment) == "2026-11-21T11:45:01Z"
    assert datetime.fromisoformat(formats.local_time(moment)) == moment.replace(microsecond=0)


def test_plural() -> None:
    assert formats.plural(1, "row") == "1 row"
    assert formats.plural(0, "row") == "0 rows"
    assert formats.plural(50_000, "row") == "50,000 rows"


@given(st.text())
def test_what_is_printed_never_commands_a_terminal(text: str) -> None:
    shown = formats.printable(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text


def test_control_characters_are_made_visible() -> None:
    assert formats.printable("a\x1b[31mb\nc\u202ed") == "a\\x1b[31mb c\\u202ed"


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0)])
def test_width(text: str, columns: int) -> None:
    assert formats.width(text) == columns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        ("14d", timedelta(days=14)),
        ("2w", timedelta(weeks=2)),
        ("0d", timedelta(0)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert formats.Duration().convert(text, None, None) == expected


def test_a_duration_stays_one() -> None:
    assert formats.Duration().convert(timedelta(days=1), None, None) == timedelta(days=1)


def test_utc_is_what_it_says() -> None:
    assert formats.utc_time(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"
