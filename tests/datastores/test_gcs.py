"""The native datastore of Google Cloud Storage: on the emulator, and on a server of its protocol.

The emulator ignores every precondition; the other one honours them, and fails on request.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from replicate.config import GcsConfig
from replicate.datastores.base import ConditionalWrites, Examinable, Finding, KeepsVersions, Replace
from replicate.datastores.conformance import CASES, Case
from replicate.datastores.gcs.faults import Request, translated
from replicate.datastores.gcs.store import GCSStore
from replicate.datastores.remote.conditions import PROBE_FOLDER
from replicate.errors import (
    ConflictError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    TooLargeError,
    UsageError,
)
from tests.support.google_json_api import GoogleApi, failure, running_google_api
from tests.support.object_servers.gcs_emulator import start_gcs_emulator
from tests.support.object_servers.reach import ObjectServer
from tests.support.scripted_server import Reply
from tests.support.silent_server import silent_server

_FOR_THE_EMULATOR = [
    case
    for case in CASES
    # Its time for a write grows with the number of objects: thousands of them take minutes.
    if not case.conditional and case.name != "more than a page of objects"
]
_GENERATION = "1700000000000000"


def _store(**settings: Any) -> GCSStore:
    return GCSStore(GcsConfig.model_validate({"bucket": "bucket", **settings}))


@pytest.fixture(scope="module")
def emulator() -> Iterator[ObjectServer]:
    with start_gcs_emulator() as server:
        yield server


@pytest.fixture
def emulated(emulator: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[GCSStore]:
    """On the emulator, in a bucket of its own."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{secrets.token_hex(4)}"
    emulator.make_bucket(bucket)
    store = _store(bucket=bucket)
    yield store
    store.close()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleApi]:
    with running_google_api() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server


@pytest.fixture
def store(api: GoogleApi) -> Iterator[GCSStore]:
    """On the server that honours preconditions, knowing that it does."""
    store = _store()
    assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC
    api.requests.clear()
    yield store
    store.close()


@pytest.mark.parametrize("case", _FOR_THE_EMULATOR, ids=lambda case: case.name)
def test_store_on_the_emulator_conforms(emulated: GCSStore, case: Case) -> None:
    case.run(emulated, "check/case/")
    emulated.delete([info.key for info in emulated.list("")])
    assert not [*emulated.list("")]


