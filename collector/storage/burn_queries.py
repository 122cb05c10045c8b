"""
What burn rates are made of, from raw observations: one row for each target and step of age, added up here.

The same numbers as `Objective.judges` gives row by row. Parameters: at (ms; ticks before it count), windows (ms,
ascending), since (ms: at minus the longest window), the bounds of latency objectives, b0, b1, ... (ms), and spans in
which a vantage could not see anybody: blind (its name), blind_from and blind_to (ms).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from collector.judgement.blind_spans import BlindSpan
from collector.judgement.burn_rate import FIRING, BurnReading, BurnVerdict, Counts, Tally, readings
from collector.storage.client import of_ms, to_ms
from collector.storage.fact_queries import UNKNOWN
from collector.storage.first_token_sql import ANSWERED, SERVES
from schemas.config import Configuration
from schemas.objectives import LONG_KINDS, Alarm, Objective, windows_of
from schemas.tick import observation_id

IDS_MAX = 10
DOUBTFUL = FIRING | {BurnVerdict.HOLDING}  # may be over: that takes a closer look
LONG_EVERY = timedelta(minutes=5)  # between two looks at the windows of tickets

_LONG = "(" + ", ".join(f"'{kind}'" for kind in sorted(LONG_KINDS)) + ")"
_BAD_UP = f"(outcome = 'failed' AND reason NOT IN {UNKNOWN})"
_KNOWN_UP = f"(outcome IN ('ok', 'degraded') OR {_BAD_UP})"
_KNOWN_FAST = f"({ANSWERED} AND kind NOT IN {_LONG})"
_TABLE = "FROM {database}.observations"
_SEEN = """NOT arrayExists(
    (place, a, b) -> vantage = place AND tick >= fromUnixTimestamp64Milli(a) AND tick < fromUnixTimestamp64Milli(b),
    {blind:Array(String)}, {blind_from:Array(Int64)}, {blind_to:Array(Int64)})"""
_ROWS = f"""tick >= fromUnixTimestamp64Milli({{since:Int64}}) AND tick < fromUnixTimestamp64Milli({{at:Int64}})
  AND attempt = 0 AND source = 'active' AND {SERVES} AND {_SEEN}"""
_OF_SOME = f"{_ROWS} AND target IN {{targets:Array(String)}}"
# 0 for what lies in every window, 1 for what the shortest leaves out, ...
_STEP = "arrayCount(window -> {at:Int64} - toUnixTimestamp64Milli(tick) > window, {windows:Array(Int64)})"


@dataclass(frozen=True, slots=True)
class Subject:
    """A target with where it stands."""

    provider: str
    cluster: str
    target: str


Rows = Callable[..., Awaitable[Sequence[Sequence[Any]]]]


def counts_sql(bounds: int) -> str:
    """The counts of availability, and of latency under each of *bounds* bounds: target, step, then three by three."""
    columns = [_columns(_KNOWN_UP, _BAD_UP)]
    columns += [_columns(_KNOWN_FAST, _bad_fast(n)) for n in range(bounds)]
    return f"""
SELECT provider, cluster, target, {_STEP} AS step, {", ".join(columns)}
{_TABLE} WHERE {_ROWS}
GROUP BY provider, cluster, target, step ORDER BY provider, cluster, target, step"""


def _columns(known: str, bad: str) -> str:
    return f"countIf({bad}), countIf({known}), toUnixTimestamp64Milli(minIf(tick, {bad}))"


def bad_sql(bounds: int) -> str:
    """The newest bad ones of *targets*, for availability (0) and under each bound (1, 2, ...)."""
    kinds = [f"if({_BAD_UP}, 0, -1)"]
    kinds += [f"if({_bad_fast(n)}, {n + 1}, -1)" for n in range(bounds)]
    return f"""
