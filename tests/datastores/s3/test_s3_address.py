"""Where requests go and as whom: the config, the environment and profiles; never in the clear."""

from __future__ import annotations

import os
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from replicate.config import AwsConfig, GcpConfig
from replicate.datastores.base import ConditionalWrites
from replicate.datastores.remote.addresses import check_address
from replicate.datastores.s3.bucket import Bucket
from replicate.datastores.s3.settings import S3Settings, Service, service_at
from replicate.datastores.s3.store import S3Store
from replicate.errors import NotFoundError, UsageError
from tests.support.scripted_server import Reply, Request, ScriptedServer, xml_error

pytestmark = pytest.mark.usefixtures("quiet_environment")

KEYS = {"access_key_id": "AKIDCONFIG", "secret_access_key": "secret"}
EMPTY = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


def _aws(**section: object) -> S3Settings:
    return S3Settings.of_aws(AwsConfig.model_validate({"bucket": "dumps", **section}))


def _script(_: Request) -> Reply:
    return Reply(200, EMPTY)


def _asked(settings: S3Settings, server: ScriptedServer) -> Request:
    """The one request that a listing makes."""
    with closing(S3Store(settings)) as store:
        assert not [*store.list("")]
    assert len(server.requests) == 1
    return server.requests[0]


def _write(variable: str, text: str) -> None:
    Path(os.environ[variable]).write_text(text)


@pytest.mark.parametrize(
    "url", ["http://s3.example.com", "http://10.0.0.1:9000", "http://[fe80::1]"]
)
def test_plain_http_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="would be spoken to in the clear") as caught:
        S3Store(_aws(endpoint={"custom": url}))
    assert "secure: false" in (caught.value.hint or "")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(UsageError, match="would be spoken to in the clear"):
        S3Store(_aws())
    with pytest.raises(UsageError, match="would be spoken to in the clear"):
        S3Store(S3Settings.of_gcp(
            GcpConfig.model_validate(
                {"bucket": "dumps", "access_key": "a", "secret": "s", "endpoint": {"custom": url}}
            )
        ))  # fmt: skip
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    S3Store(_aws())
    S3Store(_aws(endpoint={"custom": url}, secure=False))


def test_plain_http_of_a_profile_is_refused_before_any_request() -> None:
    _write("AWS_CONFIG_FILE", "[profile plain]\nendpoint_url = http://s3.example.com\n")
    store = S3Store(_aws(profile="plain", credentials=KEYS))
    with pytest.raises(UsageError, match=r"http://s3\.example\.com, which would be spoken to"):
        store.get("a")


@pytest.mark.parametrize(
    "url", ["http://localhost:9000", "http://127.0.0.1", "http://127.9.9.9", "http://[::1]:9000"]
)
def test_plain_http_is_fine_on_this_machine(url: str) -> None:
    check_address(url, source="it")


