"""
Is it the model that they say? Each day its answers against a trusted reference's to the same prompts, class B.

A day gives a permutation p-value (text_distance), that an e-value of at most DAY_E_MAX: one day decides little. The
days multiply while each has fresh answers of the reference; where a frozen reference is used again, they are averaged.

What it cannot see: quantisation to 8 bits, which no comparison of texts sees. What else it sees: another system prompt
or chat template, forced sampling settings, wrappers. So it never makes a provider suspect alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.judgement.integrity.e_value import mean_of, p_to_e
from collector.judgement.integrity.sequential import DAYS_MAX, Fold, from_any_day
from collector.judgement.integrity.text_distance import Distance, text_distance
from collector.judgement.integrity.text_form import normalised
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.sample import KeptSample

CHECK = "identity"
SERIES = "identity"
ALPHA = 0.01  # of contradicting an honest endpoint, ever, within the period
DAY_E_MAX = 200.0  # a minimum of an e-value and a number is an e-value
PROMPTS_MIN = 10  # of a day, each answered twice by either side
PEERS_MIN = 3
REFERENCE_ALPHA = 0.0002  # of calling an unchanged reference changed, a day; of calling equal peers unequal
REFERENCE_DAYS = 7  # that a day of the reference is compared with
REFERENCE_ANSWERS_MAX = 4  # of each prompt on either side, the latest: 4 against 4 are 70 labellings
PEER_ANSWERS_MAX = 6
FORM_SHARE_MIN = 0.2  # more answers of unusual form than the reference has
FORM_ANSWERS_MIN = 20

REASONS: Mapping[str, str] = {
    "other_model": "its answers come from another model than the reference, or from another set-up of it",
    "formatting_drift": "it writes its answers down in another form, which says nothing about the model",
    "no_difference_seen": "its answers do not differ from the reference's by more than chance",
    "too_few_answers": "no day has ten prompts that both sides answered twice",
    "too_few_peers": "the reference is neither our own deployment nor at least three other endpoints",
    "reference_changed": "the reference is not what it was",
    "peers_disagree": "the endpoints that make up the reference differ among themselves",
}
# Requests, 25 prompts twice a day; the share of answers from another model, in % and in words, that is contradicted by
# then, and with which power: bench/results/integrity.json, simulated texts.
CAUGHT = (
    (1000, 30.0, "30 % of the answers", 0.6),
    (250, 50.0, "half of the answers", 0.9),
    (50, 100.0, "all answers", 0.97),
)
ASSUMPTIONS = (
    "the reference serves the claimed model with the same template and sampling settings",
    "answers of a prompt are drawn independently on both sides; nothing between us and the model repeats them",
    "the first day of the period was fixed before its answers were seen",
)


@dataclass(frozen=True, slots=True)
class Reference:
    """
    Answers that are trusted, kept as samples of the same series; their targets are the endpoints that gave them.

    own: it is our deployment of the model. recorded and found: digests of it (weights, configuration, or the capture
    file) when it was recorded and now; empty where there is none.
    """

    model: str
    samples: tuple[KeptSample, ...]
    own: bool = False
    recorded: str = ""
    found: str = ""

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The targets that answered."""
        return tuple(sorted({sample.target for sample in self.samples}))


@dataclass(frozen=True, slots=True)
class Day:
    """One day's comparison; *reference* names the day whose reference answers were used."""

    day: date
    reference: date
    distance: Distance

    @property
    def e(self) -> float:
        """Its e-value, at most DAY_E_MAX."""
        return min(p_to_e(self.distance.p), DAY_E_MAX)


Answers = Mapping[date, Mapping[str, tuple[str, ...]]]


def identity(subject: str, samples: Sequence[KeptSample], reference: Reference) -> Evidence:
    """Evidence on *subject* from its samples of at most the last 60 days; samples of other series are left alone."""
    doubt = reference_doubt(reference)
    if doubt:
        return _evidence(subject, reference, Standing.INSUFFICIENT, *doubt)
    days = compared_days(samples, reference)
    if not days:
        return _evidence(subject, reference, Standing.INSUFFICIENT, "too_few_answers", ())
    e = process(days)
    lines = (*_lines(days), _combined(days, e))
    if e >= 1 / ALPHA:
        return _evidence(subject, reference, Standing.CONTRADICTED, "other_model", lines, days, e)
    form = _form_drift(samples, reference)
    if form:
        return _evidence(subject, reference, Standing.NOTICED, "formatting_drift", (*lines, form), days, e)
    return _evidence(subject, reference, Standing.NOT_REJECTED, "no_difference_seen", lines, days, e)


def reference_doubt(reference: Reference) -> tuple[str, tuple[str, ...]] | None:
    """Why the *reference* cannot be relied on, a reason and its lines; None when nothing speaks against it."""
    if not reference.own and len(reference.endpoints) < PEERS_MIN:
        return "too_few_peers", (f"{len(reference.endpoints)} endpoints, {PEERS_MIN} are needed",)
    if reference.recorded != reference.found:
        return "reference_changed", (f"digest {reference.recorded or 'none'} recorded, {reference.found} found",)
    changed = _changed_day(reference.samples)
    if changed:
        return "reference_changed", (changed,)
    odd = None if reference.own else _odd_peer(reference)
    return ("peers_disagree", (odd,)) if odd else None


def compared_days(samples: Sequence[KeptSample], reference: Reference) -> tuple[Day, ...]:
    """The days with enough answers of both, at most the last 60; the reference's are of that day or the last before."""
    theirs, trusted = _by_day(samples), _by_day(reference.samples)
    found = []
    for day in sorted(theirs)[-DAYS_MAX:]:
        at = max((one for one in trusted if one <= day), default=None)
        distance = _distance(theirs[day], trusted[at]) if at else None
        if at and distance and distance.prompts >= PROMPTS_MIN:
            found.append(Day(day, at, distance))
    return tuple(found)


