"""
Does a model answer, or a recording? Two ways to see it, each replicated on two days; class A.

Different prompts: every prompt is unique, so its answer should be (repetition). The same open prompt again at
temperature 1: two honest answers of 50 tokens or more are equal with probability c, at most 1 % for a screened prompt
and 5 % for any (measured: 0.01 to 0.1 % in the mean, worst prompt 4.7 %). That some answer comes at least m times in n
has at most the probability that one of probability sqrt(c) does: five of five at c = 1 % is 1e-5.

Equal answers to one prompt are also what a cache or a temperature of 0 gives, which is no fraud. So they are a
contradiction only where the echo challenge shows that a recording answers, and noticed otherwise.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from collector.judgement.integrity.declared_events import declared
from collector.judgement.integrity.echo_challenge import Echoes, echoes_of
from collector.judgement.integrity.repetition import (
    HONEST_SHARE_MAX,
    Answers,
    Repetition,
    repetition,
    smallest_share,
)
from collector.judgement.tails import binomial_tail
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.sample import KeptSample

CHECK = "canned_answers"
REPEATED_CHECK = "repeated_prompt"
SERIES = "repeat"
ALPHA = 0.0001  # of one answer to different prompts, on an honest day
REPEATED_ALPHA = 0.001  # of equal answers to one prompt: five of five have 5.6e-4 when nobody screened it
DAYS_MIN = 2
REPEATS_MIN = 5
SCREENED_COLLISION_MAX = 0.01
COLLISION_MAX = 0.05
POWER = 0.9
LINES_MAX = 10

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "same_answer_to_different_prompts": "different prompts get one and the same answer",
        "recorded": "one prompt gets the same answer again and again, and what cannot be recorded is not answered",
        "cached": "one prompt gets the same answer again and again, but a model answers what is new",
        "answers_repeat": "one prompt gets the same answer again and again: a cache, no temperature, or a recording",
        "not_replicated": "one day shows it, which is not enough to accuse",
        "answers_differ": "answers differ as those of a model do",
        "too_few_answers": "no two days have enough answers to compare",
    }
)
ASSUMPTIONS = (
    f"no answer to a unique prompt has a probability above {HONEST_SHARE_MAX:.0%}",
    f"an honest day has the declared event with probability at most {ALPHA:g}, whatever the days before",
)
REPEATED_ASSUMPTIONS = (
    f"two honest answers to one open prompt are equal with probability at most {COLLISION_MAX:.0%}, "
    f"{SCREENED_COLLISION_MAX:.0%} for a screened prompt",
    "answers are compared whole, and have at least 50 tokens",
    f"an honest day has the declared event with probability at most {REPEATED_ALPHA:g}, whatever the days before",
)


@dataclass(frozen=True, slots=True, order=True)
class DayAnswers:
    """Digests of the answers that one target gave one vantage on one UTC day to prompts that were all different."""

    target: str
    day: date
    vantage: str
    answers: Answers


def canned_answers(subject: str, days: Sequence[DayAnswers]) -> Evidence:
    """The evidence of answers to different prompts about the target *subject*; days below 25 answers are left out."""
    tests = [(one, repetition(one.answers)) for one in sorted(days, key=_order) if one.target == subject]
    used = [(one, test) for one, test in tests if test is not None]
    blank = Evidence(
        check=CHECK,
        family=Family.IDENTITY,
        grade=Grade.CONTRADICTION,
        subject=subject,
        claim="a model answers each request",
        standing=Standing.INSUFFICIENT,
        reason="too_few_answers",
        said=REASONS["too_few_answers"],
        threshold=HONEST_SHARE_MAX,
        unit="share of the commonest answer",
        n=sum(one.answers.n for one, _ in tests),
        assumptions=ASSUMPTIONS,
    )
    all_days = {one.day for one, _ in used}
    if len(all_days) < DAYS_MIN:
        return blank
    chosen = {day: _worst_vantage([u for u in used if u[0].day == day]) for day in sorted(all_days)}
    seen = [day for day, (_, test) in chosen.items() if test.p < ALPHA]
    standing, reason = Standing.NOT_REJECTED, "answers_differ"
    if seen:
        replicated = len(seen) >= DAYS_MIN
        standing = Standing.CONTRADICTED if replicated else Standing.NOTICED
        reason = "same_answer_to_different_prompts" if replicated else "not_replicated"
    worst = max(chosen.values(), key=lambda u: (u[1].share, u[0].day))
    typical = sorted(test.n for _, test in chosen.values())[len(chosen) // 2]
    least = smallest_share(typical, alpha=ALPHA, power=math.sqrt(POWER))
    e = declared(len(seen), len(chosen), p0=ALPHA)
    return replace(
        blank,
        standing=standing,
        reason=reason,
        said=f"{REASONS[reason]}: at most {worst[1].share:.1%} of a day's are the same",
        value=worst[1].share,
        p=min(1.0, len(chosen) * min(test.p for _, test in chosen.values())),
        e=e,
        days=len(seen),
        vantages=len({one.vantage for one, test in used if test.p < ALPHA}),
        smallest=f"one recorded answer for {least:.0%} of the prompts on two days, power {POWER:g}",
        arithmetic=(
            *(
                f"{day.isoformat()} from {one.vantage}: the commonest of {test.n} came {one.answers.top_n} times, "
                f"p <= {test.p:.3g}"
                for day, (one, test) in sorted(chosen.items(), key=lambda u: (u[1][1].p, u[0]))[:LINES_MAX]
            ),
            f"p < {ALPHA:g} on {len(seen)} of {len(chosen)} days; e = {e:.4g}",
        ),
    )


def _worst_vantage(day: Sequence[tuple[DayAnswers, Repetition]]) -> tuple[DayAnswers, Repetition]:
    """The vantage of a day with the least p, which is multiplied by their number."""
    one, test = min(day, key=lambda u: (u[1].p, u[0].vantage))
    return one, replace(test, p=min(1.0, len(day) * test.p))


@dataclass(frozen=True, slots=True)
class _Repeats:
    """One prompt's answers of one day: n of them, of which top are the same. p bounds the chance of that."""

    day: date
    item: str
    n: int
    top: int
    p: float


