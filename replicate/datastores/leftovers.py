"""Temporary files that killed processes left in a local datastore."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from replicate.datastores import posix_files as posix
from replicate.datastores.base import is_key


def sweep(open_root: Callable[[], int], latest: float, *, dry_run: bool) -> int:
    """Remove temporary files last changed at `latest`, in seconds of the epoch, or before.

    Only files named as ours are touched, in folders that keys can lead to; empty ones of these go
    as well. Returns how many files there were; `dry_run` leaves everything. Raises `OSError`.
    """
    return _sweep(open_root, (), latest, dry_run=dry_run)


def _sweep(
    open_root: Callable[[], int], folders: Sequence[str], latest: float, *, dry_run: bool
) -> int:
    found: list[str] = []
    below: list[str] = []
    try:
        folder = posix.descend(open_root(), folders)
    except FileNotFoundError:
        return 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if is_key("/".join((*folders, entry.name))):
                        below.append(entry.name)
                elif posix.TEMPORARY_NAME.match(entry.name):
                    with suppress(FileNotFoundError):
                        if entry.stat(follow_symlinks=False).st_mtime <= latest:
                            found.append(entry.name)
        if not dry_run:
            for name in found:
                posix.remove(folder, name)
    finally:
        os.close(folder)
    count = len(found)
    for name in below:
        count += _sweep(open_root, (*folders, name), latest, dry_run=dry_run)
    if not dry_run:
        posix.remove_if_empty(open_root(), folders)
    return count
