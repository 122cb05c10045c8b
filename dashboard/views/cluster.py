"""One cluster: what is claimed of it, how available it is, what it is asked, what went wrong and whose fault it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from collector.cluster_record import INCIDENTS, INCIDENTS_READ, OBSERVATIONS, by_reason, concerning
from collector.judgement import day_marks, wording
from collector.judgement.availability import Availability
from collector.storage.cluster_queries import EngineLine, TargetLine
from collector.storage.series_queries import ErrorPoint
from dashboard import days, incident_markup, markup, measured, reader
from dashboard.markup import text
from dashboard.pages import Pages
from dashboard.reading_ahead import begin
from schemas.observation import Blame

_BLAME_LOOK = {Blame.PROVIDER: "severe", Blame.CALLER: "minor", Blame.OBSERVER: "unknown", Blame.UNKNOWN: "unknown"}


def ahead(asked: Mapping[str, str]) -> None:
    """Begin what the page reads, of a cluster that is configured."""
    cluster = asked.get("cluster", "")
    provider = cluster.partition("/")[0]
    face = reader.page_settings().providers.get(provider)
    if face is None or cluster not in face.clusters:
        return
    begin(reader.daily_bars)
    begin(reader.recent_incidents, provider, INCIDENTS_READ)
    begin(reader.recent_observations, provider, OBSERVATIONS, cluster)
    start, end = measured.until_now(measured.asked_window(asked))
    for read in (reader.cluster_targets, reader.cluster_availability, reader.engine_figures):
        begin(read, provider, cluster, start, end)
    measured.ahead(provider, cluster, start, end)


def show(pages: Pages) -> None:
    """Draw the page of the cluster that the address names: `provider/name`."""
    cluster = str(st.query_params.get("cluster", ""))
    provider, _, name = cluster.partition("/")
    face = reader.page_settings().providers.get(provider)
    bars = [bar for bar in reader.daily_bars() if bar.cluster == cluster]
    if not name or not (bars or (face and cluster in face.clusters)):
        st.html(f'<h1 class="ts-title">No cluster is called <code>{text(cluster[:130]) or "?"}</code></h1>')
        return
    st.page_link(
        pages.provider,
        label=markup.plain(f"Provider {face.name if face else provider}"),
        icon=":material/arrow_back:",
        query_params={"provider": provider},
    )
    st.html(f'<h1 class="ts-title">{text(name)} <code>{text(cluster)}</code></h1>')
    window = measured.window()
    start, end = measured.until_now(window)
    claims = face.clusters.get(cluster) if face else None
    st.html(_claims(claims, reader.cluster_availability(provider, cluster, start, end), window))
    today = reader.freshness().now.date()
    st.html(markup.bars(day_marks.row(bars, today, days.span(bars, today))))
    st.html(_targets(reader.cluster_targets(provider, cluster, start, end)))
    st.html("<h2>Measured</h2>")
    incidents = concerning(cluster, reader.recent_incidents(provider, INCIDENTS_READ))
    errors = measured.over_time(provider, cluster, start, end, incidents)
    st.html(
        _blame(errors)
        + _engines(reader.engine_figures(provider, cluster, start, end))
        + incident_markup.section(incidents[:INCIDENTS])
        + measured.observations(reader.recent_observations(provider, OBSERVATIONS, cluster))
    )


def _claims(claims: str | None, found: Availability | None, window: str) -> str:
    """What is claimed beside what is measured; an interval with its n, or that nothing is known."""
    policy = reader.page_settings().policy
    if found is None:
        said, sample, scale = wording.UNKNOWN, "n 0", ""
    else:
        said = wording.interval(found.lower, found.upper)
        sample = f"n {wording.count(found.n)}, effective {wording.count(round(found.n_effective))}"
        lines = (("gold", policy.gold.availability_lower), ("reliable", policy.reliable.availability_lower))
        scale = markup.scale(found.lower, found.upper, "unrated", lines)
    absent = "nothing" if claims == "" else "nothing: it is not in the configuration any more"
    claimed = text(claims) if claims else f'<span class="ts-dim">{absent}</span>'
    return (
        f'<div class="ts-provider"><div><dl class="ts-facts"><dt>Claimed</dt><dd>{claimed}</dd>'
        f"<dt>Available</dt><dd><b>{text(said)}</b> in {text(window)}, {text(sample)}</dd></dl></div>"
        f'<div>{scale}<p class="ts-dim">{text(f"{policy.confidence:.0%}")} one-sided bounds, unknown time counted as '
        "down in the lower and as up in the upper one</p></div></div>"
    )


def _targets(lines: Sequence[TargetLine]) -> str:
    """What is asked, of which model, and how that went."""
    if not lines:
        return f"<h2>Targets</h2>{measured.nothing('Nothing was asked in this window.')}"
    header = ("Target", "Model", "Module", "Kind", "Access", "ok", "slow or wrong", "failed", "fault unknown",
              "not observed", "n", "Last tick (UTC)")  # fmt: skip
    rows = [
        markup.row(
            (
                one.target.rpartition("/")[2], one.model, one.module, one.kind, one.access_path,
                *map(wording.count, (one.ok, one.degraded, one.failed, one.unknown, one.not_observed)),
                wording.count(one.n), f"{one.last_tick:%d %b %H:%M:%S}",
            )
        )
        for one in lines
    ]  # fmt: skip
    size = f'<span class="ts-dim">n {len({one.target for one in lines})}</span>'
    return f"<h2>Targets and models {size}</h2>{markup.table(header, rows, 'ts-list')}"


def _blame(points: Iterable[ErrorPoint]) -> str:
    """How often each reason came in the window, and whose fault it is; '' when none did."""
    counts = by_reason(points)
    if not counts:
        return ""
    rows = []
    for one in counts:
        fault = f'<b class="ts-result ts-{_BLAME_LOOK[one.blame]}">{text(one.blame)}</b>'
        rows.append(markup.raw_row((text(one.reason), fault, text(wording.count(one.n)))))
    total = wording.count(sum(one.n for one in counts))
    head = f'<h3>Whose fault <span class="ts-dim">n {text(total)}, slow and wrong answers included</span></h3>'
    return head + markup.table(("Reason", "Blame", "n"), rows, "ts-list ts-narrow")


def _engines(lines: Sequence[EngineLine]) -> str:
    """What the engines say of themselves; '' where none is asked."""
    if not lines:
        return ""
    rows = [
        markup.row(
            (
                one.target.rpartition("/")[2],
                one.name,
                f"{one.last:.6g}",
                f"{one.mean:.6g}",
                f"{one.low:.6g} to {one.high:.6g}",
                wording.count(one.n),
                f"{one.until:%d %b %H:%M}",
            )
        )
        for one in lines
    ]
    header = ("Target", "Figure", "Last", "Mean", "Least to most", "n", "Until (UTC)")
    said = '<span class="ts-dim">closed hours; a tier does not look at them</span>'
    return f"<h2>What its engines say {said}</h2>{markup.table(header, rows, 'ts-list')}"
