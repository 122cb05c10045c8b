"""Server-sent events of a closed stream, each with the instant at which its last byte arrived (WHATWG HTML, 9.2)."""

from __future__ import annotations

from collections.abc import Iterator

from probes.stream_reader import Body

Event = tuple[str, bytes, float, bool]
"""Its type (empty: message), its data, when it was complete (s), and whether the stream ended it with a blank line."""


def events(body: Body) -> Iterator[Event]:
    """The events of *body* in order; comments and unknown fields are left out."""
    assert body.ends or not body.content
    kind, offset = "", 0
    data: list[bytes] = []
    reads, read_to, at = zip(body.ends, body.stamps, strict=True), 0, 0.0
    for ended in body.content.splitlines(keepends=True):
        offset += len(ended)
        while read_to < offset:
            read_to, at = next(reads, (offset, at))
        line = ended.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line:
            if data:
                yield kind, b"\n".join(data), at, True
                data = []
            kind = ""
        elif line == b"data":
            data.append(b"")
        elif line.startswith(b"event:"):
            kind = line[6:].removeprefix(b" ").decode(errors="replace")
        elif line == b"event":
            kind = ""
    if data:
        yield kind, b"\n".join(data), at, False
