"""How many of many distinct values stay distinct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replicate.rows.arrays import indexes
from replicate.rows.column import Column, Kind
from replicate.transformers.base import Target
from replicate.transformers.registry import build
from tests.support.masking import KEYED


def outcomes(
    name: str, values: Sequence[bytes], *, target: Target | None = None, **options: Any
) -> int:
    """How many different replacements distinct values get; all of them must get one."""
    made = build(name, options, target=target or Target(Kind.TEXT), draw=KEYED)
    answer = made.transform(Column.of(values))
    assert (answer.index >= 0).all()
    return len(answer.pool.take(indexes(answer.index)).unique())
