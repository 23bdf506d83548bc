"""Connection URIs: the engine by their scheme, and a password that is never shown."""

from __future__ import annotations

import difflib
import re
from urllib.parse import unquote

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from replicate.errors import ConfigError

SCHEMES = ("sqlite", "postgres", "postgresql", "mysql", "mariadb", "mongodb", "mongodb+srv")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20}):")
_HOST = r"(\[[0-9A-Fa-f:.%]*\]|[^:\[\],@/?#]*)(:[0-9]{0,5})?"
_HOSTS = re.compile(rf"{_HOST}(,{_HOST})*(?=[/?#]|\Z)")
_PARAMETER = re.compile(r"[?&;#]([^=&;?#/@]*)=")
_SECRET_WORDS = ("pass", "pwd", "secret", "token", "credential", "key", "authmechanismproperties")
_OPEN_PARAMETERS = frozenset(
    {
        "application_name",
        "authmechanism",
        "authsource",
        "connect_timeout",
        "replicaset",
        "sslcert",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "tlscafile",
        "tlscertificatekeyfile",
    }
)
"""Parameters that hold no secret, and whose name marks the end of one that stands before them."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MASK = "***"


class ConnectionURI:
    """Where a database is, with what it takes to get in.

    Only `reveal` gives the text away. `repr`, `str`, formatting, logging and the JSON of a model
    show `redacted`. Immutable, hashable, equal by text. Pickling keeps the text: a pickle of it is
    as secret as the URI, and what comes out of it shows as little.
    """

    __slots__ = ("_text",)

    _text: str

    def __init__(self, text: str) -> None:
        """Raises `ConfigError`, which tells no more of `text` than its scheme."""
        _check(text)
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """The URI as it was given. It may hold a password: never show, log or store it."""
        return self._text

    @property
    def scheme(self) -> str:
        """One of `SCHEMES`."""
        return self._text.partition(":")[0].lower()

    @property
    def redacted(self) -> str:
        """The URI with ``***`` for the password, and for the values of parameters that hold one.

        Where the text is ambiguous, because a password holds ``@``, ``:`` or ``/`` unescaped, too
        much is replaced rather than too little.
        """
        return redact(self._text)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a connection URI can't be changed: {name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConnectionURI) and self._text == other._text

    def __hash__(self) -> int:
        return hash((ConnectionURI, self._text))

    def __repr__(self) -> str:
        return f"ConnectionURI({self.redacted!r})"

    def __str__(self) -> str:
        return self.redacted

    def __reduce__(self) -> tuple[type[ConnectionURI], tuple[str]]:
        return ConnectionURI, (self._text,)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda uri: uri.redacted, when_used="json"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": rf"^({'|'.join(map(re.escape, SCHEMES))}):|\$"}

    @classmethod
    def _validate(cls, value: object) -> ConnectionURI:
        if isinstance(value, ConnectionURI):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError("config", "expected a connection URI")
        try:
            return cls(value)
        except ConfigError as error:
            context = {"message": error.message, "hint": error.hint or ""}
            raise PydanticCustomError("config", "{message}", context) from None


def redact(text: str) -> str:
    """`text` with every part of it replaced that may belong to a password."""
    spans = secret_spans(text)
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += [text[at:start], _MASK]
        at = end
    parts.append(text[at:])
    return _CONTROL.sub("?", "".join(parts))


def secret_spans(text: str) -> list[tuple[int, int]]:
    """Where in `text` a password may stand: (start, end) pairs in order, apart from each other."""
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme else 0
    local = scheme is not None and scheme[1].lower() == "sqlite"
    while not local and text.startswith("/", start):
        start += 1
    # SQLite's URIs are paths, in which `:` and `@` mean nothing, unless they name a host.
    path = local and not re.match(r"//[^/]", text[start:])
    spans = [] if path else _login_spans(text, start + 2 * local)
    spans += _parameter_spans(text, start)
    return _merged(spans)


def _login_spans(text: str, start: int) -> list[tuple[int, int]]:
    # The last `@` ends the login: an earlier one may be part of the password.
    colon, at = text.find(":", start), text.rfind("@", start)
    if at >= 0:
        return [(colon + 1, at)] if 0 <= colon < at and colon + 1 < at else []
    if colon < 0 or _HOSTS.match(text, start):
        return []
    # No host follows, so what looks like one is a login whose host was forgotten.
    return [(colon + 1, len(text))]


def _parameter_spans(text: str, start: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    open_since: int | None = None
    for match in _PARAMETER.finditer(text, start):
        name = unquote(match[1]).lower()
        if name in _OPEN_PARAMETERS:
            if open_since is not None:
                spans.append((open_since, match.start()))
            open_since = None
        elif open_since is None and any(word in name for word in _SECRET_WORDS):
            open_since = match.end()
    if open_since is not None:
        # A value that nothing known follows may hold `&` itself: it goes on to the end.
        spans.append((open_since, len(text)))
    return [(begin, end) for begin, end in spans if begin < end]


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _check(text: str) -> None:
    if not text:
        raise ConfigError("the connection URI is empty", hint=_examples())
    if _CONTROL.search(text):
        raise ConfigError("the connection URI holds a line break or another control character")
    scheme = _SCHEME.match(text)
    name = scheme[1].lower() if scheme else ""
    if name in SCHEMES:
        return
    # Without the slashes it may be a login without a scheme, of which nothing is shown.
    if scheme is None or not text.startswith("//", scheme.end()):
        raise ConfigError("the connection URI has no known scheme", hint=_examples())
    near = difflib.get_close_matches(name, SCHEMES, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}://?" if near else f"known are {', '.join(SCHEMES)}"
    raise ConfigError(f"the connection URI has the unknown scheme {name}://", hint=hint)


def _examples() -> str:
    return "write sqlite:///path/to/file.db, or postgres://user:password@host/database"
