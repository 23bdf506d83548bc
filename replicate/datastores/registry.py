"""The datastores there are, by the name that each has in conf.yaml: one line a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from replicate.datastores.base import Datastore
from replicate.datastores.local_disk import LocalDisk
from replicate.errors import UsageError


class DatastoreConfig(Protocol):
    """The section `datastore` of conf.yaml: exactly one of these is set."""

    @property
    def aws(self) -> object | None: ...
    @property
    def gcp(self) -> object | None: ...
    @property
    def local_disk(self) -> object | None: ...


def _unsupported(name: str) -> Callable[[Any], NoReturn]:
    def refuse(_: object) -> NoReturn:
        raise UsageError(
            f"the {name} datastore is not supported by this version yet",
            hint="use local_disk, on a directory that you sync or mount",
        )

    return refuse


# A store whose vendor's library is large imports it in its own module, and that module in its line.
_OPENERS: dict[str, Callable[[Any], Datastore]] = {
    "aws": _unsupported("aws"),
    "gcp": _unsupported("gcp"),
    "gcs": _unsupported("gcs"),
    "azure": _unsupported("azure"),
    "mirrors": _unsupported("mirrors"),
    "local_disk": lambda section: LocalDisk(section.dir),
}


def names() -> tuple[str, ...]:
    """What may stand below `datastore` in conf.yaml."""
    return tuple(_OPENERS)


def open_datastore(config: DatastoreConfig) -> Datastore:
    """The store that `config` describes.

    Raises `UsageError` for one that isn't supported or if none is set, and the errors of the store
    if it isn't there.
    """
    for name, opener in _OPENERS.items():
        section = getattr(config, name, None)
        if section is not None:
            return opener(section)
    raise UsageError(
        "no datastore is configured",
        hint=f"set one of {', '.join(_OPENERS)} in the section datastore of conf.yaml",
    )
