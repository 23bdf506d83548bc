"""What tests in several folders share."""

from hypothesis import settings

pytest_plugins = ["tests.support.postgres_fixtures"]

# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
