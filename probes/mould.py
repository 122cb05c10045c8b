"""
What is the same in every event of a stream is parsed once.

A server sends the same JSON object for each token, but for the text in it. A Mould is that object without the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from probes.answer import Answer

SIGN = "\N{BLACK CHESS KNIGHT}"  # behind a text it makes one that the event does not hold


@dataclass(frozen=True, slots=True)
class Mould:
    """The bytes *before* and *after* the JSON string in an event that does nothing but say it."""

    before: bytes
    after: bytes

    def text_in(self, data: bytes) -> str | None:
        """The text that the event *data* says and does nothing else; None when it may do anything."""
        if not (data.startswith(self.before) and data.endswith(self.after)):
            return None
        try:
            text = orjson.loads(data[len(self.before) : len(data) - len(self.after)])
        except orjson.JSONDecodeError:
            return None
        return text if isinstance(text, str) else None


def mould_of(data: bytes, take: Callable[[Answer, dict[str, Any]], None]) -> Mould | None:
    """
    The Mould of the event *data*; None when *take* does more with it than add a text (an id is added by the first).

    That it is one string in one place is tried: with another text there, the event must say that one.
    """
    seen = _taken(data, take)
    if seen is None or len(seen.texts) != 1:
        return None
    text = seen.texts[0]
    if seen != Answer(texts=[text], pieces=1, id=seen.id):
        return None
    before, found, after = data.partition(orjson.dumps(text))
    if not found:
        return None
    other = _taken(before + orjson.dumps(text + SIGN) + after, take)
    return Mould(before, after) if other == Answer(texts=[text + SIGN], pieces=1, id=seen.id) else None


def _taken(data: bytes, take: Callable[[Answer, dict[str, Any]], None]) -> Answer | None:
    """What *take* makes of one event alone; None when it is no JSON object."""
    answer = Answer()
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict):
        return None
    take(answer, value)
    return answer