def repeated_prompt(subject: str, samples: Sequence[KeptSample], *, screened: Collection[str] = ()) -> Evidence:
    """
    The evidence of the series `repeat`, and beside it `echo`, about the target *subject*.

    screened: the items of prompts whose honest answers are known to be equal with probability at most 1 %.
    """
    mine = [one for one in samples if one.series == SERIES and one.target == subject and one.text]
    repeats = _by_day([(one.tick.date(), one.item, one.text) for one in mine], screened)
    blank = Evidence(
        check=REPEATED_CHECK,
        family=Family.IDENTITY,
        grade=Grade.CONTRADICTION,
        subject=subject,
        claim="answers are generated by a model, if not anew each time",
        standing=Standing.INSUFFICIENT,
        reason="too_few_answers",
        said=REASONS["too_few_answers"],
        threshold=REPEATED_ALPHA,
        unit="p of the day",
        n=len(mine),
        assumptions=REPEATED_ASSUMPTIONS,
    )
    if len(repeats) < DAYS_MIN:
        return blank
    echoes = echoes_of(subject, samples)
    seen = [one for one in repeats if one.p < REPEATED_ALPHA]
    standing, reason = _repeated(len(seen), echoes)
    e = declared(len(seen) if echoes.recorded else 0, len(repeats), p0=REPEATED_ALPHA)
    worst = min(repeats, key=lambda one: (one.p, one.day))
    return replace(
        blank,
        standing=standing,
        reason=reason,
        said=f"{REASONS[reason]}; at most {worst.top} of {worst.n} answers of a day are the same",
        value=worst.p,
        p=min(1.0, len(repeats) * worst.p),
        e=e,
        days=len(seen),
        vantages=_vantages(mine, screened),
        smallest=_smallest(repeats, screened),
        arithmetic=(
            *(
                f"{one.day.isoformat()} {one.item}: {one.top} of {one.n} the same, p <= {one.p:.3g} "
                f"when two are equal with probability {_collision(one.item, screened):g}"
                for one in sorted(repeats, key=lambda one: (one.p, one.day))[:LINES_MAX]
            ),
            f"echoes: {echoes.right} of {echoes.n} right, {echoes.same} the same wrong answer (p <= {echoes.p:.3g})",
            f"p < {REPEATED_ALPHA:g} on {len(seen)} of {len(repeats)} days; counted if recorded: e = {e:.4g}",
        ),
    )


