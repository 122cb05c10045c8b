"""What a run of `touchstone up` came to: tiers against the truth, pages, and whether anything was lost or doubled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from collector.storage.clickhouse import Completeness
from probes.spool import Ledger
from probes.subjects import subjects_of
from schemas.config import Configuration
from schemas.verdict import Tier, Verdict
from touchstone.arrivals import OPENING, Arrival

WAKE_S = 1.0  # a tick this close to the end may not have been woken for


def run_report(
    verdicts: Sequence[Verdict],
    truth: Mapping[str, Tier],
    two_faced: Collection[str],
    two_faced_truth: Collection[str],
    arrivals: Sequence[Arrival],
    completeness: Sequence[Completeness],
    outcomes: Mapping[str, int],
    passive: int,
    ledger: Ledger,
    expected: Mapping[str, int],
) -> dict[str, Any]:
    """
    The document that `up --json` prints; *expected* is the number of ticks per subject key.

    *two_faced* are the providers shown to treat probes better than traffic; *passive* counts the rows of real traffic.
    """
    given = {verdict.provider: verdict for verdict in verdicts}
    stored = {f"{one.target}|{one.module}": one for one in completeness}
    missing = sum(max(0, n - (stored[key].ticks if key in stored else 0)) for key, n in expected.items())
    rows, double = sum(one.rows for one in completeness), sum(one.double for one in completeness)
    return {
        "providers": [
            {
                "id": provider,
                "tier": given[provider].tier if provider in given else Tier.UNRATED,
                "truth": truth[provider],
                "probes_treated_better": provider in two_faced,
                "probes_treated_better_truth": provider in two_faced_truth,
                "reasons": list(given[provider].reasons) if provider in given else [],
            }
            for provider in sorted(truth)
        ],
        "pages": pages_of(arrivals),
        "observations": rows - double,
        "passive": passive,
        "lost": max(missing, ledger.spooled - (rows - double)),
        "double": double,
        "not_observed": outcomes.get("not_observed", 0),
    }


def pages_of(arrivals: Sequence[Arrival]) -> list[dict[str, Any]]:
    """Every opening page that arrived, one line each, but a promotion takes the place of what it promoted."""
    openings: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        if arrival.change == "promoted":
            openings[arrival.incident] = [arrival]
        elif arrival.change in OPENING:
            openings.setdefault(arrival.incident, []).append(arrival)
    return [
        {
            "incident": one.incident,
            "provider": one.provider,
            "signal": one.signal,
            "severity": one.severity,
            "failed_at": one.failed_at.isoformat(),
            "delivered_at": one.received_at.isoformat(),
            "after_s": one.after_s,
        }
        for one in sorted((a for several in openings.values() for a in several), key=lambda a: a.received_at)
    ]


def expected_ticks(
    configuration: Configuration, completeness: Sequence[Completeness], stopped_at: datetime
) -> dict[str, int]:
    """How many ticks each subject's grid holds from the first tick stored until the agent was told to stop."""
    settings = configuration.settings
    first = min((one.first for one in completeness), default=stopped_at)
    end = stopped_at - timedelta(seconds=WAKE_S)
    before = first - timedelta(milliseconds=1)
    return {
        subject.key: sum(1 for _ in subject.grid.between(before, end))
        for subject in subjects_of(
            configuration.fleet, settings.modules, settings.vantage.name, settings.integrity.secret
        )
    }
