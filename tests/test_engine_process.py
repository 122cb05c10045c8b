"""The engine's process: waited for, told apart from a dead one, and ended with its children."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from bench.engine.errors import EngineFailed
from bench.engine.process import running, wait_until_healthy

CHILD_THAT_IGNORES_SIGTERM = """
import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("child", os.getpid(), flush=True)
time.sleep(60)
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def has_ended(pid: int) -> bool:
    """Gone, or a zombie that waits for whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_server_is_waited_for_until_it_answers(tmp_path: Path) -> None:
    """The wait ends with the first 200."""
    port, log = free_port(), tmp_path / "log"
    server = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]

    with running(server, environ={}, folder=tmp_path, log=log) as pid:
        assert wait_until_healthy(pid, f"http://127.0.0.1:{port}/", log=log, within_s=20) < 20

    assert has_ended(pid)


def test_a_server_that_ends_at_once_is_named_with_its_log(tmp_path: Path) -> None:
    """Nobody waits four minutes for a process that is gone."""
    log = tmp_path / "log"
    broken = [sys.executable, "-c", "raise SystemExit('no such model')"]

    with (
        running(broken, environ={}, folder=tmp_path, log=log) as pid,
        pytest.raises(EngineFailed, match="no such model"),
    ):
        wait_until_healthy(pid, f"http://127.0.0.1:{free_port()}/", log=log, within_s=20)


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """The bound of the wait holds."""
    log = tmp_path / "log"
    mute = [sys.executable, "-c", "import time; time.sleep(60)"]

    with running(mute, environ={}, folder=tmp_path, log=log) as pid, pytest.raises(EngineFailed, match="within 1 s"):
        wait_until_healthy(pid, f"http://127.0.0.1:{free_port()}/", log=log, within_s=1)


def test_children_that_ignore_sigterm_end_with_the_server(tmp_path: Path) -> None:
    """Nothing of the process group is left behind."""
    log = tmp_path / "log"
    with running([sys.executable, "-c", CHILD_THAT_IGNORES_SIGTERM], environ={}, folder=tmp_path, log=log) as pid:
        deadline = time.monotonic() + 10
        while "\n" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        child = int(log.read_text().split()[1])
        assert os.getpgid(child) == pid

    deadline = time.monotonic() + 5
    while not has_ended(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert has_ended(child)
