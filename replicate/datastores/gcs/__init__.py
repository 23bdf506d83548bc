"""Buckets of Google Cloud Storage, by its own protocol, the JSON API."""
