"""What an observation derives from what it holds."""

from __future__ import annotations

import pytest

from schemas.observation import Timings, Tokens
from tests.support.observations import seen

FOUR_IN_TWO = Timings(first_token_ms=100.0, last_token_ms=160.0, arrivals_ms=(100.0, 160.0))
THOUGHT_BEFORE = Timings(first_token_ms=100.0, last_token_ms=160.0, reasoning_ms=40.0, arrivals_ms=(100.0, 160.0))


@pytest.mark.parametrize(
    ("timings", "tokens", "expected"),
    [
        (FOUR_IN_TWO, Tokens(billed_out=4, chunks=2), 20.0),
        (FOUR_IN_TWO, Tokens(billed_out=None, counted_out=4, counted_by="words", chunks=2), 20.0),
        (FOUR_IN_TWO, Tokens(billed_out=None, counted_out=2, counted_by="chunks", chunks=2), None),
        (FOUR_IN_TWO, Tokens(billed_out=1, chunks=2), None),
        (THOUGHT_BEFORE, Tokens(billed_out=7, chunks=2), 20.0),
        (Timings(first_token_ms=100.0, last_token_ms=100.0, arrivals_ms=(100.0,)), Tokens(billed_out=4), None),
        (Timings(), Tokens(billed_out=4), None),
    ],
)
def test_the_gap_by_token_is_not_the_gap_by_chunk(timings: Timings, tokens: Tokens, expected: float | None) -> None:
    """Four tokens in two chunks 60 ms apart are 20 ms a token; chunks alone say nothing of tokens."""
    observation = seen(timings=timings, tokens=tokens)

    assert expected == observation.token_gap_ms
    assert observation.timings.chunk_gap_ms == (60.0 if len(timings.arrivals_ms) > 1 else None)
