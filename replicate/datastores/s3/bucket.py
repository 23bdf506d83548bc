"""One bucket: its client, made at first use, and requests whose errors are ours."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from replicate.datastores.s3.answers import Asked, answer_of, says
from replicate.datastores.s3.client import DEFAULT_REGION, Connection, connect
from replicate.datastores.s3.faults import no_bucket, translated
from replicate.datastores.s3.settings import S3Settings, Service
from replicate.errors import DatastoreError, NotFoundError, ReplicateError

_NO_LOCATION = ("InvalidLocationConstraint", "IllegalLocationConstraintException", "MalformedXML")


class Bucket:
    """May be used by several threads; nothing is asked of anybody before the first `call`."""

    def __init__(self, settings: S3Settings) -> None:
        settings.check()
        self.settings = settings
        self.folder = settings.folder
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._seen = False
        self._welcome = False

    @property
    def connection(self) -> Connection:
        with self._lock:
            if self._connection is None:
                with translated(lambda: Asked("ListBucket", self.settings, None)):
                    self._connection = connect(self.settings)
                self._connection.client.meta.events.register("before-call.s3", self._hurry)
            return self._connection

    @property
    def service(self) -> Service:
        return self.connection.service

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.client.close()

    def _hurry(self, params: dict[str, Any], **_: object) -> None:
        """Send a body without asking first, once the service has shown that it takes them.

        To ask costs a round trip, and a second where nobody answers. Not to ask costs the reason,
        where a service refuses a body and hangs up before it has got all of it.
        """
        if self._welcome:
            params["headers"].pop("Expect", None)

    # Requests

    def call(
        self, operation: str, *, key: str | None = None, **parameters: object
    ) -> dict[str, Any]:
        """The answer to `operation`, which has the name that the API has for it.

        A `key` is named in errors, and put into the request unless that has a `Key` already.
        """
        connection = self.connection
        client = connection.client
        method = _METHODS[operation]
        if key is not None:
            parameters.setdefault("Key", self.folder.name(key))
        with translated(lambda: Asked(operation, self.settings, connection, key)):
            answer: dict[str, Any] = getattr(client, method)(
                Bucket=self.settings.bucket, **parameters
            )
        self._seen = True
        return answer

    def asked(self, operation: str, key: str | None = None) -> Asked:
        """For messages on what was asked, where no call is at hand."""
        return Asked(operation, self.settings, self.connection, key)

    def put(self, key: str, body: bytes, *, md5: str, **condition: str) -> dict[str, Any]:
        """Put one object as the settings want it, and the bucket as well if that is missing.

        `md5`, in base64, is what the service compares the body with.
        """
        parameters = {
            "Body": body,
            "ContentMD5": md5,
            **self.settings.put_parameters(),
            **condition,
        }
        try:
            answer = self.call("PutObject", key=key, **parameters)
        except ReplicateError as error:
            self._welcome = False
            if not self.settings.create_bucket or not _misses_bucket(error):
                raise
            self.create()
            answer = self.call("PutObject", key=key, **parameters)
        self._welcome = True
        return answer

    # The bucket itself

    def create(self) -> None:
        """Create the bucket where the region says; being its owner already is no error."""
        region = self.connection.region
        parameters: dict[str, Any] = {}
        if region != DEFAULT_REGION:
            parameters["CreateBucketConfiguration"] = {"LocationConstraint": region}
        try:
            self._create(parameters)
        except DatastoreError as error:
            # Other services have regions by names of their own, or none.
            if (
                not parameters
                or self.service is not Service.OTHER
                or not says(error, *_NO_LOCATION)
            ):
                raise
            self._create({})

    def _create(self, parameters: dict[str, Any]) -> None:
        try:
            self.call("CreateBucket", **parameters)
        except DatastoreError as error:
            if says(error, "BucketAlreadyOwnedByYou"):
                return
            if not says(error, "BucketAlreadyExists"):
                raise
            # Some say the same of one's own, which another process of ours may just have made.
            with suppress(ReplicateError):
                self.call("HeadBucket")
                return
            raise

    def expect(self) -> None:
        """After a 404 that is mute: raise `NotFoundError` if it is the bucket that is missing."""
        if self._seen:
            return
        try:
            self.call("HeadBucket")
        except NotFoundError as error:
            raise no_bucket(self.asked("HeadBucket")) from error
        except DatastoreError:
            return  # then it can't be told, and the object is missing in any case


def _misses_bucket(error: ReplicateError) -> bool:
    """Whether a put was refused for want of the bucket: a mute 404 can mean nothing else."""
    answer = answer_of(error)
    return answer is not None and (
        answer.code == "NoSuchBucket" or (answer.status == 404 and answer.code in ("", "404"))
    )


_METHODS = {
    "CreateBucket": "create_bucket",
    "DeleteObject": "delete_object",
    "DeleteObjects": "delete_objects",
    "GetBucketLifecycleConfiguration": "get_bucket_lifecycle_configuration",
    "GetBucketLocation": "get_bucket_location",
    "GetBucketVersioning": "get_bucket_versioning",
    "GetObject": "get_object",
    "GetObjectLockConfiguration": "get_object_lock_configuration",
    "HeadBucket": "head_bucket",
    "HeadObject": "head_object",
    "ListObjectVersions": "list_object_versions",
    "ListObjectsV2": "list_objects_v2",
    "PutObject": "put_object",
}
