"""Transformers for custom-python: functions and a class, named in conf.yaml."""

import itertools
import string


def transform(value: str, seed: bytes) -> str:
    """Other letters and digits in the same places: "Jane, 1984" becomes "Kwqe, 3071"."""
    return "".join(map(_like, value, itertools.cycle(seed)))


def _like(character: str, chance: int) -> str:
    """A character of the same sort, chosen by a number from 0 to 255."""
    for choice in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
        if character in choice:
            return choice[chance % len(choice)]
    return "x" if character.isalnum() else character


def remark(value: str, row: dict[str, str | None]) -> str:
    """A text that is made of another column: "(42 characters, from Leeds)"."""
    return f"({len(value)} characters, from {row['city'] or 'nowhere'})"


def rounded(values: list[str]) -> list[float]:
    """All the values of a block at once: amounts become multiples of 100."""
    return [round(float(value), -2) for value in values]


class Labels:
    """A word and twelve digits, which are hardly ever the same for two values."""

    def __init__(self, prefix: str = "item") -> None:
        self.prefix = prefix

    def transform(self, _value: str, seed: bytes) -> str:
        return f"{self.prefix}-{int.from_bytes(seed, 'big') % 10**12:012}"
