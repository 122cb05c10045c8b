"""
The past of a simulated fleet: what probing it every step, and the real traffic of an application, would have left.
Every ten minutes beside it a page of each engine.

In bulk, one Arrow table per UTC day. The probes' rows do not depend on the traffic's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.observation import Outcome, Reason
from simulator.answer import RECORDED
from simulator.dice import fraction, number
from simulator.engine_load import FIGURES, EngineLoad
from simulator.history_table import arrow_table, page_table, traffic_table
from simulator.outages import DAY_S, outages
from simulator.personality import Personality
from simulator.world import TARGET, VANTAGES, Cloud, World

STEP_S = 60
TRAFFIC_STEP_S = 600  # one request of the application for each target in each of these, at any moment of it
TRAFFIC_WORDS = (8, 40)  # of its prompts
PAGE_STEP_S = 600  # a look at each engine's page
CALM = timedelta(hours=1)  # before the end nothing fails, so that nothing looks down when the live part begins
WORDS = (8, 24)
TTFT_LIMIT_MS = 2000.0
SLOW_TTFT_MS = (1050.0, 1900.0)
TTFT_SIGMA = 0.22  # of the logarithm
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Varying = npt.NDArray[np.generic]

# How a row went: outcome, reason, HTTP status; the first is fine. The code of a row is its place here.
WAYS: tuple[tuple[Outcome, Reason | None, int], ...] = (
    (Outcome.OK, None, 200),
    (Outcome.DEGRADED, Reason.SLOW, 200),
    (Outcome.DEGRADED, Reason.WRONG_CONTENT, 200),
    (Outcome.FAILED, Reason.TRUNCATED, 200),
    (Outcome.FAILED, Reason.CONNECTION_LOST, 200),
    (Outcome.FAILED, Reason.TTFT_TIMEOUT, 200),
    (Outcome.FAILED, Reason.NO_CAPACITY, 503),
    (Outcome.FAILED, Reason.HTTP_5XX, 500),
    (Outcome.FAILED, Reason.RATE_LIMITED, 429),
    (Outcome.FAILED, Reason.CONNECT_REFUSED, 0),
)
FINE, SLOW, WRONG, TRUNCATED, LOST, TIMED_OUT, UNAVAILABLE, ERROR, LIMITED, REFUSED = range(len(WAYS))
# The application that sent it holds no answer against an objective or a content check.
TRAFFIC_WAYS = tuple((Outcome.OK, None, 0) if way[0] is Outcome.DEGRADED else (way[0], way[1], 0) for way in WAYS)
_OUTAGE_WAYS = (REFUSED, UNAVAILABLE, TIMED_OUT, ERROR)  # in all but the first an engine's page can still be read
_ALONE = np.array((ERROR, LOST, UNAVAILABLE, TIMED_OUT), np.int8)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one UTC day: slots of the probes' grid, of the traffic's and of the pages', for every target."""

    day: datetime
    probes: range
    traffic: range
    pages: range
    batch_id: int
    rows: int


