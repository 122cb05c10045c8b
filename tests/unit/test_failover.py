"""Who takes the load of what dies: never more than a headroom, never on itself, nothing on what nobody knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.capacity.failover import HOSTS_MAX, Engine, Failover, failovers

FLEET = (
    Engine("acme/east/chat", "m", 100.0, 10.0),
    Engine("acme/west/chat", "m", 50.0, 30.0),
    Engine("bolt/east/chat", "m", 80.0, 40.0),
    Engine("bolt/east/code", "c", 20.0, 500.0),
    Engine("calm/east/chat", "m", 10.0, None),
)


def of(place: str, engines: tuple[Engine, ...] = FLEET) -> Failover:
    """What becomes of *place*."""
    (found,) = failovers(engines, (place,))
    return found


@pytest.mark.parametrize(
    ("place", "load", "placed", "share", "unknown"),
    [
        ("acme/east", 100.0, 70.0, 0.7, 1),
        ("acme/west", 50.0, 50.0, 1.0, 1),
        ("acme", 150.0, 40.0, 40 / 150, 1),  # its other cluster dies with it
        ("bolt/east", 100.0, 40.0, 0.4, 1),  # nobody else serves the other model
        ("calm/east", 10.0, 10.0, 1.0, 0),
    ],
)
def test_where_a_load_goes(place: str, load: float, placed: float, share: float, unknown: int) -> None:
    """To the same model elsewhere, the largest headroom first."""
    found = of(place)

    assert (found.load, found.placed, found.unknown_hosts) == (load, placed, unknown)
    assert found.share == pytest.approx(share)


def test_each_host_says_what_it_could_take_alone_and_what_it_takes() -> None:
    """80 requests: bolt could take half, and all of it is used; then the next."""
    (model,) = of("acme/east").models

    assert [(host.target, host.share, host.placed) for host in model.hosts] == [
        ("bolt/east/chat", 0.4, 40.0),
        ("acme/west/chat", 0.3, 30.0),
    ]


def test_a_load_that_nobody_knows_finds_no_place() -> None:
    """Nor is a cluster without a page safe."""
    silent = (*FLEET, Engine("acme/east/code", "c", None, None))

    assert (of("acme/east", silent).share, of("acme/east", silent).unmeasured) == (None, ("acme/east/code",))
    assert of("dunlin/east").share is None


def test_a_name_that_begins_alike_is_another() -> None:
    """`acme/east` does not die with `acme/eas`."""
    assert of("acme/eas").models == ()


engines = st.lists(
    st.builds(
        Engine,
        st.tuples(st.sampled_from("abcd"), st.integers(0, 12)).map(lambda of: f"{of[0]}/{of[1]}/chat"),
        st.sampled_from(("m", "c")),
        st.none() | st.floats(0, 1e4),
        st.none() | st.floats(0, 1e4),
    ),
    max_size=30,
    unique_by=lambda one: one.target,
)


@given(engines)
def test_nothing_is_placed_beyond_a_headroom_or_twice(fleet: list[Engine]) -> None:
    """For every cluster and every provider."""
    headrooms = {one.target: one.headroom or 0.0 for one in fleet}
    places = {one.cluster for one in fleet} | {one.target[0] for one in fleet}
    for found in failovers(fleet, sorted(places)):
        for model in found.models:
            assert 0 <= model.placed <= model.load
            assert model.placed <= sum(headrooms.values()) + 1e-6
            assert len(model.hosts) == min(HOSTS_MAX, model.hosts_n)
            for host in model.hosts:
                assert 0 <= host.placed <= headrooms[host.target]
                assert 0 <= host.share <= 1
                assert not host.target.startswith(f"{found.lost}/")
        assert found.share is None or 0 <= found.share <= 1
