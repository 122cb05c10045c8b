"""How the process that serves the dashboard answers whoever connects, seen from outside."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.stores import first_document
from touchstone.address import free_port

PIDFD_GETFD = 438  # asm-generic/unistd.h
SETTINGS = """
version: 1
fleet: fleet.yaml
store: {url: "http://127.0.0.1:9"}
modules: {chat: {kind: chat_stream}}
"""
FLEET = """
providers: {acme: {clusters: {east: {targets: {chat: {model: m, url: "http://127.0.0.1:9/v1", modules: [chat]}}}}}}
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process look at another's sockets")


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The process of a dashboard whose store is silent, and its port."""
    (tmp_path / "touchstone.yaml").write_text(SETTINGS)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    port = free_port()
    words = ["-m", "touchstone", "-c", "touchstone.yaml", "dashboard", "--listen", f"127.0.0.1:{port}", "--json"]
    process = subprocess.Popen([sys.executable, *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        first_document(process)
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def sockets_of(pid: int) -> Iterator[socket.socket]:
    """The sockets of another process, each ours as well until the next is asked for."""
    process = os.pidfd_open(pid)
    try:
        for path in Path(f"/proc/{pid}/fd").iterdir():
            number = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, process, int(path.name), 0)
            assert number >= 0, os.strerror(ctypes.get_errno())
            try:
                one = socket.socket(fileno=number)
            except OSError:  # no socket
                os.close(number)
                continue
            with one:
                yield one
    finally:
        os.close(process)


def test_what_it_answers_waits_for_no_acknowledgement(dashboard: tuple[int, int]) -> None:
    """A connection has TCP_NODELAY: else a browser acknowledges the first small piece of an answer 40 ms late."""
    pid, port = dashboard
    with socket.create_connection(("127.0.0.1", port)) as ours:
        ours.sendall(b"GET /_stcore/health HTTP/1.1\r\nhost: a\r\n\r\n")
        assert ours.recv(12) == b"HTTP/1.1 200"
        found = []
        for one in sockets_of(pid):
            with suppress(OSError):  # not connected, or gone by now
                if one.family == socket.AF_INET and one.getpeername() == ours.getsockname():
                    found.append(bool(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))

    assert found == [True]
