"""Server-sent events of a closed stream, each with the instant at which its last byte arrived (WHATWG HTML, 9.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from probes.stream_reader import Body

_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|$)")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type (empty: message), its data, when it was complete (s), and whether the stream ended it."""

    kind: str
    data: bytes
    at: float
    closed: bool  # False: the stream ended before the blank line


def events(body: Body) -> Iterator[Event]:
    """The events of *body* in order; comments and unknown fields are left out."""
    kind, line_end = "", 0
    data: list[bytes] = []
    for match in _LINE.finditer(body.content):
        line = match[1]
        if match.end() == match.start():
            break
        line_end = match.end()
        if not line:
            if data:
                yield Event(kind, b"\n".join(data), body.stamp_of(line_end), closed=True)
            kind, data = "", []
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            kind = value.decode(errors="replace")
    if data:
        yield Event(kind, b"\n".join(data), body.stamp_of(line_end), closed=False)
