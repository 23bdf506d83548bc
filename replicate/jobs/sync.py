"""Bring stores up to date: every dump that one has, into others that lack it or parts of it.

    slot ─ chunks, several at once ─ all of them there? ─ manifest, create-only ─ index

A store so never lists a dump before it holds it in full, and whatever ends the work early leaves
chunks that the next run finds there and doesn't copy again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property

from replicate.config import Config
from replicate.datastores.base import Datastore, HasCopies, Interruptible, ObjectInfo
from replicate.datastores.read_only import read_only
from replicate.datastores.registry import open_datastore
from replicate.dumps import index
from replicate.dumps.catalog import Catalog
from replicate.dumps.chunks import ChunkFormat, chunk_key, run_prefix
from replicate.dumps.index import Entry
from replicate.dumps.keyring import KeyRing
from replicate.dumps.layout import CHUNKS, manifest_key, run_of
from replicate.dumps.manifest import MAX_MANIFEST, Header, decode, decode_header
from replicate.dumps.objects import get_checked, put_once
from replicate.errors import (
    ConflictError,
    CorruptError,
    NotFoundError,
    ReplicateError,
    UsageError,
    WrongKeyError,
)
from replicate.jobs.opening import needed
from replicate.jobs.progress import Progress
from replicate.jobs.slots import copy_slot
from replicate.threads import Threads

COPIERS = 4
"""Chunks that are on their way at once, and in memory."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A dump that `location` holds in full from now on, and what had to be copied for it."""

    name: str
    location: str
    chunks: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A dump that `location` was not given, and why; `name` None where it is all of them."""

    name: str | None
    location: str
    reason: str


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What became of each dump in each store; `current` counts those that were there in full."""

    copied: list[Copied] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    current: int = 0


def sync_datastore(
    config: Config,
    *,
    old: Config | None = None,
    dry_run: bool,
    progress: Progress,
    on_copied: Callable[[Copied], None] = lambda _: None,
) -> SyncReport:
    """Copy what the configured datastore, or a copy of it, lacks; nothing else is copied.

    With `old`, of which the datastore and the key are used, its dumps are copied into the
    configured datastore. Without, each copy of a datastore with `mirrors` gets what any other
    has, which must be one: otherwise `UsageError`. So a dump that was deleted while a copy could
    not be reached comes back from there.

    A dump that can't be copied is reported and hides no other. What is copied is checked: with the
    key every byte, without it that there are as many as the header says. Dumps are never
    overwritten, and the store that is copied from is not written to. With `dry_run` none is.

    `on_copied` is called with each dump as it is there.
    """
    settings = needed(config.datastore, "datastore")
    if old is None and settings.mirrors is None:
        raise UsageError(
            "the datastore has no mirrors that could be brought up to date",
            hint="list them as `mirrors` in the section datastore, or name the configuration of "
            "another datastore with --from",
        )
    with ExitStack() as stack:

        def opened(which: Config) -> Datastore:
            section = needed(which.datastore, "datastore")
            return stack.enter_context(closing(open_datastore(section, warn=progress.warn)))

        configured = opened(config)
        source = configured if old is None else opened(old)
        key = (old or config).encryption_key
        origin = _Origin(source, key.get_secret_value() if key else None, progress)
        targets = configured.copies if isinstance(configured, HasCopies) else [configured]
        report = _sync(origin, targets, dry_run=dry_run, on_copied=on_copied)
        if settings.mirrors is not None and len(settings.mirrors) > len(targets):
            report.skipped.append(
                Skipped(None, "a mirror of the configuration", "it could not be opened")
            )
        return report


