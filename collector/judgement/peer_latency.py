"""Time to first token beside that of others: the same model at other providers, asked in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from collector.judgement.facts import ProviderFacts, quantile_ms, summed

TTFT_SHARE = 0.95  # the percentile that is compared
PEERS_MIN = 3  # fewer are no measure
ANSWERS_MIN = 100  # of a model at a provider; a percentile of fewer says little

P95s = Mapping[str, Mapping[str, float]]  # model -> provider -> ms


@dataclass(frozen=True, slots=True)
class Beside:
    """*model* takes *p95_ms* where the median of *peers* other providers is *peers_ms*; of *n* answers."""

    model: str
    p95_ms: float
    peers_ms: float
    peers: int
    n: int

    @property
    def ratio(self) -> float:
        """How many times as long it takes."""
        return self.p95_ms / self.peers_ms


def p95s(several: Mapping[str, ProviderFacts]) -> P95s:
    """The percentile of each model at each provider that gave enough answers."""
    found: dict[str, dict[str, float]] = {}
    for provider, facts in several.items():
        for model in sorted({model for _, model in facts.parts}):
            value, n = _p95(facts, model)
            if value is not None and n >= ANSWERS_MIN:
                found.setdefault(model, {})[provider] = value
    return found


def slowest(facts: ProviderFacts, known: P95s) -> Beside | None:
    """The model that is slowest beside others at the provider or part that *facts* are of; None without a measure."""
    beside = []
    for model in sorted({model for _, model in facts.parts}):
        value, n = _p95(facts, model)
        others = [ms for provider, ms in known.get(model, {}).items() if provider != facts.provider]
        if value is not None and n >= ANSWERS_MIN and len(others) >= PEERS_MIN:
            beside.append(Beside(model, value, median(others), len(others), n))
    return max(beside, key=lambda one: one.ratio, default=None)


def _p95(facts: ProviderFacts, model: str) -> tuple[float | None, int]:
    histogram = summed(one.ttft_hist for key, one in facts.parts.items() if key[1] == model)
    return quantile_ms(histogram, TTFT_SHARE), sum(histogram.values())
