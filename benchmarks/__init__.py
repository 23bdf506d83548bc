"""Measurements of the program against what it replaces, each in one run on one machine."""
