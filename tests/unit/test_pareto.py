"""The front of cost, latency and loss: what nobody surely beats, compared with every definition written out."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.value.pareto import Bounds, Figures, Place, beats, front, standings

# Few different numbers, so that ends meet.
BOUNDS = st.tuples(*[st.integers(0, 6)] * 3).map(lambda three: Bounds(*map(float, sorted(three))))
FIGURES = st.tuples(BOUNDS, BOUNDS, BOUNDS)
OFFERS = st.dictionaries(st.sampled_from("abcdefgh"), FIGURES, min_size=1)


def exact(*values: float) -> Figures:
    """Figures without any width."""
    cost, wait, lost = (Bounds(value, value, value) for value in values)
    return cost, wait, lost


def wide(cost: float, wait: float, lost: float, width: float) -> Figures:
    """The same with *width* to either side of each."""
    one, two, three = (Bounds(value - width, value, value + width) for value in (cost, wait, lost))
    return one, two, three


CASES: dict[str, tuple[dict[str, Figures | None], dict[str, Place]]] = {
    "dearer and faster": ({"a": exact(1, 9, 1), "b": exact(2, 5, 1)}, {"a": Place.FRONT, "b": Place.FRONT}),
    "worse on all": ({"a": exact(1, 5, 1), "b": exact(2, 6, 2)}, {"a": Place.FRONT, "b": Place.BEATEN}),
    "equal on two": ({"a": exact(1, 5, 1), "b": exact(1, 5, 2)}, {"a": Place.FRONT, "b": Place.BEATEN}),
    "equal": ({"a": exact(1, 5, 1), "b": exact(1, 5, 1)}, {"a": Place.FRONT, "b": Place.FRONT}),
    "within the bounds": (
        {"a": wide(1, 5, 1, 0.6), "b": wide(2, 6, 2, 0.6)},
        {"a": Place.FRONT, "b": Place.NOT_TOLD_APART},
    ),
    "beyond the bounds": ({"a": wide(1, 5, 1, 0.4), "b": wide(2, 6, 2, 0.4)}, {"a": Place.FRONT, "b": Place.BEATEN}),
    "unknown": ({"a": exact(1, 5, 1), "b": None}, {"a": Place.FRONT, "b": Place.UNKNOWN}),
    "alone": ({"a": exact(9, 9, 9)}, {"a": Place.FRONT}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_where_an_offer_stands(name: str) -> None:
    """By sure differences, by points, or not at all."""
    offers, expected = CASES[name]
    assert {which: one.place for which, one in standings(offers).items()} == expected


@given(OFFERS)
def test_the_front_is_what_the_definition_says(offers: dict[str, Figures]) -> None:
    """Never empty; nobody on it is beaten, and everybody else is, by somebody on it. The standings say the same."""
    found = front(offers)

    def surely(a: Figures, b: Figures) -> bool:
        no_worse = all(x.low <= y.low and x.value <= y.value and x.high <= y.high for x, y in zip(a, b, strict=True))
        return no_worse and any(x.high < y.low for x, y in zip(a, b, strict=True))

    by_hand = {name for name in offers if not any(surely(offers[other], offers[name]) for other in offers)}
    assert found
    assert found == by_hand
    assert all(any(beats(offers[best], offers[name]) for best in found) for name in offers.keys() - found)
    placed = standings(offers)
    assert {name for name, one in placed.items() if one.place is not Place.BEATEN} == found
    assert any(one.place is Place.FRONT for one in placed.values())


@given(OFFERS, FIGURES)
def test_one_more_that_is_beaten_changes_nothing(offers: dict[str, Figures], one_more: Figures) -> None:
    """To leave the beaten out, or to take them in, is the same."""
    if any(beats(one, one_more) for one in offers.values()):
        assert front(offers | {"one more": one_more}) == front(offers)


@given(FIGURES, FIGURES, FIGURES)
def test_beating_is_transitive_and_never_mutual(a: Figures, b: Figures, c: Figures) -> None:
    """So nobody can beat in a circle."""
    assert not (beats(a, b) and beats(b, a))
    assert not (beats(a, b) and beats(b, c)) or beats(a, c)


@given(OFFERS, st.randoms(use_true_random=False))
def test_the_order_of_the_offers_says_nothing(offers: dict[str, Figures], dice: random.Random) -> None:
    """The same standings, whoever is named first."""
    names = list(offers)
    dice.shuffle(names)

    assert standings({name: offers[name] for name in names}) == standings(offers)
