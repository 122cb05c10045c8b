"""What is known of one provider over a window, as known at its end: for scorecards, contracts and examinations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from collector.judgement.beside import Side, first_tokens_of
from collector.judgement.facts import Block, ProviderFacts, summed
from collector.judgement.first_token import FirstTokens, by_connection
from collector.judgement.sla.account import Share
from collector.judgement.sla.record import Control, Record
from collector.storage import card_queries, contract_queries, day_bars, rollup_sql, sample_queries, side_queries
from collector.storage.at_once import at_once
from collector.storage.cover import Cover
from collector.storage.day_bars import DayBar
from collector.storage.last_observed import last_observed
from collector.storage.open_store import OpenStore
from collector.storage.sample_queries import SAMPLES_READ_MAX, SampleWindow, samples_of, window_of


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What is known of one cluster over a window."""

    cluster: str
    blocks: tuple[Block, ...]
    reasons: dict[str, int]
    first_tokens: tuple[FirstTokens, ...]


@dataclass(frozen=True, slots=True)
class ProviderSummary:
    """The facts of a provider over a window, whole and by cluster, as they were known at its end."""

    facts: ProviderFacts
    clusters: tuple[ClusterFacts, ...]
    simulated: bool


class Summarised(OpenStore):
    """A provider's record, in an open store."""

    def records(self, share: Share, at: datetime) -> tuple[Record, ...]:
        """What was seen of every unit of a commitment in a month, as known at *at*."""
        return contract_queries.records(self._rows, share, at)

    def failures(self, share: Share, at: datetime) -> Sequence[Sequence[Any]]:
        """The requests that count against the provider: values as contract_queries.FAILURE_COLUMNS says."""
        return contract_queries.failures(self._rows, share, at)

    def controls(self, share: Share, at: datetime, numbers: Sequence[int]) -> dict[int, Control]:
        """How requests to all other providers fared in the slots *numbers*."""
        return contract_queries.controls(self._rows, share, at, numbers)

    def provider_summary(
        self,
        provider: str,
        start: datetime,
        end: datetime,
        *,
        block_s: float = 21_600.0,
        cover: Cover | None = None,
        sides: Sequence[Side] | None = None,
    ) -> ProviderSummary:
        """
        What is known of *provider* over [start, end), from rows taken in before *end*: the same for ever.

        *cover*, as `Reader.sides` takes it, and *sides* where they were read already.
        """
        cover = cover or Cover.read(self._rows, start, end, at=end, marks=rollup_sql.COMPARED)
        which = (self._rows, cover, provider, start, end)
        clusters: dict[str, ClusterFacts] = {}
        if sides is None:
            sides = side_queries.sides(*which)
        found: tuple[Any, ...] = at_once(
            lambda: card_queries.ticks(*which),
            lambda: card_queries.blocks(*which, block_s=block_s),
            lambda: card_queries.reasons(*which),
            lambda: card_queries.any_simulated(*which),
        )
        ticks, blocks, reasons, simulated = found
        for block in blocks:
            of = block.cluster
            known = clusters.setdefault(of, ClusterFacts(of, (), {}, first_tokens_of(sides, of)))
            clusters[of] = replace(known, blocks=(*known.blocks, block))
        for cluster, reason, n in reasons:
            clusters[cluster].reasons[reason] = n
        return ProviderSummary(
            ProviderFacts(
                provider=provider,
                blocks=tuple(block for facts in clusters.values() for block in facts.blocks),
                reasons=summed(facts.reasons for facts in clusters.values()),
                ttft_hists={
                    part.connection: part.answered
                    for part in by_connection(part for facts in clusters.values() for part in facts.first_tokens)
                },
                first_tick=ticks[0] if ticks else None,
                last_tick=ticks[1] if ticks else None,
            ),
            tuple(clusters.values()),
            simulated,
        )

    def days_as_known(self, start: datetime, end: datetime, *, provider: str = "") -> tuple[DayBar, ...]:
        """Counts by cluster and UTC day over [start, end), of one provider or of all, as known at *end*."""
        return day_bars.day_bars(self._rows, start, end, at=end, provider=provider)

    def observed_at(self, start: datetime, end: datetime) -> dict[str, datetime]:
        """When each provider was observed last in [start, end), by rows taken in before *end*."""
        return last_observed(self._rows, start, end)

    def samples(
        self,
        series: Sequence[str],
        start: datetime,
        end: datetime,
        at: datetime,
        *,
        provider: str = "",
        target: str = "",
        limit: int = SAMPLES_READ_MAX,
    ) -> SampleWindow:
        """As ClickHouse.samples."""
        window = window_of(start, end, at, provider=provider, target=target)
        limit = min(limit, SAMPLES_READ_MAX)
        return samples_of(self._rows(sample_queries.SAMPLES, **window, series=list(series), limit=limit), limit)
