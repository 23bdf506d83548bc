"""How the rules of conf.yaml are told: what they are about, and what they do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from replicate.cli.formats import escaped

if TYPE_CHECKING:
    from replicate.jobs.masking import Recipe

_PLAIN = re.compile(r"[\w$-]+")


def name_words(*names: str) -> str:
    """Names with dots between them. One that a dot or the like would make unclear is quoted."""
    return ".".join(name if _PLAIN.fullmatch(name) else _quoted(name) for name in names)


def rule_words(column: str, path: str) -> str:
    """A column and a path in it, as a rule names them: ``profile.contacts[*].email``."""
    between = "" if path[:1] in ("", "[") else "."
    return f"{name_words(column)}{between}{escaped(path)}"


def recipe_words(recipe: Recipe) -> str:
    """A transformer, and what else is said of it: ``email, linked as people``."""
    words = [recipe.transformer]
    if recipe.link:
        words.append(f"linked as {recipe.link}")
    if recipe.when:
        words.append(f"when {recipe.when}")
    if not recipe.consistent:
        words.append("at random")
    return escaped(", ".join(words))


def _quoted(name: str) -> str:
    inside = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped(inside)}"'
