"""Tokens, hashes, passwords, and identifiers of a shape of their own."""
