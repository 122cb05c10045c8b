"""What is drawn is a valid Vega-Lite specification, the same one for the same figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt

from collector.storage.series_queries import ErrorPoint, LatencyPoint
from dashboard import charts, value_chart
from dashboard.vega import spec_of
from schemas.verdict import Tier
from tests.unit.test_badges_and_feed import INCIDENT
from tests.unit.test_comparison import compared, facts

START = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
END = START + 24 * HOUR
POINTS = tuple(
    LatencyPoint(START + HOUR * hour, connection, 200.0 + hour, 400.0 + hour, 60)
    for hour in (0, 1, 2, 5)  # two hours are missing
    for connection in ("cold", "warm")
)
ERRORS = tuple(ErrorPoint(START + HOUR * hour, f"reason_{hour}", hour + 1) for hour in range(11))
OBJECTIVES = (("gold", 500.0), ("reliable", 2000.0))


def validated(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    """The specification of *chart*; raises where it is none."""
    return chart.to_dict(validate=True)


def test_time_to_first_token() -> None:
    """Lines, bands of incidents and objectives; where hours are missing the line breaks."""
    incidents = (INCIDENT,)
    chart = charts.latency(POINTS, dict(OBJECTIVES), incidents, START, END)
    spec = charts.latency_spec(POINTS, OBJECTIVES, incidents, START, END)

    assert spec == validated(chart)
    assert charts.latency_spec(tuple(POINTS), OBJECTIVES, incidents, START, END) is spec
    assert [row["ms"] for row in spec["layer"][3]["data"]["values"] if row["connection"] == "cold"].count(None) == 2


def test_errors_by_reason() -> None:
    """The rarest of eleven reasons share the last colour."""
    spec = charts.errors_spec(ERRORS, START, END, HOUR)

    assert spec == validated(charts.errors(ERRORS, START, END, HOUR))
    assert {row["reason"] for row in spec["data"]["values"]} == {"other"} | {f"reason_{n}" for n in range(3, 11)}


def test_price_against_latency() -> None:
    """An offer by provider, with its tier."""
    offers = value_chart.drawable(compared(facts("acme"), facts("bolt", ttft_ms=60.0)).offers)
    chart = value_chart.tradeoff(offers, {"acme": Tier.GOLD})

    assert spec_of(chart) == validated(chart)
    assert len(offers) == 2
