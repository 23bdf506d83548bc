"""Create a dump: source → slices → mask → compress → seal → put → manifest → index.

Whatever goes wrong before the manifest is written leaves no dump, and this run takes the chunks
that it has stored away again. Whatever is killed leaves chunks that no manifest names.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from replicate.config import Config
from replicate.crypto import selftest
from replicate.databases.base import Source, Table
from replicate.databases.registry import open_source
from replicate.datastores.base import Datastore, HasCopies
from replicate.dumps.chunks import ChunkFormat, chunk_key, run_prefix
from replicate.dumps.keyring import KeyRing
from replicate.dumps.layout import slot_key
from replicate.dumps.manifest import (
    Body,
    ChunkRecord,
    DumpedTable,
    Encryption,
    Header,
    Manifest,
    SourceInfo,
    Totals,
)
from replicate.dumps.names import check_dump_name, new_dump_name
from replicate.errors import ConflictError, DatastoreError, NotFoundError, ReplicateError
from replicate.jobs.dumping import Dumping, workers_for
from replicate.jobs.executor import Processes, cores
from replicate.jobs.leaks import LeakWatch, refuse_keyless_filter, watching
from replicate.jobs.masking import MaskingPlan, import_transformers, plan_masking
from replicate.jobs.opening import Library, masking_root, needed, open_library
from replicate.jobs.progress import Progress
from replicate.jobs.selection import select_tables
from replicate.jobs.slots import copy_slot
from replicate.jobs.worker import WorkerSetup
from replicate.threads import Threads, while_it_gets_on
from replicate.version import __version__

_BATCH = 100
"""Chunks deleted at once: few enough for a store that deletes one by one to be done soon."""


@dataclass(frozen=True, slots=True)
class _Sealing:
    """How the run's chunks and manifest are protected."""

    format: ChunkFormat
    data_key: bytes | None
    encryption: Encryption | None


@dataclass(frozen=True, slots=True)
class _Run:
    """What is known of the dump before its first row is read."""

    config: Config
    name: str
    created_at: datetime
    source: Source
    origin: SourceInfo
    tables: tuple[Table, ...]
    plan: MaskingPlan
    sealing: _Sealing

    def worker_setup(self, masking_key: bytes, watch: LeakWatch | None) -> WorkerSetup:
        return WorkerSetup(
            needed(self.config.datastore, "datastore"),
            self.sealing.format,
            needed(self.config.source, "source").chunk_size,
            needed(self.config.source, "source").target_slice,
            tuple(self.plan.of(table) for table in self.tables),
            masking_key,
            self.source,
            watch=watch,
        )

    def manifest(self, chunks: list[ChunkRecord]) -> Manifest:
        """The manifest of the dump that consists of `chunks`."""
        rows = [0] * len(self.tables)
        for chunk in chunks:
            for part in chunk.parts:
                rows[part.table] += part.rows
        dumped = [
            DumpedTable(
                schema=table.schema,
                name=table.name,
                columns=[column.name for column in table.stored_columns],
                rows=rows[index],
                masked={m.column: m.transformer for m in self.plan.of(table).columns},
            )
            for index, table in enumerate(self.tables)
        ]
        header = Header(
            name=self.name,
            run_id=self.sealing.format.run_id,
            created_at=self.created_at,
            tool_version=__version__,
            engine=self.source.engine,
            compression="none" if self.sealing.format.compression_level is None else "zstd",
            encryption=self.sealing.encryption,
            totals=Totals(
                tables=len(dumped),
                rows=sum(rows),
                chunks=len(chunks),
                plain_bytes=sum(chunk.plain_size for chunk in chunks),
                stored_bytes=sum(chunk.stored_size for chunk in chunks),
            ),
        )
        return Manifest(header, Body(self.origin, _options(self.config), dumped, chunks))


