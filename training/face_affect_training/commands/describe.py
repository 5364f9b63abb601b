"""To be written."""

from typing import Any


def register(subparsers: Any) -> None:
    """Add the verb."""
