"""Removing objects: many at once where the service can, one by one where it can't, versions too."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from replicate.datastores.s3.answers import is_unsupported
from replicate.datastores.s3.bucket import Bucket
from replicate.datastores.s3.faults import nonsense, translated
from replicate.datastores.s3.settings import Service
from replicate.errors import DatastoreError, NotFoundError, ReplicateError
from replicate.threads import Threads

_BATCH = 1000  # the most that DeleteObjects takes
_AT_ONCE = 8  # single deletes under way
_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404"})

_Doomed = dict[str, str]  # Key, and VersionId where one version is meant


class Deleting:
    """May be used by several threads."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._one_by_one = False

    def delete(self, keys: Sequence[str]) -> None:
        """Remove each of `keys`, which are ours, and their old versions if the settings say so."""
        self._remove([{"Key": self._bucket.folder.name(key)} for key in keys])
        if keys and self._bucket.settings.purge_versions and self._keeps_versions():
            self._purge(keys)

    def versioning(self) -> str | None:
        """`Enabled`, `Suspended`, or None where there never was any."""
        status = self._bucket.call("GetBucketVersioning").get("Status")
        return str(status) if status else None

    # Objects

    def _remove(self, doomed: Iterable[_Doomed]) -> None:
        rest = iter(doomed)
        while batch := [*islice(rest, _BATCH)]:
            if len(batch) == 1 or self._bucket.service is Service.GOOGLE or self._one_by_one:
                self._remove_singly(batch)
                continue
            try:
                self._remove_together(batch)
            except ReplicateError as error:
                if not is_unsupported(error):
                    raise
                self._one_by_one = True
                self._remove_singly(batch)

    def _remove_together(self, batch: Sequence[_Doomed]) -> None:
        answer = self._bucket.call("DeleteObjects", Delete={"Objects": batch, "Quiet": False})
        told = {found.get("Key") for found in answer.get("Deleted") or ()}
        for error in answer.get("Errors") or ():
            if error.get("Code") not in _GONE:
                self._raise(error)
            told.add(error.get("Key"))
        if untold := [doomed for doomed in batch if doomed["Key"] not in told]:
            self._remove_singly(untold)

    def _raise(self, error: dict[str, Any]) -> None:
        """What DeleteObjects tells of one object, as if it had been the answer for it alone."""
        key = self._bucket.folder.key(str(error.get("Key") or ""))
        response: Any = {"Error": error}
        with translated(lambda: self._bucket.asked("DeleteObject", key)):
            raise ClientError(response, "DeleteObject")

    def _remove_singly(self, batch: Sequence[_Doomed]) -> None:
        with Threads(min(_AT_ONCE, len(batch))) as pool:
            for _ in pool.map(self._remove_one, batch):
                pass

    def _remove_one(self, doomed: _Doomed) -> None:
        try:
            self._bucket.call("DeleteObject", key=self._bucket.folder.key(doomed["Key"]), **doomed)
        except NotFoundError as error:
            if "NoSuchBucket" in str(error.__cause__):
                raise

    # Versions

    def _keeps_versions(self) -> bool:
        try:
            return self.versioning() is not None
        except DatastoreError as error:
            if error.transient:
                raise
            return True  # who may not ask may still be allowed to remove

    def _purge(self, keys: Sequence[str]) -> None:
        """Old versions first and markers last, so that nothing ever comes to light again."""
        folders: dict[str, list[str]] = {}
        for key in keys:
            full = self._bucket.folder.name(key)
            folders.setdefault(full.rpartition("/")[0], []).append(full)
        for names in folders.values():
            markers: list[_Doomed] = []
            self._remove(self._versions(names, markers))
            self._remove(markers)

    def _versions(self, names: Sequence[str], markers: list[_Doomed]) -> Iterator[_Doomed]:
        """The versions of exactly `names`; their markers are added to `markers`."""
        wanted = frozenset(names)
        first, last = min(names), max(names)
        shared = next(
            (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
        )
        start: dict[str, Any] = {"Prefix": first[:shared]}
        while True:
            page = self._bucket.call("ListObjectVersions", **start)
            if "IsTruncated" not in page:
                raise nonsense(self._bucket.asked("ListObjectVersions"))
            markers += _named(page.get("DeleteMarkers") or (), wanted)
            yield from _named(page.get("Versions") or (), wanted)
            if not page["IsTruncated"]:
                return
            following = {
                "KeyMarker": page.get("NextKeyMarker") or "",
                "VersionIdMarker": page.get("NextVersionIdMarker") or "",
            }
            if not following["KeyMarker"] or following.items() <= start.items():
                raise DatastoreError(f"the versions in {self._bucket.settings.bucket} have no end")
            start = {"Prefix": start["Prefix"], **{n: v for n, v in following.items() if v}}


def _named(found: Iterable[dict[str, Any]], wanted: Container[str]) -> Iterator[_Doomed]:
    for version in found:
        if version.get("Key") in wanted:
            yield {"Key": version["Key"], "VersionId": version["VersionId"]}