@dataclass(frozen=True, slots=True)
class Past:
    """The past [start, end) of *world* on a grid of *step_s*; start and end stand on the grid, which divides a day."""

    world: World
    start: datetime
    end: datetime
    step_s: int = STEP_S

    def __post_init__(self) -> None:
        assert self.start < self.end and DAY_S % self.step_s == 0, (self.start, self.end, self.step_s)

    @classmethod
    def named(cls, world: World, name: str) -> Past:
        """The past that *name* names; raises ValueError when it is none of *world*."""
        begun, _, end = name.partition("/until/")
        begun, _, start = begun.partition("/from/")
        head, _, step = begun.rpartition("/step/")
        if head != _head(world):
            raise ValueError(f"{name!r} is no past of {_head(world)}")
        return cls(world, datetime.fromisoformat(start), datetime.fromisoformat(end), int(step))

    @property
    def name(self) -> str:
        """What this past is called in the store's list of loads; says all that its rows depend on."""
        span = f"from/{self.start.isoformat()}/until/{self.end.isoformat()}"
        return f"{_head(self.world)}/step/{self.step_s}/{span}"

    def parts(self) -> tuple[Part, ...]:
        """The days, in order; together they hold every row once."""
        day, found = self.start.replace(hour=0, minute=0, second=0, microsecond=0), []
        targets = sum(len(cloud.sites) for cloud in self.world.clouds)
        while day < self.end:
            probes, traffic = self._slots(day, self.step_s), self._slots(day, TRAFFIC_STEP_S)
            pages = self._slots(day, PAGE_STEP_S)
            batch_id = number(self.world.seed, "batch", self.world.shuffle, self.name, day.date())
            rows = (len(probes) + len(traffic) + len(pages)) * targets
            found.append(Part(day, probes, traffic, pages, batch_id, rows))
            day += timedelta(days=1)
        return tuple(found)

    @property
    def rows(self) -> int:
        """How many rows the whole past has."""
        return sum(part.rows for part in self.parts())

    def table(self, part: Part, ingested_at: datetime) -> Any:
        """The pyarrow.Table of one part: the rows of probes, traffic and pages; taken in at *ingested_at* (aware)."""
        clouds = self.world.clouds
        tables = [arrow_table(self.world, self.probes(part), WAYS, part.batch_id, ingested_at)]
        if part.traffic:
            chance = self._chance("traffic", part)
            traffic, seq = _joined([self._traffic_of(cloud, part, chance) for cloud in clouds]), len(tables[0])
            tables.append(traffic_table(self.world, traffic, TRAFFIC_WAYS, part.batch_id, ingested_at, first_seq=seq))
        if part.pages:
            pages, seq = _joined([self._pages_of(cloud, part) for cloud in clouds]), sum(map(len, tables))
            tables.append(page_table(self.world, pages, WAYS, part.batch_id, ingested_at, first_seq=seq))
        return pa.concat_tables(tables).unify_dictionaries().combine_chunks()

    def probes(self, part: Part) -> dict[str, Varying]:
        """The columns of the probes' rows of one part, a cluster after the other, as history_table.py takes them."""
        chance = self._chance("rows", part)
        return _joined([self._probes_of(cloud, part, chance) for cloud in self.world.clouds])

    def _chance(self, purpose: str, part: Part) -> np.random.Generator:
        return np.random.Generator(
            np.random.PCG64(number(self.world.seed, purpose, self.world.shuffle, part.day.date()))
        )

    def _slots(self, day: datetime, step_s: int) -> range:
        """The slots of *step_s* of the day that lie wholly in the past."""
        first_s, end_s = (self.start - day).total_seconds(), (self.end - day).total_seconds()
        return range(max(0, math.ceil(first_s / step_s)), int(min(DAY_S, end_s) // step_s))

    def _probes_of(self, cloud: Cloud, part: Part, chance: np.random.Generator) -> dict[str, Varying]:
        """The columns that vary, of one provider's clusters one after another."""
        shape = (len(cloud.sites), int(DAY_S) // self.step_s)
        seconds = np.broadcast_to(np.arange(shape[1]) * float(self.step_s), shape)
        number_of = (seconds // self.step_s).astype(np.int64)
        warm = number_of % 2 == 1  # as the agent alternates: by the tick's number
        abroad = number_of // 2 % 2 == 1  # two vantages share the grid
        phases = np.array([[self._phase_ms(f"{cloud.id}/{name}/{TARGET}")] for name in cloud.clusters])
        tick_ms = (seconds * 1000).astype(np.int64) + phases
        return self._day_of(cloud, part, seconds, tick_ms, warm, abroad, part.probes, chance)

    def _traffic_of(self, cloud: Cloud, part: Part, chance: np.random.Generator) -> dict[str, Varying]:
        """The same of the application's requests, which see the other face of who has two."""
        shape = (len(cloud.sites), int(DAY_S) // TRAFFIC_STEP_S)
        seconds = (np.arange(shape[1]) + chance.random(shape)) * TRAFFIC_STEP_S
        tick_ms, warm = (seconds * 1000).astype(np.int64), np.ones(shape, np.bool_)
        here = np.zeros(shape, np.bool_)
        cloud = replace(cloud, personality=cloud.personality.towards_traffic())
        columns = self._day_of(cloud, part, seconds, tick_ms, warm, here, part.traffic, chance)
        rows = len(columns["tick_ms"])
        spans = chance.integers(1, 2**64, rows, dtype=np.uint64)
        return columns | {"span": spans, "asked": chance.integers(*TRAFFIC_WORDS, rows, endpoint=True)}

    def _pages_of(self, cloud: Cloud, part: Part) -> dict[str, Varying]:
        """The same of the engines' pages: what is on each, and nan for what is not; no chance but the engines' own."""
        shape = (len(cloud.sites), int(DAY_S) // PAGE_STEP_S)
        seconds = np.broadcast_to(np.arange(shape[1]) * float(PAGE_STEP_S), shape)
        code = self._down(cloud, part, seconds, np.zeros(shape, np.int8))
        code[code != REFUSED] = FINE
        phases = np.array([[fraction(self.world.seed, "page", cloud.id, name)] for name in cloud.clusters])
        ms = (part.day - _EPOCH) // timedelta(milliseconds=1) + ((seconds + phases * PAGE_STEP_S) * 1000).astype(
            np.int64
        )
        told = [
            EngineLoad(self.world, cloud, site).figures(at / 1000) for site, at in zip(cloud.sites, ms, strict=True)
        ]
        unknown = np.full(shape[1], np.nan)
        columns: dict[str, Varying] = {"tick_ms": ms, "code": code} | {
            name: np.stack([one.get(name, unknown) for one in told]) for name in FIGURES
        }
        kept = slice(part.pages.start, part.pages.stop)
        return {name: np.ascontiguousarray(values[:, kept]).ravel() for name, values in columns.items()}

    def _day_of(
        self,
        cloud: Cloud,
        part: Part,
        seconds: Floats,
        tick_ms: Whole,
        warm: npt.NDArray[np.bool_],
        abroad: npt.NDArray[np.bool_],
        slots: range,
        chance: np.random.Generator,
    ) -> dict[str, Varying]:
        shape = seconds.shape
        code = self._codes(cloud, part, seconds, chance)
        words = _words(cloud.personality, chance, shape)
        measured = _timings(cloud.personality, code, words, seconds, warm, chance)
        usage = np.floor(words * cloud.personality.billed_per_word + chance.random(shape)).astype(np.int64)
        day_ms = (part.day - _EPOCH) // timedelta(milliseconds=1)
        columns: dict[str, Varying] = {
            "tick_ms": day_ms + tick_ms,
            "code": code,
            "words": words,
            "billed": words if cloud.personality.billed_per_word == 1.0 else usage,
            "stopped": np.full(shape, cloud.personality.canned),
            "warm": warm,
            "abroad": abroad,
            "digest": _digests(cloud.personality, code, chance),
            **measured,
        }
        kept = slice(slots.start, slots.stop)
        return {name: np.ascontiguousarray(values[:, kept]).ravel() for name, values in columns.items()}

    def _phase_ms(self, target: str) -> int:
        """Where on the grid's step a target's ticks stand."""
        return int(fraction(self.world.seed, "phase", target) * self.step_s * 1000)

    def _codes(self, cloud: Cloud, part: Part, seconds: Floats, chance: np.random.Generator) -> Codes:
        """How each row went: what happens to single requests, the peak, and over both the outages."""
        personality, draw, which = cloud.personality, chance.random(seconds.shape), chance.random(seconds.shape)
        code = np.zeros(seconds.shape, np.int8)
        left = draw.copy()
        for share, way in (
            (personality.slow_share, SLOW),
            (personality.wrong_share, WRONG),
            (personality.truncated_share, TRUNCATED),
        ):
            code[(left >= 0) & (left < share)] = way
            left -= share
        alone = (left >= 0) & (left < personality.single_share)
        code[alone] = _ALONE[(which[alone] * len(_ALONE)).astype(np.int64)]
        if personality.peak:
            peak, hour = personality.peak, seconds // 3600
            refused = (hour >= peak.from_hour) & (hour < peak.to_hour) & (draw > 1 - peak.refused_share)
            code[refused] = np.where(which[refused] < peak.rate_limited_share, LIMITED, UNAVAILABLE)
        return self._down(cloud, part, seconds, code)

    def _down(self, cloud: Cloud, part: Part, seconds: Floats, code: Codes) -> Codes:
        """*code* with the outages over it, and the calm at the end."""
        for outage in outages(self.world, cloud, part.day):
            row = seconds[outage.cluster]
            down = (row >= outage.starts_s) & (row < outage.ends_s)
            code[outage.cluster, down] = _OUTAGE_WAYS[int(outage.way * len(_OUTAGE_WAYS))]
        calm_s = (self.end - CALM - part.day).total_seconds()
        code[(seconds >= calm_s) & (code > WRONG)] = FINE
        return code


def _joined(days: Sequence[Mapping[str, Varying]]) -> dict[str, Varying]:
    return {name: np.concatenate([day[name] for day in days]) for name in days[0]}


def _head(world: World) -> str:
    return f"simulated/pages/vantages/{len(VANTAGES)}/seed/{world.seed}/shuffle/{world.shuffle}"


def _words(personality: Personality, chance: np.random.Generator, shape: tuple[int, ...]) -> Whole:
    """The answers' lengths: what was asked for, but a recording has its own."""
    asked = chance.integers(WORDS[0], WORDS[1], shape, endpoint=True)
    return np.minimum(asked, 1 + len(RECORDED)) if personality.canned else asked


def _timings(
    personality: Personality,
    code: Codes,
    words: Whole,
    seconds: Floats,
    warm: npt.NDArray[np.bool_],
    chance: np.random.Generator,
) -> Mapping[str, Floats]:
    """The durations in ms, nan where the phase did not happen. Evenings are a little slower than mornings."""
    busy = 1 + 0.08 * np.sin(2 * np.pi * (seconds / DAY_S - 0.4))
    first = personality.ttft_ms * busy * np.exp(TTFT_SIGMA * chance.standard_normal(code.shape))
    slow = SLOW_TTFT_MS[0] + (SLOW_TTFT_MS[1] - SLOW_TTFT_MS[0]) * chance.random(code.shape)
    first = np.where(code == SLOW, slow, np.minimum(first, 900.0))
    connect = 0.2 + 0.4 * chance.random(code.shape)
    connect[(code == REFUSED) | warm] = np.nan
    gap = personality.gap_ms * (0.95 + 0.1 * chance.random(code.shape))
    halved = (code == TRUNCATED) | (code == LOST)
    last = first + gap * (np.where(halved, words // 2, words) - 1)
    tokens = (code <= WRONG) | halved
    answered = tokens | (code == UNAVAILABLE) | (code == ERROR) | (code == LIMITED)
    total = np.where(tokens, last + 1.0, np.where(code == TIMED_OUT, TTFT_LIMIT_MS, 3.0)) + np.nan_to_num(connect)
    return {
        "connect": connect,
        "first_byte": np.where(tokens, 2.0, np.where(answered, 2.5, np.nan)),
        "first_token": np.where(tokens, first, np.nan),
        "last_token": np.where(tokens, last, np.nan),
        "total": total,
        "stream_end": np.where(tokens, last + 1.0, np.nan),
        "gap": np.where(tokens, gap, np.nan),
        "gap_max": np.where(tokens, gap * 1.3, np.nan),
    }


def _digests(personality: Personality, code: Codes, chance: np.random.Generator) -> npt.NDArray[np.uint64]:
    """Eight bytes of each answer's digest; a recording's is always the same."""
    drawn = chance.integers(0, 2**64, code.shape, dtype=np.uint64)
    if not personality.canned:
        return drawn
    recorded = int.from_bytes(sha256(" ".join(RECORDED).encode()).digest()[:8], "little")
    return np.full(code.shape, recorded, np.uint64)
