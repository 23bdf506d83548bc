"""The client of a bucket: boto's, with its own retries and its own ways round errors off."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from replicate.datastores.remote.addresses import is_loopback, is_secure
from replicate.datastores.remote.checksums import content_md5
from replicate.datastores.remote.network import check_credential
from replicate.datastores.remote.quiet import quiet
from replicate.datastores.s3.settings import (
    S3Settings,
    Service,
    endpoint_of_environment,
    service_at,
)
from replicate.errors import UsageError
from replicate.version import __version__

quiet("botocore", "urllib3")

DEFAULT_REGION = "us-east-1"
"""Where a bucket is when nobody says: S3's oldest region, and what other services pretend to be."""

_CONNECTIONS = 32  # more than threads will ever use one store at once


@dataclass(frozen=True, slots=True)
class Connection:
    """A client and what was found out by making it; no request was made for that."""

    client: BaseClient
    session: Session
    region: str
    service: Service
    endpoint: str


def connect(settings: S3Settings) -> Connection:
    """Raises `UsageError` for an address or a file that can't be used, and botocore's errors."""
    settings.check()
    verify = settings.ca_bundle and authorities(settings.ca_bundle)
    session = _session(settings)
    if settings.keys is not None:
        keys = settings.keys
        session.set_credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    region = settings.region or _usual_region(session)
    if settings.role_arn is not None:
        session = _in_role(session, settings, region, verify)
    given = settings.endpoint or _endpoint_around(session)
    client = session.create_client(
        "s3",
        region_name=region,
        endpoint_url=given,
        verify=verify,
        config=_config(settings, given),
    )
    endpoint = client.meta.endpoint_url
    settings.check_address(endpoint)  # a profile may have one as well
    if verify is None and is_secure(endpoint):
        _check_authorities_around(session)
    service = service_at(endpoint)
    if service is not Service.AMAZON and given is None:
        # It came from a profile, and is no less a custom one.
        client = session.create_client(
            "s3",
            region_name=region,
            endpoint_url=endpoint,
            verify=verify,
            config=_config(settings, endpoint),
        )
    _register(client, service)
    _guard(client, session)
    return Connection(client, session, region, service, endpoint)


def _config(settings: S3Settings, endpoint: str | None) -> Config:
    style = settings.path_style
    if style is None and endpoint is not None and service_at(endpoint) is not Service.AMAZON:
        style = True
    options: dict[str, Any] = {}
    if style is not None:
        options["s3"] = {"addressing_style": "path" if style else "virtual"}
    if endpoint is not None and is_loopback(endpoint):
        options["proxies"] = {}  # a proxy would mean to leave this machine
    return Config(
        signature_version=settings.signature_version,
        connect_timeout=settings.timeout,
        read_timeout=settings.timeout,
        max_pool_connections=_CONNECTIONS,
        # Retrying does that, and knows more. One attempt in all is none repeated.
        retries={"total_max_attempts": 1, "mode": "standard"},
        # Every put has a Content-MD5, which each service knows. The checksums that boto adds by
        # itself many services don't, least of all as trailers over https.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        tcp_keepalive=True,
        user_agent_extra=f"replicate/{__version__}",
        **options,
    )


def _session(settings: S3Settings) -> Session:
    session = Session(profile=settings.profile)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return session


@cache
def _loader(path: str) -> Loader:
    """One for all sessions: what it reads is large, and it keeps that."""
    return create_loader(path)


def _usual_region(session: Session) -> str:
    # Amazon's other libraries read AWS_REGION, and the machines of its services set it.
    found = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    return found or DEFAULT_REGION


def _endpoint_around(session: Session) -> str | None:
    """The environment's endpoint, as boto takes it, but for whitespace around it."""
    ignored = str(session.get_config_variable("ignore_configured_endpoint_urls")).lower() == "true"
    found = None if ignored else endpoint_of_environment()
    return found and found[1]


def _check_authorities_around(session: Session) -> None:
    """Raise `UsageError` if boto would take its authorities from a file that can't be used."""
    if file := session.get_config_variable("ca_bundle"):
        given = os.environ.get("AWS_CA_BUNDLE") == file
        authorities(file, source="AWS_CA_BUNDLE" if given else "profile's ca_bundle")
    elif file := os.environ.get("REQUESTS_CA_BUNDLE"):
        authorities(file, source="REQUESTS_CA_BUNDLE")


