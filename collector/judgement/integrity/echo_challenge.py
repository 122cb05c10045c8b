"""
Can it say something that nobody could have recorded? "Repeat code K, then 17 x NN", with new numbers every time.

A cache of answers has never seen the challenge, so the model behind it answers, mostly right. A recording cannot, and
says to several challenges the same. Alone it accuses nobody, because a weak model errs too; it tells a recording from a
cache where answers repeat (canned_answers).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from collector.judgement.availability import wilson
from collector.judgement.integrity.repetition import chance_of_top, smallest_share
from collector.judgement.integrity.text_form import normalised
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.sample import KeptSample

CHECK = "echo_challenge"
SERIES = "echo"
CHALLENGES_MIN = 10
RIGHT_MIN = 0.5
RECORDED_P = 0.001
POWER = 0.9
ONE_SIDED = 0.975

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "echoes": "most challenges are answered right, so a model answers",
        "same_wrong_answer": "different challenges get the same wrong answer",
        "mostly_wrong": "it is not proven that most challenges are answered right, as of a weak model",
        "too_few_challenges": f"there are fewer than {CHALLENGES_MIN} challenges",
    }
)
ASSUMPTIONS = (
    "every challenge is new and unguessable",
    "an honest model gives one and the same wrong answer to at most one challenge in twenty",
)


@dataclass(frozen=True, slots=True)
class Echoes:
    """
    Of n challenges, right were answered right; low and high bound their share at 95 % (Wilson).

    same: how many got the commonest wrong answer. p: the chance of that if at most one in twenty does.
    """

    n: int
    right: int
    low: float
    high: float
    same: int
    p: float

    @property
    def recorded(self) -> bool:
        """Whether a recording answers, at least now and then."""
        return self.n >= CHALLENGES_MIN and self.p < RECORDED_P

    @property
    def generated(self) -> bool:
        """Whether a model answers."""
        return self.n >= CHALLENGES_MIN and not self.recorded and self.low > RIGHT_MIN


def echoes_of(subject: str, samples: Sequence[KeptSample]) -> Echoes:
    """What the series `echo` says of the target *subject*."""
    mine = [one for one in samples if one.series == SERIES and one.target == subject]
    n, right = len(mine), sum(one.value == 1 for one in mine)
    wrong = Counter(normalised(one.text) for one in mine if one.value != 1)
    same = max((count for text, count in wrong.items() if text), default=0)
    low, high = wilson(right / n, n, confidence=ONE_SIDED) if n else (0.0, 1.0)
    return Echoes(n, right, low, high, same, chance_of_top(same, n))


def echo_challenge(subject: str, samples: Sequence[KeptSample]) -> Evidence:
    """The evidence of the series `echo` about the target *subject*."""
    echoes = echoes_of(subject, samples)
    mine = [one for one in samples if one.series == SERIES and one.target == subject]
    if echoes.n < CHALLENGES_MIN:
        standing, reason = Standing.INSUFFICIENT, "too_few_challenges"
    elif echoes.generated:
        standing, reason = Standing.NOT_REJECTED, "echoes"
    else:
        standing, reason = Standing.NOTICED, "same_wrong_answer" if echoes.recorded else "mostly_wrong"
    return Evidence(
        check=CHECK,
        family=Family.IDENTITY,
        grade=Grade.BADGE,
        subject=subject,
        claim="a model answers each request",
        standing=standing,
        reason=reason,
        said=f"{REASONS[reason]}: {echoes.right} of {echoes.n} right",
        value=echoes.right / echoes.n if echoes.n else None,
        threshold=RIGHT_MIN,
        unit="share right",
        low=echoes.low if echoes.n else None,
        high=echoes.high if echoes.n else None,
        n=echoes.n,
        p=echoes.p if echoes.n else None,
        assumptions=ASSUMPTIONS,
        days=len({one.tick.date() for one in mine}),
        vantages=len({one.vantage for one in mine}),
        smallest=_smallest(echoes.n),
        arithmetic=(
            f"{echoes.right} of {echoes.n} right: {echoes.low:.3f} to {echoes.high:.3f} (Wilson, 95 %)",
            f"{echoes.same} got the commonest wrong answer: p <= {echoes.p:.3g} if one in twenty may",
        ),
    )


def _smallest(n: int) -> str:
    if n < CHALLENGES_MIN:
        return ""
    return f"a recording that answers {smallest_share(n, alpha=RECORDED_P, power=POWER):.0%} of them, power {POWER:g}"