def _sync(
    origin: _Origin,
    targets: Sequence[Datastore],
    *,
    dry_run: bool,
    on_copied: Callable[[Copied], None],
) -> SyncReport:
    copied: list[Copied] = []
    skipped = [Skipped(d.name, origin.store.location, d.reason) for d in origin.damaged]
    current = 0
    for store in targets:
        try:
            target = _Target(origin, store, dry_run=dry_run)
            for header in origin.headers:
                try:
                    done = target.bring(header)
                except (NotFoundError, ConflictError, CorruptError) as error:
                    skipped.append(Skipped(header.name, store.location, error.message))
                    continue
                if done is None:
                    current += 1
                else:
                    copied.append(done)
                    on_copied(done)
        except ReplicateError as error:
            if len(targets) == 1:
                raise
            skipped.append(Skipped(None, store.location, error.message))
    return SyncReport(copied, skipped, current)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A chunk to be copied; `sha256` None where only its size is known."""

    key: str
    size: int
    sha256: str | None

    def check(self, data: bytes) -> bytes:
        if len(data) != self.size:
            raise CorruptError(f"the chunk {self.key} has {len(data)} bytes, and not {self.size}")
        if self.sha256 is not None and hashlib.sha256(data).hexdigest() != self.sha256:
            raise CorruptError(f"the chunk {self.key} was altered: its SHA-256 is another")
        return data


class _Origin:
    """Where dumps come from: a store that is only read, the best copy of each object."""

    def __init__(self, store: Datastore, passphrase: str | None, progress: Progress) -> None:
        self.opened = store
        self.store = read_only(store)
        self.progress = progress
        self._keyring = KeyRing(self.store, passphrase)
        catalog = Catalog(self.store)
        self.headers = catalog.headers()
        self.damaged = catalog.damaged
        self._told = False

    def manifest(self, header: Header) -> bytes:
        """The stored manifest of that very dump."""

        def check(data: bytes) -> bytes:
            if decode_header(data, header.name) != header:
                raise CorruptError(f"dump {header.name} was replaced meanwhile")
            return data

        try:
            return get_checked(self.store, manifest_key(header.name), check, max_size=MAX_MANIFEST)
        except NotFoundError as error:
            raise NotFoundError(f"dump {header.name} was deleted meanwhile") from error

    def holds(self, header: Header, *, besides: Datastore) -> bool:
        """Whether a store other than `besides` has the dump's manifest, or can't be asked."""
        stores = self.opened.copies if isinstance(self.opened, HasCopies) else [self.opened]
        for store in stores:
            if store is besides:
                continue
            try:
                store.stat(manifest_key(header.name))
            except NotFoundError:
                continue
            except ReplicateError:
                return True  # then nobody knows, and a dump that is there must not be lost
            return True
        return False

    def pieces(self, header: Header, manifest: bytes) -> list[_Piece]:
        """The chunks of a dump, as its manifest tells; as they are listed if that can't be read."""
        try:
            key = self._keyring.data_key(header)
        except WrongKeyError as error:
            if not self._told:
                self._told = True
                self.progress.note(f"{error.message}: chunks are checked by their sizes alone")
            return self._listed(header)
        chunks = decode(manifest, header.name, key).body.chunks
        fmt = ChunkFormat.of(header, key)
        return [_Piece(chunk_key(fmt, c.number), c.stored_size, c.sha256) for c in chunks]

    def _listed(self, header: Header) -> list[_Piece]:
        copies = self.store.copies if isinstance(self.store, HasCopies) else ()
        for store in (*copies, self.store):
            chunks = _chunks(store, header)
            if _fits(header, (len(chunks), sum(info.size for info in chunks))):
                return [_Piece(info.key, info.size, None) for info in chunks]
        raise CorruptError(
            f"dump {header.name} is damaged in {self.store.location}: its chunks are not "
            f"{header.totals.chunks} of {header.totals.stored_bytes} bytes together"
        )

    def chunk(self, piece: _Piece) -> bytes:
        """The bytes of a chunk, checked."""
        try:
            return get_checked(self.store, piece.key, piece.check, max_size=piece.size)
        except NotFoundError as error:
            raise CorruptError(
                f"the chunk {piece.key} is missing from {self.store.location}"
            ) from error


