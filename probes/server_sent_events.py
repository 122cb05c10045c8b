"""Server-sent events of a closed stream, each with the instant at which its last byte arrived (WHATWG HTML, 9.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from probes.stream_reader import Body


class Event(NamedTuple):
    """One event: its type (empty: message), its data, when it was complete (s), and whether the stream ended it."""

    kind: str
    data: bytes
    at: float
    closed: bool  # False: the stream ended before the blank line


def events(body: Body) -> Iterator[Event]:
    """The events of *body* in order; comments and unknown fields are left out."""
    kind, offset = "", 0
    data: list[bytes] = []
    for ended in body.content.splitlines(keepends=True):
        offset += len(ended)
        line = ended.rstrip(b"\r\n")
        if not line:
            if data:
                yield Event(kind, b"\n".join(data), body.stamp_of(offset), closed=True)
                data = []
            kind = ""
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            kind = value.removeprefix(b" ").decode(errors="replace")
    if data:
        yield Event(kind, b"\n".join(data), body.stamp_of(offset), closed=False)
