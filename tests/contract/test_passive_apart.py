"""Real traffic in the store: beside our probes, counted once, and never in anything that judges our own grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import clickhouse_connect
import pytest

from collector.ingest import Ingest
from collector.judgement.facts import bucket_of
from collector.storage import treatment_queries
from collector.storage.clickhouse import ClickHouse
from collector.storage.connection import arguments
from collector.storage.cover import Cover
from collector.storage.queries import Reader
from collector.storage.rollup_sql import COMPARED
from collector.storage.rollups import floor
from collector.storage.rows import key_of
from collector.storage.side_queries import sides, window_of
from schemas.config import Store, TierPolicy
from schemas.observation import (
    Connection,
    Instrument,
    Observation,
    Outcome,
    Reason,
    Source,
    Timings,
    Tokens,
)
from tests.support.client_spans import MS, NEW, START_NS, TARGETS, body_of, client_span
from tests.support.observations import seen
from tests.support.stores import on_store, put
from touchstone.collecting import StoreWriter
from touchstone.system_clock import SystemClock

AT = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 3600 * 3600, UTC)
DAY = timedelta(days=1)
HOURS = 24


def probe(minutes: float, outcome: Outcome = Outcome.OK, **changes: Any) -> Observation:
    """One of our own, cold and warm in turn."""
    warm = int(minutes) % 2 == 1
    plain: dict[str, Any] = {
        "timings": Timings(sent_ms=8.0, first_token_ms=200.0 + minutes % 50, total_ms=900.0),
        "instrument": Instrument(Connection.WARM if warm else Connection.COLD),
        "tokens": Tokens(billed_in=30, billed_out=20),
    }
    return seen(tick=AT - timedelta(minutes=minutes), outcome=outcome, **plain | changes)


def request(minutes: float, outcome: Outcome = Outcome.OK, **changes: Any) -> Observation:
    """One of an application."""
    plain: dict[str, Any] = {
        "kind": "passive_chat",
        "module": "passive",
        "vantage": "checkout",
        "source": Source.PASSIVE,
        "span": f"{int(minutes * 1000) + 1:016x}",
        "instrument": Instrument(Connection.UNKNOWN),
        "timings": Timings(first_token_ms=400.0 + minutes % 50, total_ms=900.0),
        "tokens": Tokens(billed_in=40, billed_out=20),
    }
    return seen(tick=AT - timedelta(minutes=minutes), outcome=outcome, **plain | changes)


def ours() -> list[Observation]:
    """A probe a minute for a day, four of a thousand failed, some others of ours beside."""
    made = [
        probe(minutes, Outcome.FAILED if minutes % 250 == 0 else Outcome.OK) for minutes in range(1, HOURS * 60 + 1)
    ]
    made = [replace(one, timings=Timings()) if one.outcome is Outcome.FAILED else one for one in made]
    return [*made, probe(5.5, kind="http_request", timings=Timings(total_ms=3.0)), probe(7, attempt=1)]


def theirs() -> list[Observation]:
    """Two requests a minute at the half minutes, one in twenty failed by the provider, some by the caller."""
    made = []
    for number in range(HOURS * 120):
        minutes = number / 2 + 0.25
        if number % 20 == 0:
            made.append(request(minutes, Outcome.FAILED, reason=Reason.HTTP_5XX, timings=Timings(total_ms=10.0)))
        elif number % 101 == 0:
            made.append(request(minutes, Outcome.FAILED, reason=Reason.BAD_REQUEST, timings=Timings(total_ms=10.0)))
        else:
            made.append(request(minutes))
    return made


def look(store: Store) -> dict[str, Any]:
    """Everything that judges, rolls up or shows our own grid."""

    async def work(house: ClickHouse) -> dict[str, Any]:
        await house.rollups.recompute(AT - 2 * DAY, AT)
        return {
            "facts": await house.facts(AT + DAY, TierPolicy()),
            "completeness": await house.completeness(AT - 2 * DAY),
            "outcomes": await house.outcomes(AT - 2 * DAY),
            "dirty": await house.rollups.advance(AT, AT),
        }

    found = on_store(store, work)
    with Reader.open(store) as reader:
        fresh = reader.freshness()
        return found | {
            "bars": reader.daily_bars(7),
            "latency": reader.latency_series("acme", AT - DAY, AT + DAY),
            "errors": reader.error_series("acme", AT - DAY, AT + DAY),
            "recent": reader.recent_observations("acme"),
            "summary": reader.provider_summary("acme", AT - DAY, AT + DAY),
            "fresh": (fresh.newest_tick, fresh.newest_ingested_at),
        }


def test_nothing_that_judges_or_shows_our_grid_sees_real_traffic(store: Store) -> None:
    """Facts, bars, series, rollups, freshness, the run's report: the same to the last digit with traffic as without."""
    put(store, ours())
    before = look(store)
    newer = request(-30, Outcome.FAILED, reason=Reason.HTTP_5XX)
    put(store, [*theirs(), newer])

    after = look(store)
    assert {name: after[name] for name in before if name != "dirty"} == {
        name: value for name, value in before.items() if name != "dirty"
    }
    with Reader.open(store) as reader:
        assert any(line.source == "passive" for line in reader.beside("acme", AT - DAY, AT, confidence=0.95).lines)