class _Target:
    """A store that is brought up to date."""

    def __init__(self, origin: _Origin, store: Datastore, *, dry_run: bool) -> None:
        self._origin = origin
        self._opened = store
        self._store = read_only(store) if dry_run else store
        self._dry_run = dry_run
        catalog = Catalog(self._store)
        self._held = {header.name: header for header in catalog.headers()}
        self._damaged = {damage.name: damage.reason for damage in catalog.damaged}
        self._slots: set[str] = set()

    @cached_property
    def _stored(self) -> dict[str, tuple[int, int]]:
        """How many chunks of each run are there, and how many bytes they have together."""
        found: dict[str, tuple[int, int]] = {}
        for info in self._store.list(CHUNKS):
            if (run := run_of(info.key)) is not None:
                count, size = found.get(run, (0, 0))
                found[run] = count + 1, size + info.size
        return found

    def bring(self, header: Header) -> Copied | None:
        """Copy what is missing of one dump; None if nothing is.

        Raises `ConflictError` where another dump has its name, `CorruptError` and `NotFoundError`
        where it can't be had.
        """
        name = header.name
        if name in self._damaged:
            raise CorruptError(self._damaged[name])
        held = self._held.get(name)
        if held is not None and held.run_id != header.run_id:
            raise ConflictError(f"another dump has the name {name} there")
        self._bring_slot(header)
        if held is not None and _fits(header, self._stored.get(header.run_id, (0, 0))):
            return None
        manifest = self._origin.manifest(header)
        pieces = self._origin.pieces(header, manifest)
        missing = self._missing(header, pieces)
        if held is not None and not missing:
            return None
        if not self._dry_run:
            self._copy(header, missing)
            if lost := self._missing(header, pieces):
                raise ConflictError(
                    f"the chunk {lost[0].key} was stored and is not there any more",
                    hint="something else removes objects from the datastore; then run this again",
                )
            if held is None:
                self._publish(header, manifest, pieces)
        size = sum(piece.size for piece in missing)
        return Copied(name, self._store.location, len(missing), size)

    def _bring_slot(self, header: Header) -> None:
        encryption = header.encryption
        if encryption is None or encryption.key_id in self._slots or self._dry_run:
            return
        try:
            copy_slot(self._origin.store, self._store, encryption.key_id)
        except NotFoundError as error:
            raise CorruptError(f"the key slot of dump {header.name} is missing") from error
        self._slots.add(encryption.key_id)

    def _missing(self, header: Header, pieces: Sequence[_Piece]) -> list[_Piece]:
        stored = {info.key: info.size for info in _chunks(self._store, header)}
        return [piece for piece in pieces if stored.get(piece.key) != piece.size]

    def _copy(self, header: Header, pieces: Sequence[_Piece]) -> None:
        self._origin.progress.stage(
            f"Copying {header.name} to {self._store.location}", sum(piece.size for piece in pieces)
        )
        with Threads(max_workers=COPIERS) as threads:
            try:
                sizes: dict[Future[None], int] = {
                    threads.submit(self._copy_one, piece): piece.size for piece in pieces
                }
                for done in as_completed(sizes):
                    done.result()
                    self._origin.progress.advance(0, sizes[done])
            except BaseException:
                for store in (self._origin.opened, self._opened):
                    if isinstance(store, Interruptible):
                        store.interrupt()
                raise

    def _copy_one(self, piece: _Piece) -> None:
        self._store.put(piece.key, self._origin.chunk(piece))

    def _publish(self, header: Header, manifest: bytes, pieces: Sequence[_Piece]) -> None:
        self._origin.manifest(header)  # which somebody may have deleted while chunks were copied
        try:
            info = put_once(self._store, manifest_key(header.name), manifest)
        except ConflictError as error:
            raise ConflictError(f"another dump has the name {header.name} there") from error
        if not self._origin.holds(header, besides=self._opened) or self._missing(header, pieces):
            # Deleted just now, everywhere but for the manifest that was on its way here.
            self._store.delete([manifest_key(header.name)])
            raise NotFoundError(f"dump {header.name} was deleted meanwhile")
        index.update(self._store, lambda e: e.update({header.name: Entry(info.version, header)}))


def _chunks(store: Datastore, header: Header) -> list[ObjectInfo]:
    prefix = run_prefix(header.run_id)
    return [info for info in store.list(prefix) if run_of(info.key) == header.run_id]


def _fits(header: Header, found: tuple[int, int]) -> bool:
    return found == (header.totals.chunks, header.totals.stored_bytes)
