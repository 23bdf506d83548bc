"""Transformers that are code of the user's own: a Python function, a WASI module, a program."""
