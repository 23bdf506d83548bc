"""What conf.yaml holds, typed. Replibyte's keys under Replibyte's names, and ours beside them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, PrivateAttr, Tag, WithJsonSchema

from replicate.config.datastores import DatastoreConfig
from replicate.config.environment import Unjudged
from replicate.config.fields import (
    MIB,
    SWITCH_SCHEMA,
    URI,
    FilledText,
    Jobs,
    Level,
    OptionalText,
    Percent,
    Secret,
    Size,
    Switch,
    Text,
    TransformerName,
    parse_switch,
    unexpected,
    wrong,
)
from replicate.config.mapping import FORMS, ConfigModel, form
from replicate.config.positions import Positions
from replicate.errors import ConfigError

DEFAULT_LEVEL = 1
"""The zstd level of `compression: true`: fast enough to keep up with the database."""

PROTECTED_NAMES = (
    "prod",
    "production",
    "primary",
    "live",
    "*-prod",
    "*_prod",
    "*-production",
    "*_production",
)


class TableName(ConfigModel):
    """A table of the source."""

    database: Text = Field(
        description="The database as the engine calls it: PostgreSQL's schema, SQLite's `main`."
    )
    table: Text = Field(description="The name of the table, exactly.")


class TablePattern(TableName):
    """Tables of the source: one by its name, or all that fit a pattern."""

    database: Text = Field(
        description="The database as the engine calls it: PostgreSQL's schema, SQLite's `main`; "
        "* and ? match anything."
    )
    table: Text = Field(description="The name of the table; * and ? match anything.")


class ColumnRule(ConfigModel):
    """How one column is masked."""

    name: Text = Field(
        description="The name of the column; names with * or ?, or a regular expression between "
        "slashes, stand for all that fit. A path behind it, such as profile.contacts[*].email, "
        "stands for values inside of JSON documents."
    )
    transformer_name: TransformerName = Field(
        description="What replaces its values; `replicate transformer list` shows them all."
    )
    transformer_options: dict[str, Any] = Field(
        default_factory=dict,
        description="Options of the transformer. Taken as written: variables are not replaced.",
    )
    consistent: Switch = Field(
        default=True,
        description="The same value gets the same replacement everywhere. "
        "`false` asks for truly random replacements.",
    )
    link: OptionalText = Field(
        default=None,
        description="A name that columns share whose equal values shall get equal replacements. "
        "By default all columns of one transformer do.",
    )
    when: OptionalText = Field(
        default=None,
        description="Which rows are masked, as a condition of SQL on the row's columns. Where it "
        "is unknown, as NULL makes it, the value is masked.",
    )


class TableRule(TablePattern):
    """The masked columns of one table, or of all that fit a pattern."""

    columns: list[ColumnRule] = Field(description="The columns that are masked.")


class CompressionLevel(ConfigModel):
    """Compression at a chosen level."""

    level: Level = Field(description="zstd's level: 1 is the fastest, 19 the smallest.")


def _check_strategy(value: object) -> object:
    if isinstance(value, Unjudged) or value == "random":
        return "random"
    raise wrong("expected `random`, the only strategy there is")


Strategy = Annotated[Literal["random"], BeforeValidator(_check_strategy)]


class SubsetOptions(ConfigModel):
    """Options of the random subset."""

    percent: Percent = Field(description="How many of the table's rows to take, in percent.")


class DatabaseSubset(TableName):
    """Take a part of the source: some rows of one table, and all that they refer to."""

    strategy_name: Strategy = Field(description="How rows are chosen.")
    strategy_options: SubsetOptions = Field(description="Options of the strategy.")
    passthrough_tables: list[Text] = Field(
        default_factory=list, description="Tables that are taken whole."
    )


_COMPRESSION = "true, false or {level: 1..19}"


def _check_compression(value: object) -> object:
    if isinstance(value, dict | CompressionLevel):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        raise unexpected(_COMPRESSION, value, "put the level in braces, after `level:`")
    return parse_switch(value, _COMPRESSION)


Compression = Annotated[
    Annotated[bool, SWITCH_SCHEMA, Tag(FORMS[0])] | Annotated[CompressionLevel, Tag(FORMS[1])],
    Discriminator(form),
    BeforeValidator(_check_compression),
]


_POLICIES = ("fail", "mask", "null", "pass")


def _check_policy(value: object) -> object:
    if isinstance(value, Unjudged):
        return _POLICIES[0]
    if value in _POLICIES:
        return value
    raise wrong(f"expected one of {', '.join(_POLICIES)}")


NewColumns = Annotated[
    Literal["fail", "mask", "null", "pass"],
    BeforeValidator(_check_policy),
    WithJsonSchema({"type": ["string", "null"], "enum": [*_POLICIES, None]}),
]
"""An editor's YAML takes the word null for nothing; ours doesn't."""


class SourceConfig(ConfigModel):
    """The database to dump, and what becomes of its data."""

    connection_uri: URI = Field(
        description="Such as sqlite:///prod.db or postgres://user:password@host/database."
    )
    compression: Compression = Field(
        default=True, description=f"Whether chunks are compressed: {_COMPRESSION}."
    )
    transformers: list[TableRule] = Field(
        default_factory=list, description="What is masked, table by table."
    )
    skip: list[TablePattern] = Field(
        default_factory=list, description="Tables that are left out of the dump."
    )
    only_tables: list[TablePattern] = Field(
        default_factory=list, description="If any are named, all other tables are left out."
    )
    schema_only_tables: list[TablePattern] = Field(
        default_factory=list, description="Tables that are dumped without their rows."
    )
    database_subset: DatabaseSubset | None = Field(
        default=None, description="Dump a part of the database that fits together."
    )
    on_new_column: NewColumns | None = Field(
        default=None,
        description="What becomes of columns that no rule names and `replicate config lock` has "
        "not seen: fail, mask, null or pass.",
    )
    leak_filter: Switch = Field(
        default=False,
        description="Whether a dump keeps a keyed filter of the values that were masked, for "
        "`replicate dump verify --leaks` to look for survivors. Needs a masking_key.",
    )
    jobs: Jobs | None = Field(
        default=None, description="Worker processes of a dump, 1 to 64. By default one a core."
    )
    chunk_size: Size = Field(
        default=16 * MIB,
        description="Text in a chunk before compression, 64KiB to 1GiB. By default 16MiB.",
    )
    slice_size: Size | None = Field(
        default=None,
        description="About how much of a big table one worker takes at a time, 64KiB to 1GiB. "
        "By default two chunks.",
    )
    pg_bin_path: OptionalText = Field(
        default=None,
        description="The directory of PostgreSQL's programs (pg_dump). By default the newest "
        "that this machine has.",
    )

    @property
    def target_slice(self) -> int:
        """Bytes of a table that one worker takes at a time: `slice_size`, or its default."""
        # With one chunk a slice, half of them would be the small last one of theirs.
        return self.slice_size or 2 * self.chunk_size

    @property
    def compression_level(self) -> int | None:
        """The zstd level, or None for chunks that are not compressed."""
        if isinstance(self.compression, CompressionLevel):
            return self.compression.level
        return DEFAULT_LEVEL if self.compression else None


class DestinationConfig(ConfigModel):
    """The database to restore into, and what it is protected from."""

    connection_uri: URI = Field(description="Such as sqlite:///dev.db. Never the source's.")
    wipe_database: Switch = Field(
        default=False, description="Whether a restore may remove what is there."
    )
    protected_names: list[FilledText] = Field(
        default_factory=lambda: list(PROTECTED_NAMES),
        description="Names of databases that are never restored into; * and ? match anything.",
    )
    jobs: Jobs | None = Field(
        default=None, description="Connections of a restore, 1 to 64. By default one a core."
    )
    owner: Switch = Field(
        default=False,
        description="Whether objects get the owners that they had. By default they are the role's "
        "that restores.",
    )
    privileges: Switch = Field(
        default=False, description="Whether what was granted in the source is granted again."
    )
    swap: Switch = Field(
        default=False,
        description="Whether to restore into a new database beside the target, which takes its "
        "place when it is complete.",
    )


class Config(ConfigModel):
    """Replicate's configuration."""

    encryption_key: Secret | None = Field(
        default=None, description="The passphrase that dumps are encrypted with."
    )
    masking_key: Secret | None = Field(
        default=None, description="Makes the same replacements in every run, whoever runs it."
    )
    source: SourceConfig | None = Field(
        default=None, description="The database to dump. Not needed for a restore."
    )
    datastore: DatastoreConfig | None = Field(default=None, description="Where dumps are kept.")
    destination: DestinationConfig | None = Field(
        default=None, description="The database to restore into. Not needed for a dump."
    )

    _positions: Positions = PrivateAttr(default_factory=Positions)
    _sections: frozenset[str] = PrivateAttr(default_factory=frozenset)
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def path(self) -> str | None:
        """The file as the user named it, or None where the config was made without one."""
        return self._positions.file

    @property
    def sections(self) -> frozenset[str]:
        """The top-level keys that the file gives a value, whether or not they were asked for."""
        return self._sections

    @property
    def warnings(self) -> list[str]:
        """What the user should be told about the file, one sentence each."""
        return list(self._warnings)

    def line(self, key: str) -> int | None:
        """The line of `key` in the file, or of the nearest key around it."""
        return self._positions.line(key)

    def error(self, key: str, message: str, hint: str | None = None) -> ConfigError:
        """A `ConfigError` about `key`, such as ``source.transformers[0]``, to be raised.

        It names the file and the key's line; that of the nearest key around it where the file
        doesn't hold `key` itself.
        """
        return self._positions.error(key, message, hint)

    def locate(
        self, positions: Positions, sections: frozenset[str], warnings: tuple[str, ...]
    ) -> None:
        """Tell the config where it came from; for the loader."""
        self._positions = positions
        self._sections = sections
        self._warnings = warnings
