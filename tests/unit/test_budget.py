"""A budget binds: whoever probes and restarts, no day passes its limit but by what was under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.attempt import Bench
from probes.budget import NOTHING, PROMPT_TOKENS, Cost, estimate, granted, refusal, spent
from probes.budget_ledger import PARTS, BudgetLedger
from probes.connection import Connections
from probes.contract import Subject
from probes.loop_lag import LagMonitor
from probes.purse import AHEAD, Purse
from probes.trust import UNLIMITED
from schemas.errors import BudgetError
from schemas.fleet import Budget, Price
from schemas.observation import Observation, Outcome, Reason, Timings, Tokens
from tests.support.observations import seen
from tests.support.subjects import TICK, chat_subject, http_subject
from touchstone.system_clock import SystemClock

DAY = TICK.date()
CLOCK = SystemClock()
HERE = Bench(vantage="here", connections=Connections(), clock=CLOCK, lag=LagMonitor(CLOCK), limits=UNLIMITED)
SENT = Timings(sent_ms=1.0)
PRICE = Price(tokens_in=Decimal(2), tokens_out=Decimal(10))


def priced(price: Price | None = PRICE, **module: Any) -> Subject:
    """A chat of 100 tokens out, at that price."""
    subject = chat_subject("http://127.0.0.1:1", **({"max_tokens": 100} | module))
    return replace(subject, place=replace(subject.place, price=price))


async def inline(work: Callable[..., Any], *arguments: Any) -> Any:
    """A disk that is done at once."""
    await asyncio.sleep(0)
    return work(*arguments)


class Asked:
    """A probe that counts its requests, and is billed as told."""

    def __init__(self, tokens: Tokens = Tokens(), timings: Timings = SENT) -> None:  # noqa: B008 (frozen)
        self.requests, self.tokens, self.timings = 0, tokens, timings

    async def __call__(self, subject: Subject, tick: datetime, attempt: int, streams_open: int) -> Observation:
        """One more."""
        self.requests += 1
        await asyncio.sleep(0)
        return seen(tick=tick, attempt=attempt, tokens=self.tokens, timings=self.timings)


async def asks(purse: Purse, probe: Asked, subject: Subject, ticks: int, first: datetime = TICK) -> list[Observation]:
    """So many ticks, a second apart, all at once."""
    paid = purse.around(probe, HERE)
    whole = [paid(subject, first + timedelta(seconds=number), 0, 1) for number in range(ticks)]
    return list(await asyncio.gather(*whole))


def refused(observations: list[Observation]) -> int:
    """How many the budget forbade."""
    return sum(one.reason is Reason.OBSERVER_BUDGET for one in observations)


def test_an_estimate_is_of_requests_tokens_and_money() -> None:
    """60 in at 2 and 100 out at 10 a million; a plain request has no tokens."""
    assert estimate(priced()) == Cost(1, PROMPT_TOKENS + 100, Decimal("0.00112"))
    assert estimate(priced(None)) == Cost(1, PROMPT_TOKENS + 100)
    assert estimate(http_subject("http://127.0.0.1:1")) == Cost(1)
    assert estimate(http_subject("http://127.0.0.1:1", connection="warm"), warm=True) == Cost(2)


def test_what_was_spent_is_what_was_billed() -> None:
    """Billed tokens; the estimate where nothing is billed; no tokens for what was never sent."""
    billed = seen(tokens=Tokens(billed_in=10, billed_out=20), timings=SENT)
    unbilled = seen(timings=SENT)
    unsent = seen(outcome=Outcome.FAILED, reason=Reason.CONNECT_REFUSED)
    ours = seen(outcome=Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_ERROR)

    assert spent(priced(), billed) == Cost(1, 30, Decimal("0.00022"))
    assert spent(priced(), unbilled) == estimate(priced())
    assert spent(priced(), unsent) == Cost(1)
    assert spent(priced(), ours) == estimate(priced())  # nobody knows whether it was sent


COSTS = st.builds(Cost, st.integers(0, 50), st.integers(0, 5000), st.decimals(0, 5, places=6))


@given(limit=COSTS, drawn=COSTS, need=COSTS, want=COSTS)
def test_a_grant_is_what_is_needed_and_never_breaks_a_limit(limit: Cost, drawn: Cost, need: Cost, want: Cost) -> None:
    """Refused, or granted within all three limits; more than is needed only as a small part of what is left."""
    budget = Budget(requests_day=limit.requests, tokens_day=limit.tokens, money_day=limit.money)
    if refusal(budget, drawn, need):
        assert not limit.covers(drawn + need)
        return
    grant = granted(budget, drawn, need, want, PARTS)

    assert grant.covers(need)
    assert all(
        getattr(need, kind) == 0 or getattr(drawn + need, kind) <= getattr(limit, kind)
        for kind in ("requests", "tokens", "money")
    )
    assert need.most(limit - drawn).covers(grant)
    assert need.most(want).covers(grant)


async def test_a_warm_up_is_a_request_of_the_budget(tmp_path: Path) -> None:
    """A GET of the URL may be billed or limited like any other request: two for each tick that asks warm."""
    probe, warm = Asked(), priced(connection="warm")
    with closing(BudgetLedger(tmp_path / "budget.db")) as ledger:
        purse = Purse({"acme": Budget(requests_day=6)}, ledger, inline)
        observations = await asks(purse, probe, warm, 8)

    assert (probe.requests, refused(observations)) == (3, 5)


@pytest.mark.parametrize(
    ("budget", "probes", "said"),
    [
        (Budget(requests_day=5), 5, "requests_day 5: 5 spent of this day's budget"),
        (Budget(tokens_day=500), 3, "tokens_day 500: 480 spent of this day's budget"),
        (Budget(money_day=Decimal("0.005")), 4, "money_day 0.005: 0.00448 spent of this day's budget"),
        (Budget(requests_day=0), 0, "requests_day 0: 0 spent of this day's budget"),
    ],
)
async def test_each_limit_binds_to_the_last_request(tmp_path: Path, budget: Budget, probes: int, said: str) -> None:
    """Exactly as many probes as it pays for; every further tick is there, as our own decision."""
    probe = Asked()
    with closing(BudgetLedger(tmp_path / "budget.db")) as ledger:
        found = await asks(Purse({"acme": budget}, ledger, inline), probe, priced(), 12)

    assert probe.requests == probes
    assert len({one.id for one in found}) == 12
    assert refused(found) == 12 - probes
    last = found[-1]
    assert (last.outcome, last.reason, last.detail) == (Outcome.NOT_OBSERVED, Reason.OBSERVER_BUDGET, said)


@settings(max_examples=12, deadline=None)
@given(limit=st.integers(0, 300), workers=st.integers(1, 4), kills=st.lists(st.booleans(), min_size=4, max_size=4))
async def test_workers_that_share_a_budget_never_pass_it_together(
    limit: int, workers: int, kills: list[bool], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Interleaved, stopped in order or killed: requests are never above the limit, and few of it are forfeited."""
    path, probe, forfeited = tmp_path_factory.mktemp("budget") / "budget.db", Asked(), 0
    for kill in kills:
        ledgers = [BudgetLedger(path) for _ in range(workers)]
        purses = [Purse({"acme": Budget(requests_day=limit)}, ledger, inline) for ledger in ledgers]
        await asyncio.gather(*(asks(purse, probe, priced(), 25) for purse in purses))
        forfeited += kill * workers * AHEAD
        for purse, ledger in zip(purses, ledgers, strict=True):
            if not kill:
                await purse.give_back()
            ledger.close()

    assert probe.requests <= limit
    assert probe.requests >= min(limit - forfeited - workers * AHEAD, 4 * workers * 25)


