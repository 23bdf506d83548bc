"""Leaks: values that were masked in one place of a dump and have survived in another.

While a dump is made each worker enters what it masks into a filter of its own, a file that is
mapped into its memory; the coordinator merges them into one chunk of the dump. A search holds every
value of the dump against it, and every word inside of longer values.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from replicate.config import Config
from replicate.crypto import keys
from replicate.databases.base import Table
from replicate.dumps.leak_filter import LeakFilter, Shape, Watched
from replicate.jobs.masking import ColumnMask, MaskingPlan
from replicate.jobs.opening import needed
from replicate.rows.column import Column
from replicate.transformers.base import Uniqueness


@dataclass(frozen=True, slots=True)
class LeakWatch:
    """What a worker needs to enter what it masks; picklable. Its filter is a file in `folder`."""

    folder: str
    shape: Shape
    columns: tuple[Watched, ...]
    key: bytes = field(repr=False)

    def begin(self) -> Callable[[str], Callable[[Column], None]]:
        """For one worker: gives for a column's label what enters its values."""
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
            path = Path(file.name)
        entered = LeakFilter.mapped(path, self.key, self.shape, self.columns)
        places = {each.label: i for i, each in enumerate(self.columns)}
        return lambda label: partial(entered.enter, places[label])

    def collect(self) -> bytes:
        """Once all workers are done: the filter of all that they have entered, as it is stored."""
        merged = LeakFilter(self.key, self.shape, self.columns)
        for path in sorted(Path(self.folder).iterdir()):
            merged.merge(np.fromfile(path, np.uint8))
        return merged.encode()


def refuse_keyless_filter(config: Config) -> None:
    """Raises `ConfigError` where there is no masking key that a filter could be kept under."""
    if needed(config.source, "source").leak_filter and config.masking_key is None:
        raise config.error(
            "source.leak_filter",
            "a leak filter needs a masking_key, which keeps its contents from those who restore",
            hint="set masking_key: $MASKING_KEY at the top of the file",
        )


@contextmanager
def watching(
    config: Config, run_id: str, tables: Sequence[Table], plan: MaskingPlan, masking_key: bytes
) -> Iterator[LeakWatch | None]:
    """The watch over a dump of those tables, or None where the config doesn't want one."""
    if not needed(config.source, "source").leak_filter:
        yield None
        return
    columns = []
    count: int | None = 0
    for table in tables:
        for mask in plan.of(table).columns:
            if mask.changes:
                columns.append(Watched(mask.label, _may_collide(mask, masking_key)))
                # Nobody knows how many values documents and arrays hold.
                whole = mask.recipe is not None and not mask.in_array
                known = whole and table.rows is not None and count is not None
                count = (count or 0) + (table.rows or 0) if known else None
    with tempfile.TemporaryDirectory(prefix="replicate-leaks-") as folder:
        yield LeakWatch(
            folder, Shape.for_values(count), tuple(columns), filter_key(masking_key, run_id)
        )


def filter_key(masking_key: bytes, run_id: str) -> bytes:
    """The key of one dump's leak filter."""
    return keys.derive(masking_key, "leak filter", run_id.encode())


def _may_collide(mask: ColumnMask, masking_key: bytes) -> bool:
    transformer = mask.build(masking_key)
    try:
        return transformer.effects.uniqueness is not Uniqueness.PRESERVES
    finally:
        transformer.close()
