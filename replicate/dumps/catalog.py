"""Which dumps a store holds: listing, finding, adding and deleting them.

The manifests under `dumps/` are the truth and are listed each time. The index only saves reading
them: what it lacks is read, what it has of dumps that are gone is forgotten, and it is mended.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from replicate.datastores.base import Datastore, ObjectInfo
from replicate.dumps import index
from replicate.dumps.index import Entry, Index
from replicate.dumps.layout import INDEX_KEY, MANIFESTS, dump_of, manifest_key, run_of, run_prefix
from replicate.dumps.manifest import (
    MAX_MANIFEST,
    Header,
    Manifest,
    UnsupportedFormatError,
    decode,
    decode_header,
    encode,
    manifest_of,
)
from replicate.dumps.names import LATEST, check_dump_name
from replicate.dumps.objects import CheckedT, get_checked, put_once
from replicate.dumps.orphans import find_orphans
from replicate.dumps.retention import newest_first
from replicate.errors import (
    ConflictError,
    CorruptError,
    NotFoundError,
    ReplicateError,
    TooLargeError,
)
from replicate.threads import Threads

READERS = 8
"""Manifests that are read at once."""

_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Damage:
    """A dump whose manifest can't be used: `reason` is a sentence that names it."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """What became of a dump: how many chunks went with it, and how many bytes of them.

    `kept` says why its chunks were left in the store, where they were.
    """

    name: str
    chunks: int
    stored_bytes: int
    kept: str | None = None


class Catalog:
    """The dumps of one store. Any number of catalogs, here and elsewhere, may work at once."""

    def __init__(self, store: Datastore, *, warn: Callable[[str], None] | None = None) -> None:
        """`warn` is told what is damaged but can be worked around."""
        self._store = store
        self._warn = warn or (lambda _message: None)
        self.damaged: list[Damage] = []
        """The dumps whose manifests `headers` last found to be damaged, in order of name."""

    # Finding

    def headers(self) -> list[Header]:
        """All complete dumps, newest first; of equal times the name that sorts last comes first.

        Reads the manifests that the index lacks, and mends the index if the store lets it. A
        damaged manifest, or one of a later format, hides no other: it goes to `warn` and to
        `damaged`. So does a damaged index, to `warn`, and it is rebuilt. A store that can't be
        read is an error.
        """
        read: dict[tuple[str, str], Entry | Damage | None] = {}
        for attempt in range(_ATTEMPTS):
            found = index.load(self._store)
            if found.damage is not None and not attempt:
                self._warn(f"{found.damage}; it is only a cache, and is rebuilt from the manifests")
            listing = self._listing()
            entries, self.damaged = self._reconcile(found, listing, read)
            if entries == found.entries and found.damage is None:
                break
            try:
                index.save(self._store, found, entries)
                break
            except ConflictError:
                index.pause(attempt)
            except ReplicateError:
                break  # a reader need not be able to write
        for damage in self.damaged:
            self._warn(damage.reason)
        return newest_first(entry.header for entry in entries.values())

    def _listing(self) -> dict[str, ObjectInfo]:
        return {
            name: info
            for info in self._store.list(MANIFESTS)
            if (name := dump_of(info.key)) is not None
        }

    def _reconcile(
        self,
        found: Index,
        listing: dict[str, ObjectInfo],
        read: dict[tuple[str, str], Entry | Damage | None],
    ) -> tuple[dict[str, Entry], list[Damage]]:
        """The entries of all dumps listed, and those that are damaged.

        `read` takes what was read, by name and version, so that a second round need not.
        """
        entries: dict[str, Entry] = {}
        missing: list[tuple[str, ObjectInfo]] = []
        for name, info in listing.items():
            known = found.entries.get(name)
            if known is not None and known.version == info.version:
                entries[name] = known
            elif (name, info.version) not in read:
                missing.append((name, info))
        if missing:
            with Threads(max_workers=min(READERS, len(missing))) as threads:
                results = threads.map(self._read_entry, missing)
                read.update(
                    ((name, info.version), result)
                    for (name, info), result in zip(missing, results, strict=True)
                )
        damaged: list[Damage] = []
        for name, info in listing.items():
            match read.get((name, info.version)):
                case Entry() as entry:
                    entries[name] = entry
                case Damage() as damage:
                    damaged.append(damage)
        return entries, damaged

    def _read_entry(self, pair: tuple[str, ObjectInfo]) -> Entry | Damage | None:
        """None for a manifest that was deleted since it was listed."""
        name, info = pair
        try:
            return Entry(info.version, self._decoded(name, lambda data: decode_header(data, name)))
        except NotFoundError:
            return None
        except (CorruptError, UnsupportedFormatError) as error:
            return Damage(name, error.message)

    def resolve(self, value: str) -> Header:
        """The header of a dump: the one named `value`, or for "latest" the newest complete one.

        It is read from the manifest itself, whatever the index says. Raises `NotFoundError`,
        `UsageError` for what is no name, and what `decode_header` raises.
        """
        if value == LATEST:
            headers = self.headers()
            if not headers:
                raise NotFoundError(
                    f"there is no complete dump in {self._store.location}",
                    hint="make one with `replicate dump create`",
                )
            value = headers[0].name
        return self._header(check_dump_name(value))

    def read(self, header: Header, key: bytes | None) -> Manifest:
        """The whole manifest of the dump with this header; `key` is its data key.

        Raises `CorruptError` also where the manifest isn't the one that `header` was read from.
        """
        manifest = self._get(header.name, lambda data: decode(data, header.name, key))
        if manifest.header != header:
            raise CorruptError(
                f"{manifest_of(header.name)} is not the one that was listed: the dump was replaced "
                "meanwhile, or the index was altered",
                hint=f"run the command again; {INDEX_KEY} may be deleted at any time",
            )
        return manifest

    def _header(self, name: str) -> Header:
        return self._get(name, lambda data: decode_header(data, name))

    def _get(self, name: str, check: Callable[[bytes], CheckedT]) -> CheckedT:
        try:
            return self._decoded(name, check)
        except NotFoundError as error:
            near = difflib.get_close_matches(name, [*self._listing(), LATEST], n=1)
            raise NotFoundError(
                f"there is no dump named {name} in {self._store.location}",
                hint=f"did you mean {near[0]}?" if near else "`replicate dump list` names them all",
            ) from error

    def _decoded(self, name: str, check: Callable[[bytes], CheckedT]) -> CheckedT:
        try:
            return get_checked(self._store, manifest_key(name), check, max_size=MAX_MANIFEST)
        except TooLargeError as error:
            raise CorruptError(f"{manifest_of(name)} can't be one: {error.message}") from error

    # Adding

    def add(self, manifest: Manifest, key: bytes | None) -> None:
        """Make the dump exist. Every chunk must be durably stored by now; `key` is its data key.

        Raises `ConflictError` where the name is taken. Once the manifest is stored no error is
        raised: the index follows as well as it can. On any failure but `ConflictError` it may be
        stored all the same (an answer that got lost, an interrupt), so the chunks must stay.
        """
        header = manifest.header
        name = check_dump_name(header.name)
        try:
            data = encode(manifest, key)
        except (ValueError, TypeError) as error:
            raise ReplicateError(
                f"{manifest_of(name)} can't be stored: {error}",
                hint="this is a fault of replicate; please report it",
            ) from error
        try:
            info = put_once(self._store, manifest_key(name), data)
        except ConflictError as error:
            raise ConflictError(
                f"a dump named {name} exists already",
                hint="choose another --name, or delete it first with `replicate dump delete`",
            ) from error
        index.update(self._store, lambda e: e.update({name: Entry(info.version, header)}))

    # Deleting

    def delete(self, name: str) -> Deleted:
        """Delete one dump. As `delete_many`."""
        return self.delete_many([name])[0]

    def delete_many(self, names: Sequence[str]) -> list[Deleted]:
        """Delete dumps: their index entries, then each one's manifest and after it its chunks.

        Needs no key: a run id belongs to one dump, so exactly the chunks of its run go. Where
        that can't be known, because the manifest is damaged, or isn't true, because another
        dump names the same run, only the manifest goes, and the chunks, if nobody names them,
        are left for `orphans`. A dump of a later format is not touched: `UnsupportedFormatError`.
        Raises `NotFoundError` before anything is deleted. A failure on the way leaves dumps whole,
        or gone but for chunks that `orphans` finds.
        """
        runs = {name: self._run_of(check_dump_name(name)) for name in names}
        sharing = self._shared_runs(runs)

        def forget(entries: dict[str, Entry]) -> None:
            for name in runs:
                entries.pop(name, None)

        index.update(self._store, forget)
        return [self._delete(name, run, sharing) for name, run in runs.items()]

    def _run_of(self, name: str) -> str | CorruptError:
        try:
            return self._header(name).run_id
        except CorruptError as error:
            return error

    def _shared_runs(self, runs: dict[str, str | CorruptError]) -> set[str]:
        """Runs that more than one dump names, which takes somebody who edits manifests."""
        seen = Counter(header.run_id for header in self.headers() if header.name not in runs)
        seen.update(run for run in runs.values() if isinstance(run, str))
        return {run for run, count in seen.items() if count > 1}

    def _delete(self, name: str, run: str | CorruptError, shared: set[str]) -> Deleted:
        self._store.delete([manifest_key(name)])
        if isinstance(run, CorruptError):
            return Deleted(name, 0, 0, kept=f"{run.message}; which chunks it had is not known")
        if run in shared:
            return Deleted(name, 0, 0, kept="another dump has the same chunks")
        chunks = [info for info in self._store.list(run_prefix(run)) if run_of(info.key) == run]
        self._store.delete([info.key for info in chunks])
        return Deleted(name, len(chunks), sum(info.size for info in chunks))

    # Orphans

    def orphans(
        self, grace: timedelta = timedelta(hours=24), *, now: datetime | None = None
    ) -> list[ObjectInfo]:
        """Chunks of runs that no manifest names and whose newest chunk is older than `grace`.

        A run that is still going has no manifest yet, so `grace` has to be longer than the
        longest dump takes. Raises `CorruptError` or `UnsupportedFormatError` where a manifest
        doesn't tell which chunks it names: then nothing can be called an orphan.
        """
        return find_orphans(
            self._store,
            grace,
            now=now or datetime.now(UTC),
            listed_runs=lambda: {header.run_id for header in self.headers()},
        )
