"""What providers are compared by: value, relations, status pages, capacity, outages, our probes beside real traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from collector.judgement.beside import Beside, Side, side_lines
from collector.judgement.capacity.facts import CapacityFacts
from collector.judgement.correlation.buckets import Watched, seen_clearly
from collector.judgement.correlation.relations import Relations, closed_window, relations
from collector.judgement.double_standard import DoubleStandard, double_standard
from collector.judgement.honesty.account import Honesty, honesty
from collector.judgement.value.facts import ModelFacts
from collector.storage import (
    capacity_queries,
    correlation_queries,
    outage_queries,
    rollup_sql,
    side_queries,
    treatment_queries,
    value_queries,
)
from collector.storage.client import to_ms
from collector.storage.cover import Cover
from collector.storage.open_store import OpenStore
from collector.storage.outage_queries import Outage
from collector.storage.recorded import ROWS_MAX
from collector.storage.scorecard_queries import ProviderLine, line_of, scorecards


class Compared(OpenStore):
    """Providers side by side, in an open store."""

    def model_facts(self, start: datetime, at: datetime, *, block_s: float) -> tuple[ModelFacts, ...]:
        """Every model at every provider over [start, at), as known at *at*, in blocks of *block_s*."""
        return value_queries.model_facts(self._rows, start, at, int(block_s))

    def relations(self, at: datetime, days: int, models: Mapping[str, Sequence[str]]) -> Relations:
        """How providers stand to each other over the last *days*, as known at *at*; *models*: who serves each."""
        window = closed_window(at, days)
        sights = seen_clearly(
            correlation_queries.sights(self._rows, *window, at),
            correlation_queries.blindness(self._rows, *window, at),
            window[0],
        )
        return relations(
            window,
            at,
            Watched(sights),
            correlation_queries.sightings(self._rows, *window, at),
            models,
            correlation_queries.loads(self._rows, *window, at) if models else {},
        )

    def honesty(self, provider: str, begins: datetime, at: datetime) -> Honesty:
        """What the status page of *provider* said since *begins*, beside what we saw, as known at *at*."""
        return honesty(
            provider,
            begins,
            at,
            correlation_queries.outages(self._rows, provider, begins, at),
            correlation_queries.posts(self._rows, provider, begins, at, at),
            correlation_queries.reads(self._rows, provider, begins, at, at),
        )

    def capacity(self, start: datetime, at: datetime) -> CapacityFacts:
        """What engines told of themselves over [start, at), and what was refused, as known at *at*."""
        return capacity_queries.facts(self._rows, start, at)

    def compare(self, start: datetime, end: datetime) -> tuple[ProviderLine, ...]:
        """Every provider over [start, end) side by side; cheap for days when *start* is a midnight."""
        borders = Cover.days(self._rows, start, end)
        return tuple(map(line_of, self._rows(scorecards(borders), **borders)))

    def outages(
        self, start: datetime, end: datetime, *, provider: str = "", limit: int = ROWS_MAX
    ) -> tuple[Outage, ...]:
        """When at least half of what was asked of a target failed, newest first; of one provider, or of all."""
        rows = self._rows(
            outage_queries.OUTAGES,
            provider=provider,
            a=to_ms(start),
            b=to_ms(end),
            gap=outage_queries.GAP_S,
            failures=outage_queries.FAILURES_MIN,
            limit=min(limit, ROWS_MAX),
        )
        return tuple(Outage(*row) for row in rows)

    def covered(self, start: datetime, end: datetime, at: datetime | None = None) -> Cover:
        """What rollups that are compared by can serve of [start, end), as known at *at*, or now."""
        return Cover.read(self._rows, start, end, at=at, marks=rollup_sql.COMPARED)

    def sides(
        self, provider: str, start: datetime, end: datetime, *, cluster: str = "", cover: Cover | None = None
    ) -> tuple[Side, ...]:
        """
        What our probes saw of *provider* over [start, end), and what real traffic saw, as known at *end*.

        *cover* as `covered` has it of [start, end) at *end*, where it was read already.
        """
        cover = cover or self.covered(start, end, at=end)
        return side_queries.sides(self._rows, cover, provider, start, end, cluster)

    def beside(
        self,
        provider: str,
        start: datetime,
        end: datetime,
        *,
        confidence: float,
        cluster: str = "",
        as_known: bool = True,
        cover: Cover | None = None,
        sides: Sequence[Side] | None = None,
    ) -> Beside:
        """
        Both sides with their figures, and whether they differ more than chance allows; as known at *end*, or now.

        *cover*, as `sides` takes it, and *sides* where they were read already.
        """
        if sides is None:
            cover = cover or self.covered(start, end, at=end if as_known else None)
            sides = side_queries.sides(self._rows, cover, provider, start, end, cluster)
        lines = side_lines(provider, sides, confidence=confidence)
        standard = DoubleStandard(None, None)
        if any(line.source == "passive" for line in lines):
            if cover is None or cover.known > end:
                cover = self.covered(start, end, at=end)
            standard = self._double_standard(cover, provider, start, end, confidence, cluster)
        return Beside(provider, start, end, confidence, lines, standard)

    def double_standard(
        self, provider: str, start: datetime, end: datetime, *, confidence: float, cluster: str = ""
    ) -> DoubleStandard:
        """Whether *provider* treats our probes better than real traffic, without the figures of either."""
        cover = self.covered(start, end, at=end)
        return self._double_standard(cover, provider, start, end, confidence, cluster)

    def any_traffic(self, provider: str, start: datetime, end: datetime) -> bool:
        """Whether any real traffic of *provider* was seen over [start, end); cheap where `beside` is not."""
        return bool(self._rows(side_queries.ANY_TRAFFIC, **side_queries.window_of(provider, start, end))[0][0])

    def _double_standard(
        self, cover: Cover, provider: str, start: datetime, end: datetime, confidence: float, cluster: str
    ) -> DoubleStandard:
        window = side_queries.window_of(provider, start, end, cluster) | cover.within(start, end)
        strata = treatment_queries.strata_of(self._rows(treatment_queries.STRATA, **window))
        return double_standard(strata.failures, strata.first_tokens, confidence=confidence)
