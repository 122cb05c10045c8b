"""
What the judge knows of a simulated past, folded from its columns in memory: a thousand months need no store.

A test holds it to what the real store makes of the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from collector.judgement.charged_incidents import Charged, IncidentRecord
from collector.judgement.facts import HISTOGRAM_BASE, HISTOGRAM_FLOOR_MS, ProviderFacts
from collector.judgement.integrity.canned_answers import DayAnswers
from collector.judgement.integrity.repetition import Answers
from collector.judgement.integrity.subject import Subject
from collector.judgement.integrity.token_arithmetic import SHORT_TOKENS
from collector.judgement.integrity.token_facts import Bills, Side, TokenSums
from collector.storage.fact_queries import facts_of
from schemas.fleet import Claims
from schemas.incident import Level
from schemas.observation import BLAME, Blame, Outcome
from simulator.history import WAYS, Past
from simulator.world import MODEL, TARGET, VANTAGES

BLOCK = timedelta(hours=6)
BLOCKS_A_DAY = timedelta(days=1) // BLOCK
BUCKETS = 700  # of times to first token: up to 10 s
KIND = "chat_stream"
CONNECTIONS = ("cold", "warm")

Whole = npt.NDArray[np.int64]
_FREE = {Blame.CALLER, Blame.UNKNOWN}
_SORTS = ("ok", "degraded", "failed", "unknown")  # as the judge's blocks count
_SORT_OF = np.array(
    [
        {Outcome.OK: 0, Outcome.DEGRADED: 1}.get(outcome, 3 if reason and BLAME[reason] in _FREE else 2)
        for outcome, reason, _ in WAYS
    ]
)


@dataclass(slots=True)
class Fold:
    """
    The days of *past* that were taken in.

    names: provider, cluster and model of every cluster of its world, in the order of the columns' rows.
    """

    past: Past
    names: tuple[tuple[str, str, str], ...]
    days: list[_Day] = field(default_factory=list)

    @classmethod
    def of(cls, past: Past) -> Fold:
        """Nothing of *past* yet."""
        clouds = past.world.clouds
        return cls(past, tuple((one.id, f"{one.id}/{site.name}", MODEL) for one in clouds for site in one.sites))

    def take(self, number: int) -> None:
        """Take in the day *number*, from 0."""
        part = self.past.parts()[number]
        self.days.append(_Day.of(part.day, self.past.probes(part), len(self.names)))

    def facts(self) -> dict[str, ProviderFacts]:
        """The facts of every provider over all days that were taken in."""
        return facts_of(self._blocks(), self._reasons(), self._latency())

    def _blocks(self) -> Iterator[tuple[Any, ...]]:
        for place, name in enumerate(self.names):
            for day in self.days:
                for number in range(BLOCKS_A_DAY):
                    counts = day.sorts[place, number].tolist()
                    first, last = day.span_ms[place, number].tolist()
                    start = int((day.begins + BLOCK * number).timestamp())
                    yield (*name, start, *counts, 0, first, last)

    def _reasons(self) -> Iterator[tuple[Any, ...]]:
        total = sum(day.ways for day in self.days)
        for place, way in zip(*np.nonzero(total), strict=True):
            reason = WAYS[way][1]
            if reason is not None:
                yield (*self.names[place], reason, int(total[place, way]))

    def _latency(self) -> Iterator[tuple[Any, ...]]:
        total = sum(day.buckets for day in self.days)
        for place, connection, bucket in zip(*np.nonzero(total), strict=True):
            n = int(total[place, connection, bucket])
            yield (*self.names[place], CONNECTIONS[connection], int(bucket), n)

    def record(self, provider: str) -> IncidentRecord:
        """What the judge would have written of *provider*: who is down at several ticks in a row is an incident."""
        places = [place for place, name in enumerate(self.names) if name[0] == provider]
        failing = np.concatenate([day.failing[places] for day in self.days], axis=1)
        down = _down(failing)
        wide = _down(2 * down.sum(axis=0) >= len(places)) & (down.sum(axis=0) >= min(2, len(places)))
        step_s = BLOCK.total_seconds() * BLOCKS_A_DAY / self.days[0].failing.shape[1]
        apart = [(provider, wide), *((self.names[place][1], down[row]) for row, place in enumerate(places))]
        begins = self.days[0].begins
        found = []
        for scope, ticks in apart:
            level = Level.PROVIDER if scope == provider else Level.CLUSTER
            for first, after in _runs(ticks):
                if level is Level.CLUSTER and wide[first:after].any():
                    continue  # part of the wider one
                ended = begins + timedelta(seconds=after * step_s)
                id = f"{scope}@{first}"
                found.append(Charged(id, level, scope, ended, (after - first) * step_s))
        judged = frozenset(day.begins + BLOCK * number for day in self.days for number in range(BLOCKS_A_DAY))
        return IncidentRecord(begins, judged, tuple(found))

    def subjects(self) -> Iterator[Subject]:
        """Every target with the bills and the answers of all days; the others' bills beside, as the judge has them."""
        several = [
            Bills(f"{name[1]}/{TARGET}", tuple(one for day in self.days for one in self._sums(day, place)))
            for place, name in enumerate(self.names)
        ]
        for place, (provider, cluster, model) in enumerate(self.names):
            yield Subject(
                target=several[place].target,
                cluster=cluster,
                provider=provider,
                model=model,
                claims=Claims(),
                tokens=several[place].rows,
                peers=tuple(one for one, name in zip(several, self.names, strict=True) if name[0] != provider),
                answers=tuple(one for day in self.days for one in self._answers(day, place)),
                conformed={},
                vantages={},
            )

    def _sums(self, day: _Day, place: int) -> Iterator[TokenSums]:
        target = f"{self.names[place][1]}/{TARGET}"
        for vantage, name in enumerate(VANTAGES):
            for short in (0, 1):
                n, *sums = day.sums[place, vantage, short].tolist()
                if n:
                    yield TokenSums(target, day.date, name, KIND, Side.COMPLETION, True, n, n, *sums, 0, 0, 0)

    def _answers(self, day: _Day, place: int) -> Iterator[DayAnswers]:
        target = f"{self.names[place][1]}/{TARGET}"
        for name in sorted(VANTAGES):
            vantage = VANTAGES.index(name)
            n, distinct, top = day.answers[place, vantage].tolist()
            if n:
                yield DayAnswers(target, day.date, name, Answers(n, distinct, top))


