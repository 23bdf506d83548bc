"""What a column's type is to masking: the kind of text that its values are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from replicate.rows.column import NO_LIMITS, Kind, Limits


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain: the type it is over with its modifier, whether it refuses NULL, and the only values
    that there are, where its constraints list them.
    """

    base: int
    modifier: int
    not_null: bool
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Traits:
    """What a column's type says of its values. The fields are those of `ColumnInfo`."""

    kind: Kind
    limits: Limits = NO_LIMITS
    element: Kind | None = None


@dataclass(frozen=True, slots=True)
class Types:
    """The types of a database that have no oid of their own in every one; keys are oids.

    `enums` holds their labels in order, `elements` the types of what arrays hold.
    """

    domains: Mapping[int, Domain]
    citext: frozenset[int]
    enums: Mapping[int, tuple[str, ...]]
    elements: Mapping[int, int]

    def traits(self, oid: int, modifier: int) -> Traits:
        """What a column of that type and modifier holds.

        A type that only its own input takes, such as a composite one, is of `Kind.OTHER`.
        """
        chain = self._chain(oid)
        if len(chain) > 1:
            modifier = self.domains[chain[-2]].modifier
        traits = self._base_traits(chain[-1], modifier)
        if traits.kind is not Kind.ARRAY:  # or the lists would be of whole arrays
            for each in chain[:-1]:
                limits = traits.limits.listing(self.domains[each].labels)
                traits = replace(traits, limits=limits)
        return traits

    def _base_traits(self, base: int, modifier: int) -> Traits:
        """What a type that is no domain holds."""
        if base in self.elements and base not in _KINDS:
            # A domain over an array keeps its modifier; the elements' own domain may add another.
            inner = self.traits(self.elements[base], modifier)
            if inner.element is None and inner.kind is not Kind.OTHER:
                return replace(inner, kind=Kind.ARRAY, element=inner.kind)
            return Traits(Kind.OTHER)
        if base in self.enums:
            return Traits(Kind.ENUM, Limits(labels=self.enums[base]))
        kind = Kind.TEXT if base in self.citext else _KINDS.get(base, Kind.OTHER)
        # A modifier counts four bytes of a header that is long gone.
        limited = modifier > 4
        if base in _LIMITED and limited:
            return Traits(kind, Limits(max_chars=modifier - 4))
        if base == _NUMERIC and limited:
            precision, scale = modifier - 4 >> 16 & 0xFFFF, modifier - 4 & 0x7FF
            return Traits(kind, Limits(precision=precision, scale=(scale ^ 1024) - 1024))
        return Traits(kind, Limits(bits=_BITS.get(base)))

    def is_citext(self, oid: int) -> bool:
        """Whether it is citext, a domain over it, or an array of such."""
        base = self._chain(oid)[-1]
        element = self.elements.get(base)
        return base in self.citext or (element is not None and self.is_citext(element))

    def is_padded(self, oid: int) -> bool:
        """Whether it is char(n), to which spaces at the end are nothing, a domain over it, or an
        array of such.
        """
        base = self._chain(oid)[-1]
        element = self.elements.get(base)
        return base == _BPCHAR or (element is not None and self.is_padded(element))

    def is_single(self, oid: int) -> bool:
        """Whether it holds floating-point numbers of 32 bits."""
        return self._chain(oid)[-1] == _FLOAT4

    def refuses_null(self, oid: int) -> bool:
        """Whether it is a domain that takes no NULL, or is over one."""
        return any(self.domains[each].not_null for each in self._chain(oid)[:-1])

    def _chain(self, oid: int) -> list[int]:
        chain = [oid]
        while chain[-1] in self.domains:
            chain.append(self.domains[chain[-1]].base)
        return chain


_BPCHAR = 1042
_LIMITED = (_BPCHAR, 1043)
_NUMERIC = 1700
_FLOAT4 = 700
_BITS = {20: 64, 21: 16, 23: 32}

# Oids of pg_type.dat, which are the same in all versions. What is not here is meant not to be:
# money, whose text is no number; oid, whose numbers are names; "char", which cuts text off without
# a word; and cidr, whose bits behind the mask have to be zero.
_KINDS = {
    16: Kind.BOOLEAN,
    17: Kind.BINARY,
    19: Kind.TEXT,  # name
    20: Kind.INTEGER,
    21: Kind.INTEGER,
    23: Kind.INTEGER,
    25: Kind.TEXT,
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
    869: Kind.INET,
    774: Kind.MACADDR,  # macaddr8
    829: Kind.MACADDR,
    1700: Kind.NUMERIC,
    2950: Kind.UUID,
    3802: Kind.JSON,  # jsonb
}
