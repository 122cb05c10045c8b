"""What probing costs: estimated before a request, and known after it. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from probes.contract import Subject
from schemas.fleet import Budget
from schemas.observation import Observation, Reason

PROMPT_TOKENS = 60  # a short prompt with its nonce and the chat template
FIRST_BILLED = ("first_billed_in", "first_billed_out")  # figures of a tick whose first answer prepared a second
_MILLION = 1_000_000
_CENT = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Cost:
    """Requests, tokens in and out together, and money in the currency of the prices; negative is a debt."""

    requests: int = 0
    tokens: int = 0
    money: Decimal = Decimal(0)

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.requests + other.requests, self.tokens + other.tokens, self.money + other.money)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.requests - other.requests, self.tokens - other.tokens, self.money - other.money)

    def times(self, number: int) -> Cost:
        """So many of it."""
        return Cost(self.requests * number, self.tokens * number, self.money * number)

    def most(self, other: Cost) -> Cost:
        """Of each the larger."""
        return Cost(max(self.requests, other.requests), max(self.tokens, other.tokens), max(self.money, other.money))

    def least(self, other: Cost) -> Cost:
        """Of each the smaller."""
        return Cost(min(self.requests, other.requests), min(self.tokens, other.tokens), min(self.money, other.money))

    def covers(self, other: Cost) -> bool:
        """Whether *other* can be paid of it."""
        return self.least(other) == other


NOTHING = Cost()


def estimate(subject: Subject, *, warm: bool = False) -> Cost:
    """What one attempt may cost, before it is made; the GET that makes a connection *warm* is a request as well."""
    module = subject.module
    requests = Cost(module.requests + (module.warm_ups if warm else 0))
    if module.tokens_out is None:
        return requests
    tokens_in = module.requests * (module.tokens_in or PROMPT_TOKENS)
    return requests + cost_of_tokens(subject, tokens_in, round(module.requests * module.tokens_out))


def cost_of_tokens(subject: Subject, tokens_in: int, tokens_out: int) -> Cost:
    """Of so many tokens at the target's price; without one they cost no money."""
    price = subject.place.price
    money = Decimal(0) if price is None else (tokens_in * price.tokens_in + tokens_out * price.tokens_out) / _MILLION
    return Cost(tokens=tokens_in + tokens_out, money=money)


def spent(subject: Subject, observation: Observation, *, warm: bool = False) -> Cost:
    """
    What an attempt has cost, as billed.

    What was never sent has cost its request and no tokens. Where the provider bills nothing, the estimate stands.
    """
    expected, tokens = estimate(subject, warm=warm), observation.tokens
    if observation.timings.sent_ms is None and observation.reason is not Reason.OBSERVER_ERROR:
        return Cost(expected.requests)
    if tokens.billed_in is None and tokens.billed_out is None:
        return expected
    first_in, first_out = (round(observation.figures.get(name, 0.0)) for name in FIRST_BILLED)
    billed_in, billed_out = (tokens.billed_in or 0) + first_in, (tokens.billed_out or 0) + first_out
    return Cost(expected.requests) + cost_of_tokens(subject, billed_in, billed_out)


def limits(budget: Budget) -> Iterator[tuple[str, str, int | Decimal]]:
    """(name of the limit, name of what it limits, the limit), for each that is set."""
    for name in ("requests", "tokens", "money"):
        limit = getattr(budget, f"{name}_day")
        if limit is not None:
            yield f"{name}_day", name, limit


def refusal(budget: Budget, spent: Cost, need: Cost) -> str:
    """Which limit *need* would break, in words; empty when it breaks none."""
    for name, kind, limit in limits(budget):
        if getattr(need, kind) > 0 and getattr(spent, kind) + getattr(need, kind) > limit:
            return f"{name} {limit}: {getattr(spent, kind)} spent of this day's budget"
    return ""


def granted(budget: Budget, spent: Cost, need: Cost, want: Cost, parts: int) -> Cost:
    """What to draw: *want*, but no more than one of *parts* of what is left, and at least *need*."""
    requests, tokens, money = want.requests, want.tokens, want.money
    if budget.requests_day is not None:
        requests = min(requests, (budget.requests_day - spent.requests) // parts)
    if budget.tokens_day is not None:
        tokens = min(tokens, (budget.tokens_day - spent.tokens) // parts)
    if budget.money_day is not None:
        money = min(money, ((budget.money_day - spent.money) / parts).quantize(_CENT, ROUND_DOWN))
    return Cost(requests, tokens, money).most(need)
