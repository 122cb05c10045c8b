"""When incidents no longer stand in the way: what is left to be looked at moves on with the window, to the second."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.charged_incidents import Charged, IncidentRecord, frequency, watched_s
from collector.judgement.facts import Block, ProviderFacts
from collector.judgement.incident_outlook import fewer_from
from schemas.config import TierPolicy
from schemas.incident import Level
from tests.support.provider_facts import facts

AT = datetime(2026, 11, 27, 12, 0, 0, 250_000, tzinfo=UTC)
POLICY = TierPolicy(window="10d")
BLOCKS = 40
WINDOW, STEP = timedelta(seconds=POLICY.window), timedelta(seconds=POLICY.block)
DAY = timedelta(days=1)
CLUSTERS = ("acme/east", "acme/west", "acme/north")

looks = st.tuples(st.sampled_from(CLUSTERS), st.integers(0, BLOCKS), st.booleans(), st.booleans())
ends = st.tuples(st.sampled_from((*CLUSTERS, "acme")), st.floats(0.01, POLICY.window / 86400 - 0.01))


def known(several: list[tuple[str, int, bool, bool]], offset_s: float) -> tuple[ProviderFacts, frozenset[datetime]]:
    """Blocks on a grid that need not meet AT, and which of them were judged."""
    start = AT - WINDOW - timedelta(seconds=offset_s)
    blocks = {(cluster, start + STEP * number): (asked, judged) for cluster, number, asked, judged in several}
    found = [Block(cluster, at, n_ok=60 * asked, n_not_observed=5) for (cluster, at), (asked, _) in blocks.items()]
    return facts(found), frozenset(at for (_, at), (_, judged) in blocks.items() if judged)


@given(st.lists(looks, max_size=60), st.floats(0, POLICY.block), st.lists(ends, max_size=5), st.floats(0.01, 30))
def test_it_is_the_first_block_at_whose_end_the_bound_is_low_enough(
    several: list[tuple[str, int, bool, bool]], offset_s: float, over: list[tuple[str, float]], line: float
) -> None:
    """Each window to come, counted anew from the blocks that are left of now."""
    measured, judged = known(several, offset_s)
    incidents = tuple(
        Charged(f"{scope}@{days}", Level.CLUSTER if "/" in scope else Level.PROVIDER, scope, AT - DAY * days, 60)
        for scope, days in over
    )
    record = IncidentRecord(AT - 2 * WINDOW, judged, incidents)
    lately = {one.cluster for one in measured.blocks if one.known and one.start >= AT - DAY}
    wanted = None
    for number in range(1, math.ceil(WINDOW / STEP) + 2):
        then = AT + STEP * number
        spent = watched_s(measured.blocks, judged, POLICY.block, then - WINDOW, AT)
        fresh_s = min(number * POLICY.block, POLICY.window)
        ahead = [seconds + fresh_s * (cluster in lately) for cluster, seconds in spent.items()]
        left = [one for one in incidents if one.ended is not None and one.ended + WINDOW > then]
        often = frequency(left, ahead, confidence=POLICY.confidence)
        if often is not None and often.high <= line:
            wanted = then
            break

    assert fewer_from(record, measured, POLICY, AT, line) == wanted


def test_what_was_never_looked_at_is_no_quiet_time() -> None:
    """Nobody was asked, so no window to come has a bound."""
    measured, judged = known([], 0.0)

    assert fewer_from(IncidentRecord(AT, judged, ()), measured, POLICY, AT, 1000.0) is None


@pytest.mark.parametrize("line", [3.5, 6.0])
def test_a_quiet_cluster_waits_until_enough_time_is_looked_at(line: float) -> None:
    """Without any incident the bound is that of none in the time: three over it, so a lower line takes longer."""
    measured, judged = known([(CLUSTERS[0], number, True, True) for number in range(BLOCKS - 8, BLOCKS)], 0.0)
    found = fewer_from(IncidentRecord(AT, judged, ()), measured, TierPolicy(), AT, line)

    assert found is not None
    assert (found - (AT - 8 * STEP)) / DAY == pytest.approx(-math.log(0.05) * 30 / line, abs=STEP / DAY)
