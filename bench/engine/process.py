"""A server process in its own session: started on one core, watched until it answers, ended with all its children."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.engine.errors import EngineFailed

POLL_S = 0.25
TERM_S = 20.0  # vLLM takes two or three seconds to end its workers
LOG_TAIL_BYTES = 2_000

# A proxy named in the environment must never stand between us and loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def pinned(command: Sequence[str]) -> list[str]:
    """*command* on the last core that this process may use, so that the prober keeps the others; as it is on one."""
    cores = sorted(os.sched_getaffinity(0))
    taskset = shutil.which("taskset")
    return [taskset, "-c", str(cores[-1]), *command] if taskset and len(cores) > 1 else list(command)


@contextmanager
def running(command: Sequence[str], *, environ: Mapping[str, str], folder: Path, log: Path) -> Iterator[int]:
    """*command* leading its own session, its output in *log*; gives its pid and ends its group on the way out."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        leader = subprocess.Popen(
            command,
            env={**os.environ, **environ},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield leader.pid
    finally:
        _end_group(leader.pid)
        leader.wait()


def wait_until_healthy(pid: int, url: str, *, log: Path, within_s: float) -> float:
    """Seconds until *url* answered 200; raises EngineFailed when process *pid* ends first or the time is up."""
    start = time.monotonic()
    while (waited := time.monotonic() - start) < within_s:
        if _has_ended(pid):
            raise EngineFailed(f"ended after {waited:.0f} s, before it was healthy\n{tail(log)}")
        if _answers(url):
            return waited
        time.sleep(POLL_S)
    raise EngineFailed(f"{url} was not healthy within {within_s:.0f} s\n{tail(log)}")


def wait_until_ended(pid: int) -> None:
    """Block for as long as the child runs."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def post(url: str, body: bytes, *, within_s: float) -> bytes:
    """The whole answer to a JSON body; raises EngineFailed for anything but 200."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with _OPENER.open(request, timeout=within_s) as answer:
            whole: bytes = answer.read()
            return whole
    except urllib.error.HTTPError as error:
        raise EngineFailed(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from error
    except OSError as error:
        raise EngineFailed(f"{url}: {error}") from error


def tail(log: Path) -> str:
    """The end of a log, whole lines."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LOG_TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[1:] if size > LOG_TAIL_BYTES else lines)


def _answers(url: str) -> bool:
    try:
        with _OPENER.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _has_ended(pid: int) -> bool:
    """Whether the child has exited. It is not reaped, so its pid cannot come to mean another process."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end_group(pid: int) -> None:
    """SIGTERM to the leader's group, SIGKILL to whatever of it is left when the leader has gone or the time is up."""
    os.killpg(pid, signal.SIGTERM)
    deadline = time.monotonic() + TERM_S
    while time.monotonic() < deadline and not _has_ended(pid):
        time.sleep(POLL_S)
    os.killpg(pid, signal.SIGKILL)
