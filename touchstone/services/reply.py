"""What a service is asked, and what it answers; and the few checks that several of them make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the parts of its path by name, its query and headers, its body."""

    parts: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """*answer* is JSON, or bytes as they are. *key* is that of the incident, *said* one line for a terminal."""

    status: int
    answer: Any = None
    key: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """
    A service by its *name*, with its *routes* (as aiohttp writes them) and who judges what is posted there.

    rate_limited makes its answer to one who must wait so many seconds.
    """

    name: str
    routes: tuple[str, ...]
    judge: Callable[[Asked], Reply]
    rate_limited: Callable[[float], Any] = field(default=lambda _seconds: {"error": "told to fail"})


def document_of(body: bytes) -> Any:
    """*body* as JSON; None when it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def mapping(value: Any) -> dict[str, Any]:
    """*value*, or an empty one when it is no mapping."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """*value*, or an empty list when it is none."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """*value*, or '' when it is no text."""
    return value if isinstance(value, str) else ""


def units(value: Any) -> int:
    """Characters of a text as JavaScript counts them; 0 for anything else."""
    return len(text(value).encode("utf-16-le", errors="replace")) // 2
