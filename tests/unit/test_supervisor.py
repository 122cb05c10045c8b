"""The supervisor's children, as the kernel has them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from touchstone.supervisor import Program, Supervisor
from touchstone.system_clock import SystemClock

AUTOGROUP = Path("/proc/self/autogroup")


def niceness(pid: int) -> tuple[int, int]:
    """Of a process, and of its session: `/autogroup-11 nice 5`."""
    return os.getpriority(os.PRIO_PROCESS, pid), int(Path(f"/proc/{pid}/autogroup").read_text().split()[-1])


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group processes by session")
def test_a_nice_child_is_nice_among_the_other_sessions() -> None:
    """Each child has a session of its own: it is the session's niceness that the agent beside it feels."""

    async def found() -> tuple[int, int]:
        changed = asyncio.Event()
        supervisor = Supervisor(None, dict(os.environ), SystemClock(), changed.set)
        child = supervisor.start(Program("receiver", ("receiver", "--listen", "127.0.0.1:0"), nice=5))
        try:
            async with asyncio.timeout(60):
                await changed.wait()
            return niceness(child.pid or 0)
        finally:
            await supervisor.stop("receiver")

    assert asyncio.run(found()) == (5, 5)
