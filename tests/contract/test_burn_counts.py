"""Burn rates from a real engine: the same counts as a fold of the observations in Python, and readings with a why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from collector.judgement.blind_spans import BlindSpan, seen_clearly
from collector.judgement.burn_rate import BurnReading, BurnVerdict, Counts
from collector.storage.burn_queries import IDS_MAX, Counted, Lately, Subject, bounds_of, counted, lately
from collector.storage.clickhouse import ClickHouse
from schemas.config import Configuration, Settings, Store
from schemas.fleet import Fleet
from schemas.objectives import Objective
from schemas.observation import (
    BLAME,
    DEGRADED_REASONS,
    OBSERVER_REASONS,
    Distrust,
    Observation,
    Outcome,
    Reason,
    Source,
    Timings,
)
from tests.support.observations import TICK, seen
from tests.support.stores import on_store, put

AT = TICK
OBJECTIVES = (
    Objective(name="up", objective=0.999),
    Objective(name="fast", objective=0.99, ttft=1.5),
    Objective(name="faster", objective=0.9, ttft=0.5, providers=("a*",)),
)
WINDOWS = (300.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0, 259_200.0)
TARGETS = ("acme/east/chat", "acme/east/large", "basalt/north/chat")
KINDS = ("chat_stream", "http_request", "long_prompt", "tcp_connect", "embedding")
_FAILURES = sorted(set(BLAME) - DEGRADED_REASONS - OBSERVER_REASONS)


def any_past(seed: int, n: int) -> list[Observation]:
    """Every kind of observation at any time of the last four days, also just on the edge of a window."""
    chance = Random(seed)
    edges = [timedelta(seconds=window) for window in WINDOWS] + [timedelta(0)]
    past: dict[str, Observation] = {}
    for number in range(n):
        age = chance.choice(edges) if number % 10 == 0 else timedelta(milliseconds=chance.randrange(1, 4 * 86_400_000))
        outcome = chance.choice(list(Outcome))
        reasons: dict[Outcome, Sequence[Reason | None]] = {
            Outcome.OK: (None,),
            Outcome.DEGRADED: sorted(DEGRADED_REASONS),
            Outcome.FAILED: _FAILURES,
            Outcome.NOT_OBSERVED: sorted(OBSERVER_REASONS),
        }
        passive = chance.random() < 0.1
        one = seen(
            target=chance.choice(TARGETS),
            tick=AT - age,
            outcome=outcome,
            reason=chance.choice(reasons[outcome]),
            kind=chance.choice(KINDS),
            attempt=chance.choice((0, 0, 0, 1)),
            distrust=chance.choice((None, None, Distrust.LOOP_LAG)),
            timings=Timings(first_token_ms=chance.choice((None, 250.0, 500.0, 500.5, 1500.0, 1600.0))),
            source=Source.PASSIVE if passive else Source.ACTIVE,
            span=f"{number:016x}" if passive else "",
        )
        past[str(one.id)] = one
    return list(past.values())


def folded(
    past: list[Observation], objective: Objective, target: str, window_s: float, blind: Sequence[BlindSpan] = ()
) -> Counts:
    """What `judges` says of them, one by one."""
    since = AT - timedelta(seconds=window_s)
    mine = [one for one in seen_clearly(past, blind) if one.target == target and since <= one.tick < AT]
    judged = [(one.tick, objective.judges(one)) for one in mine]
    bad = [tick for tick, good in judged if good is False]
    return Counts(len(bad), sum(good is not None for _, good in judged), min(bad, default=None))


def test_counts_are_those_of_a_fold(store: Store) -> None:
    """Of every window, objective and target; nothing of re-probes, real traffic and kinds that do not serve."""
    past = any_past(seed=5, n=3000)
    put(store, past)

    async def count(house: ClickHouse) -> Counted:
        return await counted(house.burn_rates(configuration(store)).rows, bounds_of(OBJECTIVES), WINDOWS, AT)

    found = on_store(store, count)

    assert found.windows == WINDOWS
    for objective in OBJECTIVES:
        bound = None if objective.ttft is None else objective.ttft * 1000
        for target in TARGETS:
            provider, cluster, _ = target.split("/")
            counts = found.counts[Subject(provider, f"{provider}/{cluster}", target), bound]
            assert counts == {window: folded(past, objective, target, window) for window in WINDOWS}
            assert counts[259_200.0].bad > 5, "a test that counts nothing proves nothing"


def test_what_a_blind_vantage_saw_counts_nowhere(store: Store) -> None:
    """From its start to its end, to the millisecond; what another vantage saw meanwhile counts."""
    past = any_past(seed=7, n=2000)
    past += [replace(one, vantage="elsewhere") for one in any_past(seed=8, n=500)]
    put(store, past)
    vantage = past[0].vantage
    edge = max(one.tick for one in past if one.vantage == vantage and one.tick < AT - timedelta(hours=8))
    blind = (
        BlindSpan(vantage, AT - timedelta(hours=30), edge),  # what is seen at its end counts
        BlindSpan(vantage, AT - timedelta(hours=2), None),
        BlindSpan("nowhere", AT - timedelta(days=4), None),
    )

    async def count(house: ClickHouse) -> Counted:
        rates = house.burn_rates(configuration(store))
        return await counted(rates.rows, bounds_of(OBJECTIVES), WINDOWS, AT, blind)

    found = on_store(store, count)

    for target in TARGETS:
        provider, cluster, _ = target.split("/")
        counts = found.counts[Subject(provider, f"{provider}/{cluster}", target), None]
        assert counts == {window: folded(past, OBJECTIVES[0], target, window, blind) for window in WINDOWS}
        assert counts[86_400.0] != folded(past, OBJECTIVES[0], target, 86_400.0)


def test_the_newest_bad_ones_and_the_run_since_are_those_of_a_fold(store: Store) -> None:
    """Their ids, the commonest reason, and how many good ones came after the last."""
    past, bounds = any_past(seed=6, n=3000), bounds_of(OBJECTIVES)
    put(store, past)

    async def look(house: ClickHouse) -> dict[tuple[str, float | None], Lately]:
        return await lately(house.burn_rates(configuration(store)).rows, bounds, WINDOWS[-1], AT, TARGETS)

    found = on_store(store, look)

    since = AT - timedelta(seconds=WINDOWS[-1])
    for objective in OBJECTIVES:
        for target in TARGETS:
            mine = sorted((one for one in past if one.target == target and since <= one.tick < AT), key=_newest)
            bad = [one for one in mine if objective.judges(one) is False]
            good = [one for one in mine if objective.judges(one) and one.tick > bad[0].tick]
            known = found[target, None if objective.ttft is None else objective.ttft * 1000]
            reasons = Counter(str(one.reason) if objective.ttft is None else "slow" for one in bad[:IDS_MAX])
            assert (known.good_since, known.observations) == (len(good), tuple(str(one.id) for one in bad[:IDS_MAX]))
            assert reasons[known.reason] == max(reasons.values())


def _newest(one: Observation) -> tuple[float, str, str]:
    return -one.tick.timestamp(), one.vantage, one.kind


def configuration(store: Store, **changes: Any) -> Configuration:
    """Two targets of acme under the objectives."""
    targets = {name: {"model": "m", "url": "http://127.0.0.1:9", "modules": ["chat"]} for name in ("chat", "large")}
    fleet = Fleet.model_validate({"providers": {"acme": {"clusters": {"east": {"targets": targets}}}}})
    settings: dict[str, Any] = {"version": 1, "modules": {"chat": {"kind": "chat_stream"}}, "store": store}
    return Configuration(
        settings=Settings.model_validate(settings | {"objectives": OBJECTIVES[:1]} | changes), fleet=fleet
    )


def read(store: Store, config: Configuration, *at: float) -> list[tuple[BurnReading, ...]]:
    """The readings at each of *at* (s after AT), from one BurnRates."""

    async def several(house: ClickHouse) -> list[tuple[BurnReading, ...]]:
        rates = house.burn_rates(config)
        return [await rates.readings(AT + timedelta(seconds=second)) for second in at]

    return on_store(store, several)


def outage(target: str, minutes: int) -> list[Observation]:
    """A day of a target at a probe a minute, whose last *minutes* before AT failed."""
    return [
        seen(
            target=target,
            tick=AT - timedelta(minutes=ago),
            outcome=Outcome.FAILED if ago <= minutes else Outcome.OK,
            reason=Reason.HTTP_5XX if ago <= minutes else None,
        )
        for ago in range(1, 1440)
    ]


def test_an_outage_is_read_with_its_evidence(store: Store) -> None:
    """The target that failed pages, with its reason, since when, and ids of stored observations; the other is clear."""
    failed = outage("acme/east/chat", 10)
    put(store, failed + outage("acme/east/large", 0))
    (found,) = read(store, configuration(store), 0)
    by_scope = {(reading.scope.id, reading.objective): reading for reading in found}
    paged = by_scope["acme/east/chat", "up"]

    assert set(by_scope) == {(f"acme/east/{name}", alarm) for name in ("chat", "large") for alarm in ("up", "up/slow")}
    assert (paged.verdict, paged.reason, paged.since) == (BurnVerdict.PAGE, "http_5xx", AT - timedelta(minutes=10))
    assert paged.rule.endswith("10 bad of 60)")
    assert paged.observations == tuple(str(one.id) for one in failed[:10])
    assert by_scope["acme/east/chat", "up/slow"].verdict is BurnVerdict.TICKET
    assert by_scope["acme/east/large", "up"].verdict is BurnVerdict.CLEAR


def test_a_target_without_data_is_unknown(store: Store) -> None:
    """Also one that was never seen: no reading of it could resolve anything."""
    put(store, outage("acme/east/chat", 10))
    (found,) = read(store, configuration(store), 600)

    assert {reading.scope.id: reading.verdict for reading in found if reading.objective == "up"} == {
        "acme/east/chat": BurnVerdict.PAGE,
        "acme/east/large": BurnVerdict.UNKNOWN,
    }


def test_the_windows_of_tickets_are_counted_every_five_minutes(store: Store) -> None:
    """In between the day is remembered, while the hours are counted anew."""
    config = configuration(store)
    put(store, outage("acme/east/chat", 10))

    def windows(found: tuple[BurnReading, ...]) -> dict[str, str]:
        return {one.objective: one.rule.rpartition(", ")[2] for one in found if one.scope.id == "acme/east/chat"}

    first, soon, later = read(store, config, 0, 240, 301)
    assert "10 bad of 1439)" in windows(first)["up/slow"]
    assert "10 bad of 1439)" in windows(soon)["up/slow"]
    assert "10 bad of 56)" in windows(soon)["up"]
    assert "10 bad of 1434)" in windows(later)["up/slow"]


@pytest.mark.parametrize("objectives", [(), (Objective(name="other", objective=0.9, providers=("zeta",)),)])
def test_without_an_objective_there_is_no_reading(store: Store, objectives: tuple[Objective, ...]) -> None:
    """Nor with one that covers nobody."""
    assert read(store, configuration(store, objectives=objectives), 0) == [()]
