"""Texts: filler, covered and cut ones, patterns, templates, documents."""
