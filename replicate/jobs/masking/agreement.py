"""Columns that have to change alike: the two ends of a foreign key, and those of one domain.

A foreign key's column gets the transformer of the column that it refers to, unless the config gives
it one of its own, which has to be the same. Columns that share replacements share what decides over
their form: that values have to stay distinct, where one of them is unique, and, for those that a
key or a `link` binds, the narrowest length. What a key takes for equal, regardless of case say, is
decided by the column that it refers to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from replicate.config import Config
from replicate.databases.base import Table
from replicate.jobs.masking.making import make_mask
from replicate.jobs.masking.plan import Masks, PathMask, Reason, find, named
from replicate.jobs.masking.references import Reference
from replicate.jobs.selection import ColumnKey, TableKey
from replicate.rows.column import Limits
from replicate.rows.comparing import Equality

_MOST_ROUNDS = 100  # of keys that refer to keys


def follow_keys(config: Config, masks: Masks, found: Sequence[Reference]) -> None:
    """Give foreign keys the masks of what they refer to, where the config is silent of them."""
    following = True
    while following:  # a column that follows may be referred to itself
        following = False
        for reference in found:
            child, parent = reference.ends
            mask = find(masks, parent)
            if mask is None or named(masks, child) or mask.recipe is None or mask.recipe.when:
                continue
            if not reference.child.maskable:
                continue
            info, _ = reference.infos
            reason = Reason(f"it refers to {mask.label}", mask.reason.key)
            masks.setdefault(child[:2], {})[child[2]] = make_mask(
                config, reference.child, info, mask.recipe, reason
            )
            following = True


def bind(masks: Masks, found: Sequence[Reference]) -> None:
    """Let the columns of a foreign key take the same values for equal: those that it does."""
    both = [each for each in found if all(find(masks, key) is not None for key in each.ends)]
    ends = [each.ends for each in both]
    infos = {key: info for each in both for key, info in zip(each.ends, each.infos, strict=True)}
    for key in {each for pair in ends for each in pair}:
        mask = masks[key[:2]][key[2]]
        # As all its values are of one length, spaces and all, they are equal byte for byte.
        equality = Equality.BYTES if infos[key].is_filled_up else mask.equality
        masks[key[:2]][key[2]] = replace(mask, bound=True, equality=equality)
    for _ in range(_MOST_ROUNDS):
        before = [masks[c[:2]][c[2]].equality for c, _ in ends]
        for child, parent in ends:
            equality = masks[parent[:2]][parent[2]].equality
            masks[child[:2]][child[2]] = replace(masks[child[:2]][child[2]], equality=equality)
        if before == [masks[c[:2]][c[2]].equality for c, _ in ends]:
            break
    _join_in(masks)


def _join_in(masks: Masks) -> None:
    """Let columns that no key binds take for equal what those do with which they share replacements
    and the database's rules, so that they still join with them."""
    folding = {
        (mask.recipe.sharing, mask.folds)
        for columns in masks.values()
        for mask in columns.values()
        if mask.recipe is not None and mask.folds is not Equality.BYTES
    }
    for columns in masks.values():
        for name, mask in columns.items():
            if mask.recipe is not None and (mask.recipe.sharing, mask.equality) in folding:
                columns[name] = replace(mask, bound=True)


def agree(masks: Masks, tables: Mapping[TableKey, Table], found: Sequence[Reference]) -> None:
    """Let columns that share replacements share what decides over their form."""
    bound = _Bound(masks, found)
    distinct = {
        mask.recipe.sharing
        for key, columns in masks.items()
        for mask in columns.values()
        if mask.recipe is not None and _is_unique(tables[key], mask.column)
    }
    for key, columns in masks.items():
        for name, mask in columns.items():
            if not mask.changes:
                continue
            if mask.recipe is None:
                columns[name] = replace(
                    mask, paths=tuple(bound.path(each, distinct) for each in mask.paths)
                )
                continue
            unique = _is_unique(tables[key], name) or mask.recipe.sharing in distinct
            shared = bound.limits((*key, name)) or mask.target.limits
            limits = replace(mask.target.limits, max_chars=shared.max_chars, bits=shared.bits)
            target = replace(mask.target, unique=unique, limits=limits)
            columns[name] = replace(mask, target=target)


def _is_unique(table: Table, column: str) -> bool:
    return any(column in key for key in table.unique)


class _Bound:
    """Columns that a foreign key or a link binds together, and the narrowest limits among them."""

    def __init__(self, masks: Masks, found: Sequence[Reference]) -> None:
        self._above: dict[ColumnKey, ColumnKey] = {}
        self._by_link: dict[object, ColumnKey] = {}
        self._limits: dict[ColumnKey, Limits] = {}
        for reference in found:
            child, parent = reference.ends
            if find(masks, child) is not None and find(masks, parent) is not None:
                self._above[self._top(child)] = self._top(parent)
        for key, columns in masks.items():
            for name, mask in columns.items():
                if mask.recipe is not None and mask.recipe.link:
                    end = (*key, name)
                    other = self._by_link.setdefault(mask.recipe.sharing, end)
                    self._above[self._top(end)] = self._top(other)
        for end in list(self._above):
            mask_of_end = find(masks, end)
            if mask_of_end is not None:
                top, limits = self._top(end), mask_of_end.target.limits
                self._limits[top] = _narrower(limits, self._limits.get(top, limits))

    def limits(self, key: ColumnKey) -> Limits | None:
        """What all columns that are bound to this one can take; None if it is bound to none."""
        return self._limits.get(self._top(key)) if key in self._above else None

    def path(self, mask: PathMask, distinct: Collection[object]) -> PathMask:
        """The mask of a path, agreeing with the columns that it shares replacements with."""
        sharing = mask.recipe.sharing
        linked = self._by_link.get(sharing)
        limits = None if linked is None else self.limits(linked)
        most = None if limits is None else limits.max_chars
        return replace(mask, unique=sharing in distinct, max_chars=most)

    def _top(self, key: ColumnKey) -> ColumnKey:
        while self._above.setdefault(key, key) != key:
            key = self._above[key]
        return key


def _narrower(one: Limits, other: Limits) -> Limits:
    """The limits of both together, as far as values of any column can keep to them.

    Labels and digits are each column's own: what fits one alone may have no place in the other.
    """
    return replace(
        one,
        max_chars=_least(one.max_chars, other.max_chars),
        bits=_least(one.bits, other.bits),
    )


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
