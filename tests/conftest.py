"""What tests in several folders share."""

pytest_plugins = ["tests.support.postgres_fixtures"]
