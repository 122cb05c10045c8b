"""A real engine's page of metrics, beside what a probe of the same engine saw."""

from __future__ import annotations

import pytest

from bench.engine.serve import ServedEngine
from probes.attempt import observe
from schemas.observation import Outcome
from tests.support.engines import vllm_engine
from tests.support.subjects import TICK, bench, subject_of

__all__ = ["vllm_engine"]

pytestmark = [pytest.mark.engine, pytest.mark.slow]

GAUGES = {"running", "waiting", "kv_cache_share"}
COUNTERS = {
    "ttft_sum_s", "ttft_count", "itl_sum_s", "itl_count", "tpot_sum_s", "tpot_count", "e2e_sum_s", "e2e_count",
    "queue_sum_s", "queue_count", "prompt_tokens", "generation_tokens", "preemptions", "rejected", "requests_ok",
    "requests_aborted", "requests_error", "prefix_queries", "prefix_hits",
}  # fmt: skip


async def test_the_engine_counts_the_request_that_was_made_and_no_other(vllm_engine: ServedEngine) -> None:
    """vLLM's own names, read before and after one chat; the engine's times lie within the probe's."""
    page = subject_of("engine_metrics", vllm_engine.url, timeout="10s")
    chat = subject_of("chat_stream", vllm_engine.url, model=vllm_engine.model, max_tokens=12, timeout="30s")
    async with bench() as here:
        before = await observe(here, page, TICK, 0, 1)
        asked = await observe(here, chat, TICK, 0, 1)
        after = await observe(here, page, TICK, 1, 1)

    assert (before.outcome, asked.outcome, after.outcome) == (Outcome.OK,) * 3, asked.detail
    assert set(after.figures) == GAUGES | COUNTERS
    more = {name: after.figures[name] - before.figures[name] for name in COUNTERS}
    assert (more["requests_ok"], more["ttft_count"], more["e2e_count"]) == (1, 1, 1)
    assert (more["requests_aborted"], more["requests_error"], more["rejected"]) == (0, 0, 0)
    assert (more["prompt_tokens"], more["generation_tokens"]) == (asked.tokens.billed_in, asked.tokens.billed_out)
    assert more["itl_count"] == more["generation_tokens"] - 1
    assert asked.timings.first_token_ms is not None and asked.timings.total_ms is not None
    assert 0 < more["ttft_sum_s"] * 1000 <= asked.timings.first_token_ms
    assert 0 < more["e2e_sum_s"] * 1000 <= asked.timings.total_ms
    assert 0 <= after.figures["kv_cache_share"] <= 1
