"""Headroom: seats by the cache or by the batch, never negative, never more with more load."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.capacity.facts import PageFacts, Spread
from collector.judgement.capacity.headroom import FULL, Headroom, headroom
from collector.judgement.capacity.insufficient import Insufficient
from tests.support.engine_pages import page

shares = st.floats(1e-6, 1.0)
requests = st.floats(0.0, 1e5)


def of(found: Headroom | Insufficient) -> tuple[float, float, str]:
    """Requests that fit, typical and low, and what binds."""
    assert isinstance(found, Headroom)
    return round(found.typical, 6), round(found.low, 6), found.seats.bound


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (40.0, 8.333333, "cache")),
        ({"load": Spread(1000, 120.0, 189.0)}, (1.0, 0.0, "cache")),
        ({"load": Spread(1000, 400.0, 3000.0)}, (0.0, 0.0, "cache")),
        # 2826 waiting at 0.28 of the cache: its batch is full, whatever the cache says.
        (
            {"running_queued": Spread(200, 60.0, 64.0), "load": Spread(1000, 700.0, 2890.0)},
            (0.0, 0.0, "batch"),
        ),
        ({"running_queued": Spread(200, 170.0, 180.0)}, (30.0, 8.333333, "batch")),
        ({"running_queued": Spread(99, 60.0, None)}, (40.0, 8.333333, "cache")),  # too few looks had a queue
        ({"running_queued": Spread(200, 300.0, 400.0)}, (40.0, 8.333333, "cache")),
        # TGI tells no share of a cache; a queue tells where it is full.
        (
            {"kv": Spread(), "per_request": Spread(), "running_queued": Spread(100, 150.0, 160.0)},
            (10.0, 10.0, "batch"),
        ),
    ],
)
def test_headroom_of_a_page(changes: dict[str, Spread], expected: tuple[float, float, str]) -> None:
    """Seats less the load of its peak."""
    assert of(headroom(page(**changes))) == expected


@pytest.mark.parametrize(
    ("facts", "reason", "n"),
    [
        (PageFacts(target="a/b/c"), "no page was read", 0),
        (page(per_request=Spread(99, 0.005, None)), "99 looks with requests running, 100 are needed", 99),
        (page(per_request=Spread()), "0 looks with requests running, 100 are needed", 0),
        (
            page(kv=Spread(), per_request=Spread()),
            "the page tells no KV share, and no queue was seen for long enough",
            1000,
        ),
        (page(load=Spread()), "0 looks told both running and waiting, 100 are needed", 0),
    ],
)
def test_too_little_is_said_with_its_reason(facts: PageFacts, reason: str, n: int) -> None:
    """Never a number that nobody measured."""
    assert headroom(facts) == Insufficient(reason, n)


@given(each=shares, larger=st.floats(1.0, 10.0), load=requests, more=requests, queue=st.none() | st.floats(1.0, 1e5))
def test_headroom_is_never_negative_and_falls_with_load_and_size(
    each: float, larger: float, load: float, more: float, queue: float | None
) -> None:
    """Whatever the page says."""
    facts = page(
        per_request=Spread(1000, each, each * larger),
        load=Spread(1000, load, load),
        running_queued=Spread() if queue is None else Spread(100, queue, queue),
    )
    here = headroom(facts)
    busier = headroom(replace(facts, load=Spread(1000, load, load + more)))
    heavier = headroom(replace(facts, per_request=Spread(1000, each * larger, each * larger)))

    assert isinstance(here, Headroom) and isinstance(busier, Headroom) and isinstance(heavier, Headroom)
    assert 0 <= here.low <= here.typical <= FULL / each
    assert busier.typical <= here.typical
    assert heavier.typical <= here.typical
