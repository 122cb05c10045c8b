"""
Do they bill more tokens than they send? Billed tokens against the model's own tokeniser, from sums alone; class A.

Three events, each declared beforehand with an honest chance of at most DECLARED a day: billed grows faster than
counted; short answers are all billed alike; answers are billed for more than max_tokens. One is a contradiction when
it happened on two days, all days together show it at ALPHA_ALL, and so do, where both were seen, streams and whole
answers. The e-value counts the days on which it happened, so it rests on no tail below that.

A constant that every answer or prompt has on top (a template, an end token, a system prompt of theirs) is no fraud: it
is noticed when it is larger than templates are. Without a bill nothing can be verified, and nothing is contradicted.
Sources: docs/integrity/billing-and-answers.md.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar

from collector.judgement.integrity.billed_line import RESIDUAL_SD_MIN, Line, TokenArithmetic, line_of, merged
from collector.judgement.integrity.declared_events import declared
from collector.judgement.integrity.token_facts import Bills, Side, TokenSums
from collector.judgement.tails import binomial_tail, student_point
from schemas.evidence import Evidence, Family, Grade, Standing

CHECK = "token_arithmetic"
ALPHA = 0.005  # of the test of a day
DECLARED = (
    0.01  # what is granted to it: honest answers scatter with heavier tails than t's; .0055 at the worst leverage
)
ALPHA_ALL = 0.0001  # of the same test over all days
MARGIN = 0.0005  # honest answers cut otherwise are <= 0.01 tokens longer per ~125 counted, a slope of 1.00008
REPLIES_MIN = 20
REPLIES_OF_DAY_MIN = 10
DAYS_MIN = 2
SCATTER_MAX = 2.0  # times the variance of tokens added one by one at random: more is another tokeniser
SCATTERED_DAYS_MAX = 0.25  # of the days; fewer are left out, as days on which a template changed
SHORT_TOKENS = 32  # a mean length up to here is of short answers
PEERS_KEPT = 1024  # of which it is kept whether they are inflated: each is the peer of all others
CONSTANT_MAX = 8.0  # tokens that an end token and a format may add to every answer
OVERHEAD_MAX = 64.0  # tokens that a chat template may add to every prompt
TEMPLATE_STEP = 3.0  # a template is another one when its constant moved by that much between days
OVERRUN_SHARE_MAX = 0.01  # of capped answers: what is granted to engines that miscount
POWER = 0.9
DAYS_SHOWN = 10

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "tokens_inflated": "billed tokens grow faster than those that were sent",
        "hidden_minimum": "short answers are billed alike, however short they are",
        "cap_overrun": "answers are billed for more tokens than max_tokens allows",
        "not_replicated": "it shows on one day, in one mode, or only over all days: not enough to accuse",
        "constant_added": "every answer is billed with a constant that is larger than an end token and a format",
        "prompt_overhead": "every prompt is billed with a constant that is larger than a template: a system prompt?",
        "template_changed": "the constant that a prompt is billed on top changed from one day to another",
        "as_counted": "billed tokens follow those counted",
        "no_answers": "there are no answers to count",
        "usage_missing": "the provider tells no usage, so nothing can be verified",
        "not_counted": "no answer's tokens were counted exactly: no tokeniser is known",
        "too_few_replies": f"there are fewer than {REPLIES_MIN} answers with a count and a bill",
        "one_day_only": f"no two days have {REPLIES_OF_DAY_MIN} answers each",
        "lengths_alike": "all have nearly the same length, which says nothing about a slope",
        "tokeniser_differs": "counted and billed scatter as those of two tokenisers do",
        "tokeniser_doubted": "other providers of the model are billed so as well: the tokeniser is not its own",
    }
)
ASSUMPTIONS = (
    "the tokeniser that counted is the model's own",
    "answers with reasoning, tool calls or text cut inside a character are left out",
    f"an honest day has each declared event with probability at most {DECLARED:g}, whatever the days before",
    f"honest engines overrun max_tokens in at most {OVERRUN_SHARE_MAX:.0%} of capped answers",
)
_CLAIMS = MappingProxyType(
    {
        Side.COMPLETION: "the tokens billed for answers are the tokens sent",
        Side.PROMPT: "the tokens billed for prompts are the tokens of the prompts and of a template",
    }
)
_RANKED = ("tokens_inflated", "hidden_minimum", "cap_overrun")
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Event:
    """One declared event: the days on which it could be seen, those on which it was, and the vantages that saw it.

    always: all days together show it.
    """

    reason: str
    days: tuple[date, ...] = ()
    seen: tuple[date, ...] = ()
    vantages: int = 0
    always: bool = False
    modes_agree: bool = True

    @property
    def told(self) -> bool:
        """Whether it is worth a word: what chance explains is in the arithmetic only."""
        return self.e > 1 or self.always

    @property
    def contradicts(self) -> bool:
        """Whether it accuses."""
        return self.e > 1 and len(self.seen) >= DAYS_MIN and self.always and self.modes_agree

    @property
    def e(self) -> float:
        return declared(len(self.seen), len(self.days), p0=DECLARED)


def token_arithmetic(subject: str, rows: Sequence[TokenSums], side: Side, *, peers: Sequence[Bills] = ()) -> Evidence:
    """
    The evidence of *rows* about the target *subject* on one side of its bills; other targets' rows are left out.

    peers: of other providers' targets that serve the same model. Where half of them are inflated too, it is our
    tokeniser that is wrong, and nobody is accused.
    """
    mine = [row for row in rows if row.target == subject and row.side is side and row.answers > 0]
    blank = Evidence(
        check=f"{CHECK}_{side}",
        family=Family.BILLING,
        grade=Grade.CONTRADICTION,
        subject=subject,
        claim=_CLAIMS[side],
        standing=Standing.INSUFFICIENT,
        reason="no_answers",
        said=REASONS["no_answers"],
        unit="billed/counted",
        n=sum(row.n for row in mine),
        assumptions=ASSUMPTIONS,
    )
    overrun = _overruns(mine)
    counted = [row for row in mine if row.n > 0]
    missing = _why_not(mine, counted)
    if not missing and _doubted([one for one in peers if one.target != subject], side):
        missing = "tokeniser_doubted"
    if missing:
        if overrun.told:
            return _judged(blank, mine, None, (overrun,), side)
        return replace(blank, reason=missing, said=REASONS[missing], arithmetic=(_tally(mine, side),))
    return _of_counted(blank, mine, counted, overrun, side)


def _why_not(mine: Sequence[TokenSums], counted: Sequence[TokenSums]) -> str:
    """Why no line can be drawn; '' when it can be tried."""
    answers = sum(row.answers for row in mine)
    if not answers:
        return "no_answers"
    if sum(row.missing for row in mine) == answers:
        return "usage_missing"
    if not counted:
        return "not_counted"
    if sum(row.n for row in counted) < REPLIES_MIN:
        return "too_few_replies"
    return "one_day_only" if sum(map(_enough, _grouped(counted, _day).values())) < DAYS_MIN else ""


def _of_counted(
    blank: Evidence, mine: Sequence[TokenSums], counted: Sequence[TokenSums], overrun: _Event, side: Side
) -> Evidence:
    drawn = _lines(counted, _day)
    clear = {day: line for day, line in drawn.items() if not _scattered(line)}
    minimum = _minimums(counted) if side is Side.COMPLETION else _Event("hidden_minimum")
    usable = [row for row in counted if row.day in clear]
    pooled = line_of(_cells(usable))
    differs = len(drawn) - len(clear) > SCATTERED_DAYS_MAX * len(drawn)
    if differs or len(clear) < DAYS_MIN or pooled is None:
        if overrun.told or minimum.told:
            return _judged(blank, mine, None, (minimum, overrun), side)
        reason = "tokeniser_differs" if differs else "lengths_alike"
        return replace(
            blank, reason=reason, said=REASONS[reason], arithmetic=(_tally(mine, side), *_constants(counted, side)[1])
        )
    evidence = _judged(blank, mine, pooled, (_inflations(usable, clear, pooled), minimum, overrun), side)
    return replace(
        evidence,
        smallest=_smallest(clear.values()),
        arithmetic=(*evidence.arithmetic, *_day_lines(clear), *_constants(usable, side)[1]),
    )


def _judged(
    blank: Evidence, mine: Sequence[TokenSums], pooled: Line | None, events: Sequence[_Event], side: Side
) -> Evidence:
    """The verdict of *events*; an event that could not be looked for counts 1 in the mean of the three e-values."""
    by_reason = {event.reason: event for event in events}
    ranked = [by_reason.get(reason, _Event(reason)) for reason in _RANKED]
    proven = [event for event in ranked if event.contradicts]
    told = [event for event in ranked if event.told]
    noticed = _constants([row for row in mine if row.n > 0], side)[0]
    if proven:
        standing, reason = Standing.CONTRADICTED, proven[0].reason
    elif told:
        standing, reason = Standing.NOTICED, "not_replicated"
    elif noticed:
        standing, reason = Standing.NOTICED, noticed
    else:
        standing, reason = Standing.NOT_REJECTED, "as_counted"
    e = math.fsum(event.e for event in ranked) / len(ranked)
    shown = next(iter((*proven, *told, ranked[0])))
    evidence = replace(
        blank,
        standing=standing,
        reason=reason,
        said=_said(reason, pooled),
        e=e,
        days=len(shown.seen),
        vantages=shown.vantages,
        arithmetic=(_tally(mine, side), *(_event_line(event) for event in ranked), f"e = mean of the three = {e:.4g}"),
    )
    if pooled is None:
        return evidence
    low, high = _interval(pooled)
    return replace(
        evidence, value=pooled.slope, threshold=1 + MARGIN, low=low, high=high, p=pooled.p_above(1 + MARGIN),
        arithmetic=(*evidence.arithmetic, _pooled_line(pooled)),
    )  # fmt: skip


def _inflations(usable: Sequence[TokenSums], days: Mapping[date, Line], pooled: Line) -> _Event:
    """Days whose own slope is above 1 + MARGIN."""
    return _Event(
        "tokens_inflated",
        tuple(sorted(days)),
        tuple(day for day, line in sorted(days.items()) if _inflated(line)),
        sum(_inflated(line, ALPHA_ALL) for line in _lines(usable, _vantage).values()),
        _inflated(pooled, ALPHA_ALL),
        all(line.slope > 1 + MARGIN for line in _lines(usable, _mode).values()),
    )


def _doubted(peers: Sequence[Bills], side: Side) -> bool:
    found = [inflated for one in peers if (inflated := _peer_inflated(one, side)) is not None]
    return bool(found) and 2 * sum(found) >= len(found)


@lru_cache(PEERS_KEPT)
def _peer_inflated(peer: Bills, side: Side) -> bool | None:
    """Whether a peer is billed above what was counted; None when no line can be drawn."""
    rows = [row for row in peer.rows if row.side is side and row.answers > 0]
    lines = _lines(rows, _target)
    return _inflated(lines[peer.target], ALPHA_ALL) if peer.target in lines else None


def _inflated(line: Line, alpha: float = ALPHA) -> bool:
    return line.p_above(1 + MARGIN) < alpha


def _minimums(counted: Sequence[TokenSums]) -> _Event:
    """Days on which short answers are billed with a slope below 1 and far more than was sent."""
    short = [row for row in counted if row.sum_x <= SHORT_TOKENS * row.n]
    days = _lines(short, _day)
    return _Event(
        "hidden_minimum",
        tuple(sorted(days)),
        tuple(day for day, line in sorted(days.items()) if _flat(line)),
        sum(_flat(line, ALPHA_ALL) for line in _lines(short, _vantage).values()),
        any(_flat(line, ALPHA_ALL) for line in _lines(short, _side).values()),
        all(line.slope < 1 for line in _lines(short, _mode).values()),
    )


def _flat(line: Line, alpha: float = ALPHA) -> bool:
    return line.mean_more > CONSTANT_MAX and (1 - line.slope) / line.error > student_point(alpha, line.freedom)


def _overruns(mine: Sequence[TokenSums]) -> _Event:
    """Days with more overruns of max_tokens than a share of OVERRUN_SHARE_MAX gives by chance."""

    capped = [row for row in mine if row.capped > 0]
    days = _grouped(capped, _day)
    return _Event(
        "cap_overrun",
        tuple(sorted(days)),
        tuple(day for day, rows in sorted(days.items()) if _overrun(rows)),
        sum(_overrun(rows, ALPHA_ALL) for rows in _grouped(capped, _vantage).values()),
        _overrun(capped, ALPHA_ALL),
        all(
            any(row.overruns for row in rows)
            for rows in _grouped(capped, _mode).values()
            if sum(row.capped for row in rows) >= REPLIES_OF_DAY_MIN
        ),
    )


def _overrun(rows: Sequence[TokenSums], alpha: float = ALPHA) -> bool:
    capped, over = sum(row.capped for row in rows), sum(row.overruns for row in rows)
    return over > 0 and binomial_tail(over, capped, OVERRUN_SHARE_MAX) < alpha


def _constants(counted: Sequence[TokenSums], side: Side) -> tuple[str, tuple[str, ...]]:
    """What every prompt or answer is billed on top, by kind: the reason when it is worth a notice, and lines."""
    more: dict[str, list[float]] = {}
    for kind, rows in sorted(_grouped(counted, _kind).items()):
        today = [merged([_sums(row) for row in of_day]) for of_day in _grouped(rows, _day).values()]
        means = [(sums.sum_y - sums.sum_x) / sums.n for sums in today if sums.n >= REPLIES_OF_DAY_MIN]
        if means:
            more[kind] = means
    if not more:
        return "", ()
    lines = tuple(
        f"constant of {kind}: {min(means):.2f} to {max(means):.2f} tokens on {len(means)} days"
        for kind, means in more.items()
    )
    least = min(min(means) for means in more.values())
    moved = max(max(means) - min(means) for means in more.values())
    if side is Side.COMPLETION:
        return ("constant_added" if least > CONSTANT_MAX else ""), lines
    if least > OVERHEAD_MAX:
        return "prompt_overhead", lines
    return ("template_changed" if moved >= TEMPLATE_STEP else ""), lines


def _scattered(line: Line) -> bool:
    """Whether billed and counted scatter more than tokens added one by one at random would make them."""
    return line.sd**2 > 1 + SCATTER_MAX * abs(line.slope - 1) * line.mean_x


def _side(row: TokenSums) -> Side:
    return row.side


def _target(row: TokenSums) -> str:
    return row.target


def _day(row: TokenSums) -> date:
    return row.day


def _vantage(row: TokenSums) -> str:
    return row.vantage


def _kind(row: TokenSums) -> str:
    return row.kind


def _mode(row: TokenSums) -> bool:
    return row.streamed


def _grouped(rows: Iterable[TokenSums], key: Callable[[TokenSums], _Key]) -> dict[_Key, list[TokenSums]]:
    groups: defaultdict[_Key, list[TokenSums]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _lines(rows: Iterable[TokenSums], key: Callable[[TokenSums], _Key]) -> dict[_Key, Line]:
    """The line of each group that has enough answers of varied length."""
    found = {name: line_of(_cells(group)) for name, group in _grouped(rows, key).items() if _enough(group)}
    return {name: line for name, line in found.items() if line is not None}


def _enough(rows: Sequence[TokenSums]) -> bool:
    return sum(row.n for row in rows) >= REPLIES_OF_DAY_MIN


def _cells(rows: Iterable[TokenSums]) -> list[TokenArithmetic]:
    """The rows' sums by what has a constant of its own; rows that are split further, by length, are put together."""
    cells: defaultdict[tuple[date, str, str, bool], list[TokenArithmetic]] = defaultdict(list)
    for row in rows:
        cells[row.day, row.vantage, row.kind, row.streamed].append(_sums(row))
    return [merged(sums) for sums in cells.values()]


