"""Names of hosts, as options give them."""

from __future__ import annotations

import re

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_LONGEST = 200  # characters, so that something fits before it


def host_name(name: str) -> str:
    """The name, if it is one of a host. Raises ValueError, with a message for the user."""
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise ValueError("a domain such as example.com is needed")
    return name
