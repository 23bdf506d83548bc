"""What keeps a restore from doing harm; each guard refuses with a `GuardError`."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from replicate.config import DestinationConfig
from replicate.databases.base import Destination
from replicate.errors import GuardError


def refuse_source(destination: Destination, source: Iterable[str]) -> None:
    """`source` is the fingerprint of the database that the rows come from."""
    if not destination.fingerprint().isdisjoint(source):
        raise GuardError(
            f"{destination.name} is the database that the dump was made from",
            hint="a restore never writes to its own source; choose another destination",
        )


def refuse_protected(settings: DestinationConfig, destination: Destination) -> None:
    """No flag goes past this: the name has to leave the list in the config."""
    for pattern in settings.protected_names:
        if any(fnmatch.fnmatchcase(n.lower(), pattern.lower()) for n in destination.names):
            raise GuardError(
                f"the destination's name {destination.name} is protected by the pattern {pattern}",
                hint="destination.protected_names lists the names that are never restored into",
            )


def refuse_contents(destination: Destination) -> None:
    """Only an empty target, or none yet, may be written without being told to wipe it."""
    if not destination.is_empty():
        raise GuardError(
            f"{destination.name} is not empty: it holds {destination.describe_contents()}",
            hint="--wipe, or destination.wipe_database, replaces it",
        )
