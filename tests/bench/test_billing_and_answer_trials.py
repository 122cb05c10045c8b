"""
Trials of bills and of answers: honest months are never contradicted, and liars are found with the power that is said.

Three thousand seeded months here; `make bench-integrity` does thousands of each.
"""

from __future__ import annotations

import numpy as np
import pytest

from bench.integrity import trials_answers, trials_billing
from bench.integrity.trial import Honest, Lie
from schemas.evidence import Grade, Standing

MONTHS = 100
TRIALS = (*trials_billing.TRIALS, *trials_answers.TRIALS)
HONEST = [
    pytest.param(trials.check, one, id=f"{trials.check}: {one.name}") for trials in TRIALS for one in trials.honest
]
LIES = {(trials.check, lie.name): lie for trials in TRIALS for lie in trials.lies}
AT_THE_LIMIT = {"at the limit"}  # rejected in at most one of 100, as said
# What an honest month must be called where it is not simply "not rejected".
CALLED = {
    "no usage at all": "usage_missing",
    "all answers of one length": "lengths_alike",
    "counted with another tokeniser": "tokeniser_differs",
    "prompts with a template that changes": "template_changed",
    "a system prompt of 500 tokens": "prompt_overhead",
    "a cache of answers": "cached",
    "the temperature is 0 for four of five": "cached",
    "a cache that the usage tells": "caches_prefixes",
}


@pytest.mark.parametrize(("check", "honest"), HONEST)
def test_honest_months_are_never_contradicted(check: str, honest: Honest) -> None:
    """Benign changes included; where a month says something else, it says what it is."""
    found = [honest.month(np.random.default_rng(seed)) for seed in range(MONTHS)]

    assert {one.check for one in found} == {check}
    contradicted = sum(one.standing is Standing.CONTRADICTED for one in found)
    assert contradicted <= (5 if honest.name in AT_THE_LIMIT else 0)  # P(X > 5) < 0.1 % of 100 at 1 %
    if honest.name in CALLED:
        assert {one.reason for one in found} == {CALLED[honest.name]}
    if all(one.grade is not Grade.BADGE for one in found):
        assert np.mean([one.e for one in found]) <= 1


@pytest.mark.parametrize(
    ("check", "name", "size", "requests", "power"),
    [
        ("token_arithmetic_completion", "token inflation", 1.0, 20, 0.99),
        ("token_arithmetic_completion", "token inflation", 0.5, 40, 0.97),
        ("token_arithmetic_completion", "token inflation", 0.25, 100, 0.97),
        ("token_arithmetic_completion", "hidden minimum", 32.0, 20, 0.95),
        ("token_arithmetic_completion", "billed above max_tokens", 20.0, 100, 0.93),
        ("canned_answers", "one recorded answer", 30.0, 200, 0.95),
        ("repeated_prompt", "a recording answers", 100.0, 20, 0.95),
        ("cache_timing", "a cache that is billed in full", 200.0, 100, 0.95),
        ("conformance_tool_call", "invalid calls", 10.0, 65, 0.85),
        ("conformance_tool_call", "invalid calls", 2.0, 1800, 0.85),
        ("treatment_probes_and_traffic", "traffic fails more", 5.0, 2240, 0.95),
        ("treatment_known_and_fresh", "fresh accounts fail more", 5.0, 2240, 0.95),
    ],
)
def test_liars_are_found(check: str, name: str, size: float, requests: int, power: float) -> None:
    """In so many requests; 300 seeded liars of each."""
    lie = LIES[check, name]
    assert requests in lie.requests and size in lie.sizes
    assert np.mean([lie.found(np.random.default_rng(seed), size, requests) for seed in range(300)]) > power


@pytest.mark.parametrize("lie", [lie for lie in LIES.values() if lie.days is not None], ids=lambda lie: lie.name)
def test_a_big_lie_is_dated_within_days(lie: Lie) -> None:
    """From the second day on, because one day accuses nobody."""
    assert lie.days is not None
    assert lie.days(np.random.default_rng(1), lie.sizes[-1]) in {2, 3}
