"""How a journey tells what it is doing, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener. Calls come from one thread; none may raise."""

    def stage(self, label: str, total_bytes: int | None) -> None:
        """A new stage begins; `total_bytes` is an estimate of its work, where there is one."""
        ...

    def advance(self, rows: int, plain_bytes: int) -> None:
        """So much more of the stage is done."""
        ...

    def note(self, message: str) -> None:
        """Something worth knowing."""
        ...

    def warn(self, message: str) -> None:
        """Something that the user should look into; the work goes on."""
        ...

    def done(self, message: str) -> None:
        """The journey ended well."""
        ...


class Silent:
    """A listener that says nothing, for use as a library and in tests."""

    def stage(self, label: str, total_bytes: int | None) -> None:
        pass

    def advance(self, rows: int, plain_bytes: int) -> None:
        pass

    def note(self, message: str) -> None:
        pass

    def warn(self, message: str) -> None:
        pass

    def done(self, message: str) -> None:
        pass
