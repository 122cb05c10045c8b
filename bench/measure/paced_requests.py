"""GETs at a fixed rate, whatever the answers do (open loop), each with the instant at which it was written."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

CONNECTIONS_MAX = 2_000
LAST_ANSWERS_S = 2.0
READ_BYTES = 65_536
ANSWER_BYTES_MAX = 1_000_000
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)


@dataclass(slots=True)
class Line:
    """One keep-alive connection and what has come of its answer."""

    socket: socket.socket
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that was written, and when (monotonic ns)."""

    number: int
    written_ns: int


def ask_paced(port: int, path_of: Callable[[int], str], *, rate_per_s: float, for_s: float) -> list[Asked]:
    """Ask 127.0.0.1:*port* for path_of(0), path_of(1), ... at *rate_per_s* for *for_s* seconds."""
    asked: list[Asked] = []
    idle: list[Line] = []
    start_s, total, opened = time.monotonic(), int(rate_per_s * for_s), 0
    with selectors.DefaultSelector() as selector:

        def take(wait_s: float) -> None:
            idle.extend(key.data for key, _ in selector.select(max(0.0, wait_s)) if _answered(key.data))

        while len(asked) < total and time.monotonic() < start_s + 2 * for_s:
            wait_s = start_s + len(asked) / rate_per_s - time.monotonic()
            take(wait_s)
            if time.monotonic() < start_s + len(asked) / rate_per_s:
                continue
            if not idle:
                if opened >= CONNECTIONS_MAX:
                    break  # it does not answer: what was not asked is missing from the count
                idle.append(_opened(port, selector))
                opened += 1
            line = idle.pop()
            request = f"GET {path_of(len(asked))} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
            asked.append(Asked(len(asked), time.monotonic_ns()))
            line.socket.sendall(request)
        deadline = time.monotonic() + LAST_ANSWERS_S
        while len(idle) < opened and time.monotonic() < deadline:
            take(deadline - time.monotonic())
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return asked


def _opened(port: int, selector: selectors.BaseSelector) -> Line:
    line = Line(socket.create_connection(("127.0.0.1", port)))
    line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(line.socket, selectors.EVENT_READ, line)
    return line


def _answered(line: Line) -> bool:
    """Take what has come; whether the answer is whole."""
    line.answer += line.socket.recv(READ_BYTES)
    head, _, body = line.answer.partition(b"\r\n\r\n")
    length = LENGTH.search(head + b"\r\n")
    whole = len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")
    if whole or len(line.answer) > ANSWER_BYTES_MAX:
        line.answer = b""
    return whole
