"""Names that users give to dumps, and names that are made for them."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from replicate.errors import UsageError

LATEST = "latest"
"""In place of a name it means the newest dump, so no dump can be called that."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def is_dump_name(text: str) -> bool:
    """Whether `text` can name a dump: see `check_dump_name`."""
    return _NAME.match(text) is not None and ".." not in text and text != LATEST


def check_dump_name(name: str) -> str:
    """`name`, if a dump can have it; a `UsageError` otherwise.

    1 to 64 ASCII letters, digits, dots, dashes and underscores, a letter or a digit first, no two
    dots in a row: safe in a path, in a URL and in a shell.
    """
    if name == LATEST:
        raise UsageError(
            f"a dump can't be named {LATEST}", hint="that word stands for the newest dump"
        )
    if not is_dump_name(name):
        raise UsageError(
            f"{name[:80]!r} is not a name that a dump can have",
            hint="use up to 64 letters, digits, dots, dashes and underscores, with a letter or "
            "a digit first",
        )
    return name


def new_dump_name(now: datetime) -> str:
    """A name for a dump made at `now`, such as ``dump-20261121-134501-7f3a``, in UTC.

    The four random digits keep two dumps of one second apart; create-only writes decide the rest.
    """
    return f"dump-{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