@pytest.mark.parametrize("prefix", ["", "a/b"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_store_with_preconditions_conforms(api: GoogleApi, case: Case, prefix: str) -> None:
    store = _store(prefix=prefix)
    case.run(store, "check/case/")
    assert all(name.startswith(prefix) for name in api.objects)
    store.delete([info.key for info in store.list("")])
    assert not [*store.list("")]
    store.close()


def test_ignored_preconditions_are_found_out_and_done_without(emulated: GCSStore) -> None:
    assert emulated.capabilities.conditional_writes is ConditionalWrites.NONE
    first = emulated.put("key", b"1", mode="create")
    with pytest.raises(ConflictError):
        emulated.put("key", b"2", mode="create")
    emulated.put("key", b"3", mode=Replace(first.version))
    with pytest.raises(ConflictError):
        emulated.put("key", b"4", mode=Replace(first.version))
    with pytest.raises(ConflictError):
        emulated.put("gone", b"4", mode=Replace(first.version))
    assert emulated.get("key") == b"3"
    assert [info.key for info in emulated.list("")] == ["key"]  # nothing is left of the probe


def test_a_store_is_tried_out_once_and_only_when_it_matters(api: GoogleApi) -> None:
    store = _store()
    assert api.requests == []
    store.put("key", b"1")
    store.get("key")
    assert not any(PROBE_FOLDER in request.path for request in api.requests)
    store.put("other", b"1", mode="create")
    count = len(api.requests)
    store.put("another", b"1", mode="create")
    assert len(api.requests) == count + 1
    assert api.requests[-1].query["ifGenerationMatch"] == "0"
    assert not any(PROBE_FOLDER in name for name in api.objects)
    store.close()


def test_a_probe_that_fails_for_a_moment_is_tried_again(api: GoogleApi) -> None:
    store = _store()
    api.queued.append(Reply(503))
    with pytest.raises(DatastoreError) as caught:
        _ = store.capabilities
    assert caught.value.transient
    assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC
    store.close()


def test_a_store_where_nothing_may_be_written_promises_nothing(api: GoogleApi) -> None:
    store = _store()
    api.queued.append(Reply(403, only="POST"))
    assert store.capabilities.conditional_writes is ConditionalWrites.NONE
    store.close()


def test_header_that_can_not_be_sent_is_not_shown() -> None:
    with (
        pytest.raises(UsageError, match="a line break or a control character") as caught,
        translated(Request("reading", "storage.objects.get", "bucket")),
    ):
        requests.get("http://127.0.0.1:1", headers={"x": "hidden\n"}, timeout=5)
    assert "hidden" not in "".join(traceback.format_exception(caught.value))


def test_authorities_that_are_not_there(api: GoogleApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", api.url.replace("http:", "https:"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nope")
    store = _store()
    with pytest.raises(UsageError, match="the file of the authorities to trust can't be read"):
        store.get("key")
    store.close()


def test_whitespace_around_the_address_of_the_environment(
    api: GoogleApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f" {api.url}\n")
    store = _store()
    assert not [*store.list("")]
    store.close()


@pytest.mark.parametrize(
    ("module", "loggers"),
    [("gcs.store", ("google.auth", "urllib3.pool")), ("s3.client", ("botocore.x", "urllib3.x"))],
)
def test_the_library_prints_nothing(module: str, loggers: tuple[str, ...]) -> None:
    program = (
        "import logging\n"
        f"import replicate.datastores.{module}\n"
        f"for name in {loggers}:\n"
        "    logging.getLogger(name).warning('a page')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout + done.stderr == ""


def test_googles_own_host_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("API_ENDPOINT_OVERRIDE", raising=False)
    for address in (None, "https://storage.googleapis.com", "https://europe.rep.googleapis.com"):
        if address:
            monkeypatch.setenv("API_ENDPOINT_OVERRIDE", address)
        assert _store().capabilities.conditional_writes is ConditionalWrites.ATOMIC


def test_another_host_with_such_a_name_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "https://notgoogleapis.com:1")
    assert _store()._promised() is None


@pytest.mark.parametrize("variable", ["STORAGE_EMULATOR_HOST", "API_ENDPOINT_OVERRIDE"])
@pytest.mark.parametrize(
    "address", ["http://192.0.2.1:9000", "192.0.2.1:9000", "http://localhost.example", "ftp://a"]
)
def test_nothing_is_sent_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv(variable, address)
    with pytest.raises(UsageError, match=variable):
        _store()


def test_objects_are_below_the_prefix_and_others_are_left_alone(api: GoogleApi) -> None:
    for name in ("top", "own-2/key", "own/a b", "own//x", "ownkey", "own/.hidden"):
        api.store({"name": name}, b"foreign", {})
    store = _store(prefix="own")
    store.put("key", b"mine")
    store.put("dir/key", b"mine")
    assert [info.key for info in store.list("")] == ["dir/key", "key"]
    store.delete(["dir/key", "key", "top"])
    assert len(api.objects) == 6
    assert store.location == "Google Cloud Storage gs://bucket/own"
    store.close()


def test_a_listing_out_of_order_is_an_error(api: GoogleApi, store: GCSStore) -> None:
    told = {"size": "1", "generation": _GENERATION, "timeCreated": "2026-01-01T00:00:00Z"}
    items = [{"name": "b", **told}, {"name": "a", **told}]
    api.queued.append(Reply(body=json.dumps({"items": items}).encode()))
    with pytest.raises(DatastoreError, match="lists a after b"):
        [*store.list("")]


def test_a_chunk_is_one_request(api: GoogleApi, store: GCSStore) -> None:
    store.put("key", b"x" * 1_000_000)
    store.get("key", max_size=1_000_000)
    assert [request.method for request in api.requests] == ["POST", "GET"]


@pytest.mark.parametrize("size", [100, 9 << 20])
def test_damage_on_the_way_there_is_refused(api: GoogleApi, store: GCSStore, size: int) -> None:
    request = store._request("writing key", "storage.objects.create", "key")
    with pytest.raises(DatastoreError, match="checksum") as caught, translated(request):
        # The large one goes another way, in two requests.
        store._upload("key", b"x" * size, md5="AAAAAAAAAAAAAAAAAAAAAA==", generation=None)
    assert caught.value.transient
    assert "key" not in api.objects


@pytest.mark.parametrize("size", [100, 9 << 20])
def test_conditions_hold_for_objects_of_any_size(
    api: GoogleApi, store: GCSStore, size: int
) -> None:
    store.put("key", b"1", mode="create")
    with pytest.raises(ConflictError, match="key exists already"):
        store.put("key", b"x" * size, mode="create")
    assert api.bodies["key"] == b"1"


@pytest.mark.parametrize("version", ["0", "", "abc", "1-2", "²"])
def test_a_version_of_another_store_never_fits(
    api: GoogleApi, store: GCSStore, version: str
) -> None:
    with pytest.raises(ConflictError):
        store.put("key", b"1", mode=Replace(version))
    assert "key" not in api.objects


def test_damage_on_the_way_back_is_found(api: GoogleApi, store: GCSStore) -> None:
    store.put("key", b"right")
    api.spoil = True
    with pytest.raises(DatastoreError, match="checksum") as caught:
        store.get("key")
    assert caught.value.transient


def test_a_download_that_breaks_off_is_transient(api: GoogleApi, store: GCSStore) -> None:
    store.put("key", b"right")
    for byte_range in (None, (0, 5)):
        api.queued.append(Reply(206 if byte_range else 200, b"rig", length=5))
        with pytest.raises(DatastoreError) as caught:
            store.get("key", byte_range=byte_range)
        assert caught.value.transient
    assert store.get("key") == b"right"


def test_more_than_allowed_is_not_taken_in(api: GoogleApi, store: GCSStore) -> None:
    store.put("key", b"x" * 5_000_000)
    with pytest.raises(TooLargeError, match="5000000 bytes long, where 10 are the limit"):
        store.get("key", max_size=10)
    api.queued.append(Reply(200, b"x" * 5_000_000))  # a server that ignores ranges
    with pytest.raises(DatastoreError, match="more of key was sent than was asked for"):
        store.get("key", byte_range=(0, 10))


def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_server() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        store = _store(timeout=1)
        with pytest.raises(DatastoreError, match="did not answer in time") as caught:
            store.stat("key")
        assert caught.value.transient
        store.close()


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    store = _store()
    with pytest.raises(DatastoreError, match="Google Cloud Storage refuses connections") as caught:
        store.get("key")
    assert caught.value.transient
    store.close()


_OPERATIONS: dict[str, Callable[[GCSStore], object]] = {
    "writing": lambda store: store.put("key", b"1"),
    "reading": lambda store: store.get("key"),
    "stat": lambda store: store.stat("key"),
    "listing": lambda store: [*store.list("")],
    "deleting": lambda store: store.delete(["key"]),
}


def _fail(api: GoogleApi, store: GCSStore, operation: str, answer: Reply) -> ReplicateError:
    """What comes of an operation that meets `answer`, to whose requests it is the only one."""
    api.queued[:] = [answer]
    with pytest.raises(ReplicateError) as caught:
        _OPERATIONS[operation](store)
    assert not api.queued
    assert len(api.requests) == 1  # the library repeats nothing
    return caught.value


@pytest.mark.parametrize("operation", _OPERATIONS)
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_transient(
    api: GoogleApi, store: GCSStore, operation: str, status: int
) -> None:
    error = _fail(api, store, operation, Reply(status, b"<html>", {"Retry-After": "7"}))
    assert isinstance(error, DatastoreError)
    assert error.transient
    assert error.retry_after == 7
    assert "html" not in error.message


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (operation, body)
        for operation in ("writing", "stat", "listing", "deleting")
        for body in (b"", b"<html>no</html>", b"[]", b'{"items": 1}', b'{"a": "b"}')
        if (operation, body) != ("listing", b'{"a": "b"}')  # which is an empty one
    ],
)
def test_garbage_is_one_sentence(
    api: GoogleApi, store: GCSStore, operation: str, body: bytes
) -> None:
    error = _fail(api, store, operation, Reply(200, body))
    assert "\n" not in error.message
    assert not error.transient


