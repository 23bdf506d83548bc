"""conf.yaml: safe loading, environment variables, typed models, secrets that stay secret.

`load_config` answers with a `Config`, or raises `ConfigError` with file, line and key.
"""

from __future__ import annotations

from replicate.config.connection import ConnectionURI
from replicate.config.datastores import (
    AwsConfig,
    AwsCredentials,
    AzureConfig,
    DatastoreConfig,
    GcpConfig,
    GcsConfig,
    LocalDiskConfig,
    MirrorConfig,
    RemoteConfig,
    S3Config,
    StoreConfig,
)
from replicate.config.loading import SECTIONS, check_config, load_config
from replicate.config.models import (
    ColumnRule,
    Config,
    DatabaseSubset,
    DestinationConfig,
    SourceConfig,
    TableName,
    TablePattern,
    TableRule,
)

__all__ = [
    "SECTIONS",
    "AwsConfig",
    "AwsCredentials",
    "AzureConfig",
    "ColumnRule",
    "Config",
    "ConnectionURI",
    "DatabaseSubset",
    "DatastoreConfig",
    "DestinationConfig",
    "GcpConfig",
    "GcsConfig",
    "LocalDiskConfig",
    "MirrorConfig",
    "RemoteConfig",
    "S3Config",
    "SourceConfig",
    "StoreConfig",
    "TableName",
    "TablePattern",
    "TableRule",
    "check_config",
    "load_config",
]
