"""Capabilities: random bits in a URL that are the permission to read what it names."""

import re
import secrets

BYTES = 16
_SHAPE = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)


def new_capability() -> str:
    """128 random bits in hex: whoever knows them may read."""
    return secrets.token_hex(BYTES)


def is_capability(text: str) -> bool:
    """False for what cannot be one, so that no store is asked for it."""
    return _SHAPE.fullmatch(text) is not None
