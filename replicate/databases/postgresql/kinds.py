"""What a column's type is to masking: the kind of text that its values are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from replicate.rows.column import Kind


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain: the type it is over with its modifier, and whether it takes NULL."""

    base: int
    modifier: int
    not_null: bool


@dataclass(frozen=True, slots=True)
class Types:
    """The types of a database that have no oid of their own in every one; keys are oids."""

    domains: Mapping[int, Domain]
    citext: frozenset[int]

    def kind_of(self, oid: int) -> Kind:
        """Of a type that only its own input takes, such as an array or an enum: `Kind.OTHER`."""
        base = self._chain(oid)[-1]
        return Kind.TEXT if base in self.citext else _KINDS.get(base, Kind.OTHER)

    def refuses_null(self, oid: int) -> bool:
        """Whether it is a domain that takes no NULL, or is over one."""
        return any(self.domains[each].not_null for each in self._chain(oid)[:-1])

    def max_chars(self, oid: int, modifier: int) -> int | None:
        """How many characters a value may have: of char(n) and varchar(n), and domains of them."""
        chain = self._chain(oid)
        if len(chain) > 1:
            modifier = self.domains[chain[-2]].modifier
        # The modifier counts four bytes of a header that is long gone.
        return modifier - 4 if chain[-1] in _LIMITED and modifier > 4 else None

    def _chain(self, oid: int) -> list[int]:
        chain = [oid]
        while chain[-1] in self.domains:
            chain.append(self.domains[chain[-1]].base)
        return chain


_LIMITED = (1042, 1043)

# Oids of pg_type.dat, which are the same in all versions. What is not here is meant not to be:
# money, whose text is no number, and "char", which cuts text off without a word.
_KINDS = {
    16: Kind.BOOLEAN,
    17: Kind.BINARY,
    19: Kind.TEXT,  # name
    20: Kind.INTEGER,
    21: Kind.INTEGER,
    23: Kind.INTEGER,
    25: Kind.TEXT,
    26: Kind.INTEGER,  # oid
    114: Kind.JSON,
    700: Kind.REAL,
    701: Kind.REAL,
    1042: Kind.TEXT,  # char(n)
    1043: Kind.TEXT,  # varchar(n)
    1082: Kind.DATE,
    1083: Kind.TIME,
    1114: Kind.TIMESTAMP,
    1184: Kind.TIMESTAMP,  # with time zone
    1266: Kind.TIME,  # with time zone
    1700: Kind.NUMERIC,
    2950: Kind.UUID,
    3802: Kind.JSON,  # jsonb
}
