"""What every destination has in common that is a script: there is nothing yet to be found in it."""

from __future__ import annotations

from collections.abc import Sequence

from replicate.databases.base import LoadTable


class ScriptBase:
    """The half of `Destination` that asks what is there. A script is no database yet."""

    name = "script"
    names = frozenset({"script"})

    def fingerprint(self) -> frozenset[str]:
        return frozenset()

    def is_empty(self) -> bool:
        return True

    def describe_contents(self) -> str:
        return "nothing"

    def would_drop(
        self, pre_data: str, post_data: str, *, only: Sequence[LoadTable] | None = None
    ) -> str:
        del pre_data, post_data, only  # nothing is there
        return ""
