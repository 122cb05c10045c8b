"""
Is it the model of last week? Border inputs, whose one-token answer at temperature 0 is not constant. Class C: a date.

Each day's mean total variation from the answers of the first days, held to its own past (persistence.py; B3IT,
arXiv 2602.11083). No p-value: against a frozen reference an honest endpoint is rejected at p < .01 on a third of its
days. A change accuses nobody: a new version is one, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from statistics import fmean

from collector.judgement.integrity.persistence import REFERENCE_DAYS, STEADY, Day, Watched, events, held, judged
from collector.judgement.integrity.text_form import normalised
from schemas.evidence import Evidence
from schemas.sample import KeptSample

SERIES = "border"
INPUTS_MIN, ANSWERS_MIN = 3, 9  # of a day

WATCHED = Watched(
    check="change",
    claim="the model has not changed since the baseline",
    figure="total variation",
    unit="total variation",
    least=0.2,
    falls=True,  # back to the reference
    reasons={
        "changed": "what it answers to border inputs is other than before, since a day that can be named",
        "steady": "what it answers to border inputs varies no more than it did",
        "too_few_days": "there are not yet 20 days of answers to border inputs",
        "too_few_answers": "no day has nine answers to three border inputs",
    },
    assumptions=(
        "the border inputs were chosen before the first day",
        "no reasoning before the one token of the answer",
    ),
)


def change(subject: str, samples: Sequence[KeptSample]) -> Evidence:
    """Evidence on *subject* from its border inputs; samples of other series are left alone."""
    days = daily(samples)
    return judged(WATCHED, subject, days, events(days), _otherwise(days))


def daily(samples: Iterable[KeptSample]) -> tuple[Day, ...]:
    """Every day after the reference days with enough answers; days without are passed over, neither good nor bad."""
    return held(WATCHED, _figures(samples))


def total_variation(p: Mapping[str, int], q: Mapping[str, int]) -> float:
    """Half the sum of differences between the shares of two counts, 0 (the same) to 1 (nothing in common)."""
    n, m = sum(p.values()), sum(q.values())
    return sum(abs(p.get(word, 0) / n - q.get(word, 0) / m) for word in {*p, *q}) / 2


def _otherwise(days: Sequence[Day]) -> str:
    if not days:
        return "too_few_answers"
    return "too_few_days" if days[-1].mean is None else STEADY


def _figures(samples: Iterable[KeptSample]) -> Iterator[tuple[date, float, int]]:
    answers = _by_day(samples)
    ordered = sorted(answers)
    reference: dict[str, Counter[str]] = {}
    for day in ordered[:REFERENCE_DAYS]:  # the first ones, for good
        for item, counts in answers[day].items():
            reference.setdefault(item, Counter()).update(counts)
    for day in ordered[REFERENCE_DAYS:]:
        shared = {item: counts for item, counts in answers[day].items() if item in reference}
        n = sum(counts.total() for counts in shared.values())
        if len(shared) >= INPUTS_MIN and n >= ANSWERS_MIN:
            yield day, fmean(total_variation(counts, reference[item]) for item, counts in shared.items()), n


def _by_day(samples: Iterable[KeptSample]) -> Mapping[date, Mapping[str, Counter[str]]]:
    found: dict[date, dict[str, Counter[str]]] = {}
    for sample in samples:
        if sample.series == SERIES:
            found.setdefault(sample.tick.date(), {}).setdefault(sample.item, Counter())[normalised(sample.text)] += 1
    return found
