"""Which transformers suit a finding, the best first. Whether one fits is for others to say."""

from __future__ import annotations

from collections.abc import Collection

from replicate.rows.column import Kind
from replicate.scan.findings import Category

_C = Category

_FIRST: dict[Category, tuple[str, ...]] = {
    _C.EMAIL: ("email",),
    _C.PHONE: ("phone-number",),
    _C.FIRST_NAME: ("first-name",),
    _C.LAST_NAME: ("last-name",),
    _C.FULL_NAME: ("full-name",),
    _C.USERNAME: ("username",),
    _C.ADDRESS: ("address",),
    _C.STREET: ("street",),
    _C.CITY: ("city",),
    _C.POSTCODE: ("postcode",),
    _C.CARD: ("credit-card",),
    _C.IBAN: ("iban",),
    _C.BANK_ACCOUNT: ("format-preserving",),
    _C.NATIONAL_ID: ("format-preserving",),
    _C.IP: ("ip-address",),
    _C.MAC: ("mac-address",),
    _C.SECRET: ("token",),
    _C.PASSWORD: ("password-hash",),
    _C.BIRTH_DATE: ("random-date", "date-shift"),
    _C.GEO: (),
    _C.URL: ("url",),
    _C.USER_AGENT: ("user-agent",),
    _C.COMPANY: ("company",),
    _C.FREE_TEXT: ("lorem",),
}

_OF_NUMBERS = ("format-preserving", "random")
_OF_TEXT = ("random", "redacted")
_UNIQUE = ("token", "email", "random", "format-preserving")
_ANY = ("uuid", "random", "redacted", "random-date")
_NUMBERS = frozenset((Kind.INTEGER, Kind.NUMERIC, Kind.REAL))


def candidates(
    category: Category, kind: Kind, *, unique: bool, nullable: bool, known: Collection[str]
) -> list[str]:
    """Names of transformers, of those `known`, in the order in which they are to be tried."""
    wanted: tuple[str, ...]
    if kind is Kind.JSON:
        # One rule for the whole document: whatever names a person would do so to its brackets.
        wanted = ()
    elif kind in _NUMBERS:
        wanted = (*_FIRST[category], *_OF_NUMBERS)
    elif unique:
        wanted = (*_FIRST[category], *_UNIQUE)
    elif kind is Kind.TEXT:
        wanted = (*_FIRST[category], *_OF_TEXT)
    else:
        wanted = (*_FIRST[category], *_ANY)
    if nullable:
        wanted = (*wanted, "null")
    return [name for name in dict.fromkeys(wanted) if name in known]
