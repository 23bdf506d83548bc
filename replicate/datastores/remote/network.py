"""Requests that get no answer, and what answers say in text and headers."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from replicate.errors import DatastoreError, UsageError

_MAX_TEXT = 200
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
_HEADER = re.compile(r"(?i)in(valid)? header value")  # http.client's words, and those of requests
_NO_BUNDLE = "Could not find a suitable TLS CA certificate bundle"  # those of requests
_LOCAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_BUNDLE = (
    "where a proxy or a private authority signs it, set REQUESTS_CA_BUNDLE to a PEM file of its "
    "certificates"
)


def shown(text: object) -> str:
    """What somebody else's service said, as one short line of printable text."""
    line = " ".join(str(text).split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]}…"


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and whatever it wraps: libraries pass causes on in several ways."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        named = [getattr(one, name, None) for name in ("reason", "inner_exception")]
        waiting += [*one.args, *named, one.__cause__, one.__context__]


def check_credential(name: str, value: str | None) -> None:
    """Raise `UsageError` for a credential that no header takes, which is not shown for that."""
    if value is None or (value.isascii() and value.isprintable()):
        return
    broken = "\n" in value or "\r" in value
    what = "a line break" if broken else "a character that is not printable ASCII"
    raise UsageError(
        f"{name} has {what} in it",
        hint="take it out where the credentials are set: files often end in a line break",
    )


def is_unsendable(error: BaseException) -> bool:
    """Whether a header could not be sent; the library's words show it, and it may be a secret.

    So what is raised for it is raised `from None`.
    """
    return any(isinstance(one, ValueError) and _HEADER.search(str(one)) for one in causes(error))


def unsendable(service: str) -> UsageError:
    """For an error that `is_unsendable`."""
    return UsageError(
        f"the credentials for {service} have a line break or a control character in them",
        hint="take it out where the credentials are set: files often end in a line break",
    )


def unusable_file(error: BaseException) -> UsageError | None:
    """For an error of this machine's files, which is none of the network; None for another.

    Only `error` itself is looked at: libraries try several files, and fail later for other reasons.
    """
    if isinstance(error, _LOCAL) and error.filename is not None:
        return UsageError(
            f"{shown(error.filename)} can't be used: {error.strerror}",
            hint="the configuration or the environment names it: check both",
        )
    if isinstance(error, OSError) and str(error).startswith(_NO_BUNDLE):
        return UsageError(
            "the file of the authorities to trust can't be read",
            hint="check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE",
        )
    return None


def unreachable(
    error: BaseException, *, service: str, doing: str | None = None, trust: str = _BUNDLE
) -> DatastoreError:
    """For a request that got no answer, by what the library's `error` wraps.

    Transient, but for what stays as it is: a host that is not known, one that does not speak TLS,
    and a certificate that is not trusted, for which `trust` says what to do.
    """
    start = f"{doing} failed: " if doing else ""
    found = [*causes(error)]
    if any(_is_distrust(one) for one in found):
        return DatastoreError(f"{start}the certificate of {service} is not trusted", hint=trust)
    for one in found:
        if isinstance(one, socket.gaierror):
            return DatastoreError(
                f"{start}the host of {service} is not known here",
                hint="check the address and the region in the settings, and the network",
                transient=one.errno == socket.EAI_AGAIN,
            )
        if isinstance(one, ssl.SSLError) and any(sign in str(one) for sign in _NOT_TLS):
            return DatastoreError(
                f"{start}{service} does not speak TLS", hint="check the address in the settings"
            )
    return DatastoreError(f"{start}{_passing(found, service)}", transient=True)


def _is_distrust(error: BaseException) -> bool:
    # urllib3 has a class of that name for a certificate of another host.
    return (
        isinstance(error, ssl.SSLCertVerificationError)
        or type(error).__name__ == "CertificateError"
    )


def _passing(found: list[BaseException], service: str) -> str:
    kinds: list[tuple[type[BaseException], str]] = [
        (ConnectionRefusedError, f"{service} refuses connections"),
        (ssl.SSLError, f"no TLS connection to {service} could be made"),
        (TimeoutError, f"{service} did not answer in time"),
    ]
    for kind, sentence in kinds:
        if any(isinstance(one, kind) for one in found):
            return sentence
    if any("Timeout" in type(one).__name__ for one in found):
        return f"{service} did not answer in time"
    return f"the connection to {service} broke"


def retry_after(header: str | None) -> float | None:
    """The seconds of a `Retry-After`, which has them, or a date (RFC 9110, section 10.2.3)."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 6 else None
    until = date_in(text)
    return max(0.0, (until - datetime.now(UTC)).total_seconds()) if until else None


def date_in(header: str) -> datetime | None:
    """The date of a header, in UTC; None where it is none."""
    try:
        return parsedate_to_datetime(header).replace(tzinfo=UTC)  # it is always GMT
    except (ValueError, TypeError, IndexError):
        return None
