"""Blocks of requests with their tokens, written short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from collector.judgement.facts import Block
from collector.judgement.value.facts import TargetBlock
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
) -> TargetBlock:
    """Block *number* of *target*: every answer has *prompt* and *answer* tokens, one that failed is not billed."""
    cluster, billed = target.rpartition("/")[0], ok + degraded
    counts = Block(cluster, START + timedelta(hours=6 * number), ok, degraded, failed, unknown, not_observed)
    return TargetBlock(target, counts, billed * prompt, billed * answer, ok * answer)
