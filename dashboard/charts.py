"""
The charts of the provider page, as Altair specifications over plain rows; times are UTC.

What is drawn is the specification as Vega-Lite has it, made once for the same figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar

import altair as alt

from collector.storage.incident_queries import IncidentRow
from collector.storage.series_queries import ErrorPoint, LatencyPoint
from dashboard.vega import spec_of

COLD, WARM, OTHER = "#2A8C8C", "#C8862B", "#8A8F98"
CONNECTION_COLOURS = {"cold": COLD, "warm": WARM}
LINE, BAND = "#8A8F98", "#C2334D"
# Told apart with any colour vision (Tol's muted set); reasons beyond it share the last.
REASON_COLOURS = ("#CC6677", "#DDCC77", "#5A7FC0", "#44AA99", "#AA4499", "#88CCEE", "#999933", "#B07AA1", "#9A9A9A")
ERROR_REASONS_MAX = len(REASON_COLOURS)
HEIGHT = 230
SPECS_KEPT = 64

ChartT = TypeVar("ChartT", alt.Chart, alt.LayerChart)


@lru_cache(SPECS_KEPT)
def latency_spec(
    points: tuple[LatencyPoint, ...],
    objectives: tuple[tuple[str, float], ...],
    incidents: tuple[IncidentRow, ...],
    start: datetime,
    end: datetime,
) -> dict[str, Any]:
    """The specification of `latency`; nobody changes it."""
    return spec_of(latency(points, dict(objectives), incidents, start, end))


@lru_cache(SPECS_KEPT)
def errors_spec(points: tuple[ErrorPoint, ...], start: datetime, end: datetime, step: timedelta) -> dict[str, Any]:
    """The specification of `errors`; nobody changes it."""
    return spec_of(errors(points, start, end, step))


def latency(
    points: Sequence[LatencyPoint],
    objectives: Mapping[str, float],
    incidents: Sequence[IncidentRow],
    start: datetime,
    end: datetime,
) -> alt.LayerChart:
    """
    p50 and p95 of the time to first token over *points* (at least one), a colour for each kind of connection.

    Bands stand where an incident was open. *objectives* are lines by name, in ms; the lowest is always shown, others
    where they do not squeeze the curve.
    """
    connections = sorted({point.connection for point in points})
    rows = [row for name in connections for row in _lines([point for point in points if point.connection == name])]
    near_ms = max(_highest(points) * 3, min(objectives.values()))
    shown = {name: ms for name, ms in objectives.items() if ms <= near_ms}
    top = max(_highest(points), *shown.values()) * 1.25
    bottom = min(point.p50_ms for point in points) * 0.75
    scale = alt.Scale(type="log", domain=[bottom, top], nice=False)
    lines = (
        alt.Chart(_data(rows))
        .mark_line(strokeWidth=1.8, interpolate="linear", clip=True)
        .encode(
            x=_time_axis(start, end),
            y=alt.Y("ms:Q", title="ms, log scale", scale=scale, axis=alt.Axis(values=_ticks(bottom, top), format=",d")),
            color=alt.Color(
                "connection:N",
                scale=alt.Scale(
                    domain=connections, range=[CONNECTION_COLOURS.get(name, OTHER) for name in connections]
                ),
                legend=alt.Legend(orient="top", title=None, symbolType="stroke"),
            ),
            strokeDash=alt.StrokeDash(
                "what:N",
                scale=alt.Scale(domain=["p50", "p95"], range=[[1, 0], [5, 3]]),
                legend=alt.Legend(orient="top", title=None, symbolType="stroke"),
            ),
            tooltip=[alt.Tooltip("at:N", title="UTC"), "connection:N", "what:N", "ms:Q", "n:Q"],
        )
    )
    bounds = [{"ms": ms, "name": f"{name}: p95 within {ms:,.0f} ms"} for name, ms in shown.items()]
    base = alt.Chart(_data(bounds)).encode(y=alt.Y("ms:Q", scale=scale))
    rules = base.mark_rule(color=LINE, strokeDash=[2, 3])
    names = base.mark_text(align="left", baseline="bottom", dx=4, dy=-2, color=LINE, fontSize=11).encode(
        x=alt.value(0), text="name:N"
    )
    layers: alt.LayerChart = alt.layer(_bands(incidents, start, end), rules, names, lines)  # type: ignore[assignment]
    return _dressed(layers)


def errors(points: Sequence[ErrorPoint], start: datetime, end: datetime, step: timedelta) -> alt.Chart:
    """How often each reason came, stacked."""
    totals: dict[str, int] = {}
    for point in points:
        totals[point.reason] = totals.get(point.reason, 0) + point.n
    order = sorted(totals, key=lambda reason: (-totals[reason], reason))
    shown, rest = order[: ERROR_REASONS_MAX - 1], order[ERROR_REASONS_MAX - 1 :]
    domain = [*shown, "other"] if rest else shown
    rows, heights = [], defaultdict[datetime, int](int)
    for point in sorted(points, key=lambda point: (point.start, domain.index(_shown(point, shown)))):
        low = heights[point.start]
        heights[point.start] = low + point.n
        rows.append(
            {
                "t": _iso(point.start),
                "u": _iso(point.start + step),
                "reason": _shown(point, shown),
                "low": low,
                "high": low + point.n,
                "n": point.n,
                "at": _words(point.start),
            }
        )
    # Stacked by hand: Vega does not stack bars that have a begin and an end.
    chart: alt.Chart = (
        alt.Chart(_data(rows))
        .mark_rect()
        .encode(
            x=_time_axis(start, end),
            x2="u:T",
            y=alt.Y("low:Q", title="errors", axis=alt.Axis(tickCount=4, tickMinStep=1)),
            y2="high:Q",
            color=alt.Color(
                "reason:N",
                scale=alt.Scale(domain=domain, range=list(REASON_COLOURS[: len(domain)])),
                legend=alt.Legend(orient="top", title=None, columns=4, labelLimit=160),
            ),
            tooltip=[alt.Tooltip("at:N", title="UTC"), "reason:N", "n:Q"],
        )
    )
    return _dressed(chart)


def _shown(point: ErrorPoint, shown: Sequence[str]) -> str:
    return point.reason if point.reason in shown else "other"


def _highest(points: Sequence[LatencyPoint]) -> float:
    return max(point.p95_ms for point in points)


def _ticks(low: float, high: float) -> list[int]:
    """Round values on a log scale between *low* and *high*."""
    steps = (1, 2, 5) if high / low < 100 else (1,)
    return [ms for power in range(6) for step in steps if low <= (ms := step * 10**power) <= high]


def _bands(incidents: Sequence[IncidentRow], start: datetime, end: datetime) -> alt.Chart:
    rows = [
        {
            "t": _iso(max(one.failed_at, start)),
            "u": _iso(min(one.resolved_at or end, end)),
            "what": f"{one.severity} {one.scope}: {one.reason}",
        }
        for one in incidents
        if one.failed_at < end and (one.resolved_at or end) > start
    ]
    bands: alt.Chart = (
        alt.Chart(_data(rows))
        .mark_rect(color=BAND, opacity=0.22, stroke=BAND, strokeOpacity=0.5)
        .encode(x=_time_axis(start, end), x2="u:T", tooltip=[alt.Tooltip("what:N", title="incident")])
    )
    return bands


def _time_axis(start: datetime, end: datetime) -> alt.X:
    scale = alt.Scale(type="utc", domain=[_iso(start), _iso(end)])
    return alt.X("t:T", title=None, scale=scale, axis=alt.Axis(tickCount=6, grid=False, labelOverlap=True))


def _lines(points: Sequence[LatencyPoint]) -> list[dict[str, Any]]:
    """Rows of one connection's points; an empty one wherever a bucket is missing, so that the line breaks there."""
    rows: list[dict[str, Any]] = [
        {"t": _iso(point.start), "ms": round(value, 1), "what": what, "n": point.n, "at": _words(point.start)}
        for point in points
        for what, value in (("p50", point.p50_ms), ("p95", point.p95_ms))
    ]
    starts = [point.start for point in points]
    steps = [later - earlier for earlier, later in pairwise(starts)]
    step = min(steps, default=timedelta(0))
    rows += [
        {"t": _iso(earlier + step), "ms": None, "what": what, "n": 0, "at": ""}
        for earlier, gap in zip(starts, steps, strict=False)
        if gap > step
        for what in ("p50", "p95")
    ]
    connection = points[0].connection
    return sorted((row | {"connection": connection} for row in rows), key=lambda row: str(row["t"]))


def _dressed(chart: ChartT) -> ChartT:
    padding = {"left": 4, "right": 8, "top": 4, "bottom": 4}
    dressed: ChartT = chart.properties(height=HEIGHT, padding=padding).configure_view(strokeWidth=0)
    return dressed


def _data(rows: list[dict[str, Any]]) -> alt.Data:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _words(at: datetime) -> str:
    return f"{at:%d %b %H:%M}"
