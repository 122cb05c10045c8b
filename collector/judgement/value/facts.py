"""What is known of a model at a provider over a window: counts and tokens by target and time, and two histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from collector.judgement.availability import Moments, Numbers, moments_of

COUNTS = 5  # as a Block has them
OK, DEGRADED, FAILED, UNKNOWN, NOT_OBSERVED = range(COUNTS)


@dataclass(frozen=True, slots=True, eq=False)
class TargetBlocks:
    """
    First attempts at *target* by blocks of time that begin at *starts* (s since the epoch), ascending: [block].

    counts: [block, OK..NOT_OBSERVED]. billed_in, billed_out: tokens as the answers' usage says, of whatever came of
    them. good_out: answer tokens of what was right and in time, as we counted them where that is exact, else as billed.
    """

    cluster: str
    target: str
    starts: Numbers
    counts: Numbers
    billed_in: Numbers
    billed_out: Numbers
    good_out: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class ModelFacts:
    """
    A model at a provider. Histograms are log buckets in ms of answers with trusted timings, long prompts left out.

    ttft_hist: time to first token; gap_hist: mean time from one token of an answer to the next, of tokens as we counted
    them where that is exact, else as billed: of gaps_billed answers.
    """

    provider: str
    model: str
    blocks: tuple[TargetBlocks, ...]
    ttft_hist: Mapping[int, int] = field(default_factory=dict)
    gap_hist: Mapping[int, int] = field(default_factory=dict)
    gaps_billed: int = 0


def times_of(several: Sequence[TargetBlocks]) -> Numbers:
    """When blocks of any of them begin, in order, each once."""
    return np.unique(np.concatenate([one.starts for one in several])) if several else np.zeros(0, dtype=np.int64)


def by_cluster(several: Sequence[TargetBlocks]) -> Numbers:
    """Counts of all targets of a cluster, as tiers count them: [cluster, one of times_of, OK..NOT_OBSERVED]."""
    times = times_of(several)
    place = {name: index for index, name in enumerate(sorted({one.cluster for one in several}))}
    found = np.zeros((len(place), times.size, COUNTS), dtype=np.int64)
    for one in several:
        found[place[one.cluster], np.searchsorted(times, one.starts)] += one.counts
    return found


def moments(several: Sequence[TargetBlocks]) -> Moments:
    """What availability needs to know of them."""
    counts = by_cluster(several)
    known = counts[..., [OK, DEGRADED, FAILED]].sum(axis=-1)
    return moments_of(known, counts[..., FAILED], counts[..., [UNKNOWN, NOT_OBSERVED]].sum(axis=-1))
