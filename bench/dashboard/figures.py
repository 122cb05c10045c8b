"""What was measured, as figures: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from statistics import median
from typing import Any

from bench.dashboard.agent_side import Timings
from bench.dashboard.crowds import Crowds
from bench.dashboard.plan import FILTER_S_MAX, PAGE_S_MAX
from bench.dashboard.screen import Seen
from bench.dashboard.viewers import Crowd
from bench.results import Figure
from bench.spread import percentile, spread

ALONE, NOBODY = "one viewer", "nobody looks"


def figures_of(seen: Seen, crowds: Crowds) -> dict[str, Figure]:
    """All of them."""
    return {
        "page_cold_p95_ms": _worst(seen.cold_s),
        "page_unread_p95_ms": _worst(seen.unread_s),
        "page_warm_p95_ms": _worst(seen.warm_s),
        "filter_cold_p95_ms": _worst(seen.cold_filters_s),
        "filter_warm_p95_ms": _worst(seen.warm_filters_s),
        **_viewers(crowds),
        **_agent(crowds),
        **{f"page_{name}_cold_ms": _milliseconds(seconds) for name, seconds in seen.cold_s.items()},
        **{f"page_{name}_unread_ms": _milliseconds(seconds) for name, seconds in seen.unread_s.items()},
        **{f"page_{name}_warm_ms": _milliseconds(seconds) for name, seconds in seen.warm_s.items()},
    }


def aims_of(figures: Mapping[str, Figure], seen: Seen) -> dict[str, dict[str, Any]]:
    """The aims of the issue: which is reached, and what misses it."""
    slow_pages = {
        f"{name}, {when}": found
        for when, by_name in (("cold", seen.cold_s), ("unread", seen.unread_s), ("warm", seen.warm_s))
        for name, found in _over(by_name, PAGE_S_MAX).items()
    }
    slow_filters = _over(seen.cold_filters_s, FILTER_S_MAX)
    viewers = figures["viewers_page_p95_ms"].ours
    return {
        "page_drawn_s": {"aim": f"< {PAGE_S_MAX:g}", "reached": not slow_pages, "misses": slow_pages},
        "filter_s": {"aim": f"< {FILTER_S_MAX:g}", "reached": not slow_filters, "misses": slow_filters},
        "viewers_page_s": {
            "aim": f"< {PAGE_S_MAX:g}",
            "reached": viewers is not None and viewers < PAGE_S_MAX * 1000,
            "misses": {},
        },
        "agent": {"aim": "not worse in every pair", "reached": not (changed := _changed(figures)), "misses": changed},
    }


def _changed(figures: Mapping[str, Figure]) -> dict[str, float]:
    """Which timings of the agent were worse in every pair, and how many times."""
    ratios = {name: one for name, one in figures.items() if name.startswith("agent_") and name.endswith("_ratio")}
    return {
        name: round(one.ours, 3) for name, one in ratios.items() if one.ours is not None and (one.low or one.ours) > 1
    }


def table_of(**seconds: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    """By name, in ms: p50, p95 and n, cold, unread or warm, as they are given."""
    return {
        name: {when: _row(by_name[name]) for when, by_name in seconds.items() if name in by_name}
        for name in sorted({name for by_name in seconds.values() for name in by_name})
    }


def _row(seconds: Sequence[float]) -> dict[str, int]:
    return {
        "p50": round(percentile(seconds, 0.5) * 1000),
        "p95": round(percentile(seconds, 0.95) * 1000),
        "n": len(seconds),
    }


def _over(by_name: Mapping[str, Sequence[float]], limit_s: float) -> dict[str, float]:
    """Those whose 95th percentile is not below *limit_s*, with it."""
    found = {name: percentile(seconds, 0.95) for name, seconds in by_name.items() if seconds}
    return {name: round(value, 3) for name, value in found.items() if value >= limit_s}


def _worst(by_name: Mapping[str, Sequence[float]]) -> Figure:
    """The 95th percentile of all together; low and high are the median of the fastest and of the slowest name."""
    every = list(chain.from_iterable(by_name.values()))
    if not every:
        return Figure(None, "ms")
    medians = [median(seconds) * 1000 for seconds in by_name.values() if seconds]
    return Figure(percentile(every, 0.95) * 1000, "ms", n=len(every), low=min(medians), high=max(medians))


def _milliseconds(seconds: Sequence[float]) -> Figure:
    """The median, between the fastest and the slowest."""
    found = spread([one * 1000 for one in seconds])
    assert found is not None
    return Figure(found.median, "ms", n=found.n, low=found.low, high=found.high)


def _viewers(crowds: Crowds) -> dict[str, Figure]:
    together, alone = crowds.together, crowds.alone
    return {
        "viewers_page_p50_ms": _opened(together, alone, 0.5),
        "viewers_page_p95_ms": _opened(together, alone, 0.95),
        "viewers_refresh_p95_ms": _refreshed(together, alone),
        "viewers_pending": Figure(
            sum(one.looked.pending for one in together), "pages not drawn at the end", n=len(together)
        ),
        "viewers_faults": Figure(sum(len(one.looked.faults) for one in together), "faults", n=len(together)),
        **{f"cores_{name}": _cores(some, crowds.idle_cores.get(name, ())) for name, some in crowds.cores.items()},
        "cores_viewers": _cores([one.cpu_s / one.wall_s for one in together], ()),
    }


def _opened(together: Sequence[Crowd], alone: Sequence[Crowd], share: float) -> Figure:
    ours = [list(chain.from_iterable(one.looked.opened_s.values())) for one in together]
    peer = [second for one in alone for second in chain.from_iterable(one.looked.opened_s.values())]
    return _by_run(ours, peer, share)


def _refreshed(together: Sequence[Crowd], alone: Sequence[Crowd]) -> Figure:
    peer = [second for one in alone for second in one.looked.refreshed_s]
    return _by_run([one.looked.refreshed_s for one in together], peer, 0.95)


def _by_run(runs: Sequence[Sequence[float]], peer: Sequence[float], share: float) -> Figure:
    """A percentile of all runs together; low and high are those of single runs, *n* is of values."""
    every = list(chain.from_iterable(runs))
    if not every:
        return Figure(None, "ms")
    single = [percentile(run, share) * 1000 for run in runs if run]
    return Figure(
        ours=percentile(every, share) * 1000,
        unit="ms",
        peer=percentile(peer, share) * 1000 if peer else None,
        peer_name=ALONE if peer else None,
        n=len(every),
        low=min(single),
        high=max(single),
    )


def _cores(some: Sequence[float], idle: Sequence[float]) -> Figure:
    found = spread(some)
    if found is None:
        return Figure(None, "cores")
    peer = median(idle) if idle else None
    name = NOBODY if idle else None
    return Figure(found.median, "cores", peer, name, n=found.n, low=found.low, high=found.high)


def _agent(crowds: Crowds) -> dict[str, Figure]:
    """Of each pair of windows; ours is with viewers, the peer without. Of a ratio, low and high are of single pairs."""
    pairs = list(zip(crowds.watched, crowds.quiet, strict=True))
    found = {}
    for name, series, share in (
        ("agent_lateness_p99_ms", lambda one: one.lateness_ms, 0.99),
        ("agent_ttft_error_p50_ms", lambda one: one.ttft_error_ms, 0.5),
        ("agent_ttft_error_p99_ms", lambda one: one.ttft_error_ms, 0.99),
    ):
        both = [
            (percentile(series(a), share), percentile(series(b), share)) for a, b in pairs if series(a) and series(b)
        ]
        found[name] = _pair([a for a, _ in both], [b for _, b in both], "ms")
        ratio = spread([a / b for a, b in both if b > 0])
        if ratio is not None:
            found[name.replace("_ms", "_ratio")] = Figure(
                ratio.median, "with viewers over without", n=ratio.n, low=ratio.low, high=ratio.high
            )
    found["agent_distrusted_share"] = _pair(*_shares(pairs, lambda one: (one.distrusted, one.rows)), "of its rows")
    found["agent_asked_share"] = _pair(*_shares(pairs, lambda one: (len(one.lateness_ms), one.due)), "of what was due")
    return found


def _shares(pairs: Sequence[tuple[Timings, Timings]], of: Any) -> tuple[list[float], list[float]]:
    shares = [tuple(part / max(whole, 1) for part, whole in (of(a), of(b))) for a, b in pairs]
    return [a for a, _ in shares], [b for _, b in shares]


def _pair(watched: Sequence[float], quiet: Sequence[float], unit: str) -> Figure:
    found = spread(watched)
    if found is None:
        return Figure(None, unit)
    return Figure(found.median, unit, median(quiet), NOBODY, n=found.n, low=found.low, high=found.high)
