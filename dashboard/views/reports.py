"""What do I send: a provider's scorecard over a period, to look at and to download, as the command has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

import streamlit as st

from collector.exports.catalog import FORMATS, MEDIA_TYPES, rendered
from collector.exports.scorecard import Line, Scorecard
from collector.judgement import wording
from dashboard import markup, measured, reader
from dashboard.markup import text
from dashboard.pages import Pages
from dashboard.reading_ahead import begin

PERIODS = {"7d": 7, "30d": 30, "90d": 90}
PERIOD = "30d"


def ahead(asked: Mapping[str, str]) -> None:
    """Begin what the page reads."""
    begin(_card, asked.get("of", ""), asked.get("period", PERIOD))


def _card(provider: str, period: str) -> None:
    names = _names()
    if names:
        reader.scorecard(provider if provider in names else names[0], PERIODS.get(period, PERIODS[PERIOD]))


def _names() -> list[str]:
    return sorted({*reader.page_settings().providers, *(verdict.provider for verdict in reader.latest_verdicts())})


def show(pages: Pages) -> None:
    """Draw the page."""
    st.html('<h1 class="ts-title">Reports</h1>')
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        provider = st.selectbox(
            "Provider", _names(), key="of", bind="query-params", label_visibility="collapsed", width=240
        )
        chosen = st.pills(
            "Period", list(PERIODS), default=PERIOD, key="period", bind="query-params", label_visibility="collapsed"
        )
    card = reader.scorecard(str(provider), PERIODS[chosen or PERIOD])
    if card is None:
        st.html(measured.nothing("There is no verdict on this provider yet, so there is nothing to report."))
        return
    with st.container(horizontal=True, key="downloads"):
        for form in FORMATS:
            st.download_button(
                f"Download {form.upper()}",
                partial(rendered, form, card),  # when it is asked for: paper takes a browser seconds
                file_name(card, form),
                MEDIA_TYPES[form],
                key=f"download-{form}",
                on_click="ignore",
            )
    st.html(_summary(card))
    st.html(f'<h2>As Markdown</h2><pre class="ts-card">{text(rendered("md", card).decode())}</pre>')


def file_name(card: Scorecard, form: str) -> str:
    """`acme-2026-10-28-2026-11-27.json`."""
    return f"{card.provider}-{_day(card.start)}-{_day(card.end)}.{form}"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _summary(card: Scorecard) -> str:
    """Tier, and how the provider and each cluster fared, with every n."""
    header = ("", "Available", "n", "failed", "fault unknown", "not observed", "TTFT p50", "TTFT p95", "n timed")
    rows = [markup.row(_cells(line)) for line in (card.whole, *card.clusters)]
    span = f"{wording.stamp(card.start)} to {wording.stamp(card.end)}"
    return (
        f"<h2>{markup.badge(card.verdict.tier)} {text(card.name or card.provider)} "
        f'<span class="ts-dim">{text(span)}</span></h2>'
        f"{markup.table(header, rows, 'ts-list')}"
        f'<p class="ts-note">{len(card.incidents)} incidents. The same bytes as <code>touchstone scorecard '
        f"{text(card.provider)}</code> gives while this verdict is the last.</p>"
    )


def _cells(line: Line) -> tuple[str, ...]:
    found, timed = line.availability, line.ttft[0]
    return (
        line.name,
        wording.interval(found.lower, found.upper) if found else wording.UNKNOWN,
        wording.count(found.n if found else 0),
        wording.count(line.n_failed),
        wording.count(line.n_unknown),
        wording.count(line.n_not_observed),
        wording.milliseconds(timed.p50_ms),
        wording.milliseconds(timed.p95_ms),
        wording.count(timed.n),
    )