def _repeated(seen: int, echoes: Echoes) -> tuple[Standing, str]:
    if not seen:
        return Standing.NOT_REJECTED, "answers_differ"
    if echoes.recorded:
        replicated = seen >= DAYS_MIN
        return (Standing.CONTRADICTED, "recorded") if replicated else (Standing.NOTICED, "not_replicated")
    return Standing.NOTICED, "cached" if echoes.generated else "answers_repeat"


def _by_day(rows: Sequence[tuple[date, str, str]], screened: Collection[str]) -> list[_Repeats]:
    """Of each day the prompt with the most answers, if they are enough."""
    digests: defaultdict[tuple[date, str], list[str]] = defaultdict(list)
    for day, item, digest in rows:
        digests[day, item].append(digest)
    most: dict[date, _Repeats] = {}
    for (day, item), found in sorted(digests.items()):
        n = len(found)
        if n >= REPEATS_MIN and (day not in most or n > most[day].n):
            top = Counter(found).most_common(1)[0][1]
            most[day] = _Repeats(day, item, n, top, chance_of_equal(top, n, _collision(item, screened)))
    return list(most.values())


def chance_of_equal(m: int, n: int, collision: float) -> float:
    """
    A bound on the chance that some answer comes at least *m* times in *n*, when *collision* is that two are equal.

    The squared probabilities q^2 of answers sum to *collision*, and P(X >= m) / q^2 of a binomial X grows with q while
    m P(X = m) >= 2 P(X >= m), for which m (1 - r) >= 2 is enough, r = P(X = m + 1) / P(X = m) at the largest q. So one
    answer with q = sqrt(collision) is the worst case; where that is not shown, 1.
    """
    q = math.sqrt(collision)
    ratio = (n - m) / (m + 1) * q / (1 - q)
    return binomial_tail(m, n, q) if m * (1 - ratio) >= 2 else 1.0


def _collision(item: str, screened: Collection[str]) -> float:
    return SCREENED_COLLISION_MAX if item in screened else COLLISION_MAX


def _vantages(mine: Sequence[KeptSample], screened: Collection[str]) -> int:
    """How many vantages have a day of their own that shows it."""
    count = 0
    for vantage in sorted({one.vantage for one in mine}):
        rows = [(one.tick.date(), one.item, one.text) for one in mine if one.vantage == vantage]
        count += any(one.p < REPEATED_ALPHA for one in _by_day(rows, screened))
    return count


def _smallest(repeats: Sequence[_Repeats], screened: Collection[str]) -> str:
    typical = sorted(repeats, key=lambda one: one.n)[len(repeats) // 2]
    collision = _collision(typical.item, screened)
    least = next(
        (m for m in range(2, typical.n + 1) if chance_of_equal(m, typical.n, collision) < REPEATED_ALPHA), typical.n + 1
    )
    if least > typical.n:
        return f"nothing with {typical.n} answers a day to an unscreened prompt"
    return f"{least} equal answers of {typical.n} on two days, and a recording that answers the echo challenge, always"


def _order(one: DayAnswers) -> tuple[date, str, str]:
    return one.day, one.vantage, one.target
