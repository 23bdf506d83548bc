"""The datastore of Azure Blob Storage: on Azurite, and on a server that fails on request."""

from __future__ import annotations

import base64
import re
import secrets
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.storage.blob import (
    BlobServiceClient,
    ContainerSasPermissions,
    RetentionPolicy,
    generate_container_sas,
)

from replicate.config import AzureConfig
from replicate.datastores.azure.faults import translated
from replicate.datastores.azure.store import AzureStore
from replicate.datastores.base import ConditionalWrites, Examinable, Finding, KeepsVersions, Replace
from replicate.datastores.conformance import CASES, Case
from replicate.datastores.remote.conditions import PROBE_FOLDER
from replicate.errors import (
    ConflictError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    TooLargeError,
    UsageError,
)
from tests.support.object_servers.azurite import start_azurite
from tests.support.object_servers.reach import ObjectServer
from tests.support.scripted_server import QueuedServer, Reply
from tests.support.silent_server import silent_server

_KEY = base64.b64encode(b"k" * 64).decode()


def _store(**settings: Any) -> AzureStore:
    return AzureStore(AzureConfig.model_validate({"container": "container", **settings}))


@pytest.fixture(scope="module")
def azurite() -> Iterator[ObjectServer]:
    with start_azurite() as server:
        yield server


@pytest.fixture
def settings(azurite: ObjectServer) -> dict[str, Any]:
    """For a container of its own, which isn't there yet."""
    section: dict[str, Any] = azurite.section(f"container-{secrets.token_hex(4)}")["azure"]
    return section


@pytest.fixture
def connection(settings: dict[str, Any]) -> str:
    return str(settings["connection_string"])


@pytest.fixture
def store(settings: dict[str, Any]) -> Iterator[AzureStore]:
    store = _store(**settings)
    yield store
    store.close()


@pytest.fixture
def scripted() -> Iterator[QueuedServer]:
    with QueuedServer() as server:
        yield server


@pytest.fixture
def faulty(scripted: QueuedServer) -> Iterator[AzureStore]:
    """On a server that answers what it is told to."""
    store = _store(connection_string=_connection(scripted.url))
    yield store
    store.close()


def _connection(url: str) -> str:
    return f"AccountName=testing;AccountKey={_KEY};BlobEndpoint={url}/testing"


