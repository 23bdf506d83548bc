"""The datastores there are, by the name that each has in conf.yaml: one function a store.

A vendor's library is large: the module that needs it is imported when its store is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

from replicate.config import (
    AwsConfig,
    AzureConfig,
    DatastoreConfig,
    GcpConfig,
    GcsConfig,
    LocalDiskConfig,
    MirrorConfig,
    RemoteConfig,
    StoreConfig,
)
from replicate.datastores.base import Datastore
from replicate.errors import ReplicateError

Warn = Callable[[str], None]


def _retried(store: Datastore, section: RemoteConfig) -> Datastore:
    from replicate.datastores.retrying import Retrying

    return Retrying(store, attempts=section.max_attempts)


def _aws(section: AwsConfig, _: Warn) -> Datastore:
    from replicate.datastores.s3.settings import S3Settings
    from replicate.datastores.s3.store import S3Store

    return _retried(S3Store(S3Settings.of_aws(section)), section)


def _gcp(section: GcpConfig, _: Warn) -> Datastore:
    from replicate.datastores.s3.settings import S3Settings
    from replicate.datastores.s3.store import S3Store

    return _retried(S3Store(S3Settings.of_gcp(section)), section)


def _gcs(section: GcsConfig, _: Warn) -> Datastore:
    from replicate.datastores.gcs.store import GCSStore

    return _retried(GCSStore(section), section)


def _azure(section: AzureConfig, _: Warn) -> Datastore:
    from replicate.datastores.azure.store import AzureStore

    return _retried(AzureStore(section), section)


def _local_disk(section: LocalDiskConfig, _: Warn) -> Datastore:
    from replicate.datastores.local_disk import LocalDisk

    return LocalDisk(section.dir)


def _mirrors(sections: list[MirrorConfig], warn: Warn) -> Datastore:
    from replicate.datastores.mirrored import Copy, Mirrored

    copies: list[Copy] = []
    with ExitStack() as opened:
        for section in sections:
            try:
                store = opened.enter_context(closing(open_datastore(section, warn=warn)))
            except ReplicateError as error:
                if section.required:
                    raise
                warn(f"{error.message}; this copy is left out")  # as a disk that is not mounted
            else:
                copies.append(Copy(store, section.required))
        opened.pop_all()
    return Mirrored(copies, warn=warn)


_OPENERS: dict[str, Callable[[Any, Warn], Datastore]] = {
    "aws": _aws,
    "gcp": _gcp,
    "gcs": _gcs,
    "azure": _azure,
    "local_disk": _local_disk,
    "mirrors": _mirrors,
}


def open_datastore(config: StoreConfig | DatastoreConfig, *, warn: Warn | None = None) -> Datastore:
    """The store that `config` describes; `warn` hears what it can do without.

    No request is made yet, so that opening one takes no time and no network. Raises `UsageError`
    for what can't be used: a library that is not installed, credentials that are not there, an
    address that would be spoken to in the clear; and the errors of a local directory.
    """
    section = getattr(config, config.kind)
    return _OPENERS[config.kind](section, warn or (lambda _: None))
