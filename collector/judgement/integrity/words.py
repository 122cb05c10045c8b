"""Evidence and suspicions in words: the lines that `touchstone explain` prints and that go to a provider."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from collector.judgement.integrity.findings import Finding
from collector.judgement.integrity.suspicion import (
    DAYS_MIN,
    DEFAULT_RULE,
    VANTAGES_MIN,
    Reply,
    Route,
    Stage,
    Suspicion,
)
from schemas.evidence import STANDING_WORDS, Evidence, Grade, Standing

STAGE_WORDS: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.BELOW: "the evidence does not reach the line",
        Stage.REPLY_OPEN: "the evidence reaches the line; the provider may still reply",
        Stage.EXPLAINED: "the evidence reaches the line, and the provider's reply was accepted",
        Stage.SUSPECT: "the evidence reaches the line, and the right of reply is over",
    }
)
STAGE_SHORT: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.BELOW: "below the line",
        Stage.REPLY_OPEN: "line reached, may reply",
        Stage.EXPLAINED: "line reached, explained",
        Stage.SUSPECT: "suspect",
    }
)
ROUTE_WORDS: Mapping[Route, str] = MappingProxyType(
    {
        Route.FAMILIES: f"{DEFAULT_RULE.families_min} families",
        Route.CONTRADICTION: f"one contradiction of class A on {DAYS_MIN} days and from {VANTAGES_MIN} vantages",
    }
)
GRADE_WORDS: Mapping[Grade, str] = MappingProxyType(
    {grade: f"class {grade}" for grade in (Grade.CONTRADICTION, Grade.STATISTICAL, Grade.CHANGE)}
    | {Grade.BADGE: "a badge"}
)
CAVEAT = "What is not rejected is not proven: beside it stands the smallest effect that would have been caught."


def state(suspicion: Suspicion) -> str:
    """How far it has come, in one sentence: E, who contradicts, since when the line is reached, and the reply."""
    families = f"contradicted by {', '.join(suspicion.families)}" if suspicion.families else "contradicted by no family"
    parts = [f"E = {suspicion.e:.4g} of the {DEFAULT_RULE.e_min:g} that two families need", families]
    if suspicion.reached is not None and suspicion.reply_until is not None:
        parts.append(f"line reached at {minute(suspicion.reached)} by {ROUTE_WORDS[suspicion.route]}")
        parts.append(f"reply until {minute(suspicion.reply_until)}")
        parts.append(_reply(suspicion.reply))
    return f"{STAGE_WORDS[suspicion.stage].capitalize()}: {', '.join(parts)}."


def _reply(reply: Reply | None) -> str:
    if reply is None:
        return "no reply yet"
    weighed = {None: "not weighed yet", True: "accepted", False: "rejected"}[reply.accepted]
    return f"replied at {minute(reply.at)}, {weighed}"


def minute(at: datetime) -> str:
    """An instant in UTC, to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def headline(one: Evidence) -> str:
    """`contradicted: token_arithmetic_completion of acme/east/chat`."""
    return f"{STANDING_WORDS[one.standing]}: {one.check} of {one.subject}"


def measurement(one: Evidence) -> str:
    """What was measured, against what, with its interval and sample size; '' when nothing was."""
    if one.value is None:
        return ""
    unit = f" {one.unit}" if one.unit else ""
    bounds = "" if one.low is None or one.high is None else f" ({one.low:.6g} to {one.high:.6g})"
    against = "" if one.threshold is None else f", against {one.threshold:.6g}"
    return f"{one.value:.6g}{bounds}{unit}{against}; n {one.n}"


def error_rate(one: Evidence) -> str:
    """How surprising it is if the claim holds: p and e; '' without either."""
    p = "" if one.p is None else f"p = {one.p:.3g}"
    e = "" if one.standing is Standing.INSUFFICIENT else f"e = {one.e:.4g}"
    return ", ".join(part for part in (p, e) if part)


def seen_on(one: Evidence) -> str:
    """How often it contradicts by itself: `4 days, 2 vantages`; '' when it does not."""
    return f"{one.days} days, {one.vantages} vantages" if one.days else ""


def agreement(finding: Finding) -> str:
    """Whose evidence is shown, and what is said of the others: `a/b/c; 2 of 3 targets so; 1 not rejected`."""
    n, same, worst = len(finding.evidence), finding.same, finding.worst
    if n == 1:
        return worst.subject
    others = dict(finding.counts)
    others[worst.standing] -= same
    rest = [f"{count} {STANDING_WORDS[standing]}" for standing, count in others.items() if count]
    return "; ".join((worst.subject, f"{same} of {n} targets so", *rest))


def rows_query(one: Evidence, start: datetime, end: datetime) -> str:
    """The query that gives the rows of [start, end) behind it, for `touchstone sql`."""
    column = ("provider", "cluster", "target")[one.subject.count("/")]
    return (
        f"SELECT tick, target, vantage, kind, source, account, outcome, reason, billed_in, billed_out, counted_out, "
        f"sent_ms, first_token_ms, last_token_ms FROM observations WHERE {column} = '{one.subject}' AND attempt = 0 "
        f"AND tick >= '{start:%Y-%m-%d %H:%M:%S}' AND tick < '{end:%Y-%m-%d %H:%M:%S}' ORDER BY tick"
    )


def put_together(suspicion: Suspicion) -> tuple[str, ...]:
    """How E is put together, and what suspect still needs, line by line."""
    return *suspicion.arithmetic, *(f"for suspect is still missing: {each}" for each in suspicion.missing)


def summary(suspicion: Suspicion) -> str:
    """How many checks say what, in one line."""
    counts = {standing: sum(one.standing is standing for one in suspicion.evidence) for standing in Standing}
    return ", ".join(f"{n} {STANDING_WORDS[standing]}" for standing, n in counts.items() if n)
