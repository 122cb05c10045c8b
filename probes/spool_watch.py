"""Watches what waits in the spools and what their bounds have cost, and tells the operator of every new cost."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from probes.spool import Ledger
from schemas.clock import Clock
from schemas.errors import SpoolError

logger = logging.getLogger(__name__)

LOOK_S = 1.0
SAY_S = 60.0  # between two lines about costs that grow


async def keep_watching(look: Callable[[], Awaitable[Ledger]], tell: Callable[[Ledger], None], clock: Clock) -> None:
    """Look every second until cancelled; *tell* hears of every look, the log of new costs, once a minute at most."""
    said: Mapping[str, int] | None = None
    said_at = -SAY_S
    while True:
        try:
            ledger = await look()
        except SpoolError as error:
            logger.warning("%s", error)
        else:
            tell(ledger)
            now = clock.monotonic()
            if said is None:
                said = ledger.costs  # what an earlier process was told
            elif ledger.costs != said and now - said_at >= SAY_S:
                logger.error("%s", costs_said(ledger, said))
                said, said_at = ledger.costs, now
        await clock.sleep(LOOK_S)


def costs_said(ledger: Ledger, before: Mapping[str, int]) -> str:
    """What the spools' bounds cost since *before*, in words."""
    grown = {name: value - before.get(name, 0) for name, value in sorted(ledger.costs.items())}
    parts = ", ".join(f"{more} {name.replace('_', ' by ')}" for name, more in grown.items() if more)
    return (
        f"the spool is full: {parts}. Shortened observations become not_observed (observer_spool), dropped ones are "
        f"gone; {ledger.pending} wait"
    )
