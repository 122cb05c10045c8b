"""The plainest way to read a stream: every event for itself, as if there had been none before it."""

from __future__ import annotations

from probes.answer import Answer, Dialect
from probes.answer_reading import reading
from probes.server_sent_events import events
from probes.stream_reader import Body


def plainly(body: Body, dialect: Dialect) -> Answer:
    """What *body* says, each of its events read as a stream of its own."""
    answer = Answer()
    for kind, data, at, closed in events(body):
        lines = [f"event: {kind}".encode()] if kind else []
        lines += [b"data: " + line for line in data.split(b"\n")]
        content = b"\n".join(lines) + (b"\n\n" if closed else b"\n")
        alone = Body(content, len(content), (at,), (len(content),), body.ending)
        if not list(reading(answer, alone, dialect)):
            break
    return answer
