"""conf.yaml: safe loading, environment variables, typed models, secrets that stay secret.

`load_config` answers with a `Config`, or raises `ConfigError` with file, line and key.
"""

from __future__ import annotations

from replicate.config.connection import ConnectionURI
from replicate.config.loading import SECTIONS, check_config, load_config
from replicate.config.models import (
    AwsConfig,
    AwsCredentials,
    ColumnRule,
    Config,
    DatabaseSubset,
    DatastoreConfig,
    DestinationConfig,
    GcpConfig,
    LocalDiskConfig,
    SourceConfig,
    TableName,
    TablePattern,
    TableRule,
)

__all__ = [
    "SECTIONS",
    "AwsConfig",
    "AwsCredentials",
    "ColumnRule",
    "Config",
    "ConnectionURI",
    "DatabaseSubset",
    "DatastoreConfig",
    "DestinationConfig",
    "GcpConfig",
    "LocalDiskConfig",
    "SourceConfig",
    "TableName",
    "TablePattern",
    "TableRule",
    "check_config",
    "load_config",
]
