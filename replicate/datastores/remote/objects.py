"""Objects of a bucket: the names that keys have there, their order, and parts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from replicate.datastores.base import ObjectInfo, check_key, is_key, too_large
from replicate.datastores.remote.network import shown
from replicate.errors import DatastoreError

ListedT = TypeVar("ListedT")


@dataclass(frozen=True, slots=True)
class Folder:
    """Where keys are in a bucket: below `prefix`, which has no slash at its ends, or at the top."""

    prefix: str

    def name(self, key: str) -> str:
        """The object's name for a key; `UsageError` if it is none."""
        return self.start(check_key(key))

    def start(self, prefix: str) -> str:
        """What the names of all keys that start with `prefix` start with."""
        return f"{self.prefix}/{prefix}" if self.prefix else prefix

    def key(self, name: str) -> str | None:
        """The key of an object's name, or None where it is none of ours."""
        start = self.start("")
        key = name[len(start) :]
        return key if name.startswith(start) and is_key(key) else None


def in_order(
    listing: Iterable[ListedT], where: str, *, name: Callable[[ListedT], str]
) -> Iterator[ListedT]:
    """`listing`, as long as the names ascend; a service that orders otherwise is an error."""
    last = ""
    for found in listing:
        following = name(found)
        if following <= last:
            raise DatastoreError(
                f"{where} lists {shown(following)} after {shown(last)}, which is not the order of "
                "their names",
                hint="accounts and buckets with a hierarchical namespace do so: use one without",
            )
        last = following
        yield found


class HasSizes(Protocol):
    """What tells the size of an object."""

    def stat(self, key: str) -> ObjectInfo: ...


def check_range(key: str, byte_range: tuple[int, int] | None, max_size: int | None) -> None:
    """Raise for a range that no object has, or that is larger than allowed."""
    if byte_range is None:
        return
    start, end = byte_range
    if not 0 <= start <= end:
        raise DatastoreError(f"bytes {start} to {end} were asked of {key}")
    if max_size is not None and end - start > max_size:
        raise too_large(key, end - start, max_size)


def no_bytes(store: HasSizes, key: str, place: int) -> bytes:
    """The empty range at `place`, for which services have no request: raises if it is outside."""
    size = store.stat(key).size
    if place > size:
        raise past_the_end(key, (place, place), size)
    return b""


def past_the_end(key: str, byte_range: tuple[int, int], size: int | None = None) -> DatastoreError:
    """For a range that reaches past the end of an object, of `size` bytes if that is known."""
    has = "which has fewer" if size is None else f"which has {size}"
    return DatastoreError(f"bytes {byte_range[0]} to {byte_range[1]} were asked of {key}, {has}")