_DENIED = (
    "dumper@project.iam.gserviceaccount.com does not have storage.objects.{0} access to the "
    "Google Cloud Storage object. Permission 'storage.objects.{0}' denied on resource"
)


@pytest.mark.parametrize(
    ("operation", "permission"),
    [("writing", "create"), ("reading", "get"), ("listing", "list"), ("deleting", "delete")],
)
@pytest.mark.parametrize("told", [True, False])
def test_a_permission_that_lacks_is_named(
    api: GoogleApi, store: GCSStore, operation: str, permission: str, told: bool
) -> None:
    message = _DENIED.format(permission)
    body = json.dumps(failure(403, message, "forbidden")).encode() if told else b""
    error = _fail(api, store, operation, Reply(403, body))
    assert error.message.startswith(f"access denied: storage.objects.{permission} on gs://bucket")
    assert not error.transient
    assert error.hint


@pytest.mark.parametrize(
    ("status", "told", "sentence"),
    [
        (403, ("Object is subject to retention", "retentionPolicyNotMet"), "retains its objects"),
        (
            403,
            ("The billing account is disabled", "accountDisabled"),
            "billing account is disabled",
        ),
        (400, ("Invalid bucket name: 'x'", "invalid"), "error 400: Invalid bucket name"),
        (400, ("User project specified\nis " + "bad" * 200, "invalid"), "specified is bad"),
    ],
)
@pytest.mark.parametrize("operation", ["writing", "reading", "listing"])
def test_what_stays_is_one_sentence(  # noqa: PLR0917  (pytest gives them by name)
    api: GoogleApi,
    store: GCSStore,
    operation: str,
    status: int,
    told: tuple[str, str],
    sentence: str,
) -> None:
    body = json.dumps(failure(status, *told)).encode()
    error = _fail(api, store, operation, Reply(status, body))
    assert sentence in error.message
    assert "\n" not in error.message
    assert len(error.message) < 400
    assert not error.transient


