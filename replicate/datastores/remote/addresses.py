"""Which addresses may be spoken to, and how they are shown."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from replicate.errors import UsageError

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_MAX_HOST = 253


def check_address(address: str, *, source: str, secure: bool | None = None) -> None:
    """Raise `UsageError` unless `address` may be spoken to.

    Plain http is for this machine alone, unless `secure` is false; None is for stores that have no
    such setting. `source` says where the address is from, such as a variable of the environment.
    """
    parts = _split(address, source)
    # Python's parser drops line breaks, which a library after it may not.
    clean = address.isprintable() and not any(map(str.isspace, address))
    if not clean or parts.scheme not in {"http", "https"} or not _is_host(parts.hostname or ""):
        raise _unusable(source)  # and is not shown: it may be something else, such as a key
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{source} leads to {shown_address(address)} with a name or a password in the address",
            hint="give credentials by themselves",
        )
    if parts.query or parts.fragment:
        raise UsageError(f"{source} leads to {shown_address(address)}, and goes on after the path")
    if parts.scheme == "http" and secure is not False and not is_loopback(address):
        hint = "use https; plain http is for this machine alone"
        if secure is not None:
            hint = "use https://, or set `secure: false` where the network can be trusted"
        raise UsageError(
            f"{source} leads to {shown_address(address)}, which would be spoken to in the clear",
            hint=hint,
        )


def is_loopback(address: str) -> bool:
    """Whether `address` is on this machine, going by its name alone."""
    host = host_of(address)
    if host in {"localhost", "localhost."}:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_secure(address: str) -> bool:
    """Whether `address` is spoken to by TLS."""
    return _split(address).scheme == "https"


def _is_host(host: str) -> bool:
    """Whether `host` is an address of the network, or a name as DNS and containers have them."""
    try:
        ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        return len(host) <= _MAX_HOST and all(map(_LABEL.match, labels))
    return True


def host_of(address: str) -> str:
    """The name of the host in small letters, without a port; empty where there is none."""
    return _split(address).hostname or ""


def shown_address(address: str) -> str:
    """`address` without what is nobody's business: a password, a signature."""
    parts = _split(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _split(address: str, source: str = "the datastore") -> SplitResult:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  (read for the error that it raises)
    except ValueError:
        raise _unusable(source) from None
    return parts


def _unusable(source: str) -> UsageError:
    return UsageError(f"{source} has no usable address", hint="give one such as https://host")
