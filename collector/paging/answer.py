"""What a receiver said to one attempt, in words that hold no secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from collector.paging.plain_text import clean, cut

ERROR_CHARS_MAX = 200
HIDDEN = "(hidden)"
PIECE_CHARS_MIN = 6  # shorter pieces of an address are words that anybody may say
_SAID_UNDER = ("errors", "error", "message", "detail", "code")


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a receiver said: *status* 0 means that no answer came, *error* is '' when it took the page.

    A page that there is nothing to say of at its kind of receiver is accepted with status 0, and nothing was sent.
    hopeless: it could not even be asked, and asking again would change nothing.
    """

    status: int
    error: str
    accepted: bool
    retry_after_s: float | None = None
    hopeless: bool = False


NOTHING_TO_SAY = Answer(0, "", accepted=True)


def said_words(body: bytes) -> str:
    """Why a receiver refuses, as far as *body* says it the way such services do; '' when it does not."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode(errors="replace").strip()
        return text if re.fullmatch(r"[a-z][a-z_]{2,60}", text) else ""  # Slack's
    return cut(clean(_found(document, depth=3)), ERROR_CHARS_MAX)


def hidden(text: str, secrets: Iterable[str]) -> str:
    """*text*, at most ERROR_CHARS_MAX long, without any of *secrets*, nor the longer pieces of those that are URLs."""
    for secret in sorted({piece for one in secrets for piece in _pieces(one)}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return cut(text, ERROR_CHARS_MAX)


def _pieces(secret: str) -> list[str]:
    """A secret; of an address, its parts as well, except the host of a web address, which anybody may know."""
    scheme, found, rest = secret.partition("://")
    parts = re.split(r"[/?&=#@:]", rest)[scheme in {"http", "https"} :] if found else []
    bare = [secret.removeprefix("whsec_")] if secret.startswith("whsec_") else []
    return [secret, *bare, *(part for part in parts if len(part) >= PIECE_CHARS_MIN)]


def _found(document: Any, depth: int) -> str:
    """The first words under a name that services give them."""
    if isinstance(document, str):
        return document
    if depth and isinstance(document, list):
        return "; ".join(said for one in document[:3] if (said := _found(one, depth - 1)))
    if depth and isinstance(document, dict):
        for name in _SAID_UNDER:
            if said := _found(document.get(name), depth - 1):
                return said
    return ""
