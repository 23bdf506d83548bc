"""What the makers' libraries have to say in their logs, which people are not shown."""

from __future__ import annotations

import logging


def quiet(*libraries: str) -> None:
    """Keep what `libraries` log off the screen, unless somebody set up a handler for it.

    Python prints warnings that no handler takes; and what matters of them our errors say.
    """
    for name in libraries:
        logger = logging.getLogger(name)
        if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            logger.addHandler(logging.NullHandler())
