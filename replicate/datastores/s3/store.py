"""A datastore in a bucket of S3, or of a service that speaks its protocol.

Amazon's word is taken for what Amazon documents. Of every other service only what it was seen to
do is believed: see `Conditions` and `deleting.py`. Each object is one PUT with its MD5, which
the service compares; what comes back is checked against its length, and by whoever reads it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from replicate.datastores.base import (
    Capabilities,
    ConditionalWrites,
    Data,
    Finding,
    ObjectInfo,
    PutMode,
    Replace,
    check_key,
    too_large,
)
from replicate.datastores.remote.checksums import content_md5
from replicate.datastores.remote.conditions import Conditions, conflict
from replicate.datastores.remote.network import date_in
from replicate.datastores.remote.objects import check_range, no_bytes, past_the_end
from replicate.datastores.s3 import examining
from replicate.datastores.s3.answers import plain_etag, says
from replicate.datastores.s3.bucket import Bucket
from replicate.datastores.s3.deleting import Deleting
from replicate.datastores.s3.faults import nonsense, translated
from replicate.datastores.s3.listing import listed, utc
from replicate.datastores.s3.probing import Probed
from replicate.datastores.s3.settings import S3Settings, Service
from replicate.errors import ConflictError, DatastoreError, NotFoundError

_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_NO_ETAG = "0" * 32
_PROMISED = {
    Service.AMAZON: ConditionalWrites.ATOMIC,
    Service.GOOGLE: ConditionalWrites.NONE,  # its etags are for reading only
}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")


class S3Store:
    """A `Datastore` in one bucket, below the prefix of its settings.

    Opening it asks nothing of anybody; it raises `UsageError` for an address that may not be used.
    Several threads may use one instance; a process that is forked opens its own.

    A bucket that is missing is created by the first put where the settings say so. Until then a
    listing of it is empty and a delete has nothing to do, as is right before a first dump; to get
    something from it is a `NotFoundError` that names the bucket. Where it is not to be created,
    listing and deleting are that error, too.

    A version is the etag, which is the same for the same bytes: putting those again does not
    change it. Where conditional writes are not atomic, `create` and `Replace` look first.
    """

    def __init__(self, settings: S3Settings) -> None:
        self._bucket = Bucket(settings)
        self._conditions = Conditions(
            Probed(self, self._bucket, self._written),
            never=_NO_ETAG,
            promised=lambda: _PROMISED.get(self._bucket.service),
        )
        self._deleting = Deleting(self._bucket)
        self._takes_generation = True

    @property
    def location(self) -> str:
        return self._bucket.settings.location

    @property
    def capabilities(self) -> Capabilities:
        """Asks a service other than Amazon's and Google's the first time: see `Conditions`."""
        return Capabilities(conditional_writes=self._conditions.writes)

    def close(self) -> None:
        self._bucket.close()

    # Writing

    def put(self, key: str, data: Data, *, mode: PutMode = "overwrite") -> ObjectInfo:
        check_key(key)
        left = self._conditions.left(key, mode)
        if mode == "create" and self._bucket.service is Service.GOOGLE and self._takes_generation:
            left = mode  # see `client.py`: this one it decides
        return self.put_conditionally(key, data, left)

    def put_conditionally(self, key: str, data: Data, mode: PutMode) -> ObjectInfo:
        """As `put`, with the condition left to the service, whether it honours it or not."""
        return self._written(key, data, mode)[0]

    def _written(self, key: str, data: Data, mode: PutMode) -> tuple[ObjectInfo, dict[str, Any]]:
        """What `put_conditionally` gives, and the service's answer."""
        body = data if isinstance(data, bytes) else memoryview(data).tobytes()
        md5 = content_md5(body)
        try:
            answer = self._put(key, body, md5, _condition(mode))
        except ConflictError as error:
            raise conflict(key, mode) from error
        except NotFoundError as error:
            if isinstance(mode, Replace):  # without an object, or a bucket, it has another version
                raise conflict(key, mode) from error
            raise
        version = plain_etag(answer)
        if not version:
            raise nonsense(self._bucket.asked("PutObject"))
        own = base64.b64decode(md5).hex()
        if _MD5.match(version) and version != own and not _is_own_encryption(answer):
            raise DatastoreError(f"{key} was damaged on its way to the bucket", transient=True)
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        modified = date_in(headers.get("date", "")) or datetime.now(UTC)
        return ObjectInfo(key, len(body), modified, version), answer

    def _put(self, key: str, body: bytes, md5: str, condition: dict[str, str]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._bucket.put(key, body, md5=md5, **condition)
        except DatastoreError as error:
            # A request that is signed in Amazon's way may not have a header of Google's, says
            # Google at times. The object was looked for already.
            if self._bucket.service is not Service.GOOGLE or not condition:
                raise
            if not says(error, "400"):
                raise
            self._takes_generation = False
            answer = self._bucket.put(key, body, md5=md5)
        return answer

    def delete(self, keys: Iterable[str]) -> None:
        """See `Datastore.delete`. With `purge_versions` the old versions go as well."""
        doomed = [*dict.fromkeys(check_key(key) for key in keys)]
        try:
            self._deleting.delete(doomed)
        except NotFoundError:
            if not self._bucket.settings.create_bucket:
                raise

    def remains(self) -> str | None:
        """See `KeepsVersions.remains`; None as well where the bucket may not be asked."""
        if self._bucket.settings.purge_versions:
            return None
        try:
            status = self._deleting.versioning()
        except NotFoundError:
            return None
        except DatastoreError as error:
            if error.transient:
                raise
            return None
        return status and examining.what_remains(self._bucket.settings.bucket, status)

    # Reading

    def get(
        self, key: str, *, byte_range: tuple[int, int] | None = None, max_size: int | None = None
    ) -> bytes:
        check_key(key)
        if byte_range is not None:
            return self._get_range(key, byte_range, max_size)
        answer = self._get(key, {})
        size = answer.get("ContentLength")
        if max_size is not None and size is not None and size > max_size:
            answer["Body"].close()
            raise too_large(key, size, max_size)
        data = self._read(
            key, answer, None if max_size is None or size is not None else max_size + 1
        )
        if max_size is not None and len(data) > max_size:
            raise too_large(key, len(data), max_size)
        return data

    def _get_range(self, key: str, byte_range: tuple[int, int], max_size: int | None) -> bytes:
        check_range(key, byte_range, max_size)
        start, end = byte_range
        if start == end:
            return no_bytes(self, key, end)
        try:
            answer = self._get(key, {"Range": f"bytes={start}-{end - 1}"})
        except DatastoreError as error:
            if not says(error, "416", "InvalidRange"):
                raise
            raise past_the_end(key, byte_range) from error
        partial = answer["ResponseMetadata"].get("HTTPStatusCode") == 206
        if not partial and "ContentRange" not in answer:  # which rclone sends with a plain 200
            # The service gives the whole object: then the part is taken from that.
            data = self._read(key, answer, end)
            if len(data) < end:
                raise past_the_end(key, byte_range, len(data))
            return data[start:end]
        told = _CONTENT_RANGE.match(str(answer.get("ContentRange") or ""))
        if told is None or int(told[1]) != start or int(told[2]) >= end:
            answer["Body"].close()
            raise DatastoreError(
                f"another part of {key} came than bytes {start} to {end}", transient=True
            )
        if int(told[2]) + 1 < end:
            answer["Body"].close()
            raise past_the_end(key, byte_range, int(told[2]) + 1)
        data = self._read(key, answer, None)
        if len(data) != end - start:
            raise _short(key)
        return data

    def _get(self, key: str, parameters: dict[str, str]) -> dict[str, Any]:
        answer = self._bucket.call("GetObject", key=key, **parameters)
        if not plain_etag(answer):
            answer["Body"].close()
            raise nonsense(self._bucket.asked("GetObject"))
        return answer

    def _read(self, key: str, answer: dict[str, Any], limit: int | None) -> bytes:
        """The body of an answer, or its first `limit` bytes."""
        body = answer["Body"]
        size = answer.get("ContentLength")
        try:
            with translated(lambda: self._bucket.asked("GetObject", key)):
                data: bytes = body.read() if limit is None else body.read(limit)
        finally:
            body.close()
        expected = size if limit is None or size is None else min(size, limit)
        if expected is not None and len(data) != expected:
            raise _short(key)
        return data

    def stat(self, key: str) -> ObjectInfo:
        check_key(key)
        try:
            answer = self._bucket.call("HeadObject", key=key)
        except NotFoundError:
            self._bucket.expect()
            raise
        except DatastoreError as error:
            if says(error, "403"):
                # An answer to HEAD has no body that could say why; one to GET has.
                self._get(key, {"Range": "bytes=0-0"})["Body"].close()
            raise
        modified, version = answer.get("LastModified"), plain_etag(answer)
        if not isinstance(modified, datetime) or not version or "ContentLength" not in answer:
            raise nonsense(self._bucket.asked("HeadObject"))
        return ObjectInfo(key, int(answer["ContentLength"]), utc(modified), version)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return listed(self._bucket, prefix)

    def examine(self, prefix: str) -> Iterator[Finding]:
        """See `Examinable.examine`."""
        return examining.examine(self._bucket, self._deleting, prefix)


def _is_own_encryption(answer: dict[str, Any]) -> bool:
    """Whether the service's key management is at work, and the etag therefore no MD5."""
    return (
        str(answer.get("ServerSideEncryption") or "").startswith("aws:") or "SSEKMSKeyId" in answer
    )


def _condition(mode: PutMode) -> dict[str, str]:
    if mode == "overwrite":
        return {}
    return {"IfMatch": mode.version} if isinstance(mode, Replace) else {"IfNoneMatch": "*"}


def _short(key: str) -> DatastoreError:
    return DatastoreError(f"{key} ended early on its way here", transient=True)