async def test_one_worker_spends_the_whole_budget_over_restarts(tmp_path: Path) -> None:
    """What was drawn and not spent comes back when it stops in order; the day goes on where it was."""
    probe, budget = Asked(), {"acme": Budget(requests_day=100)}
    for _ in range(5):
        with closing(BudgetLedger(tmp_path / "budget.db")) as ledger:
            purse = Purse(budget, ledger, inline)
            await asks(purse, probe, priced(), 30)
            await purse.give_back()

    assert probe.requests == 100


async def test_a_bill_above_the_estimate_is_owed_and_binds_the_next_request(tmp_path: Path) -> None:
    """Ten times the tokens: the first is passed by what was under way, and then nothing more goes out."""
    probe = Asked(Tokens(billed_in=600, billed_out=1000))
    with closing(BudgetLedger(tmp_path / "budget.db")) as ledger:
        purse = Purse({"acme": Budget(tokens_day=1500)}, ledger, inline)
        found = [
            one for number in range(4) for one in await asks(purse, probe, priced(), 1, TICK.replace(minute=number))
        ]
        owed = ledger.drawn(DAY, "acme")

    assert probe.requests == 1
    assert refused(found) == 3
    assert owed.tokens == 1600


async def test_what_was_not_used_pays_for_more(tmp_path: Path) -> None:
    """Estimated at 160 tokens, billed 40: four times as many probes."""
    probe = Asked(Tokens(billed_in=20, billed_out=20))
    with closing(BudgetLedger(tmp_path / "budget.db")) as ledger:
        purse = Purse({"acme": Budget(tokens_day=1600)}, ledger, inline)
        for number in range(50):
            await asks(purse, probe, priced(), 1, TICK + timedelta(seconds=number))

    assert probe.requests == (1600 - 160) // 40 + 1