@pytest.mark.parametrize("prefix", ["", "a/b"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_store_conforms(settings: dict[str, Any], case: Case, prefix: str) -> None:
    store = _store(**settings, prefix=prefix)
    assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC
    case.run(store, "check/case/")
    assert all(info.key.startswith("check/case/") for info in store.list(""))
    store.delete([info.key for info in store.list("")])
    assert not [*store.list("")]
    store.close()


def test_the_container_is_created_by_the_first_put(store: AzureStore) -> None:
    assert not [*store.list("")]
    store.delete(["key"])
    with pytest.raises(NotFoundError, match=r"the container container-.* does not exist"):
        store.get("key")
    with pytest.raises(NotFoundError):
        store.stat("key")
    store.put("key", b"1")
    with pytest.raises(NotFoundError, match="there is no other"):
        store.get("other")
    assert store.get("key") == b"1"


def test_the_container_is_created_once_by_many(settings: dict[str, Any]) -> None:
    store = _store(**settings)
    with ThreadPoolExecutor(8) as pool:
        assert len([*pool.map(lambda number: store.put(f"k{number}", b"1"), range(8))]) == 8
    assert len([*store.list("")]) == 8
    store.close()


@pytest.mark.parametrize("name", ["key", "sas_token", "connection_string"])
def test_credentials_with_a_line_break(name: str) -> None:
    section = {name: f"{_KEY}\n{_KEY}"}
    if name != "connection_string":
        section["account"] = "testing"
    with pytest.raises(UsageError, match=f"the `{name}` of the datastore has a line break") as told:
        _store(**section)
    assert _KEY not in "".join(traceback.format_exception(told.value))


def test_credentials_of_a_file_with_a_line_break_at_the_end(settings: dict[str, Any]) -> None:
    store = _store(connection_string=f"{settings['connection_string']}\n")
    assert not [*store.list("")]
    store.close()


def test_header_that_can_not_be_sent_is_not_shown(faulty: AzureStore) -> None:
    with (
        pytest.raises(UsageError, match="a line break or a control character") as caught,
        translated(faulty._request("reading", "read")),
    ):
        requests.get("http://127.0.0.1:1", headers={"x": "hidden\n"}, timeout=5)
    assert "hidden" not in "".join(traceback.format_exception(caught.value))


def test_the_library_prints_nothing() -> None:
    program = (
        "import logging\n"
        "from replicate.datastores.azure import store\n"
        "for name in ('azure.identity', 'msal.token', 'urllib3.pool'):\n"
        "    logging.getLogger(name).warning('a page')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout + done.stderr == ""


def test_nothing_is_asked_at_opening(scripted: QueuedServer, faulty: AzureStore) -> None:
    assert faulty.location == f"Azure Blob Storage {scripted.url}/testing/container"
    assert not scripted.requests


def test_an_unknown_host_is_tried_out(scripted: QueuedServer, faulty: AzureStore) -> None:
    written = {"ETag": '"0x1"', "Last-Modified": "Sat, 01 Nov 2025 10:00:00 GMT"}
    scripted.queued += [Reply(201, headers=written)] * 2
    # It accepts what can't hold: there is nothing more to ask.
    assert faulty.capabilities.conditional_writes is ConditionalWrites.NONE
    first, second = [request.path for request in scripted.requests if request.method == "PUT"]
    assert first == second
    assert first.startswith(f"/testing/container/{PROBE_FOLDER}")
    scripted.requests.clear()
    scripted.queued.append(Reply(201, headers=written, only="PUT"))
    faulty.put("key", b"1", mode="create")
    assert [request.method for request in scripted.requests] == ["HEAD", "PUT"]


@pytest.mark.parametrize(
    "suffix", ["core.windows.net", "core.usgovcloudapi.net", "core.chinacloudapi.cn"]
)
def test_microsofts_own_hosts_are_trusted(suffix: str) -> None:
    connection = f"AccountName=testing;AccountKey={_KEY};EndpointSuffix={suffix}"
    store = _store(connection_string=connection)
    assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC
    assert store.location == f"Azure Blob Storage https://testing.blob.{suffix}/container"


@pytest.mark.parametrize(
    "connection",
    [
        f"AccountName=testing;AccountKey={_KEY};BlobEndpoint=http://192.0.2.1/testing",
        f"DefaultEndpointsProtocol=http;AccountName=testing;AccountKey={_KEY};EndpointSuffix=a.b",
        f"AccountName=testing;AccountKey={_KEY};BlobEndpoint=http://localhost.example/testing",
    ],
)
def test_nothing_is_sent_in_the_clear(connection: str) -> None:
    with pytest.raises(UsageError, match="in the clear") as caught:
        _store(connection_string=connection)
    assert _KEY not in str(caught.value)


@pytest.mark.parametrize("connection", ["secret", "AccountKey=secret", "a=secret;b", ";;", "="])
def test_a_connection_string_that_is_none(connection: str) -> None:
    with pytest.raises(UsageError, match="connection_string") as caught:
        _store(connection_string=connection)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("account", ["a/b", "Testing", "x", "evil.example#", "a" * 25])
def test_an_account_that_is_none(account: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a storage account"):
        _store(account=account, key=_KEY)


def test_the_library_is_an_extra() -> None:
    code = (
        "import sys; sys.modules['azure.storage.blob'] = None\n"
        "from replicate.errors import UsageError\n"
        "try:\n    import replicate.datastores.azure.store\n"
        "except UsageError as error:\n    print(error, '|', error.hint)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == (
        "the library for `azure` is not installed | pip install 'replicate[azure]'\n"
    )


def test_the_library_of_the_default_credentials_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(UsageError, match="is not installed"):
        _store(account="testing")


def test_an_account_and_its_key(azurite: ObjectServer) -> None:
    assert azurite.url
    store = _store(account="testing", key=_KEY)
    assert store.location == "Azure Blob Storage https://testing.blob.core.windows.net/container"
    assert _KEY not in repr(vars(store))


def test_no_credentials_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The one kind of the chain that needs no network: the program `az`, which isn't there.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    monkeypatch.setenv("PATH", str(tmp_path))
    store = _store(account="testing")
    with pytest.raises(DatastoreError, match="no usable credentials for Azure") as caught:
        store.get("key")
    assert not caught.value.transient
    assert "az login" in str(caught.value.hint)
    store.close()


def test_objects_are_below_the_prefix_and_others_are_left_alone(
    settings: dict[str, Any], connection: str
) -> None:
    with BlobServiceClient.from_connection_string(connection) as service:
        container = service.create_container(settings["container"])
        for name in ("top", "own-2/key", "own/a b", "ownkey", "own/.hidden"):
            container.upload_blob(name, b"foreign")
        container.upload_blob("own/folder", b"", metadata={"hdi_isfolder": "true"})
        store = _store(**settings, prefix="own")
        store.put("key", b"mine")
        store.put("dir/key", b"mine")
        assert [info.key for info in store.list("")] == ["dir/key", "key"]
        store.delete(["dir/key", "key", "top"])
        assert len([*container.list_blobs()]) == 6
    store.close()


def test_more_than_allowed_is_not_read(store: AzureStore) -> None:
    store.put("key", b"x" * 5_000_000)
    with pytest.raises(TooLargeError, match="5000000 bytes long, where 10 are the limit"):
        store.get("key", max_size=10)
    assert store.get("key", max_size=5_000_000) == b"x" * 5_000_000


@pytest.mark.parametrize("version", ["0x0", "", "a\nb", '"0x1"', "ä", "1700000000000000"])
def test_a_version_of_another_store_never_fits(store: AzureStore, version: str) -> None:
    store.put("key", b"1")
    with pytest.raises(ConflictError):
        store.put("key", b"2", mode=Replace(version))
    assert store.get("key") == b"1"


def test_put_stat_and_list_agree(store: AzureStore) -> None:
    info = store.put("key", b"1")
    assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=1)
    assert info == store.stat("key") == next(store.list("key"))


def test_a_delete_of_many_goes_in_batches(store: AzureStore) -> None:
    keys = [f"key-{number:03}" for number in range(300)]
    with ThreadPoolExecutor(8) as pool:
        [*pool.map(lambda key: store.put(key, b""), keys[::2])]
    store.delete(keys)
    assert not [*store.list("")]


# Credentials of Azurite


def test_a_wrong_key(settings: dict[str, Any], connection: str) -> None:
    store = _store(**{**settings, "connection_string": _with_key(connection, _KEY)})
    for operation in _OPERATIONS.values():
        with pytest.raises(DatastoreError, match=r"access denied|does not accept") as caught:
            operation(store)
        assert not caught.value.transient
    assert store.remains() is None
    assert store.capabilities.conditional_writes is ConditionalWrites.NONE
    store.close()


def test_a_key_that_is_none(settings: dict[str, Any], connection: str) -> None:
    store = _store(**{**settings, "connection_string": _with_key(connection, "zzz")})
    with pytest.raises(DatastoreError, match="the account key is none") as caught:
        store.get("key")
    assert "zzz" not in str(caught.value)
    store.close()


def _with_key(connection: str, key: str) -> str:
    return re.sub("AccountKey=[^;]*", f"AccountKey={key}", connection)


def _signed(
    azurite: ObjectServer, settings: dict[str, Any], permissions: str, hours: float
) -> AzureStore:
    found = re.search("AccountKey=([^;]*)", settings["connection_string"])
    assert found
    token = generate_container_sas(
        "testing",
        settings["container"],
        account_key=found.group(1),
        permission=ContainerSasPermissions.from_string(permissions),
        start=datetime.now(UTC) - timedelta(days=2),
        expiry=datetime.now(UTC) + timedelta(hours=hours),
    )
    given = f"BlobEndpoint={azurite.url};SharedAccessSignature={token}"
    return _store(container=settings["container"], connection_string=given)


def test_a_shared_access_signature_is_enough(
    azurite: ObjectServer, settings: dict[str, Any], store: AzureStore
) -> None:
    store.put("first", b"1")
    signed = _signed(azurite, settings, "rwdl", 1)
    assert "sig=" not in signed.location
    signed.put("key", b"2", mode="create")
    assert signed.get("key") == b"2"
    assert [info.key for info in signed.list("")] == ["first", "key"]
    signed.delete(["key", "first", "never"])
    assert not [*signed.list("")]
    assert signed.remains() is None
    signed.close()


def test_a_signature_that_lacks_permissions(
    azurite: ObjectServer, settings: dict[str, Any], store: AzureStore
) -> None:
    store.put("key", b"1")
    signed = _signed(azurite, settings, "r", 1)
    assert signed.get("key") == b"1"
    for operation, permission in (("writing", "write"), ("listing", "list")):
        with pytest.raises(DatastoreError, match=f"access denied: {permission} on container-"):
            _OPERATIONS[operation](signed)
    with pytest.raises(DatastoreError, match=r"access denied: delete on container-.*/key"):
        signed.delete(["key", "other"])
    assert store.get("key") == b"1"
    signed.close()


def test_a_signature_that_has_expired(
    azurite: ObjectServer, settings: dict[str, Any], store: AzureStore
) -> None:
    store.put("key", b"1")
    signed = _signed(azurite, settings, "rwdl", -1)
    with pytest.raises(DatastoreError, match=r"access denied|have expired") as caught:
        signed.get("key")
    assert not caught.value.transient
    signed.close()


# What the account and the container say


def _examined(store: AzureStore) -> dict[str, Finding]:
    assert isinstance(store, Examinable)
    return {finding.name: finding for finding in store.examine("check/1/")}


def test_a_plain_container_has_nothing_to_worry_about(store: AzureStore) -> None:
    store.put("key", b"1")
    findings = _examined(store)
    assert not [finding for finding in findings.values() if finding.ok is False]
    assert findings["checksums"].ok
    assert findings["public access"].ok
    assert [info.key for info in store.list("")] == ["key"]


def test_a_public_container_is_found(
    settings: dict[str, Any], connection: str, store: AzureStore
) -> None:
    with BlobServiceClient.from_connection_string(connection) as service:
        service.create_container(settings["container"], public_access="blob")
    finding = _examined(store)["public access"]
    assert finding.ok is False
    assert "blob" in finding.detail


def test_soft_delete_is_told(connection: str, store: AzureStore) -> None:
    assert isinstance(store, KeepsVersions)
    store.put("key", b"1")
    assert store.remains() is None
    with BlobServiceClient.from_connection_string(connection) as service:
        service.set_service_properties(delete_retention_policy=RetentionPolicy(True, 5))
        try:
            assert "soft-deleted, for 5 days" in str(store.remains())
        finally:
            service.set_service_properties(delete_retention_policy=RetentionPolicy(False))


def test_what_may_not_be_asked_is_said_so(scripted: QueuedServer, faulty: AzureStore) -> None:
    scripted.queued += [Reply(403)] * 4
    findings = _examined(faulty)
    assert findings["checksums"].ok is None
    assert findings["container"].ok is None


# Answers of a service that has troubles

_OPERATIONS: dict[str, Callable[[AzureStore], object]] = {
    "writing": lambda store: store.put("key", b"1"),
    "reading": lambda store: store.get("key"),
    "stat": lambda store: store.stat("key"),
    "listing": lambda store: [*store.list("")],
    "deleting": lambda store: store.delete(["key"]),
}


def _fail(server: QueuedServer, store: AzureStore, operation: str, answer: Reply) -> ReplicateError:
    """What comes of an operation that meets `answer`, to whose requests it is the only one."""
    server.requests.clear()
    server.queued[:] = [answer]
    with pytest.raises(ReplicateError) as caught:
        _OPERATIONS[operation](store)
    assert len(server.requests) == 1  # the library repeats nothing
    return caught.value


@pytest.mark.parametrize("operation", _OPERATIONS)
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_transient(
    scripted: QueuedServer, faulty: AzureStore, operation: str, status: int
) -> None:
    error = _fail(scripted, faulty, operation, Reply(status, b"<html>", {"Retry-After": "7"}))
    assert isinstance(error, DatastoreError)
    assert error.transient
    assert error.retry_after == 7
    assert "html" not in error.message


@pytest.mark.parametrize("operation", ["writing", "reading", "stat", "listing"])
@pytest.mark.parametrize(
    ("status", "code", "sentence", "transient"),
    [
        (403, "AuthenticationFailed", "does not accept the credentials", False),
        (401, "InvalidAuthenticationInfo", "does not accept the credentials", False),
        (403, "AuthorizationFailure", "access denied: ", False),
        (403, "AuthorizationPermissionMismatch", "access denied: ", False),
        (403, "KeyBasedAuthenticationNotPermitted", "permits no account keys", False),
        (409, "BlobImmutableDueToPolicy", "retains its objects", False),
        (412, "LeaseIdMissing", "somebody holds a lease on it", False),
        (409, "SnapshotsPresent", "it has snapshots", False),
        (409, "ContainerBeingDeleted", "ContainerBeingDeleted", True),
        (400, "InvalidHeaderValue", r"error 400 \(InvalidHeaderValue\)", False),
        (418, "", "error 418", False),
    ],
)
def test_what_the_service_says_is_one_sentence(  # noqa: PLR0917  (pytest gives them by name)
    scripted: QueuedServer,
    faulty: AzureStore,
    operation: str,
    status: int,
    code: str,
    sentence: str,
    transient: bool,
) -> None:
    headers = {"x-ms-error-code": code} if code else {}
    error = _fail(scripted, faulty, operation, Reply(status, b"", headers))
    assert re.search(sentence, error.message)
    assert "\n" not in error.message
    assert error.transient is transient


def test_an_expired_signature_is_told_from_a_wrong_one(
    scripted: QueuedServer, faulty: AzureStore
) -> None:
    body = (
        b'<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code><Message>Failed</Message>'
        b"<AuthenticationErrorDetail>Signature not valid in the specified time frame: Start"
        b"</AuthenticationErrorDetail></Error>"
    )
    headers = {"x-ms-error-code": "AuthenticationFailed", "Content-Type": "application/xml"}
    error = _fail(scripted, faulty, "listing", Reply(403, body, headers))
    assert "have expired" in error.message


@pytest.mark.parametrize("operation", ["writing", "stat", "listing"])
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"{}", b"\xff\xfe"])
def test_garbage_is_one_sentence(
    scripted: QueuedServer, faulty: AzureStore, operation: str, body: bytes
) -> None:
    error = _fail(scripted, faulty, operation, Reply(200, body))
    assert "\n" not in error.message
    assert len(error.message) < 300


def test_damage_on_the_way_back_is_found(scripted: QueuedServer, faulty: AzureStore) -> None:
    headers = {
        "Content-Range": "bytes 0-4/5",
        "x-ms-blob-content-md5": "AAAAAAAAAAAAAAAAAAAAAA==",
        "x-ms-blob-type": "BlockBlob",
        "ETag": '"0x1"',
        "Last-Modified": "Sat, 01 Nov 2025 10:00:00 GMT",
    }
    error = _fail(scripted, faulty, "reading", Reply(206, b"wrong", headers))
    assert "checksum" in error.message
    assert error.transient


def test_a_download_that_breaks_off_is_transient(
    scripted: QueuedServer, faulty: AzureStore
) -> None:
    headers = {"Content-Range": "bytes 0-4/5", "x-ms-blob-type": "BlockBlob"}
    scripted.queued += [Reply(206, b"wro", headers, length=5)] * 5
    with pytest.raises(DatastoreError) as caught:
        faulty.get("key")
    assert caught.value.transient


def test_a_server_that_hangs_is_given_up() -> None:
    with silent_server() as server:
        store = _store(connection_string=_connection(server.url), timeout=1)
        with pytest.raises(DatastoreError, match="did not answer in time") as caught:
            store.stat("key")
        assert caught.value.transient
        assert server.connections() == 1  # the library repeats nothing
        store.close()


def test_a_server_that_is_not_there() -> None:
    store = _store(connection_string=_connection("http://127.0.0.1:1"))
    with pytest.raises(DatastoreError, match=r"127\.0\.0\.1 refuses connections") as caught:
        store.get("key")
    assert caught.value.transient
    store.close()
