"""The project of `journey.py` whose dumps go to an object store."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.journey import Project, make_project
from tests.support.object_servers.reach import Section


def project_on(
    section: Section, folder: Path, *, customers: int = 20, chunk_size: int = 0, encrypted: bool
) -> Project:
    """A project with that section `datastore`; `chunk_size` is in bytes, 0 for the default."""
    project = make_project(folder, customers=customers, encrypted=encrypted)
    lines = [
        # What is JSON is YAML as well.
        f"datastore: {json.dumps(section)}" if line.startswith("datastore:") else line
        for line in project.conf.read_text().splitlines()
    ]
    if chunk_size:
        lines.insert(lines.index("source:") + 1, f"  chunk_size: {chunk_size}")
    project.conf.write_text("\n".join([*lines, ""]))
    return project
