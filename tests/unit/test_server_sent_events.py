"""Events of a stream, whatever its lines end with, each with the stamp of the read that completed it."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from probes.server_sent_events import Event, events
from probes.stream_reader import Body

PARTS = (b"data", b"event", b"id", b":", b": ", b" ", b"x", b"\n", b"\r\n", b"\r", b"\n\n", b"data: 1\n\n", b"\xff")


def body_of(pieces: list[bytes]) -> Body:
    """What *pieces* make when each came in a read of its own, a second after the one before."""
    ends = tuple(accumulate(map(len, pieces)))
    return Body(b"".join(pieces), sum(map(len, pieces)), tuple(float(at) for at in range(len(ends))), ends)


def plainly(body: Body) -> list[Event]:
    """The same by the letter of the standard: every line by itself, its name and its value."""
    kind, data, offset, found = "", list[bytes](), 0, list[Event]()

    def at(end: int) -> float:
        return body.stamps[min(bisect_left(body.ends, end), len(body.ends) - 1)]

    for ended in body.content.splitlines(keepends=True):
        offset += len(ended)
        line = ended.rstrip(b"\r\n")
        if not line:
            found += [(kind, b"\n".join(data), at(offset), True)] if data else []
            kind, data = "", []
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            kind = value.removeprefix(b" ").decode(errors="replace")
    return found + ([(kind, b"\n".join(data), at(offset), False)] if data else [])


def test_an_event_has_the_stamp_of_the_read_that_completed_it() -> None:
    """Not of the one that began it; a type is of one event only, a comment of none, and a cut one is told."""
    pieces = [b"event: error\nda", b"ta: a\ndata:b\r\n", b"\n: ping\n\n", b"data: c\n\ndata: d\n\ndata\n"]

    assert list(events(body_of(pieces))) == [
        ("error", b"a\nb", 2.0, True),
        ("", b"c", 3.0, True),
        ("", b"d", 3.0, True),
        ("", b"", 3.0, False),
    ]


def test_nothing_has_no_events() -> None:
    """A body that never came."""
    assert list(events(Body())) == []


@given(st.lists(st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map(b"".join), max_size=8))
def test_every_line_is_read_by_the_letter(pieces: list[bytes]) -> None:
    """However the stream is cut."""
    body = body_of(pieces)

    assert list(events(body)) == plainly(body)