async def test_a_new_day_has_a_budget_of_its_own(tmp_path: Path) -> None:
    """By the day of the tick, in UTC; and late ticks of the day before do not take of it."""
    probe, midnight = Asked(), TICK.replace(hour=0) + timedelta(days=1)
    with closing(BudgetLedger(tmp_path / "budget.db")) as ledger:
        purse = Purse({"acme": Budget(requests_day=3)}, ledger, inline)
        found = await asks(purse, probe, priced(), 10, midnight - timedelta(seconds=5))
        found += await asks(purse, probe, priced(), 1, midnight - timedelta(seconds=1))

    assert probe.requests == 6
    assert refused(found) == 5


async def test_a_provider_without_a_budget_pays_nothing(tmp_path: Path) -> None:
    """And its ledger is never written."""
    probe = Asked()
    with closing(BudgetLedger(tmp_path / "budget.db")) as ledger:
        await asks(Purse({"other": Budget(requests_day=0)}, ledger, inline), probe, priced(), 7)
        assert ledger.drawn(DAY, "acme") == NOTHING

    assert probe.requests == 7


async def test_a_budget_that_is_raised_or_lifted_binds_as_it_now_is(tmp_path: Path) -> None:
    """By a reload, in the middle of the day."""
    probe = Asked()
    with closing(BudgetLedger(tmp_path / "budget.db")) as ledger:
        purse = Purse({"acme": Budget(requests_day=2)}, ledger, inline)
        await asks(purse, probe, priced(), 5)
        purse.budgets = {"acme": Budget(requests_day=4)}
        await asks(purse, probe, priced(), 5, TICK.replace(minute=1))
        assert probe.requests == 4
        purse.budgets = {}
        await asks(purse, probe, priced(), 5, TICK.replace(minute=2))

    assert probe.requests == 9


class Broken:
    """A ledger whose disk refuses."""

    def draw(self, *_: object) -> Cost:
        """Never."""
        raise BudgetError("budget.db: cannot be written: disk is full")

    def add(self, *_: object) -> None:
        """Never."""
        raise BudgetError("budget.db: cannot be written: disk is full")


async def test_a_ledger_that_cannot_be_written_pays_for_nothing() -> None:
    """What cannot be counted is not spent; the tick is there and says why."""
    probe = Asked()
    found = await asks(Purse({"acme": Budget(requests_day=9)}, Broken(), inline), probe, priced(), 3)

    assert probe.requests == 0
    assert {one.detail for one in found} == {"budget.db: cannot be written: disk is full"}


def test_the_ledger_forgets_old_days_and_says_what_is_wrong(tmp_path: Path) -> None:
    """Forty days are kept; garbage is an error that names the file."""
    with closing(BudgetLedger(tmp_path / "budget.db")) as ledger:
        ledger.add(date(2026, 1, 1), "acme", Cost(3, 40, Decimal("0.5")))
        assert ledger.drawn(date(2026, 1, 1), "acme") == Cost(3, 40, Decimal("0.5"))
        ledger.add(date(2026, 3, 1), "acme", Cost(1))
        assert ledger.drawn(date(2026, 1, 1), "acme") == NOTHING
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"this is not a database at all" * 400)
    with pytest.raises(BudgetError, match=f"^{garbage}: cannot be opened"):
        BudgetLedger(garbage)
