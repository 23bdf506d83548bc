"""Addresses of machines, and of what is on the web."""
