"""What a run measures: the whole, and the quick one."""

from __future__ import annotations

from dataclasses import dataclass, replace

TOKENS = 100  # of each stream, 20 ms apart
REQUESTS_MIN = 5  # of a single stream, one after the other
FLOOR_TOKENS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """*peers_max*: how many peers take part. *cpu_peers*: whether their CPU is measured, which takes long runs."""

    quick: bool
    streams: tuple[int, ...]
    repeats: int
    peers_max: int
    cpu_streams: tuple[int, ...]
    cpu_repeats: int
    cpu_peers: bool
    cpu_tokens_total: int
    targets: int  # at which lateness is reported, and where the search begins
    trial_s: float
    refinements: int | None  # of the search; None: no search
    search_repeats: int
    otel_pairs: int


FULL = Plan(
    quick=False, streams=(1, 50, 200, 500, 1000), repeats=3, peers_max=10,
    cpu_streams=(50, 200, 500, 1000), cpu_repeats=2, cpu_peers=True, cpu_tokens_total=100_000,
    targets=2000, trial_s=10.0, refinements=2, search_repeats=2, otel_pairs=3,
)  # fmt: skip
QUICK = Plan(
    quick=True, streams=(200,), repeats=1, peers_max=1,
    cpu_streams=(200,), cpu_repeats=1, cpu_peers=False, cpu_tokens_total=20_000,
    targets=2000, trial_s=5.0, refinements=None, search_repeats=1, otel_pairs=1,
)  # fmt: skip


def whole(repeats: int | None) -> Plan:
    """The whole plan, with *repeats* runs of everything where that is given."""
    if repeats is None:
        return FULL
    return replace(FULL, repeats=repeats, cpu_repeats=repeats, search_repeats=repeats)


def cpu_tokens(streams: int, total: int) -> int:
    """How long the streams of a CPU run are: about *total* tokens altogether, a thousand in each at most."""
    return max(FLOOR_TOKENS + 1, min(1000, total // streams))


def cpu_s_per_1000(long_s: float, floor_s: float, *, requests: int, tokens: int) -> float:
    """
    What a thousand more tokens cost, from two runs that differ in the length of their streams only.

    The floor holds the start of the tool, its requests and its report; it is the same in both.
    """
    return (long_s - floor_s) / (requests * (tokens - FLOOR_TOKENS)) * 1000
