"""Sums of tokens and decode speeds by the store are what Python makes of the same observations."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from collector.judgement.integrity.token_arithmetic import SHORT_TOKENS
from collector.judgement.integrity.token_facts import DecodeSpeed, Side, TokenSums
from collector.storage.clickhouse import ClickHouse
from collector.storage.rows import StoredRow
from collector.storage.sample_queries import SPEEDS_OF_A_DAY_MAX
from schemas.config import Store
from schemas.observation import Distrust, Observation, Outcome, Source, Timings, Tokens
from tests.support.observations import seen
from tests.support.stores import on_store

START = datetime(2026, 11, 10, tzinfo=UTC)
END = START + timedelta(days=3)
ANSWERED = {Outcome.OK, Outcome.DEGRADED}


def any_answers(dice: random.Random, n: int) -> list[StoredRow]:
    """What agents old and new may leave: answers counted exactly or not, billed or not, re-probes, real traffic."""
    rows = []
    for seq in range(n):
        tick = START + timedelta(seconds=dice.randrange(-3600, 3 * 86_400 + 3600), milliseconds=seq)
        counted, way = dice.randrange(1, 200), dice.choice(["", "chunks", "words", "tokenizer"])
        figures = {"asked_out": float(dice.randrange(50, 250))} if dice.random() < 0.8 else {}
        figures |= {"counted_in": float(dice.randrange(10, 5000))} if dice.random() < 0.7 else {}
        figures |= {"streamed": float(dice.random() < 0.5)} if dice.random() < 0.2 else {}
        last = None if dice.random() < 0.1 else dice.randrange(1, 10_000) / 4  # exact as Float32
        passive = dice.random() < 0.1
        one = seen(
            dice.choice(["acme/east/chat", "acme/west/chat", "other/east/chat"]),
            tick,
            dice.choice([Outcome.OK, Outcome.OK, Outcome.DEGRADED, Outcome.FAILED, Outcome.NOT_OBSERVED]),
            vantage=dice.choice(["here", "there"]),
            kind=dice.choice(["chat_stream", "long_prompt", "burst"]),
            attempt=0 if dice.random() < 0.9 else 1,
            figures=figures,
            tokens=Tokens(
                billed_in=dice.choice([None, dice.randrange(10, 5000)]),
                billed_out=dice.choice([None, counted, counted + 7]),
                counted_out=None if way == "" or dice.random() < 0.1 else counted,
                counted_by=way,
            ),
            timings=Timings(last_token_ms=last),
            distrust=dice.choice([None, None, Distrust.LOOP_LAG]),
            source=Source.PASSIVE if passive else Source.ACTIVE,
            span="00f067aa0ba902b7" if passive else "",
        )
        rows.append(StoredRow(one, 1, seq, END + timedelta(seconds=dice.randrange(600))))
    return rows


def answers(rows: Sequence[StoredRow], at: datetime) -> list[Observation]:
    """Complete answers to our own ticks in the window, as known at *at*."""
    return [
        o
        for row in rows
        for o in [row.observation]
        if row.ingested_at < at and START <= o.tick < END and o.attempt == 0 and o.source is Source.ACTIVE
        and o.outcome in ANSWERED and o.kind != "burst"
    ]  # fmt: skip


def exact(o: Observation) -> int | None:
    """What was counted exactly."""
    return o.tokens.counted_out if o.tokens.counted_by not in {"", "chunks"} else None


def sums_in_python(observations: Sequence[Observation]) -> list[TokenSums]:
    """The reference."""
    groups = defaultdict[tuple[object, ...], list[tuple[int | None, int | None, float | None]]](list)
    for o in observations:
        for side in Side:
            prompt = side is Side.PROMPT
            counted = o.figures.get("counted_in") if prompt else exact(o)
            billed = o.tokens.billed_in if prompt else o.tokens.billed_out
            if counted is None and "asked_out" not in o.figures:
                continue
            length = o.figures.get("counted_in", 0) if prompt else o.tokens.counted_out or 0
            streamed = o.figures.get("streamed", 1.0) != 0
            key = (o.target, o.tick.date(), o.vantage, o.kind, side, streamed, length <= SHORT_TOKENS)
            asked = None if prompt else o.figures.get("asked_out")
            groups[key].append((None if counted is None else int(counted), billed, asked))
    found = []
    for key, several in groups.items():
        pairs = [(x, y) for x, y, _ in several if x is not None and y is not None]
        caps = [(y, asked) for _, y, asked in several if y is not None and asked is not None]
        sums = (
            len(several), len(pairs), sum(x for x, _ in pairs), sum(y for _, y in pairs), sum(x * x for x, _ in pairs),
            sum(x * y for x, y in pairs), sum(y * y for _, y in pairs), sum(y is None for _, y, _ in several),
            len(caps), sum(y > asked for y, asked in caps),
        )  # fmt: skip
        found.append(TokenSums(*key[:-1], *sums))  # type: ignore[arg-type]
    return sorted(found)


def speeds_in_python(observations: Sequence[Observation]) -> list[DecodeSpeed]:
    """The reference."""
    found = []
    for o in observations:
        tokens, last = o.tokens.billed_out if exact(o) is None else exact(o), o.timings.last_token_ms
        if tokens is None or tokens < 2 or last is None or o.distrust or o.figures.get("streamed") == 0:
            continue
        before = o.tokens.billed_in if o.tokens.billed_in is not None else o.figures.get("counted_in")
        context = None if before is None else int(before)
        found.append(DecodeSpeed(o.tick, o.target, o.vantage, o.kind, tokens, last, exact(o) is not None, context))
    return sorted(found, key=lambda one: (one.tick, one.target, one.vantage, one.kind))


def test_sums_and_speeds_are_those_of_python(store: Store) -> None:
    """As known at an instant between, and at the end; of all, of one provider, of one target."""
    rows = any_answers(random.Random(20261126), 3000)
    on_store(store, lambda house: house.insert_observations(rows))

    async def hold(house: ClickHouse) -> None:
        for at in (END + timedelta(seconds=300), END + timedelta(hours=1)):
            known = answers(rows, at)
            acme = [o for o in known if o.provider == "acme"]
            east = [o for o in known if o.target == "acme/east/chat"]

            assert list(await house.token_sums(START, END, at)) == sums_in_python(known)
            assert list(await house.token_sums(START, END, at, provider="acme")) == sums_in_python(acme)
            assert list((await house.decode_speeds(START, END, at)).speeds) == speeds_in_python(known)
            one = await house.decode_speeds(START, END, at, target="acme/east/chat")
            assert (list(one.speeds), one.cut) == (speeds_in_python(east), False)

    on_store(store, hold)


def test_of_many_answers_of_a_day_some_hundreds_spread_over_it_are_read(store: Store) -> None:
    """The same each time; the speed counts from the request, the first token's wait included."""
    rows = [
        StoredRow(
            seen(
                tick=START + timedelta(seconds=60 * n),
                tokens=Tokens(billed_out=101, counted_out=101, counted_by="words"),
                timings=Timings(first_token_ms=1500.0, last_token_ms=2000.0),
                figures={"asked_out": 101.0},
            ),
            1, n, END,
        )
        for n in range(1440)
    ]  # fmt: skip
    on_store(store, lambda house: house.insert_observations(rows))
    later = END + timedelta(hours=1)
    first, again = (on_store(store, lambda house: house.decode_speeds(START, END, later)) for _ in range(2))

    assert first == again
    assert len(first.speeds) == SPEEDS_OF_A_DAY_MAX
    assert {one.tokens_per_s for one in first.speeds} == {50.0}
    by_quarter = [sum(one.tick.hour // 6 == quarter for one in first.speeds) for quarter in range(4)]
    assert min(by_quarter) > SPEEDS_OF_A_DAY_MAX / 8
