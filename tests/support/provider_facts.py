"""The facts of a provider, made by hand: blocks of time with what was seen in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from collector.judgement.facts import Block, ProviderFacts, bucket_of

AT = datetime(2026, 11, 24, tzinfo=UTC)
BLOCK = timedelta(hours=6)
PER_BLOCK = 360  # one probe a minute


def block(number: int = 0, **counts: int) -> Block:
    """The block *number* before AT of the only cluster; counts by name without `n_`."""
    return Block("acme/east", AT - BLOCK * (number + 1), **{f"n_{name}": count for name, count in counts.items()})


def steady(days: float = 30, *, failed: int = 0, per_block: int = PER_BLOCK, **more: int) -> list[Block]:
    """Blocks of *per_block* known probes, *failed* of them failed in each: independent, as far as one can see."""
    return [block(number, ok=per_block - failed, failed=failed, **more) for number in range(round(days * 4))]


def facts(
    blocks: list[Block],
    *,
    ttft_ms: float = 400.0,
    reasons: Mapping[str, int] | None = None,
) -> ProviderFacts:
    """The facts of `acme` with these blocks, every answer's first token after *ttft_ms*."""
    answered = sum(block.good for block in blocks)
    return ProviderFacts(
        provider="acme",
        blocks=tuple(blocks),
        reasons=reasons or {},
        ttft_hists={"cold": {bucket_of(ttft_ms): answered}} if answered else {},
        first_tick=min(block.start for block in blocks) if blocks else None,
        last_tick=max(block.start for block in blocks) + BLOCK if blocks else None,
    )
