"""Theil-Sen's line and its limits are scipy's, ties included."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collector.judgement.capacity.theil_sen import theil_sen

levels = st.integers(0, 20).map(lambda n: n / 20)
series = st.lists(levels, min_size=2, max_size=40)


@given(y=series, gaps=st.data(), confidence=st.sampled_from((0.9, 0.95, 0.99)))
def test_slope_limits_and_line_are_scipys(y: list[float], gaps: st.DataObject, confidence: float) -> None:
    """At any distances between the days."""
    steps = gaps.draw(st.lists(st.integers(1, 3), min_size=len(y), max_size=len(y)))
    x = [float(sum(steps[:number])) for number in range(len(y))]
    expected = stats.theilslopes(y, x, confidence)
    line = theil_sen(list(zip(x, y, strict=True)), confidence=confidence)

    assert (line.slope, line.low, line.high) == (expected.slope, expected.low_slope, expected.high_slope)
    assert abs(line.at(7.0) - (expected.intercept + expected.slope * 7.0)) < 1e-9


def test_one_outlier_bends_nothing() -> None:
    """A day at nothing, in a week that grows by two points a day."""
    points = [(float(day), 0.5 + 0.02 * day) for day in range(9)]
    bent = theil_sen([*points[:4], (4.0, 0.0), *points[5:]], confidence=0.95)

    assert abs(bent.slope - 0.02) < 1e-9
