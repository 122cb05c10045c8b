"""
Objectives as Prometheus rules over the agent's own metric, `touchstone_objective_events_total`; always the same bytes.

They say what `collector/judgement/burn_rate.py` calls `holds`: both windows burn on enough bad ones, and for tickets at
Wilson's bound. That bound is above a limit just when the score test says so, (share - limit) x sqrt(n) being more than
z x sqrt(limit x (1 - limit)), which PromQL can compute.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import NormalDist

from schemas.incident import Signal
from schemas.objectives import Alarm, BurnPair, Objective, windows_of

METRIC = "touchstone_objective_events_total"
LABELS = "touchstone_objective, touchstone_provider, touchstone_cluster, touchstone_target"
RECORD = "touchstone_target:objective"
INTERVAL = {Alarm.PAGE: "15s", Alarm.TICKET: "5m"}

_HEAD = f"""\
# Written by `touchstone rules`: error budgets that burn, as Prometheus sees them.
#
# They read {METRIC}, which `touchstone agent` shows at
# telemetry.prometheus_listen. They fire when ours do. What differs:
# - Clearing. An alert ends when its expression does: up to the whole short window after an outage. Ours ends when what
#   is good of late cannot be luck, and stays while nothing is known.
# - Missing data. A series that is gone resolves an alert here, and nothing with us.
# - increase() guesses what happened between a window's edge and the nearest scrape; ours counts.
# - One cause, one page: here every target alerts for itself.
"""


def prometheus_rules(objectives: Sequence[Objective]) -> str:
    """The rule file of *objectives*: recording rules of each window, one alert for each objective and alarm."""
    recorded: set[float] = set()
    parts = [_HEAD, "groups:"]
    for alarm in Alarm:
        windows = [window for window in windows_of(tuple(objectives), alarm) if window not in recorded]
        recorded.update(windows)
        alerts = [line for objective in objectives for line in _alert(objective, alarm)]
        if alerts:
            parts += [f"  - name: touchstone-objectives-{alarm}", f"    interval: {INTERVAL[alarm]}", "    rules:"]
            parts += [line for window in windows for line in _records(window)]
            parts += alerts
    return "\n".join(parts) + "\n"


def _records(window_s: float) -> Iterator[str]:
    span = _span(window_s)
    bad = f'sum by ({LABELS}) (increase({METRIC}{{touchstone_result="bad"}}[{span}]))'
    yield from _record(f"{RECORD}_bad:increase{span}", bad)
    yield from _record(f"{RECORD}_events:increase{span}", f"sum by ({LABELS}) (increase({METRIC}[{span}]))")
    yield from _record(f"{RECORD}_bad:ratio{span}", f"{RECORD}_bad:increase{span} / {RECORD}_events:increase{span}")


def _record(name: str, expression: str) -> Iterator[str]:
    yield f"      - record: {name}"
    yield f"        expr: {expression}"


def _alert(objective: Objective, alarm: Alarm) -> Iterator[str]:
    pairs = objective.burn.of(alarm)
    possible = [pair for pair in pairs if objective.bad_above(pair) < 1]
    for pair in pairs:
        if pair not in possible:
            limit = objective.bad_above(pair) * 100
            yield f"      # {objective.name}: the limit of {_span(pair.long)} is {limit:g} % bad: nothing exceeds it."
    if not possible:
        return
    signal = Signal.ERROR_BURN if objective.ttft is None else Signal.LATENCY_BURN
    what = "error" if objective.ttft is None else "latency"
    speed = "fast" if alarm is Alarm.PAGE else "slowly"
    share = "{{ $value | humanizePercentage }}"
    said = f"{{{{ $labels.touchstone_target }}}} burns its {what} budget {speed}: {share} bad"
    name = f"Touchstone{what.capitalize()}Budget{'Page' if alarm is Alarm.PAGE else 'Ticket'}"
    yield f"      - alert: {name}"
    yield "        expr: |-"
    yield from _any_of([_pair(objective, pair) for pair in possible])
    labels = f'severity: {alarm}, touchstone_signal: {signal}, touchstone_objective: "{objective.name}"'
    yield f"        labels: {{{labels}}}"
    yield f"        annotations: {{summary: {json.dumps(said)}}}"


def _any_of(several: Sequence[Iterable[str]]) -> Iterator[str]:
    for number, lines in enumerate(several):
        if number:
            yield "          or"
        yield "          ("
        yield from (f"            {line}" for line in lines)
        yield "          )"


def _pair(objective: Objective, pair: BurnPair) -> Iterator[str]:
    which = f'{{touchstone_objective="{objective.name}"}}'
    long, limit = _span(pair.long), _number(objective.bad_above(pair))
    yield f"{RECORD}_bad:ratio{_span(pair.short)}{which} > {limit}"
    yield "and"
    yield f"{RECORD}_bad:ratio{long}{which} > {limit}"
    yield "and"
    yield f"{RECORD}_bad:increase{long}{which} >= {objective.burn.bad_min}"
    if pair.alarm is Alarm.PAGE:
        return
    yield "and"
    spread = math.sqrt(objective.bad_above(pair) * (1 - objective.bad_above(pair)))
    z = NormalDist().inv_cdf(objective.burn.confidence)
    share, events = f"{RECORD}_bad:ratio{long}{which}", f"{RECORD}_events:increase{long}{which}"
    yield f"({share} - {limit}) * sqrt({events}) > {_number(z * spread)}"


def _number(value: float) -> str:
    return f"{value:.12g}"


def _span(seconds: float) -> str:
    """A duration as PromQL writes it, in the largest unit that is whole."""
    for unit, length_ms in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        if round(seconds * 1000) % length_ms == 0:
            return f"{round(seconds * 1000) // length_ms}{unit}"
    raise AssertionError(seconds)
