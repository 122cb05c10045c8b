"""What would move a provider up, and when: the very instant at which the rule itself says so when nothing fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.facts import Block, ProviderFacts, bucket_of
from collector.judgement.outlook_words import headline, need
from collector.judgement.tiers import judge
from schemas.config import TierPolicy
from schemas.observation import Reason
from schemas.verdict import Need, Outlook, Tier, Verdict
from tests.support.provider_facts import AT, BLOCK, PER_BLOCK, block, facts, steady

POLICY = TierPolicy()
RANK = {Tier.SUSPECT: 0, Tier.UNRATED: 1, Tier.RELIABLE: 2, Tier.GOLD: 3}
WINDOW = timedelta(seconds=POLICY.window)


def verdict(known: ProviderFacts | None, previous: Tier | None = None) -> Verdict:
    """The verdict on *known*."""
    return judge("acme", known, POLICY, AT, previous)


def ahead(known: ProviderFacts | None, previous: Tier | None = None) -> Outlook:
    """Its outlook."""
    found = verdict(known, previous).outlook
    assert found is not None
    return found


def later(known: ProviderFacts, steps: int) -> ProviderFacts:
    """*known* so many blocks later, when nothing failed meanwhile: what is older than the window is gone."""
    at = AT + BLOCK * steps
    kept = [one for one in known.blocks if one.start >= at - WINDOW]
    new = [Block("acme/east", AT + BLOCK * step, n_ok=PER_BLOCK) for step in range(steps)]
    first = max(known.first_tick or AT, at - WINDOW)
    return replace(known, blocks=(*kept, *new), first_tick=first, last_tick=at)


def first_with(known: ProviderFacts, tier: Tier, previous: Tier | None) -> datetime | None:
    """The first block to come after which the rule gives *tier* or better, found by asking it for every one."""
    for step in range(1, 122):
        at = AT + BLOCK * step
        if RANK[judge("acme", later(known, step), POLICY, at, previous).tier] >= RANK[tier]:
            return at
    return None


def test_above_gold_there_is_nothing() -> None:
    """And what nobody asked needs a week."""
    assert verdict(facts(steady())).outlook is None
    nothing = ahead(None)
    assert (nothing.towards, nothing.earliest) == (Tier.RELIABLE, AT + timedelta(days=7))


@pytest.mark.parametrize(
    ("blocks", "previous"),
    [
        (steady(8), None),  # too few days for gold
        (steady(5), None),  # too few days for anything
        (steady(30, failed=1), None),  # short of gold
        ([*steady(29), *(block(number, failed=PER_BLOCK) for number in range(116, 118))], None),  # two blocks down
        (steady(30, failed=8), Tier.SUSPECT),  # proven low
    ],
)
def test_it_is_when_the_rule_itself_says_so(blocks: list[Block], previous: Tier | None) -> None:
    """Within a block of asking the rule about every block to come."""
    known = facts(blocks)
    found = ahead(known, previous)
    expected = first_with(known, found.towards, verdict(known, previous).tier)

    assert found.earliest is not None and expected is not None
    assert abs(found.earliest - expected) <= BLOCK


@given(
    bad=st.lists(st.tuples(st.integers(0, 119), st.integers(1, PER_BLOCK)), max_size=6),
    days=st.sampled_from((7, 14, 30)),
)
def test_any_past_is_outlived(bad: list[tuple[int, int]], days: int) -> None:
    """Whatever failed leaves the window: availability and evidence alone bring gold within a window and four weeks."""
    by_number = {number: failed for number, failed in bad if number < days * 4}
    blocks = [
        block(number, ok=PER_BLOCK - by_number.get(number, 0), failed=by_number.get(number, 0))
        for number in range(days * 4)
    ]
    found = verdict(facts(blocks)).outlook
    if found is None:
        return
    assert found.earliest is not None
    assert AT <= found.earliest <= AT + WINDOW
    assert {one.name for one in found.needs} <= {"availability_lower", "evidence", "availability_proven_low"}


def test_late_answers_leave_the_window_evenly() -> None:
    """2 % are late where 1 % may be: half of the window must pass."""
    slower = [replace(one, n_ok=one.n_ok - 7, n_degraded=7) for one in steady()]
    answered = sum(one.good for one in slower)
    found = ahead(facts(slower, reasons={Reason.SLOW: round(answered * 0.02)}))

    (only,) = found.needs
    assert (only.name, found.towards, found.earliest) == ("degraded", Tier.GOLD, only.at)
    assert only.at is not None
    assert abs(only.at - (AT + WINDOW / 2)) <= BLOCK
    assert "evenly" in need(only)


def test_slow_first_tokens_leave_the_window_evenly() -> None:
    """One in five is above gold's line where one in twenty may be: three quarters of the window must pass."""
    known = facts(steady())
    total = sum(known.ttft_hist.values())
    slow = replace(known, ttft_hists={"cold": {bucket_of(400): total - total // 5, bucket_of(1500): total // 5}})
    found = ahead(slow)

    assert [one.name for one in found.needs] == ["ttft_p95"]
    assert found.earliest is not None
    assert abs(found.earliest - (AT + WINDOW * 3 / 4)) <= BLOCK


def test_refused_requests_leave_the_window_evenly() -> None:
    """The gate that proves suspect no longer does, and reliable's own are passed."""
    blocks = steady(failed=2)
    refused = facts(blocks, reasons={Reason.NO_CAPACITY: round(0.03 * PER_BLOCK * len(blocks))})
    found = ahead(refused, Tier.SUSPECT)

    assert found.towards is Tier.RELIABLE
    assert "capacity_refused" in {one.name for one in found.needs}
    assert found.earliest is not None
    assert AT + WINDOW / 2 < found.earliest < AT + WINDOW


def test_time_alone_does_not_bring_what_nobody_measures() -> None:
    """Without a time to first token there is no p95 to wait for."""
    found = ahead(replace(facts(steady()), ttft_hists={}))

    assert found.earliest is None
    assert headline(found) == "reliable: time alone does not bring it"


def test_what_is_needed_is_said_with_its_numbers() -> None:
    """Value, line, instant."""
    one = Need(name="availability_lower", value=0.99871, threshold=0.999, at=AT + timedelta(days=3))
    outlook = Outlook(towards=Tier.GOLD, earliest=one.at, needs=(one,))

    assert need(one) == "availability lower: 99.87 % now, the line is 99.90 %; met 2026-11-27 00:00 UTC"
    assert headline(outlook) == "gold on 2026-11-27 00:00 UTC at the earliest, if nothing fails until then"
