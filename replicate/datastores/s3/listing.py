"""Listing what is ours in a bucket, page by page, in order, and to an end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from replicate.datastores.base import ObjectInfo, is_key
from replicate.datastores.remote.objects import in_order
from replicate.datastores.s3.answers import plain_etag, says
from replicate.datastores.s3.bucket import Bucket
from replicate.datastores.s3.faults import nonsense
from replicate.errors import DatastoreError, NotFoundError

_EMPTY_PAGES = 100  # in a row, after which there is no reason to believe in a next one


def listed(bucket: Bucket, prefix: str) -> Iterator[ObjectInfo]:
    """The objects whose key, without the bucket's folder, starts with `prefix`.

    Raises `DatastoreError` where the order isn't that of the bytes, or pages don't move on.
    """
    path = prefix.rpartition("/")[0]
    if prefix.startswith("/") or (path and not is_key(path)):
        return  # no key starts like that
    pages = _pages(bucket, bucket.folder.start(prefix))
    every = (found for page in pages for found in page.get("Contents") or ())
    # Others' objects as well: where a service repeats a page of them there would be no end.
    for found in in_order(every, bucket.settings.location, name=_name):
        key = bucket.folder.key(_name(found))
        if key is not None and key.startswith(prefix):
            yield _info(bucket, key, found)


def _name(found: dict[str, Any]) -> str:
    return str(found.get("Key") or "")


def _pages(bucket: Bucket, prefix: str) -> Iterator[dict[str, Any]]:
    start: dict[str, str] = {}
    empty = 0
    while True:
        try:
            page = bucket.call("ListObjectsV2", Prefix=prefix, **start)
        except NotFoundError as error:
            if bucket.settings.create_bucket and says(error, "NoSuchBucket"):
                return  # it is made by the first put, and until then there is nothing in it
            raise
        if "IsTruncated" not in page:
            raise nonsense(bucket.asked("ListObjectsV2"))
        yield page
        if not page["IsTruncated"]:
            return
        token = page.get("NextContinuationToken")
        empty = 0 if page.get("Contents") else empty + 1
        if not token or token == start.get("ContinuationToken") or empty > _EMPTY_PAGES:
            raise DatastoreError(
                f"the listing of {bucket.settings.location} has no end",
                hint="run: replicate datastore check",
            )
        start = {"ContinuationToken": token}


def _info(bucket: Bucket, key: str, found: dict[str, Any]) -> ObjectInfo:
    modified, version, size = found.get("LastModified"), plain_etag(found), found.get("Size")
    if not isinstance(modified, datetime) or not version or size is None:
        raise nonsense(bucket.asked("ListObjectsV2"))
    return ObjectInfo(key, int(size), utc(modified), version)


def utc(time: datetime) -> datetime:
    return time.astimezone(UTC)
