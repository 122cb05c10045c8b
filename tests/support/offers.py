"""Blocks of requests with their tokens, written short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from collector.judgement.value.facts import TargetBlocks
from schemas.fleet import Price

START = datetime(2026, 10, 1, tzinfo=UTC)
PRICE = Price(tokens_in=Decimal("0.20"), tokens_out=Decimal("0.60"))


def target_block(
    number: int = 0,
    *,
    target: str = "acme/east/chat",
    ok: int = 100,
    degraded: int = 0,
    failed: int = 0,
    unknown: int = 0,
    not_observed: int = 0,
    prompt: int = 10,
    answer: int = 20,
) -> TargetBlocks:
    """Block *number* of *target*: every answer has *prompt* and *answer* tokens, one that failed is not billed."""
    start, billed = START + timedelta(hours=6 * number), ok + degraded
    counts = np.array([[ok, degraded, failed, unknown, not_observed]])
    columns = ([int(start.timestamp())], counts, [billed * prompt], [billed * answer], [ok * answer])
    return TargetBlocks(target.rpartition("/")[0], target, *map(np.array, columns))
