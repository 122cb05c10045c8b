"""What a configuration does in a day: probes, tokens, how soon it notices, what it can claim. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf

from collector.judgement.availability import claimable, probes_to_claim
from probes.budget import PROMPT_TOKENS, limits
from probes.contract import Subject
from probes.subjects import subjects_of
from schemas.config import Agent, Configuration, Module
from schemas.fleet import Budget, Price
from schemas.paging import HardDownRule
from schemas.probe_kinds import QUIET_KINDS

DAY_S = 86_400.0
CLAIM_DAYS = (1, 7, 28)
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """One limit of a provider's budget beside what the plan needs of it; *need* is None where no price is known."""

    limit: str  # as in the fleet file: requests_day, tokens_day, money_day
    most: float
    need: float | None

    @property
    def blind_from_s(self) -> float | None:
        """Seconds after midnight (UTC) at which the limit is reached; None when the plan fits."""
        if self.need is None or self.need <= self.most:
            return None
        return DAY_S * self.most / self.need


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlan:
    """
    One provider's day. Tokens are the most that answers may have (their mean when the length varies). warm_ups: GETs
    that make a connection warm, beside the requests; both count for a budget of requests.

    notice_s: median from an outage that refuses at once to a target being hard down. notice_worst_s: the same for
    one that hangs, begun just after a probe. claimable: days of clean, independent probes to the claim they allow.
    The probes of the integrity checks notice and claim nothing.
    """

    provider: str
    targets: int
    probes: float
    requests: float
    warm_ups: float
    tokens_in: float
    tokens_out: float
    cost: float | None
    budget: tuple[BudgetUse, ...]
    notice_s: float
    notice_worst_s: float
    claimable: Mapping[int, float]
    days_to_gold: float


def plan(
    configuration: Configuration, *, price: float | None = None, prompt_tokens: int = PROMPT_TOKENS
) -> tuple[ProviderPlan, ...]:
    """The plan of every provider, sorted; *price* is of a million tokens, in and out, where the fleet has none."""
    subjects: dict[str, list[Subject]] = {}
    for subject in subjects_of(configuration.fleet, configuration.settings.modules):
        subjects.setdefault(subject.place.provider, []).append(subject)
    flat = None if price is None else Price(tokens_in=Decimal(str(price)), tokens_out=Decimal(str(price)))
    return tuple(
        _of_provider(provider, chosen, configuration, flat, prompt_tokens) for provider, chosen in subjects.items()
    )


def _of_provider(
    provider: str, subjects: Sequence[Subject], configuration: Configuration, flat: Price | None, prompt_tokens: int
) -> ProviderPlan:
    agent, rule = configuration.settings.agent, configuration.settings.paging.hard_down
    tiers = configuration.settings.tiers
    modules = [subject.module for subject in subjects]
    watching = [module for module in modules if module.kind not in QUIET_KINDS]
    watches = sum(DAY_S / module.interval for module in watching)
    probes = sum(DAY_S / module.interval for module in modules)
    requests = sum(DAY_S / module.interval * module.requests for module in modules)
    warm_ups = sum(DAY_S / module.interval * module.warm_share * module.warm_ups for module in modules)
    tokens_in = sum(_tokens_in(module, prompt_tokens) for module in modules)
    tokens_out = sum(_tokens_out(module) for module in modules)
    cost = _cost(subjects, flat, prompt_tokens)
    needs = {"requests": requests + warm_ups, "tokens": tokens_in + tokens_out, "money": cost}
    budget = configuration.fleet.providers[provider].budget
    needed = probes_to_claim(tiers.gold.availability_lower, confidence=tiers.confidence)
    return ProviderPlan(
        provider=provider,
        targets=len({subject.place.id for subject in subjects}),
        probes=probes,
        requests=requests,
        warm_ups=warm_ups,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=cost,
        budget=_use(budget, needs),
        notice_s=min((notice_s(module, agent, rule, worst=False) for module in watching), default=inf),
        notice_worst_s=min((notice_s(module, agent, rule, worst=True) for module in watching), default=inf),
        claimable={days: claimable(int(watches * days), confidence=tiers.confidence) for days in CLAIM_DAYS},
        days_to_gold=needed / watches if watches else inf,
    )


def _tokens_in(module: Module, prompt_tokens: int) -> float:
    """A day's prompt tokens of one subject."""
    if module.tokens_out is None:
        return 0.0
    return DAY_S / module.interval * module.requests * (module.tokens_in or prompt_tokens)


def _tokens_out(module: Module) -> float:
    """A day's answer tokens of one subject."""
    return DAY_S / module.interval * module.requests * (module.tokens_out or 0.0)


def _cost(subjects: Sequence[Subject], flat: Price | None, prompt_tokens: int) -> float | None:
    """What a day costs at the targets' prices; None when one that is asked for tokens has none."""
    cost = 0.0
    for subject in subjects:
        price = subject.place.price or flat
        tokens_in, tokens_out = _tokens_in(subject.module, prompt_tokens), _tokens_out(subject.module)
        if price is None and tokens_in + tokens_out > 0:
            return None
        if price is not None:
            cost += (tokens_in * float(price.tokens_in) + tokens_out * float(price.tokens_out)) / MILLION
    return cost if flat is not None or any(subject.place.price for subject in subjects) else None


def _use(budget: Budget, needs: Mapping[str, float | None]) -> tuple[BudgetUse, ...]:
    return tuple(BudgetUse(name, float(limit), needs[kind]) for name, kind, limit in limits(budget))


def notice_s(module: Module, agent: Agent, rule: HardDownRule, *, worst: bool) -> float:
    """Seconds from the start of an outage to the failure that makes a target hard down."""
    again = min(agent.confirmations, rule.failures - 1)
    ticks = rule.failures - 1 - again  # failures that only the next ticks can bring
    wait = module.interval if worst else module.interval / 2
    gap = agent.confirm_gap_max if worst else (agent.confirm_gap_min + agent.confirm_gap_max) / 2
    hang = module.hang_s * (again + 1) if worst else 0.0
    return wait + again * gap + ticks * module.interval + hang
