"""The masking plan: which transformer meets which column, why, and the proof that it may.

Everything that can be known before a row is read is checked here, against the schema: a rule that
names a table or a column that isn't there, a transformer that doesn't fit the column, one that
could break a unique key, a NOT NULL constraint or a foreign key. What passes is a plan of plain
values that a worker process turns into a `Masker` on its own side.

    rules ── targeting ──┬── agreement ── discord ── checks ── plan
    lock ──── drift ─────┤                             │
    keys ── references ──┘                        unique_keys
"""

from replicate.jobs.masking.making import import_transformers
from replicate.jobs.masking.plan import (
    ColumnMask,
    MaskingPlan,
    PathMask,
    Reason,
    Recipe,
    TableMasks,
    build_masker,
)
from replicate.jobs.masking.planning import plan_masking
from replicate.jobs.selection import TableKey

__all__ = [
    "ColumnMask",
    "MaskingPlan",
    "PathMask",
    "Reason",
    "Recipe",
    "TableKey",
    "TableMasks",
    "build_masker",
    "import_transformers",
    "plan_masking",
]