@pytest.mark.parametrize("operation", ["writing", "stat", "listing"])
def test_requests_without_credentials(api: GoogleApi, store: GCSStore, operation: str) -> None:
    # Not "reading": google-auth drops the answer to a download unread, and its socket unclosed.
    error = _fail(api, store, operation, Reply(401))
    assert "there are no credentials for Google Cloud Storage" in error.message
    assert not error.transient


@pytest.mark.parametrize("operation", _OPERATIONS)
def test_a_bucket_that_is_missing_is_named(api: GoogleApi, operation: str) -> None:
    store = _store(bucket="nowhere")
    if operation == "deleting":
        store.delete(["key"])  # there is nothing in it
    else:
        with pytest.raises(NotFoundError, match="the bucket nowhere does not exist") as caught:
            _OPERATIONS[operation](store)
        assert "gcloud storage buckets create gs://nowhere" in str(caught.value.hint)
    assert api.requests
    store.close()


def test_a_delete_does_not_hide_a_failure_behind_a_missing_key(
    api: GoogleApi, store: GCSStore
) -> None:
    keys = [f"key-{number:03}" for number in range(250)]
    for key in keys[::2]:
        api.store({"name": key}, b"", {})
    api.queued.append(Reply(403, only="DELETE"))
    with pytest.raises(DatastoreError, match=r"access denied: storage\.objects\.delete"):
        store.delete(keys)
    store.delete(keys)
    assert not api.objects


def test_the_bucket_is_asked_what_it_keeps(api: GoogleApi, store: GCSStore) -> None:
    assert isinstance(store, KeepsVersions)
    assert store.remains() is None
    api.bucket["softDeletePolicy"] = {"retentionDurationSeconds": "604800"}
    assert "soft-deleted, for 7 days" in str(store.remains())
    api.bucket["versioning"] = {"enabled": True}
    assert "as noncurrent versions" in str(store.remains())
    api.queued.append(Reply(403))
    assert store.remains() is None


def _examined(store: GCSStore) -> dict[str, Finding]:
    assert isinstance(store, Examinable)
    return {finding.name: finding for finding in store.examine("check/1/")}


def test_a_plain_bucket_has_nothing_to_worry_about(api: GoogleApi, store: GCSStore) -> None:
    findings = _examined(store)
    assert all(finding.ok for finding in findings.values())
    assert findings["region"].detail == "EU (region)"
    assert not api.objects