@pytest.mark.parametrize(
    "url",
    [
        "https://name:word@s3.example.com",
        "https://s3.example.com?x=word",
        "https://s3.example.com#word",
        "https://s3.example.com:word",
        "ftp://s3.example.com",
        "https:///path",
    ],
)
def test_address_that_is_none(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_address(url, source="it")
    assert "word" not in caught.value.message.replace("password", "")


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_endpoint_of_the_environment(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(_script) as server:
        monkeypatch.setenv(variable, server.url)
        settings = _aws(credentials=KEYS)
        assert settings.location == f"s3://dumps at {server.url}"
        request = _asked(settings, server)
    assert request.path == "/dumps"  # in path style, like any custom endpoint
    assert request.access_key_id == "AKIDCONFIG"


def test_whitespace_around_an_endpoint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(_script) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f" {server.url}\n")
        request = _asked(_aws(credentials=KEYS), server)
    assert request.path == "/dumps"


def test_ignored_endpoint_of_the_environment_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    _write("AWS_CONFIG_FILE", "[default]\nignore_configured_endpoint_urls = true\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.example.com")
    with closing(S3Store(_aws(credentials=KEYS))) as store:
        assert store._bucket.service is Service.AMAZON


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize("address", ["rubbish", "/", "https://a\nb", "https://a b"])
def test_endpoint_of_the_environment_that_is_none(
    variable: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, address)
    with pytest.raises(UsageError, match=f"^{variable} has no usable address$"):
        S3Store(_aws(credentials=KEYS))


@pytest.mark.parametrize("address", ["rubbish", "https://my_minio", "https://n:word@-"])
def test_endpoint_of_a_profile_that_is_none(address: str) -> None:
    _write("AWS_CONFIG_FILE", f"[default]\nendpoint_url = {address}\n")
    error = _refused(_aws(credentials=KEYS))
    assert error.message == "the endpoint of the datastore is no address that can be used"


def _refused(settings: S3Settings) -> UsageError:
    with closing(S3Store(settings)) as store, pytest.raises(UsageError) as caught:
        store.get("a")
    return caught.value


_BROKEN_KEYS = {
    "AWS_ACCESS_KEY_ID": "the access key's id",
    "AWS_SECRET_ACCESS_KEY": "the secret access key",
    "AWS_SESSION_TOKEN": "the session token",
}


@pytest.mark.parametrize("variable", _BROKEN_KEYS)
def test_credentials_with_a_line_break(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _BROKEN_KEYS:
        monkeypatch.setenv(name, "hidden")
    with ScriptedServer(_script) as server:
        settings = _aws(endpoint={"custom": server.url})
        for value, what in (("hidden\n", "a line break"), ("hiddén", "a character that is not")):
            monkeypatch.setenv(variable, value)
            error = _refused(settings)
            assert error.message.startswith(f"{_BROKEN_KEYS[variable]} has {what}")
            assert "hidd" not in "".join(traceback.format_exception(error))
        assert not server.requests


def test_credentials_of_a_file_with_a_line_break_at_the_end() -> None:
    with ScriptedServer(_script) as server:
        keys = {name: f"{value}\n" for name, value in KEYS.items()}
        request = _asked(_aws(credentials=keys, endpoint={"custom": server.url}), server)
    assert request.access_key_id == "AKIDCONFIG"


def test_credentials_for_a_role_with_a_line_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hidden")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hidden\n")
    with ScriptedServer(_script) as server:
        role = "arn:aws:iam::123456789012:role/name"
        error = _refused(_aws(endpoint={"custom": server.url}, role_arn=role))
        assert not server.requests
    assert error.message == "the session token has a line break in it"


def test_header_that_can_not_be_sent_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    # Keys of a role that boto assumes by itself are used before anybody could look at them.
    _write(
        "AWS_CONFIG_FILE",
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/name\n"
        "credential_source = Environment\n",
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hidden")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hidden\n")
    with ScriptedServer(_script) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        error = _refused(_aws(endpoint={"custom": server.url}, profile="default"))
    assert "have a line break or a control character in them" in error.message
    assert "hidden" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_authorities_of_the_environment_have_to_be_there(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "/nope")
    error = _refused(_aws(credentials=KEYS, region="eu-west-1"))
    assert error.message == f"the {variable} /nope can't be read"
    with ScriptedServer(_script) as server:  # of which plain http has no need
        _asked(_aws(credentials=KEYS, endpoint={"custom": server.url}), server)


def test_authorities_of_a_profile_have_to_be_there() -> None:
    _write("AWS_CONFIG_FILE", "[default]\nca_bundle = /nope\n")
    error = _refused(_aws(credentials=KEYS, region="eu-west-1"))
    assert error.message == "the profile's ca_bundle /nope can't be read"


def test_token_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nope/token")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/name")
    error = _refused(_aws(region="eu-west-1"))
    assert error.message == "/nope/token can't be used: No such file or directory"


def test_credential_process_that_is_not_there() -> None:
    _write("AWS_CONFIG_FILE", "[default]\ncredential_process = /nope/command\n")
    error = _refused(_aws(region="eu-west-1"))
    assert error.message == "/nope/command can't be used: No such file or directory"


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_profile_of_the_environment_that_is_not_there(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "nope")
    error = _refused(_aws(region="eu-west-1"))
    assert error.message.startswith("there is no profile nope, which the environment names,")


@pytest.mark.parametrize(
    "variable",
    ["AWS_DEFAULTS_MODE", "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT"],
)
def test_settings_of_the_environment_that_boto_does_not_know(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "zz")
    error = _refused(_aws(credentials=KEYS, region="eu-west-1"))
    assert error.message.startswith("the AWS configuration can't be used: ")
    assert "zz" in error.message


def test_loopback_is_not_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(_script) as server:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        _asked(_aws(credentials=KEYS, endpoint={"custom": server.url}), server)


@pytest.mark.parametrize("by_environment", [True, False])
def test_profile(monkeypatch: pytest.MonkeyPatch, *, by_environment: bool) -> None:
    with ScriptedServer(_script) as server:
        _write(
            "AWS_CONFIG_FILE",
            f"[profile stage]\nregion = ap-south-1\nendpoint_url = {server.url}\n",
        )
        _write(
            "AWS_SHARED_CREDENTIALS_FILE",
            "[stage]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = s\n",
        )
        if by_environment:
            monkeypatch.setenv("AWS_PROFILE", "stage")
        request = _asked(_aws() if by_environment else _aws(profile="stage"), server)
    assert request.access_key_id == "AKIDPROFILE"
    assert "/ap-south-1/s3/" in request.headers["authorization"]


