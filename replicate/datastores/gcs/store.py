"""A datastore in a bucket of Google Cloud Storage, by its own protocol, the JSON API.

The generation of an object, which is another one after every write, is its version; preconditions
on it make conditional writes atomic
(https://cloud.google.com/storage/docs/request-preconditions). Every upload carries its MD5, which
the service verifies before the object is there; every download is checked against the one that the
service tells.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from pathlib import Path

import google.auth
from google.api_core.exceptions import NotFound, RequestRangeNotSatisfiable
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Bucket, Client  # type: ignore[import-untyped]  # it has no types
from google.oauth2 import service_account

from replicate.config import GcsConfig
from replicate.datastores.base import (
    Capabilities,
    ConditionalWrites,
    Data,
    Finding,
    ObjectInfo,
    PutMode,
    Replace,
    too_large,
)
from replicate.datastores.gcs import examining
from replicate.datastores.gcs.faults import Request, translated
from replicate.datastores.remote.addresses import check_address, host_of
from replicate.datastores.remote.checksums import checksums, content_md5, refused_upload
from replicate.datastores.remote.conditions import Conditions, conflict
from replicate.datastores.remote.objects import (
    Folder,
    check_range,
    in_order,
    no_bytes,
    past_the_end,
)
from replicate.datastores.remote.quiet import quiet
from replicate.errors import ConflictError, DatastoreError, NotFoundError, UsageError

quiet("google", "urllib3")

_EMULATOR = "STORAGE_EMULATOR_HOST"
_OVERRIDE = "API_ENDPOINT_OVERRIDE"
# Otherwise the library's version 3 asks for the bucket as well, in a thread of its own, to have its
# name for traces that nobody asked for. It needs a permission that dumps don't.
_NO_EXTRA_REQUESTS = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"
_SCOPES = ["https://www.googleapis.com/auth/devstorage.read_write"]
_BATCH = 100
_LISTED = "items(name,size,generation,timeCreated),nextPageToken"
_NEVER = "1"  # generations are times in microseconds: no object has this one


class GCSStore:
    """A `Datastore` in the bucket that `config` names, which has to exist.

    Nothing is asked of the service before it is used. The credentials are those of
    `credentials_file`, the key file of a service account, or else Google's application default
    credentials. A `project` is billed for the requests, as for a bucket whose requester pays.

    STORAGE_EMULATOR_HOST names another host that speaks the protocol, which is then spoken to
    without credentials unless there is a `credentials_file`. Plain http is for this machine alone.

    May be used by several threads; not to be carried over a fork.
    """

    def __init__(self, config: GcsConfig) -> None:
        """`UsageError` for an address or a credentials file that can't be used."""
        self._bucket_name = config.bucket
        self._project = config.project
        self._timeout = config.timeout
        self._folder = Folder(config.prefix)
        self._endpoint = _endpoint()
        self._credentials = _credentials(config.credentials_file)
        if self._credentials is None and os.environ.get(_EMULATOR):
            self._credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]  # it has no types
        self._conditions = Conditions(self, never=_NEVER, promised=self._promised)
        self._lock = threading.Lock()
        self._opened: Client | None = None

    @property
    def location(self) -> str:
        start = self._folder.start("")
        return f"Google Cloud Storage gs://{self._bucket_name}/{start}".rstrip("/")

    @property
    def capabilities(self) -> Capabilities:
        """See `Datastore.capabilities`. A host that isn't Google's is tried out first."""
        return Capabilities(conditional_writes=self._conditions.writes)

    def _promised(self) -> ConditionalWrites | None:
        host = host_of(self._endpoint) if self._endpoint else "googleapis.com"
        return ConditionalWrites.ATOMIC if f".{host}".endswith(".googleapis.com") else None

    def close(self) -> None:
        with self._lock:
            client, self._opened = self._opened, None
        if client is not None:
            client.close()

    # Writing

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        """See `Datastore.put`. Up to 8 MiB in one request, above that in two."""
        self._folder.name(key)
        return self.put_conditionally(key, data, self._conditions.left(key, mode))

    def put_conditionally(self, key: str, data: Data, mode: PutMode) -> ObjectInfo:
        """As `put`, with the condition left to the service, whether it honours it or not."""
        generation: int | None = None
        if isinstance(mode, Replace):
            # A version of another store, or 0, which would mean that there is no object.
            if not mode.version.isdecimal() or not int(mode.version):
                raise conflict(key, mode)
            generation = int(mode.version)
        elif mode == "create":
            generation = 0
        body = data if isinstance(data, bytes) else bytes(data)
        try:
            with translated(self._request(f"writing {key}", "storage.objects.create", key)):
                blob = self._upload(key, body, md5=content_md5(body), generation=generation)
                return _info(key, blob)
        except ConflictError as error:
            raise conflict(key, mode) from error

    def _upload(self, key: str, body: bytes, *, md5: str, generation: int | None) -> Blob:
        blob = self._blob(key)
        blob.md5_hash = md5
        blob.upload_from_file(
            io.BytesIO(body),
            size=len(body),
            content_type="application/octet-stream",
            if_generation_match=generation,
            checksum=None,  # the one above goes along in either way of uploading
            timeout=self._timeout,
            retry=None,
        )
        return blob

    def delete(self, keys: Iterable[str]) -> None:
        """See `Datastore.delete`. In batches of a hundred."""
        names = iter([*dict.fromkeys(self._folder.name(key) for key in keys)])
        with translated(self._request("deleting", "storage.objects.delete")):
            while batch := [*islice(names, _BATCH)]:
                try:
                    with self._client().batch():
                        self._delete(batch)
                except NotFound:
                    # Of several failures in a batch the library tells the first only.
                    for name in batch:
                        try:
                            self._delete([name])
                        except NotFound:
                            continue

    def _delete(self, names: Iterable[str]) -> None:
        bucket = self._bucket()
        for name in names:
            bucket.blob(name).delete(timeout=self._timeout, retry=None)

    # Reading

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        """See `Datastore.get`. No more than `max_size` bytes are taken in."""
        self._folder.name(key)
        check_range(key, byte_range, max_size)
        if byte_range is not None and byte_range[0] == byte_range[1]:
            return no_bytes(self, key, byte_range[1])
        sink = _Sink(max_size if byte_range is None else byte_range[1] - byte_range[0])
        with translated(self._reading(key)):
            blob = self._blob(key)
            try:
                blob.download_to_file(
                    sink,
                    start=byte_range and byte_range[0],
                    end=byte_range and byte_range[1] - 1,
                    raw_download=True,
                    checksum=None,  # checked below, so that our own error says so
                    timeout=self._timeout,
                    retry=None,
                )
            except _OverflowError:
                if byte_range is None and max_size is not None:
                    raise too_large(key, self.stat(key).size, max_size) from None
                raise DatastoreError(f"more of {key} was sent than was asked for") from None
            except RequestRangeNotSatisfiable as error:
                raise past_the_end(key, byte_range or (0, 0)) from error
        data = sink.value()
        if byte_range is not None and len(data) != byte_range[1] - byte_range[0]:
            raise past_the_end(key, byte_range)
        if byte_range is None and blob.md5_hash not in (None, content_md5(data)):
            raise DatastoreError(
                f"what arrived of {key} is not what {self._bucket_name} holds, by its checksum",
                transient=True,
            )
        return data

    def stat(self, key: str) -> ObjectInfo:
        with translated(self._reading(key)):
            blob = self._blob(key)
            blob.reload(timeout=self._timeout, retry=None)
            return _info(key, blob)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Datastore.list`."""
        return in_order(self._list(prefix), self.location, name=attrgetter("key"))

    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        with translated(self._request("listing", "storage.objects.list")):
            blobs = self._client().list_blobs(
                self._bucket(),
                prefix=self._folder.start(prefix),
                fields=_LISTED,
                timeout=self._timeout,
                retry=None,
            )
            for blob in blobs:
                key = self._folder.key(blob.name)
                if key is not None:
                    yield _info(key, blob)

    # What it keeps, and what it says of itself

    def remains(self) -> str | None:
        """See `KeepsVersions.remains`; None also where that may not be asked."""
        try:
            return examining.remains(self._facts())
        except (DatastoreError, NotFoundError):
            return None

    def examine(self, prefix: str) -> Iterator[Finding]:
        """See `Examinable.examine`."""
        yield examining.account(self._client())
        yield self._checksums(f"{prefix}damaged")
        try:
            bucket = self._facts()
        except (DatastoreError, NotFoundError) as error:
            yield examining.untold(error)
        else:
            yield from examining.findings(bucket, self._folder.start(""))

    def _facts(self) -> Bucket:
        with translated(self._request("asking for the bucket", "storage.buckets.get")):
            bucket = self._bucket()
            bucket.reload(timeout=self._timeout, retry=None)
            return bucket

    def _checksums(self, key: str) -> Finding:
        try:
            with translated(self._request(f"writing {key}", "storage.objects.create", key)):
                self._upload(key, b"damaged", md5=content_md5(b"whole"), generation=None)
        except (DatastoreError, NotFoundError) as error:
            return refused_upload(error)
        return checksums(refused=False)

    # Ways in

    def _request(self, doing: str, permission: str, key: str | None = None) -> Request:
        return Request(doing, permission, self._bucket_name, key)

    def _reading(self, key: str) -> Request:
        permission = "storage.objects.get"
        return Request(f"reading {key}", permission, self._bucket_name, key, reads=True)

    def _blob(self, key: str) -> Blob:
        return self._bucket().blob(self._folder.name(key))

    def _bucket(self) -> Bucket:
        return self._client().bucket(self._bucket_name, user_project=self._project)

    def _client(self) -> Client:
        """The library's client, made at first use: finding credentials may take requests."""
        with self._lock:
            if self._opened is None:
                os.environ.setdefault(_NO_EXTRA_REQUESTS, "true")
                credentials = self._credentials
                if credentials is None:
                    credentials, _ = google.auth.default(scopes=_SCOPES)
                self._opened = Client(
                    project=self._project,
                    credentials=credentials,
                    client_options={"api_endpoint": self._endpoint} if self._endpoint else None,
                )
            return self._opened


class _OverflowError(Exception):
    """More arrived than may."""


class _Sink:
    """Where a download goes to: up to `limit` bytes."""

    def __init__(self, limit: int | None) -> None:
        self._data = io.BytesIO()
        self._limit = limit

    def write(self, data: bytes) -> int:
        if self._limit is not None and self._data.tell() + len(data) > self._limit:
            raise _OverflowError
        return self._data.write(data)

    def value(self) -> bytes:
        return self._data.getvalue()


def _endpoint() -> str | None:
    """Another host than Google's, from where its libraries look for one."""
    for variable in (_EMULATOR, _OVERRIDE):
        if address := os.environ.get(variable, "").strip():
            # Without a scheme, as libraries of other languages want it.
            address = address if "://" in address else f"http://{address}"
            check_address(address, source=variable)
            return address.rstrip("/")
    return None


def _credentials(file: str | None) -> Credentials | None:
    if file is None:
        return None
    try:
        credentials: Credentials = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]  # it has no types
            str(Path(file).expanduser()), scopes=_SCOPES
        )
        return credentials
    except OSError as error:
        raise UsageError(
            f"the credentials file {file} can't be read: {error.strerror}",
            hint="set `credentials_file` to the key file of a service account",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, GoogleAuthError) as error:
        raise UsageError(
            f"the credentials file {file} is not the key file of a service account",
            hint="other credentials are found by GOOGLE_APPLICATION_CREDENTIALS",
        ) from error


def _info(key: str, blob: Blob) -> ObjectInfo:
    # The time of creation is that of this generation; `updated` changes with its metadata too.
    written: datetime = blob.time_created
    return ObjectInfo(key, int(blob.size), written.astimezone(UTC), str(int(blob.generation)))
