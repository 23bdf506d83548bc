"""Buckets of Amazon S3, of Google's endpoint with HMAC keys, and of whatever else speaks S3."""