@dataclass(frozen=True, slots=True)
class _Day:
    """
    One UTC day by place. failing: (place, tick). sorts: (place, block, sort); span_ms: first and last tick of these.

    ways: (place, way). buckets: (place, connection, bucket). sums: (place, vantage, short or not, [n, x, y, xx, xy,
    yy]). answers: (place, vantage, [n, distinct, most of one]).
    """

    begins: datetime
    failing: npt.NDArray[np.bool_]
    sorts: Whole
    span_ms: Whole
    ways: Whole
    buckets: Whole
    sums: Whole
    answers: Whole

    @property
    def date(self) -> date:
        """The day."""
        return self.begins.date()

    @classmethod
    def of(cls, begins: datetime, columns: dict[str, npt.NDArray[Any]], places: int) -> _Day:
        """A whole day's *columns*, as many rows for each of *places*."""
        code = columns["code"].reshape(places, BLOCKS_A_DAY, -1).astype(np.int64)
        tick_ms = columns["tick_ms"].reshape(code.shape)
        place = np.repeat(np.arange(places), code[0].size)
        flat, answered = code.ravel(), _SORT_OF[code.ravel()] < 2
        vantage = columns["abroad"].astype(np.int64)
        return cls(
            begins=begins,
            failing=_SORT_OF[code.reshape(places, -1)] == _SORTS.index("failed"),
            sorts=np.stack([(_SORT_OF[code] == sort).sum(-1) for sort in range(len(_SORTS))], axis=-1),
            span_ms=np.stack([tick_ms.min(-1), tick_ms.max(-1)], axis=-1),
            ways=_counted(place * len(WAYS) + flat, (places, len(WAYS))),
            buckets=_buckets(columns, place, answered, places),
            sums=_sums(columns, (place * 2 + vantage)[answered], answered, places),
            answers=_answers(columns["digest"], place * 2 + vantage, answered, places),
        )


def _runs(ticks: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where *ticks* hold: the first of each run, and the first after it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ticks, [False]]).astype(np.int8)))
    return [(int(first), int(after)) for first, after in edges.reshape(-1, 2)]


def _down(failing: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Ticks (the last axis) that fail beside another: what fails alone answers when it is asked again."""
    beside = np.zeros_like(failing)
    beside[..., 1:] |= failing[..., :-1]
    beside[..., :-1] |= failing[..., 1:]
    return failing & beside


def _counted(index: Whole, shape: tuple[int, ...]) -> Whole:
    return np.bincount(index, minlength=int(np.prod(shape))).reshape(shape)


def _buckets(columns: dict[str, npt.NDArray[Any]], place: Whole, answered: npt.NDArray[np.bool_], places: int) -> Whole:
    """Times to first token in the judge's log buckets, of the precision that the store keeps."""
    kept = columns["first_token"][answered].astype(np.float32).astype(np.float64)
    logs = np.log(np.maximum(kept, HISTOGRAM_FLOOR_MS)) / np.log(HISTOGRAM_BASE)
    bucket = np.minimum(np.ceil(logs).astype(np.int64), BUCKETS - 1)
    where = place[answered] * 2 + columns["warm"][answered]
    return _counted(where * BUCKETS + bucket, (places, 2, BUCKETS))


def _sums(columns: dict[str, npt.NDArray[Any]], where: Whole, answered: npt.NDArray[np.bool_], places: int) -> Whole:
    x, y = (columns[name][answered].astype(np.int64) for name in ("words", "billed"))
    index = where * 2 + (x <= SHORT_TOKENS)
    several = [np.ones_like(x), x, y, x * x, x * y, y * y]
    sums = [np.bincount(index, one, minlength=places * 4).astype(np.int64) for one in several]
    return np.stack(sums, axis=-1).reshape(places, 2, 2, len(sums))


def _answers(digest: npt.NDArray[Any], where: Whole, answered: npt.NDArray[np.bool_], places: int) -> Whole:
    """How many answers, how many different ones, and how often the commonest came."""
    found = np.zeros((places * 2, 3), np.int64)
    place, digests = where[answered], digest[answered]
    order = np.lexsort((digests, place))
    place, digests = place[order], digests[order]
    new = np.ones(len(place), np.bool_)
    new[1:] = (place[1:] != place[:-1]) | (digests[1:] != digests[:-1])
    begins = np.flatnonzero(new)
    runs = np.diff(np.append(begins, len(place)))
    found[:, 0] = np.bincount(place, minlength=places * 2)
    found[:, 1] = np.bincount(place[begins], minlength=places * 2)
    np.maximum.at(found[:, 2], place[begins], runs)
    return found.reshape(places, 2, 3)