def create_dump(
    config: Config,
    *,
    name: str | None = None,
    jobs: int | None = None,
    new_key: bool = False,
    progress: Progress,
) -> Manifest:
    """Dump the configured source into the configured datastore; the manifest of the new dump.

    `jobs` is the number of workers; None means the config's, or one a core where the database is
    big enough to gain by it. Raises before anything is read where the config doesn't fit the
    source, and `ConflictError` where the name is taken.
    """
    settings = needed(config.source, "source")
    if settings.database_subset is not None:
        raise config.error(
            "source.database_subset",
            "subsets are not supported by this version yet",
            hint="remove the section to dump whole tables, or leave tables out with skip",
        )
    refuse_keyless_filter(config)
    selftest.check()
    created_at = datetime.now(UTC)
    name = check_dump_name(name) if name is not None else new_dump_name(created_at)
    with ExitStack() as stack:
        library = stack.enter_context(open_library(config, warn=progress.warn))
        source = open_source(settings)
        import_transformers(config)
        # Neither has opened a connection so far.
        most = jobs or settings.jobs or cores()
        processes = stack.enter_context(closing(Processes.forked(most if most > 1 else 0)))
        # To stretch a key takes long, and is done while the server is asked.
        threads = stack.enter_context(Threads(max_workers=1))
        masking = threads.submit(masking_root, config)
        _refuse_taken_name(library, name)
        stretching = threads.submit(library.keyring.stretching())
        # Asked now: at the end of a long dump the server may be gone, and the rows are all here.
        origin = SourceInfo(source.engine, source.server_version(), sorted(source.fingerprint()))
        snapshot = stack.enter_context(closing(source.open()))
        schema = snapshot.schema()
        selection = select_tables(config, schema)
        plan = plan_masking(config, schema, selection.tables)
        selection = replace(selection, masked=plan.masked_columns())
        workers = workers_for(
            selection.tables,
            jobs=jobs or settings.jobs,
            chunk_size=settings.chunk_size,
            slice_size=settings.target_slice,
        )
        # They get ready while keys are stretched.
        processes.start(workers)
        tables = snapshot.dumped_tables(selection)
        for remark in snapshot.remarks(selection):
            progress.note(remark)
        masking_key = masking.result()
        stretching.result()
        # Stores a slot where there is none yet: not before all that may refuse the dump.
        sealing = _sealing(config, library.keyring, new_key=new_key)
        run = _Run(config, name, created_at, source, origin, tables, plan, sealing)
        watch = stack.enter_context(
            watching(config, sealing.format.run_id, tables, plan, masking_key)
        )
        dumping = Dumping(
            snapshot,
            library.store,
            tables,
            run.worker_setup(masking_key, watch),
            processes=processes,
            progress=progress,
        )
        with _taking_back(library.store, sealing.format.run_id, BaseException, progress):
            chunks = dumping.run(selection)
            _settle_slot(library.store, sealing.encryption)
            _refuse_lost_chunks(library.store, sealing.format, chunks)
            manifest = run.manifest(chunks)
        # From here on only a lost race proves that no manifest names the chunks.
        with _taking_back(library.store, sealing.format.run_id, ConflictError, progress):
            library.catalog.add(manifest, sealing.data_key)
    return manifest


def _refuse_taken_name(library: Library, name: str) -> None:
    """Before the work rather than after it; create-only decides in the end."""
    try:
        library.catalog.resolve(name)
    except NotFoundError:
        return
    except DatastoreError:
        if isinstance(library.store, HasCopies):
            return  # it may be a copy that a dump can do without
        raise
    raise ConflictError(
        f"a dump named {name} exists already",
        hint="choose another --name, or delete it first with `replicate dump delete`",
    )


def _sealing(config: Config, keyring: KeyRing, *, new_key: bool) -> _Sealing:
    run_id = secrets.token_hex(16)
    level = needed(config.source, "source").compression_level
    if config.encryption_key is None:
        return _Sealing(ChunkFormat(run_id, level, None), None, None)
    encryption, data_key = keyring.new_data_key(run_id, new_key=new_key)
    return _Sealing(ChunkFormat.sealed(run_id, level, data_key), data_key, encryption)


