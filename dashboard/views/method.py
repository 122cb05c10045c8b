"""Can I believe this: how it is measured and judged in this deployment, with the numbers that are judged by."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from collector.judgement.tiers import RULE_VERSION, policy_hash
from collector.judgement.wording import stamp
from collector.storage.records import NotedConfiguration
from dashboard import method_markup, reader
from dashboard.pages import Pages
from schemas.config import TierPolicy
from schemas.verdict import Verdict


def show(pages: Pages) -> None:
    """Draw the page."""
    settings, health = reader.page_settings(), reader.monitor_health()
    method, policy = settings.method, settings.policy
    st.html('<h1 class="ts-title">How it is measured and judged here</h1>')
    st.html("<h2>What is asked</h2>" + method_markup.modules(method.modules, policy.confidence))
    seen = {one.vantage for one in health.vantages}
    st.html("<h2>From where</h2>" + method_markup.vantages(method.vantages, seen))
    st.html("<h2>Tiers</h2>" + method_markup.tiers(policy))
    st.html("<h2>Incidents</h2>" + method_markup.incidents(method))
    st.html("<h2>Claims</h2>" + method_markup.integrity(settings.examined_every_s, method.reply_days))
    st.html("<h2>What unknown means</h2>" + method_markup.unknown())
    st.html("<h2>Limits</h2>" + method_markup.limits(method))
    agents = ", ".join(sorted({version for one in health.vantages for version in one.versions}))
    noted = reader.noted_configuration()
    rows = (
        ("Configuration of this dashboard", method.digest),
        ("Configuration of the collector", configuration_words(method.digest, noted)),
        ("Policy of tiers", policy_words(policy, reader.latest_verdicts())),
        ("Collector", noted.version if noted else "unknown"),
        ("Agents seen within a day", agents or "unknown"),
        ("ClickHouse, schema", f"{health.engine}, {health.schema}"),
    )
    st.html("<h2>Versions</h2>" + method_markup.versions(rows))


def configuration_words(digest: str, noted: NotedConfiguration | None) -> str:
    """Whether the collector runs with the configuration that this page is drawn from."""
    if noted is None:
        return "unknown: no collector has noted one yet"
    since = f"since {stamp(noted.at)}"
    return (
        f"the same, {since}" if noted.digest == digest else f"▲ another: {noted.digest}, {since}; restart one of them"
    )


def policy_words(policy: TierPolicy, verdicts: tuple[Verdict, ...]) -> str:
    """Whether the last verdicts were given under the numbers above."""
    own = policy_hash(policy)
    others = sorted(set(_others(own, verdicts)))
    if not verdicts:
        return f"{own}, rule {RULE_VERSION}; no verdict was given yet"
    if others:
        return f"▲ {own}, rule {RULE_VERSION}; the last verdicts were given under {', '.join(others)}"
    return f"{own}, rule {RULE_VERSION}: the last verdicts were given under it"


def _others(own: str, verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    for one in verdicts:
        if (one.policy, one.rule_version) != (own, RULE_VERSION):
            yield f"{one.policy}, rule {one.rule_version}"
