"""What was measured over a window, as the pages of a provider and of a cluster show it: charts, and observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from collector.cluster_record import ERROR_POINTS, LATENCY_POINTS, sizes
from collector.judgement import wording
from collector.judgement.window import until_now as window_of
from collector.storage.incident_queries import IncidentRow
from collector.storage.series_queries import ErrorPoint, LatencyPoint
from dashboard import charts, markup, reader
from dashboard.markup import text
from dashboard.reading_ahead import begin

WINDOWS = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
WINDOW = "7d"
OUTCOME_LOOK = {
    "ok": ("good", "✓"), "degraded": ("minor", "~"), "failed": ("severe", "✗"), "not_observed": ("unknown", "?"),
}  # fmt: skip


def window() -> str:
    """The window that is chosen; it stands in the address."""
    chosen = st.pills(
        "Window", list(WINDOWS), default=WINDOW, key="window", bind="query-params", label_visibility="collapsed"
    )
    return chosen or WINDOW


def asked_window(asked: Mapping[str, str]) -> str:
    """The window that an address asks for."""
    return asked["window"] if asked.get("window") in WINDOWS else WINDOW


def until_now(window: str) -> tuple[datetime, datetime]:
    """[start, end) of *window*, up to the next border of a step of it, so that pages drawn in a step ask alike."""
    return window_of(reader.freshness().now, WINDOWS[window])


def ahead(provider: str, cluster: str, start: datetime, end: datetime) -> None:
    """Begin what `over_time` reads."""
    begin(reader.latency_series, provider, start, end, LATENCY_POINTS, cluster)
    begin(reader.error_series, provider, start, end, ERROR_POINTS, cluster)


def over_time(
    provider: str, cluster: str, start: datetime, end: datetime, incidents: Sequence[IncidentRow]
) -> tuple[ErrorPoint, ...]:
    """Draw time to first token and errors over [start, end), *cluster* '' for all; the errors, for who tells more."""
    policy = reader.page_settings().policy
    points = reader.latency_series(provider, start, end, LATENCY_POINTS, cluster)
    found = reader.error_series(provider, start, end, ERROR_POINTS, cluster)
    objectives = (("gold", policy.gold.ttft_p95 * 1000), ("reliable", policy.reliable.ttft_p95 * 1000))
    whose = cluster or provider
    left, right = st.columns(2)
    with left:
        st.html(f'<h3>Time to first token <span class="ts-dim">{text(_sizes(points))}</span></h3>')
        if points:
            chart = charts.latency_spec(points, objectives, tuple(incidents), start, end)
            said = f"Time to first token of {whose}, p50 and p95 by kind of connection, {_sizes(points)}"
            st.vega_lite_chart(chart, width="stretch", alt=said)
        else:
            st.html(nothing("No answer in this window."))
    with right:
        total = wording.count(sum(point.n for point in found))
        st.html(f'<h3>Errors by reason <span class="ts-dim">n {text(total)}</span></h3>')
        if found:
            stacked = charts.errors_spec(found, start, end, (end - start) / (ERROR_POINTS - 1))
            st.vega_lite_chart(stacked, width="stretch", alt=f"Errors of {whose} by reason over time, n {total}")
        else:
            st.html(nothing("No error in this window."))
    return found


def _sizes(points: Sequence[LatencyPoint]) -> str:
    """How many answers each kind of connection had: `n 5 760 cold, 5 760 warm`."""
    said = (f"{wording.count(n)} {name}" for name, n in sizes(points).items())
    return f"n {', '.join(said) or 0}"


def observations(found: Sequence[dict[str, Any]]) -> str:
    """The last observations as a table."""
    if not found:
        return f"<h2>Last observations</h2>{nothing('None is known.')}"
    rows = [markup.raw_row(_observation(one)) for one in found]
    header = ("Tick (UTC)", "Outcome", "Reason", "Target", "Vantage", "Kind", "HTTP", "First token", "Total", "Tokens")
    table = markup.table((*header, "Detail"), rows, "ts-list ts-long")
    return f'<h2>Last observations <span class="ts-dim">n {len(found)}, re-probes included</span></h2>{table}'


def _observation(one: dict[str, Any]) -> Sequence[str]:
    look, sign = OUTCOME_LOOK.get(str(one["outcome"]), ("unknown", "?"))
    again = f" re-probe {one['attempt']}" if one["attempt"] else ""
    return (
        text(f"{one['tick']:%d %b %H:%M:%S}"),
        f'<b class="ts-result ts-{look}">{sign} {text(one["outcome"])}</b>{text(again)}',
        text(one["reason"]),
        text(str(one["target"]).partition("/")[2]),
        text(one["vantage"]),
        text(one["kind"]),
        text(one["http_status"] or ""),
        text(_ms(one["first_token_ms"])),
        text(_ms(one["total_ms"])),
        text("" if one["counted_out"] is None else one["counted_out"]),
        f'<span class="ts-note">{text(one["detail"])}</span>',
    )


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} ms"


def nothing(words: str) -> str:
    """What stands where there is nothing to show."""
    return f'<div class="ts-nothing">{text(words)}</div>'
