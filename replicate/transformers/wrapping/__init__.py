"""Transformers around another one: conditions, JSON, arrays, length."""
