"""moto's server as a program, which does one thing to S3 at a time.

moto itself looks at a condition and then writes, with nothing to keep others out in between; and
it answers 500 to who reads, lists or makes what somebody else is changing. Requests are read, and
answers sent, side by side all the same.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.s3.responses import S3Response
from moto.server import main

_turn = threading.RLock()


def _in_turn(work: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(work)
    def done_alone(*given: Any, **named: Any) -> Any:
        with _turn:
            return work(*given, **named)

    return done_alone


# Every request comes to one of these two once its body is there.
for _name in ("_bucket_response", "_key_response"):
    setattr(S3Response, _name, _in_turn(getattr(S3Response, _name)))

if __name__ == "__main__":
    main()