def _sums(row: TokenSums) -> TokenArithmetic:
    return TokenArithmetic(row.n, row.sum_x, row.sum_y, row.sum_xx, row.sum_xy, row.sum_yy)


def _interval(line: Line) -> tuple[float, float]:
    """Bounds of the slope, each one-sided at 95 %."""
    half = student_point(0.05, line.freedom) * line.error
    return line.slope - half, line.slope + half


def _smallest(days: Iterable[Line]) -> str:
    """The least inflation that two of these days would show with power POWER."""
    lines = [_needed(line) for line in days]
    low, high = 0.0, 1.0
    if _power(high, lines) < POWER:
        return "nothing below twice the tokens"
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if _power(middle, lines) >= POWER else (middle, high)
    return f"{high:.2%} more tokens than were sent, power {POWER:g}"


def _needed(line: Line) -> tuple[float, float]:
    """Standard errors in a slope of 1, and how many of them a day needs to show an inflation."""
    return 1 / line.error, student_point(ALPHA, line.freedom)


def _power(excess: float, lines: Sequence[tuple[float, float]]) -> float:
    """The chance that at least two days show an inflation of *excess*."""
    none, one = 1.0, 0.0
    for errors, needed in lines:
        shown = math.erfc((needed - (excess - MARGIN) * errors) / math.sqrt(2)) / 2
        none, one = none * (1 - shown), one * (1 - shown) + none * shown
    return 1 - none - one


