"""Reads a closed stream's events into an Answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from probes.answer import Answer, Dialect, beginning
from probes.failure import message_in
from probes.mould import Mould, mould_of
from probes.server_sent_events import events
from probes.stream_reader import Body

END_MARKER = b"[DONE]"
MOULDS_MAX = 4  # tried of one stream: servers whose events differ in more than the text have none


def reading(answer: Answer, body: Body, dialect: Dialect) -> Iterator[None]:
    """Fill *answer* with what *body* says, one event at each step, so that a long one can be read with pauses."""
    mould: Mould | None = None
    moulds_left = MOULDS_MAX
    for kind, data, at, closed in events(body):
        answer.events += 1
        if mould is not None and (text := mould.text_in(data)) is not None and kind != "error":
            if text:
                answer.say(text)
                answer.arrivals.append(at)
            yield
            continue
        if data.strip() == END_MARKER:
            answer.done = True
            return
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            answer.cut = not closed
            answer.broken = f"not JSON: {beginning(data)}" if closed else None
            return
        message = message_in(value)
        if message is not None or kind == "error":
            answer.error = message or data[:200].decode(errors="replace")
            return
        if not isinstance(value, dict):
            answer.broken = f"not an object: {beginning(data)}"
            return
        spoke = _take(answer, dialect, value, at)
        if answer.error is not None:
            return
        if spoke and moulds_left:
            mould, moulds_left = mould_of(data, dialect.take) or mould, moulds_left - 1
        yield


def _take(answer: Answer, dialect: Dialect, value: dict[str, Any], at: float) -> bool:
    """Add one event; it is one arrival, however many pieces it holds. Whether it held any."""
    pieces = answer.pieces
    dialect.take(answer, value)
    if answer.thoughts and answer.reasoning_at is None:
        answer.reasoning_at = at
    if answer.pieces == pieces:
        return False
    answer.arrivals.append(at)
    return True
