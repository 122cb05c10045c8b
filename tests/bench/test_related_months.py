"""The months of `make bench-related`: the same from a seed, and truth as they say it."""

from __future__ import annotations

from bench.related.months import simulated, verdicts, with_nights, with_reseller
from collector.judgement.correlation.co_failure import Standing


def test_two_that_share_their_outages_are_found_among_eighteen() -> None:
    """And independent ones are tested, many of them."""
    apart = simulated(0)
    said, first = verdicts(with_reseller(apart, 0, outages=10, shared=1.0))

    assert (said.tested > 20, said.together, said.linked) == (True, 1, 1)
    assert (first.standing, first.share) == (Standing.TOGETHER, 1.0)


def test_a_month_is_the_same_from_the_same_seed() -> None:
    """And another from another."""
    first, again, other = ([one.down.tolist() for one in with_nights(simulated(seed), seed)] for seed in (3, 3, 4))

    assert first == again != other
