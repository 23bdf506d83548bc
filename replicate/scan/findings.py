"""What the scan is given, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from replicate.rows.column import Kind


class Category(Enum):
    """What a column looks like; the value is how that is told to people."""

    EMAIL = "e-mail address"
    PHONE = "phone number"
    FIRST_NAME = "first name"
    LAST_NAME = "last name"
    FULL_NAME = "full name"
    USERNAME = "username"
    ADDRESS = "address"
    STREET = "street"
    CITY = "city"
    POSTCODE = "postcode"
    CARD = "card number"
    IBAN = "IBAN"
    BANK_ACCOUNT = "bank account"
    NATIONAL_ID = "national id"
    IP = "IP address"
    MAC = "MAC address"
    SECRET = "token or secret"  # noqa: S105 - the name of a category
    PASSWORD = "password or its hash"  # noqa: S105 - likewise
    BIRTH_DATE = "birth date"
    GEO = "place on the map"
    URL = "personal URL"
    USER_AGENT = "user agent"
    COMPANY = "company"
    FREE_TEXT = "free text"


class Level(Enum):
    """How sure a finding is, in a word; the value is the least number that it takes."""

    LOW = 0.3
    MEDIUM = 0.6
    HIGH = 0.85

    @property
    def label(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, sure: float) -> Level:
        """The level of a finding, which is never below the lowest."""
        return next((level for level in (cls.HIGH, cls.MEDIUM) if sure >= level.value), cls.LOW)


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column as the scan is told of it.

    `values` are sampled ones, as text, without NULLs and empty ones; none where nothing is known.
    `type` is as declared. `listed`: the values are elements of arrays.
    """

    table: str
    name: str
    type: str = ""
    kind: Kind = Kind.TEXT
    comment: str = ""
    values: tuple[str, ...] = ()
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a column, or a path inside its JSON, looks like.

    `sure` is between 0 and 1; `why` are the reasons in a few words each, none of which holds a
    value. `path` leads into the JSON, such as ``contacts[*].email``, and is empty for the column.
    """

    category: Category
    sure: float
    why: tuple[str, ...]
    detail: str = ""
    path: str = ""

    @property
    def level(self) -> Level:
        return Level.of(self.sure)

    @property
    def looks_like(self) -> str:
        """The category, and which of its kinds where that is known."""
        return f"{self.category.value} ({self.detail})" if self.detail else self.category.value
