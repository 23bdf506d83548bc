"""What tests in several folders share."""

import locale
import os
import signal
from collections.abc import Callable

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.postgres_fixtures"]

# How long an example takes says more of what else the machine does than of the code. And whether
# a change passes must not depend on luck: the same code meets the same examples, until somebody
# asks for new ones with HYPOTHESIS_PROFILE=explore.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# To the tools of a shell that tests start a character is what the locale says.
if locale.nl_langinfo(locale.CODESET) != "UTF-8":
    os.environ["LC_ALL"] = "C.UTF-8"


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> None:
    """Also under nohup, and in a script's background: programs inherit which ones are ignored.

    A program that is started forgets a handler, so that a hangup ends it; the tests go on.
    """
    usual: dict[int, Callable[..., object] | signal.Handlers] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: lambda *_: None,
    }
    for number, handler in usual.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
