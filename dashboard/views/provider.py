"""Why is this provider in its tier, are its claims true, and what changed: from its gates to its observations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from collector.judgement import day_marks, wording
from collector.judgement.beside import Beside, SideLine
from collector.judgement.double_standard import DoubleStandard
from collector.judgement.window import until_now
from collector.storage.day_bars import DayBar
from collector.storage.incident_queries import IncidentRow
from dashboard import (
    claims_markup,
    days,
    honesty_markup,
    incident_markup,
    markup,
    measured,
    reader,
    relations_markup,
    tier_markup,
)
from dashboard.markup import text
from dashboard.pages import Pages
from dashboard.reading_ahead import begin
from dashboard.settings import PageSettings, ProviderFace
from dashboard.views import status
from schemas.verdict import Tier, Verdict

INCIDENTS = 25
OBSERVATIONS = 50
MONTH_DAYS = 30
ALL_CLUSTERS = "all clusters"


def ahead(asked: Mapping[str, str]) -> None:
    """Begin what the page reads, of a provider that is configured; what takes longest first."""
    provider, cluster = asked.get("provider", ""), asked.get("cluster", "")
    face = reader.page_settings().providers.get(provider)
    if face is None:
        return
    begin(reader.relations)
    begin(_standard, provider)
    start, end = measured.until_now(measured.asked_window(asked))
    chosen = cluster if cluster in face.clusters else ""
    begin(reader.beside, provider, start, end, chosen)
    measured.ahead(provider, chosen, start, end)
    for read in (reader.tier_changes, reader.examination, reader.honesty):
        begin(read, provider)
    begin(reader.recent_incidents, provider, INCIDENTS)
    begin(reader.recent_observations, provider, OBSERVATIONS)
    status.ahead(asked)


def show(pages: Pages) -> None:
    """Draw the page of the provider that the address names."""
    settings = reader.page_settings()
    provider = str(st.query_params.get("provider", ""))
    verdicts = {verdict.provider: verdict for verdict in reader.latest_verdicts()}
    status.live(pages, provider)
    st.page_link(pages.status, label="All providers", icon=":material/arrow_back:")
    if provider not in settings.providers and provider not in verdicts:
        st.html(f'<h1 class="ts-title">No provider is called <code>{text(provider) or "?"}</code></h1>')
        return
    verdict = verdicts.get(provider)
    face = settings.providers.get(provider) or ProviderFace(name=provider, clusters={})
    st.html(_title(provider, face, verdict, reader.tier_since().get(provider), settings))
    if (standard := _standard(provider)) is not None and standard.reasons:
        st.html(_note(standard))
    _clusters(provider, face)
    st.html("<h2>Why this tier</h2>")
    if verdict is None or not verdict.gates:
        st.html('<div class="ts-calm">No gate can be looked at: nothing was observed in the window.</div>')
    else:
        st.html(markup.gates(verdict))
        st.html(tier_markup.outlook(verdict) + tier_markup.parts(verdict.parts))
    st.html(tier_markup.history(reader.tier_changes(provider)))
    claims = st.container(key="claims-section")
    incidents = reader.recent_incidents(provider, INCIDENTS)
    _charts(provider, face, incidents)
    st.html(incident_markup.section(incidents))
    neighbours = st.container()
    st.html(measured.observations(reader.recent_observations(provider, OBSERVATIONS)))
    with claims:  # last, so that the page is long enough to be scrolled to it by a link
        _claims(provider, settings.examined_every_s)
    with neighbours:  # last of all, since it is counted over a month of every provider
        _neighbours(provider)


def _standard(provider: str) -> DoubleStandard | None:
    """Probes and traffic in the window that was judged; None where there is no verdict or no traffic."""
    verdict = next((one for one in reader.latest_verdicts() if one.provider == provider), None)
    if verdict is None:
        return None
    judged = until_now(verdict.at, verdict.at - verdict.window_start)
    return reader.double_standard(provider, *judged) if reader.any_traffic(provider, *judged) else None


def _title(
    provider: str, face: ProviderFace, verdict: Verdict | None, since: datetime | None, settings: PageSettings
) -> str:
    tier = verdict.tier if verdict else Tier.UNRATED
    policy = settings.policy
    reasons = "".join(
        f"<li>{text(wording.reason_words(code))} <code>{text(code)}</code></li>"
        for code in (verdict.reasons if verdict else ("no_evidence",))
    )
    held = f" since {since:%d %b %Y %H:%M} UTC" if since else ""
    counts = ""
    if verdict:
        counts = (
            f"{wording.count(verdict.n_ok)} ok, {wording.count(verdict.n_degraded)} slow or wrong, "
            f"{wording.count(verdict.n_failed)} failed, {wording.count(verdict.n_not_observed)} not observed; "
            f"from {verdict.window_start:%d %b %Y} to {verdict.at:%d %b %Y %H:%M} UTC; policy {verdict.policy}"
        )
    lines = (("gold", policy.gold.availability_lower), ("reliable", policy.reliable.availability_lower))
    return (
        f'<div class="ts-provider"><div><h1 class="ts-title">{text(face.name)} <code>{text(provider)}</code></h1>'
        f'{markup.badge(tier)}<span class="ts-dim">{text(held)}</span><ul>{reasons}</ul></div>'
        f"<div>{markup.figure(verdict)}{markup.ruler(verdict, lines) if verdict else ''}"
        f'<p class="ts-dim">{text(counts)}</p></div></div>'
    )


def _note(standard: DoubleStandard) -> str:
    """Beside the tier, and no part of it: a double standard that is proven, with its numbers."""
    said = "".join(f"<li>{text(words)}</li>" for words in wording.standard_words(standard))
    return f'<div class="ts-note-box"><b>▲ A note beside the tier</b><ul>{said}</ul></div>'


def _clusters(provider: str, face: ProviderFace) -> None:
    everything, today = reader.daily_bars(), reader.freshness().now.date()
    shown = days.span(everything, today)
    bars: dict[str, list[DayBar]] = defaultdict(list)
    for bar in everything:
        if bar.provider == provider:
            bars[bar.cluster].append(bar)
    rows = []
    for cluster in sorted({*face.clusters, *bars}):
        month = day_marks.row(bars[cluster], today, MONTH_DAYS)
        known, failed = sum(day.known for day in month), sum(day.failed for day in month)
        share = wording.percent((known - failed) / known) if known else wording.UNKNOWN
        sample = f"{MONTH_DAYS} d, n {wording.count(known)}"
        rows.append(
            f'<div class="ts-cluster"><div><b>{markup.cluster_link(cluster)}</b>'
            f"<small>{text(face.clusters.get(cluster, ''))}</small></div>"
            f"{markup.bars(day_marks.row(bars[cluster], today, shown))}"
            f'<div class="ts-figure"><b>{share}</b><small>{text(sample)}</small></div></div>'
        )
    st.html(f"<h2>Clusters</h2>{''.join(rows)}")


def _claims(provider: str, every_s: float) -> None:
    st.header(claims_markup.TITLE, anchor=claims_markup.ANCHOR)
    found = reader.examination(provider)
    st.html(claims_markup.section(found, every_s) if found else claims_markup.unexamined(every_s))


def _neighbours(provider: str) -> None:
    """Whom it fails together with, and what its status page said."""
    st.html(honesty_markup.section(reader.honesty(provider)))
    st.html(relations_markup.section(reader.relations().of(provider), provider))


def _charts(provider: str, face: ProviderFace, incidents: Sequence[IncidentRow]) -> None:
    st.html("<h2>Measured</h2>")
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        window = measured.window()
        cluster = st.selectbox(
            "Cluster",
            [ALL_CLUSTERS, *face.clusters],
            key="cluster",
            bind="query-params",
            label_visibility="collapsed",
            width=280,
        )
    start, end = measured.until_now(window)
    chosen = "" if cluster == ALL_CLUSTERS else cluster
    measured.over_time(provider, chosen, start, end, incidents)
    st.html(_beside(reader.beside(provider, start, end, chosen), window))


def _beside(beside: Beside, window: str) -> str:
    """Both sides in one table, every figure with its n, and what the comparison says."""
    header = (
        "", "Source", "Connection", "Failed", "n", "TTFT p50", "TTFT p95", "n", "p95 from intended instant", "n",
    )  # fmt: skip
    rows = [markup.row(_side_cells(line)) for line in beside.lines]
    head = f'<h3>Our probes beside real traffic <span class="ts-dim">{text(window)}, kinds that ask a model</span></h3>'
    if not rows:
        return f"{head}{measured.nothing('Neither probes nor traffic in this window.')}"
    words = wording.standard_words(beside.standard) if beside.any_passive else ("No real traffic was seen.",)
    said = "".join(f"<li>{text(one)}</li>" for one in words)
    return f'{head}{markup.table(header, rows, "ts-beside")}<ul class="ts-note">{said}</ul>'


def _side_cells(line: SideLine) -> Sequence[str]:
    ttft, count = line.ttft, wording.count
    waited = f" ({count(ttft.waited_n)} without a token)" if ttft.waited_n else ""
    return (
        line.name,
        wording.SOURCE_NAME[line.source],
        line.connection,
        wording.failed_words(line),
        count(line.n),
        wording.milliseconds(ttft.p50_ms),
        wording.milliseconds(ttft.p95_ms),
        count(ttft.n),
        wording.milliseconds(ttft.intended_p95_ms),
        f"{count(ttft.intended_n)}{waited}",
    )
