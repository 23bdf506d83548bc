"""Scans of a source: which of its columns look personal, and the rules that would mask them.

What `replicate.scan` makes of sampled values becomes a report, and the report rules in conf.yaml.

    samples ─ replicate.scan ─ scan ─┬─ suggestions ─ report ─ rule_writing
    keys ──── relations ─────────────┘
"""

from replicate.jobs.scanning.report import ColumnReport, ScanReport
from replicate.jobs.scanning.scan import scan_source, write_suggestions

__all__ = ["ColumnReport", "ScanReport", "scan_source", "write_suggestions"]
