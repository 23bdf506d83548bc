"""Every way of being refused, cut off or answered with nonsense is one sentence of ours."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from replicate.config import AwsConfig
from replicate.datastores.base import Replace
from replicate.datastores.s3.settings import S3Settings
from replicate.datastores.s3.store import S3Store
from replicate.errors import (
    ConflictError,
    DatastoreError,
    NotFoundError,
    ReplicateError,
    UsageError,
)
from tests.support.object_servers.certificates import make_certificates
from tests.support.scripted_server import Reply, Request, Script, ScriptedServer, xml_error
from tests.support.silent_server import silent_server

pytestmark = pytest.mark.usefixtures("quiet_environment")

SECRET = "never-to-be-shown"
NOW = format_datetime(datetime.now(UTC), usegmt=True)


def _store(url: str, **changes: object) -> S3Store:
    section = {
        "bucket": "dumps",
        "region": "eu-west-1",
        "prefix": "team",
        "credentials": {
            "access_key_id": "AKIDSHOWN",
            "secret_access_key": SECRET,
            "session_token": f"{SECRET}-token",
        },
        "endpoint": {"custom": url},
        **changes,
    }
    return S3Store(S3Settings.of_aws(AwsConfig.model_validate(section)))


def _error(work: Callable[[], object]) -> ReplicateError:
    with pytest.raises(ReplicateError) as caught:
        work()
    error = caught.value
    text = f"{error.message} {error.hint}"
    assert SECRET not in text
    assert "AKIDSHOWN" not in text
    assert "\n" not in text
    assert "Traceback" not in text
    return error


def _put(script: Script, **changes: object) -> ReplicateError:
    with ScriptedServer(script) as server, closing(_store(server.url, **changes)) as store:
        error = _error(lambda: store.put("a/b", b"x"))
        error.message = error.message.replace(server.url, "SERVER")
        return error


def _always(status: int, code: str = "", **headers: str) -> Script:
    body = xml_error(code) if code else b""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(status, body, sent)


TRANSIENT = [
    (500, "InternalError"),
    (500, ""),
    (502, ""),
    (503, "SlowDown"),
    (503, "ServiceUnavailable"),
    (504, ""),
    (429, "TooManyRequests"),
    (400, "RequestTimeout"),
    (400, "IncompleteBody"),
    (409, "ConditionalRequestConflict"),
    (409, "OperationAborted"),
    (307, "TemporaryRedirect"),
]


@pytest.mark.parametrize(("status", "code"), TRANSIENT)
def test_what_may_pass_is_transient(status: int, code: str) -> None:
    error = _put(_always(status, code))
    assert isinstance(error, DatastoreError)
    assert error.transient
    assert error.message == f"SERVER is not able to answer just now: {code or status}"
    assert error.retry_after is None


def test_retry_after_in_seconds() -> None:
    error = _put(_always(503, "SlowDown", Retry_After="7"))
    assert isinstance(error, DatastoreError)
    assert error.retry_after == 7


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    error = _put(_always(503, "SlowDown", Retry_After=later))
    assert isinstance(error, DatastoreError)
    assert error.retry_after is not None
    assert 0 < error.retry_after <= 90


def test_one_attempt_is_one_request() -> None:
    with ScriptedServer(_always(503, "SlowDown")) as server:
        with closing(_store(server.url)) as store:
            _error(lambda: store.put("a", b"x"))
        assert len(server.requests) == 1


PERMANENT = [
    (403, "AccessDenied", "access denied: s3:PutObject on dumps/team/a/b", "allow it"),
    (403, "", "access denied: s3:PutObject on dumps/team/a/b", "allow it"),
    (403, "InvalidAccessKeyId", "SERVER doesn't know the access key", "access_key_id"),
    (403, "SignatureDoesNotMatch", "SERVER refuses the signature of the request", "secret_access"),
    (400, "ExpiredToken", "the credentials have expired", "renew"),
    (400, "InvalidToken", "SERVER refuses the session token", "session_token"),
    (413, "", "dumps/team/a/b is larger than SERVER takes", "chunk_size"),
    (400, "EntityTooLarge", "dumps/team/a/b is larger than SERVER takes", "chunk_size"),
    (400, "InvalidStorageClass", "SERVER has no storage class COLD", "storage_class"),
    (
        400,
        "KMS.NotFoundException",
        (
            "dumps/team/a/b could not be encrypted or decrypted by the service's key: "
            "KMS.NotFoundException"
        ),
        "kms_key_id",
    ),
    (
        400,
        "IllegalLocationConstraintException",
        "the bucket dumps can't be reached in region eu-west-1 of SERVER",
        "region",
    ),
    (501, "NotImplemented", "SERVER refused s3:PutObject on dumps/team/a/b: NotImplemented", None),
    (400, "Unheard.Of", "SERVER refused s3:PutObject on dumps/team/a/b: Unheard.Of", None),
    (418, "", "SERVER refused s3:PutObject on dumps/team/a/b: 418 (I'm a Teapot)", None),
]


@pytest.mark.parametrize(("status", "code", "message", "hint"), PERMANENT)
def test_what_stays_is_one_sentence(status: int, code: str, message: str, hint: str | None) -> None:
    error = _put(_always(status, code), storage_class="COLD", create_bucket=False)
    assert isinstance(error, DatastoreError)
    assert not error.transient
    assert error.message == message
    assert (error.hint is None) == (hint is None)
    assert hint is None or (error.hint and hint in error.hint)


def test_damage_on_the_way_is_transient() -> None:
    error = _put(_always(400, "BadDigest"))
    assert error.transient
    assert error.message == "dumps/team/a/b was damaged on its way"


def test_what_the_service_says_is_cleaned() -> None:
    said = f"first\nsecond\t{'x' * 400}"
    error = _put(lambda _: Reply(400, xml_error("InvalidRequest", said)))
    assert "(first second" in error.message
    assert len(error.message) < 300


@pytest.mark.parametrize(
    "reply",
    [
        Reply(301, xml_error("PermanentRedirect"), {"x-amz-bucket-region": "us-east-2"}),
        Reply(301, xml_error("PermanentRedirect", Region="us-east-2")),
        Reply(400, xml_error("AuthorizationHeaderMalformed", Region="us-east-2")),
        Reply(307, xml_error("Elsewhere"), {"x-amz-bucket-region": "us-east-2"}),
        Reply(301, b"", {"location": "http://127.0.0.1:1/", "x-amz-bucket-region": "us-east-2"}),
    ],
)
def test_wrong_region(reply: Reply) -> None:
    with ScriptedServer(lambda _: reply) as server, closing(_store(server.url)) as store:
        error = _error(lambda: store.put("a", b"x"))
        assert error.message == "the bucket dumps is in region us-east-2, not in eu-west-1"
        assert error.hint == "set `region: us-east-2`"
        assert not error.transient
        assert len(server.requests) == 1  # nobody was followed anywhere


def test_wrong_region_of_an_answer_without_body() -> None:
    reply = Reply(400, b"", {"x-amz-bucket-region": "us-east-2"})
    with ScriptedServer(lambda _: reply) as server, closing(_store(server.url)) as store:
        error = _error(lambda: store.stat("a"))
    assert error.message == "the bucket dumps is in region us-east-2, not in eu-west-1"


def test_redirect_is_not_followed_with_credentials() -> None:
    with ScriptedServer(lambda _: Reply(200)) as other:
        for status in (301, 302, 303, 307, 308):
            reply = Reply(status, b"", {"location": f"{other.url}/dumps/team/a"})
            with (
                ScriptedServer(lambda _, r=reply: r) as server,  # type: ignore[misc]  # a default
                closing(_store(server.url)) as store,
            ):
                _error(lambda s=store: s.get("a"))  # type: ignore[misc]  # likewise
        assert not other.requests


@pytest.mark.parametrize(("minutes", "way"), [(17, "behind"), (-17, "ahead of")])
def test_clock_that_is_wrong(minutes: int, way: str) -> None:
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    error = _put(
        lambda _: Reply(
            403, xml_error("RequestTimeTooSkewed", ServerTime=f"{then:%Y-%m-%dT%H:%M:%SZ}")
        )
    )
    assert not error.transient
    assert error.message == (
        f"SERVER refuses requests, since this machine's clock is 17 minutes {way} the service's"
    )
    assert error.hint == "set the clock"


def test_a_stat_that_is_refused_says_why() -> None:
    def script(request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(403)
        return Reply(403, xml_error("SignatureDoesNotMatch"))

    with ScriptedServer(script) as server, closing(_store(server.url)) as store:
        error = _error(lambda: store.stat("a/b"))
        assert error.message == f"{server.url} refuses the signature of the request"


def test_missing_bucket() -> None:
    error = _put(_always(404, "NoSuchBucket"), create_bucket=False)
    assert isinstance(error, NotFoundError)
    assert error.message == "the bucket dumps does not exist at SERVER"
    assert error.hint == "create it, or set `create_bucket: true`"


def test_bucket_of_somebody_else() -> None:
    def script(request: Request) -> Reply:
        if request.path == "/dumps" and request.method == "HEAD":
            return Reply(403)
        if request.path == "/dumps":
            return Reply(409, xml_error("BucketAlreadyExists"))
        return Reply(404, xml_error("NoSuchBucket"))

    error = _put(script)
    assert error.message == "the name of the bucket dumps is taken by somebody else"
    assert error.hint == "choose another name"


def test_a_missing_bucket_is_made_even_if_the_answer_is_mute() -> None:
    made = []

    def script(request: Request) -> Reply:
        if request.path == "/dumps":
            made.append(request.method)
            return Reply(200)
        if not made:
            return Reply(404)
        return Reply(200, b"", {"ETag": f'"{_md5(request.body)}"', "Date": NOW})

    with ScriptedServer(script) as server, closing(_store(server.url)) as store:
        assert store.put("a/b", b"x").size == 1
    assert made == ["PUT"]


@pytest.mark.parametrize("code", ["BucketAlreadyOwnedByYou", "BucketAlreadyExists"])
def test_bucket_that_another_process_has_just_made(code: str) -> None:
    missing = iter([True])

    def script(request: Request) -> Reply:
        if request.path == "/dumps":
            return Reply(200) if request.method == "HEAD" else Reply(409, xml_error(code))
        if next(missing, False):
            return Reply(404, xml_error("NoSuchBucket"))
        return Reply(200, b"", {"ETag": f'"{_md5(request.body)}"', "Date": NOW})

    with ScriptedServer(script) as server, closing(_store(server.url)) as store:
        assert store.put("a", b"x").version == _md5(b"x")


def test_region_that_the_service_has_no_name_for() -> None:
    made: list[bytes] = []

    def script(request: Request) -> Reply:
        if request.path == "/dumps":
            made.append(request.body)
            refused = b"LocationConstraint" in request.body
            return Reply(400, xml_error("InvalidLocationConstraint")) if refused else Reply(200)
        if b"" not in made:
            return Reply(404, xml_error("NoSuchBucket"))
        return Reply(200, b"", {"ETag": f'"{_md5(request.body)}"'})

    with ScriptedServer(script) as server, closing(_store(server.url)) as store:
        store.put("a", b"x")
    assert [bool(body) for body in made] == [True, False]
    assert b"eu-west-1" in made[0]


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


# What each operation needs


def test_denied_operations_name_their_permission() -> None:
    with (
        ScriptedServer(_always(403, "AccessDenied")) as server,
        closing(_store(server.url)) as store,
    ):
        messages = [
            _error(lambda: store.get("a")).message,
            _error(lambda: store.stat("a")).message,
            _error(lambda: [*store.list("")]).message,
            _error(lambda: store.delete(["a"])).message,
            _error(lambda: store.delete(["a", "b"])).message,
        ]
    assert messages == [
        "access denied: s3:GetObject on dumps/team/a",
        "access denied: s3:GetObject on dumps/team/a",
        "access denied: s3:ListBucket on dumps",
        "access denied: s3:DeleteObject on dumps/team/a",
        "access denied: s3:DeleteObject on dumps",
    ]


def test_one_key_of_many_that_may_not_be_deleted() -> None:
    body = (
        b"<DeleteResult><Error><Key>team/gone</Key><Code>NoSuchKey</Code></Error>"
        b"<Error><Key>team/b</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
        b"</DeleteResult>"
    )
    with (
        ScriptedServer(lambda _: Reply(200, body)) as server,
        closing(_store(server.url)) as store,
    ):
        error = _error(lambda: store.delete(["a", "b", "gone"]))
    assert error.message == "access denied: s3:DeleteObject on dumps/team/b"


def test_one_key_of_many_that_failed_for_now() -> None:
    body = (
        b"<DeleteResult><Error><Key>team/b</Key><Code>InternalError</Code></Error></DeleteResult>"
    )
    with (
        ScriptedServer(lambda _: Reply(200, body)) as server,
        closing(_store(server.url)) as store,
    ):
        assert _error(lambda: store.delete(["a", "b"])).transient


@pytest.mark.parametrize(
    ("mode", "status", "code", "kind"),
    [
        ("create", 412, "PreconditionFailed", ConflictError),
        (Replace("0" * 32), 412, "PreconditionFailed", ConflictError),
        (Replace("0" * 32), 404, "NoSuchKey", ConflictError),
        (Replace("0" * 32), 404, "NoSuchBucket", ConflictError),
        ("create", 409, "ConditionalRequestConflict", DatastoreError),
    ],
)
def test_conditions_that_do_not_hold(
    mode: Replace, status: int, code: str, kind: type[ReplicateError]
) -> None:
    store_of_honest = _Honest(lambda _: Reply(status, xml_error(code)))
    with (
        ScriptedServer(store_of_honest) as server,
        closing(_store(server.url, create_bucket=False)) as store,
    ):
        error = _error(lambda: store.put("a", b"x", mode=mode))
    assert type(error) is kind
    assert error.transient == (kind is DatastoreError)


class _Honest:
    """Decides conditions on the probe as it should; everything else is up to `rest`."""

    def __init__(self, rest: Script) -> None:
        self._rest = rest

    def __call__(self, request: Request) -> Reply:
        if "/probe/" not in request.path:
            return self._rest(request)
        etag = _md5(request.body)
        if request.headers.get("if-none-match") or request.headers.get("if-match", etag) != etag:
            return Reply(412, xml_error("PreconditionFailed"))
        return Reply(200 if request.method == "PUT" else 204, b"", {"ETag": f'"{etag}"'})


# What keeps answers from coming


def test_connection_refused() -> None:
    url = "http://127.0.0.1:1"
    error = _error(lambda: _store(url).put("a", b"x"))
    assert error.message == f"{url} refuses connections"
    assert error.transient


def test_host_that_is_not_known() -> None:
    store = _store("https://nowhere.invalid")
    error = _error(lambda: store.put("a", b"x"))
    assert error.message == "the host of https://nowhere.invalid is not known here"


def _tls(home: Path) -> tuple[ssl.SSLContext, str]:
    """A server's side of TLS, and the file of the authority that signed for it."""
    made = make_certificates(home)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context, str(made.authority)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    context, authority = _tls(tmp_path)
    with ScriptedServer(_always(404, "NoSuchKey"), tls=context) as server:
        with closing(_store(server.url)) as store:
            error = _error(lambda: store.get("a"))
        with closing(_store(server.url, ca_bundle=authority)) as store:
            assert isinstance(_error(lambda: store.get("a")), NotFoundError)
    assert error.message == f"the certificate of {server.url} is not trusted"
    assert error.hint == "set ca_bundle to a PEM file of the authorities that sign it"
    assert not error.transient


