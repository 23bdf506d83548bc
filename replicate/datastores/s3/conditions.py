"""Conditional writes: which of them the service at hand really decides, found out by trying.

Amazon is known to. Others accept the headers and overwrite all the same, or know only one of the
two, so they are put to the test: nothing less than the right answer to each question counts.
"""

from __future__ import annotations

import threading
from typing import Any

from replicate.datastores.base import ConditionalWrites
from replicate.datastores.s3.answers import says
from replicate.datastores.s3.bucket import Bucket
from replicate.datastores.s3.settings import Service
from replicate.errors import ConflictError, DatastoreError, NotFoundError, ReplicateError

PROBE_KEY = "probe/conditional-writes"
"""Where it is tried; the same for all, so that who may not delete leaves one object at most."""

_BODY = b"Written to find out whether conditional writes are honoured.\n"
_WRONG_ETAG = "00000000000000000000000000000000"
_ROUNDS = 3  # others may probe at the same time, and each deletes the object once


class Conditions:
    """What the service of one bucket decides. May be used by several threads."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self._found: ConditionalWrites | None = None

    @property
    def writes(self) -> ConditionalWrites:
        """Asks the service the first time; a transient `DatastoreError` leaves it to be asked."""
        with self._lock:
            if self._found is None:
                self._found = self._find_out()
            return self._found

    def _find_out(self) -> ConditionalWrites:
        service = self._bucket.service
        if service is Service.AMAZON:
            return ConditionalWrites.ATOMIC
        if service is Service.GOOGLE:
            return ConditionalWrites.NONE  # its etags are for reading only
        try:
            honoured = self._create_is_refused() and self._replace_is_judged()
        except DatastoreError as error:
            if error.transient:
                raise
            honoured = False
        finally:
            self._clean_up()
        return ConditionalWrites.ATOMIC if honoured else ConditionalWrites.NONE

    def _put(self, **condition: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._bucket.put(PROBE_KEY, _BODY, **condition)
        return answer

    def _create_is_refused(self) -> bool:
        self._put()
        for _ in range(_ROUNDS):
            try:
                self._put(IfNoneMatch="*")
            except ConflictError:
                return True
        return False

    def _replace_is_judged(self) -> bool:
        try:
            self._put(IfMatch=_WRONG_ETAG)
        except (ConflictError, NotFoundError):
            pass
        else:
            return False
        for _ in range(_ROUNDS):
            etag = plain_etag(self._put())
            try:
                return bool(etag) and plain_etag(self._put(IfMatch=etag)) != ""
            except (ConflictError, NotFoundError):
                continue
        return False

    def _clean_up(self) -> None:
        try:
            self._bucket.call("DeleteObject", key=PROBE_KEY)
        except ReplicateError:
            return  # it is small, and there is one


def plain_etag(answer: dict[str, Any]) -> str:
    """The etag without quotes, as it is compared and as Ceph wants it back; empty where none is."""
    return str(answer.get("ETag") or "").removeprefix("W/").strip('"')


def is_unsupported(error: ReplicateError) -> bool:
    """Whether the service says that it has no such operation, or no such header."""
    return says(error, "501", "405", "NotImplemented", "MethodNotAllowed", "MalformedXML")
