"""What a configuration does in a day: probes, tokens, how soon it notices, what it can claim. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.judgement.availability import claimable, probes_to_claim
from schemas.config import Agent, Configuration, HardDownRule, Module

DAY_S = 86_400.0
CLAIM_DAYS = (1, 7, 28)
PROMPT_TOKENS = 60  # a short prompt with its nonce and the chat template; `touchstone plan --prompt-tokens` sets it


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlan:
    """
    One provider's day. Tokens are the most that answers may have (their mean when the length varies).

    notice_s: median from an outage that refuses at once to a target being hard down. notice_worst_s: the same for
    one that hangs, begun just after a probe. claimable: days of clean, independent probes to the claim they allow.
    """

    provider: str
    targets: int
    probes: float
    tokens_in: float
    tokens_out: float
    cost: float | None
    notice_s: float
    notice_worst_s: float
    claimable: Mapping[int, float]
    days_to_gold: float


def plan(
    configuration: Configuration, *, price: float | None = None, prompt_tokens: int = PROMPT_TOKENS
) -> tuple[ProviderPlan, ...]:
    """The plan of every provider, sorted; *price* is of a million tokens, in and out alike."""
    settings = configuration.settings
    chosen: dict[str, list[Module]] = {}
    targets: dict[str, int] = {}
    for place in configuration.fleet.places():
        modules = [settings.modules[name] for name in place.target.modules]
        chosen.setdefault(place.provider, []).extend(modules)
        targets[place.provider] = targets.get(place.provider, 0) + 1
    gold = settings.tiers.gold.availability_lower
    return tuple(
        _of_provider(provider, targets[provider], modules, configuration, gold, price, prompt_tokens)
        for provider, modules in chosen.items()
    )


def _of_provider(
    provider: str,
    targets: int,
    modules: list[Module],
    configuration: Configuration,
    gold: float,
    price: float | None,
    prompt_tokens: int,
) -> ProviderPlan:
    agent, rule = configuration.settings.agent, configuration.settings.paging.hard_down
    confidence = configuration.settings.tiers.confidence
    probes = sum(DAY_S / module.interval for module in modules)
    asked = [(module, DAY_S / module.interval * module.requests, module.tokens_out) for module in modules]
    tokens_in = sum(n * (module.tokens_in or prompt_tokens) for module, n, out in asked if out is not None)
    tokens_out = sum(n * out for _, n, out in asked if out is not None)
    return ProviderPlan(
        provider=provider,
        targets=targets,
        probes=probes,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=None if price is None else (tokens_in + tokens_out) / 1e6 * price,
        notice_s=min(notice_s(module, agent, rule, worst=False) for module in modules),
        notice_worst_s=min(notice_s(module, agent, rule, worst=True) for module in modules),
        claimable={days: claimable(int(probes * days), confidence=confidence) for days in CLAIM_DAYS},
        days_to_gold=probes_to_claim(gold, confidence=confidence) / probes,
    )


def notice_s(module: Module, agent: Agent, rule: HardDownRule, *, worst: bool) -> float:
    """Seconds from the start of an outage to the failure that makes a target hard down."""
    again = min(agent.confirmations, rule.failures - 1)
    ticks = rule.failures - 1 - again  # failures that only the next ticks can bring
    wait = module.interval if worst else module.interval / 2
    gap = agent.confirm_gap_max if worst else (agent.confirm_gap_min + agent.confirm_gap_max) / 2
    hang = module.hang_s * (again + 1) if worst else 0.0
    return wait + again * gap + ticks * module.interval + hang
