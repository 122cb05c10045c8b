"""A command that runs once, without a shell: bounded in time and output, and never outlived by what it started."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from schemas.errors import TouchstoneError

STDOUT_BYTES_MAX = 256 * 1024
STDERR_BYTES_KEPT = 64 * 1024  # its end; the rest is read and dropped
TERM_S = 2.0  # from SIGTERM to SIGKILL
DRAIN_S = 1.0  # for what is still in the pipes; a process that left the group may hold them open


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command: its exit *status* (below zero: the signal that ended it), None when we ended it."""

    status: int | None
    stdout: bytes
    stderr: bytes
    overflowed: bool


async def run_command(command: Sequence[str], environ: Mapping[str, str], *, timeout_s: float) -> Ran:
    """
    Run *command* with *environ* and nothing else; at the end, or after *timeout_s*, its whole process group is ended.

    Raises TouchstoneError when it cannot be started.
    """
    loop, output = asyncio.get_running_loop(), _Output()
    try:
        running, _ = await loop.subprocess_exec(
            lambda: output, *command, env=dict(environ), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise TouchstoneError(f"{command[0]} cannot be started: {error.strerror or error}") from error
    try:
        await _within(timeout_s, output.enough)
        status = running.get_returncode()
    finally:
        await _ended(running, output)
    return Ran(status, bytes(output.stdout), bytes(output.stderr), output.overflowed)


async def _ended(running: asyncio.SubprocessTransport, output: _Output) -> None:
    """End what still runs of the group: the leader is asked first, and whatever is left is killed."""
    group = running.get_pid()
    try:
        if not output.exited.is_set():
            _signal(group, signal.SIGTERM)
            await _within(TERM_S, output.exited)
    finally:
        _signal(group, signal.SIGKILL)
    try:
        await _within(DRAIN_S, output.exited)
        await _within(DRAIN_S, output.closed)
    finally:
        running.close()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # gone already, or another user's by now
        os.killpg(group, number)


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Wait for *event*, so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class _Output(asyncio.SubprocessProtocol):
    """What the command says; *enough* is set at its exit, or when it says too much."""

    def __init__(self) -> None:
        self.stdout, self.stderr, self.overflowed = bytearray(), bytearray(), False
        self.exited, self.closed, self.enough = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._open = {1, 2}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self.stderr += data
            del self.stderr[:-STDERR_BYTES_KEPT]
        elif len(self.stdout) + len(data) > STDOUT_BYTES_MAX:
            self.overflowed = True
            self.enough.set()
        else:
            self.stdout += data

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        if not self._open:
            self.closed.set()

    def process_exited(self) -> None:
        self.exited.set()
        self.enough.set()
