"""The arithmetic of `touchstone plan`."""

from __future__ import annotations

import pytest

from probes.kinds.burst import BurstModule
from probes.kinds.chat_stream import ChatStreamModule
from probes.kinds.http_request import HttpRequestModule
from probes.kinds.tcp_connect import TcpConnectModule
from schemas.config import Agent, Configuration, Module, Settings
from schemas.fleet import Fleet
from schemas.paging import HardDownRule
from touchstone.commands.plan import warnings
from touchstone.probe_plan import notice_s, plan

CHAT = ChatStreamModule(kind="chat_stream", interval="60s", max_tokens=64, max_tokens_min=16)  # type: ignore[arg-type]
UP = HttpRequestModule(kind="http_request", interval="30s", timeout="10s")  # type: ignore[arg-type]


def configuration(**provider: object) -> Configuration:
    """One provider, one cluster, a chat every minute and a request every half."""
    target = {"model": "m", "url": "http://127.0.0.1:1", "modules": ["chat", "up"]}
    fleet = {"providers": {"acme": {"clusters": {"us-east": {"targets": {"chat": target}}}} | provider}}
    return Configuration(
        settings=Settings(version=1, modules={"chat": CHAT, "up": UP}), fleet=Fleet.model_validate(fleet)
    )


def test_probes_tokens_and_cost_of_a_day() -> None:
    """1,440 chats of 60 tokens in and 40 out on average; requests cost nothing. Every other tick is warmed up for."""
    (acme,) = plan(configuration(), price=10.0)

    assert (acme.probes, acme.requests, acme.warm_ups) == (1440 + 2880, 1440 + 2880, 720 + 1440)
    assert (acme.tokens_in, acme.tokens_out) == (1440 * 60, 1440 * 40)
    assert acme.cost == pytest.approx(1.44)


@pytest.mark.parametrize(
    ("module", "warm_ups"),
    [
        (CHAT.model_copy(update={"connection": "warm"}), 1440),
        (CHAT.model_copy(update={"connection": "cold"}), 0),
        (BurstModule(kind="burst", interval="60s", n=8), 0),  # type: ignore[arg-type]
        (TcpConnectModule(kind="tcp_connect", interval="60s"), 0),  # type: ignore[arg-type]
    ],
)
def test_only_what_asks_warm_is_warmed_up_for(module: Module, warm_ups: int) -> None:
    """Always, never, and not where a kind makes connections of its own."""
    whole = configuration()
    chosen = whole.settings.model_copy(update={"modules": {"chat": module, "up": UP}})
    (acme,) = plan(Configuration(settings=chosen, fleet=whole.fleet))

    assert acme.warm_ups == warm_ups + 1440


def test_without_a_price_the_cost_is_unknown() -> None:
    """Not zero."""
    assert plan(configuration())[0].cost is None


def test_a_price_of_the_fleet_is_taken_before_the_one_on_the_command_line() -> None:
    """In and out each at its own: 86,400 tokens at 1 and 57,600 at 5 a million."""
    (acme,) = plan(configuration(price={"tokens_in": 1, "tokens_out": 5}), price=1000.0)

    assert acme.cost == pytest.approx(0.0864 + 0.288)


def test_a_plan_that_does_not_fit_its_budget_is_warned_of_with_its_hour() -> None:
    """Half the requests and warm-ups: blind from noon on. What fits is not mentioned, what has no price is unknown."""
    budget = {"requests_day": 3240, "tokens_day": 1_000_000, "money_day": 2.5}
    priced, unpriced = (
        configuration(budget=budget, **more) for more in ({"price": {"tokens_in": 1, "tokens_out": 1}}, {})
    )
    (acme,), (unknown,) = plan(priced), plan(unpriced)

    assert [(use.limit, use.most, use.need) for use in acme.budget] == [
        ("requests_day", 3240, 6480), ("tokens_day", 1_000_000, 144_000), ("money_day", 2.5, pytest.approx(0.144))
    ]  # fmt: skip
    assert warnings((acme,)) == [
        "acme: requests_day is spent at 12:00 UTC; later ticks are not_observed (observer_budget)"
    ]
    assert unknown.budget[2].need is None
    assert plan(configuration())[0].budget == ()


def test_claims_grow_with_clean_probes() -> None:
    """Zero failures in n give 1 - 0.05 ** (1 / n)... of failing at most; 4,320 a day reach gold's line in a day."""
    (acme,) = plan(configuration())

    assert acme.claimable[1] == pytest.approx(0.05 ** (1 / 4320))
    assert acme.claimable[1] < acme.claimable[7] < acme.claimable[28] < 1
    assert acme.days_to_gold == pytest.approx(2995 / 4320, rel=0.001)


def test_confirmation_spares_the_wait_for_the_next_ticks() -> None:
    """Half an interval and two quick re-probes; without them two whole intervals more."""
    rule = HardDownRule(failures=3)

    assert notice_s(UP, Agent(confirmations=2), rule, worst=False) == pytest.approx(15 + 2 * 0.4)
    assert notice_s(UP, Agent(confirmations=0), rule, worst=False) == pytest.approx(15 + 2 * 30)
    assert notice_s(UP, Agent(confirmations=2), rule, worst=True) == pytest.approx(30 + 2 * 0.5 + 3 * 10)
