"""Conformance is a badge with error rates: what it finds in how many answers, and that it never makes suspect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collector.judgement.availability import wilson
from collector.judgement.integrity.conformance import ALPHA, INVALID_MAX, ONE_SIDED, conformance, smallest_share
from collector.judgement.tails import binomial_point
from schemas.evidence import ACCUSING, Grade, Standing

TARGET = "acme/east/m"


@pytest.mark.parametrize(
    ("n", "rejected_from", "found"), [(65, 4, 0.10), (210, 7, 0.05), (590, 13, 0.03), (1800, 29, 0.02)]
)
def test_the_table_of_sizes(n: int, rejected_from: int, found: float) -> None:
    """At most 1 % invalid, alpha .01, power .9: n answers find this share, and are rejected from here on."""
    assert binomial_point(n, INVALID_MAX, alpha=ALPHA) == rejected_from
    assert smallest_share(n) == pytest.approx(found, abs=0.006)
    assert float(stats.binom.sf(rejected_from - 1, n, found)) == pytest.approx(0.9, abs=0.04)
    assert conformance(TARGET, "tool_call", n=n, invalid=rejected_from).standing is Standing.CONTRADICTED
    assert conformance(TARGET, "tool_call", n=n, invalid=rejected_from - 1).standing is Standing.NOT_REJECTED


@pytest.mark.parametrize(
    ("valid", "n", "low", "high"), [(1703, 1703, 0.9977, 1.0), (1856, 2128, 0.857, 0.886), (1602, 1893, 0.829, 0.862)]
)
def test_published_counts_have_their_published_intervals(valid: int, n: int, low: float, high: float) -> None:
    """Wilson, 95 %."""
    found = wilson(valid / n, n, confidence=ONE_SIDED)
    assert found == (pytest.approx(low, abs=0.0006), pytest.approx(high, abs=0.0006))


@pytest.mark.parametrize(("n", "invalid"), [(0, 0), (64, 64), (64, 0)])
def test_too_few_answers_are_insufficient(n: int, invalid: int) -> None:
    """However bad they look."""
    found = conformance(TARGET, "json_mode", n=n, invalid=invalid)
    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, "too_few_answers", 1.0)


def test_it_never_leads_to_suspect() -> None:
    """A badge of a family that does not accuse, at its worst."""
    found = conformance(TARGET, "golden_answer", n=2000, invalid=2000, days=30, vantages=3)
    assert (found.standing, found.reason) == (Standing.CONTRADICTED, "too_many_invalid")
    assert found.grade is Grade.BADGE
    assert found.family not in ACCUSING
    assert found.claim == "questions with one right answer are answered right"


def test_counts_that_cannot_be_are_our_mistake() -> None:
    """More invalid than there are."""
    with pytest.raises(ValueError, match="3 of 2 answers cannot be invalid"):
        conformance(TARGET, "tool_call", n=2, invalid=3)


@given(st.integers(65, 400), st.floats(0.0, 1.0))
def test_honest_endpoints_are_rejected_at_most_as_often_as_said(n: int, part: float) -> None:
    """Exactly, over every outcome; the mean of e is at most 1."""
    share = INVALID_MAX * part
    rejected = mean = 0.0
    for invalid in range(n + 1):
        chance = float(stats.binom.pmf(invalid, n, share))
        if chance < 1e-15:
            continue
        found = conformance(TARGET, "tool_call", n=n, invalid=invalid)
        rejected += chance * (found.standing is Standing.CONTRADICTED)
        mean += chance * found.e
    assert rejected <= ALPHA
    assert mean <= 1 + 1e-9
