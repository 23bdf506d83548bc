"""E-mail addresses."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field, field_validator, model_validator

from replicate.errors import UsageError
from replicate.rows.column import Column, Replacement
from replicate.rows.spans import heads
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target
from replicate.transformers.columnar.handles import (
    BITS,
    LETTERS,
    WIDTH,
    check_unique,
    handles,
    uniqueness,
)
from replicate.transformers.columnar.joined import last_place, table
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Integers, fixed_width, padded, pick, spaced
from replicate.transformers.contact.email_templates import Piece, Template, parse
from replicate.transformers.contact.hosts import host_name
from replicate.transformers.rule import TEXTUAL, Rule


class EmailOptions(base.Options):
    """What stands behind the @, and what before.

    `domain` stands behind the @; the default is reserved, so no mail ever arrives. Of `domains`,
    if they are given, each value draws one. With `keep_domain` the value's own domain stays.
    `template` makes up the whole address. `lowercase` is about a kept domain and the names of a
    template.
    """

    domain: str = Field(
        default="example.com", max_length=200, description="what stands behind the @"
    )
    domains: tuple[str, ...] = Field(
        default=(), max_length=1000, description="domains, of which each value draws one"
    )
    keep_domain: bool = Field(default=False, description="keep the value's own domain")
    template: str | None = Field(
        default=None,
        max_length=500,
        description="the whole address: {first_name}, {last_name}, {token}, {token:N}, "
        "{column:NAME}, and what stands between them",
    )
    lowercase: bool = Field(
        default=True, description="write a kept domain, and the names of a template, in lower case"
    )

    @field_validator("domain")
    @classmethod
    def _is_host_name(cls, domain: str) -> str:
        return host_name(domain)

    @field_validator("domains")
    @classmethod
    def _are_host_names(cls, domains: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host_name(domain) for domain in domains)

    @field_validator("template")
    @classmethod
    def _is_template(cls, template: str | None) -> str | None:
        if template is not None:
            local, at, domain = template.rpartition("@")
            if not at or "@" in local:
                raise ValueError("a template has one @, such as {token}@example.com")
            host_name(domain)
            parse(local)
        return template

    @model_validator(mode="after")
    def _go_together(self) -> EmailOptions:
        given = {"domain", "domains", "keep_domain"} & self.model_fields_set
        if self.template is not None and given:
            raise ValueError("a template has its own domain, so none can be given beside it")
        if self.domains and "domain" in given:
            raise ValueError("either domain or domains can be given")
        return self


class Email(Rule):
    """Any value but NULL and the empty string becomes an address of a fixed length.

    It is a short first name, a dot, 15 letters and digits, and the domain: 83 bits of the draw, so
    that distinct values stay distinct. Among 10**9 of them the chance that any two meet is less
    than 1 in 10**7. The value is taken as it is: two spellings of one address, such as in upper and
    lower case, get different replacements.

    Where the column is too short for that, the name is left out; the 75 bits of the letters and
    digits still keep 10**9 values apart, but for a chance of 1 in 75,000. Where it is shorter
    still, letters and digits are left out too: then values may collide, and a column whose values
    have to stay distinct is refused.

    `keep_domain` keeps what stands behind the last @, which tells who a customer's mail is with,
    and may tell who they are. A value without a domain (letters, digits, dots and dashes) gets the
    one that the options name, and so does one whose domain leaves no room for 15 letters and
    digits.

    A `template` such as ``{first_name}.{last_name}.{token}@example.com`` makes up the address:

    - ``{first_name}`` and ``{last_name}`` are drawn, and have nothing to do with other columns;
    - ``{token}`` is 16 letters and digits, or N with ``{token:N}``; values stay distinct with 15
      or 16 of them, and may collide with fewer or none;
    - ``{column:NAME}`` is the replacement of another column of the row: its letters and digits,
      without accents, at most 32 of them, and ``x`` where it has none.

    Names are cut where the column is too short for them.
    """

    name = "email"
    summary = "Replaces the value by an e-mail address that is unique to it"
    examples = (
        Example("jane.roe@mail.test"),
        Example("jane.roe@mail.test", {"keep_domain": True}),
        Example("jane.roe@mail.test", {"template": "{first_name}.{last_name}.{token}@example.com"}),
    )
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = EmailOptions

    def __init__(self, options: EmailOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._template = None
        if options.template is not None:
            local, _, domain = options.template.rpartition("@")
            pieces = (*parse(local), Piece("", f"@{domain}"))
            self._template = Template(pieces, target=target, lowercase=options.lowercase)
            bits = self._template.bits
        else:
            self._keep_domain = options.keep_domain
            self._lowercase = options.lowercase
            self._behind = [f"@{name}".encode() for name in options.domains or (options.domain,)]
            self._width = _width_of_local_part(target, max(map(len, self._behind)))
            bits = BITS * min(self._width, LETTERS)
        check_unique("email", target, bits, hint="use token, or make the column longer")
        self._uniqueness = uniqueness(bits)

    @property
    def effects(self) -> Effects:
        return Effects(self._uniqueness, TEXTUAL)

    @property
    def reads_masked(self) -> frozenset[str]:
        return self._template.columns if self._template else frozenset()

    def transform(self, column: Column) -> Replacement:
        seeds = self.draw(column)
        if self._template is not None:
            return pick(column, *self._template.addresses(column, seeds))
        if self._keep_domain:
            return self._with_own_domain(column, seeds)
        local = np.ascontiguousarray(handles(seeds)[:, WIDTH - self._width :])
        if len(self._behind) > 1:
            behind, size = self._drawn_domains(seeds)
            matrix = np.concatenate((local, behind), axis=1)
            return pick(column, *padded(matrix, self._width + size))
        (domain,) = self._behind
        parts = np.dtype([("local", f"V{self._width}"), ("behind", f"V{len(domain)}")])
        address = np.empty(len(column), parts)
        address["local"] = local.view(f"V{self._width}")[:, 0]
        address["behind"] = np.frombuffer(domain, f"V{len(domain)}")[0]
        pool, index = fixed_width(address.view(np.uint8).reshape(len(column), -1))
        return pick(column, pool, index)

    def _drawn_domains(self, seeds: Bytes) -> tuple[Bytes, Integers]:
        """An @ and a domain for each row, uint8 (rows, longest), and the length of each."""
        spare = (seeds.view("<u2")[:, 5:] >> 10).astype(np.int64)  # bits that `handles` leaves
        number = spare[:, 0] | spare[:, 1] << 6 | spare[:, 2] << 12
        chosen = number * len(self._behind) >> 18
        size = np.array([len(domain) for domain in self._behind])
        return table(self._behind)[chosen], size[chosen]

    def _with_own_domain(self, column: Column, seeds: Bytes) -> Replacement:
        domain, size = _own_domains(column)
        if self._lowercase:
            domain |= (domain - np.uint8(ord("A")) < 26) * np.uint8(0x20)
        most = self.target.limits.max_chars
        size[LETTERS + 1 + size > (most or size.max() + WIDTH)] = 0
        behind, length = self._drawn_domains(seeds)
        local = handles(seeds)
        width = max(behind.shape[1], domain.shape[1] + 1)
        matrix = np.zeros((len(seeds), WIDTH + width), np.uint8)
        matrix[:, :WIDTH] = local
        matrix[:, WIDTH : WIDTH + behind.shape[1]] = behind
        kept = np.flatnonzero(size)
        matrix[kept, WIDTH + 1 : WIDTH + 1 + domain.shape[1]] = domain[kept]
        length[kept] = size[kept] + 1
        dropped = np.full(len(seeds), WIDTH - self._width)
        dropped[kept] = 0
        if most is not None:
            dropped[kept] = np.where(WIDTH + length[kept] > most, WIDTH - LETTERS, 0)
        start = np.arange(len(seeds)) * matrix.shape[1] + dropped
        return pick(column, *spaced(matrix.reshape(-1), start, WIDTH - dropped + length))


def _width_of_local_part(target: Target, behind: int) -> int:
    """How many characters there may be before the @."""
    most = target.limits.max_chars
    if most is None or most >= WIDTH + behind:
        return WIDTH
    if most <= behind:
        raise UsageError(
            f"an e-mail address at this domain has more than the {most} characters that the column "
            "takes",
            hint="give email a shorter domain, or use random",
        )
    return min(most - behind, LETTERS)


def _own_domains(column: Column) -> tuple[Bytes, Integers]:
    """What stands behind the last @ of each value, and its length: 0 where that is no domain.

    uint8 (rows, a multiple of 16), with what may be anything in rows of length 0.
    """
    end = column.start + column.length
    at = last_place(column.data, ord("@"), column.start, end) + 1
    size = np.where(at > 0, end - at, 0)
    size[size > _LONGEST_DOMAIN] = 0
    at[size == 0] = 0
    widest = int(size.max(initial=1))
    domain = heads(column.data, at, size, (widest + 15) // 16 * 16)
    sort = _SORTS.take(domain)
    fits = np.count_nonzero(sort, axis=1) == size
    fits &= ~((domain[:, :-1] == ord(".")) & (domain[:, 1:] == ord("."))).any(axis=1)
    fits &= sort[:, 0] == _LETTER
    fits &= sort[np.arange(len(sort)), size - 1] == _LETTER
    size[~fits] = 0
    return domain, size


_LONGEST_DOMAIN = 200
_LETTER = 1
# Of each byte: a letter or digit, a dot or dash, or what no domain has.
_SORTS = np.array(
    [_LETTER if bytes([i]).isalnum() else 2 * (i in b".-") for i in range(256)], np.uint8
)
