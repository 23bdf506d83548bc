"""What the web leaves in a database: URLs, names of domains, and of browsers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, field_validator

from replicate.errors import UsageError
from replicate.rows.arrays import strings
from replicate.rows.column import Column, Replacement
from replicate.rows.spans import heads
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.handles import BITS, LETTERS, base32, check_unique, uniqueness
from replicate.transformers.columnar.joined import joined, table
from replicate.transformers.columnar.lots import Bytes, below, words
from replicate.transformers.columnar.pools import (
    Assembly,
    Index,
    check_size,
    fixed_width,
    pick,
    spaced,
)
from replicate.transformers.contact.hosts import host_name
from replicate.transformers.draw import LANE
from replicate.transformers.networks.url_parts import kept_hosts, masked_rest, ports, split
from replicate.transformers.networks.user_agents import USER_AGENTS
from replicate.transformers.rule import TEXTUAL, Rule

_Integers = npt.NDArray[np.int64]

_SCHEME = b"https://"


class UrlOptions(base.Options):
    """`domains` is what a host becomes, unless `keep_host` leaves it as it is."""

    domains: tuple[str, ...] = Field(
        default=("example.com", "example.net", "example.org"),
        min_length=1,
        max_length=1000,
        description="names of hosts, one of which each host becomes",
    )
    keep_host: bool = Field(default=False, description="keep the host as it is")

    @field_validator("domains")
    @classmethod
    def _are_host_names(cls, domains: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host_name(domain) for domain in domains)


class Url(Rule):
    """The host becomes an example's, and path, query and fragment become letters and digits.

    The scheme and the port stay, and so do slashes and the names of query parameters; each of the
    other characters of a path, a parameter's value and a fragment becomes a small letter or a
    digit, also dots and percent signs, so that lengths stay. A user name and password before the
    host are left out. The same host becomes the same one of `domains` in every URL; with
    `keep_host` it stays, if it is made of ASCII characters. What begins with a single slash is a
    path without a host.

    Any other value (such as one without ``://``) becomes a URL with a path of 16 letters and
    digits. The end is cut off where the column is too short. Values may collide: for a column whose
    values have to stay distinct use token with a prefix such as ``https://example.com/``.
    """

    name = "url"
    summary = "Replaces the host of a URL, and what stands behind it, and keeps its shape"
    examples = (
        Example("https://shop.acme.test:8443/users/jane-roe?tab=orders&id=42#top"),
        Example("https://shop.acme.test/users/jane-roe", {"keep_host": True}),
    )
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = UrlOptions

    def __init__(self, options: UrlOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._keep_host = options.keep_host
        domains = [domain.encode() for domain in options.domains]
        self._domains = table(domains)
        self._sizes = np.array([len(domain) for domain in domains])
        shortest = len(_SCHEME) + max(map(len, domains))
        self._most = most = target.limits.max_chars
        if most is not None and most < shortest:
            raise UsageError(
                f"a URL of these domains has more than the {most} characters that the column takes",
                hint="give url a shorter name in domains, or use random",
            )
        if target.unique:
            raise UsageError(
                "url can't promise that distinct values stay distinct",
                hint='use token with a prefix such as "https://example.com/"',
            )

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        seeds = self.draw(column)
        parts = split(column)
        port, port_size = ports(column, parts)
        domain = below(words(self.draw(parts.hosts(column)))[:, 0], len(self._domains))
        host, host_size = self._domains[domain], self._sizes[domain]
        if self._keep_host:
            host, host_size = kept_hosts(column, parts, host, host_size)
        host_size = np.where(parts.has_host, host_size, 0)
        scheme_size = np.where(parts.known, parts.authority - column.start, 0)
        rest_size = column.start + column.length - parts.path
        fits = parts.known
        if self._most is not None:
            room = self._most - scheme_size - host_size - port_size
            fits = fits & (room >= 0)
            rest_size = np.minimum(rest_size, np.maximum(room, 0))
        host_size, port_size, rest_size, scheme_size = (
            np.where(fits, size, 0) for size in (host_size, port_size, rest_size, scheme_size)
        )
        result = Assembly(column)
        prefix = (
            (heads(column.data, column.start, scheme_size, 2 * LANE), scheme_size),
            (host, host_size),
            (port, port_size),
        )
        rest, blocks = masked_rest(column, parts.path, rest_size, seeds, self.draw)
        result.put(None, *_behind(prefix, rest, blocks, rest_size))
        others = np.flatnonzero(~fits & (column.length > 0))
        if others.size:
            result.put(others, *joined(self._made_up(seeds[others], domain[others])))
        return result.replacement()

    def _made_up(self, seeds: Bytes, domain: _Integers) -> list[tuple[Bytes, _Integers]]:
        """The parts of URLs for values that are none."""
        rows = len(seeds)
        path = np.concatenate((np.full((rows, 1), ord("/"), np.uint8), base32(seeds)), axis=1)
        sizes = self._sizes[domain]
        path_size = np.full(rows, path.shape[1])
        if self._most is not None:
            path_size = np.minimum(path_size, self._most - len(_SCHEME) - sizes)
        scheme = np.frombuffer(_SCHEME * rows, np.uint8)
        return [
            (scheme, np.full(rows, len(_SCHEME))),
            (_heads(self._domains[domain], sizes), sizes),
            (_heads(path, path_size), path_size),
        ]


def _behind(
    prefix: Sequence[tuple[Bytes, _Integers]], rest: Bytes, blocks: _Integers, size: _Integers
) -> tuple[pa.BinaryArray, Index]:
    """A pool of the parts of each row's prefix and the first ``size[i]`` bytes of its blocks."""
    # Each row's prefix is put into blocks of its own, so that it ends where the others begin: what
    # is long stays where it is.
    length = np.sum([part_size for _, part_size in prefix], axis=0)
    slot = max(-(-int(length.max(initial=0)) // LANE), 1)
    widest = [max(int(part_size.max(initial=0)), 1) for _, part_size in prefix]
    parts = np.concatenate(
        [part[:, :wide] for (part, _), wide in zip(prefix, widest, strict=True)], axis=1
    )
    there = np.concatenate(
        [np.arange(wide) < n[:, None] for (_, n), wide in zip(prefix, widest, strict=True)], axis=1
    )
    heading = np.zeros((len(length), slot * LANE), np.uint8)
    heading[np.arange(slot * LANE) >= (slot * LANE - length)[:, None]] = parts[there]
    check_size((len(rest) + slot * len(length)) * LANE)
    data = np.empty((len(rest) + slot * len(length), LANE), np.uint8)
    end = np.cumsum(blocks + slot)
    before = np.arange(1, len(blocks) + 1) * slot  # blocks of headings, up to each row's own
    lanes = data.view(f"V{LANE}").ravel()
    lanes[np.arange(len(rest)) + np.repeat(before, blocks)] = rest.view(f"V{LANE}").ravel()
    first = end - blocks - slot
    for i, lane in enumerate(heading.view(f"V{LANE}").T):
        lanes[first + i] = lane
    start = (end - blocks) * LANE - length
    return spaced(data.reshape(-1), start, length + size)


def _heads(matrix: Bytes, size: _Integers) -> Bytes:
    """The first ``size[i]`` bytes of each row, one after the other."""
    return matrix[np.arange(matrix.shape[1]) < size[:, None]]


class DomainNameOptions(base.Options):
    """`domain` is what every name ends with. The default is reserved: nobody has one of them."""

    domain: str = Field(default="example.com", description="what every name ends with")

    @field_validator("domain")
    @classmethod
    def _is_host_name(cls, domain: str) -> str:
        return host_name(domain)


class DomainName(Rule):
    """Any value but NULL and the empty string becomes 15 letters and digits below `domain`.

    They are made of 75 random bits, so that distinct values stay distinct: among 10**9 of them the
    chance that any two meet is 1 in 75,000. Where the column is too short there are fewer; then
    values may collide, and a column whose values have to stay distinct is refused.
    """

    name = "domain-name"
    summary = "Replaces the value by the name of a domain that is unique to it"
    examples = (Example("shop.acme.test"),)
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = DomainNameOptions

    def __init__(self, options: DomainNameOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._behind = np.frombuffer(f".{options.domain}".encode(), np.uint8)
        most = target.limits.max_chars
        self._width = LETTERS if most is None else min(LETTERS, most - len(self._behind))
        if self._width < 1:
            raise UsageError(
                f"a name below this domain has more than the {most} characters that the column "
                "takes",
                hint="give domain-name a shorter domain, or use random",
            )
        bits = BITS * self._width
        check_unique("domain-name", target, bits, hint="use token, or make the column longer")
        self._uniqueness = uniqueness(bits)

    @property
    def effects(self) -> Effects:
        return Effects(self._uniqueness, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        names = np.empty((len(column), self._width + len(self._behind)), np.uint8)
        names[:, : self._width] = base32(self.draw(column))[:, : self._width]
        names[:, self._width :] = self._behind
        return pick(column, *fixed_width(names))


class UserAgent(Rule):
    """Any value but NULL and the empty string becomes one of some 60 names of browsers.

    They are written as browsers of recent years and four programs introduce themselves. Where the
    column is too short for some, one of the others is taken; where it is for all, it is refused.
    """

    name = "user-agent"
    summary = "Replaces the value by what a common browser calls itself"
    examples = (Example("AcmeShop/4.2 (jane's phone)"),)
    kinds = TEXTUAL

    def __init__(self, options: base.Options, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        most = target.limits.max_chars
        fitting = [agent for agent in USER_AGENTS if most is None or len(agent) <= most]
        if not fitting:
            raise UsageError(
                f"every user-agent has more than the {most} characters that the column takes",
                hint="use random, fixed or null",
            )
        self._pool = strings(agent.encode() for agent in fitting)

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        index = below(words(self.draw(column))[:, 0], len(self._pool))
        return pick(column, self._pool, index.astype(np.int32))