def test_a_provider_of_whom_only_traffic_is_known_is_not_judged(store: Store) -> None:
    """No facts, no bars, no freshness."""
    put(store, theirs()[:100])
    found = look(store)

    assert found["facts"] == {}
    assert (found["bars"], found["recent"], found["fresh"]) == ((), [], (None, None))


def test_both_sides_stand_beside_each_other_with_their_own_figures(store: Store) -> None:
    """As counted in Python: n, failed, unknown, and first tokens; probes that ask no model are left out."""
    put(store, [*ours(), *theirs()])
    with Reader.open(store) as reader:
        beside = reader.beside("acme", AT - DAY, AT, confidence=0.95)
        one = reader.beside("acme", AT - DAY, AT, confidence=0.95, cluster="acme/nowhere")
        assert reader.any_traffic("acme", AT - DAY, AT)
        assert not reader.any_traffic("acme", AT - 3 * DAY, AT - 2 * DAY)
        assert not reader.any_traffic("nobody", AT - DAY, AT)
    whole = {(line.source, line.connection): line for line in beside.of("acme")}

    def counted(observations: list[Observation], pick: Callable[[Observation], bool]) -> int:
        return sum(pick(one) for one in observations if AT - DAY <= one.tick < AT)

    probes = [one for one in ours() if one.kind == "chat_stream" and one.attempt == 0]
    for connection in (Connection.COLD, Connection.WARM):
        line = whole["active", connection.value]
        mine = [one for one in probes if one.instrument.connection is connection]
        assert line.n == counted(mine, lambda one: True)
        assert line.n_failed == counted(mine, lambda one: one.outcome is Outcome.FAILED)
        assert line.ttft.n == line.n - line.n_failed
    traffic = whole["passive", "unknown"]
    assert traffic.n == counted(theirs(), lambda one: one.reason is not Reason.BAD_REQUEST)
    assert traffic.n_failed == counted(theirs(), lambda one: one.reason is Reason.HTTP_5XX)
    assert traffic.n_unknown == counted(theirs(), lambda one: one.reason is Reason.BAD_REQUEST)
    assert traffic.failed_low is not None and traffic.failed_high is not None
    assert traffic.failed_low < 0.05 < traffic.failed_high
    assert bucket_of(traffic.ttft.p50_ms or 0) in range(bucket_of(400), bucket_of(450) + 1)
    assert (traffic.ttft.intended_n, traffic.ttft.intended_p95_ms) == (0, None)
    assert [line.name for line in beside.lines] == ["acme"] * 3 + ["acme/east"] * 3
    assert one.lines == () and not one.any_passive


def test_a_double_standard_is_found_from_the_rows(store: Store) -> None:
    """Five points more failures and twice the time to first token, in the same hours, of prompts of one class."""
    put(store, [*ours(), *theirs()])
    with Reader.open(store) as reader:
        standard = reader.beside("acme", AT - DAY, AT, confidence=0.95).standard

    assert standard.reasons == ("probes_treated_better",)
    assert standard.failures is not None and standard.first_token is not None
    assert standard.failures.low < 0.05 - 0.004 < standard.failures.high
    assert standard.failures.strata == HOURS
    assert standard.first_token.effect == pytest.approx(425 / 233, rel=0.02)


