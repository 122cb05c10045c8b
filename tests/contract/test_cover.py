"""What is read is the same whether rollups serve none of a window, a part of it, or all they can."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from collector.judgement.facts import ProviderFacts, bucket_of, quantile_ms
from collector.storage.cover import Cover, rounded_step_s, union_of
from collector.storage.outage_queries import Outage
from collector.storage.queries import Reader
from collector.storage.rollups import DAY, HOUR, floor
from schemas.config import Store
from schemas.observation import Observation, Outcome, Reason, Timings
from tests.support.observations import seen
from tests.support.stores import on_store, put

NOW = datetime.now(UTC)
TODAY = floor(NOW, DAY)
START = TODAY - 4 * DAY
EVERY = timedelta(minutes=1)
MARKS = (None, START + 1.5 * DAY, TODAY - 5 * HOUR, NOW)
WINDOWS = ((START, NOW), (START + DAY, TODAY), (TODAY, NOW))


def observed(dice: Random, provider: str, tick: datetime) -> Observation:
    """Mostly fine; in the fourth hour of every day everything fails, every seventh time by our own fault."""
    down = tick.hour == 3
    outcome = Outcome.FAILED if down else dice.choice((*[Outcome.OK] * 30, Outcome.DEGRADED, Outcome.NOT_OBSERVED))
    first = dice.lognormvariate(5.5, 0.5)
    answered = outcome in {Outcome.OK, Outcome.DEGRADED}
    return seen(
        target=f"{provider}/east/chat",
        tick=tick,
        outcome=outcome,
        timings=Timings(first_token_ms=first, total_ms=first + 5) if answered else Timings(),
        **({"reason": Reason.RATE_LIMITED if tick.minute % 7 == 0 else Reason.CONNECT_REFUSED} if down else {}),
    )


DICE = Random(11)
TICKS = [START + n * EVERY for n in range(int((NOW - START) / EVERY))]
SEEN = [observed(DICE, provider, tick) for tick in TICKS for provider in ("acme", "bolt")]


@pytest.fixture
def filled(store: Store) -> Store:
    """A store that holds SEEN."""

    put(store, SEEN)
    return store


def roll_up(store: Store, mark: datetime | None) -> None:
    """As the collector would have at *mark*; not at all for None."""
    if mark is not None:
        on_store(store, lambda house: house.rollups.advance(mark, mark))


@pytest.mark.parametrize(
    ("borders", "expected"),
    [
        ((0, 2, 3, 4), ["days", "hours", "facts"]),
        ((0, 2, 2, 2), ["days"]),
        ((0, 0, 3, 4), ["hours", "facts"]),
        ((1,) * 4, ["facts"]),
    ],
)
def test_only_what_holds_something_is_asked_for(borders: tuple[int, ...], expected: list[str]) -> None:
    """And the facts, where nothing does."""
    parts = {("a", "d"): "days", ("d", "h"): "hours", ("h", "b"): "facts"}

    assert union_of(parts, dict(zip("adhb", borders, strict=True))).split() == " UNION ALL ".join(expected).split()


@pytest.mark.parametrize("mark", MARKS)
def test_every_provider_side_by_side_is_counted_from_wherever_the_rows_are(filled: Store, mark: datetime) -> None:
    """Counts are exact; percentiles are those of the log buckets, so the same to the last digit."""
    roll_up(filled, mark)
    with Reader.open(filled) as reader:
        for start, end in WINDOWS:
            for line in reader.compare(start, end):
                mine = [one for one in SEEN if one.provider == line.provider and start <= one.tick < end]
                outcomes = Counter(one.outcome for one in mine)
                unknown = sum(one.reason is Reason.RATE_LIMITED for one in mine)
                hist = Counter(bucket_of(one.timings.first_token_ms) for one in mine if one.timings.first_token_ms)
                assert (line.n, line.ok, line.degraded) == (len(mine), outcomes["ok"], outcomes["degraded"])
                assert (line.failed, line.unknown) == (outcomes["failed"] - unknown, unknown)
                assert (line.not_observed, line.answers) == (outcomes["not_observed"], hist.total())
                assert (line.p50_ms, line.p99_ms) == pytest.approx((quantile_ms(hist, 0.5), quantile_ms(hist, 0.99)))


def test_what_comes_late_is_read_at_once(filled: Store) -> None:
    """Before the next round rolls it up: into an hour that was rolled up without it, and into days that had nothing."""
    roll_up(filled, NOW)
    late = [observed(DICE, "acme", START + n * HOUR + timedelta(seconds=30)) for n in range(24)]
    put(filled, late, ingested_at=NOW + timedelta(seconds=1))
    with Reader.open(filled) as reader:
        acme = next(line for line in reader.compare(START, NOW) if line.provider == "acme")
        mine = [one for one in (*SEEN, *late) if one.provider == "acme" and one.tick < NOW]
        assert acme.n == len(mine)
        assert sum(bar.n for bar in reader.daily_bars(5)) == len(SEEN) + len(late)
        after = reader.compare(START + 2 * DAY, NOW)  # nothing late lies in it

        roll_up(filled, NOW + timedelta(seconds=2))
        assert reader.compare(START + 2 * DAY, NOW) == after
        assert next(line for line in reader.compare(START, NOW) if line.provider == "acme") == acme


@pytest.mark.parametrize("mark", MARKS)
def test_bars_and_charts_are_the_same_from_rollups_as_from_facts(filled: Store, mark: datetime) -> None:
    """No hour twice, none left out, whether a window begins at midnight or not."""
    roll_up(filled, mark)
    with Reader.open(filled) as reader:
        bars = reader.daily_bars(5)
        assert sum(bar.n for bar in bars) == len(SEEN)
        assert sum(bar.unknown for bar in bars) == sum(one.reason is Reason.RATE_LIMITED for one in SEEN)
        for start in (START, START + 7 * HOUR):
            mine = [one for one in SEEN if one.provider == "acme" and one.tick >= start]
            latency = reader.latency_series("acme", start, NOW, points=50)
            assert sum(point.n for point in latency) == sum(one.timings.first_token_ms is not None for one in mine)
            errors = reader.error_series("acme", start, NOW, points=50)
            assert Counter(
                {p: sum(e.n for e in errors if e.reason == p) for p in {e.reason for e in errors}}
            ) == Counter(one.reason.value for one in mine if one.reason is not None)


@pytest.mark.parametrize("mark", MARKS)
def test_a_record_is_the_same_from_rollups_as_from_facts(filled: Store, mark: datetime | None) -> None:
    """Blocks, reasons, first and last tick, of windows that end within an hour too; what comes late is not known."""
    roll_up(filled, mark)
    late = [replace(one, vantage="elsewhere", simulated=True) for one in SEEN if one.provider == "acme"][500:620]
    for known in (True, False):
        with Reader.open(filled) as reader:
            for start, end in (*WINDOWS, (START + timedelta(minutes=37), NOW - timedelta(hours=6, minutes=11))):
                for block_s in (21_600.0, 1_800.0):
                    found = reader.provider_summary("acme", start, end, block_s=block_s)
                    mine = [one for one in SEEN if one.provider == "acme" and start <= one.tick < end]
                    taken_in = [one for one in mine if one.finished_at < end]

                    assert record_of(found.facts) == expected_record(taken_in, block_s), (start, end, block_s)
                    assert not found.simulated
                    assert [one.blocks for one in found.clusters] == [found.facts.blocks]
                    assert found.clusters[0].blocks == reader.cluster_blocks(
                        "acme", "acme/east", start, end, block_s=block_s
                    )
        if known:
            put(filled, late, ingested_at=NOW + DAY)
            roll_up(filled, mark and NOW + 2 * DAY)


def record_of(facts: ProviderFacts) -> tuple[object, ...]:
    """What is compared of the facts of a provider."""
    blocks = [
        (one.start, one.n_ok, one.n_degraded, one.n_failed, one.n_unknown, one.n_not_observed) for one in facts.blocks
    ]
    return blocks, facts.reasons, facts.first_tick, facts.last_tick


def expected_record(some: list[Observation], block_s: float) -> tuple[object, ...]:
    """The same of *some* observations."""
    counts: dict[datetime, Counter[str]] = {}
    for one in some:
        begins = datetime.fromtimestamp(one.tick.timestamp() // block_s * block_s, UTC)
        ours = one.reason is Reason.RATE_LIMITED
        counts.setdefault(begins, Counter())["unknown" if ours else one.outcome.value] += 1
    names = ("ok", "degraded", "failed", "unknown", "not_observed")
    blocks = [(begins, *(of[name] for name in names)) for begins, of in sorted(counts.items())]
    reasons = Counter(one.reason.value for one in some if one.reason)
    return blocks, dict(reasons), min(one.tick for one in some), max(one.tick for one in some)


def test_what_clusters_refused_is_the_same_from_rollups_as_from_facts(filled: Store) -> None:
    """Every mark, and a window that begins and ends within an hour; rate limits are among it."""
    window = START + timedelta(minutes=37), NOW - timedelta(minutes=11)
    found = []
    for mark in MARKS:
        roll_up(filled, mark)
        with Reader.open(filled) as reader:
            found.append(reader.capacity(*window))

    assert found[1:] == found[:1] * 3
    limited = [one for one in SEEN if one.provider == "acme" and one.reason is Reason.RATE_LIMITED]
    mine = [one for one in limited if window[0] <= one.tick and one.finished_at < window[1]]
    assert sum(block.n_failed for block in found[0].rate_limited["acme/east"]) == len(mine) > 20


def test_outages_are_runs_of_bad_minutes(filled: Store) -> None:
    """One an hour long on each day and of each provider; what is nobody's fault neither counts nor divides."""
    roll_up(filled, NOW)
    with Reader.open(filled) as reader:
        outages = reader.outages(START, TODAY, provider="acme")
        everybody = reader.outages(START, TODAY)
        newest = reader.outages(START, TODAY, limit=1)

    assert len(everybody) == 2 * len(outages)
    assert [outage.start.date() for outage in outages] == sorted({o.start.date() for o in outages}, reverse=True)
    for outage in outages:
        blamed = [
            one for one in SEEN
            if one.provider == "acme" and outage.start <= one.tick < outage.end and one.reason is Reason.CONNECT_REFUSED
        ]  # fmt: skip
        assert (outage.failed, outage.known) == (len(blamed), len(blamed))
        hour = floor(outage.start, HOUR)
        assert (outage.start, outage.end) == (hour + EVERY, hour + HOUR)  # 03:00 was a rate limit
        assert hour.hour == 3
    assert isinstance(newest[0], Outage) and newest[0].start.date() == (TODAY - DAY).date()


def test_a_window_is_divided_between_days_hours_and_facts_in_that_order() -> None:
    """Whatever the mark: no border before the one that precedes it."""
    for mark in (START, START + 1.3 * DAY, NOW, NOW + DAY):
        cover = Cover(floor(mark, DAY), floor(mark, HOUR))
        for start, end in ((START, NOW), (TODAY, NOW), (START, START), (START - DAY, START + 5 * HOUR)):
            days, hours = cover.by_day(start, end), cover.by_hour(start, end)
            assert days["a"] <= days["d"] <= days["h"] <= max(days["a"], days["b"])
            assert hours["a"] <= hours["h"] <= max(hours["a"], hours["b"])
            both = cover.within(start, end)
            assert both["a"] <= both["f"] <= both["p"] <= both["d"] <= both["h"] <= both["b"]
    assert Cover.read(lambda sql, **_: [(0, 0, 0, 0)], START, NOW) == Cover()
    assert [rounded_step_s(step) for step in (1, 3599, 3600, 3601)] == [1, 3599, 3600, 7200]
