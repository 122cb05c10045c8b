"""One plain HTTP exchange: a request and its whole body. And the finding of a request that got no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from probes.contract import Ask, Finding
from probes.failure import SERVER_ERRORS, detail_of, reason_of_error, said
from probes.phases import Phases
from probes.stream_reader import Body, Ending, read_body
from schemas.observation import Outcome, Reason

_ENDINGS = {
    Ending.LOST: Reason.CONNECTION_LOST,
    Ending.TOO_LARGE: Reason.ANSWER_TOO_LARGE,
    Ending.UNDECODABLE: Reason.BAD_STREAM,
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer: its status, its body as far as it came, and when."""

    status: int
    body: Body
    phases: Phases

    @property
    def unread(self) -> Reason | None:
        """Why the body is not whole; None when it is."""
        return None if self.body.ending is Ending.EOF else _ENDINGS.get(self.body.ending, Reason.TOTAL_TIMEOUT)


async def exchanged(
    ask: Ask, method: str, url: str, *, headers: Mapping[str, str], json: Any = None
) -> Exchange | Finding:
    """The answer within the module's timeout; a Finding when there is none."""
    module, target = ask.subject.module, ask.subject.place.target
    phases = Phases(ask.clock)
    deadline = phases.start + module.timeout
    try:
        async with asyncio.timeout(module.timeout):
            response = await ask.connections.request(
                method, url, target, headers=headers, phases=phases, json=json, warm=ask.warm
            )
    except SERVER_ERRORS as error:
        phases.finish()
        reason = reason_of_error(error, phases)
        late = f"no answer within {module.timeout:g} s" if isinstance(error, TimeoutError) else ""
        reason = Reason.TOTAL_TIMEOUT if reason is Reason.TTFT_TIMEOUT else reason
        return failed(ask, phases, reason, said(error) or late)
    try:
        body = await read_body(
            response, phases, ask.turn, first_s=module.timeout, stall_s=module.timeout, deadline=deadline
        )
    finally:
        response.close()
    return Exchange(response.status, body, phases)


def failed(ask: Ask, phases: Phases, reason: Reason, detail: str) -> Finding:
    """A request that failed."""
    return Finding(
        outcome=Outcome.FAILED,
        reason=reason,
        detail=detail_of(detail, ask.subject.bearer),
        timings=phases.timings(),
        instrument=phases.instrument(),
    )