def test_the_sides_are_the_same_from_rollups(store: Store) -> None:
    """None of them, some hours, all; of windows that begin and end within an hour too, and of the corrected times."""
    waited = probe(61.5, Outcome.FAILED, reason=Reason.TTFT_TIMEOUT, timings=Timings(total_ms=30_000.0))
    before = [
        replace(one, tick=one.tick - DAY, started_at=one.started_at - DAY, finished_at=one.finished_at - DAY)
        for one in (*ours(), *theirs())
    ]
    put(store, [*ours(), waited, *theirs(), *before])
    windows = (
        (AT - DAY, AT), (AT - timedelta(hours=20, minutes=17), AT - timedelta(minutes=31)), (AT - 2 * DAY, AT + DAY),
    )  # fmt: skip
    for rolled_until in (None, AT - timedelta(hours=5), AT):
        if rolled_until is not None:
            on_store(store, lambda house, until=rolled_until: house.rollups.advance(until, until))
        with Reader.open(store) as reader:
            for start, end in windows:
                facts = sides(reader._rows, Cover(), "acme", start, end)
                known = reader.sides("acme", start, end)
                rolled = sides(reader._rows, Cover.read(reader._rows, start, end, marks=COMPARED), "acme", start, end)

                assert known == rolled == facts, (rolled_until, start, end)
                assert sum(side.first_tokens.waited for side in facts) == 1
    borders = Cover(floor(AT, DAY), AT).within(*windows[2])
    assert borders["p"] < borders["d"]  # whole days were among it


def test_what_both_sides_saw_of_the_same_is_the_same_from_rollups(store: Store) -> None:
    """Every stratum of both tests: rolled up not at all, some hours, all; and as known before some of it came."""
    put(store, [*ours(), *theirs()])
    windows = ((AT - DAY, AT), (AT - timedelta(hours=20, minutes=17), AT - timedelta(minutes=31)))
    for rolled_until in (None, AT - timedelta(hours=5), AT):
        if rolled_until is not None:
            on_store(store, lambda house, until=rolled_until: house.rollups.advance(until, until))
        with Reader.open(store) as reader:
            for start, end in windows:
                window = window_of("acme", start, end)
                cover = Cover.read(reader._rows, start, end, at=end, marks=COMPARED)
                facts = reader._rows(treatment_queries.STRATA, **window | Cover().within(start, end))
                rolled = reader._rows(treatment_queries.STRATA, **window | cover.within(start, end))
                assert len(facts) >= HOURS - 5
                assert rolled == facts, (rolled_until, start)
    assert cover.within(start, end)["f"] < cover.within(start, end)["h"]  # rollups were among it


def test_prompts_of_another_length_are_not_compared(store: Store) -> None:
    """Real prompts of 4,000 tokens beside ours of 30: the first token's comparison is unknown."""
    long = [replace(one, tokens=Tokens(billed_in=4000, billed_out=20)) for one in theirs()]
    put(store, [*ours(), *long])
    with Reader.open(store) as reader:
        standard = reader.beside("acme", AT - DAY, AT, confidence=0.95).standard

    assert standard.first_token is None
    assert standard.failures is not None


async def test_a_batch_of_spans_that_comes_twice_is_stored_once(store: Store) -> None:
    """Law 4, through ingest and the real store: duplicates collapse, neighbours of one millisecond stay."""
    house = await ClickHouse.connect(store, clock=SystemClock())

    decided: list[Observation] = []

    async def note(observations: Any) -> None:
        decided.extend(observations)

    now_ns = int(AT.timestamp()) * 1_000_000_000
    spans = [
        client_span(NEW, id=f"{n + 1:016x}", start_ns=now_ns + n // 2 * MS, end_ns=now_ns + n // 2 * MS + 500 * MS)
        for n in range(20)
    ]
    ingest = Ingest(StoreWriter(house), key_of, note, SystemClock(), bytes_max=10**7, spans_max=100, targets=TARGETS)
    for body in (body_of(*spans), body_of(*spans), body_of(*spans[5:], *spans[:7])):
        await ingest.take(body, "")
    unknown = client_span(NEW | {"server.address": "elsewhere.example"}, start_ns=START_NS)
    reading = await ingest.take(body_of(unknown), "")

    assert await house.stored_keys(decided) == {key_of(one) for one in decided}
    with clickhouse_connect.get_client(**arguments(store), database=store.database) as client:
        rows = client.query("SELECT count(), uniqExact(span) FROM observations WHERE source = 'passive'").result_rows
    assert tuple(rows[0]) == (20, 20)
    assert (await house.traffic(AT), await house.traffic(AT + DAY)) == (20, 0)
    assert reading.rejected == 1
    assert ingest.counts() == {"taken": {"passive": 62}, "rejected": {"unknown_target": 1}}
    await house.close()
