"""What most journeys begin with: the datastore, the dump that a user named, and its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from replicate.config import Config
from replicate.crypto import keys
from replicate.datastores.base import Datastore
from replicate.datastores.registry import open_datastore
from replicate.dumps.catalog import Catalog
from replicate.dumps.chunks import ChunkFormat
from replicate.dumps.keyring import KeyRing
from replicate.dumps.manifest import Header, Manifest
from replicate.errors import UsageError

SectionT = TypeVar("SectionT")


def needed(section: SectionT | None, name: str) -> SectionT:
    """A section of the config that the journey can't do without."""
    if section is None:
        raise UsageError(f"the configuration was loaded without its `{name}` section")
    return section


@dataclass(frozen=True, slots=True)
class Library:
    """An open datastore, and the catalog of its dumps."""

    store: Datastore
    catalog: Catalog
    keyring: KeyRing

    def read(self, header: Header) -> tuple[Manifest, ChunkFormat]:
        """The dump's whole manifest, and what opens its chunks.

        Raises `WrongKeyError` where the dump is encrypted and the configured key doesn't fit.
        """
        data_key = self.keyring.data_key(header)
        manifest = self.catalog.read(header, data_key)
        return manifest, ChunkFormat.of(header, data_key)


@contextmanager
def open_library(config: Config, *, warn: Callable[[str], None]) -> Iterator[Library]:
    """The configured datastore; `warn` hears what can be worked around: damage, a mirror away."""
    key = config.encryption_key
    with closing(open_datastore(needed(config.datastore, "datastore"), warn=warn)) as store:
        yield Library(
            store,
            Catalog(store, warn=warn),
            KeyRing(store, key.get_secret_value() if key else None),
        )


def masking_root(config: Config) -> bytes:
    """The root of all replacements: the configured one, or one that lives as long as this run."""
    if config.masking_key is None:
        return keys.random_key()
    return keys.masking_root(config.masking_key.get_secret_value())
