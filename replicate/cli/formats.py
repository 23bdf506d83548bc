"""How sizes, counts, times and durations are written, for people and for programs."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    # Generic in newer versions of click alone.
    _Timedelta = click.ParamType[timedelta]
else:
    _Timedelta = click.ParamType

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_DURATION = re.compile(r"([0-9]{1,6})([smhdw])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def size(count: int | None) -> str:
    """Bytes for people: ``0 B``, ``1.5 KiB``, ``12.3 MiB``, ``145 GiB``; a dash for None."""
    if count is None:
        return "-"
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in _UNITS:
        value /= 1024
        if value < 1023.5 or unit == _UNITS[-1]:
            break
    return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.1f} {unit}"


def number(count: int | None) -> str:
    """A count for people, with thousands set apart; a dash for None."""
    return "-" if count is None else f"{count:,}"


def plural(count: int, noun: str) -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def elapsed(seconds: float) -> str:
    """A duration for people: ``12 ms``, ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def local_time(moment: datetime) -> str:
    """ISO 8601 in the user's own time zone, to the second, with its offset."""
    return moment.astimezone().isoformat(timespec="seconds")


def utc_time(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second, ending in Z."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def printable(text: str) -> str:
    """`text` on one line and with nothing in it that a terminal would obey.

    Names come out of databases and datastores, whose authors may not be the user's friends.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _visible(char) for char in text)


def _visible(char: str) -> str:
    if char in "\n\t":
        return " "
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def escaped(text: str) -> str:
    """`text` on one line, with an escape such as ``\\x1b`` for each character not to be seen."""
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )


def common_start(one: str, other: str) -> int:
    """How many characters two texts have in common from their beginning on."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def width(text: str) -> int:
    """The columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Duration(_Timedelta):
    """``90s``, ``30m``, ``24h``, ``14d`` or ``2w`` on the command line; a `timedelta` inside."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """The duration; a usage error for anything else."""
        if isinstance(value, timedelta):
            return value
        match = _DURATION.match(str(value))
        if match is None:
            self.fail(f"{str(value)!r} is no duration such as 24h, 14d or 2w", param, ctx)
        return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
