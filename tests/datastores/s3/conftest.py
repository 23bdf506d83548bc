"""Fixtures of the S3 store's tests."""

from __future__ import annotations

from tests.support.moto_server import moto, moto_url, quiet_environment

__all__ = ["moto", "moto_url", "quiet_environment"]
