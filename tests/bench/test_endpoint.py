"""The endpoint's bench gives a figure for every query, ours beside the engine in process."""

from __future__ import annotations

from bench.store.endpoint import PEER, QUERIES, endpoint_figures


def test_every_query_has_both_sides_and_their_difference() -> None:
    """Two rounds are enough to see that."""
    figures = endpoint_figures(rounds=2)

    assert set(figures) == {f"endpoint_{name}{suffix}_ms" for name in QUERIES for suffix in ("", "_overhead")}
    for name in QUERIES:
        ours = figures[f"endpoint_{name}_ms"]
        assert ours.ours is not None and ours.peer is not None
        assert (ours.peer_name, ours.n) == (PEER, 2)
        assert 0 < ours.ours < 10_000
