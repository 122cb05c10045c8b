"""
Trials of what is said of answers: recordings, echoes, caches, conformance; and of clients that may be treated worse.

Two honest answers to one open prompt are equal with probability 0.01 to 0.1 % in the mean and 4.7 % for the worst
prompt that was recorded; the worst world below has 4.7 % for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np

from bench.integrity.trial import Honest, Lie, Trials
from collector.judgement.double_standard import FailureStratum, Logs, TtftStratum
from collector.judgement.integrity.cache_timing import HIT, MISS, cache_timing
from collector.judgement.integrity.canned_answers import DAYS_MIN, DayAnswers, canned_answers, repeated_prompt
from collector.judgement.integrity.conformance import conformance
from collector.judgement.integrity.repetition import Answers
from collector.judgement.integrity.treatment import Groups, Strata, treatment
from schemas.evidence import Evidence, Standing
from schemas.sample import KeptSample

TARGET = "p/c/t"
PLACE = ("p", "p/c", TARGET)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, DAYS_MAX = 30, 60
ANSWERS = 200  # of a day, to unique prompts
REPEATS, ECHOES = 24, 4  # of a day
ECHOES_RIGHT = 0.95
WORST_COLLISION = 0.047
COMMONEST = 0.04  # share of the commonest answer where answers are very short
RECORDING = "0" * 16
TIMES = 250  # of each arm
TTFT_MS, SPREAD = 300.0, 0.35  # median and log SD of a time to first token
CONFIDENCE = 0.95
BLOCKS, ASKED = 56, 20  # two weeks of 6 hours, requests of a block and group
PROMPT_TOKENS, ANSWER_TOKENS, CACHE_TOKENS = 60, 80, 5000


def days_of(chance: np.random.Generator, commonest: float, days: int = DAYS, n: int = ANSWERS) -> list[DayAnswers]:
    """Days of answers to unique prompts, of which one answer comes with probability *commonest*, the others once."""
    tops = np.maximum(chance.binomial(n, commonest, days), 1)
    return [
        DayAnswers(TARGET, (BEGAN + timedelta(days=day)).date(), "ab"[day % 2], Answers(n, n - int(top) + 1, int(top)))
        for day, top in enumerate(tops)
    ]


def repeats_of(
    chance: np.random.Generator,
    *,
    same: float,
    wrong: float | None = None,
    days: int = DAYS,
    n: int = REPEATS,
    echoes: int = ECHOES,
) -> list[KeptSample]:
    """
    One open prompt a day asked *n* times, and *echoes* challenges.

    same: share of the answers that are one and the same. wrong: share of the challenges that get it too, None when a
    model answers them all.
    """
    kept = []
    for day in range(days):
        tick, item = BEGAN + timedelta(days=day), f"set:{day:03}"
        recorded, other = chance.random(n) < same, chance.integers(2**62, size=n).tolist()
        digests = [RECORDING if one else f"{number:016x}" for one, number in zip(recorded, other, strict=True)]
        kept += [KeptSample(tick, *PLACE, "ab"[at % 2], "repeat", item, 400.0, d) for at, d in enumerate(digests)]
        played, right = chance.random(echoes) < (wrong or 0.0), chance.random(echoes) < ECHOES_RIGHT
        for at in range(echoes):
            good = bool(right[at] and not played[at])
            text = "Thank you for asking." if played[at] else f"code {chance.integers(10**9)}"
            kept.append(KeptSample(tick, *PLACE, "ab"[at % 2], "echo", f"{day}-{at}", float(good), text))
    return kept


def times_of(
    chance: np.random.Generator, saved_ms: float, n: int = TIMES, *, drift: float = 0.0, told: str = ""
) -> list[KeptSample]:
    """*n* times of either arm, interleaved at random; a hit is *saved_ms* faster, the log drifts by *drift*."""
    hit = chance.permutation(np.arange(2 * n) < n)
    times = TTFT_MS * np.exp(SPREAD * chance.normal(size=2 * n) + drift * np.linspace(0, 1, 2 * n))
    times = np.maximum(times - saved_ms * hit, 1.0)
    return [
        KeptSample(BEGAN + timedelta(minutes=at), *PLACE, "a", "cache", HIT if one else MISS, ms, told if one else "")
        for at, (one, ms) in enumerate(zip(hit.tolist(), times.tolist(), strict=True))
    ]


def groups_of(chance: np.random.Generator, worse: float, *, down: float = 0.0, crowd: int = 1) -> Strata:
    """
    What both groups saw, of which the second fails *worse* more often.

    down: share of the blocks in which half of all requests fail and first tokens come twice as late, whoever asks;
    there the second group asks *crowd* times as often as elsewhere.
    """
    bad = chance.random(BLOCKS) < down
    n = np.stack([np.full(BLOCKS, ASKED), np.where(bad, crowd * ASKED, ASKED)])
    failed = chance.binomial(n, np.minimum(0.01 + 0.5 * bad + np.array([[0.0], [worse]]), 1.0))
    return Strata(
        tuple(FailureStratum(*one) for one in np.stack([n[0], failed[0], n[1], failed[1]], axis=1).tolist()),
        tuple(
            TtftStratum(logs_of(chance, ours, slow), logs_of(chance, theirs, slow))
            for ours, theirs, slow in zip(*n.tolist(), (1.0 + bad).tolist(), strict=True)
        ),
    )


def logs_of(chance: np.random.Generator, n: int, slow: float) -> Logs:
    """The sums of *n* times to first token that are *slow* times as long as usual."""
    logs = math.log(TTFT_MS * slow) + SPREAD * chance.normal(size=n)
    return Logs(n, float(logs.sum()), float((logs**2).sum()))


def contradicted(evidence: Evidence) -> bool:
    """Whether the claim is."""
    return evidence.standing is Standing.CONTRADICTED


def noticed(evidence: Evidence) -> bool:
    """Whether it is said at all, of checks that accuse nobody."""
    return evidence.standing is Standing.NOTICED


def first_day(judge: Callable[[int], Evidence]) -> int | None:
    """The first day, from 1, on which *judge*, given so many days, contradicts."""
    return next((day for day in range(DAYS_MIN, DAYS_MAX + 1) if contradicted(judge(day))), None)


def canned_day(chance: np.random.Generator, share: float) -> int | None:
    """On which day a recording for *share* of the prompts is found."""
    days = days_of(chance, share, DAYS_MAX)
    return first_day(lambda n: canned_answers(TARGET, days[:n]))


def recorded_day(chance: np.random.Generator, share: float) -> int | None:
    """On which day a recording that answers *share* of everything is found."""
    samples = repeats_of(chance, same=share, wrong=share, days=DAYS_MAX)
    a_day = REPEATS + ECHOES
    return first_day(lambda n: repeated_prompt(TARGET, samples[: n * a_day]))


def recorded(chance: np.random.Generator, share: float, requests: int) -> bool:
    """Whether *requests*, half of them echo challenges, over two days find it."""
    n = max(requests // (2 * DAYS_MIN), 1)
    return contradicted(
        repeated_prompt(TARGET, repeats_of(chance, same=share, wrong=share, days=DAYS_MIN, n=n, echoes=n))
    )


def short_answers(chance: np.random.Generator) -> Evidence:
    """Answers of a word or two: of each day one in 25 is the commonest."""
    return canned_answers(TARGET, days_of(chance, COMMONEST))


def of_repeats(same: float) -> Callable[[np.random.Generator], Evidence]:
    """A month of repeated prompts that a model answers, *same* of them alike."""
    return lambda chance: repeated_prompt(TARGET, repeats_of(chance, same=same))


def of_times(saved_ms: float, *, drift: float = 0.0, told: str = "") -> Callable[[np.random.Generator], Evidence]:
    """An audit of a cache that saves so much."""
    return lambda chance: cache_timing(TARGET, times_of(chance, saved_ms, drift=drift, told=told))


def of_calls(share: float, n: int = 600) -> Callable[[np.random.Generator], Evidence]:
    """A month of tool calls, *share* of them invalid."""
    return lambda chance: conformance(TARGET, "tool_call", n=n, invalid=int(chance.binomial(n, share)))


def of_groups(
    groups: Groups, worse: float, *, down: float = 0.0, crowd: int = 1
) -> Callable[[np.random.Generator], Evidence]:
    """Two weeks of both groups."""
    return lambda chance: treatment(
        "p", groups, groups_of(chance, worse, down=down, crowd=crowd), confidence=CONFIDENCE
    )


def invalid_found(chance: np.random.Generator, size: float, n: int) -> bool:
    """Whether *n* calls with *size* % invalid show it."""
    return contradicted(conformance(TARGET, "tool_call", n=n, invalid=int(chance.binomial(n, size / 100))))


def worse_found(groups: Groups, chance: np.random.Generator, size: float, _: int) -> bool:
    """Whether *size* points more failures of the second group are noticed in two weeks."""
    return noticed(of_groups(groups, size / 100)(chance))


TRIALS: tuple[Trials, ...] = (
    Trials(
        check="canned_answers",
        honest=(
            Honest("every answer another", lambda chance: canned_answers(TARGET, days_of(chance, 0.0))),
            Honest("short answers that collide", short_answers),
            Honest("25 answers a day", lambda chance: canned_answers(TARGET, days_of(chance, COMMONEST, n=25))),
        ),
        lies=(
            Lie(
                name="one recorded answer",
                unit="% of the prompts",
                sizes=(10.0, 15.0, 20.0, 30.0, 50.0, 100.0),
                requests=(50, 100, 200, 400),
                found=lambda chance, size, n: contradicted(
                    canned_answers(TARGET, days_of(chance, size / 100, DAYS_MIN, n // DAYS_MIN))
                ),
                days=lambda chance, size: canned_day(chance, size / 100),
                tokens_per_request=PROMPT_TOKENS + ANSWER_TOKENS,
            ),
        ),
    ),
    Trials(
        check="repeated_prompt",
        honest=(
            Honest("answers differ", of_repeats(math.sqrt(0.001))),
            Honest("every prompt as bad as the worst", of_repeats(math.sqrt(WORST_COLLISION))),
            Honest("a cache of answers", of_repeats(1.0)),
            Honest("the temperature is 0 for four of five", of_repeats(0.8)),
        ),
        lies=(
            Lie(
                name="a recording answers",
                unit="% of the requests",
                sizes=(20.0, 30.0, 50.0, 80.0, 100.0),
                requests=(20, 40, 100, 200),
                found=lambda chance, size, n: recorded(chance, size / 100, n),
                days=lambda chance, size: recorded_day(chance, size / 100),
                tokens_per_request=PROMPT_TOKENS + ANSWER_TOKENS,
            ),
        ),
    ),
    Trials(
        check="cache_timing",
        honest=(
            Honest("no cache", of_times(0.0)),
            Honest("no cache, twice as slow at the end", of_times(0.0, drift=math.log(2))),
            Honest("a cache that the usage tells", of_times(150.0, told="4864")),
        ),
        lies=(
            Lie(
                name="a cache that is billed in full",
                unit="ms saved of 300",
                sizes=(30.0, 60.0, 100.0, 200.0),
                requests=(50, 100, 200, 500),
                found=lambda chance, size, n: noticed(cache_timing(TARGET, times_of(chance, size, n // 2))),
                tokens_per_request=CACHE_TOKENS,
            ),
        ),
    ),
    Trials(
        check="conformance_tool_call",
        honest=(Honest("half of the limit", of_calls(0.005)), Honest("at the limit", of_calls(0.01))),
        lies=(
            Lie(
                name="invalid calls",
                unit="%",
                sizes=(2.0, 3.0, 5.0, 10.0),
                requests=(65, 210, 590, 1800),
                found=invalid_found,
                tokens_per_request=PROMPT_TOKENS + ANSWER_TOKENS,
            ),
        ),
    ),
    *(
        Trials(
            check=f"treatment_{groups}",
            honest=(
                Honest("treated alike", of_groups(groups, 0.0)),
                Honest("treated alike through outages", of_groups(groups, 0.0, down=0.03)),
                Honest("most of the others ask when all fare badly", of_groups(groups, 0.0, down=0.2, crowd=10)),
            ),
            lies=(
                Lie(
                    name=name,
                    unit="points",
                    sizes=(1.0, 2.0, 3.0, 5.0),
                    requests=(2 * BLOCKS * ASKED,),
                    found=partial(worse_found, groups),
                    tokens_per_request=PROMPT_TOKENS + ANSWER_TOKENS,
                ),
            ),
        )
        for groups, name in (
            (Groups.PROBES_AND_TRAFFIC, "traffic fails more"),
            (Groups.KNOWN_AND_FRESH, "fresh accounts fail more"),
        )
    ),
)