def test_service_without_tls() -> None:
    with ScriptedServer(_always(400)) as server:
        url = server.url.replace("http:", "https:")
        with closing(_store(url)) as store:
            error = _error(lambda: store.get("a"))
    assert error.message == f"{url} does not speak TLS"


def test_no_answer_in_time() -> None:
    with silent_server() as server, closing(_store(server.url, timeout=1)) as store:
        error = _error(lambda: store.get("a"))
    assert error.message == f"{server.url} did not answer in time"
    assert error.transient


def test_connection_that_breaks() -> None:
    error = _put(lambda _: Reply(0))
    assert error.message == "the connection to SERVER broke"
    assert error.transient


@pytest.mark.parametrize("byte_range", [None, (0, 100)])
def test_body_that_ends_early(byte_range: tuple[int, int] | None) -> None:
    headers = {"ETag": '"e"', **({"Content-Range": "bytes 0-99/100"} if byte_range else {})}
    reply = Reply(206 if byte_range else 200, b"x" * 60, headers, length=100)
    with ScriptedServer(lambda _: reply) as server, closing(_store(server.url)) as store:
        error = _error(lambda: store.get("a", byte_range=byte_range))
    assert isinstance(error, DatastoreError)
    assert error.transient


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"\x00\xff", b"<ListBucketResult><a"])
def test_answer_that_is_none_of_s3(body: bytes) -> None:
    with (
        ScriptedServer(lambda _: Reply(200, body)) as server,
        closing(_store(server.url)) as store,
    ):
        for work in (
            lambda: [*store.list("")],
            lambda: store.stat("a"),
            lambda: store.get("a"),
            lambda: store.put("a", b"x"),
        ):
            error = _error(work)
            assert isinstance(error, DatastoreError)
            assert error.transient


def test_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    error = _error(lambda: _store("http://127.0.0.1:1", profile="gone").put("a", b""))
    assert isinstance(error, UsageError)
    assert error.message == "there is no profile gone in the AWS configuration"
    monkeypatch.setenv("AWS_PROFILE", "away")
    error = _error(lambda: _store("http://127.0.0.1:1").put("a", b""))
    assert error.message == (
        "there is no profile away, which the environment names, in the AWS configuration"
    )


def test_no_credentials_at_all() -> None:
    error = _error(lambda: _store("http://127.0.0.1:1", credentials=None).put("a", b""))
    assert isinstance(error, UsageError)
    assert error.message == "there are no credentials for the datastore"
    assert error.hint is not None


def test_half_of_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDSHOWN")
    error = _error(lambda: _store("http://127.0.0.1:1", credentials=None).put("a", b""))
    assert isinstance(error, UsageError)
    assert error.message == "the credentials for the datastore are not complete"


def test_bucket_without_a_proper_name() -> None:
    # Which the config lets pass, as it may be the ARN of an access point.
    store = _store("http://127.0.0.1:1", endpoint="default", bucket="arn:no such thing")
    error = _error(lambda: store.put("a", b""))
    assert isinstance(error, UsageError)
