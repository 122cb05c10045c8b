"""Is anything broken, and whom can I trust: open incidents, tiers, ninety days of every provider."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from collector.judgement import day_marks, wording
from collector.judgement.integrity.suspicion import Stage
from collector.judgement.wording import TIER_ORDER, TIER_SIGN, duration
from collector.storage.day_bars import DayBar
from dashboard import claims_markup, days, markup, reader
from dashboard.frame import LIVE_S
from dashboard.markup import text
from dashboard.pages import Pages
from dashboard.reading_ahead import begin
from dashboard.settings import PageSettings
from dashboard.views import incidents
from schemas.errors import StoreError
from schemas.verdict import Tier, Verdict

INCIDENTS_SHOWN_MAX = 8


def ahead(_asked: Mapping[str, str]) -> None:
    """Begin what the page reads."""
    begin(reader.open_incidents)
    begin(reader.history_progress)
    begin(reader.daily_bars)
    begin(reader.tier_since)
    begin(reader.suspicion_stages)


def show(pages: Pages) -> None:
    """Draw the status page; names lead to the provider's page."""
    settings = reader.page_settings()
    verdicts = {verdict.provider: verdict for verdict in reader.latest_verdicts()}
    st.html('<h1 class="ts-title">Status</h1>')
    live(pages)
    names = sorted({*settings.providers, *verdicts})
    tiers = {name: verdicts[name].tier if name in verdicts else Tier.UNRATED for name in names}
    st.html(_tiles(tiers))
    chosen = _filter()
    everything, today = reader.daily_bars(), reader.freshness().now.date()
    shown = days.span(everything, today)
    st.html(_legend(shown))
    bars: dict[str, list[DayBar]] = defaultdict(list)
    for bar in everything:
        bars[bar.provider].append(bar)
    since, stages = reader.tier_since(), reader.suspicion_stages()
    for tier in TIER_ORDER:
        group = [name for name in names if tiers[name] is tier and tier.value in chosen]
        if group:
            st.html(_group_head(tier, len(group), settings))
        for name in group:
            verdict = verdicts.get(name)
            face = settings.providers.get(name)
            with st.container(key=f"row-{name}"):
                st.page_link(
                    pages.provider, label=markup.plain(face.name if face else name), query_params={"provider": name}
                )
                st.html(_about(name, verdict, since.get(name), stages.get(name, Stage.BELOW)))
                st.html(markup.bars(day_marks.row(bars[name], today, shown)))
                st.html(markup.figure(verdict))
    st.html(_foot(settings))


@st.fragment(run_every=LIVE_S)
def live(pages: Pages, provider: str = "") -> None:
    """What is broken, drawn again every few seconds; the rest follows when a verdict or an incident changed."""
    try:
        _live(pages, provider)
    except StoreError as error:
        title = "The store does not answer; what is below is as old as it is"
        st.error(markup.plain(str(error)[:160]), title=title, icon="⛔")


def _live(pages: Pages, provider: str) -> None:
    fresh, (found, paged) = reader.freshness(), reader.open_incidents()
    verdicts = reader.latest_verdicts()
    judged = max((verdict.at for verdict in verdicts), default=None)
    if (load := reader.history_progress()) is not None and not load.finished:
        share = load.rows_done / load.rows_total if load.rows_total else 0.0
        done = f"{wording.count(load.rows_done)} of {wording.count(load.rows_total)} rows"
        st.progress(min(share, 1.0), text=f"Loading history: {done}. Tiers are judged when it is complete.")
    shown = [incident for incident in found if provider in {"", incident.provider}]
    for one in shown[:INCIDENTS_SHOWN_MAX]:
        incidents.card(pages, one, fresh.now, paged.get(one.id))
    if not shown:
        st.html(_calm(provider))
    more = f" ({len(shown) - INCIDENTS_SHOWN_MAX} more are open)" if len(shown) > INCIDENTS_SHOWN_MAX else ""
    if more:
        st.page_link(pages.incidents, label=f"All incidents{more}")
    seen = (judged, tuple((incident.id, incident.seq) for incident in found))
    before, st.session_state["seen"] = st.session_state.get("seen"), seen
    if before not in (None, seen):
        st.rerun()


def _calm(provider: str) -> str:
    whose = " of this provider" if provider else ""
    return f'<div class="ts-calm"><b>✓</b> No incident{whose} is open.</div>'


def _tiles(tiers: Mapping[str, Tier]) -> str:
    counts = [(tier, sum(1 for own in tiers.values() if own is tier)) for tier in TIER_ORDER]
    return (
        '<div class="ts-tiles">'
        + "".join(
            f'<div class="ts-tile ts-{tier}"><b>{n}</b><span>{TIER_SIGN[tier]} {markup.TIER_NAME[tier]}</span></div>'
            for tier, n in counts
        )
        + "</div>"
    )


def _filter() -> Sequence[str]:
    """The tiers to show; none chosen is all of them. The choice stands in the address."""
    options = [tier.value for tier in TIER_ORDER]
    chosen = st.pills(
        "Tiers",
        options,
        selection_mode="multi",
        key="tier",
        bind="query-params",
        label_visibility="collapsed",
    )
    return chosen or options


def _legend(shown: int) -> str:
    keys = "".join(f'<span><i class="ts-{mark}"></i>{text(words)}</span>' for mark, words in day_marks.MEANING.items())
    return f'<div class="ts-legend"><em>{shown} days, UTC, oldest left</em>{keys}</div>'


def _group_head(tier: Tier, n: int, settings: PageSettings) -> str:
    policy = settings.policy
    gold, reliable = policy.gold, policy.reliable
    means = {
        Tier.GOLD: f"lower bound of availability at least {wording.percent(gold.availability_lower)}, first token p95 "
        f"within {duration(gold.ttft_p95)}, {duration(gold.evidence)} of evidence",
        Tier.RELIABLE: f"lower bound at least {wording.percent(reliable.availability_lower)}, first token p95 within "
        f"{duration(reliable.ttft_p95)}, {duration(reliable.evidence)} of evidence",
        Tier.SUSPECT: f"upper bound below {wording.percent(policy.suspect.availability_upper)}, or an integrity check "
        "failed",
        Tier.UNRATED: "neither proven good nor proven bad yet",
    }
    return (
        f'<div class="ts-group-head">{markup.badge(tier)}<b>{n} provider{"" if n == 1 else "s"}</b>'
        f"<span>{text(means[tier])}</span></div>"
    )


def _about(provider: str, verdict: Verdict | None, since: datetime | None, stage: Stage) -> str:
    codes = [code for code in (verdict.reasons if verdict else ("no_evidence",)) if not code.startswith("all_")]
    why = f'<p title="{text(wording.reason_words(codes[0]))}">{text(codes[0].replace("_", " "))}</p>' if codes else ""
    held = f"since {since:%d %b}" if since else ""
    mark = claims_markup.mark(provider, stage)
    return f'<div class="ts-about"><code>{text(provider)}</code> <span>{text(held)}</span>{why}{mark}</div>'


def _foot(settings: PageSettings) -> str:
    confidence = f"{settings.policy.confidence:.0%}"
    return (
        f'<div class="ts-foot">Figures are intervals: one-sided {text(confidence)} '
        "bounds on the effective sample, unknown time counted as down in the lower and as up in the "
        "upper one; percentages are rounded down. Grey is unknown: never good, never bad. A bar is a UTC day of all "
        "clusters; the rule stands beside its colour, and taller is worse.</div>"
    )
