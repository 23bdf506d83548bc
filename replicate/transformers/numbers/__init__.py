"""Amounts and other numbers."""
