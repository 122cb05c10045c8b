"""What the runs of one bench gave, and the figures made of it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.chart import Panel
from bench.measure.capacity import largest_good
from bench.measure.lateness import Trial
from bench.measure.readers.kernel import KERNEL
from bench.measure.stamps import Errors
from bench.results import Figure, figure
from bench.spread import Spread, percentile, spread

OURS = "ours"
TRUE_TTFT_MS = 200.0
AGREED_MS, AGREED_SHARE = 1.0, 0.05
CPU_STREAMS = 200  # whose CPU figure has the bare name
Values = Callable[[Errors], Sequence[float]]
SHARES: Mapping[str, float] = {"p50": 0.5, "p99": 0.99, "max": 1.0}
DISTANCES: Mapping[str, Values] = {
    "ttft_error": lambda one: one.ttft_error_ms,
    "itl_error": lambda one: one.itl_error_ms,
    "stamp_error": lambda one: one.stamp_error_ms,
    "first_stamp_error": lambda one: one.first_stamp_error_ms,
}


@dataclass(slots=True)
class Collected:
    """
    Runs by what they measured: errors by (series, streams), CPU by (reader, streams), trials by (who, kind).

    *searches* are whole searches for capacity, by the same keys. *otel_ratios*: the agent's CPU with OpenTelemetry out
    over that without, by pairs of runs. *peers* are the Python tools among the series.
    """

    errors: dict[tuple[str, int], list[Errors]] = field(default_factory=lambda: defaultdict(list))
    cpu_s: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    trials: dict[tuple[str, str], list[Trial]] = field(default_factory=lambda: defaultdict(list))
    searches: dict[tuple[str, str], list[tuple[Trial, ...]]] = field(default_factory=lambda: defaultdict(list))
    otel_ratios: list[float] = field(default_factory=list)
    true_ttft_ms: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    peers: set[str] = field(default_factory=set)

    def spread_of(self, series: str, streams: int, values: Values, share: float) -> Spread | None:
        """The percentile *share* of each run, as a spread over the runs."""
        runs = [values(one) for one in self.errors.get((series, streams), ())]
        return spread([percentile(run, share) for run in runs if run])

    def stream_counts(self) -> list[int]:
        """Every number of streams that was run."""
        return sorted({streams for _, streams in self.errors})

    def series(self) -> list[str]:
        """Every series, in the order of its first run."""
        return list(dict.fromkeys(name for name, _ in self.errors))


def figures_of(collected: Collected) -> dict[str, Figure]:
    """Every figure by the name that the issue and the documentation use."""
    found: dict[str, Figure] = {}
    for streams in collected.stream_counts():
        for name, values in DISTANCES.items():
            for label, share in SHARES.items():
                found[f"{name}_{label}_ms_{streams}"] = _stream_figure(collected, streams, values, share, truth=0.0)
        for label in ("p50", "p99"):
            found[f"burst_ttft_{label}_ms_{streams}"] = _stream_figure(
                collected, streams, lambda one: one.ttft_ms, SHARES[label], truth=TRUE_TTFT_MS
            )
    for streams in sorted({streams for _, streams in collected.cpu_s}):
        suffix = "" if streams == CPU_STREAMS else f"_{streams}"
        found[f"cpu_s_per_1000_tokens{suffix}"] = _cpu_figure(collected, streams)
    for kind in dict.fromkeys(kind for _, kind in (*collected.trials, *collected.searches)):
        found |= _targets_figures(collected, kind)
    found["otel_overhead"] = figure(spread(collected.otel_ratios), "ratio", peers={})
    return found


def _stream_figure(collected: Collected, streams: int, values: Values, share: float, truth: float) -> Figure:
    spreads = {name: collected.spread_of(name, streams, values, share) for name in collected.series()}
    peers = {name: one for name, one in spreads.items() if one is not None and name in collected.peers}
    return figure(spreads.get(OURS), "ms", peers=peers, truth=truth, limit=spreads.get(KERNEL))


def _cpu_figure(collected: Collected, streams: int) -> Figure:
    spreads = {name: spread(runs) for (name, count), runs in collected.cpu_s.items() if count == streams}
    peers = {name: one for name, one in spreads.items() if one is not None and name in collected.peers}
    return figure(spreads.get(OURS), "s", peers=peers, limit=spreads.get(KERNEL))


def _targets_figures(collected: Collected, kind: str) -> dict[str, Figure]:
    """`targets_per_core` and `lateness_p99_ms`; of the other kinds with the kind behind it."""
    suffix = "" if kind == "http_request" else f"_{kind}"
    late = {who: spread([one.p99_ms for one in runs]) for (who, of), runs in collected.trials.items() if of == kind}
    most = {
        who: spread([float(largest_good(trials)) for trials in runs])
        for (who, of), runs in collected.searches.items()
        if of == kind
    }
    found = {f"lateness_p99_ms{suffix}": figure(late.get(OURS), "ms", peers=_others(late))}
    if most:
        found[f"targets_per_core{suffix}"] = figure(most.get(OURS), "targets", peers=_others(most))
    return found


def _others(spreads: Mapping[str, Spread | None]) -> dict[str, Spread]:
    return {name: one for name, one in spreads.items() if one is not None and name != OURS}


def agreement_of(collected: Collected) -> dict[str, Any]:
    """
    Whether each peer's median TTFT of streams opened one after the other is ours: within 5 % or 1 ms.

    With many at once the tools measure their own queue, which is no disagreement about the server.
    """
    spreads = {name: collected.spread_of(name, 1, lambda one: one.ttft_ms, 0.5) for name in collected.series()}
    ours = spreads.get(OURS)
    if ours is None:
        return {}
    return {
        name: {
            "ours_ms": ours.median,
            "peer_ms": one.median,
            "agrees": abs(one.median - ours.median) <= max(AGREED_MS, AGREED_SHARE * ours.median),
        }
        for name, one in spreads.items()
        if one is not None and name in collected.peers
    }


def readers_of(collected: Collected) -> dict[str, Any]:
    """Every series with its medians at every number of streams: what the figures leave out."""
    whole: dict[str, Any] = {}
    for series in collected.series():
        for streams in collected.stream_counts():
            runs = collected.errors.get((series, streams), [])
            if not runs:
                continue
            row: dict[str, Any] = {"compared": sum(one.compared for one in runs)}
            row["incomplete"] = sum(one.incomplete for one in runs)
            row["stamps"] = dict(sum((one.stamps for one in runs), Counter()))
            for name, values in {"ttft": lambda one: one.ttft_ms, **DISTANCES}.items():
                for label, share in SHARES.items():
                    found = collected.spread_of(series, streams, values, share)
                    row[f"{name}_{label}_ms"] = round(found.median, 4) if found else None
            cpu = spread(collected.cpu_s.get((series, streams), []))
            row["cpu_s_per_1000_tokens"] = round(cpu.median, 5) if cpu else None
            whole.setdefault(series, {})[str(streams)] = row
    return whole


def panels_of(collected: Collected) -> list[Panel]:
    """The 99th percentile of the two errors over the number of streams."""
    panels = []
    for name, title in (("ttft_error", "Time to first token"), ("itl_error", "Inter-token latency")):
        series = {}
        for one in collected.series():
            found = [(n, collected.spread_of(one, n, DISTANCES[name], 0.99)) for n in collected.stream_counts()]
            points = [(float(n), value.median) for n, value in found if value is not None]
            if points:
                series[one] = points
        panels.append(Panel(f"{title}: error, p99", "streams open at once", "ms", series))
    return panels
