"""A contract that was broken keeps a provider from gold, and month after month from reliable."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.judgement.facts import together
from collector.judgement.outlook_words import need
from collector.judgement.sla.conduct import Conduct
from collector.judgement.tiers import judge
from schemas.config import TierPolicy
from schemas.verdict import Tier, Verdict
from tests.support.provider_facts import AT, facts, steady

ENDED = AT - timedelta(days=23)


def verdict(conduct: Conduct | None) -> Verdict:
    """On a provider without a failure."""
    return judge("acme", facts(steady()), TierPolicy(), AT, None, conduct=conduct)


@pytest.mark.parametrize(
    ("broken", "tier", "reason"),
    [
        (0, Tier.GOLD, "all_gold_gates_passed"),
        (1, Tier.RELIABLE, "contract_short_of_gold"),
        (2, Tier.RELIABLE, "contract_short_of_gold"),
        (3, Tier.UNRATED, "contract_short_of_reliable"),
    ],
)
def test_broken_months_are_counted(broken: int, tier: Tier, reason: str) -> None:
    """None for gold, two for reliable; n is the months that are over."""
    found = verdict(Conduct(3, broken, ENDED if broken else None))
    gate = next(gate for gate in found.gates if gate.name == "contract_kept")

    assert (found.tier, reason in found.reasons) == (tier, True)
    assert (gate.value, gate.n, gate.unit) == (float(broken), 3, "months")


def test_without_a_month_that_is_over_there_is_no_gate() -> None:
    """Neither kept nor broken."""
    found = verdict(None)

    assert found.tier is Tier.GOLD
    assert "contract_kept" not in {gate.name for gate in found.gates}


def test_a_cluster_is_held_to_what_was_promised_of_it_alone() -> None:
    """Its neighbour is not, nor is a model; what covers the whole provider is the provider's."""
    west = [replace(one, cluster="acme/west") for one in steady()]
    parts = {("acme/east", "m"): facts(steady()), ("acme/west", "m"): facts(west)}
    known = replace(together("acme", parts.values()), parts=parts)
    conduct = Conduct(3, 1, ENDED, {"acme/east": Conduct(3, 1, ENDED), "acme/west": Conduct(3, 0, None)})
    found = judge("acme", known, TierPolicy(), AT, None, conduct=conduct)

    assert [(one.name, one.tier) for one in found.parts] == [
        ("acme/east", Tier.RELIABLE), ("acme/west", Tier.GOLD), ("m", Tier.GOLD),
    ]  # fmt: skip
    assert "contract_short_of_gold" in found.parts[0].reasons


def test_it_is_forgotten_after_ninety_days() -> None:
    """When the last broken month ended so long ago, and those to come are kept."""
    outlook = verdict(Conduct(3, 1, ENDED)).outlook

    assert outlook is not None
    assert outlook.earliest == ENDED + timedelta(days=90)
    assert need(outlook.needs[0]) == (
        "contract kept: 1 month now, the line is 0 months; met 2027-01-30 00:00 UTC (the months to come are kept)"
    )
