"""Every target has one worker; a worker more takes its share, and nothing else moves."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from probes.sharding import worker_of

TARGETS = st.text(min_size=1, max_size=60)


@given(target=TARGETS, workers=st.integers(1, 32))
def test_a_target_moves_only_to_the_worker_that_is_new(target: str, workers: int) -> None:
    """And as often as asked to the same one."""
    before, after = worker_of(target, workers), worker_of(target, workers + 1)

    assert 0 <= before < workers
    assert after in {before, workers}
    assert worker_of(target, workers) == before


@given(seed=st.integers(0, 2**32), workers=st.integers(1, 8))
def test_the_workers_have_equal_shares(seed: int, workers: int) -> None:
    """Of 2,000 targets each has its part, give or take five standard deviations of a fair deal."""
    share = Counter(worker_of(f"{seed}/cluster-{number}/chat", workers) for number in range(2_000))
    mean = 2_000 / workers
    spread = (mean * (1 - 1 / workers)) ** 0.5

    assert sum(share.values()) == 2_000
    assert all(abs(share[worker] - mean) <= 5 * spread for worker in range(workers))
