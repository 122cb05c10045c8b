"""Every tier and every reason can be reached, nothing of ours is charged, and what was earned is held a while."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.facts import Block, ProviderFacts
from collector.judgement.integrity.suspicion import Suspicion, suspicion
from collector.judgement.tiers import REASONS, judge, policy_hash
from schemas.config import TierPolicy
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.observation import BLAME, Blame, Reason
from schemas.verdict import Tier, Verdict
from tests.support.provider_facts import AT, block, facts, steady

POLICY = TierPolicy()
GOLD, RELIABLE, SUSPECT, UNRATED = Tier.GOLD, Tier.RELIABLE, Tier.SUSPECT, Tier.UNRATED
RANK = {SUSPECT: 0, UNRATED: 1, RELIABLE: 2, GOLD: 3}


def reasons_of(reason: Reason, share: float, blocks: list[Block]) -> Mapping[str, int]:
    """So many observations with *reason* as are *share* of all."""
    return {reason: round(share * sum(one.known + one.n_unknown for one in blocks))}


CLEAN, GOOD, DOWN = steady(), steady(failed=1, per_block=720), steady(failed=8)
SLOWER = [replace(one, n_ok=one.n_ok - 10, n_degraded=10) for one in CLEAN]

# name: what is known, the tier, every reason; together they reach every tier and every reason code
CASES: dict[str, tuple[ProviderFacts | None, Tier, set[str]]] = {
    "without a failure": (facts(CLEAN), GOLD, {"all_gold_gates_passed"}),
    "one failure in 720": (facts(GOOD), RELIABLE, {"all_reliable_gates_passed", "availability_short_of_gold"}),
    "eight clean days": (facts(steady(8)), RELIABLE, {"all_reliable_gates_passed", "evidence_short_of_gold"}),
    "first token after 2 s": (
        facts(CLEAN, ttft_ms=2000), RELIABLE, {"all_reliable_gates_passed", "latency_short_of_gold"},
    ),
    "three of a hundred late": (
        facts(SLOWER, reasons=reasons_of(Reason.SLOW, 0.03, SLOWER)), RELIABLE,
        {"all_reliable_gates_passed", "degraded_short_of_gold"},
    ),
    "nothing known": (None, UNRATED, {"no_evidence"}),
    "only our own fault": (facts([block(not_observed=5000)]), UNRATED, {"no_evidence"}),
    "five clean days": (facts(steady(5)), UNRATED, {"too_little_evidence"}),
    "40 days, 299 probes": (facts([*steady(40, per_block=1)[:150], block(155, ok=149)]), UNRATED,
                            {"too_little_evidence"}),
    "99.4 %, plus or minus": (facts(steady(8, per_block=180, failed=1)), UNRATED, {"availability_straddles"}),
    "first token after 4 s": (facts(CLEAN, ttft_ms=4000), UNRATED, {"latency_short_of_reliable"}),
    "seven of a hundred late": (
        facts(SLOWER, reasons=reasons_of(Reason.SLOW, 0.07, SLOWER)), UNRATED, {"degraded_short_of_reliable"},
    ),
    "five of 416 truncated, by chance perhaps": (
        facts(steady(8, per_block=13), reasons={Reason.TRUNCATED: 5}), UNRATED, {"availability_straddles"},
    ),
    "one failure in 45": (facts(DOWN), SUSPECT, {"availability_proven_low"}),
    "turned away": (
        facts(steady(unknown=8), reasons=reasons_of(Reason.RATE_LIMITED, 0.02, CLEAN)), SUSPECT, {"capacity_refused"},
    ),
    "no capacity": (
        facts(CLEAN, reasons=reasons_of(Reason.NO_CAPACITY, 0.02, CLEAN)), SUSPECT, {"capacity_refused"},
    ),
    "truncated": (facts(CLEAN, reasons=reasons_of(Reason.TRUNCATED, 0.02, CLEAN)), SUSPECT, {"truncated_answers"}),
    "wrong": (facts(CLEAN, reasons=reasons_of(Reason.WRONG_CONTENT, 0.03, CLEAN)), SUSPECT, {"wrong_content"}),
    "everything at once": (
        facts(
            DOWN,
            reasons=dict.fromkeys((Reason.NO_CAPACITY, Reason.TRUNCATED, Reason.WRONG_CONTENT), 4000),
        ), SUSPECT,
        {"availability_proven_low", "capacity_refused", "truncated_answers", "wrong_content"},
    ),
}  # fmt: skip


def verdict_of(known: ProviderFacts | None, previous: Tier | None = None, claims: Suspicion | None = None) -> Verdict:
    """The verdict under the published policy."""
    return judge("acme", known, POLICY, AT, previous, claims)


def examined(*, days: int, standing: Standing = Standing.CONTRADICTED) -> Suspicion:
    """A contradiction of class A, seen on two days from two vantages, *days* after it reached the line."""
    found = Evidence(
        check="place", family=Family.GEO, grade=Grade.CONTRADICTION, subject="acme/east/chat", claim="in Frankfurt",
        standing=standing, reason="elsewhere", said="its answers come sooner", n=90, days=2, vantages=2,
        e=1.0 if standing is Standing.INSUFFICIENT else 1e6,
    )  # fmt: skip
    return suspicion("acme", [found], AT, discovered=True, reached=AT - timedelta(days=days))


@pytest.mark.parametrize("name", CASES)
def test_what_is_known_gives_its_tier_and_its_reasons(name: str) -> None:
    """The table of cases: no reason is missing, none too many."""
    known, tier, reasons = CASES[name]
    verdict = verdict_of(known)

    assert (verdict.tier, set(verdict.reasons)) == (tier, reasons), verdict.gates
    assert len(verdict.reasons) == len(set(verdict.reasons))


def test_the_cases_reach_every_tier_and_every_reason() -> None:
    """A reason that nothing can reach is no reason; that of claims is reached below, the others in their files."""
    assert {tier for _, tier, _ in CASES.values()} == set(Tier)
    elsewhere = {"misrepresented", "peers_short_of_gold", "peers_short_of_reliable"}
    elsewhere |= {"contract_short_of_gold", "contract_short_of_reliable"}
    elsewhere |= {f"{what}_short_of_{tier}" for what in ("incidents", "recovery") for tier in ("gold", "reliable")}
    assert elsewhere.union(*(reasons for _, _, reasons in CASES.values())) == set(REASONS)


def test_contradicted_claims_are_suspect_once_the_right_of_reply_is_over() -> None:
    """Not before, and not without data."""
    gold = verdict_of(facts(CLEAN))
    for claims, reasons in (
        (examined(days=8), ("misrepresented",)),
        (examined(days=6), gold.reasons),
        (examined(days=8, standing=Standing.INSUFFICIENT), gold.reasons),
        (None, gold.reasons),
    ):
        assert verdict_of(facts(CLEAN), claims=claims).reasons == reasons
    (gate,) = [
        gate for gate in verdict_of(facts(CLEAN), claims=examined(days=6)).gates if gate.name == "misrepresented"
    ]
    assert (gate.passed, gate.n) == (False, 90)
    assert "the right of reply ends " in gate.note


def test_little_evidence_accuses_nobody() -> None:
    """Twenty failures in twenty probes over half a day prove nothing, and the gate says unknown, not fail."""
    verdict = verdict_of(facts([block(0, failed=10), block(1, failed=10)]))
    gate = next(gate for gate in verdict.gates if gate.name == "availability_proven_low")

    assert verdict.tier is UNRATED
    assert gate.passed is None


def test_many_probes_of_half_a_day_accuse_nobody_either() -> None:
    """Two thousand failures within twelve hours: one outage, not a record."""
    assert verdict_of(facts([block(0, failed=1000), block(1, failed=1000)])).tier is UNRATED
    assert verdict_of(facts([block(n, failed=1000) for n in range(5)])).tier is SUSPECT


@pytest.mark.parametrize(
    ("earned", "known", "without"),
    [
        (GOLD, facts(steady(per_block=720, failed=1) + steady()), RELIABLE),
        (SUSPECT, facts(steady(8, per_block=1020, failed=5)), UNRATED),
        (RELIABLE, facts(steady(8, per_block=240, failed=1)), UNRATED),
    ],
)
def test_a_tier_is_held_at_a_slightly_lower_line(earned: Tier, known: ProviderFacts, without: Tier) -> None:
    """Between the two lines the tier stays what it was; it is not earned anew there."""
    assert verdict_of(known).tier is without
    assert verdict_of(known, earned).tier is earned
    assert verdict_of(known, without).tier is without
    assert verdict_of(known, earned).previous is earned


def test_who_falls_from_gold_is_held_at_reliable() -> None:
    """The lower of the two lines of reliable counts for whoever was gold before."""
    known = facts(steady(8, per_block=240, failed=1))

    assert verdict_of(known, GOLD).tier is RELIABLE
    assert verdict_of(known).tier is UNRATED


@given(
    name=st.sampled_from(sorted(name for name, (known, _, _) in CASES.items() if known)),
    count=st.sampled_from(["n_not_observed", "n_unknown"]),
    more=st.integers(1, 2000),
    every=st.integers(1, 40),
)
def test_what_is_our_fault_or_the_callers_is_never_charged(name: str, count: str, more: int, every: int) -> None:
    """Laws 2 and 3: unknown time, much or little, makes nobody suspect, and earns nobody a tier."""
    known = CASES[name][0]
    assert known is not None
    clouded = tuple(
        replace(one, **{count: getattr(one, count) + more}) if number % every == 0 else one
        for number, one in enumerate(known.blocks)
    )
    before, after = verdict_of(known).tier, verdict_of(replace(known, blocks=clouded)).tier

    assert after is not SUSPECT or before is SUSPECT
    assert after is UNRATED or RANK[after] <= RANK[before]


def test_our_own_bad_key_makes_nobody_suspect() -> None:
    """A week of 401 is ours: no suspicion, and the time is counted as unknown."""
    ours = {reason: 3000 for reason, blame in BLAME.items() if blame in {Blame.CALLER, Blame.OBSERVER}}
    verdict = verdict_of(facts([block(n, unknown=360) for n in range(28)] + steady(30)[28:], reasons=ours))

    assert verdict.tier is UNRATED
    assert verdict.reasons == ("availability_straddles",)


def test_an_agent_that_was_off_for_a_week_costs_gold_but_accuses_nobody() -> None:
    """Not observed is not good: a lower bound that counts it as down does not earn gold."""
    verdict = verdict_of(facts([block(n, not_observed=360) for n in range(28)] + steady(30)[28:]))

    assert verdict.tier is UNRATED
    assert verdict.n_failed == 0
    assert verdict.n_not_observed == 28 * 360


@given(days=st.integers(1, 30), per_block=st.integers(1, 800), bad=st.integers(0, 100), more=st.integers(1, 100))
def test_more_failures_never_improve_the_tier(days: int, per_block: int, bad: int, more: int) -> None:
    """Failures spread evenly: gold > reliable > unrated > suspect only ever goes down."""
    worse = min(bad + more, per_block)
    few = verdict_of(facts(steady(days, per_block=per_block, failed=min(bad, per_block))))
    many = verdict_of(facts(steady(days, per_block=per_block, failed=worse)))

    assert RANK[many.tier] <= RANK[few.tier]


@given(down=st.integers(0, 59), more=st.integers(1, 60))
def test_more_hours_of_outage_never_improve_the_tier(down: int, more: int) -> None:
    """Up to half of the time down, six hours at a time."""
    fewer, longer = (
        facts([block(n, failed=360) if n < hours else block(n, ok=360) for n in range(120)])
        for hours in (down, min(down + more, 60))
    )

    assert RANK[verdict_of(longer).tier] <= RANK[verdict_of(fewer).tier]


@given(data=st.data())
def test_the_same_facts_give_the_same_bytes(data: st.DataObject) -> None:
    """Law 6: whatever order a mapping is in, the canonical JSON is the same, one line, sorted, and says it all."""
    reasons = {Reason.SLOW.value: 12, Reason.HTTP_5XX.value: 3, Reason.TRUNCATED.value: 2}
    hist = {10: 5, 300: 7000, -4: 2, 301: 800}
    known = replace(facts(GOOD), reasons=reasons, ttft_hists={"cold": hist})
    shuffled = replace(
        known,
        reasons=dict(data.draw(st.permutations(list(reasons.items())))),
        ttft_hists={"cold": dict(data.draw(st.permutations(list(hist.items()))))},
    )
    line = verdict_of(known).canonical_json()

    assert verdict_of(shuffled).canonical_json() == line
    assert "\n" not in line
    assert json.dumps(json.loads(line), sort_keys=True, separators=(",", ":")) == line


def test_a_verdict_names_the_policy_that_it_was_given_under() -> None:
    """Another line is another policy; the same line is the same policy."""
    other = POLICY.model_copy(update={"observations_min": 301})

    assert policy_hash(POLICY) == policy_hash(TierPolicy()) == verdict_of(None).policy
    assert policy_hash(other) != policy_hash(POLICY)


def test_every_gate_carries_its_numbers() -> None:
    """Law 7: value, threshold, sample size and a note that says what it does and does not show."""
    known = facts(CLEAN)
    verdict = verdict_of(known, claims=examined(days=1))

    assert {gate.tier for gate in verdict.gates} == {GOLD, RELIABLE, SUSPECT}
    assert all(gate.note and gate.value is not None and gate.n for gate in verdict.gates)
