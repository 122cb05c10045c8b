"""What is known of a model at a provider over a window: counts and tokens by target and time, and two histograms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from collector.judgement.facts import Block


@dataclass(frozen=True, slots=True)
class TargetBlock:
    """
    First attempts at *target* over one block of time: counts and sums of tokens.

    billed_in, billed_out: as the answers' usage says, of whatever came of them. good_out: answer tokens of what was
    right and in time, as we counted them where that is exact, else as billed.
    """

    target: str
    counts: Block
    billed_in: int = 0
    billed_out: int = 0
    good_out: int = 0


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """
    A model at a provider. Histograms are log buckets in ms of answers with trusted timings, long prompts left out.

    ttft_hist: time to first token; gap_hist: mean time from one token of an answer to the next, of tokens as we counted
    them where that is exact, else as billed: of gaps_billed answers.
    """

    provider: str
    model: str
    blocks: tuple[TargetBlock, ...]
    ttft_hist: Mapping[int, int] = field(default_factory=dict)
    gap_hist: Mapping[int, int] = field(default_factory=dict)
    gaps_billed: int = 0


def by_cluster(blocks: Iterable[TargetBlock]) -> tuple[Block, ...]:
    """Counts of every target of a cluster as one block for each time, as tiers count them."""
    found: dict[tuple[str, datetime], Block] = {}
    for one in map(attrgetter("counts"), blocks):
        key = (one.cluster, one.start)
        found[key] = found[key] + one if key in found else one
    return tuple(found.values())
