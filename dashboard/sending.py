"""Small answers leave at once."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

TCP = frozenset({socket.AF_INET, socket.AF_INET6})


def send_at_once() -> int:
    """
    Have whatever connects to this process be answered without Nagle's algorithm; how many sockets listen here.

    Streamlit binds its socket without naming the protocol, and asyncio sets TCP_NODELAY only where TCP is named. So the
    second small piece of an answer waited for the browser to acknowledge the first, which it puts off by 40 ms. A
    connection has this from the socket that took it in.
    """
    number = 0
    for path in list(Path("/dev/fd").iterdir()):
        with suppress(OSError), socket.socket(fileno=os.dup(int(path.name))) as one:  # else no socket, or gone by now
            if one.family in TCP and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                number += 1
    return number