def process(days: Sequence[Day]) -> float:
    """The e-value of the period: a product over fresh days, begun on any of them; an average where days share one."""
    folds = [Fold(one.reference.isoformat(), one.e) for one in days]
    return from_any_day(folds) if _fresh(days) else mean_of([fold.e for fold in folds])


def _fresh(days: Sequence[Day]) -> bool:
    return len({one.reference for one in days}) == len(days)


def _by_day(samples: Iterable[KeptSample]) -> Answers:
    """Day (UTC) to prompt to answers in normal form, in the order in which they were asked; an empty answer is none."""
    found: dict[date, dict[str, list[tuple[datetime, str, str, str]]]] = {}
    for sample in samples:
        text = normalised(sample.text) if sample.series == SERIES else ""
        if text:
            found.setdefault(sample.tick.date(), {}).setdefault(sample.item, []).append(
                (sample.tick, sample.vantage, sample.target, text)
            )
    return {
        day: {item: tuple(text for *_, text in sorted(kept)) for item, kept in items.items()}
        for day, items in found.items()
    }


def _distance(x: Mapping[str, tuple[str, ...]], y: Mapping[str, tuple[str, ...]]) -> Distance | None:
    return text_distance({item: (x[item], y[item]) for item in x if item in y})


def _changed_day(samples: Iterable[KeptSample]) -> str:
    """The first day on which the reference differs from itself over the days before, in words; '' if none does."""
    days = _by_day(samples)
    ordered = sorted(days)
    for place, day in enumerate(ordered[1:], 1):
        before: dict[str, list[str]] = {}
        for earlier in ordered[max(0, place - REFERENCE_DAYS) : place]:
            for item, texts in days[earlier].items():
                before.setdefault(item, []).extend(texts)
        distance = _distance(_latest(days[day]), _latest(before))
        if distance and distance.prompts >= PROMPTS_MIN and distance.p <= REFERENCE_ALPHA:
            return f"the reference of {day} against its {REFERENCE_DAYS} days before: p = {distance.p:.2g}"
    return ""


def _latest(answers: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {item: tuple(texts[-REFERENCE_ANSWERS_MAX:]) for item, texts in answers.items()}


def _odd_peer(reference: Reference) -> str:
    """An endpoint of the reference that differs from the others together, in words; '' if none does."""
    endpoints = reference.endpoints
    for endpoint in endpoints:
        sides: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
        for sample in sorted(reference.samples, reverse=True):
            text = normalised(sample.text) if sample.series == SERIES else ""
            answers = sides[sample.target != endpoint].setdefault(sample.item, [])
            if text and len(answers) < PEER_ANSWERS_MAX:
                answers.append(text)
        strata = {item: (sides[0][item], sides[1][item]) for item in sides[0] if item in sides[1]}
        distance = text_distance(strata)
        if distance and distance.p <= REFERENCE_ALPHA / len(endpoints):
            return f"{endpoint} against the other {len(endpoints) - 1}: p = {distance.p:.2g}"
    return ""


def _form_drift(samples: Sequence[KeptSample], reference: Reference) -> str:
    """How many more answers than the reference's are written down in another form, in words; '' if hardly more."""
    theirs, trusted = _odd_form(samples), _odd_form(reference.samples)
    if theirs is None or trusted is None or theirs - trusted < FORM_SHARE_MIN:
        return ""
    return f"{theirs:.0%} of its answers change when they are normalised, {trusted:.0%} of the reference's"


def _odd_form(samples: Iterable[KeptSample]) -> float | None:
    forms = [(sample.text, normalised(sample.text)) for sample in samples if sample.series == SERIES]
    odd = [text != form for text, form in forms if form]
    return sum(odd) / len(odd) if len(odd) >= FORM_ANSWERS_MIN else None


def _lines(days: Sequence[Day]) -> tuple[str, ...]:
    return tuple(
        f"{one.day}: S = {one.distance.statistic:.4f} over {one.distance.prompts} prompts,"
        f" {one.distance.n_x} answers against {one.distance.n_y} of {one.reference};"
        f" p = {one.distance.p:.3g}, e = min(0.3 p^-0.7, {DAY_E_MAX:g}) = {one.e:.3g}"
        for one in days
    )


def _combined(days: Sequence[Day], e: float) -> str:
    how = "product of the days, begun on any of them" if _fresh(days) else "mean of the days, which share a reference"
    return f"E = {e:.4g}: {how}; contradicted from {1 / ALPHA:g}"


def _evidence(
    subject: str,
    reference: Reference,
    standing: Standing,
    reason: str,
    lines: tuple[str, ...],
    days: Sequence[Day] = (),
    e: float = 1.0,
) -> Evidence:
    n = sum(one.distance.n_x for one in days)
    caught = next(
        (f"{words} from another model, power {power:g}" for least, _, words, power in CAUGHT if n >= least),
        "nothing yet: 50 requests are needed",
    )
    measured = standing is not Standing.INSUFFICIENT
    return Evidence(
        check=CHECK,
        family=Family.IDENTITY,
        grade=Grade.STATISTICAL,
        subject=subject,
        claim=f"its answers come from {reference.model}",
        standing=standing,
        reason=reason,
        said=REASONS[reason],
        value=e if measured else None,
        threshold=1 / ALPHA if measured else None,
        unit="e-value",
        n=n,
        p=min(1.0, 1 / e) if measured and e > 0 else None,
        e=e,
        assumptions=ASSUMPTIONS,
        days=sum(one.distance.p <= ALPHA for one in days),
        smallest=f"{caught}; never a quantisation to 8 bits",
        arithmetic=lines,
    )
