from __future__ import annotations

import subprocess
import sys

import pytest

from replicate.rows.memory import tune_allocator

SCRIPT = """
import sys
from replicate.rows.memory import single_threaded_arrow, tune_allocator
print(tune_allocator(), tune_allocator(), "pyarrow" in sys.modules)
single_threaded_arrow()
import pyarrow
print(pyarrow.cpu_count(), pyarrow.io_thread_count())
"""


def test_the_settings_take_effect_in_a_process_of_their_own() -> None:
    # In a process of its own: the settings can't be taken back.
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    first, second = run.stdout.splitlines()
    assert first in ("True True False", "False False False")
    assert second == "1 1"


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert tune_allocator() is False
