"""`tcp_connect`: a TCP connection to the target's host and port, made and closed."""

from __future__ import annotations

import asyncio
from typing import Literal

from probes.contract import Ask, Finding
from probes.endpoint import Approach
from probes.failure import SERVER_ERRORS
from schemas.config import Module
from schemas.observation import Outcome
from schemas.quantity import DurationS


class TcpConnectModule(Module):
    """A TCP connection, made and closed."""

    kind: Literal["tcp_connect"]
    timeout: DurationS = 5.0
    connection: Literal["cold"] = "cold"


async def tcp_connect(ask: Ask) -> Finding:
    """Connect and say what became of it; nothing is sent."""
    subject = ask.subject
    approach = Approach.to(subject.place.target.url, ask.clock)
    try:
        async with asyncio.timeout(subject.module.timeout):
            made = await approach.connect()
    except SERVER_ERRORS as error:
        return approach.failed(error, subject)
    made.close()
    return Finding(outcome=Outcome.OK, timings=approach.timings())
