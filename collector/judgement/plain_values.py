"""Values as JSON has them: figures unrounded to nine digits, times in ISO 8601."""

from __future__ import annotations

from datetime import date
from typing import Any


def plain(value: Any) -> Any:
    """*value* of dicts, lists and tuples, all the way down; what is plain already stays as it is."""
    match value:
        case date():  # a datetime is one
            return value.isoformat()
        case float():
            return float(f"{value:.9g}")
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case _:
            return value
