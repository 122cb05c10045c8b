"""Caches are seen in interleaved times, told apart by what the usage says, and never a fraud."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from collector.judgement.integrity.cache_timing import REASONS, cache_timing
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.sample import KeptSample

TARGET = "acme/east/m"
FIRST = datetime(2026, 11, 1, tzinfo=UTC)


def samples(
    seed: int, saved_ms: float, n: int = 100, *, vantage: str = "v1", told: str = "", blocks: bool = False
) -> list[KeptSample]:
    """*n* hits, faster by *saved_ms*, and as many misses; at random, or the hits *blocks* before the misses."""
    chance = np.random.default_rng(seed)
    hits = np.arange(2 * n) < n
    hits = hits if blocks else chance.permutation(hits)
    times = 300 * np.exp(0.3 * chance.normal(size=2 * n)) - saved_ms * hits
    return [
        KeptSample(
            FIRST + timedelta(minutes=at), "acme", "acme/east", TARGET, vantage, "cache", "hit" if hit else "miss",
            max(ms, 1.0), told if hit else "",
        )
        for at, (hit, ms) in enumerate(zip(hits.tolist(), times.tolist(), strict=True))
    ]  # fmt: skip


def judged(kept: list[KeptSample], **more: bool) -> Evidence:
    """The evidence, whole whatever it says; it never accuses."""
    found = cache_timing(TARGET, kept, **more)
    assert (found.family, found.grade) == (Family.CACHE, Grade.BADGE)
    assert found.said.startswith(REASONS[found.reason])
    assert found.standing is not Standing.CONTRADICTED
    return found


@pytest.mark.parametrize(
    ("told", "other_account", "reason"),
    [
        ("", False, "cached_prefix_billed_in_full"),
        ("0", False, "cached_prefix_billed_in_full"),
        ("4864", False, "caches_prefixes"),
        ("4864", True, "shared_across_accounts"),
    ],
)
def test_a_cache_is_noticed_by_what_the_bill_says(told: str, other_account: bool, reason: str) -> None:
    """With p, the e-value, and after how many requests it would have been enough."""
    found = judged(samples(1, 200, told=told), other_account=other_account)
    assert (found.standing, found.reason) == (Standing.NOTICED, reason)
    assert found.p is not None and found.p < 1e-12
    assert found.e > 1e6
    assert any("could have stopped after" in line for line in found.arithmetic)


def test_no_cache_is_not_rejected_and_says_what_would_have_shown() -> None:
    """In shares of the arms."""
    found = judged(samples(2, 0))
    assert (found.standing, found.reason) == (Standing.NOT_REJECTED, "no_cache_seen")
    assert found.smallest == "46% more of the hits than of the misses within some time, power 0.9"


def test_arms_in_blocks_say_nothing() -> None:
    """However far apart they are: the hour may explain it."""
    found = judged(samples(3, 200, blocks=True))
    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, "not_interleaved", 1.0)


@pytest.mark.parametrize(
    "kept",
    [
        [],
        samples(4, 200, n=24),
        [one for one in samples(4, 200) if one.item == "hit"],
        [replace(one, value=float("nan")) for one in samples(4, 200)],
        [replace(one, value=float("inf")) for one in samples(4, 200)],
        [replace(one, item="warm") for one in samples(4, 200)],
    ],
    ids=["nothing", "24 of either", "hits only", "not a number", "without end", "another arm"],
)
def test_too_little_is_insufficient(kept: list[KeptSample]) -> None:
    """With its reason."""
    found = judged(kept)
    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, "too_few_samples", 1.0)


def test_a_vantage_nearer_by_is_no_cache() -> None:
    """One vantage has more hits and is 250 ms nearer; pooled that would be a cache."""
    near = [
        replace(one, value=one.value / 3)
        for one in samples(5, 0, vantage="near")
        if one.item == "hit" or one.tick.minute % 3 == 0
    ]
    far = [one for one in samples(6, 0, vantage="far") if one.item == "miss" or one.tick.minute % 3 == 0]
    found = judged([*near, *far])
    assert found.reason == "no_cache_seen"
    assert len([line for line in found.arithmetic if "D+" in line]) == 2


def test_honest_p_values_are_super_uniform() -> None:
    """400 honest audits of two vantages, the least of two p-values doubled."""
    ps = np.array(
        [
            cache_timing(TARGET, [*samples(seed, 0, n=30), *samples(10_000 + seed, 0, n=30, vantage="v2")]).p
            for seed in range(400)
        ]
    )
    for u in (0.5, 0.1, 0.01):
        assert (ps <= u).mean() <= u + 2.5 * (u / 400) ** 0.5
