"""Which dumps there are, and what is in one."""

from __future__ import annotations

from collections.abc import Callable

from replicate.config import Config
from replicate.dumps.manifest import Body, Header
from replicate.errors import WrongKeyError
from replicate.jobs.opening import open_library


def list_dumps(config: Config, *, warn: Callable[[str], None]) -> list[Header]:
    """All complete dumps, newest first. Needs no key."""
    with open_library(config, warn=warn) as library:
        return library.catalog.headers()


def show_dump(
    config: Config, value: str, *, warn: Callable[[str], None]
) -> tuple[Header, Body | None]:
    """One dump's header and, unless it is encrypted and no key is configured, its body."""
    with open_library(config, warn=warn) as library:
        header = library.catalog.resolve(value)
        try:
            manifest, _ = library.read(header)
        except WrongKeyError:
            if config.encryption_key is not None:
                raise
            return header, None
        return header, manifest.body
