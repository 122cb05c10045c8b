"""Observations made by hand for tests of what stores, sends and judges them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from schemas.observation import (
    ATTEMPT_MAX,
    BLAME,
    DEGRADED_REASONS,
    OBSERVER_REASONS,
    Connection,
    Distrust,
    Instrument,
    Observation,
    Outcome,
    Reason,
    Source,
    Stamp,
    Timings,
    Tokens,
)
from schemas.sample import TEXT_CHARS_MAX, Sample

TICK = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
REASONS: dict[Outcome, Reason | None] = {
    Outcome.OK: None,
    Outcome.DEGRADED: Reason.SLOW,
    Outcome.FAILED: Reason.CONNECT_REFUSED,
    Outcome.NOT_OBSERVED: Reason.OBSERVER_OFFLINE,
}
_PROVIDER_REASONS = sorted(set(BLAME) - OBSERVER_REASONS - DEGRADED_REASONS)


def seen(
    target: str = "acme/east/chat", tick: datetime = TICK, outcome: Outcome = Outcome.OK, **changes: Any
) -> Observation:
    """What was seen of *target* at *tick*, half a second long; the reason is the outcome's usual one."""
    provider, cluster, _ = target.split("/")
    plain: dict[str, Any] = {
        "target": target,
        "provider": provider,
        "cluster": f"{provider}/{cluster}",
        "vantage": "here",
        "kind": "chat_stream",
        "module": "chat",
        "tick": tick,
        "started_at": tick,
        "finished_at": tick + timedelta(milliseconds=500),
        "outcome": outcome,
        "reason": REASONS[outcome],
    }
    return Observation(**plain | changes)


def fullest() -> Observation:
    """An observation with every field filled."""
    return seen(
        outcome=Outcome.FAILED,
        attempt=2,
        region="eu",
        model="ours-70b",
        access_path="gateway",
        detail="closed in mid-stream",
        http_status=200,
        timings=Timings(
            dns_ms=1.5,
            connect_ms=2.5,
            tls_ms=3.5,
            sent_ms=4.5,
            first_byte_ms=5.5,
            reasoning_ms=6.0,
            first_token_ms=6.5,
            last_token_ms=7.5,
            stream_end_ms=7.75,
            total_ms=8.5,
            arrivals_ms=(6.5, 7.0, 7.5),
        ),
        instrument=Instrument(Connection.WARM, Stamp.KERNEL, reads=9, merged_reads=1, clock_step_ms=0.5),
        account="fresh",
        figures={"queue": 3.0, "kv_cache_share": 0.25},
        samples=(Sample("identity", "spring:007", 41.0, "Once upon a time"), Sample("cache", "hit", 312.5)),
        tokens=Tokens(5, 3, 3, "words", 3),
        bytes_in=512,
        finish_reason="stop",
        answer_digest="0123456789abcdef",
        server_request_id="r1",
        late_ms=0.75,
        loop_lag_ms=0.25,
        streams_open=7,
        distrust=Distrust.CLOCK_STEP,
        source=Source.PASSIVE,
        span="00f067aa0ba902b7",
        simulated=True,
        agent_version="0.1.0",
    )


def _words(least: int = 0, most: int = 60) -> st.SearchStrategy[str]:
    return st.text(min_size=least, max_size=most)


def _maybe_ms() -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(0, 1e9)


def any_sample(most: int = TEXT_CHARS_MAX) -> st.SearchStrategy[Sample]:
    """Whatever a kind may keep, with texts of at most so many characters."""
    return st.builds(Sample, _words(1, 20), _words(0, 20), st.floats(-1e11, 1e11), _words(0, most))


@st.composite
def any_observation(draw: st.DrawFn) -> Observation:
    """Whatever an agent may leave: every outcome with every reason of its own, any text, any time, any tokens."""
    outcome = draw(st.sampled_from(Outcome))
    reasons: dict[Outcome, list[Reason]] = {
        Outcome.DEGRADED: sorted(DEGRADED_REASONS),
        Outcome.FAILED: _PROVIDER_REASONS,
        Outcome.NOT_OBSERVED: sorted(OBSERVER_REASONS),
    }
    stamps = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))
    counts = st.none() | st.integers(0, 2**32 - 1)
    tick, source = draw(stamps), draw(st.sampled_from(Source))
    return Observation(
        target=draw(_words(1)),
        vantage=draw(_words(1)),
        kind=draw(_words(1)),
        module=draw(_words(1)),
        tick=tick.replace(microsecond=tick.microsecond // 1000 * 1000),
        attempt=draw(st.integers(0, ATTEMPT_MAX)),
        provider=draw(_words(1)),
        cluster=draw(_words(1)),
        region=draw(_words()),
        model=draw(_words()),
        access_path=draw(_words()),
        account=draw(_words()),
        started_at=draw(stamps),
        finished_at=draw(stamps),
        outcome=outcome,
        reason=draw(st.sampled_from(reasons[outcome])) if outcome in reasons else None,
        detail=draw(_words(most=300)),
        http_status=draw(st.none() | st.integers(0, 999)),
        timings=Timings(*(draw(_maybe_ms()) for _ in range(10)), tuple(draw(st.lists(st.floats(0, 1e9), max_size=5)))),
        instrument=Instrument(
            draw(st.sampled_from(Connection)),
            draw(st.sampled_from(Stamp)),
            draw(st.integers(0, 2**32 - 1)),
            draw(st.integers(0, 2**32 - 1)),
            draw(st.floats(-1e9, 1e9)),
        ),
        figures=draw(st.dictionaries(_words(1), st.floats(-1e9, 1e9), max_size=4)),
        samples=tuple(draw(st.lists(any_sample(20), max_size=2))),
        tokens=Tokens(draw(counts), draw(counts), draw(counts), draw(_words()), draw(st.integers(0, 2**32 - 1))),
        bytes_in=draw(st.integers(0, 2**40)),
        finish_reason=draw(_words()),
        answer_digest=draw(_words(most=16)),
        server_request_id=draw(_words()),
        late_ms=draw(st.floats(0, 1e9)),
        loop_lag_ms=draw(st.floats(0, 1e6)),
        streams_open=draw(st.integers(0, 5000)),
        distrust=draw(st.none() | st.sampled_from(Distrust)),
        source=source,
        span=draw(_words(1)) if source is Source.PASSIVE else "",
        simulated=draw(st.booleans()),
        agent_version=draw(_words()),
    )