SELECT target, arrayJoin([{", ".join(kinds)}]) AS which, vantage, kind, toUnixTimestamp64Milli(tick), reason
{_TABLE} WHERE {_OF_SOME} AND which >= 0
ORDER BY target, which, tick DESC, vantage, kind LIMIT {IDS_MAX} BY target, which"""


def runs_sql(bounds: int) -> str:
    """How many good ones each of *targets* has had since its last bad one; availability, then under each bound."""
    pairs = [(_KNOWN_UP, _BAD_UP), *((_KNOWN_FAST, _bad_fast(n)) for n in range(bounds))]
    last = ", ".join(f"maxIf(tick, {bad}) AS last{n}" for n, (_, bad) in enumerate(pairs))
    runs = ", ".join(f"countIf({known} AND tick > last{n})" for n, (known, _) in enumerate(pairs))
    newest = f"SELECT target, {last} {_TABLE} WHERE {_OF_SOME} GROUP BY target"
    # GLOBAL: asked once, not by every shard of a cluster.
    return f"""
SELECT target, {runs}
{_TABLE} GLOBAL INNER JOIN ({newest}) AS lately USING target WHERE {_OF_SOME}
GROUP BY target"""


def _bad_fast(number: int) -> str:
    return f"({_KNOWN_FAST} AND first_token_ms > {{b{number}:Float64}})"


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of every target at an instant: subject, bound in ms (None: availability), window in s."""

    windows: tuple[float, ...]
    counts: Mapping[tuple[Subject, float | None], Mapping[float, Counts]]


@dataclass(frozen=True, slots=True)
class Lately:
    """Of one target: good ones since the last bad one; of its newest bad ones the commonest reason, and their ids."""

    good_since: int | None = None
    reason: str = ""
    observations: tuple[str, ...] = ()


async def counted(
    rows: Rows, bounds_ms: Sequence[float], windows: Sequence[float], at: datetime, blind: Sequence[BlindSpan] = ()
) -> Counted:
    """What is known of every target in each of *windows* (s) that ends at *at*, without what was seen *blind*."""
    several = tuple(sorted(windows))
    found = await rows(counts_sql(len(bounds_ms)), **_parameters(bounds_ms, several, at, blind))
    return Counted(several, added_up(found, bounds_ms, several))


def added_up(
    rows: Iterable[Sequence[Any]], bounds_ms: Sequence[float], windows: Sequence[float]
) -> dict[tuple[Subject, float | None], dict[float, Counts]]:
    """Rows by step of age as counts by window: each holds what the shorter ones do."""
    steps: dict[tuple[Subject, float | None], dict[int, Counts]] = {}
    for provider, cluster, target, step, *values in rows:
        subject = Subject(provider, cluster, target)
        for number, bound in enumerate((None, *bounds_ms)):
            bad, total, first = values[3 * number : 3 * number + 3]
            steps.setdefault((subject, bound), {})[step] = Counts(bad, total, of_ms(first) if bad else None)
    return {
        key: {
            window: _sum(one for step, one in found.items() if step <= number) for number, window in enumerate(windows)
        }
        for key, found in steps.items()
    }


def _sum(several: Iterable[Counts]) -> Counts:
    bad = total = 0
    first: datetime | None = None
    for one in several:
        bad, total = bad + one.bad, total + one.total
        if one.first_bad is not None and (first is None or one.first_bad < first):
            first = one.first_bad
    return Counts(bad, total, first)


async def lately(
    rows: Rows,
    bounds_ms: Sequence[float],
    window: float,
    at: datetime,
    targets: Sequence[str],
    blind: Sequence[BlindSpan] = (),
) -> dict[tuple[str, float | None], Lately]:
    """What *window* (s) says of the newest bad ones of *targets*, by target and bound."""
    parameters = _parameters(bounds_ms, (window,), at, blind) | {"targets": list(targets)}
    del parameters["windows"]
    bounds = (None, *bounds_ms)
    reasons: dict[tuple[str, float | None], Counter[str]] = {}
    ids: dict[tuple[str, float | None], list[str]] = {}
    for target, which, vantage, kind, tick, reason in await rows(bad_sql(len(bounds_ms)), **parameters):
        key = target, bounds[which]
        reasons.setdefault(key, Counter())["slow" if which else reason] += 1
        one = observation_id(target=target, vantage=vantage, kind=kind, tick=of_ms(tick), attempt=0)
        ids.setdefault(key, []).append(str(one))
    return {
        (target, bound): Lately(run, reasons[target, bound].most_common(1)[0][0], tuple(ids[target, bound]))
        for target, *runs in await rows(runs_sql(len(bounds_ms)), **parameters)
        for bound, run in zip(bounds, runs, strict=True)
        if (target, bound) in ids
    }


