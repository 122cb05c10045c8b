"""What our probes saw of a provider, and beside it what real traffic saw: the same figures of both, each with its n."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from collector.judgement.availability import bounded, moments
from collector.judgement.double_standard import DoubleStandard
from collector.judgement.facts import Block
from collector.judgement.first_token import FirstTokens, Percentiles, merged, percentiles
from collector.judgement.plain_values import plain


@dataclass(frozen=True, slots=True)
class Side:
    """What one source (`active`, `passive`) saw of one cluster over one kind of connection."""

    cluster: str
    source: str
    blocks: tuple[Block, ...]
    first_tokens: FirstTokens

    @property
    def connection(self) -> str:
        """What the requests went over; unknown for real traffic."""
        return self.first_tokens.connection


@dataclass(frozen=True, slots=True, kw_only=True)
class SideLine:
    """
    One row of the comparison: *name* is the provider or a cluster.

    n counts requests that were answered or failed by the provider's fault; failed_share is of them, None without any,
    with one-sided bounds on the effective sample. n_unknown: failed, but by the caller's or nobody's fault.
    """

    name: str
    source: str
    connection: str
    n: int
    n_failed: int
    n_unknown: int
    failed_share: float | None
    failed_low: float | None
    failed_high: float | None
    ttft: Percentiles


@dataclass(frozen=True, slots=True)
class Beside:
    """Both sides of one provider over [start, end), and whether they differ more than chance allows."""

    provider: str
    start: datetime
    end: datetime
    confidence: float
    lines: tuple[SideLine, ...]
    standard: DoubleStandard

    @property
    def any_passive(self) -> bool:
        """Whether real traffic was seen at all."""
        return any(line.source == "passive" for line in self.lines)

    def of(self, name: str) -> tuple[SideLine, ...]:
        """The lines of the provider or of one cluster."""
        return tuple(line for line in self.lines if line.name == name)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, floats to nine digits, times in ISO 8601."""
        whole: dict[str, Any] = plain(asdict(self))
        return whole | {"reasons": list(self.standard.reasons)}


def side_lines(provider: str, sides: Sequence[Side], *, confidence: float) -> tuple[SideLine, ...]:
    """The lines of the whole provider, then of each cluster; probes before traffic, cold before warm."""
    names = (provider, *sorted({side.cluster for side in sides}))
    kinds = sorted({(side.source, side.connection) for side in sides})
    found = []
    for name in names:
        for source, connection in kinds:
            mine = [
                side
                for side in sides
                if (side.source, side.connection) == (source, connection) and name in {provider, side.cluster}
            ]
            if mine:
                found.append(_line(name, source, connection, mine, confidence))
    return tuple(found)


def _line(name: str, source: str, connection: str, sides: Sequence[Side], confidence: float) -> SideLine:
    blocks = [block for side in sides for block in side.blocks]
    seen = moments(blocks)
    n, n_failed = seen.known, seen.failed
    low: float | None = None
    high: float | None = None
    if n:
        low, high = bounded(n_failed / n, seen, confidence=confidence)
    return SideLine(
        name=name,
        source=source,
        connection=connection,
        n=n,
        n_failed=n_failed,
        n_unknown=sum(block.n_unknown for block in blocks),
        failed_share=n_failed / n if n else None,
        failed_low=low,
        failed_high=high,
        ttft=percentiles(merged((side.first_tokens for side in sides), connection)),
    )


def first_tokens_of(sides: Iterable[Side], cluster: str) -> tuple[FirstTokens, ...]:
    """Our own probes' times to first token of *cluster*, by connection."""
    return tuple(side.first_tokens for side in sides if side.source == "active" and side.cluster == cluster)
