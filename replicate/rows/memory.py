"""Settings of allocators and thread pools that suit a worker of the row engine.

A worker allocates and frees the same few megabytes for every block. An allocator that returns them
to the system each time makes the kernel clear them anew for the next block, which costs as much as
the masking itself.
"""

from __future__ import annotations

import ctypes
import sys

# The parameters of mallopt, from glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_KEPT = 32 << 20  # bytes; glibc takes no higher threshold for blocks that it keeps


def tune_allocator() -> bool:
    """Let this process keep freed blocks for the next ones, and share one arena between threads.

    Call it once, before memory is allocated by several threads. Only glibc knows these settings:
    elsewhere nothing happens. Returns whether they took effect; never raises.
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False  # another C library, such as musl
    mallopt = library.mallopt
    mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    mallopt.restype = ctypes.c_int
    settings = {_M_MMAP_THRESHOLD: _KEPT, _M_TRIM_THRESHOLD: 2 * _KEPT, _M_ARENA_MAX: 1}
    return all(mallopt(name, value) == 1 for name, value in settings.items())


def single_threaded_arrow() -> None:
    """Keep pyarrow from starting threads of its own: workers already use every core."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and not needed to tune the allocator

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
