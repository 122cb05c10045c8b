"""
Is it the model of last week? Log-probabilities of the first token, where they are offered. Class C: a date.

S = mean over tokens of |difference of mean logprob| between a day's answers and those of the five days that end five
days before (arXiv 2512.03816), held to its own past (persistence.py). These five move with the day: from a frozen
reference an honest endpoint drifts away. Another endpoint is none either, its arithmetic is another one. Days are not
permuted against each other: neighbours are alike on honest endpoints too, and over a hundred tokens that little
likeness is significant. A change accuses nobody: a new version is one, too.

A list ends with its least logprob, and a token that is missing has at most that one (left-censored). So each token
counts with the least difference that the lists allow, which a shorter list never makes larger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import fmean

from collector.judgement.integrity.persistence import (
    LEFT_OUT_DAYS,
    REFERENCE_DAYS,
    STEADY,
    Day,
    Watched,
    events,
    held,
    judged,
)
from schemas.evidence import Evidence
from schemas.sample import KeptSample

SERIES = "logprob"
NOT_OFFERED_SERIES = "logprob_not_offered"
ANSWERS_MIN = 3  # of a day

WATCHED = Watched(
    check="logprobs",
    claim="the model has not changed in the period",
    figure="difference of logprobs",
    unit="nats",
    least=0.05,
    falls=False,  # shorter lists tell of less difference
    reasons={
        "changed": "the log-probabilities of its first token are other than before, since a day that can be named",
        "steady": "the log-probabilities of its first token vary no more than they did",
        "not_offered": "it tells no log-probabilities",
        "too_few_days": "there are not yet 24 days of log-probabilities",
        "too_few_answers": "no day has three answers with log-probabilities",
        "prompts_changed": "the prompt set is another one, and of the new one there are not yet 24 days",
    },
    assumptions=(
        "the prompts were chosen before the first day, and no text stands before them that changes with the day",
        "numerical noise moves the mean of a day by less than 0.05 nats, or as much in the fortnight before",
    ),
)

TopList = Mapping[str, float]  # token to logprob: the likeliest first tokens of one answer
Prompts = Mapping[str, Sequence[TopList]]  # item to the lists of its answers


@dataclass(frozen=True, slots=True)
class Bounded:
    """A mean logprob; *censored*: it is at most that."""

    mean: float
    censored: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """What the answers to a prompt say of each first token that any of them lists, and of all others."""

    tokens: Mapping[str, Bounded]
    others: Bounded

    def of(self, token: str) -> Bounded:
        """What is known of *token*."""
        return self.tokens.get(token, self.others)


def logprobs(subject: str, samples: Sequence[KeptSample]) -> Evidence:
    """Evidence on *subject* from its log-probabilities; samples of other series are left alone."""
    sets = [daily(one) for one in _sets(samples)]
    days = tuple(day for one in sets for day in one)
    found = tuple(event for one in sets for event in events(one))
    return judged(WATCHED, subject, days, found, _otherwise(samples, sets))


def daily(samples: Iterable[KeptSample]) -> tuple[Day, ...]:
    """
    Every day from the tenth on with enough answers to prompts that were asked before, of *samples* of one prompt set.

    Days without are passed over, neither good nor bad.
    """
    return held(WATCHED, _figures(_by_day(samples)))


def profile(answers: Sequence[TopList]) -> Profile:
    """The mean logprobs of at least one answer; one that lacks a token counts with the least that it lists."""
    floors = [min(one.values()) for one in answers]
    pairs = list(zip(answers, floors, strict=True))
    tokens = {
        token: Bounded(fmean([one.get(token, floor) for one, floor in pairs]), any(token not in one for one in answers))
        for token in {token for one in answers for token in one}
    }
    return Profile(tokens, Bounded(fmean(floors), censored=True))


def difference(a: Profile, b: Profile) -> float:
    """The paper's S for one prompt, in nats: the mean over the tokens of both of the least difference."""
    tokens = {*a.tokens, *b.tokens}
    return fmean([least_difference(a.of(token), b.of(token)) for token in tokens])


def least_difference(a: Bounded, b: Bounded) -> float:
    """How far two means are apart at least."""
    if a.censored and b.censored:
        return 0.0
    if a.censored:
        return max(0.0, b.mean - a.mean)
    if b.censored:
        return max(0.0, a.mean - b.mean)
    return abs(a.mean - b.mean)


def _otherwise(samples: Sequence[KeptSample], sets: Sequence[Sequence[Day]]) -> str:
    """What is said without an event; the newest set decides."""
    if sets and sets[-1] and sets[-1][-1].mean is not None:
        return STEADY
    if len(sets) > 1:
        return "prompts_changed"
    if any(one.series == NOT_OFFERED_SERIES for one in samples):
        return "not_offered"
    enough = any(_answers(one) >= ANSWERS_MIN for one in _by_day(samples).values())
    return "too_few_days" if enough else "too_few_answers"


def _figures(answers: Mapping[date, Prompts]) -> Iterator[tuple[date, float, int]]:
    ordered = sorted(answers)
    for place in range(REFERENCE_DAYS + LEFT_OUT_DAYS, len(ordered)):
        day, end = ordered[place], place - LEFT_OUT_DAYS
        before = _joined(answers[one] for one in ordered[end - REFERENCE_DAYS : end])
        shared = {item: lists for item, lists in answers[day].items() if item in before}
        if (n := _answers(shared)) >= ANSWERS_MIN:
            yield day, fmean(difference(profile(lists), profile(before[item])) for item, lists in shared.items()), n


def _joined(days: Iterable[Prompts]) -> Prompts:
    found: dict[str, list[TopList]] = {}
    for prompts in days:
        for item, lists in prompts.items():
            found.setdefault(item, []).extend(lists)
    return found


def _answers(prompts: Prompts) -> int:
    return sum(len(lists) for lists in prompts.values())


def _sets(samples: Iterable[KeptSample]) -> Sequence[Sequence[KeptSample]]:
    """The samples of each prompt set, the set with the newest last."""
    found: dict[str, list[KeptSample]] = {}
    for sample in samples:
        if sample.series == SERIES:
            found.setdefault(sample.item.rpartition(":")[0], []).append(sample)
    return sorted(found.values(), key=lambda ones: max(one.tick for one in ones))


def _by_day(samples: Iterable[KeptSample]) -> Mapping[date, Prompts]:
    """Each answer's list is of one tick and vantage; of a token that it holds twice the likelier counts."""
    lists: dict[tuple[datetime, str, str], dict[str, float]] = {}
    for sample in samples:
        if sample.series == SERIES:
            one = lists.setdefault((sample.tick, sample.vantage, sample.item), {})
            one[sample.text] = max(sample.value, one.get(sample.text, sample.value))
    found: dict[date, dict[str, list[TopList]]] = {}
    for (tick, _, item), one in lists.items():
        found.setdefault(tick.date(), {}).setdefault(item, []).append(one)
    return found