def test_what_would_bite_is_found(api: GoogleApi, store: GCSStore) -> None:
    api.bucket["retentionPolicy"] = {"retentionPeriod": "259200"}
    api.bucket["lifecycle"] = {
        "rule": [
            {"action": {"type": "Delete"}, "condition": {"age": 30}},
            {"action": {"type": "Delete"}, "condition": {"age": 9, "isLive": False}},
            {"action": {"type": "Delete"}, "condition": {"numNewerVersions": 3}},
            {"action": {"type": "SetStorageClass", "storageClass": "ARCHIVE"}, "condition": {}},
        ]
    }
    findings = _examined(store)
    assert findings["lifecycle"].ok is False
    assert findings["lifecycle"].detail == "1 of its rules delete objects, after 30 days"
    assert findings["retention"].ok is False
    assert "3 days" in findings["retention"].detail


@pytest.mark.parametrize(("rule", "ok"), [("other/", True), ("own", False), ("own/chunks", False)])
def test_a_rule_for_another_folder_does_not_matter(api: GoogleApi, rule: str, ok: bool) -> None:
    condition = {"age": 1, "matchesPrefix": [rule]}
    api.bucket["lifecycle"] = {"rule": [{"action": {"type": "Delete"}, "condition": condition}]}
    store = _store(prefix="own")
    assert _examined(store)["lifecycle"].ok is ok
    store.close()


def test_what_may_not_be_asked_is_said_so(api: GoogleApi, store: GCSStore) -> None:
    api.queued.append(Reply(403, only="GET"))
    findings = _examined(store)
    assert findings["bucket"].ok is None
    assert "storage.buckets.get" in findings["bucket"].detail


def test_the_emulator_refuses_wrong_checksums(emulated: GCSStore) -> None:
    assert _examined(emulated)["checksums"].ok


# Credentials


def _key_file(path: Path, token_uri: str) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = path / "key.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "client_email": "dumper@project.iam.gserviceaccount.com",
                "private_key": pem.decode(),
                "token_uri": token_uri,
            }
        )
    )
    return str(file)


def test_the_credentials_file_is_used(api: GoogleApi, tmp_path: Path) -> None:
    store = _store(credentials_file=_key_file(tmp_path, f"{api.url}/token"), project="payer")
    granted = {"access_token": "granted", "expires_in": 3600, "token_type": "Bearer"}
    api.queued.append(Reply(body=json.dumps(granted).encode()))
    store.put("key", b"1")
    assert [request.path for request in api.requests] == ["/token", "/upload/storage/v1/b/bucket/o"]
    assert api.requests[-1].query["userProject"] == "payer"
    assert _examined(store)["credentials"].detail == "dumper@project.iam.gserviceaccount.com"
    store.close()


def test_credentials_that_were_revoked_are_one_sentence(api: GoogleApi, tmp_path: Path) -> None:
    store = _store(credentials_file=_key_file(tmp_path, f"{api.url}/token"))
    refused = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    api.queued.append(Reply(400, json.dumps(refused).encode()))
    with pytest.raises(DatastoreError, match="have expired, or were revoked") as caught:
        store.get("key")
    assert not caught.value.transient
    store.close()


@pytest.mark.parametrize("text", ["", "secret", "[]", '{"type": "service_account"}', "{"])
def test_a_credentials_file_that_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key.json"
    file.write_text(text)
    with pytest.raises(UsageError, match="is not the key file") as caught:
        _store(credentials_file=str(file))
    assert "secret" not in str(caught.value)


def test_credentials_that_are_not_accepted(api: GoogleApi, tmp_path: Path) -> None:
    store = _store(credentials_file=_key_file(tmp_path, f"{api.url}/token"))
    token = json.dumps({"access_token": "old", "expires_in": 3600}).encode()
    for _ in range(3):  # the library takes a new token twice
        api.queued += [Reply(body=token, only="POST"), Reply(401, only="GET")]
    with pytest.raises(DatastoreError, match="does not accept the credentials, or they have"):
        store.stat("key")
    store.close()


def test_a_credentials_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        _store(credentials_file=str(tmp_path / "none.json"))


def test_no_credentials_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    store = _store()
    with pytest.raises(DatastoreError, match="there are no credentials") as caught:
        store.get("key")
    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(caught.value.hint)


def test_times_are_those_of_the_write(store: GCSStore) -> None:
    info = store.put("key", b"1")
    assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=1)
    assert info == store.stat("key") == next(store.list("key"))