def authorities(file: str, *, source: str = "ca_bundle") -> str:
    """The path of a file of authorities; `UsageError`, which says its `source`, if it is none."""
    path = str(Path(file).expanduser())
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:  # what is wrong with its contents is one of these, too
        reason = "has no certificates" if isinstance(error, ssl.SSLError) else "can't be read"
        raise UsageError(
            f"the {source} {file} {reason}",
            hint="give a PEM file with the authorities that sign the server's certificate",
        ) from error
    return path


# Roles


class _AssumedRole(CredentialProvider):
    """Credentials of a role, asked for when the first request is signed, and renewed in time."""

    METHOD = "assume-role"
    CANONICAL_NAME = "custom-assume-role"

    def __init__(self, fetcher: AssumeRoleCredentialFetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def load(self) -> Credentials:
        return DeferredRefreshableCredentials(
            method=self.METHOD, refresh_using=self._fetcher.fetch_credentials
        )


def _in_role(session: Session, settings: S3Settings, region: str, verify: str | None) -> Session:
    """A session that acts in the role of the settings, on behalf of that of `session`."""
    source = session.get_credentials()
    if source is None:
        raise no_credentials()
    creator = partial(token_service, session, settings=settings, region=region, verify=verify)
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=creator,
        source_credentials=source,
        role_arn=str(settings.role_arn),
        extra_args={"RoleSessionName": "replicate"},
    )
    inner = _session(settings)
    inner.register_component("credential_provider", CredentialResolver([_AssumedRole(fetcher)]))
    return inner


def token_service(
    session: Session,
    name: str,
    *,
    settings: S3Settings,
    region: str,
    verify: str | None,
    **credentials: Any,  # noqa: ANN401  (passed on as the fetcher gives them)
) -> BaseClient:
    """A client of the service that hands out roles and knows who one is; of AWS it is STS."""
    # Ceph, MinIO and their like hand out roles where they serve objects, and their credentials
    # are nothing to Amazon.
    own = settings.endpoint
    if own is not None and service_at(own) is Service.AMAZON:
        own = None
    _check(
        credentials.get("aws_access_key_id"),
        credentials.get("aws_secret_access_key"),
        credentials.get("aws_session_token"),
    )
    config = Config(
        connect_timeout=settings.timeout,
        read_timeout=settings.timeout,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    client = session.create_client(
        name, region_name=region, endpoint_url=own, verify=verify, config=config, **credentials
    )
    settings.check_address(client.meta.endpoint_url)
    if not credentials:
        _guard(client, session)
    return client


def no_credentials() -> UsageError:
    return UsageError(
        "there are no credentials for the datastore",
        hint="set access_key_id and secret_access_key, a profile, or AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY",
    )


# Requests, before they are sent


def _register(client: BaseClient, service: Service) -> None:
    events = client.meta.events
    events.register("before-call.s3", _stay)
    events.register("before-sign.s3.DeleteObjects", _add_md5)
    if service is Service.GOOGLE:
        events.register("before-sign.s3.PutObject", _use_generation)


def _guard(client: BaseClient, session: Session) -> None:
    """Have the credentials of each request looked at, wherever they are from, before it is signed.

    Only then are they known: those of a role or a machine are asked for by the first request.
    """
    credentials = session.get_credentials()

    def look(**_: object) -> None:
        if credentials is not None:
            frozen = credentials.get_frozen_credentials()
            _check(frozen.access_key, frozen.secret_key, frozen.token)

    client.meta.events.register("before-sign", look)


def _check(access_key_id: str | None, secret_access_key: str | None, token: str | None) -> None:
    check_credential("the access key's id", access_key_id)
    check_credential("the secret access key", secret_access_key)
    check_credential("the session token", token)


def _stay(params: dict[str, Any], **_: object) -> None:
    """Have boto report a bucket in another region, instead of asking around and going there."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _add_md5(request: AWSRequest, **_: object) -> None:
    """The one checksum of a DeleteObjects that CloudServer, Swift and older others know."""
    body = request.data if isinstance(request.data, bytes) else str(request.data).encode()
    for name in [name for name in request.headers if _is_own_checksum(name)]:
        del request.headers[name]
    request.headers["Content-MD5"] = content_md5(body)


def _is_own_checksum(name: str) -> bool:
    return name.lower().startswith(("x-amz-checksum-", "x-amz-sdk-checksum-"))


def _use_generation(request: AWSRequest, **_: object) -> None:
    """Google takes `If-None-Match` for a matter of reading; this is what it has for writing."""
    if "If-None-Match" in request.headers:
        del request.headers["If-None-Match"]
        request.headers["x-goog-if-generation-match"] = "0"
