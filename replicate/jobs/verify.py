"""Verify dumps: read every stored byte back, and hold it against the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from replicate.config import Config
from replicate.datastores.base import Datastore, HasCopies
from replicate.dumps.catalog import Catalog
from replicate.dumps.chunks import ChunkFormat
from replicate.dumps.keyring import read_slot
from replicate.dumps.leak_filter import LeakFilter
from replicate.dumps.manifest import Header, Manifest
from replicate.errors import (
    CorruptError,
    DatastoreError,
    NotFoundError,
    PartialError,
    ReplicateError,
    UsageError,
    WrongKeyError,
)
from replicate.jobs.fetching import fetch_chunk
from replicate.jobs.leak_search import Leak, LeakSearch
from replicate.jobs.leaks import filter_key
from replicate.jobs.opening import Library, masking_root, open_library
from replicate.jobs.progress import Progress


@dataclass(slots=True)
class VerifyReport:
    """What was found of one dump: `problems` is empty where every byte is as it was written.

    `unread` has the copies that could not be read, and why, or that lack what they have to hold.
    `locked` says why none of it could be read: no key, or one that doesn't fit. Where leaks were
    looked for, `leaks` has what was found, and `unsearched` is why none could be.
    """

    name: str
    chunks: int = 0
    rows: int = 0
    plain_bytes: int = 0
    stored_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    locked: str | None = None
    leaks: list[Leak] | None = None
    unsearched: ReplicateError | None = None

    @property
    def ok(self) -> bool:
        whole = not self.problems and not self.unread and self.locked is None
        searched = self.unsearched is None
        return whole and searched and all(leak.by_chance for leak in self.leaks or ())


def verify_dumps(
    config: Config, values: Sequence[str] | None, *, leaks: bool = False, progress: Progress
) -> list[VerifyReport]:
    """Verify the dumps named, or all of them; a report each, and one for each damaged manifest.

    With `leaks`, look in each for values of masked columns that have survived, which takes the
    masking key that it was made with.

    Raises `NotFoundError` for a name that isn't there. Damage, and a key that doesn't fit, are
    reported, not raised, so that one dump hides no other. Where the datastore has several copies
    each is verified by itself, and a problem names the one that it is in.
    """
    with open_library(config, warn=progress.warn) as library:
        reports: list[VerifyReport] = []
        if values is None:
            headers = library.catalog.headers()
            reports = [VerifyReport(name, problems=[why]) for name, why in _damaged(library)]
        else:
            headers = []
            for value in values:
                try:
                    headers.append(library.catalog.resolve(value))
                except CorruptError as error:
                    reports.append(VerifyReport(value, problems=[error.message]))
        copies = len(library.store.copies) if isinstance(library.store, HasCopies) else 1
        total = sum(header.totals.plain_bytes for header in headers)
        progress.stage("Verifying", copies * total)
        key = None
        if leaks:
            if config.masking_key is None:
                raise UsageError(
                    "leaks can't be looked for without the masking_key that the dump was made with",
                    hint="set masking_key: $MASKING_KEY at the top of the file",
                )
            key = masking_root(config)
        return reports + [_verify(library, header, key, progress) for header in headers]


def _damaged(library: Library) -> list[tuple[str, str]]:
    return [(damage.name, damage.reason) for damage in library.catalog.damaged]


def _verify(
    library: Library, header: Header, masking_key: bytes | None, progress: Progress
) -> VerifyReport:
    report = VerifyReport(header.name)
    try:
        manifest, fmt = library.read(header)
        data_key = library.keyring.data_key(header)
    except CorruptError as error:
        report.problems.append(error.message)
        return report
    except WrongKeyError as error:
        report.locked = error.message
        return report
    search = _begin_search(library.store, manifest, fmt, masking_key, report)
    if not isinstance(library.store, HasCopies):
        _verify_chunks(library.store, manifest, fmt, report, progress, search=search)
        report.leaks = None if search is None else search.found
        return report
    whole = False
    for copy in library.store.copies:
        found = VerifyReport(header.name)
        try:
            _verify_papers(copy, manifest, data_key)
            _verify_chunks(copy, manifest, fmt, found, progress, search=None if whole else search)
            report.leaks = None if search is None else search.found
            whole = True
        except NotFoundError as error:
            lacks = (
                f"{copy.location} does not hold dump {header.name} in full: {error.message}; "
                "`replicate datastore sync` copies what is missing"
            )
            if library.store.may_lag(copy):
                progress.warn(lacks)
            else:
                report.unread.append(lacks)
            continue
        except DatastoreError as error:
            report.unread.append(f"{copy.location}: {error.message}")
        except CorruptError as error:
            found.problems.append(error.message)
        report.problems += [f"{copy.location}: {problem}" for problem in found.problems]
        for count in ("chunks", "rows", "plain_bytes", "stored_bytes"):  # as in the best copy
            setattr(report, count, max(getattr(report, count), getattr(found, count)))
    if report.ok and not whole:
        report.problems.append("its parts are there, but no copy holds all of them")
    return report


def _begin_search(
    store: Datastore,
    manifest: Manifest,
    fmt: ChunkFormat,
    masking_key: bytes | None,
    report: VerifyReport,
) -> LeakSearch | None:
    """The search for leaks, if one is wanted and possible; else the report says why not."""
    if masking_key is None:
        return None
    record = next((c for c in manifest.body.chunks if c.section == "leak-filter"), None)
    if record is None:
        report.unsearched = PartialError(
            f"dump {report.name} was made without source.leak_filter",
            hint="set leak_filter: true in the source section, and make a new dump",
        )
        return None
    key = filter_key(masking_key, manifest.header.run_id)
    try:
        return LeakSearch(LeakFilter.decode(key, fetch_chunk(store, fmt, record)), manifest)
    except (CorruptError, WrongKeyError) as error:
        report.unsearched = error
        return None


def _verify_papers(copy: Datastore, manifest: Manifest, data_key: bytes | None) -> None:
    """That this copy has the manifest, and the slot that it is opened with."""
    header = manifest.header
    if header.encryption is not None:
        read_slot(copy, header.encryption.key_id)
    if Catalog(copy).read(header, data_key) != manifest:
        raise CorruptError(f"the manifest of dump {header.name} is not that of the other copies")


def _verify_chunks(
    store: Datastore,
    manifest: Manifest,
    fmt: ChunkFormat,
    report: VerifyReport,
    progress: Progress,
    *,
    search: LeakSearch | None,
) -> None:
    for chunk in manifest.body.chunks:
        try:
            plain = fetch_chunk(store, fmt, chunk)
        except CorruptError as error:
            report.problems.append(error.message)
            continue
        if chunk.section == "data" and plain.count(b"\n") != chunk.rows:
            report.problems.append(f"chunk {chunk.number} does not hold {chunk.rows} rows")
        elif search is not None:
            try:
                search.search(chunk, plain)
            except CorruptError as error:
                report.problems.append(f"chunk {chunk.number}: {error.message}")
        report.chunks += 1
        report.rows += chunk.rows
        report.plain_bytes += chunk.plain_size
        report.stored_bytes += chunk.stored_size
        progress.advance(chunk.rows, chunk.plain_size)
    if report.ok and report.rows != sum(table.rows for table in manifest.body.tables):
        report.problems.append("the rows of its chunks are not those of its tables")