def _refuse_lost_chunks(store: Datastore, fmt: ChunkFormat, chunks: list[ChunkRecord]) -> None:
    """One listing, so that no manifest names what somebody has cleared away meanwhile.

    Of each copy, where there are several: what a worker could not put into one, the worker alone
    knows so far.
    """
    sizes = {chunk_key(fmt, chunk.number): chunk.stored_size for chunk in chunks}
    if isinstance(store, HasCopies):
        store.settle(run_prefix(fmt.run_id), sizes)
        return
    stored = {info.key: info.size for info in store.list(run_prefix(fmt.run_id))}
    for key, size in sizes.items():
        if stored.get(key) != size:
            raise ConflictError(
                f"the chunk {key} was stored and is not there any more",
                hint="something else removes objects from the datastore; then run this again",
            )


def _settle_slot(store: Datastore, encryption: Encryption | None) -> None:
    """Have the key slot in every copy that will get the manifest; it may be older than the copy."""
    if encryption is None or not isinstance(store, HasCopies):
        return
    key = slot_key(encryption.key_id)
    for each in store.copies:
        with contextlib.suppress(ReplicateError):  # settling finds out whether it matters
            copy_slot(store, each, encryption.key_id)
    store.settle(key, {key: store.stat(key).size})


@contextlib.contextmanager
def _taking_back(
    store: Datastore, run_id: str, failure: type[BaseException], progress: Progress
) -> Iterator[None]:
    """Delete the run's chunks on `failure`; after an interrupt only while the store answers.

    What can't be deleted now is an orphan, which `dump prune --orphans` finds.
    """

    def take_back_bit_by_bit(answered: Callable[[], None]) -> None:
        keys = []
        for info in store.list(run_prefix(run_id)):
            keys.append(info.key)
            answered()
        for start in range(0, len(keys), _BATCH):
            with contextlib.suppress(ReplicateError):  # other copies may take the next ones
                store.delete(keys[start : start + _BATCH])
            answered()

    try:
        yield
    except failure as error:
        with contextlib.suppress(ReplicateError, KeyboardInterrupt):
            if isinstance(error, Exception):
                store.delete([info.key for info in store.list(run_prefix(run_id))])
            else:
                _while_answered(take_back_bit_by_bit, progress)
        raise


def _while_answered(work: Callable[[Callable[[], None]], None], progress: Progress) -> None:
    try:
        while_it_gets_on(work)
    except TimeoutError:
        progress.warn(
            "the datastore does not answer: it may keep chunks of this run, which "
            "`replicate dump prune --orphans` removes"
        )


def _options(config: Config) -> Mapping[str, Any]:
    """What shaped the dump, for the reader of `dump show`; nothing secret."""
    source = needed(config.source, "source")
    return {
        "masking": "keyed" if config.masking_key else "random key of this dump",
        "skip": [f"{rule.database}.{rule.table}" for rule in source.skip],
        "only_tables": [f"{rule.database}.{rule.table}" for rule in source.only_tables],
        "schema_only_tables": [
            f"{rule.database}.{rule.table}" for rule in source.schema_only_tables
        ],
        "chunk_size": source.chunk_size,
        "on_new_column": source.on_new_column,
        "leak_filter": source.leak_filter,
        "transformers": [
            {
                "database": rule.database,
                "table": rule.table,
                "columns": [
                    {
                        "name": column.name,
                        "transformer_name": column.transformer_name,
                        "transformer_options": dict(column.transformer_options or {}),
                        "consistent": column.consistent,
                        "link": column.link,
                        "when": column.when,
                    }
                    for column in rule.columns
                ],
            }
            for rule in source.transformers
        ],
    }
