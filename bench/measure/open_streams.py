"""
Our probes as a client of the load server: N `chat_stream` probes open at a time, in a process with nothing else in it.

`python -m bench.measure.open_streams --url URL --streams N --requests R --tokens T --out FILE` writes one JSON object a
line for each probe. What is ours is in `probed`; everything else only keeps N of them going.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from probes.connection import Connections
from probes.contract import Ask, Subject
from probes.kinds.chat_stream import ChatStreamModule, chat_stream
from probes.phases import CURRENT
from probes.reading_loop import probing_loop
from schemas.fleet import Place, Target
from schemas.still_memory import leave_still
from touchstone.system_clock import SystemClock

PATIENCE_S = 110.0


def subject_of(url: str, tokens: int) -> Subject:
    """The load server as a target."""
    target = Target(model="tiny", url=f"{url}/v1", modules=("chat",))
    module = ChatStreamModule(
        kind="chat_stream", timeout=PATIENCE_S, ttft_timeout=PATIENCE_S, stall_timeout=PATIENCE_S, max_tokens=tokens
    )
    return Subject(Place("bench", "bench/here", "bench/here/load", "", target), "chat", module)


async def probed(ask: Ask) -> dict[str, Any]:
    """One probe: what it found, and the instant of its request's last byte that its timings count from."""
    finding = await chat_stream(ask)
    phases = CURRENT.get()
    assert phases is not None
    return {
        "nonce": ask.nonce,
        "outcome": finding.outcome,
        "reason": finding.reason,
        "stamp": finding.instrument.stamp,
        "merged_reads": finding.instrument.merged_reads,
        "sent_ns": round((phases.sent or 0.0) * 1e9),
        "first_token_ms": finding.timings.first_token_ms,
        "arrivals_ms": finding.timings.arrivals_ms,
    }


async def keep_open(url: str, streams: int, requests: int, tokens: int) -> list[dict[str, Any]]:
    """*requests* probes, *streams* at a time."""
    subject, clock, turn, found = subject_of(url, tokens), SystemClock(), asyncio.Lock(), []

    async def work(nonces: Iterator[str]) -> None:
        for nonce in nonces:
            found.append(await probed(Ask(subject, nonce, False, connections, clock, turn)))

    nonces = (f"{number:016x}" for number in range(requests))
    async with Connections() as connections:
        await asyncio.gather(*(work(nonces) for _ in range(streams)))
    return found


def main() -> None:
    """Probe, then write what was found."""
    parser = argparse.ArgumentParser(description="Keep chat_stream probes open against the load server.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--out", type=Path, required=True)
    for name in ("streams", "requests", "tokens"):
        parser.add_argument(f"--{name}", type=int, required=True)
    chosen = parser.parse_args()
    leave_still()
    with asyncio.Runner(loop_factory=probing_loop) as runner:
        found = runner.run(keep_open(chosen.url, chosen.streams, chosen.requests, chosen.tokens))
    chosen.out.write_text("".join(json.dumps(row) + "\n" for row in found))


if __name__ == "__main__":
    main()
