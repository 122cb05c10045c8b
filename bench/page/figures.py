"""What was played becomes figures, whether each aim is reached, and the plot. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.chart import Panel
from bench.page.cases import Case
from bench.page.house import OURS, OURS_OF_THREE
from bench.page.peer_side import BRISK, DEFAULT, TUNED
from bench.page.rows import Heard, RowRule, Values
from bench.page.trial import Told
from bench.results import Figure
from bench.spread import percentile

NAMES: Mapping[str, str] = {
    OURS: "ours", OURS_OF_THREE: "ours, three vantages", TUNED: "Alertmanager, tuned",
    DEFAULT: "Alertmanager, defaults", BRISK: "Alertmanager, tuned, 10s",
}  # fmt: skip
X_TICKS = (1, 2, 5, 10, 20, 50, 100, 200)
# Sides that are compared: ours, the peer, what the rows' names end in, and the median page that is aimed at.
COMPARED = (
    (OURS, TUNED, "", 4.0),
    (OURS, DEFAULT, "_beside_defaults", 4.0),
    (OURS_OF_THREE, TUNED, "_three_vantages", 2.5),
)
RESOLVE_S = 15.0  # of the median resolve


@dataclass(slots=True)
class Played:
    """All that a run gave: *outages* by side, *heard* by case and side."""

    cases: Sequence[Case]
    outages: Mapping[str, Told] = field(default_factory=dict)
    heard: Mapping[str, Mapping[str, Heard]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure with its aim; *reached* None where there is none. *missing*: messages of ours, and of the peer's."""

    figure: Figure
    aim: str
    reached: bool | None
    missing: tuple[int, int]


def rows_of(played: Played) -> dict[str, Row]:
    """Every row by its name, in the order of the table."""
    found = _outage_rows(played.outages)
    for case in played.cases:
        for rule in case.rows:
            found[rule.name] = _case_row(rule, case, played.heard.get(case.name, {}))
    return found


def _outage_rows(outages: Mapping[str, Told]) -> dict[str, Row]:
    found = dict[str, Row]()
    for side, peer, suffix, page_s in COMPARED:
        if (ours := outages.get(side)) is None or (peer == DEFAULT and peer not in outages):
            continue
        theirs = outages.get(peer, Told(ours.outages, {}, {}, 0, 0))
        pages = ours.page_s, theirs.page_s, ours.outages, peer
        resolves = ours.resolve_s, theirs.resolve_s, ours.outages, peer
        found[f"page_median_s{suffix}"] = _timed(*pages, 0.5, page_s)
        if not suffix:
            found["page_p90_s"] = _timed(*pages, 0.9, None)
        found[f"resolve_median_s{suffix}"] = _timed(*resolves, 0.5, RESOLVE_S)
    return found


def _timed(
    ours: Mapping[str, float], theirs: Mapping[str, float], of: int, peer: str, share: float, bound: float | None
) -> Row:
    value, values = _at_share(ours, share), list(ours.values())
    one = Figure(
        ours=value, unit="s", peer=_at_share(theirs, share), peer_name=NAMES[peer] if theirs else None, n=of,
        low=min(values, default=None), high=max(values, default=None),
    )  # fmt: skip
    missing = of - len(ours), of - len(theirs) if theirs else 0
    reached = None if bound is None else value is not None and value <= bound and not missing[0]
    return Row(one, "" if bound is None else f"<= {bound:g}", reached, missing)


def _at_share(seconds: Mapping[str, float], share: float) -> float | None:
    values = list(seconds.values())
    if not values:
        return None
    return median(values) if share == 0.5 else percentile(values, share)


def _case_row(rule: RowRule, case: Case, heard: Mapping[str, Heard]) -> Row:
    ours = rule.rule(heard[OURS]) if OURS in heard else None
    theirs = rule.rule(heard[TUNED]) if rule.peers and TUNED in heard else None
    one = Figure(
        ours=ours.median if ours else None,
        unit=rule.unit,
        peer=theirs.median if theirs else None,
        peer_name=NAMES[TUNED] if theirs else None,
        n=case.subjects if ours else 0,
        low=min(ours.values, default=None) if ours else None,
        high=max(ours.values, default=None) if ours else None,
    )
    reached = rule.reached(ours or Values(()))
    return Row(one, aim_of(rule), reached, (ours.missing if ours else 0, theirs.missing if theirs else 0))


def aim_of(rule: RowRule) -> str:
    """What is aimed at, in signs."""
    if rule.bound is None:
        return ""
    sign = "=" if rule.exactly else ">=" if rule.at_least else "<="
    return f"{sign} {rule.bound:g}"


def sides_of(played: Played) -> dict[str, Any]:
    """What each side told of the outages: the spread of its seconds, and what it told that was not so."""
    return {
        NAMES[side]: {
            "page_s": _distribution(list(told.page_s.values())),
            "resolve_s": _distribution(list(told.resolve_s.values())),
            "false_resolves": told.false_resolves,
            "about_nothing": told.others,
        }
        for side, told in played.outages.items()
    }


def _distribution(values: Sequence[float]) -> dict[str, float | int] | None:
    if not values:
        return None
    whole = {
        "median": median(values), "min": min(values), "p90": percentile(values, 0.9), "max": max(values),
    }  # fmt: skip
    return {name: round(value, 3) for name, value in whole.items()} | {"n": len(values)}


def details_of(played: Played) -> dict[str, Any]:
    """Every value behind a row of the gauntlet, by row and side."""
    return {
        rule.name: {
            NAMES[side]: {"values": [round(value, 3) for value in found.values], "missing": found.missing}
            for side, heard in played.heard.get(case.name, {}).items()
            if (side == OURS or rule.peers) and (found := rule.rule(heard))
        }
        for case in played.cases
        for rule in case.rows
    }


def panels_of(played: Played) -> list[Panel]:
    """How many of the outages each side had told of, so long after the fault and after the recovery."""
    told = played.outages.items()
    return [
        _panel("Failure to page", "s after the fault", {NAMES[side]: (one.outages, one.page_s) for side, one in told}),
        _panel(
            "Recovery to resolve", "s after the recovery",
            {NAMES[side]: (one.outages, one.resolve_s) for side, one in told},
        ),
    ]  # fmt: skip


def _panel(title: str, x_label: str, sides: Mapping[str, tuple[int, Mapping[str, float]]]) -> Panel:
    series = {
        name: [(at_s, 100 * place / outages) for place, at_s in enumerate(sorted(seconds.values()), 1)]
        for name, (outages, seconds) in sides.items()
    }
    return Panel(title, x_label, "% of the outages told", series, x_ticks=X_TICKS, y_linear=True)