def _parameters(
    bounds_ms: Sequence[float], windows: Sequence[float], at: datetime, blind: Sequence[BlindSpan]
) -> dict[str, Any]:
    return {
        "blind": [span.vantage for span in blind],
        "blind_from": [to_ms(span.start) for span in blind],
        "blind_to": [to_ms(span.end or at) for span in blind],
        "at": to_ms(at),
        "since": to_ms(at - timedelta(seconds=windows[-1])),
        "windows": [round(window * 1000) for window in windows],
        **{f"b{number}": bound for number, bound in enumerate(bounds_ms)},
    }


def tallies(
    objectives: Sequence[Objective],
    subjects: Iterable[Subject],
    several: Sequence[Counted],
    newest: Mapping[tuple[str, float | None], Lately],
) -> tuple[Tally, ...]:
    """The tally of every subject under each objective that covers it; a window is of the first of *several* with it."""
    nothing = Lately()
    return tuple(
        Tally(
            provider=subject.provider,
            cluster=subject.cluster,
            target=subject.target,
            objective=objective.name,
            windows=_windows(several, subject, bound),
            good_since=(known := newest.get((subject.target, bound), nothing)).good_since,
            reason=known.reason,
            observations=known.observations,
        )
        for subject in subjects
        for objective in objectives
        if objective.covers(subject.provider)
        for bound in (_bound_ms(objective),)
    )


def _windows(several: Sequence[Counted], subject: Subject, bound: float | None) -> dict[float, Counts]:
    found: dict[float, Counts] = {}
    for one in reversed(several):
        known = one.counts.get((subject, bound), {})
        found |= {window: known.get(window, Counts(0, 0)) for window in one.windows}
    return found


def _bound_ms(objective: Objective) -> float | None:
    return None if objective.ttft is None else objective.ttft * 1000


def bounds_of(objectives: Sequence[Objective]) -> tuple[float, ...]:
    """The bounds of the latency objectives, in ms."""
    return tuple(sorted({objective.ttft * 1000 for objective in objectives if objective.ttft is not None}))


@dataclass(slots=True)
class BurnRates:
    """
    The burn of every objective on every target of *configuration*, read from the store.

    Windows of pages are counted at every look, the longer ones of tickets every LONG_EVERY and remembered meanwhile.
    """

    rows: Rows
    configuration: Configuration
    _long: Counted | None = None
    _long_at: datetime | None = None
    _subjects: tuple[Subject, ...] = field(init=False)

    def __post_init__(self) -> None:
        places = self.configuration.fleet.places()
        self._subjects = tuple(Subject(place.provider, place.cluster, place.id) for place in places)

    async def readings(self, at: datetime, blind: Sequence[BlindSpan] = ()) -> tuple[BurnReading, ...]:
        """
        What every budget says at *at*, without what was seen *blind*; nothing without objectives.

        Raises StoreUnavailable.
        """
        objectives = self.configuration.settings.objectives
        if not objectives:
            return ()
        bounds, several = bounds_of(objectives), await self._several(objectives, at, blind)
        found = readings(tallies(objectives, self._subjects, several, {}), objectives, at)
        doubtful = sorted({one.scope.id for one in found if one.verdict in DOUBTFUL})
        if not doubtful:
            return found
        newest = await lately(self.rows, bounds, several[0].windows[-1], at, doubtful, blind)
        return readings(tallies(objectives, self._subjects, several, newest), objectives, at)

    async def _several(
        self, objectives: tuple[Objective, ...], at: datetime, blind: Sequence[BlindSpan]
    ) -> list[Counted]:
        """The counts of pages now, and of tickets as they were lately."""
        bounds = bounds_of(objectives)
        pages, tickets = windows_of(objectives, Alarm.PAGE), windows_of(objectives, Alarm.TICKET)
        several = [await counted(self.rows, bounds, pages, at, blind)] if pages else []
        if tickets and (self._long_at is None or at - self._long_at >= LONG_EVERY):
            self._long, self._long_at = await counted(self.rows, bounds, tickets, at, blind), at
        return [*several, self._long] if self._long is not None else several
