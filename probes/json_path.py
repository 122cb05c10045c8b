"""Reads a place in parsed JSON of which nothing is known; a place that is not there is None, never an exception."""

from __future__ import annotations

from typing import Any


def found(value: Any, *path: str | int) -> Any:
    """What stands in *value* at *path* (names of objects, indices >= 0 of lists); None where there is no such place."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in the list *value*, others left out; none when it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
