"""What tests in several folders share."""

import os

from hypothesis import settings

pytest_plugins = ["tests.support.postgres_fixtures"]

# How long an example takes says more of what else the machine does than of the code. And whether
# a change passes must not depend on luck: the same code meets the same examples, until somebody
# asks for new ones with HYPOTHESIS_PROFILE=explore.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
