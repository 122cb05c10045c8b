"""What small answers of the dashboard wait for: nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from dashboard.sending import send_at_once

Accepted = Callable[[], socket.socket]


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6])
def accepted(request: pytest.FixtureRequest) -> Iterator[Accepted]:
    """Takes in a connection as Streamlit's server does: by a socket that does not name its protocol."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket(request.param))
        listening.bind(("::1" if request.param == socket.AF_INET6 else "127.0.0.1", 0))
        listening.listen()

        def accept() -> socket.socket:
            stack.enter_context(socket.create_connection(listening.getsockname()[:2]))
            return stack.enter_context(listening.accept()[0])

        yield accept


def test_whatever_connects_from_now_on_is_answered_at_once(accepted: Accepted) -> None:
    """A connection that was there before is left as it was, and so are sockets that do not listen."""
    before = accepted()
    assert before.proto == 0 and not before.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    assert send_at_once() >= 1
    assert accepted().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert not before.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_sockets_of_other_kinds_are_left_alone() -> None:
    """One of Unix listens, too."""
    there = send_at_once()
    with socket.socket(socket.AF_UNIX) as unix, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        unix.bind("")
        unix.listen()
        datagrams.bind(("127.0.0.1", 0))
        assert send_at_once() == there
