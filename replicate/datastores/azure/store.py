"""A datastore in a container of Azure Blob Storage.

The etag of a blob, which is another one after every write, is its version; conditions on it make
conditional writes atomic
(https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations).
Every upload is one Put Blob with its MD5, which the service verifies before the blob is there;
every download is checked against the one that the service tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Any

from replicate.config import AzureConfig
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
from replicate.datastores.remote.addresses import check_address, host_of, shown_address
from replicate.datastores.remote.checksums import checksums, content_md5, refused_upload
from replicate.datastores.remote.conditions import Conditions, conflict
from replicate.datastores.remote.network import check_credential
from replicate.datastores.remote.objects import (
    Folder,
    check_range,
    in_order,
    no_bytes,
    past_the_end,
)
from replicate.datastores.remote.quiet import quiet
from replicate.errors import ConflictError, DatastoreError, NotFoundError, UsageError

_HINT = "pip install 'replicate[azure]'"

try:
    from azure.core import MatchConditions
    from azure.core.credentials import AzureSasCredential, TokenCredential
    from azure.core.exceptions import HttpResponseError
    from azure.core.pipeline import PipelineResponse
    from azure.core.pipeline.transport import HttpRequest, HttpResponse
    from azure.storage.blob import BlobServiceClient, ContentSettings

    from replicate.datastores.azure import examining
    from replicate.datastores.azure.faults import Request, is_about, refusal, translated
except ImportError as missing:
    raise UsageError("the library for `azure` is not installed", hint=_HINT) from missing

quiet("azure", "msal", "urllib3")

_TRUSTED = (
    ".blob.core.windows.net",
    ".blob.core.usgovcloudapi.net",
    ".blob.core.chinacloudapi.cn",
    ".blob.storage.azure.net",
)
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}\Z")
_ETAG = re.compile(r"[!#-~]{1,200}\Z")
_ONE_REQUEST = 5000 << 20  # bytes that Put Blob takes at most
_BATCH = 256
_NEVER = "0x0"


class AzureStore:
    """A `Datastore` in the container that `config` names, created where it is missing.

    Nothing is asked of the service before it is used. Without a connection string, a key or a
    shared access signature the credentials are those of the default chain of azure-identity:
    environment, workload identity, managed identity, `az login`. Plain http is for this machine
    alone.

    A container that isn't there lists nothing, for a container is a folder of an account that one
    has already. Accounts with a hierarchical namespace may list in another order than by name: an
    error where it happens.

    May be used by several threads; not to be carried over a fork.
    """

    def __init__(self, config: AzureConfig) -> None:
        """`UsageError` for an address or a connection string that can't be used."""
        self._service = _service(config)
        self._container = self._service.get_container_client(config.container)
        self._host = host_of(self._service.url)
        self._folder = Folder(config.prefix)
        self._location = f"{shown_address(self._service.url)}/{config.container}"
        self._conditions = Conditions(self, never=_NEVER, promised=self._promised)

    @property
    def location(self) -> str:
        return f"Azure Blob Storage {self._location}/{self._folder.start('')}".rstrip("/")

    @property
    def capabilities(self) -> Capabilities:
        """See `Datastore.capabilities`. A host that isn't Microsoft's is tried out first."""
        return Capabilities(conditional_writes=self._conditions.writes)

    def _promised(self) -> ConditionalWrites | None:
        return ConditionalWrites.ATOMIC if self._host.endswith(_TRUSTED) else None

    def close(self) -> None:
        self._service.close()

    # Writing

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        """See `Datastore.put`. One request, but for the first one into a missing container."""
        self._folder.name(key)
        return self.put_conditionally(key, data, self._conditions.left(key, mode))

    def put_conditionally(self, key: str, data: Data, mode: PutMode) -> ObjectInfo:
        """As `put`, with the condition left to the service, whether it honours it or not."""
        body = data if isinstance(data, bytes) else bytes(data)
        options: dict[str, Any] = {"overwrite": mode != "create", "validate_content": True}
        if isinstance(mode, Replace):
            if not _ETAG.match(mode.version):
                raise conflict(key, mode)  # a version of another store
            options["etag"] = f'"{mode.version}"'
            options["match_condition"] = MatchConditions.IfNotModified
        try:
            try:
                return self._upload(key, body, options)
            except NotFoundError as error:
                if isinstance(mode, Replace) and not is_about(error, "ContainerNotFound"):
                    raise conflict(key, mode) from error
                self._create_container()
                return self._upload(key, body, options)
        except ConflictError as error:
            raise conflict(key, mode) from error

    def _upload(self, key: str, body: bytes, options: dict[str, Any]) -> ObjectInfo:
        with translated(self._request(f"writing {key}", "write", key)):
            blob = self._container.get_blob_client(self._folder.name(key))
            answer = blob.upload_blob(
                body,
                length=len(body),
                content_settings=ContentSettings(content_type="application/octet-stream"),
                **options,
            )
            return _info(key, len(body), answer["last_modified"], answer["etag"])

    def _create_container(self) -> None:
        try:
            with translated(self._request("creating the container", "create")):
                self._container.create_container()
        except DatastoreError as error:
            if not is_about(error, "ContainerAlreadyExists"):  # somebody else was quicker
                raise

    def delete(self, keys: Iterable[str]) -> None:
        """See `Datastore.delete`. In batches of 256."""
        names = iter({self._folder.name(key): key for key in keys}.items())
        while batch := dict(islice(names, _BATCH)):
            try:
                with translated(self._request("deleting", "delete")):
                    answers = self._container.delete_blobs(*batch, raise_on_any_failure=False)
                    for key, answer in zip(batch.values(), answers, strict=True):
                        self._check_deleted(key, answer)
            except NotFoundError:
                return  # without a container there is nothing in it

    def _check_deleted(self, key: str, answer: HttpResponse) -> None:
        if answer.status_code >= 300 and answer.status_code != 404:
            code = answer.headers.get("x-ms-error-code") or ""
            error = HttpResponseError(message=code, response=answer)
            raise refusal(code, error, self._request(f"deleting {key}", "delete", key))

    # Reading

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        """See `Datastore.get`. One request."""
        name = self._folder.name(key)
        check_range(key, byte_range, max_size)
        start, end = byte_range or (None, None)
        if byte_range is not None and start == end:
            return no_bytes(self, key, byte_range[1])
        answer = _Answer(key, max_size if byte_range is None else None)
        with translated(self._reading(key)):
            try:
                data: bytes = (
                    self._container.get_blob_client(name)
                    .download_blob(
                        offset=start,
                        length=None if byte_range is None else byte_range[1] - byte_range[0],
                        max_concurrency=1,
                        raw_response_hook=answer.look,
                    )
                    .readall()
                )
            except HttpResponseError as error:
                if error.status_code == 416 and byte_range is not None:
                    raise past_the_end(key, byte_range) from error
                raise
        if byte_range is not None:
            if len(data) != byte_range[1] - byte_range[0]:
                raise past_the_end(key, byte_range, answer.size)
        elif len(data) != answer.size or answer.md5 not in (None, content_md5(data)):
            raise DatastoreError(
                f"what arrived of {key} is not what {self._host} holds, by its size or checksum",
                transient=True,
            )
        return data

    def stat(self, key: str) -> ObjectInfo:
        with translated(self._reading(key)):
            blob = self._container.get_blob_client(self._folder.name(key))
            found = blob.get_blob_properties()
            return _info(key, found.size, found.last_modified, found.etag)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Datastore.list`."""
        return in_order(self._list(prefix), self.location, name=attrgetter("key"))

    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        try:
            with translated(self._request("listing", "list")):
                # The metadata tell which blobs are the folders of a hierarchical namespace.
                for blob in self._container.list_blobs(
                    name_starts_with=self._folder.start(prefix), include=["metadata"]
                ):
                    key = self._folder.key(blob.name)
                    if key is not None and "hdi_isfolder" not in (blob.metadata or {}):
                        yield _info(key, blob.size, blob.last_modified, blob.etag)
        except NotFoundError:
            return

    # What it keeps, and what it says of itself

    def remains(self) -> str | None:
        """See `KeepsVersions.remains`; None also where that may not be asked."""
        kept = []
        for ask in (examining.old_versions, examining.soft_deleted):
            # A shared access signature for the container can ask one of them, and not the other.
            request = self._request("asking what is kept", "read")
            with suppress(DatastoreError, NotFoundError), translated(request):
                kept += ask(self._service, self._container)
        if not kept:
            return None
        return f"{self._host} keeps what is deleted: {'; and '.join(kept)}"

    def examine(self, prefix: str) -> Iterator[Finding]:
        """See `Examinable.examine`."""
        yield self._checksums(f"{prefix}damaged")
        try:
            with translated(self._request("asking for the container", "read")):
                yield from examining.findings(self._service, self._container)
        except (DatastoreError, NotFoundError) as error:
            yield examining.untold(error)
            return
        yield examining.versioning(self.remains())

    def _checksums(self, key: str) -> Finding:
        try:
            wrong = {"Content-MD5": content_md5(b"whole")}
            self._upload(key, b"damaged", {"overwrite": True, "headers": wrong})
        except (DatastoreError, NotFoundError) as error:
            return refused_upload(error)
        return checksums(refused=False)

    def _request(self, doing: str, permission: str, key: str | None = None) -> Request:
        return Request(doing, permission, self._host, self._container.container_name, key)

    def _reading(self, key: str) -> Request:
        container = self._container.container_name
        return Request(f"reading {key}", "read", self._host, container, key, reads=True)


class _Answer:
    """What the header of a download says, seen before its body is read."""

    def __init__(self, key: str, max_size: int | None) -> None:
        self._key = key
        self._max_size = max_size
        self.size = 0
        self.md5: str | None = None

    def look(self, response: PipelineResponse[HttpRequest, HttpResponse]) -> None:
        """Called by the library with each response."""
        answer = response.http_response
        if answer.status_code not in (200, 206):
            return
        headers = answer.headers
        _, _, total = (headers.get("Content-Range") or "").partition("/")
        self.size = int(total or headers.get("Content-Length") or 0)
        whole = headers.get("Content-MD5") if answer.status_code == 200 else None
        self.md5 = headers.get("x-ms-blob-content-md5") or whole
        if self._max_size is not None and self.size > self._max_size:
            answer.internal_response.close()
            raise too_large(self._key, self.size, self._max_size)


def _service(config: AzureConfig) -> BlobServiceClient:
    options: dict[str, Any] = {
        "retry_total": 0,  # `Retrying` repeats
        "connection_timeout": config.timeout,
        "read_timeout": config.timeout,
        "max_single_put_size": _ONE_REQUEST,
        "max_single_get_size": _ONE_REQUEST,
        "permit_redirects": False,
    }
    if config.connection_string is not None:
        try:
            given = config.connection_string.get_secret_value()
            check_credential("the `connection_string` of the datastore", given)
            service = BlobServiceClient.from_connection_string(given, **options)
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                "the `connection_string` of the datastore can't be read",
                hint="copy it from the storage account's access keys",
            ) from None  # the library's error might show it
        address = service.url.partition("?")[0]  # what follows is a shared access signature
        check_address(address, source="the `connection_string` of the datastore")
        return service
    account = config.account or ""
    if not _ACCOUNT.match(account):
        raise UsageError(
            f"{account[:80]!r} is not the name of a storage account",
            hint="it is 3 to 24 small letters and digits; an address goes into `connection_string`",
        )
    return BlobServiceClient(f"https://{account}{_TRUSTED[0]}", _credential(config), **options)


def _credential(config: AzureConfig) -> str | AzureSasCredential | TokenCredential:
    if config.key is not None:
        key = config.key.get_secret_value()
        check_credential("the `key` of the datastore", key)
        return key
    if config.sas_token is not None:
        token = config.sas_token.get_secret_value().removeprefix("?")
        check_credential("the `sas_token` of the datastore", token)
        return AzureSasCredential(token)
    try:
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415  (slow; rarely needed)
    except ImportError as error:
        raise UsageError("the library for `azure` is not installed", hint=_HINT) from error
    return DefaultAzureCredential()


def _info(key: str, size: int, modified: datetime, etag: str) -> ObjectInfo:
    # Quoted in headers, and not in listings.
    return ObjectInfo(key, int(size), modified.astimezone(UTC), etag.strip('"'))