@pytest.mark.parametrize(
    "blank", [None, {"access_key_id": "", "secret_access_key": "", "session_token": ""}]
)
def test_blank_credentials_mean_the_chain(
    blank: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRON")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    with ScriptedServer(_script) as server:
        section: dict[str, Any] = {"endpoint": {"custom": server.url}, "credentials": blank}
        request = _asked(_aws(**section), server)
    assert request.access_key_id == "AKIDENVIRON"
    assert request.headers["x-amz-security-token"] == "token"


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_region_of_the_environment(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "sa-east-1")
    with ScriptedServer(_script) as server:
        request = _asked(_aws(credentials=KEYS, endpoint={"custom": server.url}), server)
    assert "/sa-east-1/s3/" in request.headers["authorization"]


def test_old_signature() -> None:
    with ScriptedServer(_script) as server:
        settings = _aws(credentials=KEYS, endpoint={"custom": server.url}, signature_version="s3")
        with closing(S3Store(settings)) as store:
            assert not [*store.list("")]
        assert server.requests[0].headers["authorization"].startswith("AWS AKIDCONFIG:")


def test_ca_bundle_has_to_be_one(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    for file, reason in ((str(tmp_path / "gone.pem"), "can't be read"), (str(empty), "has no")):
        store = S3Store(_aws(credentials=KEYS, ca_bundle=file))
        with pytest.raises(UsageError, match=reason):
            store.get("a")


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://s3.eu-west-1.amazonaws.com", Service.AMAZON),
        ("https://s3.cn-north-1.amazonaws.com.cn", Service.AMAZON),
        ("https://s3.dualstack.eu-west-1.amazonaws.com", Service.AMAZON),
        ("https://amazonaws.com.example.com", Service.OTHER),
        ("https://notamazonaws.com", Service.OTHER),
        ("https://storage.googleapis.com", Service.GOOGLE),
        ("https://minio.example.com", Service.OTHER),
    ],
)
def test_whose_service_it_is(url: str, service: Service) -> None:
    assert service_at(url) is service


def test_amazon_is_taken_at_its_word() -> None:
    store = S3Store(_aws(credentials=KEYS, region="eu-west-1"))
    assert store.capabilities.conditional_writes is ConditionalWrites.ATOMIC
    assert store.location == "s3://dumps"
    connection = store._bucket.connection
    assert connection.endpoint == "https://s3.eu-west-1.amazonaws.com"
    config: Any = connection.client.meta.config
    assert config.s3 is None  # whatever Amazon prefers, in host style
    store.close()


def _gcp(**section: object) -> S3Settings:
    return S3Settings.of_gcp(GcpConfig.model_validate({"bucket": "dumps", **section}))


def test_google_has_an_endpoint_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.example.com")
    settings = _gcp(access_key="GOOG1", secret="s")
    assert settings.location == "s3://dumps at https://storage.googleapis.com"
    assert not settings.create_bucket
    store = S3Store(settings)
    assert store.capabilities.conditional_writes is ConditionalWrites.NONE
    assert store._bucket.connection.region == "auto"
    store.close()


def test_google_has_no_key_that_creates_a_bucket() -> None:
    with ScriptedServer(lambda _: Reply(404, xml_error("NoSuchBucket"))) as server:
        settings = _gcp(access_key="GOOG1", secret="s", endpoint={"custom": server.url})
        with closing(S3Store(settings)) as store, pytest.raises(NotFoundError) as caught:
            store.get("a")
    assert "create_bucket" not in (caught.value.hint or "")


def test_google_needs_keys() -> None:
    with pytest.raises(UsageError, match="no HMAC keys for the bucket dumps"):
        _gcp()


def test_secrets_are_not_shown() -> None:
    settings = _aws(credentials={**KEYS, "session_token": "a-token"})
    assert not {"secret'", "a-token", "AKIDCONFIG"} & {*repr(settings).split()}
    assert "secret'" not in repr(settings)
    assert "AKIDCONFIG" not in repr(settings)
    assert "a-token" not in repr(settings)


def test_nothing_is_asked_when_a_store_is_opened() -> None:
    with ScriptedServer(_script) as server:
        settings = _aws(credentials=KEYS, endpoint={"custom": server.url})
        store = S3Store(settings)
        assert store.location
        assert Bucket(settings).settings is settings
        store.close()
        assert not server.requests