def _said(reason: str, pooled: Line | None) -> str:
    words = REASONS[reason]
    if pooled is None or reason in {"cap_overrun", "hidden_minimum"}:
        return words
    return f"{words}; {pooled.slope:.4f} billed for each token counted, over {pooled.n} answers"


def _tally(mine: Sequence[TokenSums], side: Side) -> str:
    answers, n, missing = (sum(getattr(row, name) for row in mine) for name in ("answers", "n", "missing"))
    capped, over = sum(row.capped for row in mine), sum(row.overruns for row in mine)
    days, vantages = len({row.day for row in mine}), len({row.vantage for row in mine})
    caps = f"; {over} of {capped} capped ones above max_tokens" if side is Side.COMPLETION else ""
    where = f"on {days} days from {vantages} vantages"
    return f"{answers} answers {where}: {n} counted and billed, {missing} without a bill{caps}"


def _event_line(event: _Event) -> str:
    if not event.days:
        return f"{event.reason}: could not be looked for"
    modes = "" if event.modes_agree else ", not in both modes"
    days = f"on {len(event.seen)} of {len(event.days)} days, {'' if event.always else 'not '}over all of them"
    return f"{event.reason}: {days}, {event.vantages} vantages{modes}; e = {event.e:.4g}"


def _pooled_line(line: Line) -> str:
    return (
        f"all usable days: slope {line.slope:.5f}, residual SD {line.sd:.3f} (at least {RESIDUAL_SD_MIN:g} is taken), "
        f"error {line.error:.2g}, {line.freedom} degrees of freedom, constant {line.constant:.2f} tokens"
    )


def _day_lines(days: Mapping[date, Line]) -> tuple[str, ...]:
    shown = [
        f"{day.isoformat()}: n {line.n}, slope {line.slope:.5f}, p {line.p_above(1 + MARGIN):.2g}"
        for day, line in sorted(days.items(), key=lambda one: (one[1].p_above(1 + MARGIN), one[0]))[:DAYS_SHOWN]
    ]
    return (*shown, *([f"and {len(days) - DAYS_SHOWN} days more"] if len(days) > DAYS_SHOWN else []))
